"""Labels: what the versions of a form come to together, and the views analysts open."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest

from makers import STUDY, store, xml
from tracer_etl import pipeline
from tracer_etl.study import read_study
from tracer_etl.warehouse.codelists import short_codes
from tracer_etl.warehouse.duckdb import Warehouse
from tracer_etl.warehouse.labels import add_labels

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

HEAD = """
| survey  |                      |       |                  |                     |          |                      |
|         | type                 | name  | label::Bahasa Indonesia (id) | label::English (en) | relevant | bind::tracer:privacy |
|         | text                 | who   | Nama             | Name                |          | direct               |
|         | integer              | age   | Umur             | Age                 |          | quasi                |
"""
OLD = (
    HEAD
    + """
|         | select_one yn        | work  | Bekerja?         | Working?            |          |                      |
|         | select_multiple tool | tools | Alat             | Tools               |          |                      |
| choices |                      |       |                  |                     |          |                      |
|         | list_name            | name  | label::Bahasa Indonesia (id) | label::English (en) |
|         | yn                   | 1     | Ya               | Yes                 |
|         | yn                   | 0     | Bukan            | Not                 |
|         | yn                   | 9     | It's unknown     | Don't know          |
|         | tool                 | saw   | Gergaji          | Saw                 |
|         | tool                 | sawdust | Serbuk         | Dust                |
| settings |                     |       |                  |                     |
|         | form_id              | version | default_language | namespaces        |
|         | visit                | 1     | Bahasa Indonesia (id) | tracer="urn:tracer-etl:privacy" |
"""
)
NEW = (
    HEAD
    + """
|         | begin_group          | life  | Hidup            | Life                | ${age} > 14 |                   |
|         | select_one yn        | work  | Apakah bekerja?  | Working?            | ${age} > 15 |                   |
|         | end_group            |       |                  |                     |          |                      |
|         | select_multiple tool | tools | Alat             | Tools               |          |                      |
|         | geopoint             | place | Tempat           | Place               |          | open                 |
|         | begin_repeat         | job   | Pekerjaan        | Job                 |          |                      |
|         | select_one yn        | paid  | Dibayar          | Paid                |          |                      |
|         | end_repeat           |       |                  |                     |          |                      |
| choices |                      |       |                  |                     |          |                      |
|         | list_name            | name  | label::Bahasa Indonesia (id) | label::English (en) |
|         | yn                   | 0     | Tidak            | No                  |
|         | yn                   | 1     | Ya               | Yes                 |
|         | tool                 | hammer | Palu            |                     |
|         | tool                 | saw   | Gergaji          | Saw                 |
|         | tool                 | sawdust | Serbuk         | Dust                |
| settings |                     |       |                  |                     |
|         | form_id              | version | default_language | namespaces        |
|         | visit                | 2     | Bahasa Indonesia (id) | tracer="urn:tracer-etl:privacy" |
"""
)
ANSWERS = {
    "a": xml(1, "<who>Sri Rahayu</who><age>30</age><work>9</work><tools>sawdust saw</tools>", "1"),
    "b": xml(
        2,
        "<who>Budi</who><age>20</age><life><work>0</work></life><tools>hammer saw</tools><job><paid>1</paid></job>",
        "2",
    ),
    "c": xml(3, "<age>11</age>", "2"),
}


@pytest.fixture(scope="module")
def study_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    (folder / "forms").mkdir()
    (folder / "expectations").mkdir()
    (folder / "forms" / "old.md").write_text(OLD, encoding="utf-8")
    (folder / "forms" / "visit.md").write_text(NEW, encoding="utf-8")
    text = f'{STUDY}versions = ["forms/old.md"]\n'
    (folder / "study.toml").write_text(text, encoding="utf-8")
    store(folder / "inbox" / "visit.zip", ANSWERS)
    study = read_study(folder / "study.toml")
    pipeline.refresh(study)
    return study.published


@pytest.fixture
def published(study_path: Path) -> DuckDBPyConnection:
    with duckdb.connect(str(study_path), read_only=True) as connection:
        yield connection


def test_a_column_tells_where_every_version_kept_it(published: DuckDBPyConnection) -> None:
    rows = published.execute(
        "SELECT column_name, paths, first_version, last_version, privacy, lists, asked_when FROM meta.column "
        "WHERE table_name = 'visit' AND kind <> 'system' AND kind <> 'geopoint' ORDER BY position"
    ).fetchall()
    assert [row[:5] for row in rows if row[0] != "instancename"] == [
        ("who", ["who"], "1", "2", "direct"),
        ("age", ["age"], "1", "2", "quasi"),
        ("work", ["life/work", "work"], "1", "2", "open"),
        ("tools", ["tools"], "1", "2", "open"),
    ]
    work = next(row for row in rows if row[0] == "work")
    assert work[5] == ["yn"]
    assert "> 14" in work[6]
    assert "> 15" in work[6]


def test_the_dictionary_and_the_tables_name_the_same_columns(published: DuckDBPyConnection) -> None:
    described = published.execute(
        "SELECT table_name, column_name, sql_type FROM meta.column WHERE privacy <> 'direct' ORDER BY table_name, position"
    ).fetchall()
    there = published.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'clean' "
        "AND NOT starts_with(table_name, 'v_') ORDER BY table_name, ordinal_position"
    ).fetchall()
    zoned = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
    assert described == [(table, name, zoned.get(kind, kind)) for table, name, kind in there]


def test_a_removed_choice_keeps_its_label_and_a_number_never_changes(published: DuckDBPyConnection) -> None:
    rows = published.execute(
        "SELECT value, label, position, number, in_versions FROM meta.code WHERE list_name = 'yn' AND language LIKE '%(id)' "
        "ORDER BY position"
    ).fetchall()
    assert rows == [
        ("0", "Tidak", 1, 2, ["1", "2"]),
        ("1", "Ya", 2, 1, ["1", "2"]),
        ("9", "It's unknown", 3, 3, ["1"]),
    ]
    numbers = published.execute(
        "SELECT DISTINCT value, number FROM meta.code WHERE list_name = 'tool' ORDER BY number"
    ).fetchall()
    assert numbers == [("saw", 1), ("sawdust", 2), ("hammer", 3)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("id", [("It's unknown", "Serbuk; Gergaji"), ("Tidak", "Palu; Gergaji"), (None, None)]),
        ("en", [("Don't know", "Dust; Saw"), ("No", "Palu; Saw"), (None, None)]),
    ],
)
def test_a_view_speaks_each_language(
    published: DuckDBPyConnection, code: str, expected: list[tuple[str, str]]
) -> None:
    view = f"clean.v_visit_{code}"
    assert published.execute(f"SELECT work, tools FROM {view} ORDER BY _submission_id").fetchall() == expected
    names = [row[0] for row in published.execute(f"DESCRIBE {view}").fetchall()]
    assert names == [row[0] for row in published.execute("DESCRIBE clean.visit").fetchall()]
    assert names[0] == "_submission_id"


def test_a_repeat_has_views_and_nobody_is_named_in_any(
    published: DuckDBPyConnection, study_path: Path
) -> None:
    assert published.execute("SELECT paid FROM clean.v_visit__job_en").fetchall() == [("Yes",)]
    views = published.execute("SELECT view_name FROM meta.view ORDER BY 1").fetchall()
    assert views == [("v_visit__job_en",), ("v_visit__job_id",), ("v_visit_en",), ("v_visit_id",)]
    assert b"Sri Rahayu" not in study_path.read_bytes()


def test_labels_are_comments_of_tables_columns_and_views(published: DuckDBPyConnection) -> None:
    comments = {
        (table, column): comment
        for table, column, comment in published.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE schema_name = 'clean'"
        ).fetchall()
    }
    assert comments["visit", "work"] == "Apakah bekerja?"
    assert comments["v_visit_en", "work"] == "Working?"
    assert comments["v_visit_en", "place_lat"] == "Place (latitude)"
    assert comments["v_visit_id", "_submission_id"] == "Kiriman"
    titles = published.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'v_visit__job_en'")
    assert titles.fetchall() == [("Job",)]


def test_views_survive_another_file_name_and_another_catalog(study_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "2026 copy.duckdb"
    shutil.copyfile(study_path, copy)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{copy}' AS elsewhere (READ_ONLY)")
        assert connection.execute("SELECT count(*) FROM elsewhere.clean.v_visit_id").fetchone() == (3,)


def test_a_view_gives_way_to_a_table_of_its_name(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "w.duckdb", "Asia/Jakarta") as warehouse:
        connection = warehouse.connection
        connection.execute("ATTACH ':memory:' AS published")
        for area in ("clean", "meta"):
            connection.execute(f"CREATE SCHEMA published.{area}")
        for name in ("visit", "v_visit_default"):
            connection.execute(f"CREATE TABLE published.clean.{name} (_submission_id VARCHAR)")
        for table in ("column", "language", "form_table", "form_version", "question", "code"):
            connection.execute(f"CREATE TABLE published.meta.{table} AS FROM meta.{table}")
        connection.execute("INSERT INTO published.meta.language VALUES ('visit', 'default', 'default', 1)")
        connection.execute(
            "INSERT INTO published.meta.form_table VALUES ('visit', 'visit', 'root', '', '', 1, 'default', '')"
        )
        connection.execute(
            "INSERT INTO published.meta.column VALUES ('visit', 'visit', '_submission_id', 1, 'system', 'VARCHAR', 'open', "
            "'', [], '', [], '', '1', '1')"
        )
        add_labels(connection, "published")
        [(name,)] = connection.execute("SELECT view_name FROM published.meta.view").fetchall()
        assert name.startswith("v_visit_default_")
        assert connection.execute(f'SELECT count(*) FROM published.clean."{name}"').fetchone() == (0,)


def test_names_of_views_have_at_most_63_bytes(tmp_path: Path) -> None:
    form_id = "f" * 63
    text = NEW.replace("|         | visit                | 2 ", f"|         | {form_id} | 2 ")
    (tmp_path / "forms").mkdir()
    (tmp_path / "expectations").mkdir()
    (tmp_path / "forms" / "visit.md").write_text(text, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY.replace('id = "visit"', f'id = "{form_id}"'), encoding="utf-8")
    answers = {name: one.replace(b'id="visit"', f'id="{form_id}"'.encode()) for name, one in ANSWERS.items()}
    store(tmp_path / "inbox" / f"{form_id}.zip", answers)
    pipeline.refresh(read_study(tmp_path / "study.toml"))
    with duckdb.connect(str(tmp_path / "var" / "published.duckdb"), read_only=True) as connection:
        names = [row[0] for row in connection.execute("SELECT view_name FROM meta.view").fetchall()]
        assert len(names) == len(set(names)) == 4
        assert max(map(len, names)) <= 63
        for name in names:
            connection.execute(f'SELECT * FROM clean."{name}"').fetchall()


def test_two_languages_never_share_a_short_code() -> None:
    codes = short_codes(("A (pt-BR)", "B (pt_br)", "日本語", "日本語 "))
    assert codes["A (pt-BR)"] == "pt_br"
    assert len(set(codes.values())) == 4
