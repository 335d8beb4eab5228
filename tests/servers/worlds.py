"""Two servers under one set of verbs, and a warehouse that follows them: what random histories play with."""

from __future__ import annotations

import io
import random
import shutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
from openpyxl import Workbook

from tracer_etl import tables
from tracer_etl.bridge import bridge_rows
from tracer_etl.form import read_form
from tracer_etl.landing import Landing
from tracer_etl.names import literal, quote
from tracer_etl.records import Proof, Received
from tracer_etl.schema import schema_of
from tracer_etl.servers.openrosa import received
from tracer_etl.servers.session import Patience
from tracer_etl.study import Study, StudyForm
from tracer_etl.testing import FakeCentral, FakeKobo
from tracer_etl.warehouse.contract import Batch, areas
from tracer_etl.warehouse.duckdb import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.schema import Schema, Table
    from tracer_etl.servers import Options

FORM_ID = "visit"
PATIENCE = Patience(connect=1, stall=2, tries=3, pause=0.001, longest=0.002)
QUESTIONS: tuple[tuple[str, ...], ...] = (
    ("text", "who", "Who"),
    ("integer", "age", "Age"),
    ("decimal", "pay", "Pay"),
    ("select_multiple tool", "tools", "Tools"),
    ("begin_group", "home", "Home"),
    ("geopoint", "place", "Place"),
    ("dateTime", "met", "Met"),
    ("end_group", "", ""),
    ("image", "photo", "Photo"),
    ("begin_repeat", "job", "Job"),
    ("text", "title", "Title"),
    ("integer", "hours", "Hours"),
    ("begin_repeat", "task", "Task"),
    ("text", "what", "What"),
    ("end_repeat", "", ""),
    ("end_repeat", "", ""),
)
NEW_QUESTION = ("text", "phone", "Phone")
LATER: dict[str, dict[str, str]] = {"1": {}, "2": {"age": "gone"}, "3": {"age": "gone", "home": "gone"}}
"""Which nodes each later version lacks; from version 2 on there is a new question."""


def workbook(folder: Path, version: str) -> Path:
    """Write one version of the form as XLSX."""
    path = folder / f"visit_{version}.xlsx"
    path.write_bytes(_workbook(version))
    return path


@cache
def _workbook(version: str) -> bytes:
    book = Workbook()
    survey = book.active
    survey.title = "survey"
    for row in [("type", "name", "label"), *_rows(version)]:
        survey.append(row)
    choices = book.create_sheet("choices")
    for row in [("list_name", "name", "label"), ("tool", "saw", "Saw"), ("tool", "sawdust", "Dust")]:
        choices.append(row)
    settings = book.create_sheet("settings")
    for row in [("form_id", "version", "form_title"), (FORM_ID, version, "Visit")]:
        settings.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _rows(version: str) -> Iterator[tuple[str, ...]]:
    gone, inside = LATER[version], False
    for row in QUESTIONS:
        inside = (inside or row[1] == "home") and row[0] != "end_group"
        if row[1] in gone or ("home" in gone and (inside or row[0] == "end_group")):
            continue
        yield row
    if version != "1":
        yield NEW_QUESTION


def answers(seed: int, version: str, photo: str) -> str:
    """Make the body of a submission of that version; every repeat instance has an answer."""
    rng, gone = random.Random(seed), LATER[version]
    body = [
        f"<who>{rng.choice(['Ani', ' Budi &amp; Co', 'Ç中 😀', '007', ''])}</who>",
        "" if "age" in gone else f"<age>{rng.choice(['7', '', '31', '9007199254740993', 'tua', '-3'])}</age>",
        f"<pay>{rng.choice(['3400000.50', '', '1e3', '0.1', '12'])}</pay>",
        f"<tools>{rng.choice(['', 'saw', 'sawdust saw', 'other'])}</tools>",
    ]
    if "home" not in gone:
        place = rng.choice(["", "-8.01034 112.18297 168.0 6.5", "-8 112 0 0"])
        met = rng.choice(["", "2026-01-05T15:00:00.000+07:00", "2026-01-05T08:00:00.123Z"])
        body.append(f"<home><place>{place}</place><met>{met}</met></home>")
    body.append(f"<photo>{photo}</photo>")
    for _ in range(rng.choice([0, 1, 2, 3])):
        tasks = "".join(
            f"<task><what>t{rng.randint(0, 9)}</what></task>" for _ in range(rng.choice([0, 1, 2]))
        )
        body.append(
            f"<job><title>j{rng.randint(0, 9)}</title><hours>{rng.choice(['', '8'])}</hours>{tasks}</job>"
        )
    if version != "1":
        body.append(f"<phone>{rng.choice(['', '0812'])}</phone>")
    return "".join(body)


@dataclass
class World:
    """A server with the form on it; `random` verbs take a number and do what is possible, or nothing."""

    folder: Path
    version: str = "1"
    form: str = ""
    made: int = 0
    instance: dict[str, str] = field(default_factory=dict)
    seed: dict[str, int] = field(default_factory=dict)
    pending: list[Any] = field(default_factory=list)

    server: Any = None
    states: tuple[str, ...] = ()

    def publish(self) -> None:
        """Deploy the form's present version."""
        self.form = self.server.publish(workbook(self.folder, self.version))

    def xml(self, number: int, seed: int, deprecated: str = "") -> bytes:
        """Write a submission as the phone would."""
        photo = f"photo {seed}.jpg" if seed % 3 == 0 else ""
        before = f"<deprecatedID>{deprecated}</deprecatedID>" if deprecated else ""
        return (
            f'<data id="{self.form}" version="{self.version}">{answers(seed, self.version, photo)}<meta>'
            f"<instanceID>uuid:{number:08d}-0000-4000-8000-{seed:012d}</instanceID>{before}</meta></data>"
        ).encode()

    def _new(self, seed: int, deprecated: str = "") -> tuple[str, bytes]:
        self.made += 1
        raw = self.xml(self.made, seed, deprecated)
        return f"uuid:{self.made:08d}-0000-4000-8000-{seed:012d}", raw

    def _pick(self, number: int) -> str | None:
        live = sorted(self.server.truth(self.form))
        return live[number % len(live)] if live else None

    # -- verbs

    def create(self, seed: int) -> None:
        """Let a submission come; with its photo when the seed says so."""
        instance, raw = self._new(seed)
        files = {f"photo {seed}.jpg": f"jpg {seed}".encode()} if seed % 6 == 0 else {}
        self._know(self.server.submit(self.form, raw, files), instance, seed)

    def begin(self, seed: int) -> None:
        """Begin a submission that becomes visible later."""
        instance, raw = self._new(seed)
        late = self.server.begin(self.form, raw)
        self._know(late.key, instance, seed)
        self.pending.append(late)

    def commit(self, number: int) -> None:
        """Let the one begun last become visible."""
        del number
        if self.pending:
            self.pending.pop().commit()

    def edit(self, number: int) -> None:
        """Edit a submission."""
        if key := self._pick(number):
            instance, raw = self._new(number, self.instance[key])
            self.server.edit(self.form, key, raw)
            self._know(key, instance, number)

    def delete(self, number: int) -> None:
        """Delete a submission."""
        if key := self._pick(number):
            self.server.delete(self.form, key)

    def review(self, number: int) -> None:
        """Set a review state."""
        if key := self._pick(number):
            self.server.review(self.form, key, self.states[number % len(self.states)])

    def photo(self, number: int) -> None:
        """Let a photo arrive late."""
        key = self._pick(number)
        if key and self.server.truth(self.form)[key].missing:
            name = self.server.truth(self.form)[key].missing[0]
            self.server.attach(self.form, key, name, f"late {number}".encode())

    def deploy(self, number: int) -> None:
        """Deploy the next version of the form."""
        del number
        if self.version != "3":
            self.version = str(int(self.version) + 1)
            self.publish()

    def _know(self, key: str, instance: str, seed: int) -> None:
        self.instance[key], self.seed[key] = instance, seed

    # -- what differs between the servers

    def source(self, options: Options) -> Any:
        """Log in anew."""
        raise NotImplementedError

    def deny(self) -> None:
        """Take the account's rights away."""
        raise NotImplementedError

    def allow(self, number: int = 0) -> None:
        """Give the account its rights (again)."""
        raise NotImplementedError


class CentralWorld(World):
    """ODK Central seen by a viewer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = FakeCentral()
        self.states = ("approved", "hasIssues", "rejected")
        self.deleted: list[str] = []
        self.server.add_user("viewer@example.org", "viewer-password-1", role="viewer")
        self.publish()

    def delete(self, number: int) -> None:
        if key := self._pick(number):
            self.server.delete(self.form, key)
            self.deleted.append(key)

    def restore(self, number: int) -> None:
        if self.deleted:
            self.server.restore(self.form, self.deleted.pop(number % len(self.deleted)))

    def source(self, options: Options) -> Any:
        from tracer_etl.servers import central

        settings = {"url": self.server.url, "user": "viewer@example.org", "password": "viewer-password-1"}
        return central.connect({**settings, "project": "1"}, options, PATIENCE)

    def deny(self) -> None:
        self.server.set_role("viewer@example.org", "none")

    def allow(self, number: int = 0) -> None:
        self.server.set_role("viewer@example.org", "viewer")


class KoboWorld(World):
    """KoboToolbox seen by an account with or without the right to its history."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = FakeKobo(max_page=7)
        self.states = ("validation_status_approved", "validation_status_on_hold", "")
        self.token = self.server.add_user("viewer", {"view_asset", "view_submissions"})
        self.publish()

    def _new(self, seed: int, deprecated: str = "") -> tuple[str, bytes]:
        instance, raw = super()._new(seed, deprecated)
        return instance, self.server.stamp(self.form, raw)

    def duplicate(self, number: int) -> None:
        if key := self._pick(number):
            copy = self.server.duplicate(self.form, key)
            self._know(copy, self.server.truth(self.form)[copy].instance_id, self.seed[key])

    def source(self, options: Options) -> Any:
        from tracer_etl.servers import kobo

        return kobo.connect({"url": self.server.url, "token": self.token}, options, PATIENCE)

    def deny(self) -> None:
        self.server.set_permissions("viewer", set())

    def allow(self, number: int = 0) -> None:
        more = {"manage_asset"} if number % 2 else set()
        self.server.set_permissions("viewer", {"view_asset", "view_submissions", *more})


# -- the warehouse that follows


class Follower:
    """A landing and a warehouse of the study's form, without judgement of the answers."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.world = folder, world
        book = workbook(folder, "1")
        self.study = Study(
            "visits", {"en": "Visits"}, "Asia/Jakarta", folder, {}, folder, folder, folder / "landing",
            folder / "staging", folder / "warehouse.duckdb", folder / "p.duckdb", folder / "report",
            (StudyForm(FORM_ID, book),),
        )  # fmt: skip
        self.loads = 0

    @property
    def landing(self) -> Landing:
        return Landing(self.study.landing, FORM_ID)

    def schema(self) -> Schema:
        return self.study.schema(self.study.forms[0], self.landing.deployed())

    def pull(self, source: Any, *, sweep: bool = False) -> Proof:
        """Land what is new."""
        landing = self.landing
        pull = source.pull(FORM_ID, landing, sweep=sweep)
        landing.land(pull, "2026-01-05T00:00:00+00:00")
        proof: Proof = pull.proof
        return proof

    def load(self) -> None:
        """Load the segments the warehouse has not."""
        schema = self.schema()
        with Warehouse(self.study.warehouse, self.study.timezone) as warehouse:
            recipe = schema.fingerprint
            known = warehouse.segments(FORM_ID) if warehouse.recipe(FORM_ID) == recipe else frozenset()
            pending = [s for s in self.landing.segments() if s.name not in known]
            if not pending and warehouse.recipe(FORM_ID) == recipe:
                return
            self.loads += 1
            folder = self.study.staging / str(self.loads)
            tables.build(pending, schema, folder, self.study.timezone)
            _no_reasons(folder)
            warehouse.load(Batch(schema, folder, tuple(s.name for s in pending), recipe))

    def content(self) -> dict[str, list[tuple]]:
        """Read every table as sorted rows; a file is there by content, or awaited."""
        with Warehouse(self.study.warehouse, self.study.timezone) as warehouse:
            schema = self.schema()
            joined = {table.name: _joined(table) for table in schema.tables}
            return _content(
                warehouse.connection, schema, joined, f"clean.{quote(schema.bridge)}", "pii._attachment"
            )


def expected(world: World, follower: Follower) -> dict[str, list[tuple]]:
    """Make the same tables from the XML the server holds, in one go, as a folder of files would give them."""
    schema, folder = follower.schema(), follower.folder / "expected"
    shutil.rmtree(folder, ignore_errors=True)
    landing = Landing(folder / "landing", FORM_ID)
    landing.land(_Everything(world), "t")
    built = folder / "built"
    tables.build(landing.segments(), schema, built, follower.study.timezone)
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = {literal(follower.study.timezone)}")
        files = {table.name: f"'{built}/{table.name}.parquet'" for table in schema.tables}
        for name, file in files.items():
            connection.execute(f"CREATE VIEW {quote(name)} AS FROM {file}")
        return _content(
            connection, schema, files, f"({bridge_rows(schema)})", f"'{built}/attachments.parquet'"
        )


class _Everything:
    """All live submissions of a world, read from their XML."""

    origin, cursor, versions = "the truth", {}, ()

    def __init__(self, world: World) -> None:
        self.truth: Mapping[str, Any] = world.server.truth(world.form)
        self.proof = Proof(len(self.truth), len(self.truth), 1)

    def __iter__(self) -> Iterator[Received]:
        from dataclasses import replace

        from tracer_etl.records import Attachment

        for key, one in self.truth.items():
            files = [Attachment(name, content) for name, content in one.files.items()]
            xml = received(one.xml, where=key, fallback_key=key, attachments=files)
            when = one.submitted_at if one.submitted_at.endswith("Z") else f"{one.submitted_at}+00:00"
            state = REVIEW.get(one.review_state, one.review_state)
            yield replace(xml, key=key, form_version=one.version, submitted_at=when, review_state=state)


REVIEW = {
    "validation_status_approved": "approved",
    "validation_status_on_hold": "hasIssues",
    "validation_status_not_approved": "rejected",
}


def _content(
    connection: duckdb.DuckDBPyConnection, schema: Schema, places: Mapping[str, str], bridge: str, files: str
) -> dict[str, list[tuple]]:
    found = {}
    for table in schema.tables:
        columns = [name for name in table.types() if name not in ("_revision", "_landed")]
        listed = ", ".join(map(quote, columns))
        source = places[table.name]
        found[table.name] = connection.execute(f"SELECT {listed} FROM {source} ORDER BY ALL").fetchall()
    found["selected"] = connection.execute(f"SELECT * FROM {bridge} ORDER BY ALL").fetchall()
    found["files"] = connection.execute(
        f"SELECT _submission_id, name, sha256 FROM {files} WHERE present ORDER BY ALL"
    ).fetchall()
    return found


def _joined(table: Table) -> str:
    """Put a table's direct identifiers back beside its other columns."""
    if "pii" not in areas(table):
        return f"clean.{quote(table.name)}"
    keys = ", ".join(areas(table)["pii"][: 1 if not table.parent else 2])
    return f"clean.{quote(table.name)} JOIN pii.{quote(table.name)} USING ({keys})"


def _no_reasons(folder: Path) -> None:
    names = ("_submission_id", "table_name", "_row_id", "rule", "severity", "column_name", "why_id", "why_en")
    listed = ", ".join(f"NULL::VARCHAR AS {name}" for name in names)
    duckdb.execute(f"COPY (SELECT {listed} LIMIT 0) TO '{folder}/reasons.parquet' (FORMAT parquet)")


def schema_of_versions(folder: Path, versions: Sequence[str]) -> Schema:
    """Compile some versions of the form."""
    return schema_of([read_form(workbook(folder, version)) for version in versions])
