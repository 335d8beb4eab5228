"""The marts on cases worked by hand; the arithmetic stands beside each assertion."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from frame import Frame, frame
from tracer_etl.errors import StudyError
from tracer_etl.evidence.marts import make_marts

UMK_2026 = 2_567_744


@pytest.fixture
def cases():
    made = frame()
    yield made
    made.connection.close()


def one(made: Frame, sql: str) -> dict[str, object]:
    cursor = made.connection.execute(sql)
    names = [column[0] for column in cursor.description]
    [row] = cursor.fetchall()
    return dict(zip(names, row, strict=True))


def rung(made: Frame, name: str, programme: str = "") -> dict[str, object]:
    return one(made, f"select * from marts.absorption where rung = '{name}' and programme = '{programme}'")


@pytest.mark.parametrize(
    ("codes", "final"),
    [
        (["900", "900", "110"], "110"),
        (["110", "211"], "110"),
        (["120", "110"], "110"),
        (["211", "212"], "212"),
        (["231", "211"], "211"),
        (["410", "232"], "232"),
        (["220", "410"], "410"),
        (["320", "220"], "220"),
        (["900", "320"], "320"),
        (["900"], "900"),
        ([], "000"),
    ],
)
def test_final_disposition_by_precedence_whatever_the_order(cases, codes, final):
    cases.person(*codes)
    make_marts(cases.connection)
    case = one(cases, "select * from marts.case_disposition")
    assert (case["aapor_code"], case["attempts"]) == (final, len(codes))


def test_a_case_carries_the_frame_not_the_answers(cases):
    key = cases.person("900", "110", emp_bps="1")
    cases.connection.execute(
        f"insert into clean.registry_enrolment values ('x', '{key}', 'mua', '2024-05-01', '2024', 'apbd', 't1')"
    )
    make_marts(cases.connection)
    case = one(cases, "select * from marts.case_disposition")
    assert (case["programme"], case["year"], case["zone"], case["funding"]) == (
        "barista",
        2025,
        "east",
        "dbhcht",
    )
    assert case["age_group"] == "25-29"  # 2026 - 2001
    assert (str(case["first_date"]), str(case["last_date"])) == ("2026-01-01", "2026-01-02")


def test_response_rates_by_hand(cases):
    for codes in ["110"] * 6 + ["120"] * 2 + ["211"] + ["220"] + ["231"] + ["320"] + ["900"] + ["410"]:
        cases.person(codes)
    cases.person()  # never attempted
    make_marts(cases.connection)
    row = one(cases, "select * from marts.response_rate where dimension = 'overall'")
    counts = [row[key] for key in ("frame", "i", "p", "r", "nc", "o", "uh", "uo", "ne")]
    assert counts == [15, 6, 2, 1, 1, 1, 2, 1, 1]
    assert row["rr1"] == pytest.approx(6 / 14)
    assert row["rr2"] == pytest.approx(8 / 14)
    e = 11 / 12  # I+P+R+NC+O = 11 eligible of 12 whose eligibility is known
    assert row["e"] == pytest.approx(e)
    assert row["rr3"] == pytest.approx(6 / (11 + 3 * e))
    assert row["rr4"] == pytest.approx(8 / (11 + 3 * e))
    assert row["con1"] == pytest.approx(10 / 14)  # I+P+R+O
    assert row["coop1"] == pytest.approx(6 / 10)
    assert row["ref1"] == pytest.approx(1 / 14)


def test_every_dimension_adds_up_to_the_frame(cases):
    for codes in (["110"], ["211"], []):
        cases.person(*codes)
    make_marts(cases.connection)
    sums = cases.connection.execute(
        "select dimension, sum(frame) from marts.response_rate group by 1"
    ).fetchall()
    wanted = {"overall", "programme", "year", "target_group", "zone", "sex", "enumerator"}
    assert dict(sums) == dict.fromkeys(wanted, 3)


def test_no_case_gives_no_rate(cases):
    make_marts(cases.connection)
    assert cases.connection.execute("select count(*) from marts.response_rate").fetchone() == (0,)
    assert cases.connection.execute("select count(*) from marts.absorption").fetchone() == (0,)


def test_wilson_16_of_20(cases):
    for number in range(20):
        cases.person("110", emp_bps="1" if number < 16 else "0")
    make_marts(cases.connection)
    row = rung(cases, "A1")
    assert (row["n"], row["met"], row["rate"], row["publication"]) == (20, 16, 0.8, "indicative")
    assert (round(row["low"], 2), round(row["high"], 2)) == (0.58, 0.92)  # specification 2.3 point 5
    assert row["weighted"] is False


def test_wilson_115_of_143(cases):
    for number in range(143):
        cases.person("110", emp_bps="1" if number < 115 else "0")
    make_marts(cases.connection)
    row = rung(cases, "A1")
    assert (round(row["low"], 2), round(row["high"], 2), row["publication"]) == (0.73, 0.86, "shown")


def test_the_ladder_is_met_rung_by_rung(cases):
    work = {"emp_bps": "1", "status_emp": "4", "match_field": "3", "hours_all": 40, "pay_net": UMK_2026 - 1}
    work |= {"contract": "4"}
    decent = {"contract": "1", "bpjs_tk": "1", "accident": "0"}
    for _ in range(10):
        cases.person("110", **work)  # any work only
    for _ in range(4):
        cases.person("110", **{**work, "match_field": "2"})  # in the field
    for _ in range(3):
        cases.person("110", **{**work, "match_field": "1", "pay_net": UMK_2026} | decent)  # all rungs
    for _ in range(2):
        cases.person("110", **{**work, "pay_net": UMK_2026, "hours_all": 34})  # too few hours
    cases.person("110", emp_bps="0")
    cases.person("120", emp_bps="1", status_emp="4")  # a proxy is not asked for field, pay and hours
    make_marts(cases.connection)
    found = {
        name: (rung(cases, name)["met"], rung(cases, name)["n"], rung(cases, name)["unknown"])
        for name in "A1 S1 S2 D5".split()
    }
    assert found == {"A1": (20, 21, 0), "S1": (7, 20, 1), "S2": (3, 20, 1), "D5": (3, 19, 1)}


@pytest.mark.parametrize(
    ("answers", "earnings", "source"),
    [
        ({"status_emp": "4", "pay_net": 2_000_000, "pay_band": None}, 2_000_000, "stated"),
        ({"status_emp": "4", "pay_band": "3"}, 1_250_000, "band_midpoint"),
        ({"status_emp": "1", "biz_profit": -50_000}, -50_000, "stated"),
        ({"status_emp": "1", "biz_profit_band": "7"}, 5_000_000, "band_midpoint"),
        ({"status_emp": "4", "pay_band": "99"}, None, "unknown"),
        ({"status_emp": "7"}, 0, "unpaid"),
    ],
)
def test_earnings_are_stated_or_the_middle_of_the_band(cases, answers, earnings, source):
    cases.person("110", emp_bps="1", **answers)
    make_marts(cases.connection)
    row = one(cases, "select * from marts.interview")
    assert (row["earnings_idr"], row["earnings_source"], row["umk_idr"]) == (earnings, source, UMK_2026)


def test_a_person_interviewed_twice_counts_once_by_the_first(cases):
    key = cases.person("110", emp_bps="1")
    cases.attempt(key, 2, "110", emp_bps="0")
    make_marts(cases.connection)
    assert one(cases, "select * from marts.interview")["emp_bps"] == "1"


def test_small_classes_are_suppressed(cases):
    for programme, size in (("tiny", 4), ("small", 9), ("large", 30)):
        for _ in range(size):
            cases.person("110", programme=programme, emp_bps="1")
    make_marts(cases.connection)
    tiny, small, large = (rung(cases, "A1", name) for name in ("tiny", "small", "large"))
    assert (tiny["n"], tiny["met"], tiny["rate"]) == (None, None, None)
    assert (small["n"], small["met"], small["rate"], small["low"]) == (9, None, None, None)
    assert (large["met"], large["publication"]) == (30, "shown")


def test_one_small_class_alone_takes_the_next_with_it(cases):
    for programme, size in (("small", 9), ("medium", 12), ("large", 30)):
        for _ in range(size):
            cases.person("110", programme=programme, emp_bps="1")
    make_marts(cases.connection)
    assert rung(cases, "A1", "medium")["rate"] is None  # else small = all - medium - large
    assert rung(cases, "A1", "large")["rate"] == 1


def test_a_missing_registry_names_mart_and_remedy_and_changes_nothing(cases):
    cases.person("110", emp_bps="1")
    make_marts(cases.connection)
    cases.connection.execute("drop table clean.registry_person")
    with pytest.raises(StudyError, match=r"marts\.case_disposition.*clean\.registry_person.*study\.toml"):
        make_marts(cases.connection)
    assert rung(cases, "A1")["publication"] == "suppressed"


def test_another_study_gets_the_marts_of_every_study():
    made = frame(tracer=False)
    names = make_marts(made.connection)
    assert "marts.data_quality" in names
    assert "marts.absorption" not in names
    whole = one(made, "select * from marts.data_quality where rule = ''")
    assert (whole["landed"], whole["good"], whole["set_aside"]) == (1234, 1230, 4)
    made.connection.close()


def test_a_submission_is_caught_once_however_many_questions_break_the_rule(cases):
    make_marts(cases.connection)
    row = one(cases, "select * from marts.data_quality where rule = 'form:constraint'")
    assert row["submissions"] == 3  # 3 submissions x 9 questions = 27 reasons
    assert (row["why_id"], row["why_en"]) == ("Melanggar batasan.", "Breaks a constraint.")
    row = one(cases, "select * from marts.data_quality where rule = 'R12'")
    assert (row["submissions"], row["why_en"]) == (4, "Pay <impossible>")


def test_an_interval_stays_within_0_and_1(cases):
    for _ in range(21):  # 0 of 21: unclamped the lower bound is -1.2e-17, printed "-0"
        cases.person("110", emp_bps="0", programme="none_works")
        cases.person("110", emp_bps="1", programme="all_work")
    make_marts(cases.connection)
    assert rung(cases, "A1", "none_works")["low"] == 0
    assert str(rung(cases, "A1", "none_works")["low"]) == "0.0"
    assert rung(cases, "A1", "all_work")["high"] == 1


def test_twice_gives_the_same(cases):
    for number in range(12):
        cases.person("900", "110", emp_bps=str(number % 2))
    make_marts(cases.connection)
    tables = ("attempt", "case_disposition", "response_rate", "interview", "absorption", "enumerator_day")
    first = [sorted(map(repr, cases.connection.table(f"marts.{name}").fetchall())) for name in tables]
    make_marts(cases.connection)
    assert first == [sorted(map(repr, cases.connection.table(f"marts.{name}").fetchall())) for name in tables]


def test_marts_hold_no_direct_identifier(cases):
    cases.person("110", emp_bps="1")
    make_marts(cases.connection)
    names = [
        f"{s}.{t}"
        for s, t in cases.connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
    ]
    everything = [repr(cases.connection.table(name).fetchall()) for name in names]
    assert len(everything) > 10
    assert not any("Siti Rahayu" in rows for rows in everything)


def test_marts_keep_to_what_both_databases_run():
    folder = files("tracer_etl.evidence").joinpath("marts")
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert len(texts) > 5
    for name, sql in texts.items():
        assert sql.startswith("-- One row per "), name
        code = re.sub(r"--.*", "", sql).lower()
        found = re.search(
            r"\b(qualify|group by all|any_value|list_\w+|struct_\w+|unnest|exclude|pivot)\b|::|\[", code
        )
        assert found is None, (name, found)


def test_seeds_name_their_source():
    folder = files("tracer_etl.evidence").joinpath("seeds")
    for file in folder.iterdir():
        header = file.read_text(encoding="utf-8").splitlines()[0]
        assert header.endswith(",source"), file.name
