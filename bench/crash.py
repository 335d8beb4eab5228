"""Kill runs at random instants on DuckDB and PostgreSQL, run again, and compare every table.

    python bench/crash.py 200 [--seed N] [--database duckdb|postgresql]

An instant is a SIGKILL at a random moment of a whole run (pull, build, check, load, marts, publish, report) of a
small study with new, edited, repeated, set-aside and unreadable submissions. After it the study is run again;
every table of every schema, the published copy and the landing must equal those of a run nobody disturbed
(times of the ledger apart), and a further run must change nothing. Ends with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import postgres
from crash_world import STAGES, kills, warm, world


def crash(database: str, count: int, seed: int) -> bool:
    """Kill so many runs on one database and print what became of them; tell whether all came out equal."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, _server(database) as server:
        tally = kills(world(Path(folder) / "base", server), Path(folder), count, seed)
    hits = ", ".join(f"{stage} {tally.hit[stage]}" for stage in STAGES if stage in tally.hit)
    _say(
        f"{database}: {count} kills, {sum(tally.hit.values())} inside a run ({hits}), {tally.missed} after its end"
    )
    _say(f"{database}: {len(tally.wrong)} differences after running again; {time.monotonic() - began:.0f} s")
    for one in tally.wrong:
        _say(one)
    return not tally.wrong and bool(tally.hit)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _server(database: str) -> nullcontext[None] | object:
    return postgres.running() if database == "postgresql" else nullcontext()


def main() -> None:
    """Read the command line and kill."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", type=int, help="kills per database")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--database", choices=["duckdb", "postgresql"], action="append")
    asked = parser.parse_args()
    warm()
    chosen = asked.database or ["duckdb", "postgresql"]
    done = [crash(database, asked.count, asked.seed) for database in chosen]
    sys.exit(0 if all(done) else 1)


if __name__ == "__main__":
    main()
