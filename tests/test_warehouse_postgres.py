"""PostgreSQL holds what DuckDB holds, table by table, whatever came in whatever order; and it guards what it holds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from makers import FORM, form, schema, store, study_folder, xml
from postgres import Server, running
from tiny import tiny_study, whole_study
from tracer_etl import pipeline, tables
from tracer_etl.errors import StudyError, WarehouseError
from tracer_etl.fieldwork.review_reasons import findings, good
from tracer_etl.landing import Landing
from tracer_etl.names import literal
from tracer_etl.records import Proof, Tombstone
from tracer_etl.schema import ROOT_COLUMNS, schema_of
from tracer_etl.servers.openrosa import received
from tracer_etl.study import Reference, Study, read_study
from tracer_etl.warehouse import duckdb as embedded
from tracer_etl.warehouse import open_warehouse, postgres
from tracer_etl.warehouse.contract import Batch
from tracer_etl.warehouse.session import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tracer_etl.records import Received
    from tracer_etl.schema import Schema
    from tracer_etl.warehouse.contract import Warehouse

ZONE = "Asia/Jakarta"
GOOD = "<who>Sri Rahayu</who><age>30</age><work>1</work><tools>saw</tools><job><title>barista</title></job>"
BAD = "<who>Budi</who><age>thirty</age><work>0</work>"
HISTORIES = int(os.environ.get("TRACER_POSTGRES_HISTORIES", "6"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as one:
        yield one


@pytest.fixture
def address(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, named by the environment."""
    url = server.fresh()
    monkeypatch.setenv("TRACER_DATABASE", url)
    return url


def content(
    warehouse: Warehouse, areas: tuple[str, ...] = ("clean", "pii", "quarantine", "meta")
) -> dict[str, list]:
    """Read every row of every table, ordered, but for when things were pulled and the history of runs."""
    names = warehouse.connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' ORDER BY 1, 2"
    ).fetchall()
    return {
        f"{area}.{name}": rows(warehouse.connection, f'{area}."{name}"')
        for area, name in names
        if area in areas and (area, name) not in (("meta", "pull"), ("meta", "run"), ("meta", "run_check"))
    }


def rows(connection: Any, table: str) -> list[tuple]:
    found = connection.execute(f"SELECT * FROM {table}").fetchall()
    return sorted((tuple(map(plain, row)) for row in found), key=repr)


def plain(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def run(study: Study) -> dict[str, list]:
    pipeline.pull(study)
    pipeline.build(study)
    pipeline.check(study)
    pipeline.load(study)
    pipeline.publish(study)
    with open_warehouse(study) as warehouse:
        return content(warehouse)


def on_duckdb(study: Study, monkeypatch: pytest.MonkeyPatch) -> dict[str, list]:
    """Do the same into the file of study.toml."""
    with monkeypatch.context() as without:
        without.delenv("TRACER_DATABASE")
        return run(study)


# -- the same story on both


def test_an_edit_a_new_rule_and_its_end_are_the_same_on_both(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {"a": xml(1, GOOD), "b": xml(2, BAD), "c": xml(3)[:50]}
    study = read_study(study_folder(tmp_path, first))
    found = run(study)
    assert found == on_duckdb(study, monkeypatch)
    assert [row[0] for row in found["clean.visit"]] == ["uuid:00000001"]
    assert len(found["quarantine.visit"]) == 2
    assert ("uuid:00000001", "Sri Rahayu") in [row[:2] for row in found["pii.visit"]]
    assert run(study) == found  # twice changes nothing

    worse = xml(4, "<age>?</age><work>0</work>", meta="<deprecatedID>uuid:00000001</deprecatedID>")
    better = xml(5, "<age>41</age><work>0</work>", meta="<deprecatedID>uuid:00000002</deprecatedID>")
    store(tmp_path / "inbox" / "visit.zip", {**first, "d": worse, "e": better})
    found = run(study)
    assert found == on_duckdb(study, monkeypatch)
    assert [row[:2] for row in found["clean.visit"]] == [("uuid:00000002", "uuid:00000005")]
    assert found["clean.visit__job"] == []
    assert "uuid:00000001" not in [row[0] for row in found["pii.visit"]]

    rule = "  - {type: expect_column_values_to_be_between, kwargs: {column: age, max_value: 20}, severity: warning, "
    meta = "meta: {id: V01, why: {id: Umur melebihi 20., en: Older than 20.}}}\n"
    (tmp_path / "expectations" / "visit.yaml").write_text(f"expectations:\n{rule}{meta}")
    found = run(study)
    assert found == on_duckdb(study, monkeypatch)
    assert found["clean.visit"] == []
    assert "V01" in [row[4] for row in found["quarantine.reason"]]


def test_a_lost_database_is_rebuilt_from_landing_alone(
    tmp_path: Path, address: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, BAD)}))
    done = pipeline.refresh(study)
    with open_warehouse(study) as warehouse:
        found = content(warehouse)
    monkeypatch.setenv("TRACER_DATABASE", server.fresh())
    again = pipeline.refresh(study)
    assert done.changed
    assert again.changed  # the marts of the new database had to be made
    assert not pipeline.refresh(study).changed
    with open_warehouse(study) as warehouse:
        assert content(warehouse) == found
        assert rows(warehouse.connection, "marts.data_quality")


DECIDED = "form,submission,decision,rules,who,when,why,instance_id\n"


def test_decisions_and_the_review_are_the_same_on_both(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, BAD)}))
    log = tmp_path / "decisions.csv"
    log.write_text(f"{DECIDED}visit,uuid:00000001,reject,R,Ana,2026-02-01,palsu,uuid:00000001\n")
    found = run(study)
    assert found == on_duckdb(study, monkeypatch)
    assert found["clean.visit"] == []
    with open_warehouse(study) as warehouse:
        theirs = findings(warehouse.connection, "visit", "id")
    with embedded.Warehouse(study.warehouse, ZONE) as ours:
        assert findings(ours.connection, "visit", "id") == theirs
    assert sorted(theirs) == ["uuid:00000001", "uuid:00000002"]

    with log.open("a") as more:
        more.write("visit,uuid:00000001,release,*,Ana,2026-02-02,benar,uuid:00000001\n")
        more.write("visit,uuid:00000002,release,*,Ana,2026-02-02,benar,uuid:00000002\n")
    found = run(study)
    assert found == on_duckdb(study, monkeypatch)
    assert len(found["clean.visit"]) == 2
    with open_warehouse(study) as warehouse:
        assert good(warehouse.connection, "visit", ["uuid:00000001", "x"]) == {
            "uuid:00000001": "uuid:00000001"
        }


@pytest.mark.slow
def test_the_command_runs_on_postgresql(tmp_path: Path, address: str, server: Server) -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tracer_etl",
        "--study",
        str(tiny_study(tmp_path)),
        "run",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tiny" in done.stdout
    assert not (tmp_path / "var" / "warehouse.duckdb").exists()
    assert (tmp_path / "var" / "report" / "index.html").exists()
    assert server.execute("SELECT count(*), sum(cows) FROM clean.tiny", address) == [(2, 4)]
    assert server.execute("SELECT sum(landed) FROM marts.data_quality", address) != [(None,)]


@pytest.mark.slow
def test_the_whole_study_is_published_alike_from_both(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "false")
    study = read_study(whole_study(tmp_path))
    pipeline.refresh(study)
    theirs = figures(study.published)
    study.published.unlink()
    monkeypatch.delenv("TRACER_DATABASE")
    pipeline.refresh(study)
    ours = figures(study.published)
    assert theirs.keys() == ours.keys()
    for name in ours:
        assert theirs[name] == ours[name], name
    assert len(ours["marts.interview"]) > 200


def figures(path: Path) -> dict[str, list[tuple]]:
    """Read the analysts' copy; sums of fractions agree to nine digits, in whatever order they were added."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
        ).fetchall()
        found = {
            f"{area}.{name}": connection.execute(f'SELECT * FROM {area}."{name}"').fetchall()
            for area, name in names
        }
    return {
        name: sorted((tuple(map(rounded, row)) for row in listed if not _of_the_run(name, row)), key=repr)
        for name, listed in found.items()
    }


def _of_the_run(name: str, row: tuple) -> bool:
    """Tell what is about when and where a run was, not about the data: pulls, and the ledger oversight saw."""
    return name in ("meta.pull", "meta.run") or (name == "meta.setting" and row[0].startswith("overseen "))


def rounded(value: object) -> object:
    return round(float(value), 9) if isinstance(value, float | Decimal) else value


class Told:
    """A pull of what is given."""

    origin, cursor, versions = "a test", {}, ()

    def __init__(self, found: Iterable[Received | Tombstone], live: int) -> None:
        self.found, self.proof = tuple(found), Proof(live, live, 1)

    def __iter__(self) -> Iterator[Received | Tombstone]:
        return iter(self.found)


LATER = FORM.replace(
    "|          | integer              | hours    | Hours  |",
    "|          | decimal              | hours    | Hours  |          |              |\n"
    "|          | dateTime             | met      | Met    |",
).replace("visit                | 1", "visit                | 2")
"""Widens a type and asks one question more, inside the repeat."""


def body(dice: random.Random, version: str) -> str:
    jobs = "".join(
        f"<job><title>{dice.choice(['barista', 'juru, &quot;las&quot;', ''])}</title><hours>{dice.choice(['', '8'])}</hours>"
        f"{'<met>2026-01-05T15:00:00.123+07:00</met>' if version == '2' else ''}"
        f"{'<task><what>angkat&#10;barang</what></task>' * dice.randint(0, 2)}</job>"
        for _ in range(dice.randint(0, 3))
    )
    return (
        f"<who>{dice.choice(['Ani', 'Ç中 😀', '', 'NULL', 'N'])}</who><age>{dice.choice(['7', '', '99', '-3'])}</age>"
        f"<born>{dice.choice(['', '1999-02-28'])}</born><work>{dice.choice(['0', '1'])}</work>"
        f"<tools>{dice.choice(['', 'saw', 'sawdust saw'])}</tools>"
        f"<place>{dice.choice(['', '-8.01034 112.18297 168.0 6.5'])}</place>{jobs}"
    )


class History:
    """Segments of a landing with new, edited, deleted and restored submissions, and their batches."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder, self.dice, self.landing = folder, dice, Landing(folder / "landing", "visit")
        self.live: dict[str, int] = {}
        self.dead: list[str] = []
        self.made = 0

    def play(self, version: str) -> None:
        for _ in range(self.dice.randint(2, 4)):
            touched: dict[str, Received | Tombstone] = {}
            for _ in range(self.dice.randint(1, 8)):
                self._step(version, touched)
            self.landing = Landing(self.folder / "landing", "visit")
            self.landing.land(Told(touched.values(), len(self.live)), "2026-01-05T00:00:00+00:00")

    def _step(self, version: str, touched: dict[str, Received | Tombstone]) -> None:
        free = sorted(self.live.keys() - touched.keys())
        verb = self.dice.choice(["new", "new", "edit", "delete", "restore"])
        if verb == "delete" and free:
            key = self.dice.choice(free)
            del self.live[key]
            self.dead.append(key)
            touched[key] = Tombstone(key)
            return
        back = [key for key in self.dead if key not in touched]
        if verb == "restore" and back:
            key = back[0]
            self.dead.remove(key)
        elif verb == "edit" and free:
            key = self.dice.choice(free)
        else:
            key = f"uuid:{len(self.live) + len(self.dead):04d}"
        self.made += 1
        self.live[key] = self.made
        raw = xml(self.made, body(self.dice, version), version)
        touched[key] = replace(received(raw, where=key, fallback_key=key, attachments=[]), key=key)

    def batches(self, form: Schema, recipe: str) -> list[Batch]:
        """Type every segment by itself; what is set aside is decided by the instance alone."""
        made = []
        for segment in self.landing.segments():
            folder = self.folder / recipe / segment.name
            tables.build([segment], form, folder, ZONE)
            reasons(folder)
            made.append(Batch(form, folder, (segment.name,), recipe))
        return made


def reasons(folder: Path) -> None:
    root = literal(str(folder / "visit.parquet"))
    columns = (
        "_submission_id, 'visit' AS table_name, _submission_id AS _row_id, 'T1' AS rule, "
        "['warning', 'info', 'critical'][CAST(right(_instance_id, 1) AS INT) % 3 + 1] AS severity, 'age' AS column_name, "
        "'Karena.' AS why_id, 'Because.' AS why_en"
    )
    duckdb.execute(
        f"COPY (SELECT {columns} FROM {root} WHERE CAST(right(_instance_id, 1) AS INT) % 2 = 0) "
        f"TO {literal(str(folder / 'reasons.parquet'))} (FORMAT parquet)"
    )


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_any_history_in_any_order_gives_what_duckdb_has(tmp_path: Path, server: Server, seed: int) -> None:
    dice = random.Random(seed)
    history = History(tmp_path, dice)
    history.play("1")
    first, both = schema(tmp_path / "forms"), schema(tmp_path / "forms", FORM, LATER)
    with (
        embedded.Warehouse(tmp_path / "w.duckdb", ZONE) as ours,
        postgres.Warehouse(server.fresh(), ZONE) as theirs,
    ):
        for batch in history.batches(first, "first"):
            assert ours.load(batch) == theirs.load(batch)
        assert content(ours) == content(theirs)
        history.play("2")
        batches = history.batches(both, "both")
        for batch in batches:
            ours.load(batch)
        dice.shuffle(batches)
        for batch in [*batches, dice.choice(batches)]:  # in another order, and one of them twice
            theirs.load(batch)
        for warehouse in (ours, theirs):
            warehouse.summarise(["visit"])
        found, wanted = content(theirs), content(ours)
        order = "meta.load"
        assert [row[:3] for row in found.pop(order)] == [row[:3] for row in wanted.pop(order)]
        assert found == wanted
        assert {row[1] for row in found["meta.submission"] if row[4] != "deleted"} == set(history.live)


# -- values


def odd_values(folder: Path, *dates: str) -> Batch:
    text = (
        FORM.replace("| text                 | title ", "| dateTime             | title ")
        .replace("| text                 | what ", "| time                 | what ")
        .replace("| integer              | hours", "| decimal              | hours")
    )
    compiled = schema_of([form(folder / "forms", text)])
    dates = dates or ("2026-02-28", "")
    whos = ('a"b', "a,b\n\r\n c", "\\N", "\\.", " ", "NULL", "'", "%s ?", "é😀\u2028", "\ta")
    told = [
        received(
            xml(
                n,
                f"<who>{who}</who><age>{9007199254740993 - n}</age><born>{dates[n % len(dates)]}</born><work>1</work>"
                f"<job><title>1905-01-01T00:00:00+07:00</title><hours>{0.1 + n * 1e-17 or 1}</hours>"
                "<task><what>23:59:59.999+07:00</what></task></job>",
            ),
            where="x",
            fallback_key="x",
            attachments=[],
        )
        for n, who in enumerate(whos, 1)
    ]
    landing = Landing(folder / "landing", "visit")
    landing.land(Told(told, len(told)), "t")
    tables.build(landing.segments(), compiled, folder / "built", ZONE)
    reasons(folder / "built")
    return Batch(compiled, folder / "built", ("1",), "r")


def published(path: Path) -> dict[str, list]:
    """Read the analysts' copy as text, and the types of its columns."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_schema || '.\"' || table_name || '\"' FROM information_schema.tables ORDER BY 1"
        ).fetchall()
        return {
            name: [
                connection.execute(f"DESCRIBE {name}").fetchall(),
                sorted(connection.execute(f"SELECT CAST(t AS VARCHAR) FROM {name} t").fetchall()),
            ]
            for [name] in names
        }


def test_odd_values_come_through_and_out_again(tmp_path: Path, server: Server) -> None:
    batch = odd_values(tmp_path, "0044-03-15 (BC)", "infinity", "999999-01-01", "2026-02-28", "")
    with (
        embedded.Warehouse(tmp_path / "w.duckdb", ZONE) as ours,
        postgres.Warehouse(server.fresh(), ZONE) as theirs,
    ):
        for name, warehouse in (("ours", ours), ("theirs", theirs)):
            warehouse.load(batch)
            warehouse.publish(tmp_path / f"{name}.duckdb")
        assert published(tmp_path / "theirs.duckdb") == published(tmp_path / "ours.duckdb")
        assert not list(tmp_path.glob("*.part"))
        born = "SELECT born::text FROM clean.visit UNION ALL SELECT born::text FROM quarantine.visit"
        days = [row[0] for row in theirs.connection.execute(born).fetchall()]
        assert len(days) == 10
        assert set(days) == {"infinity", "0044-03-15 BC", "999999-01-01", "2026-02-28", None}
        names = "SELECT who FROM pii.visit UNION ALL SELECT who FROM quarantine.visit"
        assert rows(ours.connection, f"({names})") == rows(theirs.connection, f"({names}) AS both_places")


def test_references_are_split_and_renewed(tmp_path: Path, server: Server) -> None:
    file = tmp_path / "people.csv"
    file.write_text('alumni_id,name,course\nA1,"Sri, Rahayu",\nA2,,"las ""listrik"""\n')
    reference = Reference("person", file, ("name",))
    with (
        embedded.Warehouse(tmp_path / "w.duckdb", ZONE) as ours,
        postgres.Warehouse(server.fresh(), ZONE) as theirs,
    ):
        for warehouse in (ours, theirs):
            warehouse.load_reference(reference, "1")
        assert content(ours) == content(theirs)
        file.write_text("alumni_id,name\nA3,Budi\n")
        for warehouse in (ours, theirs):
            warehouse.load_reference(reference, "1")  # the digest says it is the same
        assert len(rows(theirs.connection, "clean.person")) == 2
        for warehouse in (ours, theirs):
            warehouse.load_reference(reference, "2")
        assert content(ours) == content(theirs)
        assert rows(theirs.connection, "pii.person") == [("A3", "Budi")]
        with pytest.raises(WarehouseError, match=r"people.csv: has no column phone"):
            theirs.load_reference(replace(reference, direct=("phone",)), "3")
        assert rows(theirs.connection, "clean.person") == [("A3",)]


# -- crashes and company

LOADER = """
import sys
from pathlib import Path
from tracer_etl import pipeline
from tracer_etl.study import read_study
study = read_study(Path(sys.argv[1]))
print("ready", flush=True)
pipeline.load(study)
print("done", flush=True)
"""


def staged(folder: Path, count: int) -> Study:
    """Lay out a study whose submissions are typed and checked."""
    submissions = {str(i): xml(i, GOOD if i % 3 else BAD) for i in range(count)}
    study = read_study(study_folder(folder, submissions))
    pipeline.pull(study)
    pipeline.build(study)
    pipeline.check(study)
    return study


def loader(study: Study, url: str) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-c", LOADER, str(study.root / "study.toml")]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TRACER_DATABASE": url},
        text=True,
    )


@pytest.mark.slow
def test_kill_9_while_loading_then_load_gives_the_same_tables(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"calm": server.fresh(), "wild": server.fresh()}
    monkeypatch.setenv("TRACER_DATABASE", urls["calm"])
    study = staged(tmp_path, 400)
    pipeline.load(study)
    with open_warehouse(study) as warehouse:
        expected = content(warehouse)
    monkeypatch.setenv("TRACER_DATABASE", urls["wild"])
    pipeline.build(study)
    pipeline.check(study)
    dice, inside = random.Random(7), 0
    for _ in range(8):
        process = loader(study, urls["wild"])
        assert process.stdout is not None
        process.stdout.readline()
        working = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{place(urls['wild']).rpartition('/')[2]}'"
        while not server.execute(working)[0][0] and process.poll() is None:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        inside += process.wait() == -signal.SIGKILL
        process.communicate()
        while server.execute(working)[0][0]:
            time.sleep(0.005)
    assert inside >= 3
    pipeline.build(study)
    pipeline.check(study)
    pipeline.load(study)
    with open_warehouse(study) as warehouse:
        assert content(warehouse) == expected


def test_a_restart_of_the_database_in_the_middle_is_one_line_and_leaves_no_trace(tmp_path: Path) -> None:
    batch = odd_values(tmp_path)
    with running() as own:
        url = own.fresh()
        with postgres.Warehouse(url, ZONE) as warehouse:
            warehouse.load(batch)
            before = content(warehouse)

        def interrupted() -> None:
            with postgres.Warehouse(url, ZONE) as warehouse, warehouse.alone("visit") as connection:
                connection.execute("BEGIN")
                connection.execute("DELETE FROM clean.visit")
                own.stop()
                own.start()
                connection.execute("COMMIT")

        with pytest.raises(WarehouseError, match=r"^PostgreSQL .*: cannot be used \(") as caught:
            interrupted()
        assert "\n" not in str(caught.value)
        with postgres.Warehouse(url, ZONE) as warehouse:
            assert content(warehouse) == before
            assert warehouse.load(replace(batch, recipe="another")).landed == 10


def test_the_second_loader_of_a_form_waits_and_one_of_another_form_does_not(
    tmp_path: Path, server: Server
) -> None:
    batch = odd_values(tmp_path)
    url = server.fresh()
    done = threading.Event()

    def second() -> None:
        with postgres.Warehouse(url, ZONE) as warehouse:
            warehouse.load(batch)
        done.set()

    with postgres.Warehouse(url, ZONE) as first:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        with first.alone("visit"):
            other = threading.Thread(target=second)
            other.start()
            deadline = time.monotonic() + 60
            while server.execute(waiting)[0][0] == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert server.execute(waiting) == [(1,)]
            assert not done.is_set()
            with first.alone("another form"):
                assert first.segments("visit") == frozenset()
        other.join(60)
        assert done.is_set()
        assert first.segments("visit") == {"1"}
        assert first.load(batch).landed == 10  # what the other has loaded: nothing is doubled
        assert len(rows(first.connection, "meta.load")) == 1
        assert first.summary("visit").landed == 10


def test_who_waits_too_long_is_told_why(tmp_path: Path, server: Server) -> None:
    batch = odd_values(tmp_path)
    url = server.fresh()
    with postgres.Warehouse(url, ZONE) as first, postgres.Warehouse(url, ZONE) as second:
        second.connection.execute("SET lock_timeout = '50ms'")
        with (
            first.alone("visit"),
            pytest.raises(WarehouseError, match=r"locked for .*; wait for the other loader"),
        ):
            second.load(batch)
        assert second.load(batch).landed == 10


@pytest.mark.slow
def test_two_whole_loads_at_once_end_as_one(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [server.fresh(), server.fresh()]
    monkeypatch.setenv("TRACER_DATABASE", urls[0])
    studies = [staged(tmp_path / name, 200) for name in ("one", "two")]
    pipeline.load(studies[0])
    with open_warehouse(studies[0]) as warehouse:
        expected = content(warehouse)
    pipeline.build(studies[0])
    monkeypatch.setenv("TRACER_DATABASE", urls[1])
    pipeline.build(studies[0])
    pipeline.check(studies[0])
    processes = [loader(study, urls[1]) for study in studies]
    for process in processes:
        out, problem = process.communicate(timeout=120)
        assert out.endswith("done\n"), problem
    with open_warehouse(studies[0]) as warehouse:
        assert content(warehouse) == expected


# -- who may do what


@pytest.fixture(scope="module")
def filled(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A loaded database, made by the administrator, with one user of each role."""
    folder = tmp_path_factory.mktemp("filled")
    url = server.fresh()
    batch = odd_values(folder)
    with postgres.Warehouse(url, ZONE) as warehouse:
        warehouse.load(batch)
        with warehouse.alone("marts") as connection:
            connection.execute("CREATE TABLE marts.later AS SELECT count(*) AS n FROM clean.visit")
    for user, role in (("sari", "tracer_analyst"), ("etl", "tracer_loader")):
        server.execute(f"CREATE ROLE {user} LOGIN IN ROLE {role}")
    server.execute("CREATE ROLE nobody LOGIN")
    return url, folder


def as_user(url: str, user: str) -> str:
    return url.replace("://postgres@", f"://{user}@")


def test_an_analyst_reads_clean_marts_and_open_meta(server: Server, filled: tuple[str, Path]) -> None:
    url = as_user(filled[0], "sari")
    for table in (
        "clean.visit",
        "clean.visit__job",
        "clean.visit__selected",
        "marts.later",
        "meta.question",
        "meta.pull",
    ):
        assert server.execute(f"SELECT count(*) >= 0 FROM {table}", url) == [(True,)], table


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM pii.visit",
        "SELECT * FROM pii._attachment",
        "SELECT * FROM quarantine.visit",
        "SELECT * FROM quarantine.reason",
        "SELECT * FROM meta.load",
        "DELETE FROM clean.visit",
        "CREATE TABLE clean.mine (a int)",
        "CREATE SCHEMA mine",
        "SET ROLE tracer_loader",
        "COPY clean.visit TO '/tmp/out'",
    ],
)
def test_an_analyst_is_refused(server: Server, filled: tuple[str, Path], statement: str) -> None:
    from psycopg import errors

    with pytest.raises(errors.InsufficientPrivilege):
        server.execute(statement, as_user(filled[0], "sari"))


def test_the_loader_loads_and_has_no_more_rights_than_that(server: Server, filled: tuple[str, Path]) -> None:
    from psycopg import errors

    url, folder = filled
    batch = odd_values(folder / "again")
    with postgres.Warehouse(as_user(url, "etl"), ZONE) as warehouse:
        assert warehouse.load(replace(batch, recipe="another")).landed == 10
        for statement in ("CREATE ROLE more", "SELECT pg_read_file('/etc/passwd')", "CREATE DATABASE more"):
            with pytest.raises(errors.InsufficientPrivilege):
                warehouse.connection.execute(statement)
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('clean', 'pii', 'quarantine', 'marts', 'meta')"
    assert server.execute(owners, url) == [("tracer_loader",)]
    assert server.execute("SELECT count(*) FROM clean.visit", as_user(url, "sari")) != [
        (0,)
    ]  # made anew, open again


def test_who_is_no_loader_is_told_what_to_grant(filled: tuple[str, Path]) -> None:
    with pytest.raises(
        WarehouseError, match=r'user nobody is no member of tracer_loader; GRANT tracer_loader TO "nobody"'
    ):
        postgres.Warehouse(as_user(filled[0], "nobody"), ZONE)


def test_the_loader_in_a_database_not_opened_for_it(server: Server, filled: tuple[str, Path]) -> None:
    with pytest.raises(WarehouseError, match=r"may not create schemas in the database .*use-postgresql.md"):
        postgres.Warehouse(as_user(server.fresh(), "etl"), ZONE)


def test_the_statements_of_the_page_prepare_a_server(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "use-postgresql.md").read_text(encoding="utf-8")
    statements = page.partition("```sql\n")[2].partition("```")[0].split(";\n")
    batch = odd_values(tmp_path)
    with running() as own:
        for statement in filter(None, map(str.strip, statements)):
            own.execute(statement)
        with postgres.Warehouse(own.address("blitar", "etl"), ZONE) as warehouse:
            assert warehouse.load(batch).landed == 10
        reader = own.address("blitar", "sari")
        assert own.execute("SELECT count(*) > 0 FROM clean.visit", reader) == [(True,)]
        with pytest.raises(Exception, match="permission denied for schema pii"):
            own.execute("SELECT * FROM pii.visit", reader)


def test_tables_and_columns_have_their_labels_keys_and_indexes(
    server: Server, filled: tuple[str, Path]
) -> None:
    url = filled[0]
    comments = dict(
        server.execute(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute "
            "WHERE attrelid = 'clean.visit'::regclass AND attnum > 0",
            url,
        )
    )
    assert comments["work"] == "Work?"
    assert server.execute("SELECT obj_description('clean.visit'::regclass)", url) == [("Visit",)]
    keys = server.execute(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' "
        "AND connamespace = 'clean'::regnamespace ORDER BY 1",
        url,
    )
    assert ("clean.visit", "PRIMARY KEY (_submission_id)") in keys
    assert ("clean.visit__job", "PRIMARY KEY (_row_id)") in keys
    indexes = server.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'visit__job' AND schemaname = 'clean'", url
    )
    assert any("(_parent_row_id)" in definition for (definition,) in indexes)


# -- what is not ours, and what is wrong


def test_a_database_of_something_else_is_left_alone(server: Server) -> None:
    url = server.fresh()
    server.execute("CREATE SCHEMA clean", url)
    server.execute("CREATE TABLE clean.theirs AS SELECT 1 AS n", url)
    with pytest.raises(
        WarehouseError, match=r"has a schema clean that tracer_etl did not make; give it a database"
    ):
        postgres.Warehouse(url, ZONE)
    assert server.execute("SELECT n FROM clean.theirs", url) == [(1,)]


@pytest.mark.parametrize(("number", "kept"), [("number - 1", False), ("number + 1", True)])
def test_another_layout_is_made_anew_and_a_newer_one_left_alone(
    tmp_path: Path, server: Server, number: str, kept: bool
) -> None:
    batch = odd_values(tmp_path)
    url = server.fresh()
    with postgres.Warehouse(url, ZONE) as warehouse:
        warehouse.load(batch)
    server.execute(f"UPDATE meta.layout SET number = {number}", url)
    if kept:
        with pytest.raises(WarehouseError, match=r"made by a newer tracer_etl .*; upgrade"):
            postgres.Warehouse(url, ZONE)
        assert server.execute("SELECT count(*) FROM meta.submission", url) == [(10,)]
    else:
        with pytest.raises(WarehouseError, match=r"made by an older tracer_etl .*; run `tracer-etl run`"):
            postgres.Warehouse(url, ZONE, renew=False)
        assert server.execute("SELECT count(*) FROM meta.submission", url) == [(10,)]
        with postgres.Warehouse(url, ZONE) as warehouse:
            assert warehouse.recipe("visit") == ""
            assert warehouse.load(batch).landed == 10


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://etl:s3cr@t@localhost/x",
        "postgresql://etl:s3cr/t@localhost/x",
        "postgresql://etl:s3cr#t@localhost/x",
        "postgresql://etl:s3cr?t@localhost/x",
        "postgresql://etl:s3cr%t@localhost/x",
        "postgresql://etl:s3cr t@localhost/x",
        "mysql://etl:s3cret@localhost/x",
        "host=localhost password=s3cret",
        "postgresql://etl:s3cret@localhost/x?nonsense=1",
    ],
)
def test_a_wrong_address_never_shows_its_password(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    pytest.importorskip("psycopg")
    from tracer_etl.cli import main

    monkeypatch.setenv("TRACER_DATABASE", url)
    monkeypatch.setattr(
        sys, "argv", ["tracer-etl", "--verbose", "--study", str(study_folder(tmp_path)), "status"]
    )
    assert main() == StudyError.exit_code
    printed = "".join(capfd.readouterr())
    assert "TRACER_DATABASE: not an address of PostgreSQL" in printed
    assert "s3cr" not in printed


def test_a_refused_login_never_shows_its_password(server: Server) -> None:
    url = server.fresh()
    server.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    wrong = url.replace("://postgres@", "://locked:s3cret@")
    with pytest.raises(WarehouseError, match=r"cannot be used \(.*password authentication failed") as caught:
        postgres.Warehouse(wrong, ZONE)
    assert "s3cret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert "\n" not in str(caught.value)


def test_without_psycopg_the_extra_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['psycopg'] = None; from tracer_etl.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "--study", str(study_folder(tmp_path)), "status"],
        env={**os.environ, "TRACER_DATABASE": "postgresql://localhost/x"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == StudyError.exit_code
    assert "tracer-etl[postgres]" in done.stderr
    assert done.stderr.count("\n") == 1


# -- speed


def many(folder: Path, count: int) -> Batch:
    """Make a batch of many submissions with two jobs each, straight in Parquet."""
    batch = odd_values(folder, "")
    built = batch.folder
    key = "printf('uuid:%08d-0000-4000-8000-000000000000', i)"
    form_columns = [name for name in batch.schema.root.types() if name not in ROOT_COLUMNS]
    answers = {
        "who": f"'Sri ' || {key}",
        "age": "i % 60",
        "born": "DATE '1990-01-01' + CAST(i % 9000 AS INT)",
    }
    answers |= {
        "work": "'1'",
        "tools": "'saw sawdust'",
        "place_lat": "-8.0 - i / 1e7",
        "place_lon": "112.0 + i / 1e7",
    }
    root = ", ".join(f"{answers.get(name, 'NULL')} AS {name}" for name in form_columns)
    system = f"{key} AS _submission_id, {key} AS _instance_id, '1' AS _form_version, TIMESTAMPTZ '2026-01-05 08:00:00+07'"
    system += (
        " + INTERVAL (i) SECOND AS _submitted_at, 'approved' AS _review_state, 0 AS _revision, i AS _landed"
    )
    job = f"{key} AS _submission_id, {key} || '/job[' || j || ']' AS _row_id, {key} AS _parent_row_id, j AS _position"
    job += ", TIMESTAMPTZ '2020-01-01 00:00:00+07' + INTERVAL (i) HOUR AS title, i / 7 AS hours"
    chosen = f"{key} AS _submission_id, {key} AS _row_id, 'tools' AS question, ['saw', 'sawdust'][j] AS choice, j AS _position"
    for name, columns, source in (
        ("visit", f"{system}, {root}", f"range({count}) a(i)"),
        ("visit__job", job, f"range({count}) a(i), range(1, 3) b(j)"),
        ("visit__selected", chosen, f"range({count}) a(i), range(1, 3) b(j)"),
        ("visit__task", "*", f"'{built}/visit__task.parquet' LIMIT 0"),
        ("reasons", "*", f"'{built}/reasons.parquet' LIMIT 0"),
        ("problems", "*", f"'{built}/problems.parquet' LIMIT 0"),
    ):
        rest = f"SELECT {columns} FROM {source}"
        duckdb.execute(f"COPY ({rest}) TO '{built}/{name}.new' (FORMAT parquet)")
        (built / f"{name}.new").replace(built / f"{name}.parquet")
    return batch


@pytest.mark.slow
def test_load_costs_little_more_than_a_plain_copy_of_the_same_rows(tmp_path: Path, server: Server) -> None:
    warm, batch = odd_values(tmp_path / "warm"), many(tmp_path, 60_000)
    with postgres.Warehouse(server.fresh(), ZONE) as first:
        first.load(warm)  # what is imported once in the life of a process
    with postgres.Warehouse(server.fresh(), ZONE) as warehouse:
        before = effort(warehouse)
        assert warehouse.load(batch).good == 60_000
        loading = effort(warehouse) - before
        plain, keyed = copied(warehouse, keys=False), copied(warehouse, keys=True)
        before = effort(warehouse)
        assert warehouse.load(batch).changed == 60_000
        again = effort(warehouse) - before
    print(f"\nload {loading:.2f} CPU s = {loading / keyed:.2f} x COPY with the same keys, ", end="")
    print(f"{loading / plain:.2f} x COPY without any; all rows replaced once more: {again / keyed:.2f} x")
    assert loading / keyed <= 2, "the goal is 1.5; the clock of the kernel is coarse"


def effort(warehouse: postgres.Warehouse) -> float:
    """Add up the CPU seconds of this process and of the server's: a busy machine does not change them."""
    raw = Path(f"/proc/{warehouse.session.raw.info.backend_pid}/stat").read_text()
    spent = raw.rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")


def copied(warehouse: postgres.Warehouse, *, keys: bool) -> float:
    """Measure PostgreSQL's own COPY of what was loaded, from text that is ready, with or without the keys."""
    raw, connection = warehouse.session.raw, warehouse.connection
    texts = {}
    loaded = [f"{area}.{name}" for area in ("clean", "pii") for name in warehouse._tables(area)]
    for name in [*loaded, "meta.submission"]:
        with raw.cursor().copy(f"COPY {name} TO STDOUT (FORMAT csv)".encode()) as copy:
            texts[name] = b"".join(copy)
    with raw.transaction(force_rollback=True):
        connection.execute("CREATE SCHEMA bare")
        before = effort(warehouse)
        for number, (table, text) in enumerate(texts.items()):
            target = f"bare.t{number}"
            connection.execute(f"CREATE TABLE {target} (LIKE {table})")
            with raw.cursor().copy(f"COPY {target} FROM STDIN (FORMAT csv)".encode()) as copy:
                copy.write(text)
            for statement in definitions(warehouse, table, target) if keys else ():
                connection.execute(statement)
        return effort(warehouse) - before


def definitions(warehouse: postgres.Warehouse, table: str, target: str) -> list[str]:
    """Write the indexes of a table for another one."""
    found = warehouse.connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE schemaname || '.' || tablename = ?", [table]
    ).fetchall()
    parts = [definition.partition(" USING ") for (definition,) in found]
    unique = ["UNIQUE" if "UNIQUE" in head else "" for head, _, _ in parts]
    return [
        f"CREATE {one} INDEX ON {target} USING {how}" for one, (_, _, how) in zip(unique, parts, strict=True)
    ]
