"""The kinds of faults that change one submission.

Rules are numbers of the specification, or name what the form itself promises.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracer_etl.evidence.rehearsal.fault import Edit, RawRecipe, Recipe

if TYPE_CHECKING:
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.sheet import Sheet

Place = tuple[str, str] | None

TRACER, APPLICATION, ASSESSMENT = "alumni_tracer", "applicant_registration", "selection_assessment"
IDEA, EMPLOYER, CHECK = "youth_ideas", "employer_needs", "backcheck"
_COMPLETE = "110"
_FULL_TIME = 35
_LEAST_MINUTES = 20


def put(name: str, *values: str, **when: str) -> Edit:
    """Return an edit that writes one of the values over an answer, where other answers are as given."""

    def edit(sheet: Sheet, chance: Chance) -> Place:
        if any(sheet.text(other) not in wanted.split() for other, wanted in when.items()):
            return None
        return sheet.put(name, chance.pick(values))

    return edit


def clear(name: str, **when: str) -> Edit:
    """Return an edit that empties an answer."""
    return put(name, "", **when)


def add(after: str, name: str, value: str, **when: str) -> Edit:
    """Return an edit that adds an answer to a question that was not asked."""

    def edit(sheet: Sheet, _chance: Chance) -> Place:
        if any(sheet.text(other) not in wanted.split() for other, wanted in when.items()):
            return None
        return sheet.insert_after(after, name, value)

    return edit


def drop(name: str, **when: str) -> Edit:
    """Return an edit that removes an element with all that is in it."""

    def edit(sheet: Sheet, _chance: Chance) -> Place:
        if any(sheet.text(other) not in wanted.split() for other, wanted in when.items()):
            return None
        return sheet.drop(name)

    return edit


def _other_district(kec: str, desa: str) -> Edit:
    def edit(sheet: Sheet, chance: Chance) -> Place:
        here = sheet.text(kec)
        others = [f"3505{number:02d}" for number in range(1, 23) if f"3505{number:02d}" != here]
        return sheet.put(desa, f"{chance.pick(others)}2001") if here else None

    return edit


def _village_not_listed(sheet: Sheet, _chance: Chance) -> Place:
    return sheet.put("desa", f"{sheet.text('kec')}2099") if sheet.text("kec") else None


def _job_ends_before_it_starts(sheet: Sheet, _chance: Chance) -> Place:
    for node in sheet.all("j_end"):
        if node.text:
            return sheet.put_at(node, "2023-07-01")
    return None


def _job_without_end(sheet: Sheet, _chance: Chance) -> Place:
    return next((sheet.put_at(node, "") for node in sheet.all("j_end") if node.text), None)


def _training_ends_before_it_starts(sheet: Sheet, _chance: Chance) -> Place:
    start = sheet.text("tr_start")
    if not start:
        return None
    return sheet.put("tr_end", (datetime.fromisoformat(start) - timedelta(days=9)).date().isoformat())


def _flip(name: str) -> Edit:
    def edit(sheet: Sheet, _chance: Chance) -> Place:
        now = sheet.text(name)
        return (
            sheet.put(name, "1" if now == "0" else "0")
            if now and sheet.text("aapor_code") == _COMPLETE
            else None
        )

    return edit


def _one_job_too_many(sheet: Sheet, _chance: Chance) -> Place:
    number = sheet.text("n_jobs")
    return sheet.put("n_jobs", str(int(number) + 1)) if number else None


def _job_row_lost(sheet: Sheet, _chance: Chance) -> Place:
    return sheet.drop("job") if len(sheet.all("job")) > 1 else None


def _main_barrier_not_named(sheet: Sheet, _chance: Chance) -> Place:
    named = sheet.text("barriers").split()
    return (
        sheet.put("barrier_main", next(code for code in ("10", "88") if code not in named)) if named else None
    )


def _none_and_more(name: str) -> Edit:
    def edit(sheet: Sheet, _chance: Chance) -> Place:
        codes = sheet.text(name)
        return sheet.put(name, f"0 {codes}") if codes and codes != "0" else None

    return edit


def _profit_above_revenue(sheet: Sheet, _chance: Chance) -> Place:
    revenue = sheet.text("biz_revenue")
    return sheet.put("biz_profit", str(int(revenue) * 2)) if revenue else None


def _starts_after_end(sheet: Sheet, _chance: Chance) -> Place:
    start, end = sheet.text("start"), sheet.text("end")
    sheet.put("end", start)
    return sheet.put("start", end)


def _device_clock_of_2019(sheet: Sheet, _chance: Chance) -> Place:
    for name in ("end", "today"):
        sheet.put(name, f"2019{sheet.text(name)[4:]}")
    return sheet.put("start", f"2019{sheet.text('start')[4:]}")


def _too_many_hours(sheet: Sheet, _chance: Chance) -> Place:
    if not sheet.text("hours_second"):
        return None
    sheet.put("hours_actual", "100")
    sheet.put("hours_second", "40")
    return sheet.put("hours_all", "140")


def _abroad_face_to_face(sheet: Sheet, _chance: Chance) -> Place:
    if sheet.text("mode") != "1" or sheet.text("live_place") != "1":
        return None
    sheet.drop("kec")
    sheet.drop("desa")
    return sheet.put("live_place", "5")


def _nik_in(name: str) -> Edit:
    def edit(sheet: Sheet, chance: Chance) -> Place:
        nik = f"350510{chance.whole(41, 68)}0398{chance.whole(9001, 9999)}"
        return sheet.put(name, f"{sheet.text(name)}, NIK {nik}") if sheet.text(name) else None

    return edit


def _second_ongoing_job(sheet: Sheet, _chance: Chance) -> Place:
    current = [node for node in sheet.all("j_end_reason") if node.text == "1"]
    ended = [node for node in sheet.all("j_end_reason") if node.text not in ("1", None)]
    if not current or not ended:
        return None
    sheet.drop("j_end")
    return sheet.put_at(ended[0], "1")


def _no_ongoing_job(sheet: Sheet, _chance: Chance) -> Place:
    node = sheet.node("j_end_reason")
    if node is None or node.text != "1" or len(sheet.all("job")) != 1:
        return None
    sheet.insert_after("j_end_reason", "j_end", sheet.text("today")[:7] + "-01")
    return sheet.put_at(node, "3")


def _new_job_denied(sheet: Sheet, _chance: Chance) -> Place:
    later = [
        node.text or "" for node in sheet.all("j_start") if (node.text or "") > sheet.text("reg_train_end")
    ]
    return sheet.put("job_since", "0") if later and sheet.text("job_since") == "1" else None


def _underemployed_full_time(sheet: Sheet, _chance: Chance) -> Place:
    hours = sheet.text("hours_all")
    return sheet.put("underemp", "1") if hours and int(hours) >= _FULL_TIME else None


def _another_person(sheet: Sheet, _chance: Chance) -> Place:
    if sheet.text("nik_tail") or sheet.text("verify_name") != "1" or sheet.text("match_score") != "5":
        return None
    sheet.put("verify_name", "3")
    return sheet.put("match_score", "3")


def _lasted(minutes: float, mode: str) -> Edit:
    def edit(sheet: Sheet, _chance: Chance) -> Place:
        took = sheet.text("duration_min")
        if (
            sheet.text("mode") not in mode
            or sheet.text("aapor_code") != _COMPLETE
            or float(took) < _LEAST_MINUTES
        ):
            return None
        end = datetime.fromisoformat(sheet.text("end")) - timedelta(minutes=minutes)
        sheet.put("start", end.isoformat(timespec="milliseconds"))
        return sheet.put("duration_min", str(minutes))

    return edit


def _attribute(name: str, value: str) -> Edit:
    def edit(sheet: Sheet, _chance: Chance) -> Place:
        before = str(sheet.root.get(name))
        sheet.root.set(name, value)
        return f"{sheet.path(sheet.root)}/@{name}", f"{before} -> {value}"

    return edit


def _more_women_than_workers(sheet: Sheet, _chance: Chance) -> Place:
    workers = sheet.text("em_workers")
    return (
        sheet.put("em_workers_f", str(int(workers) + 3)) if workers and sheet.text("em_workers_f") else None
    )


def _no_vacancy_but_occupations(sheet: Sheet, _chance: Chance) -> Place:
    if not sheet.all("occ") or sheet.text("em_vac_now") != "0":
        return None
    return sheet.put("em_hire_12", "0")


def _with_entities(xml: bytes) -> bytes:
    declared = b'<!DOCTYPE data [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    start = xml.index(b"<data")
    return xml[:start] + declared + xml[start:].replace(b"<idea_title>", b"<idea_title>&b;", 1)


RECIPES: tuple[Recipe, ...] = (
    Recipe(TRACER, "text in an integer", "form:type", put("hours_usual", "empat puluh", "40 jam"), 2),
    Recipe(TRACER, "impossible date", "form:type", put("job_start", "2025-02-31"), 1),
    Recipe(TRACER, "decimal comma", "form:type", put("hht_land", "0,5")),
    Recipe(TRACER, "word in a time", "form:type", put("consent_at", "kemarin sore")),
    Recipe(TRACER, "broken position", "form:type", put("gps", "-8.1;112.2")),
    Recipe(TRACER, "fraction in an integer", "form:type", put("hh_size", "3.5")),
    Recipe(TRACER, "code not in the list", "form:choice", put("marital", "7", aapor_code="110")),
    Recipe(TRACER, "one code of several not in the list", "form:choice", put("barriers", "1 77")),
    Recipe(TRACER, "village not in the list", "form:choice", _village_not_listed),
    Recipe(TRACER, "required answer missing", "form:required", clear("edu", aapor_code="110"), 1),
    Recipe(TRACER, "required answer missing", "form:required", clear("consent_method")),
    Recipe(TRACER, "essential answer missing", "R17", clear("sat_all", aapor_code="110")),
    Recipe(
        TRACER,
        "answer not asked for",
        "form:relevant",
        add("respondent_type", "callback_at", "2026-01-09T10:00:00.000+07:00"),
    ),
    Recipe(
        TRACER,
        "answer not asked for",
        "form:relevant",
        add("consent_method", "refusal_reason", "sibuk", consent="1"),
    ),
    Recipe(TRACER, "village of another district", "R18", _other_district("kec", "desa"), 2),
    Recipe(TRACER, "job ends before it starts", "C02", _job_ends_before_it_starts),
    Recipe(TRACER, "ended job without end", "C02", _job_without_end),
    Recipe(TRACER, "training ends before it starts", "C01", _training_ends_before_it_starts),
    Recipe(TRACER, "employment recomputed differently", "C08", _flip("emp_icls")),
    Recipe(TRACER, "employment recomputed differently", "C08", put("lf_bps", "3", lf_bps="2")),
    Recipe(TRACER, "unemployed but employed", "C09", put("lf_bps", "2", emp_bps="1", aapor_code="110")),
    Recipe(TRACER, "job count above job rows", "C04", _one_job_too_many, 2),
    Recipe(TRACER, "job row lost", "C04", _job_row_lost),
    Recipe(TRACER, "main barrier not among the barriers", "R16", _main_barrier_not_named),
    Recipe(TRACER, "none together with others", "R15", _none_and_more("barriers")),
    Recipe(TRACER, "none together with others", "R15", _none_and_more("biz_legal")),
    Recipe(TRACER, "employee without pay block", "C10", drop("h2_pay")),
    Recipe(TRACER, "business without business block", "C10", drop("h3_biz")),
    Recipe(TRACER, "profit above revenue", "R12", _profit_above_revenue),
    Recipe(TRACER, "birth year out of range", "R05", put("birth_year", "1921", "2015")),
    Recipe(TRACER, "answers without consent", "R01", put("consent", "0", aapor_code="110"), 2),
    Recipe(TRACER, "unknown form version", "S02", _attribute("version", "2024010101"), 2),
    Recipe(TRACER, "unknown element", "S01", add("deviceid", "catatan_tambahan", "1")),
    Recipe(TRACER, "start after end", "R03", _starts_after_end),
    Recipe(TRACER, "device clock of 2019", "R03", _device_clock_of_2019),
    Recipe(TRACER, "more than 120 hours a week", "R08", _too_many_hours),
    Recipe(TRACER, "abroad but face to face", "C21", _abroad_face_to_face),
    Recipe(TRACER, "NIK in free text", "R07", _nik_in("suggestion")),
    Recipe(TRACER, "NIK in free text", "R07", _nik_in("contact_note")),
    Recipe(
        TRACER, "certificate received but not competent", "C15", put("cert_result", "2", cert_received="1"), 2
    ),
    Recipe(TRACER, "two ongoing jobs", "C03", _second_ongoing_job),
    Recipe(TRACER, "employed without ongoing job", "C03", _no_ongoing_job),
    Recipe(TRACER, "new job denied but listed", "C06", _new_job_denied),
    Recipe(TRACER, "absent though working", "C12", add("act_family", "act_absent", "1", act_work="1")),
    Recipe(TRACER, "underemployed with full hours", "C14", _underemployed_full_time),
    Recipe(TRACER, "alumnus not in the registry", "R02", put("alumni_id", "A9999995")),
    Recipe(TRACER, "recommendation above ten", "R14", put("nps", "11")),
    Recipe(TRACER, "malformed instanceID", "S03", put("instanceID", "uuid:12345")),
    Recipe(TRACER, "no instanceID", "S03", drop("instanceID")),
    Recipe(
        TRACER,
        "edit of an unknown submission",
        "S04",
        add("instanceID", "deprecatedID", "uuid:00000000-0000-4000-8000-000000000000"),
    ),
    Recipe(TRACER, "probably another person", "X07", _another_person),
    Recipe(TRACER, "complete in six minutes", "H01", _lasted(6.0, "123")),
    Recipe(TRACER, "web form in three minutes", "H22", _lasted(3.0, "4")),
    Recipe(TRACER, "root of another form", "form:id", _attribute("id", "alumni_tracer_old")),
    Recipe(APPLICATION, "NIK of 15 digits", "form:constraint", put("ap_nik", "350510410398900")),
    Recipe(APPLICATION, "date the other way round", "form:type", put("ap_birth", "31-12-1999")),
    Recipe(APPLICATION, "words in an integer", "form:type", put("ap_income", "dua juta")),
    Recipe(APPLICATION, "code not in the list", "form:choice", put("ap_program", "robotik")),
    Recipe(APPLICATION, "text too short", "form:constraint", put("ap_why", "ingin belajar")),
    Recipe(APPLICATION, "answers without consent", "form:constraint", put("ap_consent", "0")),
    Recipe(APPLICATION, "village of another district", "R18", _other_district("ap_kec", "ap_desa")),
    Recipe(APPLICATION, "none together with others", "R15", _none_and_more("ap_vuln")),
    Recipe(APPLICATION, "negative income", "form:constraint", put("ap_income", "-500000")),
    Recipe(APPLICATION, "required answer missing", "form:required", clear("ap_phone")),
    Recipe(APPLICATION, "unknown form version", "S02", _attribute("version", "2024010101")),
    Recipe(ASSESSMENT, "mark out of range", "form:constraint", put("sa_test", "31")),
    Recipe(ASSESSMENT, "code not in the list", "form:choice", put("sa_c_goal", "5")),
    Recipe(ASSESSMENT, "assessor with a conflict", "X15", put("sa_conflict", "1")),
    Recipe(ASSESSMENT, "required answer missing", "form:required", clear("sa_note")),
    Recipe(IDEA, "answers without consent", "form:constraint", put("y_consent", "0")),
    Recipe(IDEA, "text too short", "form:constraint", put("idea_text", "kursus apa saja")),
    Recipe(IDEA, "code not in the list", "form:choice", put("idea_interest", "6")),
    Recipe(IDEA, "NIK in free text", "R07", _nik_in("idea_text")),
    Recipe(EMPLOYER, "more women than workers", "form:constraint", _more_women_than_workers),
    Recipe(EMPLOYER, "words in an integer", "form:type", put("oc_n", "banyak")),
    Recipe(EMPLOYER, "code not in the list", "form:choice", put("os_gap", "9")),
    Recipe(EMPLOYER, "occupations without vacancies", "form:relevant", _no_vacancy_but_occupations),
    Recipe(CHECK, "birth year out of range", "form:constraint", put("bc_birth_year", "19")),
    Recipe(CHECK, "answer not asked for", "form:relevant", add("bc_emp", "bc_status", "4", bc_emp="0")),
)

RAW_RECIPES: tuple[RawRecipe, ...] = (
    RawRecipe(TRACER, "file cut off", lambda xml: xml[: len(xml) * 2 // 3]),
    RawRecipe(TRACER, "empty file", lambda _xml: b""),
    RawRecipe(APPLICATION, "bare ampersand", lambda xml: xml.replace(b"<ap_prior>", b"<ap_prior>A & B ", 1)),
    RawRecipe(IDEA, "entity bomb", _with_entities),
)
