"""How fast submissions come from KoboToolbox to tables: the libraries of the field beside ours.

    python bench/from_kobo.py 5000

Serves that many synthetic submissions (those of `build_load.py`) from the KoboToolbox on loopback that our tests
use, and lets every library read the form once, in a process and an environment of its own, the way its documentation
shows (`tests/conformance/peer_readers.py`, where the verdicts on what they deliver also come from). Printed is what each
delivered, its CPU time per submission as times of ours, and the peak memory. The time the server takes is in no
process's CPU. commcare-export needs a PostgreSQL, which is started when its programs are installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml import etree

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/conformance"), str(ROOT / "tests")]

import build_load  # noqa: E402 - stands beside this file
import peer_readers  # noqa: E402 - stands in tests/conformance
import peers  # noqa: E402

from tracer_etl.testing import FakeKobo  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "tracer_etl"


def instances(folder: Path, submissions: int) -> Iterator[bytes]:
    """Write the benchmark's submissions as a phone would send them."""
    build_load.make(folder, submissions)
    for file in sorted(folder.glob("*.ndjson")):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            root = etree.Element("data", id="bench", version="1")
            _fill(root, record["data"])
            yield etree.tostring(root, encoding="utf-8")


def _fill(parent: Any, data: dict[str, Any]) -> None:  # noqa: ANN401 - lxml's element
    for name, value in data.items():
        for member in value if isinstance(value, list) else ():
            _fill(etree.SubElement(parent, name.rstrip("/")), member)
        if isinstance(value, str):
            etree.SubElement(parent, name).text = value


def ours_read(job: dict[str, Any]) -> int:
    """Pull, land, compile the form, build and load into DuckDB: typed, split, with problems; nothing checked."""
    from tracer_etl.form import read_form
    from tracer_etl.landing import Landing
    from tracer_etl.schema import schema_of
    from tracer_etl.servers import Options, kobo

    folder = Path(job["folder"])
    landing = Landing(folder / "landing", "bench")
    source = kobo.connect({"url": job["url"], "token": job["token"]}, Options())
    landing.land(source.pull("bench", landing), "2026-01-05T00:00:00+00:00")
    schema = schema_of([read_form(file) for _, file in landing.deployed()])
    return build_load.ours(folder, schema, landing.segments())


def measure_ours(job_file: Path) -> None:
    """Read once with ours in this process and print the cost."""
    import tracer_etl.pipeline  # noqa: F401 - importing is not counted, as with the peers

    rows, cost = peer_readers.timed(ours_read, json.loads(job_file.read_text(encoding="utf-8")))
    print(json.dumps({"rows": rows, **cost}))  # noqa: T201 - a script


def beside(bench: peers.Bench, job: dict[str, Any], folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Let ours and then every peer read; each gives its rows and cost, or its error."""
    home = _made(folder, OURS)
    (home / "job.json").write_text(json.dumps({**job, "folder": str(home)}), encoding="utf-8")
    command = [sys.executable, __file__, "--ours", str(home / "job.json")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - itself
    yield OURS, json.loads(done.stdout)
    for peer in peers.PEERS:
        said = bench.read(peer, {**job, "database": bench.fresh_database()}, _made(folder, peer))
        rows = len(said["tables"].get("", {}).get("rows", ()))
        yield peer, {"error": said["error"]} if said["error"] else {"rows": rows, **said["cost"]}


def _made(folder: Path, name: str) -> Path:
    made = folder / re.sub(r"\W+", "_", name)
    made.mkdir()
    return made


def main(submissions: int) -> None:
    """Serve, measure one after the other, and print the table."""
    kept = Path(tempfile.gettempdir()) / "conformance_peers"
    with peers.postgresql() as fresh, FakeKobo() as server, tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        schema = build_load.form(folder)
        asset = server.publish(folder / "bench.md")
        for xml in instances(folder, submissions):
            server.submit(asset, server.stamp(asset, xml))
        bench = peers.Bench(kept, fresh)
        _row("library", "rows delivered", "CPU ms a row", "of ours", "wall s", "peak MB")
        _row(*["---"] * 6)
        base = 0.0
        for name, one in beside(bench, peers.job_for(server, asset, schema), folder):
            label = f"{name} {bench.versions.get(name, '')}".strip()
            if "error" in one:
                _row(label, one["error"][:120], "", "", "", "")
                continue
            each = 1000 * one["cpu"] / one["rows"]
            base = base or each
            times = (f"{each:.2f}", f"{each / base:.1f}", f"{one['seconds']:.1f}")
            _row(label, f"{one['rows']:,}", *times, str(one["peak"]))


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)  # noqa: T201 - a script


if __name__ == "__main__":
    if sys.argv[1] == "--ours":
        measure_ours(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]))
