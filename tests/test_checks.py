"""Checks: every written rule fires and holds its peace; nothing is passed that nobody judged."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from makers import FORM
from makers import form as make_form
from makers import schema as make_schema
from rule_cases import CASES
from staging import Rows, stage
from tracer_etl.checks import check
from tracer_etl.checks.compiled import compiled_rules
from tracer_etl.errors import LandingError, StudyError
from tracer_etl.form import read_form
from tracer_etl.records import Verdict
from tracer_etl.schema import BESIDE, Schema, schema_of
from tracer_etl.warehouse.meta import META_TABLES

ROOT = Path(__file__).parents[1]
EXPECTATIONS = ROOT / "expectations"
FORMS = sorted(path.stem for path in (ROOT / "forms").glob("*.xlsx"))


def study_schema(form_id: str) -> Schema:
    return schema_of([read_form(ROOT / "forms" / f"{form_id}.xlsx", ROOT / "forms" / "media")])


def reasons(folder: Path, columns: str = "*") -> list[tuple[Any, ...]]:
    return duckdb.sql(f"SELECT {columns} FROM '{folder}/reasons.parquet' ORDER BY ALL").fetchall()


def written() -> list[tuple[str, dict[str, Any]]]:
    files = sorted(EXPECTATIONS.glob("*.yaml"))
    return [(f.stem, e) for f in files for e in YAML(typ="safe").load(f)["expectations"]]


# -- the study's own rules


def _keys(table: str, form_id: str, key: str, parent: str, position: int) -> dict[str, Any]:
    if table == form_id:
        return {"_submission_id": key}
    row = f"{parent}/{table}[{position}]"
    return {"_submission_id": key, "_row_id": row, "_parent_row_id": parent, "_position": position}


def _add(tables: dict[str, Rows], schema: Schema, table: str, key: str, answers: dict[str, Any]) -> None:
    """Add a case's row, the rows above it that it needs, and its children."""
    own = {k: v for k, v in answers.items() if k[0] not in "+^@"}
    parent = key
    above = schema.table(table).parent
    if above:
        version = {"_form_version": schema.newest.version, **answers.get("^", {})}
        tables.setdefault(schema.root.name, []).append({"_submission_id": key, **version})
        if above != schema.root.name:
            outer = _keys(above, schema.root.name, key, key, 1)
            tables.setdefault(above, []).append(outer)
            parent = outer["_row_id"]
    else:
        own["_form_version"] = schema.newest.version
    tables.setdefault(table, []).append({**_keys(table, schema.root.name, key, parent, 1), **own})
    for name, children in answers.items():
        for position, child in enumerate(children if name[0] == "+" else (), 1):
            row = {**_keys(name[1:], schema.root.name, key, key, position), **child}
            tables.setdefault(name[1:], []).append(row)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str, str, str]]:
    """All cases of all forms, judged: (submission, table, rule, column)."""
    found: set[tuple[str, str, str, str]] = set()
    for form_id in FORMS:
        schema = study_schema(form_id)
        tables: dict[str, Rows] = {}
        files = []
        for (table, rule, column), pair in CASES.items():
            if table not in {one.name for one in schema.tables}:
                continue
            for label, answers in zip(("broken", "kept"), pair, strict=True):
                key = f"{label} {table} {rule} {column}"
                _add(tables, schema, table, key, answers)
                files += [{"_submission_id": key, "name": name} for name in answers.get("@", [])]
        folder = stage(tmp_path_factory.mktemp(form_id), schema, tables, attachments=files)
        verdict = check(folder, schema, EXPECTATIONS, timezone="Asia/Jakarta")
        assert verdict.not_evaluated == ()
        assert verdict.landed == verdict.good + verdict.set_aside == len(tables[form_id])
        found |= set(reasons(folder, "_submission_id, table_name, rule, column_name"))
    return found


@pytest.mark.parametrize(("table", "rule", "column"), CASES, ids=" ".join)
def test_a_rule_fires_where_it_is_broken_and_only_there(
    verdicts: set[tuple[str, str, str, str]], table: str, rule: str, column: str
) -> None:
    assert (f"broken {table} {rule} {column}", table, rule, column) in verdicts
    assert (f"kept {table} {rule} {column}", table, rule, column) not in verdicts


def test_every_written_rule_has_a_case() -> None:
    rules = {(table, entry["meta"]["id"], entry["meta"]["column"]) for table, entry in written()}
    assert rules == set(CASES)


def test_every_written_rule_says_why_in_both_languages() -> None:
    for table, entry in written():
        why = entry["meta"]["why"]
        for language in ("id", "en"):
            assert why[language].endswith("."), (table, entry["meta"]["id"])
            assert len(why[language]) > 15
        assert why["id"] != why["en"]


def test_severities_are_those_of_the_rule_list() -> None:
    critical = {e["meta"]["id"] for _, e in written() if e["severity"] == "critical"}
    assert critical == {"S03", "S05", "R01", "R14", "C01", "C09", "C12", "C14", "X15"}


# -- what the form states


def visit(folder: Path, rows: dict[str, Rows], **further: Any) -> tuple[Path, Verdict]:
    schema = make_schema(folder / "form")
    staged = stage(folder / "staging", schema, rows, **further)
    return staged, check(staged, schema, folder / "expectations")


def answers(key: str = "a", **given: Any) -> dict[str, Any]:
    return {"_submission_id": key, "_form_version": "1", "age": 30, "work": "0", **given}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"work": "2"}, [("form:choice", "work")]),
        ({"tools": "saw sawdust"}, []),
        ({"tools": "saw sawd"}, [("form:choice", "tools")]),
        ({"tools": "1"}, [("form:choice", "tools")]),
        ({"age": None}, [("form:required", "age")]),
        ({"work": None, "age": None}, [("form:required", "age"), ("form:required", "work")]),
        ({"_form_version": "7", "work": "2", "age": None}, []),
    ],
)
def test_answers_against_the_form(tmp_path: Path, changed: dict[str, Any], expected: list[tuple]) -> None:
    folder, verdict = visit(tmp_path, {"visit": [answers(**changed)]})
    assert reasons(folder, "rule, column_name") == expected
    assert (verdict.good, verdict.set_aside) == ((0, 1) if expected else (1, 0))


def test_a_repeat_is_judged_in_its_own_rows_and_sets_the_submission_aside(tmp_path: Path) -> None:
    jobs = [
        {
            "_submission_id": "a",
            "_row_id": f"a/job[{n}]",
            "_parent_row_id": "a",
            "_position": n,
            "title": title,
        }
        for n, title in enumerate(["cook", None], 1)
    ]
    unasked = {**jobs[0], "_submission_id": "b", "_row_id": "b/job[1]", "_parent_row_id": "b"}
    rows = {"visit": [answers("a", work="1"), answers("b"), answers("c")], "visit__job": [*jobs, unasked]}
    folder, verdict = visit(tmp_path, rows)
    assert reasons(folder, "_submission_id, table_name, _row_id, rule, column_name") == [
        ("a", "visit__job", "a/job[2]", "form:required", "title"),
        ("b", "visit__job", "b/job[1]", "form:relevant", "title"),
    ]
    assert verdict == Verdict("visit", 3, 1, 2, 0, {"form:relevant": 1, "form:required": 1}, ())


def test_an_older_version_is_held_to_its_own_form(tmp_path: Path) -> None:
    newer = re.sub(r"(\| visit +\|) 1 ", r"\1 2 ", re.sub(r"(\| yn +\|) 0 +\| No ", r"\1 2 | Maybe ", FORM))
    schema = make_schema(tmp_path / "forms", FORM, newer)
    assert schema.versions == ("1", "2")
    rows = [answers("old", work="0"), answers("new", work="0", _form_version="2"), answers("may", work="2")]
    folder = stage(tmp_path / "s", schema, {"visit": rows})
    check(folder, schema, tmp_path)
    assert reasons(folder, "_submission_id, rule") == [("may", "form:choice"), ("new", "form:choice")]


def test_a_form_without_a_version_is_judged(tmp_path: Path) -> None:
    text = FORM.replace("| version  |", "|").replace(
        "| visit                | 1        |", "| visit                |"
    )
    schema = make_schema(tmp_path / "forms", text)
    assert schema.versions == ("",)
    folder = stage(tmp_path / "s", schema, {"visit": [answers("a", work="2", _form_version=None)]})
    assert check(folder, schema, tmp_path).by_rule == {"form:choice": 1}


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_a_form_of_any_name_has_tables_of_its_own(tmp_path: Path, name: str) -> None:
    schema = make_schema(tmp_path / "forms", FORM.replace("| visit   ", f"| {name} "))
    root = schema.root.name
    assert (schema.form_id, root.rpartition("_")[0]) == (name, name)
    if name in ("judged", "named", "problems"):
        folder = stage(tmp_path / "s", schema, {root: [answers("a", work="2")]})
        assert check(folder, schema, tmp_path).by_rule == {"form:choice": 1}


def test_what_lies_beside_the_tables_of_forms_is_known(tmp_path: Path) -> None:
    schema = make_schema(tmp_path / "forms", FORM)
    folder = stage(tmp_path / "s", schema, {"visit": [answers("a")]})
    check(folder, schema, tmp_path)
    made = {path.stem for path in folder.iterdir() if path.suffix == ".parquet"}
    made |= {found[1] for table in META_TABLES if (found := re.search(r" (?:pii|quarantine)\.(\w+) ", table))}
    assert len(made) > 10
    assert made - {table.name for table in schema.tables} <= BESIDE


def test_problems_become_reasons_and_hide_what_follows_from_them(tmp_path: Path) -> None:
    kinds = ["type", "unreadable", "unknown_version", "duplicate_element", "unknown_field"]
    problems = [
        {
            "_submission_id": kind,
            "table_name": "visit",
            "_row_id": kind,
            "path": "age",
            "value": "x",
            "reason": kind,
        }
        for kind in kinds
    ]
    rows = [answers(kind, age=None if kind in ("type", "unreadable") else 3) for kind in kinds]
    folder, verdict = visit(tmp_path, {"visit": [*rows, answers("fine")]}, problems=problems)
    assert reasons(folder, "_submission_id, rule, severity, column_name") == [
        ("duplicate_element", "form:duplicate_element", "warning", "age"),
        ("type", "form:type", "warning", "age"),
        ("unknown_field", "form:unknown_field", "info", "age"),
        ("unknown_version", "form:unknown_version", "warning", "age"),
        ("unreadable", "form:unreadable", "critical", "age"),
    ]
    assert (verdict.landed, verdict.good, verdict.set_aside, verdict.warned) == (6, 2, 4, 1)


def test_what_cannot_be_judged_is_reported(tmp_path: Path) -> None:
    text = """
    | survey   |                |       |       |                     |               |
    |          | type           | name  | label | constraint          | relevant      |
    |          | text           | who   | Who   | regex(., '(?=a).*') |               |
    |          | text           | which | Which | regex(., '[[a')     |               |
    |          | text           | what  | What  |                     | random() > 1  |
    |          | select_one_from_file far.csv | far | Far |         |               |
    | settings |                |       |       |                     |               |
    |          | form_id        | version |     |                     |               |
    |          | visit          | 1     |       |                     |               |
    """
    schema = schema_of([make_form(tmp_path / "form", text)])
    folder = stage(
        tmp_path / "s", schema, {"visit": [{"_submission_id": "a", "_form_version": "1", "who": "a"}]}
    )
    verdict = check(folder, schema, tmp_path)
    told = "\n".join(verdict.not_evaluated)
    assert len(verdict.not_evaluated) == 4
    for expected in (
        "visit who form:constraint: the pattern needs look-around",
        "visit which form:constraint: DuckDB refuses",
        "visit what form:relevant: random() is not compiled [random() > 1]",
        "visit far form:choice: its choices are not at hand",
    ):
        assert expected in told
    assert verdict.good == 1


def test_the_six_forms_compile_whole() -> None:
    for form_id in FORMS:
        schema = study_schema(form_id)
        for table in schema.tables:
            assert compiled_rules(schema, table, lambda _: set()).not_evaluated == ()


# -- expectation files


def judged(folder: Path, text: str, rows: Rows | None = None) -> tuple[Path, Verdict]:
    (folder / "expectations").mkdir(parents=True, exist_ok=True)
    (folder / "expectations" / "visit.yaml").write_text(text, encoding="utf-8")
    return visit(folder, {"visit": [answers()] if rows is None else rows})


def rule(type_: str, kwargs: str, severity: str = "warning") -> str:
    meta = "{id: R1, why: {id: Tidak cocok., en: It does not fit.}}"
    return f"expectations:\n- type: {type_}\n  kwargs: {kwargs}\n  severity: {severity}\n  meta: {meta}\n"


BETWEEN = "expect_column_values_to_be_between"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rule("expect_nothing", "{column: age}"), "unknown expectation type 'expect_nothing'"),
        (rule(BETWEEN, "{column: nowhere}"), "visit.yaml expectation 1: R1 names column 'nowhere'"),
        (
            rule("expect_column_pair_values_to_be_equal", "{column_A: age, column_B: nix}"),
            "names column 'nix'",
        ),
        (rule(BETWEEN, "{column: age, max_valu: 3}"), "visit.yaml: an expectation is not valid"),
        (
            rule(BETWEEN, "{column: age, max_value: 3}", "error"),
            "severity 'error'; use critical, warning, info",
        ),
        (rule("expect_column_mean_to_be_between", "{column: age, max_value: 3}"), "judges a whole column"),
        (rule("expect_table_row_count_to_be_between", "{max_value: 3}"), "judges no column of a row"),
        ("expectations:\n- type: expect_x\n  kwargs: {column: age}\n", "a field is missing ('meta')"),
        ("expectations:\n- [1\n", "visit.yaml line 3: not YAML"),
        ("- 1\n", "holds no mapping"),
        ("derived_columns: {age: 1 = 1}\n", "derived column 'age' has the name of a question"),
        (
            "derived_columns: {ok: nix = 1}\n" + rule(BETWEEN, "{column: ok, min_value: 1}"),
            "derived_columns cannot be computed",
        ),
    ],
)
@pytest.mark.parametrize("rows", [None, []], ids=["rows", "no rows"])
def test_a_wrong_file_stops_with_its_place_and_remedy(
    tmp_path: Path, text: str, message: str, rows: Rows | None
) -> None:
    with pytest.raises(StudyError) as caught:
        judged(tmp_path, text, rows)
    assert message in str(caught.value)
    assert caught.value.where.startswith("visit.yaml")
    assert caught.value.remedy


def test_too_little_memory_is_not_blamed_on_the_expectations(tmp_path: Path) -> None:
    text = "derived_columns: {long: \"repeat('x', age * 100000000)\"}\n"
    with pytest.raises(LandingError, match=r"^visit: cannot be checked .*; free memory") as caught:
        judged(
            tmp_path,
            text + rule("expect_column_values_to_not_be_null", "{column: long}"),
            [answers("a", age=30)],
        )
    assert caught.value.exit_code == 6


def test_a_blank_never_breaks_a_rule(tmp_path: Path) -> None:
    text = (
        "derived_columns: {ok: age > 3, low: age - 3, high: 60 - age}\n"
        + rule("expect_column_values_to_be_in_set", "{column: ok, value_set: [true]}")
        + rule(
            "expect_column_pair_values_a_to_be_greater_than_b",
            "{column_A: high, column_B: low, or_equal: true}",
        )[14:]
        + rule(BETWEEN, "{column: low, min_value: 0}")[14:]
    )
    folder, _ = judged(tmp_path, text, [answers("a", age=None), answers("b", age=2), answers("c", age=70)])
    assert [row for row in reasons(folder, "_submission_id, column_name, rule") if row[2] == "R1"] == [
        ("b", "low", "R1"),
        ("b", "ok", "R1"),
        ("c", "high", "R1"),
    ]


def test_rules_may_look_into_other_tables(tmp_path: Path) -> None:
    text = (
        "derived_columns:\n  enough: (SELECT count(*) FROM visit__job j WHERE j._submission_id = this._submission_id) >= 1\n"
        + rule("expect_column_values_to_be_in_set", "{column: enough, value_set: [true]}", "info")
    )
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "visit__job.yaml").write_text(
        "derived_columns: {fits: 'hours <= root.age AND parent.work = ''1'''}\n"
        + rule("expect_column_values_to_be_in_set", "{column: fits, value_set: [true]}", "info"),
        encoding="utf-8",
    )
    (tmp_path / "expectations" / "visit.yaml").write_text(text, encoding="utf-8")
    job = {
        "_submission_id": "a",
        "_row_id": "a/job[1]",
        "_parent_row_id": "a",
        "_position": 1,
        "title": "x",
        "hours": 31,
    }
    folder, verdict = visit(tmp_path, {"visit": [answers("a", work="1"), answers("b")], "visit__job": [job]})
    assert reasons(folder, "_row_id, table_name, rule, severity") == [
        ("a/job[1]", "visit__job", "R1", "info"),
        ("b", "visit", "R1", "info"),
    ]
    assert (verdict.good, verdict.warned) == (2, 2)


def test_an_expectation_that_raises_is_not_evaluated(tmp_path: Path) -> None:
    text = rule(BETWEEN, "{column: who, min_value: 3}", "critical")
    folder, verdict = judged(tmp_path, text, [answers(who="Siti")])
    assert reasons(folder) == []
    assert len(verdict.not_evaluated) == 1
    assert verdict.not_evaluated[0].startswith("visit R1: ")


def test_every_rule_is_counted_also_one_nobody_could_judge(tmp_path: Path) -> None:
    text = (
        rule(BETWEEN, "{column: who, min_value: 3}", "critical")
        + rule(BETWEEN, "{column: age, max_value: 30}", "info").replace("id: R1", "id: R2")[14:]
    )
    rows = [answers("a", who="Siti", age=31), answers("b", age=None), answers("c", work="7")]
    folder, _ = judged(tmp_path, text, rows)
    counted = duckdb.sql(
        f"SELECT rule, column_name, evaluated, violations, note FROM '{folder}/checked.parquet' WHERE table_name = 'visit'"
    ).fetchall()
    told = {(name, column): tuple(rest) for name, column, *rest in counted}
    assert told["R2", "age"] == (2, 1, "")
    assert told["form:required", "form:required"] == (3, 1, "")
    assert told["form:choice", "form:choice"] == (3, 1, "")
    assert told["form:type", ""] == (3, 0, "")
    evaluated, violations, note = told["R1", "who"]
    assert (evaluated, violations) == (None, 0)
    assert "Siti" not in note  # an exception may repeat an answer; this is published


def test_uniqueness_is_judged_over_the_whole_table(tmp_path: Path) -> None:
    text = rule("expect_column_values_to_be_unique", "{column: who}")
    folder, _ = judged(tmp_path, text, [answers(f"{n}", who="Siti" if n % 3 else f"{n}") for n in range(5)])
    assert [row[0] for row in reasons(folder, "_submission_id")] == ["1", "2", "4"]


def test_a_missing_table_says_what_to_run(tmp_path: Path) -> None:
    schema = make_schema(tmp_path / "form")
    with pytest.raises(LandingError, match=r"visit.parquet is missing; run `tracer-etl build`"):
        check(tmp_path, schema, tmp_path)


def test_zero_submissions_are_judged_in_peace(tmp_path: Path) -> None:
    for form_id in FORMS:
        schema = study_schema(form_id)
        folder = stage(tmp_path / form_id, schema, {})
        assert check(folder, schema, EXPECTATIONS) == Verdict(form_id, 0, 0, 0, 0, {}, ())
        assert reasons(folder) == []


def test_judging_prints_nothing(tmp_path: Path) -> None:
    """Neither progress bars nor warnings of Great Expectations reach a user's terminal."""
    judged(tmp_path, rule(BETWEEN, "{column: age, max_value: 3}"))
    script = (
        "from pathlib import Path; import sys; sys.path.insert(0, 'tests'); from makers import schema; "
        "from tracer_etl.checks import check; base = Path(sys.argv[1]); "
        "check(base / 'staging', schema(base / 'form'), base / 'expectations')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


_JOB = st.fixed_dictionaries({}, optional={"title": st.just("cook"), "hours": st.integers(0, 200)})
_VISIT = st.fixed_dictionaries(
    {"jobs": st.lists(_JOB, max_size=2)},
    optional={
        "age": st.integers(0, 99),
        "work": st.sampled_from(["0", "1", "9"]),
        "tools": st.sampled_from(["saw", "saw sawdust", "axe"]),
        "_form_version": st.sampled_from(["1", "0"]),
    },
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=st.lists(_VISIT, max_size=6), bad=st.sets(st.integers(0, 5)))
def test_landed_is_good_and_set_aside(tmp_path: Path, visits: list[dict[str, Any]], bad: set[int]) -> None:
    roots = [
        {"_submission_id": str(n), "_form_version": "1", **{k: v for k, v in one.items() if k != "jobs"}}
        for n, one in enumerate(visits)
    ]
    jobs = [
        {
            "_submission_id": str(n),
            "_row_id": f"{n}/job[{p}]",
            "_parent_row_id": str(n),
            "_position": p,
            **job,
        }
        for n, one in enumerate(visits)
        for p, job in enumerate(one["jobs"], 1)
    ]
    problems = [
        {"_submission_id": str(n), "table_name": "visit", "_row_id": str(n), "path": "age", "reason": "type"}
        for n in bad
        if n < len(visits)
    ]
    folder, verdict = visit(tmp_path, {"visit": roots, "visit__job": jobs}, problems=problems)
    held = {r[0] for r in reasons(folder, "_submission_id, severity") if r[1] != "info"}
    assert verdict.landed == verdict.good + verdict.set_aside == len(visits)
    assert verdict.set_aside == len(held)
    assert {str(n) for n in bad if n < len(visits)} <= held
    assert sum(verdict.by_rule.values()) == len(reasons(folder))
