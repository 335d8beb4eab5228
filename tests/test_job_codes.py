"""Codes of jobs: what a title is coded as, what counts, S1_coded by hand, and the file the coder works in."""

from __future__ import annotations

import csv
import math
import re
from datetime import date
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimate_world import world
from oversight_case import database
from tracer_etl.errors import StudyError
from tracer_etl.evidence.coding.agreement import kappa
from tracer_etl.evidence.coding.coder import COLUMNS, FILE, Coder, read_coder
from tracer_etl.evidence.coding.programmes import KBJI, KBLI, Master, Span, read_spans, section_of, span_of
from tracer_etl.evidence.coding.review import forget_titles, review, write_titles
from tracer_etl.evidence.coding.storing import store_codes
from tracer_etl.evidence.coding.titles import Term, shipped_terms
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.estimates import estimate_all, read_study
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.indicators_field import coded_in_field, either_in_field, told_in_field
from tracer_etl.evidence.sample import estimate_rows
from tracer_etl.evidence.storing import ESTIMATE
from tracer_etl.evidence.suppression import suppress
from tracer_etl.privacy.searching import search
from tracer_etl.starting import start_study
from tracer_etl.study import read_study as read_study_file

ROOT = Path(__file__).parents[1]
HEADER = ",".join(COLUMNS)
TERMS = (
    Term("barista", "5132", ""),
    Term("kedai kopi", "1412", "56303"),
    Term("kopi keliling", "", ""),
    Term("kopi", "5132", ""),
)


def office(folder: Path, *lines: str, header: str = HEADER) -> Path:
    file = folder / "job_codes.csv"
    file.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return file


def coder(folder: Path, *lines: str) -> Coder:
    return Coder(read_coder(office(folder, *lines)).lines, TERMS)


# One job


@pytest.mark.parametrize(
    ("title", "major", "section", "found"),
    [
        ("BARISTA, di Kafe!", "5", "I", ("5132", "", "proposed")),
        ("barista", None, None, ("5132", "", "proposed")),  # nothing told contradicts nothing
        ("barista", "9", "I", ("", "", "contradicts")),
        ("pemilik kedai kopi", "1", "I", ("1412", "56303", "proposed")),  # the longest term
        ("pemilik kedai kopi", "1", "G", ("", "", "contradicts")),  # 56303 is of section I
        (
            "jual kopi keliling",
            "5",
            "I",
            ("", "", "no_term"),
        ),  # a term without a code takes a shorter one back
        ("kopian", "5", "I", ("", "", "no_term")),  # whole words only
        ("Juru  saji", "5", "I", ("5131", "", "reviewed")),
        ("juru saji", "9", "A", ("5131", "", "reviewed")),  # a coder saw it: the answers do not overrule him
        ("serabutan", "9", "S", ("", "", "uncodable")),
        ("penyaji", "5", "I", ("", "", "no_term")),  # a line nobody has decided on is no code
        ("  ", "5", "I", ("", "", "no_title")),
        (None, "5", "I", ("", "", "no_title")),
    ],
)
def test_a_title_is_coded_by_the_coder_then_by_the_map(tmp_path, title, major, section, found):
    ours = coder(
        tmp_path,
        "JURU SAJI,5131,,yes,AN,2026-03-02,",
        "serabutan,,,ya,AN,2026-03-02,nobody can tell",
        "penyaji,5246,,no,,,",
    )
    coded = ours.code(title, major, section)
    assert (coded.kbji, coded.kbli, coded.state) == found


@pytest.mark.parametrize(
    ("line", "where", "what"),
    [
        ("x,513,,yes,AN,2026-03-02,", "job_codes.csv:2", "no KBJI 2014 code of 4 digits: '513'"),
        ("x,5132,1111,yes,AN,2026-03-02,", "job_codes.csv:2", "no KBLI 2020 code of 5 digits: '1111'"),
        ("x,,56303,yes,AN,2026-03-02,", "job_codes.csv:2", "without a KBJI code"),
        ("x,5132,,maybe,,,", "job_codes.csv:2", "`reviewed` is 'maybe'"),
        ("x,5132,,yes,,2026-03-02,", "job_codes.csv:2", "`by` is empty"),
        ("x,5132,,yes,AN,yesterday,", "job_codes.csv:2", "`on` is no date"),
        ("x,5132,,no,,,\nX!,5131,,no,,,", "job_codes.csv:3", "the same title as line 2"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, where, what):
    with pytest.raises(StudyError, match=re.escape(what)) as caught:
        read_coder(office(tmp_path, line))
    assert where in str(caught.value)


# The programme master


def test_ranges_and_groups_hold_what_the_office_means():
    spans = (
        Span("digimar", KBLI, "47911-47919", *span_of("47911-47919", 5), ""),
        Span("tani", KBLI, "01xxx", *span_of("01xxx", 5), ""),
    )
    master = Master((*spans, Span("digimar", KBJI, "5244", *span_of("5244", 4), "")))
    inside = [
        code for code in ("47910", "47911", "47915", "47919", "47920") if master.holds("digimar", KBLI, code)
    ]
    assert inside == ["47911", "47915", "47919"]
    assert [master.holds("tani", KBLI, code) for code in ("01111", "01999", "02111", "1111")] == [
        True,
        True,
        False,
        False,
    ]
    assert master.holds("menari", KBJI, "5244") is None
    assert master.holds("digimar", KBJI, "") is None
    assert master.fields("5244", "") == ("digimar",)
    assert master.fields("6111", "01111") == ("tani",)  # by its industry alone


@pytest.mark.parametrize("written", ["513", "51320", "5140-5132", "5132;5246", "513x-5140x", "x"])
def test_what_is_no_code_of_the_scheme_is_refused(written):
    if written == "513":  # a minor group: all of its unit groups
        assert span_of(written, 4) == ("5130", "5139")
        return
    with pytest.raises(ValueError, match=re.escape(written)):
        span_of(written, 4)


def test_the_study_s_own_master_and_map_can_be_read():
    with (ROOT / "forms/media/programs.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        for scheme, digits in (("kbji", 4), ("kbli", 5)):
            assert all(span_of(code, digits) for code in row[scheme].split()), row["code"]
    text = files("tracer_etl.evidence").joinpath("seeds/job_term.csv").read_text(encoding="utf-8")
    terms = list(csv.DictReader(text.splitlines()))
    assert len(terms) > 150
    assert len({row["term"] for row in terms}) == len(terms)
    assert all(row["term"] == " ".join(re.findall(r"[a-z]+", row["term"])) for row in terms)
    assert all(
        re.fullmatch(r"(\d{4})?", row["kbji"]) and re.fullmatch(r"(\d{5})?", row["kbli"]) for row in terms
    )
    assert all(section_of(row["kbli"]) in "CFGIS" for row in terms if row["kbli"])


# Work in the field, by hand


def people(*rows: tuple[str, str, str | None, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["programme", "emp_bps", "match_field", "job_state", "job_fields"])


def test_self_report_code_and_either_by_hand():
    table = people(
        ("barista", "1", "1", "reviewed", "barista mua"),  # both say yes
        ("barista", "1", "2", "proposed", "ac"),  # only he says so
        ("barista", "1", "3", "reviewed", "barista"),  # only the code does
        ("barista", "1", "4", "reviewed", ""),  # both say no
        ("barista", "1", "1", "no_term", None),  # he says so, no code
        ("barista", "1", "3", "contradicts", None),  # he says no, no code
        ("ac", "1", None, "proposed", "ac"),  # not asked (a proxy), coded
        ("ac", "1", None, "reviewed", ""),  # not asked, coded elsewhere: unknown
        ("ac", "0", None, None, None),  # no work: in no field
    )
    expected = {
        told_in_field: [1, 1, 0, 0, 1, 0, math.nan, math.nan, 0],
        coded_in_field: [1, 0, 1, 0, math.nan, math.nan, 1, 0, 0],
        either_in_field: [1, 1, 1, 0, 1, 0, math.nan, math.nan, 0],
    }
    for of, values in expected.items():
        np.testing.assert_equal(
            of(table).to_numpy(dtype=float), np.array(values, dtype=float), err_msg=of.__name__
        )
    by_id = {one.id: one.values(table)["y"].mean() for one in all_indicators() if one.id.startswith("S1")}
    assert by_id == pytest.approx(
        {
            "S1": 3 / 7,
            "S1_coded": 3 / 7,
            "S1_either": 4 / 7,
            "S1_with_code": 6 / 8,
            "S1_reviewed": 4 / 6,
            "S1_agree": 2 / 4,
            "S1_told_only": 1 / 4,
            "S1_coded_only": 1 / 4,
        }
    )


def test_where_no_job_has_a_code_nothing_is_known_of_anybody():
    table = people(("ac", "1", "1", "no_term", None), ("ac", "0", None, None, None))
    assert coded_in_field(table).isna().all()
    assert either_in_field(table).isna().all()
    assert told_in_field(table).tolist() == [1, 0]


def test_kappa_by_hand():
    # Of 10, both yes 4, both no 3, apart 2 and 1: observed 0.7; by chance 0.6 * 0.5 + 0.4 * 0.5 = 0.5; kappa 0.4.
    one = np.array([1.0] * 6 + [0.0] * 4)
    other = np.array([1.0] * 4 + [0.0] * 2 + [1.0] + [0.0] * 3)
    assert kappa(one, other, np.ones((10, 1))).tolist() == pytest.approx([0.4])
    assert np.isnan(kappa(np.ones(3), np.ones(3), np.ones((3, 1)))).all()


# In the warehouse


@pytest.fixture
def made():
    with world() as connection:
        yield connection


FEW = Constants(replicates=10)
SHOWN = "select indicator, n from marts.estimate where group_by = 'all' and indicator like 'S1%'"


def test_the_long_table_has_s1_three_ways_for_every_grouping_and_no_mart_a_title(made):
    made.execute("update clean.alumni_tracer set job_title = job_title || ' rahasia'")
    store_codes(made, Coder({}, shipped_terms()))
    estimate_all(made, FEW)
    groups = "select count(distinct group_by) from marts.estimate where indicator = '{}'"
    counted = {made.execute(groups.format(code)).fetchone() for code in ("S1", "S1_coded", "S1_either")}
    assert len(counted) == 1
    n = dict(made.execute(SHOWN).fetchall())
    coded, in_work = made.execute("select count(kbji), count(*) from marts.job_code").fetchone()
    out_of_work = made.execute("select count(*) from marts.interview where emp_bps = '0'").fetchone()[0]
    assert (n["S1_reviewed"], n["S1_with_code"], n["S1_coded"]) == (coded, in_work, coded + out_of_work)
    assert n["S1_kappa"] == n["S1_agree"] == coded
    names = "select table_name from information_schema.tables where table_schema = 'marts'"
    tables = {name for [name] in made.execute(names).fetchall()}
    assert tables >= {"job_code", "programme_code", "estimate"}
    assert not any("rahasia" in repr(made.table(f"marts.{name}").fetchall()) for name in tables)


def everybody(connection) -> dict[str, dict[str, object]]:
    """Give the row of everybody for each share of S1, as it may be shown."""
    persons = read_study(connection, FEW).persons
    rows = [
        row
        for one in all_indicators()
        if one.id.startswith("S1")
        for row in estimate_rows(one, persons, persons.levels[:1], FEW)
    ]
    table = pd.DataFrame(rows).reindex(columns=[*ESTIMATE, "minimum", "signed", "covered"])
    return {row["indicator"]: row for row in suppress(table, [], FEW).to_dict("records")}


@pytest.mark.parametrize(("left", "shown"), [(0.21, False), (0.19, True)])
def test_a_number_is_withheld_where_more_than_a_fifth_of_those_in_work_have_no_code(made, left, shown):
    """Who has no work is always known, so that jobs without a code pull the rate down."""
    jobs = [key for [key] in made.execute("select submission_id from marts.job_code order by 1").fetchall()]
    without = jobs[: round(left * len(jobs))]
    made.execute("update marts.job_code set state = 'proposed', fields = 'barista'")
    made.execute(
        "update marts.job_code set state = 'no_term', fields = null where submission_id in ?", [without]
    )
    rows = everybody(made)
    for code in ("S1_coded", "S1_either"):
        assert math.isfinite(rows[code]["estimate"]) == shown
        assert rows[code]["note"] == ("" if shown else "uncoded")
        assert rows[code]["n"] > len(jobs) / 2
    assert rows["S1"]["note"] == rows["S1_with_code"]["note"] == ""


def test_without_codes_s1_stays_as_it_was(made):
    before = everybody(made)
    made.execute("drop table marts.job_code")
    after = everybody(made)
    pd.testing.assert_series_equal(pd.Series(after["S1"]), pd.Series(before["S1"]))
    assert before["S1_agree"]["note"] == ""
    assert {code for code, row in after.items() if row["note"] == "too_few"} == after.keys() - {"S1"}


def test_a_study_without_a_list_of_programmes_gets_no_codes(made):
    made.execute("drop table clean.programme")
    assert store_codes(made, Coder({}, shipped_terms())) == ()
    left = "select count(*) from information_schema.tables where table_name in ('job_code', 'programme_code')"
    assert made.execute(left).fetchone() == (0,)


@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_a_code_that_cannot_be_read_names_its_programme(kind):
    with database(kind) as connection:
        connection.execute("create schema if not exists clean")
        connection.execute(
            "create table clean.programme (code varchar, kbji varchar, kbli varchar, certainty varchar)"
        )
        connection.execute("insert into clean.programme values ('las', '7212', '25920 2511', '')")
        assert [span.last for span in read_spans(connection) if span.scheme == KBLI] == ["25920", "25119"]
        connection.execute("update clean.programme set kbji = '7212, 7213'")
        connection.execute("alter table clean.programme drop column certainty")
        with pytest.raises(StudyError, match="'7212,' of las is no KBJI 2014 code of 4 digits"):
            read_spans(connection)


# The coder's file


def test_the_titles_to_decide_on_come_with_proposals_and_what_does_not_count_first(made, tmp_path):
    made.execute("update clean.alumni_tracer set kbji_major = '9' where job_title = 'teknisi AC'")
    file = office(
        tmp_path, "barista di kafee,5132,,yes,AN,2026-03-02,", "MUA panggilan,5142,,yes,AN,2026-03-02,"
    )
    found = review(made, read_coder(file))
    assert {one.title: (one.kbji, one.state) for one in found.titles} == {
        "teknisi ac": ("7127", "contradicts"),
        "ikut orang": ("", "no_term"),
        "barista di kafe": ("5132", "proposed"),
        "kuli bangunan": ("9313", "proposed"),
        "pemilik kedai kopi": ("1412", "proposed"),
    }
    order = [(one.state == "proposed", -one.people) for one in found.titles]
    assert order == sorted(order)
    assert next(one.alike for one in found.titles if one.title == "barista di kafe") == "barista di kafee"
    assert found.unused == ("barista di kafee",)
    assert found.strange == ()
    assert found.people == made.execute("select count(*) from marts.job_code").fetchone()[0]
    assert sum(one.people for one in found.titles) + found.reviewed == found.people


def test_writing_twice_adds_nothing_and_touches_no_line(made, tmp_path):
    reviewed = "kuli bangunan,9313,,yes,AN,2026-03-02,seen"
    begun = "teknisi ac,7421,,no,,,asked the employer"
    file = office(tmp_path, reviewed, begun)
    assert write_titles(file, review(made, read_coder(file))) == 4
    once = file.read_bytes()
    assert once.decode().splitlines()[1:3] == [reviewed, begun]
    assert write_titles(file, review(made, read_coder(file))) == 0
    assert file.read_bytes() == once
    assert {line.fields["reviewed"] for line in read_coder(file).lines.values()} == {"yes", "no"}


def test_a_title_that_names_a_person_is_neither_listed_nor_written(made, tmp_path):
    made.execute("alter table pii.registry_person add column full_name varchar")
    made.execute("update pii.registry_person set full_name = 'Siti Rahayu' where alumni_id = 'A0003'")
    made.execute(
        "update clean.alumni_tracer set job_title = 'warung SITI  Rahayu' where job_title = 'kuli bangunan'"
    )
    made.execute(
        "update clean.alumni_tracer set job_title = 'servis hp 0812-3456-7890' where job_title = 'teknisi AC'"
    )
    made.execute(
        "update clean.alumni_tracer set job_title = 'rias, sri.w@example.org' where job_title = 'MUA panggilan'"
    )
    file = tmp_path / "job_codes.csv"
    found = review(made, read_coder(file))
    assert found.withheld == 3
    write_titles(file, found)
    assert not re.search(r"rahayu|0812|7890|example", file.read_text(encoding="utf-8"))


def test_a_code_nobody_knows_is_asked_about(made, tmp_path):
    made.execute("update clean.programme set kbji = '7127 9997' where code = 'ac'")
    lines = ("satu,5123,,yes,AN,2026-03-02,", "dua,9997,,yes,AN,2026-03-02,", "tiga,5124,,no,,,")
    assert review(made, coder(tmp_path, *lines)).strange == ("5123",)


def test_lines_of_titles_nobody_has_any_more_can_be_forgotten(made, tmp_path):
    kept = "kuli bangunan,9313,,yes,AN,2026-03-02,seen"
    file = office(tmp_path, "bakul Bu Erased,5221,,yes,AN,2026-03-02,", kept)
    assert forget_titles(file, review(made, read_coder(file)).unused) == 1
    assert file.read_text(encoding="utf-8") == f"{HEADER}\n{kept}\n"
    assert forget_titles(file, review(made, read_coder(file)).unused) == 0


def test_before_the_marts_there_is_nothing_to_list(made, tmp_path):
    made.execute("drop table marts.job_code")
    with pytest.raises(StudyError, match="no jobs are coded yet"):
        review(made, read_coder(tmp_path / "none.csv"))


@pytest.mark.parametrize("named", [True, False])
def test_the_search_after_an_erasure_looks_into_the_file_too(tmp_path, named):
    start_study(tmp_path / "demo", date(2026, 11, 24))
    place = "job_codes.csv" if named else FILE
    with (tmp_path / "demo/study.toml").open("a", encoding="utf-8") as text:
        text.write(f'\n[evidence]\njob_codes = "{place}"\n' if named else "")
    (tmp_path / "demo" / place).parent.mkdir(exist_ok=True)
    office((tmp_path / "demo" / place).parent, "bakul jamu,5212,,no,,,the wife of A1029495")
    study = read_study_file(tmp_path / "demo/study.toml")
    assert search(study, ["A1029495", "A7777777"]) == {place: {"A1029495"}}
