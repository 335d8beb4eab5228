"""The six study workbooks: they convert, they are complete in both languages, and they can be filled."""

from __future__ import annotations

import csv
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from openpyxl import Workbook, load_workbook
from openpyxl.styles import PatternFill
from pyxform.xls2xform import convert

from tracer_etl.collect import Clock, Filled, Filler, RandomAnswers, validate_xforms
from tracer_etl.errors import FormError
from tracer_etl.markdown import main, workbook_markdown

if TYPE_CHECKING:
    from tracer_etl.collect import Question

FORMS = Path(__file__).parents[1] / "forms"
MEDIA = FORMS / "media"
NAMES = (
    "alumni_tracer",
    "applicant_registration",
    "backcheck",
    "employer_needs",
    "selection_assessment",
    "youth_ideas",
)
LANGUAGES = ("Bahasa Indonesia (id)", "English (en)")
TRANSLATED = ("label", "hint", "constraint_message", "required_message")
SILENT = {"start", "end", "today", "deviceid", "audit", "calculate"}
LOGIC = ("relevant", "constraint", "calculation", "choice_filter", "repeat_count", "required")
PRIVACY = "{urn:tracer-etl:privacy}privacy"
DIRECT = {
    "alumni_tracer": "deviceid audit reg_name reg_nik_tail contact_note new_phone refusal_reason"
    " name_corrected nik_tail phone alt_contact cert_number employer_name suggestion gps"
    " photo_work photo_cert int_note",
    "applicant_registration": "deviceid ap_name ap_nik nik_dd nik_day ap_phone ap_tg_doc ap_why ap_prior"
    " ap_plan_text ap_obst",
    "backcheck": "deviceid audit",
    "employer_needs": "deviceid audit em_name em_nib em_resp em_phone em_gps",
    "selection_assessment": "deviceid audit sa_note",
    "youth_ideas": "deviceid idea_text idea_partner idea_barrier y_phone",
}
COLUMNS = {
    "alumni": "name,label,program,batch,training_start,training_end,sex,birth_year,kec_code,desa_code,"
    "funding,target_group,nik_last4,certified,n_enrolments,enumerator",
    "applicants": "name,label,program",
    "assessors": "name,label",
    "backcheck": "name,label,enumerator",
    "desa": "name,label,kec_code,bps_code,type",
    "enumerators": "name,label,role,kec_codes",
    "programs": "code,label_id,label_en,kbji,kbli,certainty",
}
UNFIT = re.compile(r"NaN|Infinity|\d(\.\d+)?[eE]-?\d+$")
SEEDS = 90

Row = dict[str, str]


def sheet(name: str, title: str) -> list[Row]:
    """Rows of one sheet as text, by the header of the column."""
    book = load_workbook(FORMS / f"{name}.xlsx", read_only=True)
    header, *body = book[title].iter_rows(values_only=True)
    book.close()
    return [
        {str(key): "" if value is None else str(value) for key, value in zip(header, row, strict=True)}
        for row in body
        if any(row)
    ]


def survey(name: str) -> list[Row]:
    return sheet(name, "survey")


def holds_data(row: Row) -> bool:
    return not row["type"].startswith(("begin", "end_")) and row["type"] != "note"


def table(name: str) -> list[Row]:
    with (MEDIA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def xforms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every workbook converted, as files."""
    folder = tmp_path_factory.mktemp("xforms")
    for name in NAMES:
        (folder / f"{name}.xml").write_text(convert(FORMS / f"{name}.xlsx").xform, encoding="utf-8")
    return {name: folder / f"{name}.xml" for name in NAMES}


def test_there_are_six_workbooks() -> None:
    assert sorted(path.stem for path in FORMS.glob("*.xlsx")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_converts_without_a_warning(name: str) -> None:
    notes: list[str] = []
    assert convert(FORMS / f"{name}.xlsx", warnings=notes).xform
    assert notes == []


@pytest.mark.java
def test_odk_validate_has_no_objection(xforms: dict[str, Path]) -> None:
    assert validate_xforms(xforms.values()) == {path: [] for path in xforms.values()}


@pytest.mark.parametrize("name", NAMES)
def test_settings(name: str) -> None:
    (settings,) = sheet(name, "settings")
    assert settings["form_id"] == name
    assert re.fullmatch(r"20\d{8}", settings["version"])
    assert settings["default_language"] == LANGUAGES[0]
    named = set(re.findall(r"\$\{(\w+)\}", settings["instance_name"]))
    assert named
    assert not named & set(DIRECT[name].split()), "an instance name shows up in lists and logs"


@pytest.mark.parametrize("name", NAMES)
def test_every_question_with_data_has_a_privacy_class(name: str, xforms: dict[str, Path]) -> None:
    classes = {row["name"]: row["bind::tracer:privacy"] for row in survey(name) if holds_data(row)}
    assert set(classes.values()) <= {"direct", "quasi", "open"}
    assert {question for question, one in classes.items() if one == "direct"} == set(DIRECT[name].split())
    model = etree.parse(xforms[name]).getroot()
    in_xform = {
        bind.get("nodeset").rsplit("/", 1)[1]: bind.get(PRIVACY)
        for bind in model.iter("{http://www.w3.org/2002/xforms}bind")
        if bind.get(PRIVACY)
    }
    assert in_xform == classes


@pytest.mark.parametrize("name", NAMES)
def test_free_text_is_never_open_and_says_why(name: str) -> None:
    texts = [row for row in survey(name) if row["type"] == "text"]
    classes = {row["name"]: row["bind::tracer:privacy"] for row in texts}
    assert "open" not in classes.values()
    assert [
        row["name"] for row in texts if classes[row["name"]] == "quasi" and not row["privacy_reason"]
    ] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_in_both_languages(name: str) -> None:
    lacking = [
        (row["name"], column)
        for row in survey(name)
        for column in TRANSLATED
        if len({bool(row[f"{column}::{language}"].strip()) for language in LANGUAGES}) == 2
    ]
    asked = [
        row for row in survey(name) if row["type"].split()[0] not in SILENT and "end_" not in row["type"]
    ]
    lacking += [(row["name"], "label") for row in asked if not row[f"label::{LANGUAGES[0]}"]]
    lacking += [
        (row["name"], kind)
        for row in asked
        for kind in ("required", "constraint")
        if row[kind] and not row[f"{kind}_message::{LANGUAGES[0]}"]
    ]
    lacking += [
        (row["list_name"], row["name"])
        for row in sheet(name, "choices")
        if not all(row[f"label::{language}"] for language in LANGUAGES)
    ]
    assert lacking == []


@pytest.mark.parametrize("name", NAMES)
def test_names_fit_every_server_and_database(name: str) -> None:
    names = [row["name"] for row in survey(name) if row["name"]]
    assert [one for one in names if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", one)] == []
    assert [one for one, times in Counter(names).items() if times > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_list_is_used_and_free_of_doubles(name: str) -> None:
    used = {
        row["type"].split()[1] for row in survey(name) if re.match(r"select_(one|multiple) ", row["type"])
    }
    choices = sheet(name, "choices")
    assert {row["list_name"] for row in choices} == used
    for column in ("name", *(f"label::{language}" for language in LANGUAGES)):
        doubles = Counter((row["list_name"], row[column]) for row in choices)
        assert [one for one, times in doubles.items() if times > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_construct_that_breaks_a_client(name: str) -> None:
    rows = survey(name)
    logic = " ".join(row[column] for row in rows for column in LOGIC)
    assert "pulldata(" not in logic
    assert not re.search(r"decimal-date-time\(\s*\$", logic), "the form does not load in Web Forms"
    assert not re.search(r"[^-]date\(\s*\$", logic), "the form does not load in Web Forms"
    assert not re.search(r"concat\([^()]*substr\(\$\{ap_nik\}", logic), "an impossible date stops Web Forms"
    assert not [row["name"] for row in rows if re.search("table-list|list-nolabel|label", row["appearance"])]
    # Collect's integer field takes nine characters, eleven with two separators.
    integers = " ".join(row["constraint"] for row in rows if row["type"] == "integer")
    assert [one for one in re.findall(r"\d+", integers) if len(one) > 9] == []
    assert not re.search(r"-\s*\d{9}", integers)
    # An expression here would make a count without a class of privacy and, in a text, without an end.
    counts = [row["repeat_count"] for row in rows if row["repeat_count"]]
    assert [one for one in counts if not re.fullmatch(r"\$\{\w+_count\}", one)] == []


@pytest.mark.parametrize("name", NAMES)
def test_differs_from_is_asked_only_of_an_answer(name: str) -> None:
    """`${x} != 'a'` holds while x is empty, so that a question would show too early."""
    early = [
        (row["name"], other)
        for row in survey(name)
        for other in re.findall(r"\$\{(\w+)\}\s*!=\s*'[^']", row["relevant"])
        if not re.search(rf"\$\{{{other}\}}\s*!=\s*''", row["relevant"]) and other not in ALWAYS_ANSWERED
    ]
    assert early == []


ALWAYS_ANSWERED = {"mode"}  # required, on the first page, before everything that looks at it


def test_villages() -> None:
    villages = table("desa")
    assert len({row["name"] for row in villages}) == len(villages) == 248
    assert len({row["kec_code"] for row in villages}) == 22
    assert [row for row in villages if row["name"][:6] != row["kec_code"] or len(row["name"]) != 10] == []
    assert Counter(row["type"] for row in villages) == {"desa": 220, "kelurahan": 28}
    # The seventh digit tells them apart: 1xxx is a kelurahan, 2xxx a desa.
    assert {(row["name"][6], row["type"]) for row in villages} == {("1", "kelurahan"), ("2", "desa")}
    known = [row["bps_code"] for row in villages if row["bps_code"]]
    # 17 have no known code, and two of Sanankulon were given one code by a match of similar names.
    assert len(set(known)) == len(known) == 229
    assert all(re.fullmatch(r"3505\d{6}", code) for code in known)


@pytest.mark.parametrize("name", ["alumni_tracer", "applicant_registration", "employer_needs", "youth_ideas"])
def test_districts_of_the_choices_are_those_of_the_villages(name: str) -> None:
    districts = {row["name"] for row in sheet(name, "choices") if row["list_name"] == "kec"}
    assert districts == {row["kec_code"] for row in table("desa")}


@pytest.mark.parametrize("name", COLUMNS)
def test_media_have_the_agreed_columns(name: str) -> None:
    rows = table(name)
    columns = COLUMNS[name].split(",")
    assert list(rows[0]) == columns
    codes = [row[columns[0]] for row in rows]
    assert len(set(codes)) == len(codes)
    # A space inside a code would be read as two choices, an empty label shows as a blank line.
    assert all(code and " " not in code for code in codes)
    assert all(row[columns[1]] for row in rows)


def test_programmes_are_those_of_the_forms() -> None:
    choices = {row["name"] for row in sheet("alumni_tracer", "choices") if row["list_name"] == "program"}
    assert {row["code"] for row in table("programs")} == choices - {"88"}
    assert {row["program"] for row in table("alumni") + table("applicants")} <= choices


def test_every_enumerator_finds_a_case() -> None:
    """A list without a case would be a dead end: the case is required."""
    staff = {row["name"] for row in table("enumerators") if row["role"] == "enumerator"}
    cases = Counter(row["enumerator"] for row in table("alumni"))
    assert cases[""] or staff <= set(cases)
    assert set(cases) - {""} <= staff


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_the_media_exist(name: str) -> None:
    for row in survey(name):
        file = re.fullmatch(r"select_one_from_file (\w+)\.csv", row["type"])
        if file and row["choice_filter"]:
            bare = re.sub(r"\$\{\w+\}|'[^']*'", "", row["choice_filter"])
            used = set(re.findall(r"[a-z_]\w*", bare)) - {"or", "and", "not", "selected"}
            assert used <= set(COLUMNS[file[1]].split(",")), row["name"]
        for media, column in re.findall(r"instance\('(\w+)'\)/root/item\[[^]]*\]/(\w+)", row["calculation"]):
            assert column in COLUMNS[media].split(","), row["name"]


LONG = "Keterampilan meracik kopi untuk membuka kedai di desa. " * 3
PLAUSIBLE: dict[str, list[Any]] = {
    "mode": ["1", "1", "2", "4"],
    "contact_result": ["01"] * 8 + ["02", "03", "05", "08", "11", "14"],
    "respondent_type": ["1", "1", "1", "2"],
    "consent": ["1", "1", "1", "1", "0"],
    "callback_at": ["2026-12-01T09:00:00.000+07:00"],
    "act_work": ["0", "0", "1"],
    "act_business": ["0", "0", "1"],
    "act_family": ["0", "0", "1"],
    "seek_4w": ["0", "0", "1"],
    "prep_4w": ["0", "0", "1"],
    "tr_program": ["barista", "mua", "88"],
    "need_1": ["ac", "88"],
    "birth_year": [1955, 1990, 1999, 2010],
    "bc_birth_year": [1990, 2001],
    "tr_start": ["2024-05-06", "2025-09-01"],
    "tr_end": ["2025-09-20", "2026-01-10"],
    "cert_number": ["56102 5132 2 0000123 2025", None],
    "n_jobs": [0, 1, 2, 3],
    "j_start": ["2025-02-01", "2026-01-01"],
    "j_end": ["2026-01-01", "2026-06-01"],
    "barriers": ["0", "1 4", "2 9 11", "8"],
    "barrier_main": [*"123456789", "11"],
    "biz_revenue": [0, 16_666_667, 999_999_999, None],
    "biz_cost": [0, 15_000_000, 999_999_999],
    "biz_profit": [-99_999_999, 12_345_678, 500_000_000, None, None],
    "pre_income": [0, 1_250_000, None],
    "pay_net": [2_413_974, 100_000_000, None, None],
    "hht_land": [0.25, 1.5, None],
    "ap_consent": ["1"],
    "y_consent": ["1"],
    "em_consent": ["1"],
    "sa_conflict": ["0"],
    "ap_name": ["Siti Aminah"],
    "ap_nik": ["3505105507990001", "3505101507990001", "3505106902000123"],
    "ap_birth": ["1999-07-15", "2009-03-01", "1955-01-01"],
    "em_workers": [25, 100],
    "em_workers_f": [0, 3, 25],
    "idea_title": ["Kelas meracik kopi desa"],
    "idea_text": [LONG],
    "ap_why": [LONG],
    "ap_plan_text": [LONG],
    "em_nib": ["1234567890123", None],
}
PHONES = {"phone", "new_phone", "ap_phone", "y_phone", "em_phone"}


@dataclass
class Enumerator(RandomAnswers):
    """Random answers, but plausible where the form would refuse nearly everything else.

    `fixed` is what this respondent says; with `breaks_off_after` every later question stays blank.
    """

    fixed: dict[str, Any] = field(default_factory=dict)
    breaks_off_after: str = ""
    silent: bool = False

    def __call__(self, question: Question) -> object:
        if question.name in self.fixed:
            return self.fixed[question.name]
        if self.silent:
            return None
        self.silent = question.name == self.breaks_off_after
        if question.name in PHONES:
            return f"0812{self.rng.randrange(10**8):08d}"
        if question.name in PLAUSIBLE:
            return self.rng.choice(PLAUSIBLE[question.name])
        if question.kind == "integer" and self.rng.random() > self.skip:
            # Mostly small, and now and then what a limit must refuse.
            return self.rng.choice([0, 1, 1, 2, 3, 5, 8, 25, 13, 1990, 1_500_000, -1])
        return super().__call__(question)


def clock() -> Clock:
    return Clock(datetime.fromisoformat("2026-11-24T09:00:00+07:00"), pace=10)


Phone = Callable[[], Filler]


@pytest.fixture(scope="module")
def fillers(xforms: dict[str, Path]) -> dict[str, Phone]:
    """A phone that opens the form afresh for every submission."""
    return {name: partial(Filler, path, MEDIA) for name, path in xforms.items()}


def leaves(filled: Filled) -> dict[str, list[str]]:
    """Every non-empty leaf of a finalized submission, by the name of the question."""
    found: dict[str, list[str]] = {}
    for node in etree.fromstring(filled.submission()).iter():
        if len(node) == 0 and node.text:
            found.setdefault(etree.QName(node).localname, []).append(node.text)
    return found


def one(found: dict[str, list[str]], name: str) -> str:
    return found[name][0] if name in found else ""


def fill(phone: Phone, seed: int = 0, **more: Any) -> Filled:
    return phone().fill(Enumerator(random.Random(seed), **more), clock=clock())


def interview(phone: Phone, seed: int = 0, after: str = "", **fixed: str) -> dict[str, list[str]]:
    answers = {"contact_result": "01", "consent": "1", "respondent_type": "1", "mode": "1"} | fixed
    return leaves(fill(phone, seed, fixed=answers, breaks_off_after=after))


@pytest.mark.java
@pytest.mark.parametrize("name", NAMES)
def test_can_always_be_filled_to_the_end(name: str, fillers: dict[str, Phone]) -> None:
    types = {row["name"]: row["bind::type"] for row in survey(name) if row["type"] == "calculate"}
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        filled = fill(fillers[name], seed)
        assert filled.blocked is None, f"seed {seed}: {filled.blocked}"
        for question, values in leaves(filled).items():
            seen[question] += 1
            if question in types:
                assert [one for one in values if UNFIT.search(one)] == [], question
                pattern = {"int": r"-?\d{1,9}", "decimal": r"-?\d+(\.\d+)?"}.get(types[question], r"(?s).+")
                assert all(re.fullmatch(pattern, one) for one in values), (question, values)
    never = {row["name"] for row in survey(name) if holds_data(row)} - set(seen)
    assert never == set(), "questions that no walk has reached"


@pytest.mark.java
def test_nothing_is_asked_after_a_refusal(fillers: dict[str, Phone]) -> None:
    found = interview(fillers["alumni_tracer"], consent="0")
    asked = {row["name"] for row in survey("alumni_tracer") if row["type"] != "calculate"}
    allowed = set(
        "start end today deviceid audit enumerator_id mode alumni_id attempt_no contact_result"
        " respondent_type consent refusal_reason".split()
    )
    assert set(found) & asked <= allowed
    assert one(found, "aapor_code") == "211"


@pytest.mark.java
def test_a_proxy_is_asked_only_what_a_proxy_may_answer(fillers: dict[str, Phone]) -> None:
    found = interview(fillers["alumni_tracer"], respondent_type="2", act_work="1", int_break="0")
    own = (
        "edu tr_program pre_work seek_4w employer_name hours_usual pay_net job_at_end helped_job sk_tech_now"
    )
    own += " sk_tech_before sat_all need_more barriers hh_tob wg_see suggestion tg_self hours_all underemp"
    assert not set(own.split()) & set(found)
    assert {"act_work", "job_title", "kbji_major", "kbli_section", "status_emp"} <= set(found)
    assert one(found, "aapor_code") == "120"


@pytest.mark.java
@pytest.mark.parametrize(("after", "code"), [("birth_year", "212"), ("sat_all", "120"), ("", "110")])
def test_a_broken_off_interview_can_be_sent(fillers: dict[str, Phone], after: str, code: str) -> None:
    broke = "1" if after else "0"
    fixed = {"int_break": broke, "int_lang": "1", "int_coop": "1", "int_under": "1", "int_others": "0"}
    found = interview(fillers["alumni_tracer"], after=after, consent_gps="0", consent_photo="0", **fixed)
    assert one(found, "aapor_code") == code
    if after == "birth_year":
        # What was not asked must not look like "not employed".
        assert not {"emp_icls", "emp_bps", "lf_icls", "lf_bps", "tg_self", "match_score"} & set(found)


@pytest.mark.java
def test_the_registry_fills_in_and_is_compared(fillers: dict[str, Phone]) -> None:
    case = table("alumni")[0]
    said = {
        "enumerator_id": case["enumerator"],
        "alumni_id": case["name"],
        "verify_name": "1",
        "nik_tail": case["nik_last4"],
        "birth_year": case["birth_year"],
        "sex": case["sex"],
    }
    found = interview(fillers["alumni_tracer"], **said)
    assert one(found, "reg_program") == case["program"]
    assert one(found, "match_score") == "8"
    assert len(found["tr_start"]) == int(case["n_enrolments"]) == int(one(found, "training_count"))
    label = next(row for row in table("programs") if row["code"] == case["program"])["label_id"]
    assert one(found, "show_program") == label
    day = case["training_end"].split("-")
    assert one(found, "show_end") == "-".join(reversed(day))
    other = interview(fillers["alumni_tracer"], **{**said, "birth_year": "1955", "nik_tail": "0000"})
    assert one(other, "match_score") == "3"


@pytest.mark.java
def test_consent_and_duration_carry_the_time_of_the_answers(fillers: dict[str, Phone]) -> None:
    found = interview(fillers["alumni_tracer"])
    started, agreed, ended = (
        datetime.fromisoformat(one(found, name)) for name in ("start", "consent_at", "end")
    )
    assert started < agreed < ended
    minutes = (ended - started).total_seconds() / 60
    assert minutes / 2 < float(one(found, "duration_min")) <= minutes + 0.05


@pytest.mark.java
@pytest.mark.parametrize(
    ("born", "age"), [("2009-03-01", "17"), ("2009-03-02", "16"), ("1980-12-31", "45"), ("1980-03-01", "46")]
)
def test_age_is_in_full_years_at_the_reference_date(fillers: dict[str, Phone], born: str, age: str) -> None:
    found = leaves(fill(fillers["applicant_registration"], fixed={"ap_birth": born}))
    assert one(found, "ap_age") == age


@pytest.mark.java
def test_a_woman_is_read_from_her_nik(fillers: dict[str, Phone]) -> None:
    found = leaves(fill(fillers["applicant_registration"], fixed={"ap_nik": "3505105507990001"}))
    assert [one(found, name) for name in ("nik_dd", "nik_sex", "nik_day")] == ["55", "2", "15"]


@pytest.mark.java
def test_marks_of_an_assessment_add_up(fillers: dict[str, Phone]) -> None:
    marks = dict.fromkeys(("sa_c_goal", "sa_c_know", "sa_c_effort", "sa_c_obst", "sa_c_persist"), "3")
    plan = {"sa_p_real": "4", "sa_p_market": "2", "sa_p_asset": "1"}
    fixed = marks | plan | {"sa_task": "1", "sa_ontime": "1", "sa_test": 20}
    found = leaves(fill(fillers["selection_assessment"], fixed=fixed))
    assert [one(found, name) for name in ("sa_commit", "sa_plan", "sa_total")] == ["25", "8.75", "53.75"]


@pytest.mark.java
def test_no_supervisor_checks_an_own_interview(fillers: dict[str, Phone]) -> None:
    supervisors = {row["name"] for row in table("enumerators") if row["role"] == "supervisor"}
    checkers = {one(leaves(fill(fillers["backcheck"], seed)), "bc_checker") for seed in range(8)}
    assert checkers <= supervisors


@pytest.mark.java
@pytest.mark.parametrize("name", ["applicant_registration", "employer_needs", "youth_ideas"])
def test_without_consent_nothing_more_is_asked(name: str, fillers: dict[str, Phone]) -> None:
    question = {"applicant_registration": "ap", "employer_needs": "em", "youth_ideas": "y"}[name] + "_consent"
    asked: list[str] = []

    def refuse(shown: Question) -> object:
        asked.append(shown.name)
        return "0"

    filled = fillers[name]().fill(refuse, clock=clock())
    assert set(asked) == {question}
    assert filled.xml is None


def test_a_workbook_reads_as_one_line_per_row() -> None:
    text = workbook_markdown(FORMS / "alumni_tracer.xlsx")
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("## ")] == ["## survey", "## choices", "## settings"]
    rows = sum(len(sheet("alumni_tracer", title)) for title in ("survey", "choices", "settings"))
    headers_and_rules = 3 * 2
    assert sum(line.startswith("| ") for line in lines) == rows + headers_and_rules
    phone = next(line for line in lines if line.startswith("| text | phone |"))
    assert r"^(\+62\|62\|0)8" in phone
    assert len(re.findall(r"(?<!\\)\|", phone)) == len(re.findall(r"(?<!\\)\|", lines[2]))
    assert workbook_markdown(FORMS / "alumni_tracer.xlsx") == text


def test_markdown_keeps_values_and_drops_emptiness(tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "survey"
    for row in (
        ["type", "name", None],
        [None] * 3,
        ["a|b", "two\nlines"],
        [2026112401.0, True],
        ["=A1", 1.5],
    ):
        book.active.append(row)
    book.active.cell(20, 5).fill = PatternFill("solid", fgColor="FF0000")
    book.create_sheet("choices")
    book.save(tmp_path / "form.xlsx")
    assert workbook_markdown(tmp_path / "form.xlsx") == (
        "## survey\n\n| type | name |\n| --- | --- |\n| a\\|b | two<br>lines |\n"
        "| 2026112401 | TRUE |\n| =A1 | 1.5 |\n\n## choices\n"
    )


def test_git_shows_a_changed_workbook_row_by_row(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout

    git("init", "-q")
    git("config", "diff.xlsform.textconv", f"{sys.executable} -m tracer_etl.markdown")
    shutil.copy(FORMS.parent / ".gitattributes", tmp_path)
    shutil.copy(FORMS / "backcheck.xlsx", tmp_path)
    git("add", ".")
    book = load_workbook(tmp_path / "backcheck.xlsx")
    book["settings"]["C2"] = "2026112499"
    book.save(tmp_path / "backcheck.xlsx")
    changed = [line for line in git("diff").splitlines() if re.match(r"[-+]\|", line)]
    assert [line[0] for line in changed] == ["-", "+"]
    assert "2026112499" in changed[1]


def test_a_file_that_is_no_workbook_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "form.xlsx").write_text("type,name\n", encoding="utf-8")
    with pytest.raises(FormError, match=r"form\.xlsx: not a readable workbook"):
        workbook_markdown(tmp_path / "form.xlsx")
    assert main([str(tmp_path / "nowhere.xlsx")]) == 2
    assert "nowhere.xlsx" in capsys.readouterr().err
    assert main([]) == 2
