"""Random instances of any XForm by its own structure, and the proof that every leaf arrived.

Nothing here uses the compiler under test: repeats, types and choices are read from the XForm's XML, leaves
from the instances' XML, and both are compared with what stands in the warehouse or in its problems.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo

import duckdb
from lxml import etree

from tracer_etl import tables
from tracer_etl.landing import Landing
from tracer_etl.names import quote
from tracer_etl.records import Proof
from tracer_etl.servers.openrosa import received
from tracer_etl.warehouse.contract import Batch, Loaded, areas

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.records import Received
    from tracer_etl.schema import Column, Schema, Table
    from tracer_etl.warehouse.duckdb import Warehouse

TIMEZONE = "Asia/Jakarta"
XFORMS = "{http://www.w3.org/2002/xforms}"
JAVAROSA = "{http://openrosa.org/javarosa}"
MADE = "made-"
"""What the generator writes where the form leaves an attribute empty."""
BLANK = " \t\r\n"
"""What XML calls white space."""
CONTROLS = {"input", "select", "select1", "upload", "trigger", "range", "rank", "secret", "textarea"}
TEXTS = (
    "Siti Aminah", "a & b < c > d \"q\" 'z'", "ñandú \u2014 \u2019 日本 🌾", "  spasi  ", "0812", "0012", "1e5", "-",
    "=1+1", "NaN", "null", "x" * 300, "baris1\nbaris2", "Rp 1.500.000", "3505123456780001", "\t", "{}", "\\",
)  # fmt: skip
Path_ = tuple[str, ...]


class Row(NamedTuple):
    """One row of one table: the submission, and through which instances of which repeats it is reached."""

    submission: str
    instances: tuple[tuple[Path_, int], ...]


class Leaf(NamedTuple):
    """One answer: where it stands and what it says."""

    row: Row
    path: Path_
    text: str


# -- instances


class Instances:
    """Makes random instances of one XForm that obey its structure: order, repeats, types and choices."""

    def __init__(self, xform: str, *, most: int = 3, misfits: float = 0.05) -> None:
        """`most` instances of a repeat in its parent; `misfits` is how often a value is of another type."""
        document = etree.fromstring(xform.encode())
        model = document.find(f".//{XFORMS}model")
        instances = model.findall(f"{XFORMS}instance")
        self.most, self.misfits = most, misfits
        self.root = instances[0][0]
        self.lists = {one.get("id"): one for one in instances[1:]}
        self.binds = {_steps(bind.get("nodeset"), ()): bind for bind in model.findall(f"{XFORMS}bind")}
        self.controls: dict[Path_, Any] = {}
        self.repeats: set[Path_] = set()
        self._walk(document.find("{http://www.w3.org/1999/xhtml}body"), (_local(self.root),))

    def _walk(self, parent: Any, context: Path_) -> None:
        for element in parent:
            reference = element.get("ref") or element.get("nodeset")
            path = _steps(reference, context) if reference else context
            if _local(element) in CONTROLS:
                self.controls[path] = element
            elif _local(element) in ("group", "repeat"):
                if _local(element) == "repeat":
                    self.repeats.add(path)
                self._walk(element, path)

    def make(self, number: int, rng: random.Random) -> bytes:
        """Make one instance; its key is `uuid:<number>`."""
        root = self._node(self.root, (_local(self.root),), rng)
        meta = next((child for child in root if _local(child) == "meta"), None)
        if meta is None:
            meta = etree.SubElement(root, "meta")
        identity = next((child for child in meta if _local(child) == "instanceID"), None)
        if identity is None:
            identity = etree.SubElement(meta, "instanceID")
        identity.text = f"uuid:{number:08d}"
        return etree.tostring(root, encoding="utf-8")

    def _node(self, source: Any, path: Path_, rng: random.Random) -> Any:
        made = etree.Element(source.tag, nsmap=source.nsmap if len(path) == 1 else None)
        for name, value in source.attrib.items():
            if name != f"{JAVAROSA}template":
                made.set(name, value or f"{MADE}{rng.randrange(10**9)}")  # an entity's id
        children = [child for child in source if isinstance(child.tag, str)]
        if not children:
            made.text = self._text(path, (source.text or "").strip(), rng)
        done: set[str] = set()
        for child in children:
            here = (*path, _local(child))
            if here not in self.repeats:
                if _local(child) == "meta" or rng.random() > 0.05:  # what is not relevant is not sent
                    made.append(self._node(child, here, rng))
            elif child.tag not in done:
                done.add(child.tag)
                made.extend(self._node(child, here, rng) for _ in range(rng.randint(0, self.most)))
        return made

    def _text(self, path: Path_, default: str, rng: random.Random) -> str | None:
        bind, control = self.binds.get(path), self.controls.get(path)
        declared = "" if bind is None else (bind.get("type") or "").rpartition(":")[2]
        if control is None and bind is not None and bind.get("calculate"):
            return rng.choice(["", "calc", "42", "1.6666666666666666E7", "NaN"])
        if control is None and (bind is None or not bind.get(f"{JAVAROSA}preload")):
            return default or None
        if bind is not None and (bind.get("readonly") or "").startswith("true"):
            return default or None
        if rng.random() < 0.15:
            return default or None
        if rng.random() < self.misfits:
            return rng.choice(["tua", "12,5", "31/12/1999", "25:61", "1e999", "here", "7.5", "true"])
        return self._control_value(control, declared, rng)

    def _control_value(self, control: Any, declared: str, rng: random.Random) -> str:
        kind = "" if control is None else _local(control)
        if kind == "trigger":
            return "OK"
        if kind in ("select1", "select", "rank"):
            choices = self._choices(control) or ["1", "2"]
            many = 1 if kind == "select1" else rng.randint(1, len(choices[:6]))
            return " ".join(rng.sample(choices, many))
        if kind == "upload" or declared == "binary":
            return f"{rng.randrange(10**12)}.jpg"
        return typed_value(declared, rng)

    def _choices(self, control: Any) -> list[str]:
        values = [(item.findtext(f"{XFORMS}value") or "").strip() for item in control.iter(f"{XFORMS}item")]
        for itemset in control.iter(f"{XFORMS}itemset"):
            named = re.search(r"instance\(\s*'([^']+)'\s*\)", itemset.get("nodeset") or "")
            listed = self.lists.get(named[1]) if named else None
            reference = itemset.find(f"{XFORMS}value").get("ref")
            if listed is not None:
                values += [(e.text or "").strip() for e in listed.iter() if _local(e) == reference]
        one_word = [value for value in dict.fromkeys(values) if value and not re.search(r"\s", value)]
        return one_word[:50]


def typed_value(declared: str, rng: random.Random) -> str:
    """Write a value of an XForms type as one of the clients would."""
    match declared:
        case "int" | "integer" | "long":
            return rng.choice(
                ["0", "-1", "007", "7.0", "2147483647", "9007199254740993", str(rng.randrange(10**6))]
            )
        case "decimal" | "double" | "float":
            fine = str(round(rng.uniform(-1e6, 1e6), 3))
            return rng.choice(["0.0", "1.5", "-3.25", "1.0E7", "1.6666666666666666E7", ".5", fine])
        case "date":
            return (date(2026, 1, 1) - timedelta(days=rng.randrange(40000))).isoformat()
        case "time":
            fraction = rng.choice(["", ".5", ".000", ".123"])
            zone = rng.choice(["", "Z", "+07:00", "-03:30", "+07"])
            return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:00{fraction}{zone}"
        case "dateTime":
            moment = datetime(2026, 1, 5) + timedelta(minutes=rng.randrange(10**6))  # noqa: DTZ001 - zone follows
            fraction = rng.choice(["", ".5", ".000", ".123"])
            return moment.isoformat() + fraction + rng.choice(["", "Z", "+07:00", "+07", "+0700", "-03:30"])
        case "boolean":
            return rng.choice(["true", "false", "1", "0"])
        case "geopoint":
            return _point(rng)
        case "geotrace" | "geoshape":
            points = [_point(rng) for _ in range(rng.randint(2, 4))]
            return rng.choice(["; ", ";"]).join([*points, points[0]] if declared == "geoshape" else points)
        case _:
            return rng.choice(TEXTS)


def _point(rng: random.Random) -> str:
    north, east = f"{rng.uniform(-90, 90):.7f}", f"{rng.uniform(-180, 180):.7f}"
    rest = rng.choice([[], ["0"], ["160.0", "4.5"], ["0.0", "8.0"], ["-3.2", "9.999E-4"]])
    return " ".join([north, east, *rest])


def _local(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _steps(nodeset: str | None, context: Path_) -> Path_:
    text = re.sub(r"\[[^\]]*\]", "", nodeset or "").strip()
    steps = [] if text.startswith("/") else list(context)
    for step in text.strip("/").split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", ".", "current()"):
            steps.append(step.rpartition(":")[2])
    return tuple(steps)


def leaves(raw: bytes, repeats: set[Path_]) -> Iterator[Leaf]:
    """Give every answer of an instance; `repeats` are paths with the root element."""
    root = etree.fromstring(raw)
    key = next(element.text for element in root.iter() if _local(element) == "instanceID")
    yield from _leaves(root, (_local(root),), Row(key, ()), repeats)


def _leaves(parent: Any, path: Path_, row: Row, repeats: set[Path_]) -> Iterator[Leaf]:
    seen: Counter[str] = Counter()
    for child in parent:
        name, here = _local(child), (*path, _local(child))
        # KoboToolbox does not hand out an instance without any node, so it is none.
        seen[name] += len(child) > 0
        for attribute, value in child.attrib.items():
            if value.startswith(MADE) or (value and here[-2:] == ("meta", "entity")):
                yield Leaf(row, (*here[1:], f"@{attribute}"), value)
        inside = Row(row.submission, (*row.instances, (here[1:], seen[name]))) if here in repeats else row
        if len(child):
            yield from _leaves(child, here, inside, repeats)
        elif (child.text or "").strip(BLANK) and name not in SYSTEM:
            yield Leaf(row, here[1:], (child.text or "").strip(BLANK))


SYSTEM = {"instanceID", "deprecatedID", "rootUuid", "__version__"}


# -- from landing to warehouse


class Handed:
    """A pull of submissions that are at hand."""

    origin, versions = "at hand", ()
    cursor: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, submissions: Sequence[Received]) -> None:
        self.submissions = submissions
        self.proof = Proof(len(submissions), len(submissions), 1)

    def __iter__(self) -> Iterator[Received]:
        return iter(self.submissions)


def land(folder: Path, form_id: str, parts: Sequence[Sequence[bytes]]) -> Landing:
    """Land instances, one segment for each part."""
    before: set[str] = set()
    for part in parts:
        made = [received(raw, where="test", fallback_key="none") for raw in part]
        pull = Handed(made)
        before |= {one.key for one in made}
        pull.proof = Proof(len(before), len(before), 1)
        Landing(folder, form_id).land(pull, "2026-01-05T00:00:00+00:00")
    return Landing(folder, form_id)


def load(landing: Landing, schema: Schema, folder: Path, warehouse: Warehouse) -> Loaded:
    """Build all segments in `folder` and load them, without judging the answers."""
    tables.build(landing.segments(), schema, folder, TIMEZONE)
    no_reasons(folder)
    names = tuple(segment.name for segment in landing.segments())
    return warehouse.load(Batch(schema, folder, names, schema.fingerprint))


def no_reasons(folder: Path) -> None:
    """Say that the checks found nothing."""
    names = ("_submission_id", "table_name", "_row_id", "rule", "severity", "column_name", "why_id", "why_en")
    listed = ", ".join(f"NULL::VARCHAR AS {name}" for name in names)
    duckdb.execute(f"COPY (SELECT {listed} LIMIT 0) TO '{folder}/reasons.parquet' (FORMAT parquet)")


# -- every leaf in = every leaf out


def unproven(warehouse: Warehouse, schema: Schema, expected: Sequence[Leaf]) -> list[str]:
    """Compare leaves with the warehouse, both ways; say what is lost and what came from nowhere."""
    connection = warehouse.connection
    cells, tokens = dict(_cells(connection, schema)), _tokens(connection, schema)
    found = connection.execute(
        "SELECT _submission_id, path, value FROM quarantine.problem WHERE reason <> 'unknown_version'"
    ).fetchall()
    problems = Counter((key, path, (value or "").strip(BLANK)) for key, path, value in found)
    columns = {path: column for t in schema.tables for column in t.columns for path in column.paths[::-1]}
    wrong = []
    for leaf in expected:
        column = columns.get(leaf.path)
        place = (leaf.row, column.paths) if column else None
        if place in cells and _says(columns[leaf.path], cells[place], leaf.text):
            cells.pop(place)
            wrong += _split_wrong(columns[leaf.path], leaf, tokens)
            continue
        told = (leaf.row.submission, "/".join(leaf.path), leaf.text)
        if not problems[told]:
            wrong.append(f"lost: {leaf}, in the warehouse: {cells.get(place)}")
        problems[told] -= 1
    wrong += [f"from nowhere: {row} {'/'.join(paths[0])} = {cell}" for (row, paths), cell in cells.items()]
    return wrong + [f"a problem without a leaf: {told}" for told, left in problems.items() if left > 0]


def _split_wrong(column: Column, leaf: Leaf, tokens: Mapping[tuple[Row, str], list[str]]) -> list[str]:
    if column.kind not in ("select_multiple", "rank") or column.privacy == "direct":
        return []
    got = tokens.get((leaf.row, column.name), [])
    return [] if got == leaf.text.split() else [f"split wrongly: {leaf} gave {got}"]


def _cells(connection: duckdb.DuckDBPyConnection, schema: Schema) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Give what stands in every question's columns, by row and the paths of the question."""
    rows = _rows(connection, schema)
    for table in schema.tables:
        groups: dict[tuple[Path_, ...], list[int]] = {}
        for position, column in enumerate(table.columns):
            groups.setdefault(column.paths, []).append(position)
        listed = ", ".join(_fetched(column) for column in table.columns) or "NULL"
        query = f"SELECT {table.row_key}, {listed} FROM {joined(table)}"
        for key, *values in connection.execute(query).fetchall():
            for paths, positions in groups.items():
                cell = tuple(values[position] for position in positions)
                if any(part is not None for part in cell):
                    yield (rows[table.name, key], paths), cell


def _fetched(column: Column) -> str:
    moment = column.sql_type in ("TIMESTAMPTZ", "TIME")
    return f"{quote(column.name)}::VARCHAR" if moment else quote(column.name)


def _rows(connection: duckdb.DuckDBPyConnection, schema: Schema) -> dict[tuple[str, str], Row]:
    """Name every row by the way to it, following parents and positions."""
    rows: dict[tuple[str, str], Row] = {}
    for table in schema.tables:
        if not table.parent:
            keys = connection.execute(f"SELECT _submission_id FROM clean.{quote(table.name)}").fetchall()
            rows |= {(table.name, key): Row(key, ()) for (key,) in keys}
            continue
        query = f"SELECT _row_id, _parent_row_id, _position FROM clean.{quote(table.name)}"
        for key, parent, position in connection.execute(query).fetchall():
            above = rows[table.parent, parent]
            rows[table.name, key] = Row(above.submission, (*above.instances, (table.path, position)))
    return rows


def _tokens(connection: duckdb.DuckDBPyConnection, schema: Schema) -> dict[tuple[Row, str], list[str]]:
    rows = {}
    for (_, key), row in _rows(connection, schema).items():
        assert rows.setdefault(key, row) == row, f"two rows are called {key}"
    found: dict[tuple[Row, str], list[str]] = {}
    query = f"SELECT _row_id, question, choice FROM clean.{quote(schema.bridge)} ORDER BY _position"
    for key, question, choice in connection.execute(query).fetchall():
        found.setdefault((rows[key], question), []).append(choice)
    return found


def joined(table: Table) -> str:
    """Put a table's direct identifiers back beside its other columns."""
    if "pii" not in areas(table):
        return f"clean.{quote(table.name)}"
    keys = ", ".join(areas(table)["pii"][: 1 if not table.parent else 2])
    return f"clean.{quote(table.name)} JOIN pii.{quote(table.name)} USING ({keys})"


def _says(column: Column, cell: tuple[Any, ...], text: str) -> bool:
    """Tell whether the typed cell says what the client wrote."""
    if column.part:
        numbers = [float(part) for part in text.split()] if re.fullmatch(r"[-\d.eE+\s]+", text) else []
        return list(cell) == [*numbers, *[None] * (4 - len(numbers))]
    [value] = cell
    try:
        match column.sql_type:
            case "BIGINT" | "DOUBLE":
                return value is not None and _same_number(column.sql_type, value, text)
            case "DATE":
                return value == date.fromisoformat(text[:10])
            case "TIME":
                return time.fromisoformat(value) == time.fromisoformat(text).replace(tzinfo=None)
            case "TIMESTAMPTZ":
                stated = datetime.fromisoformat(text)
                local = stated if stated.tzinfo else stated.replace(tzinfo=ZoneInfo(TIMEZONE))
                return datetime.fromisoformat(value) == local
            case "BOOLEAN":
                return value == (text.lower() in ("true", "1"))
            case "VARCHAR":
                line = column.kind in ("geotrace", "geoshape")
                return value == (text.replace("; ", ";") if line else text)
    except (ValueError, InvalidOperation):
        return False


def _same_number(sql_type: str, value: Any, text: str) -> bool:
    if sql_type == "BIGINT":
        return Decimal(value) == Decimal(text)
    return value == float(text)
