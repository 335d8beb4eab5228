"""The forms' expressions as SQL: the meaning of XPath as JavaRosa, the engine of ODK Collect, gives it."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from makers import Nothing
from makers import form as make_form
from tracer_etl.checks import check
from tracer_etl.form import read_form
from tracer_etl.landing import Landing
from tracer_etl.logic import NotEvaluated, Scope, condition, row_source, text
from tracer_etl.logic.parser import parse
from tracer_etl.logic.syntax import CannotCompile
from tracer_etl.names import quote
from tracer_etl.schema import Schema, schema_of
from tracer_etl.servers.folder import FolderSource
from tracer_etl.tables import build

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]

FORM = """
| survey   |                        |         |         |          |                      |
|          | type                   | name    | label   | relevant | calculation          |
|          | end                    | end     |         |          |                      |
|          | today                  | today   |         |          |                      |
|          | text                   | who     | Who     |          |                      |
|          | integer                | age     | Age     |          |                      |
|          | integer                | blank   | Blank   |          |                      |
|          | decimal                | land    | Land    |          |                      |
|          | date                   | born    | Born    |          |                      |
|          | dateTime               | seen    | Seen    |          |                      |
|          | time                   | clock   | Clock   |          |                      |
|          | select_one town        | town    | Town    |          |                      |
|          | select_multiple tool   | tools   | Tools   |          |                      |
|          | geopoint               | place   | Place   |          |                      |
|          | note                   | hello   | Hello   |          |                      |
|          | begin_repeat           | job     | Job     |          |                      |
|          | text                   | title   | Title   |          |                      |
|          | integer                | hours   | Hours   |          |                      |
|          | integer                | extra   | Extra   | ${hours} > 40 |                 |
|          | begin_repeat           | task    | Task    |          |                      |
|          | integer                | minutes | Minutes |          |                      |
|          | end_repeat             |         |         |          |                      |
|          | end_repeat             |         |         |          |                      |
| choices  |                        |         |         |          |                      |
|          | list_name              | name    | label   | region   |                      |
|          | town                   | b       | Blitar  | east     |                      |
|          | town                   | m       | Malang  | east     |                      |
|          | tool                   | saw     | Saw     |          |                      |
|          | tool                   | drill   | Drill   |          |                      |
| settings |                        |         |         |          |                      |
|          | form_id                | version |         |          |                      |
|          | visit                  | 1       |         |          |                      |
"""
ROWS = {
    "visit": {
        "_submission_id": "'s1'", "_submitted_at": "TIMESTAMPTZ '2026-01-11 10:00:00+07'",
        "end_": "TIMESTAMPTZ '2026-01-10 09:30:00+07'", "today": "DATE '2026-01-09'", "who": "'Siti A.'",
        "age": "30", "land": "2.5", "born": "DATE '1995-03-02'", "clock": "TIME '07:00:00'",
        "seen": "TIMESTAMPTZ '2026-01-10 08:00:00+07'", "town": "'b'", "tools": "'saw drill'",
    },
    "visit__job": [
        {"_submission_id": "'s1'", "_row_id": "'j1'", "_parent_row_id": "'s1'", "_position": "1",
         "title": "'cook'", "hours": "20"},
        {"_submission_id": "'s1'", "_row_id": "'j2'", "_parent_row_id": "'s1'", "_position": "2",
         "title": "'driver'", "hours": "45", "extra": "5"},
        {"_submission_id": "'s2'", "_row_id": "'j9'", "_parent_row_id": "'s2'", "_position": "1",
         "hours": "99"},
    ],
    "visit__task": [
        {"_submission_id": "'s1'", "_row_id": "'t1'", "_parent_row_id": "'j2'", "_position": "1", "minutes": "15"},
        {"_submission_id": "'s1'", "_row_id": "'t2'", "_parent_row_id": "'j2'", "_position": "2"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Schema, duckdb.DuckDBPyConnection]]:
    """One visit with two jobs and two tasks, as DuckDB tables."""
    schema = schema_of([make_form(tmp_path_factory.mktemp("form"), FORM)])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Jakarta'")
        for table in schema.tables:
            types = table.types()
            connection.execute(
                f"CREATE TABLE {quote(table.name)} ({', '.join(f'{quote(c)} {t}' for c, t in types.items())})"
            )
            rows = ROWS[table.name]
            for row in rows if isinstance(rows, list) else [rows]:
                connection.execute(
                    f"INSERT INTO {quote(table.name)} ({', '.join(row)}) VALUES ({', '.join(row.values())})"
                )
        connection.execute(
            "CREATE TABLE \"list:1:town\" AS SELECT * FROM (VALUES ('b', 'Blitar', 'east', 1), "
            "('m', 'Malang', 'east', 2)) AS t(name, label, region, _position)"
        )
        yield schema, connection


def scope(schema: Schema, table: str = "visit", path: tuple[str, ...] = ("who",)) -> tuple[Scope, str]:
    clause, aliases = row_source(schema, schema.table(table))
    return Scope(schema, schema.newest, path, aliases), clause


def evaluate(
    world: tuple[Schema, Any], xpath: str, table: str = "visit", path: tuple[str, ...] = ("who",)
) -> str:
    schema, connection = world
    at, clause = scope(schema, table, path)
    compiled = text(xpath, at)
    assert isinstance(compiled, str), compiled
    last = at.aliases[table]
    row = "j2" if table == "visit__job" else "t1" if table == "visit__task" else "s1"
    where = f"{last}.{schema.table(table).row_key} = '{row}'"
    return connection.execute(f"SELECT {compiled} {clause} WHERE {where}").fetchone()[0]


# What JavaRosa 5 gave for the same expressions, word for word.
LITERALS = [
    ("date('2023-06-01') > '2023-05-01'", "false"),
    ("date('2023-06-01') = '2023-06-01'", "true"),
    ("'2023-06-01' < '2023-07-01'", "false"),
    ("date('2023-06-01') + 1", "19510"),
    ("string(date('2023-06-01'))", "2023-06-01"),
    ("number('1e3')", "NaN"),
    ("number('+5')", "NaN"),
    ("number(' 5 ')", "5"),
    ("'' = 0", "false"),
    ("'' != 0", "true"),
    ("number('') = number('')", "false"),
    ("5 div 0 > 3", "true"),
    ("0 div 0 != 5", "true"),
    ("'5.0' = 5", "true"),
    ("'5.0' = '5'", "false"),
    ("true() = 'false'", "true"),
    ("string(1.50)", "1.5"),
    ("string(100000000)", "100000000"),
    ("round(2.5)", "3"),
    ("round(-2.5)", "-2"),
    ("round(1.256, 2)", "1.26"),
    ("round(1234, -2)", "1200"),
    ("int(-2.9)", "-2"),
    ("substr('12345', 1, 3)", "23"),
    ("substr('12345', 3)", "45"),
    ("substr('12345', -2)", "45"),
    ("substr('12345', 3, 99)", "45"),
    ("substr('12345', 4, 2)", ""),
    ("selected('', '')", "true"),
    ("selected('1 2', '')", "false"),
    ("selected('1 2 ', ' 2')", "true"),
    ("selected('12 3', '2')", "false"),
    ("count-selected('')", "0"),
    ("count-selected(' 1  2 ')", "2"),
    ("selected-at('1 2', 1)", "2"),
    ("selected-at('1 2', 5)", ""),
    ("selected-at('1 2', -1)", ""),
    ("max(1, '', 3)", "3"),
    ("min(1, 2)", "1"),
    ("coalesce('', 'b')", "b"),
    ("coalesce(0, 'b')", "0"),
    ("if('', 'a', 'b')", "b"),
    ("if('0', 'a', 'b')", "a"),
    ("if(0, 'a', 'b')", "b"),
    ("boolean('false')", "true"),
    ("boolean-from-string('false')", "false"),
    ("not('')", "true"),
    ("regex('abc1', '[a-z]+')", "false"),
    ("regex(12, '[0-9]+')", "true"),
    ("contains('abc', '')", "true"),
    ("starts-with('abc', 'a')", "true"),
    ("substring-before('a-b', '-')", "a"),
    ("string-length('héé')", "3"),
    ("normalize-space(' a  b ')", "a b"),
    ("concat('a', 1, true())", "a1true"),
    ("join(',', 'a', '', 'b')", "a,,b"),
    ("decimal-date-time('2026-03-01T07:00:00.000+07:00')", "20513"),
    ("format-date('2026-03-01', '%d/%m/%y %e %n')", "01/03/26 1 3"),
    ("format-date('', '%d')", ""),
    ("7 mod 3", "1"),
    ("-7 mod 3", "-1"),
    ("7.5 mod 2", "1.5"),
    ("-'3'", "-3"),
    ("1 = 1.0000000000001", "true"),
    ("pow(2, 3)", "8"),
    ("'a' = 'a' and 'b'", "true"),
    ("2 + 3 * 4 = 14 or 1 div 0 < 1", "true"),
    ("date(20000)", "2024-10-04"),
    ("number('12,5')", "12.5"),
    ("string(3000000000)", "3.0E9"),
    ("string(0.0005)", "5.0E-4"),
    ("concat(50000000 div 3)", "1.6666666666666666E7"),
    ("string(-1 div 0)", "-Infinity"),
    ("checklist(1, 2, true(), false(), true(), true())", "false"),
    ("weighted-checklist(3, -1, true(), 2, false(), 9, 'x', 1)", "true"),
    ("date(99999999999)", ""),
    ("selected-at('a b', 99999999999999999999)", ""),
]


@pytest.mark.parametrize(("xpath", "expected"), LITERALS, ids=lambda value: value)
def test_literals_mean_what_javarosa_says(world: tuple[Schema, Any], xpath: str, expected: str) -> None:
    assert evaluate(world, xpath) == expected


NODES = [
    ("/data/age", "30"),
    ("../age + 1", "31"),
    ("/data/land", "2.5"),
    ("/data/blank", ""),
    ("/data/blank = ''", "true"),
    ("/data/blank != ''", "false"),
    ("/data/blank < 5", "false"),
    ("/data/blank >= 5", "false"),
    ("/data/blank != 5", "true"),
    ("/data/blank = /data/blank", "true"),
    ("/data/age = '30'", "true"),
    ("/data/age = '30.0'", "true"),
    ("/data/age = ''", "false"),
    ("/data/blank + 1", "NaN"),
    ("if(/data/blank = '', 0, /data/blank) + 2", "2"),
    ("/data/born", "1995-03-02"),
    ("/data/born < date('1996-01-01')", "true"),
    ("/data/born <= today()", "true"),
    ("today()", "2026-01-10"),
    ("now()", "2026-01-10"),
    ("/data/hello", ""),
    ("/data/place = ''", "true"),
    ("selected(/data/tools, 'saw')", "true"),
    ("count-selected(../tools)", "2"),
    (". = 'Siti A.'", "true"),
    ("string-length(.)", "7"),
    ("instance('town')/root/item[name = /data/town]/region", "east"),
    ("instance('town')/root/item[name = 'x']/region", ""),
    ("count(instance('town')/root/item[no_such_column = ''])", "2"),
    ("count(instance('town')/root/item[region = 'east'])", "2"),
    ("count(/data/job)", "2"),
    ("sum(/data/job/hours)", "65"),
    ("max(/data/job/hours)", "45"),
    ("min(../job/hours)", "20"),
    ("count(/data/job[hours > 40])", "1"),
    ("sum(/data/job[title = 'cook']/hours)", "20"),
    ("count(/data/job/task)", "2"),
    ("sum(/data/job/task/minutes)", "NaN"),
    ("count-non-empty(/data/job/task/minutes)", "1"),
    ("join(' ', /data/job/title)", "cook driver"),
    ("/data/job[2]/title", "driver"),
    ("/data/job[7]/title", ""),
    ("indexed-repeat(/data/job/hours, /data/job, 1)", "20"),
    ("once('new')", "Siti A."),
]


@pytest.mark.parametrize(("xpath", "expected"), NODES, ids=lambda value: value)
def test_nodes_of_the_submission(world: tuple[Schema, Any], xpath: str, expected: str) -> None:
    assert evaluate(world, xpath) == expected


@pytest.mark.parametrize(
    ("xpath", "expected"),
    [
        ("../hours", "45"),
        ("/data/age", "30"),
        ("../../age", "30"),
        ("position(..)", "2"),
        ("count(../task)", "2"),
        ("current()/../title", "driver"),
    ],
)
def test_nodes_seen_from_a_repeat(world: tuple[Schema, Any], xpath: str, expected: str) -> None:
    assert evaluate(world, xpath, "visit__job", ("job", "extra")) == expected


def test_a_nested_repeat_sees_all_rows_above_it(world: tuple[Schema, Any]) -> None:
    xpath = "concat(../../title, ' ', /data/who, ' ', position(../..), ' ', position(..))"
    assert evaluate(world, xpath, "visit__task", ("job", "task", "minutes")) == "driver Siti A. 2 1"


@pytest.mark.parametrize(
    ("xpath", "reason"),
    [
        ("uuid()", "uuid() is not compiled"),
        ("random() > 0.5", "random() is not compiled"),
        ("/data/job/title = 'cook'", "one value per instance"),
        ("/data/nowhere = 1", "no question of this form version"),
        ("../../../who", "outside the form"),
        ("regex(., '(?=a)b')", "look-around"),
        ("regex(., /data/who)", "made of answers"),
        ("/data/clock < 5", "times are compared differently"),
        ("format-date(/data/born, '%b')", "phone's language"),
        ("count(/data/job/extra)", "look alike"),
        ("instance('far')/root/item[name = 'a']/label", "not at hand"),
        ("/data/age >", "expected a node name"),
        ("/data/age ! 3", "unexpected character"),
        ("(/data/age", "expected ')'"),
        ("//age", "node name"),
        ("if(true(), 1)", "wrong number of arguments"),
        ("if(true(), true(), 'x')", "a condition and a value"),
    ],
)
def test_what_cannot_be_compiled_is_not_evaluated(world: tuple[Schema, Any], xpath: str, reason: str) -> None:
    result = condition(xpath, scope(world[0])[0])
    assert isinstance(result, NotEvaluated)
    assert result.expression == xpath
    assert reason in result.reason


def test_a_repeat_seen_from_inside_itself_is_not_evaluated(world: tuple[Schema, Any]) -> None:
    result = condition("count(/data/job) > 1", scope(world[0], "visit__job", ("job", "hours"))[0])
    assert isinstance(result, NotEvaluated)
    assert "clients disagree" in result.reason


@pytest.mark.parametrize(
    ("xpath", "expected"),
    [
        ("/data/seen <= now()", True),  # the same day and earlier: every client agrees
        ("/data/seen < now()", None),  # Collect compares days, web clients moments
        ("/data/seen < date('2025-01-01')", False),
    ],
)
def test_where_clients_disagree_the_condition_is_undecided(
    world: tuple[Schema, Any], xpath: str, expected: bool | None
) -> None:
    schema, connection = world
    at, clause = scope(schema)
    compiled = condition(xpath, at)
    assert connection.execute(f"SELECT {compiled} {clause}").fetchone()[0] is expected


_NAMES = st.sampled_from(["/data/age", "../who", ".", "'div'", "3", ".5", "today()", "count(/data/job)"])
_TREES = st.recursive(
    _NAMES,
    lambda inner: st.one_of(
        st.tuples(
            inner, st.sampled_from(["and", "or", "=", "!=", "<", ">=", "+", "-", "*", "div", "mod"]), inner
        ).map(" ".join),
        inner.map(lambda x: f"({x})"),
        inner.map(lambda x: f"not({x})"),
        inner.map(lambda x: f"- {x}"),
    ),
    max_leaves=6,
)


@given(_TREES)
def test_parsing_does_not_depend_on_white_space(xpath: str) -> None:
    assert parse(xpath) == parse(f"  {xpath.replace(' ', '  ')} ")


@given(st.text(alphabet="abc/.()[]'\"=<>-+* 012,|@:$", max_size=25))
def test_any_text_parses_or_says_why(text: str) -> None:
    with suppress(CannotCompile):
        assert parse(text) == parse(text + " ")


# At random, one call in thirty gets past these questions, and most of the form would never be reached.
DOORS = {"contact_result": "01", "consent": "1", "respondent_type": "1", "em_consent": "1"}


@pytest.mark.java
@pytest.mark.slow
@pytest.mark.parametrize("workbook", sorted((ROOT / "forms").glob("*.xlsx")), ids=lambda path: path.stem)
def test_what_javarosa_accepts_breaks_no_compiled_rule(workbook: Path, tmp_path: Path) -> None:
    """Random answers Collect finalized: nothing required is missing, nothing irrelevant is there."""
    from tracer_etl.collect import Clock, Device, Filler, Identifiers, Question, RandomAnswers

    class Interviewed(RandomAnswers):
        """Answers at random, but mostly lets the interview take place."""

        def __call__(self, question: Question) -> object:
            wanted = DOORS.get(question.name)
            return wanted if wanted and self.rng.random() < 0.9 else super().__call__(question)

    form = read_form(workbook, ROOT / "forms" / "media")
    filler = Filler(form.xform.encode(), ROOT / "forms" / "media")
    inbox = tmp_path / "in" / form.form_id / "instances"
    accepted: dict[str, bytes] = {}
    for seed in range(25):
        filled = filler.fill(
            Interviewed(random.Random(seed)),
            clock=Clock(datetime(2026, 1, 10, 2, 0, seed, tzinfo=UTC)),
            identifiers=Identifiers(seed),
            device=Device(),
        )
        if filled.xml:
            accepted[f"{seed}"] = filled.xml
    assert len(accepted) > 5
    for name, content in accepted.items():
        (inbox / name).mkdir(parents=True)
        (inbox / name / "submission.xml").write_bytes(content)
    landing = Landing(tmp_path / "landing", form.form_id)
    landing.land(FolderSource(tmp_path / "in").pull(form.form_id, Nothing()), "t")
    schema, out = schema_of([form]), tmp_path / "out"
    build(landing.segments(), schema, out, "Asia/Jakarta")
    verdict = check(out, schema, tmp_path / "none", timezone="Asia/Jakarta")
    assert verdict.landed == len(accepted)
    assert verdict.not_evaluated == ()
    reasons = duckdb.sql(f"SELECT rule, column_name, _row_id FROM '{out}/reasons.parquet'").fetchall()
    assert reasons == []
    assert _relevance_differs(schema, out, accepted) == []


def _relevance_differs(schema: Schema, out: Path, accepted: dict[str, bytes]) -> list[str]:
    """Compare the compiled relevance of every root question with the presence of its node in the XML."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Jakarta'")
    for table in schema.tables:
        connection.execute(f"CREATE VIEW {quote(table.name)} AS FROM '{out}/{table.name}.parquet'")
    documents = {_instance_id(xml): etree.fromstring(xml) for xml in accepted.values()}
    clause, aliases = row_source(schema, schema.root)
    differing = []
    for question in schema.newest.questions:
        if question.path[0] == "meta" or schema.newest.repeat_of(question.path):
            continue
        groups = [
            (g.path, g.bind.relevant) for g in schema.newest.groups if question.path[: len(g.path)] == g.path
        ]
        binds = [*groups, (question.path, question.bind.relevant)]
        sql = [condition(x, Scope(schema, schema.newest, path, aliases)) for path, x in binds if x]
        found = connection.execute(
            f"SELECT _instance_id, {' AND '.join(map(str, sql)) or 'true'} {clause}"
        ).fetchall()
        for instance, relevant in found:
            present = documents[instance].find("/".join(question.path)) is not None
            if relevant is not None and relevant != present:
                differing.append(f"{instance} {'/'.join(question.path)}: {relevant} {present}")
    return differing


def _instance_id(xml: bytes) -> str:
    return str(
        etree.fromstring(xml).findtext("{*}meta/{*}instanceID")
        or etree.fromstring(xml).findtext("meta/instanceID")
    )
