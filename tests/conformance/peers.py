"""Score the peers on the conformance suite beside us, all reading from one KoboToolbox on loopback.

    python tests/conformance/peers.py [--environments FOLDER] [--only WORD]

Every peer is installed from PyPI into an environment of its own and used as its documentation shows
(`peer_readers.py`). Of each case the peer reads twice: before the first edit, deletion or new version, and at
the end. Verdicts: `right` = the values, typed, in one place each; `text` = nothing lost or mixed, but the values
are text the analyst has still to type or to split (an impossible date counts here when its text is still
there); `wrong` = lost, doubled, mixed up, out of date, or an error. Row order, names of tables, columns and keys
are the peer's own affair.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lxml import etree

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from run import CASES, TIMEZONE, Case, cases, judge  # noqa: E402 - the suite stands beside this file

from tracer_etl import tables  # noqa: E402
from tracer_etl.form import read_form  # noqa: E402
from tracer_etl.landing import Landing  # noqa: E402
from tracer_etl.schema import Column, Schema, Table, schema_of  # noqa: E402
from tracer_etl.servers import Options, kobo  # noqa: E402
from tracer_etl.testing import FakeKobo  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = {
    "koboextractor": ("koboextractor==0.2.1",),
    "pykobo": ("pykobo==0.1.7",),
    "kobo2pandas": ("kobo2pandas==0.9.0",),
    "dlt": ("dlt[duckdb]==1.31.0", "requests"),
    "commcare-export": ("commcare-export==1.16.0", "psycopg2-binary", "requests"),
}
PEERS = {
    "dlt, replace": "dlt",
    "dlt, merge": "dlt",
    "commcare-export, typed": "commcare-export",
    "commcare-export, text": "commcare-export",
    "koboextractor": "koboextractor",
    "pykobo": "pykobo",
    "kobo2pandas": "kobo2pandas",
}
RIGHT, TEXT, WRONG = "right", "text", "wrong"
_KEYS = ("_submission_id", "_row_id", "_parent_row_id", "_position")
WHOLE_FORM = 2500
"""More than two of KoboToolbox's pages of at most 1,000 rows."""


@dataclass(frozen=True)
class Verdict:
    """How a contender did in a case, and what is wrong."""

    word: str
    why: str = ""


@dataclass
class Served:
    """A case on the fake server; `ids` maps the server's `_id` to the identity the case expects."""

    case: Case
    server: FakeKobo
    form: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    @cached_property
    def schema(self) -> Schema:
        """Give what the forms say, for the names and types of the expected columns."""
        return schema_of([read_form(file) for file in self.case.forms])

    def rounds(self) -> Iterator[None]:
        """Send what the case received; stop before the first change of what is there, and at the end."""
        keys: dict[str, str] = {}
        forms = list(self.case.forms)
        self.form = self.server.publish(forms.pop(0))
        stopped = False
        for element in self.case.received:
            newer = bool(forms) and element.get("version") == f"{len(self.case.forms) - len(forms) + 1}"
            edits = element.findtext("meta/deprecatedID")
            if not stopped and (newer or edits or element.tag == "deleted"):
                stopped = True
                yield
            if newer:
                self.form = self.server.publish(forms.pop(0))
            self._send(element, edits, keys)
        yield

    def _send(self, element: Any, edits: str | None, keys: dict[str, str]) -> None:
        if element.tag == "deleted":
            self.server.delete(self.form, keys[element.get("key")])
            return
        xml = etree.tostring(element, encoding="utf-8", with_tail=False)
        instance = element.findtext("meta/instanceID")
        if edits:
            keys[instance] = keys[edits]
            self.server.edit(self.form, keys[edits], self.server.stamp(self.form, xml))
        else:
            keys[instance] = self.server.submit(self.form, self.server.stamp(self.form, xml))
            self.ids[keys[instance]] = instance


@dataclass
class Bench:
    """Where the peers live, and the database of those that need one."""

    environments: Path
    fresh_database: Callable[[], str]
    versions: dict[str, str] = field(default_factory=dict)

    def read(self, peer: str, job: dict[str, Any], folder: Path) -> dict[str, Any]:
        """Let a peer read; its error is its answer."""
        python = self.installed(PEERS[peer])
        (folder / "job.json").write_text(json.dumps({**job, "folder": str(folder)}), encoding="utf-8")
        command = [str(python), str(HERE / "peer_readers.py"), peer, "job.json", "said.json"]
        (folder / "said.json").unlink(missing_ok=True)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=1800)
        if not (folder / "said.json").exists():
            return {"tables": {}, "error": (done.stderr.strip().splitlines() or ["ended without a word"])[-1]}
        said: dict[str, Any] = json.loads((folder / "said.json").read_text(encoding="utf-8"))
        self.versions[peer] = said["version"]
        return said

    def installed(self, package: str) -> Path:
        """Give the interpreter of a peer's environment, made when there is none."""
        home = self.environments / package
        if not (home / "installed").exists():
            venv.create(home, with_pip=True, clear=True)
            pip = [str(home / "bin" / "pip"), "install", "-q", *PACKAGES[package]]
            subprocess.run(pip, check=True, capture_output=True, timeout=900)
            (home / "installed").touch()
        return home / "bin" / "python"


def job_of(served: Served, database: str) -> dict[str, Any]:
    """Say what a reader may know: the server, and of the form what an analyst reads in its XLSForm."""
    return {**job_for(served.server, served.form, served.schema), "database": database}


def job_for(server: FakeKobo, asset: str, schema: Schema) -> dict[str, Any]:
    """Say of a form on a server what a reader may know."""
    newest = schema.newest
    return {
        "url": server.url,
        "token": server.token,
        "form": asset,
        "repeats": ["/".join(path) for path in newest.repeats],
        "types": {"/".join(q.path): q.kind for form in schema.forms for q in form.questions},
        "choices": [choice.value for one in newest.lists.values() for choice in one.choices],
    }


def verdict_of(served: Served, said: dict[str, Any]) -> Verdict:
    """Compare what a peer read with what the case expects."""
    if said["error"]:
        return Verdict(WRONG, said["error"])
    problems = {(row[0], row[1]): row[2] for row in served.case.expected.get("problems", ([], []))[1]}
    worst = Verdict(RIGHT)
    for name, (columns, rows) in served.case.expected.items():
        if name == "problems":
            continue
        table = _table(served.schema, name)
        step = table.path[-1] if table and table.path else ""
        got = said["tables"].get(step)
        if got is None:
            return Verdict(WRONG, f"no table {step or 'of submissions'}")
        compare = _Compared(served, got, problems)
        found = compare.tokens(rows) if table is None else compare.table(table, columns, rows)
        worst = max(worst, found, key=lambda one: (RIGHT, TEXT, WRONG).index(one.word))
    return worst


def _table(schema: Schema, name: str) -> Table | None:
    return next((table for table in schema.tables if table.name == name), None)


@dataclass
class _Compared:
    """One expected table beside the peer's; `problems` are the values no type fits, by submission and path."""

    served: Served
    got: dict[str, Any]
    problems: dict[tuple[str, str], str]

    def table(self, table: Table, columns: list[str], rows: list[tuple[str, ...]]) -> Verdict:
        """Match rows by identity, then every column with the one column of the peer that has it all."""
        keys = [place for place, column in enumerate(columns) if column in _KEYS]
        names = tuple(columns[place] for place in keys)
        wanted = {tuple(row[place] for place in keys): row for row in rows}
        found = {
            tuple(self._identity(row["at"])[name] for name in names): row["cells"] for row in self.got["rows"]
        }
        if found.keys() != wanted.keys() or len(found) < len(self.got["rows"]):
            lost, left = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
            return Verdict(WRONG, f"rows lost {lost}, rows too many {left}")
        worst = Verdict(RIGHT)
        for place, name in enumerate(columns):
            if place not in keys:
                column = next(one for one in table.columns if one.name == name)
                pairs = [(row[place], found[key], key[0].split("/")[0]) for key, row in wanted.items()]
                worst = max(
                    worst, self._column(column, pairs), key=lambda v: (RIGHT, TEXT, WRONG).index(v.word)
                )
        return worst

    def _column(self, column: Column, pairs: list[tuple[str, list[Any], str]]) -> Verdict:
        candidates = [one for one in dict.fromkeys(self.got["columns"]) if _names(one, column)]
        if not candidates:
            empty = pairs and not any(expected for expected, _, _ in pairs)
            return Verdict(RIGHT) if empty else Verdict(WRONG, f"no column {column.question}")
        judged = [self._values(name, column, pairs) for name in candidates]
        return min(judged, key=lambda one: (RIGHT, TEXT, WRONG).index(one.word))

    def _values(self, name: str, column: Column, pairs: list[tuple[str, list[Any], str]]) -> Verdict:
        if self.got["columns"].count(name) > 1:
            return Verdict(WRONG, f"{self.got['columns'].count(name)} columns are called {name}")
        words = []
        for expected, cells, submission in pairs:
            value = next((v for n, v in cells if n == name), None)
            raw = self.problems.get((submission, "/".join(column.paths[0])))
            words.append(
                RIGHT if raw is not None and value is None else _value(expected or raw or "", column, value)
            )
            if raw is not None and value is None:
                return Verdict(WRONG, f"{name}: {raw} became nothing")
            if words[-1] == WRONG:
                return Verdict(WRONG, f"{name}: {value!r} for {expected or raw or 'nothing'}")
        return Verdict(TEXT, f"{name} is text") if TEXT in words else Verdict(RIGHT)

    def tokens(self, rows: list[tuple[str, ...]]) -> Verdict:
        """Compare the choices each submission chose."""
        wanted: dict[str, set[str]] = {key: set() for key in self.served.ids.values()}
        for submission, _, choice, *_ in rows:
            wanted[submission].add(choice)
        question = rows[0][1]
        split = True
        for row in self.got["rows"]:
            value = next((v for n, v in row["cells"] if n == question), None)
            split = split and not isinstance(value, str)
            tokens = set(value.split() if isinstance(value, str) else value or ())
            if tokens != wanted[self._identity(row["at"])["_submission_id"]]:
                return Verdict(WRONG, f"{question}: {value!r}")
        return Verdict(RIGHT) if split else Verdict(TEXT, f"{question} is one text")

    def _identity(self, at: list[Any]) -> dict[str, str]:
        """Name a row as the suite does."""
        number, *steps = at
        submission = self.served.ids.get(str(number), str(number))
        lines = [submission]
        for step, place in steps:
            lines.append(f"{lines[-1]}/{step}[{place}]")
        parent = lines[-2] if steps else ""
        position = str(steps[-1][1]) if steps else ""
        return dict(zip(_KEYS, (submission, lines[-1], parent, position), strict=True))


def _names(name: str, column: Column) -> bool:
    """Tell whether a peer's column is named after the question: its path, or its own name, in the peer's letters."""
    given = re.sub(r"\W+", "_", name)
    for path in column.paths:
        full = "_".join(path)
        if given in (full, path[-1]) or (given == full.lower() and full.lower() != path[-1]):
            return True
        if given == full.lower():
            return True
    return False


def _value(expected: str, column: Column, value: Any) -> str:
    """Judge one value: as it should be, as a text of it, or something else."""
    if not expected:
        return RIGHT if value in (None, "") else WRONG
    typed = value["typed"] if isinstance(value, dict) else value
    if typed == expected and isinstance(value, str):
        return RIGHT if column.sql_type == "VARCHAR" else TEXT
    try:
        same = column.sql_type != "VARCHAR" and _parsed(expected, column) == _parsed(typed, column)
    except (ValueError, TypeError):
        return WRONG
    return WRONG if not same else TEXT if isinstance(value, str) else RIGHT


def _parsed(value: Any, column: Column) -> Any:
    """Read a value as the column's type."""
    match column.sql_type:
        case "BIGINT":
            return int(value) if isinstance(value, int) or str(value).lstrip("-").isdigit() else float(value)
        case "DOUBLE":
            return float(value)
        case "DATE":
            return date.fromisoformat(str(value)[:10])
        case "TIME":
            return time.fromisoformat(str(value)).replace(tzinfo=None)
        case _:
            read = datetime.fromisoformat(str(value))
            return read if read.tzinfo else read.replace(tzinfo=ZoneInfo(TIMEZONE))


# -- ours


def ours(served: Served, landing: Landing) -> Verdict:
    """Pull with our client, build, and compare strictly: every expected table has exactly the expected rows."""
    import duckdb

    def contender(case: Case, folder: Path) -> Callable[[str, list[str]], list[tuple[str, ...]]]:
        del case
        versions = [replace(read_form(file), version=label) for label, file in landing.deployed()]
        tables.build(landing.segments(), schema_of(versions), folder / "out", TIMEZONE)

        def table_of(name: str, columns: list[str]) -> list[tuple[str, ...]]:
            listed = ", ".join(f"""coalesce("{column}"::VARCHAR, '')""" for column in columns)
            with duckdb.connect() as connection:
                connection.execute(f"SET TimeZone = '{TIMEZONE}'")
                read = connection.execute(f"SELECT {listed} FROM '{folder}/out/{name}.parquet'").fetchall()
            keyed = [column in _KEYS[:3] for column in columns]
            return sorted(
                tuple(_identified(v, served) if key else v for v, key in zip(row, keyed, strict=True))
                for row in read
            )

        return table_of

    with tempfile.TemporaryDirectory() as folder:
        wrong = judge(served.case, contender, Path(folder))
    return Verdict(WRONG, "; ".join(wrong)) if wrong else Verdict(RIGHT)


def _identified(value: str, served: Served) -> str:
    """Put the identity the case expects in the place of the server's `_id`."""
    number, _, rest = value.partition("/")
    return f"{served.ids.get(number, number)}{'/' if rest else ''}{rest}"


# -- the score


def whole_form(bench: Bench, peers: list[str]) -> dict[str, str]:
    """Count what each delivers of a form longer than a page, by one reading as documented."""
    found = {}
    with FakeKobo() as server, tempfile.TemporaryDirectory() as folder:
        served = Served(Case(CASES / "no_submissions"), server)
        list(served.rounds())
        for number in range(WHOLE_FORM):
            xml = f'<data id="visit"><age>{number}</age><meta><instanceID>uuid:{number}</instanceID></meta></data>'
            server.submit(served.form, server.stamp(served.form, xml.encode()))
        landing = Landing(Path(folder) / "landing", "visit")
        landing.land(_source(server).pull("visit", landing), _PULLED)
        found[OURS] = f"{len(landing.stamps):,}"
        for peer in peers:
            job = job_of(served, bench.fresh_database())
            said = bench.read(peer, job, _folder(folder, peer))
            found[peer] = said["error"] or f"{len(said['tables'][''].get('rows', ())):,}"
    return found


def score_case(case: Case, bench: Bench, peers: list[str]) -> dict[str, Verdict]:
    """Serve one case to everybody."""
    with FakeKobo() as server, tempfile.TemporaryDirectory() as folder:
        served, said = Served(case, server), {}
        databases = {peer: bench.fresh_database() for peer in peers}
        landing = Landing(Path(folder) / "landing", "visit")
        for _ in served.rounds():
            server.advance(3600)
            landing = Landing(Path(folder) / "landing", "visit")
            landing.land(_source(server).pull("visit", landing), _PULLED)
            for peer in peers:
                said[peer] = bench.read(peer, job_of(served, databases[peer]), _folder(folder, peer))
        return {OURS: ours(served, landing), **{peer: verdict_of(served, said[peer]) for peer in peers}}


OURS = "tracer_etl"
_PULLED = "2026-01-05T00:00:00+00:00"


def _source(server: FakeKobo) -> kobo.KoboSource:
    return kobo.connect({"url": server.url, "token": server.token}, Options())


def _folder(root: str, peer: str) -> Path:
    made = Path(root) / re.sub(r"\W+", "_", peer)
    made.mkdir(exist_ok=True)
    return made


def main() -> None:
    """Print the table in Markdown, then what is wrong where."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kept = Path(tempfile.gettempdir()) / "conformance_peers"
    parser.add_argument("--environments", type=Path, default=kept, help="where the peers are installed")
    parser.add_argument("--only", default="", help="only peers whose name has this word")
    asked = parser.parse_args()
    with postgresql() as fresh_database:
        bench = Bench(asked.environments.resolve(), fresh_database)
        peers = _installable(bench, [peer for peer in PEERS if asked.only in peer])
        verdicts = {case.folder.name: score_case(case, bench, peers) for case in cases()}
        counted = whole_form(bench, peers)
    _print(verdicts, counted, [OURS, *peers], bench.versions)


def postgresql() -> Any:
    """Start a PostgreSQL for the writer that needs one."""
    import postgres

    @contextlib.contextmanager
    def started() -> Iterator[Callable[[], str]]:
        with postgres.running() as server:
            yield server.fresh

    return started() if postgres.programs() else contextlib.nullcontext(lambda: "")


def _installable(bench: Bench, peers: list[str]) -> list[str]:
    found = []
    for peer in peers:
        try:
            bench.installed(PEERS[peer])
        except subprocess.CalledProcessError as error:
            print(f"{peer} cannot be installed: {error.stderr.decode().strip().splitlines()[-1]}")
        else:
            found.append(peer)
    return found


def _print(
    verdicts: dict[str, dict[str, Verdict]],
    counted: dict[str, str],
    names: list[str],
    versions: dict[str, str],
) -> None:
    print("| case |", " | ".join(f"{name} {versions.get(name, '')}".strip() for name in names), "|")
    print("|---" * (len(names) + 1) + "|")
    for case, found in verdicts.items():
        print(f"| {case} |", " | ".join(found[name].word for name in names), "|")
    for word in (RIGHT, TEXT, WRONG):
        sums = [sum(found[name].word == word for found in verdicts.values()) for name in names]
        print(f"| **{word}, of {len(verdicts)}** |", " | ".join(map(str, sums)), "|")
    print(f"| rows of {WHOLE_FORM:,} in one form |", " | ".join(counted[name] for name in names), "|")
    print()
    for case, found in verdicts.items():
        for name in names:
            if found[name].word != RIGHT:
                print(f"- {case}, {name}: {found[name].word}: {found[name].why[:300]}")


if __name__ == "__main__":
    main()
