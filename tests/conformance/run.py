"""Score a library on the conformance suite: each case is forms, submissions and the tables they must give.

    python tests/conformance/run.py

A case passes when every expected table has exactly the expected rows. Another library is scored by giving
`score` a function that takes a case and yields its tables.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from lxml import etree

CASES = Path(__file__).parent / "cases"
TIMEZONE = "Asia/Jakarta"
Rows = list[tuple[str, ...]]
Contender = Callable[["Case", Path], Callable[[str, list[str]], Rows]]


@dataclass(frozen=True)
class Case:
    """One case: forms oldest first, what came in order, the tables that must be there at the end."""

    folder: Path

    @property
    def forms(self) -> list[Path]:
        """List the versions of the form."""
        return sorted(self.folder.glob("form_*.md"))

    @property
    def received(self) -> list[Any]:
        """List submissions and deletions as XML elements, in the order they came."""
        return list(etree.parse(self.folder / "submissions.xml").getroot())

    @property
    def expected(self) -> Mapping[str, tuple[list[str], Rows]]:
        """Map every expected table to its columns and its rows, sorted."""
        found = {}
        for file in sorted(self.folder.glob("expected/*.csv")):
            with file.open(encoding="utf-8", newline="") as stream:
                columns, *rows = csv.reader(stream)
            found[file.stem] = (columns, sorted(tuple(row) for row in rows))
        return found


def cases() -> list[Case]:
    """List the cases by name."""
    return [Case(folder) for folder in sorted(CASES.iterdir()) if folder.is_dir()]


def judge(case: Case, contender: Contender, folder: Path) -> list[str]:
    """Say what a contender gets wrong in a case; nothing when it passes."""
    table_of, wrong = contender(case, folder), []
    for name, (columns, rows) in case.expected.items():
        got = table_of(name, columns)
        if got != rows:
            wrong.append(f"{name}: expected {rows}, got {got}")
    return wrong


def score(contender: Contender) -> dict[str, list[str]]:
    """Judge a contender in every case."""
    found = {}
    for case in cases():
        with tempfile.TemporaryDirectory() as folder:
            found[case.folder.name] = judge(case, contender, Path(folder))
    return found


# -- ours


class _Pull:
    origin, versions = "conformance", ()
    cursor: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, items: list[Any], living: int) -> None:
        from tracer_etl.records import Proof

        self.items, self.proof = items, Proof(living, living, 1)

    def __iter__(self) -> Any:
        return iter(self.items)


def tracer_etl(case: Case, folder: Path) -> Callable[[str, list[str]], Rows]:
    """Land what came one after the other, build, and read the tables."""
    import duckdb

    from tracer_etl import tables
    from tracer_etl.bridge import bridge_rows
    from tracer_etl.form import read_form
    from tracer_etl.landing import Landing
    from tracer_etl.schema import schema_of

    landing = Landing(folder / "landing", "visit")
    roots: dict[str, str] = {}
    items = [_item(element, roots) for element in case.received]
    living = len(set(roots.values())) - sum(element.tag == "deleted" for element in case.received)
    landing.land(_Pull(items, living), "2026-01-05T00:00:00+00:00")
    schema = schema_of([read_form(f) for f in case.forms])
    tables.build(landing.segments(), schema, folder / "out", TIMEZONE)

    def table_of(name: str, columns: list[str]) -> Rows:
        listed = ", ".join(f"""coalesce("{column}"::VARCHAR, '')""" for column in columns)
        with duckdb.connect() as connection:
            connection.execute(f"SET TimeZone = '{TIMEZONE}'")
            for table in schema.tables:
                file = folder / "out" / f"{table.name}.parquet"
                connection.execute(f"""CREATE VIEW "{table.name}" AS FROM '{file}'""")
            connection.execute(f'CREATE VIEW "{schema.bridge}" AS {bridge_rows(schema)}')
            source = f'"{name}"' if name != "problems" else f"'{folder}/out/problems.parquet'"
            return sorted(connection.execute(f"SELECT {listed} FROM {source}").fetchall())

    return table_of


def _item(element: Any, roots: dict[str, str]) -> Any:
    """Give a submission under the identity it had first, or a deletion."""
    from tracer_etl.records import Tombstone
    from tracer_etl.servers.openrosa import deprecated_id, received

    if element.tag == "deleted":
        return Tombstone(element.get("key"))
    made = received(etree.tostring(element, encoding="utf-8", with_tail=False), where="case", fallback_key="")
    before = deprecated_id(made)
    roots[made.instance_id] = roots.get(before, made.instance_id)
    return replace(made, key=roots[made.instance_id])


def main() -> None:
    """Print the score of each contender."""
    found = score(tracer_etl)
    for name, wrong in found.items():
        print(f"{'wrong' if wrong else 'right':5} {name}", *wrong, sep="\n        " if wrong else " ")
    print(f"tracer_etl: {sum(not wrong for wrong in found.values())} of {len(found)}")


if __name__ == "__main__":
    main()
