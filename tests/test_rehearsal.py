"""The rehearsal data: what they promise, and that the seed gives them again."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections import Counter
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tracer_etl.errors import FormError, StudyError
from tracer_etl.evidence.registry.alumni_ids import luhn_digit
from tracer_etl.evidence.rehearsal import rehearse
from tracer_etl.evidence.rehearsal.agenda import JAKARTA, staff_device
from tracer_etl.evidence.rehearsal.chance import Chance
from tracer_etl.evidence.rehearsal.job import Job, Submission
from tracer_etl.evidence.rehearsal.others import BACKCHECK, idea_jobs
from tracer_etl.evidence.rehearsal.people import hashed
from tracer_etl.evidence.rehearsal.registry import make_registry, read_staff, read_villages
from tracer_etl.evidence.rehearsal.run import FORMS
from tracer_etl.evidence.rehearsal.storage import write_zip
from tracer_etl.evidence.rehearsal.studio import Studio

SEED = 2026
ROOT = Path(__file__).parents[1] / "forms"
REHEARSAL, MEDIA = ROOT / "rehearsal", ROOT / "media"
LIMIT = 3_250_000
SIXTEEN_DIGITS = re.compile(rb"(?<![0-9a-f])\d{16}(?![0-9a-f])")
UNREADABLE = "xml"


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (ROOT / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def truth() -> dict[str, Any]:
    return dict(json.loads((REHEARSAL / "truth.json").read_text(encoding="utf-8")))


@cache
def submissions(form_id: str) -> dict[str, bytes]:
    """XML by folder."""
    with zipfile.ZipFile(REHEARSAL / f"{form_id}.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith("/submission.xml")]
        return {name.split("/")[1]: archive.read(name) for name in names}


def faulty() -> set[str]:
    return {row["submission_id"].removeprefix("uuid:") for row in rows("rehearsal/faults.csv")}


def clean(form_id: str) -> dict[str, etree._Element]:
    return {
        folder: etree.fromstring(xml)
        for folder, xml in submissions(form_id).items()
        if folder[:36] not in faulty()
    }


def said(submission: etree._Element, name: str) -> str:
    return (submission.findtext(f".//{name}") or "").strip()


# --- registry ---


def test_classes_of_2025_are_those_of_the_office() -> None:
    sizes = Counter(
        row["batch"] for row in rows("rehearsal/registry/enrolment.csv") if row["budget_year"] == "2025"
    )
    assert sizes == {
        "barista-2025-1": 20,
        "mua-2025-1": 20,
        "digimar-2025-1": 25,
        "barber-2025-1": 20,
        "barber-2025-2": 20,
        "masak-2025-1": 20,
        "listrik_rt-2025-1": 18,
    }
    assert sum(sizes.values()) == 143
    of_2025 = [row for row in rows("rehearsal/registry/enrolment.csv") if row["budget_year"] == "2025"]
    assert {row["funding"] for row in of_2025} == {"dbhcht"}
    assert {row["cert_result"] for row in of_2025} == {"1"}
    cost = {row["batch"]: int(row["package_cost_idr"]) for row in of_2025}
    assert abs(sum(cost.values()) - 1_500_000_000) < len(cost)


def test_enrolments_follow_the_rules_of_the_registry() -> None:
    persons = {row["alumni_id"] for row in rows("rehearsal/registry/person.csv")}
    taken: dict[str, list[tuple[str, str]]] = {}
    for row in rows("rehearsal/registry/enrolment.csv"):
        assert row["alumni_id"] in persons
        last = row["magang_end"] or row["training_end"]
        assert "2024-01-01" <= row["training_start"] <= row["training_end"] <= last <= "2025-12-31"
        assert (row["completed"] == "1") == (int(row["attended_pct"]) >= 80)
        assert bool(row["cert_no"]) == (row["cert_result"] == "1")
        assert bool(row["target_proof"]) == (row["target_group"] in ("t1", "t2"))
        taken.setdefault(row["alumni_id"], []).append((row["training_start"], last))
    assert set(taken) == persons
    assert sum(len(spans) == 2 for spans in taken.values()) == 13
    for spans in taken.values():
        spans.sort()
        assert all(before[1] < after[0] for before, after in pairwise(spans))


def test_alumni_ids_end_in_a_luhn_digit() -> None:
    ids = [row["alumni_id"] for row in rows("rehearsal/registry/person.csv")]
    assert len(set(ids)) == len(ids) == 350
    assert all(re.fullmatch(r"A\d{7}", one) and luhn_digit(one[1:-1]) == one[-1] for one in ids)


def test_registry_is_that_of_the_seed_and_niks_are_hashed() -> None:
    alumni = make_registry(Chance(SEED).of("registry"), read_villages(MEDIA), read_staff(MEDIA))
    persons = {row["alumni_id"]: row for row in rows("rehearsal/registry/person.csv")}
    assert set(persons) == {one.alumni_id for one in alumni}
    for one in alumni:
        row, nik = persons[one.alumni_id], one.person.nik
        assert (row["nik_hmac"], row["nik_last4"]) == (hashed(nik), nik[-4:])
        assert re.fullmatch(r"3505(0[1-9]|1\d|2[0-2])\d{6}9\d{3}", nik)
        day = int(nik[6:8]) - (40 if one.person.sex == "2" else 0)
        assert (day, int(nik[8:10]), nik[10:12]) == (
            one.person.birth.day,
            one.person.birth.month,
            f"{one.person.birth:%y}",
        )
        assert re.fullmatch(r"\+628[1-35-9]\d{7,10}", row["phone_e164"])
    assert len({row["nik_hmac"] for row in persons.values()}) == len(persons)


def test_devices_see_first_name_and_village_only() -> None:
    names = {row["alumni_id"]: row["full_name"] for row in rows("rehearsal/registry/person.csv")}
    villages = {row["name"]: row["label"] for row in rows("media/desa.csv")}
    for row in rows("media/alumni.csv"):
        assert row["label"] == f"{names[row['name']].split()[0]} ({villages[row['desa_code']]})"
    assert all(re.fullmatch(r"Peserta \d{4}", row["label"]) for row in rows("media/applicants.csv"))
    labels = {row["name"]: (row["label"], row["enumerator"]) for row in rows("media/alumni.csv")}
    assert all(
        labels[row["name"]] == (row["label"], row["enumerator"]) for row in rows("media/backcheck.csv")
    )


def test_no_full_nik_anywhere_but_in_applications_and_planted_faults() -> None:
    for path in [*REHEARSAL.rglob("*.csv"), *MEDIA.glob("*.csv")]:
        # office_lists is what an office keeps, before the import leaves but the HMAC of its (invented) NIKs.
        if path.name != "faults.csv" and path.parent.name != "office_lists":
            assert not SIXTEEN_DIGITS.search(path.read_bytes()), path.name
    planted = {row["submission_id"] for row in rows("rehearsal/faults.csv") if row["rule"] == "R07"}
    for form_id in FORMS:
        for folder, xml in submissions(form_id).items():
            rest = re.sub(rb"<(ap_nik)>.*?</\1>", b"", xml)
            assert not SIXTEEN_DIGITS.search(rest) or f"uuid:{folder}" in planted, folder


# --- submissions ---


def test_size_and_share_of_faults() -> None:
    files = [path for path in REHEARSAL.rglob("*") if path.is_file()]
    lists = [path for path in files if path.parent.name == "office_lists"]
    assert sum(path.stat().st_size for path in lists) < 200_000
    assert sum(path.stat().st_size for path in files if path not in lists) < LIMIT
    count = sum(len(submissions(form_id)) for form_id in FORMS)
    assert 0.04 <= len(rows("rehearsal/faults.csv")) / count <= 0.06


def test_no_submission_has_two_faults_or_is_odd_and_wrong() -> None:
    ids = [row["submission_id"] for row in rows("rehearsal/faults.csv")]
    assert len(set(ids)) == len(ids)
    odd = {name for one in truth()["oddities"] for name in (one["submission_id"], one["detail"])}
    assert not odd & set(ids)
    assert not set(truth()["curbstoning"]["submissions"]) & set(ids)


def test_every_listed_fault_is_in_its_file() -> None:
    for row in rows("rehearsal/faults.csv"):
        xml = submissions(row["form"])[row["submission_id"].removeprefix("uuid:")]
        if row["rule"] == UNREADABLE:
            assert not readable(xml), row
            continue
        root = etree.fromstring(xml)
        _, arrow, after = row["detail"].partition(" -> ")
        found = root.xpath(row["path"])
        if row["detail"].startswith("removed, one of "):
            left = root.xpath(re.sub(r"\[\d+\]$", "", row["path"]))
            assert len(left) == int(row["detail"].split()[-1]) - 1, row
        elif arrow:
            value = found[0] if isinstance(found[0], str) else found[0].text or ""
            assert value == after, row
        elif row["detail"].startswith("added "):
            assert found[0].text == row["detail"].removeprefix("added "), row
        else:
            assert found, row


def readable(xml: bytes) -> bool:
    if b"<!ENTITY" in xml:
        return False
    try:
        etree.fromstring(xml)
    except etree.XMLSyntaxError:
        return False
    return True


def test_faults_are_of_many_kinds_in_all_forms() -> None:
    faults = rows("rehearsal/faults.csv")
    assert {row["form"] for row in faults} == set(FORMS)
    assert len({row["kind"] for row in faults}) >= 60
    rules = {row["rule"] for row in faults}
    assert {"form:type", "form:choice", "form:required", "form:constraint", "form:relevant", "xml"} <= rules
    assert {"R01", "R18", "C02", "C03", "C08", "S02", "S04", "X02", "X18", "H01"} <= rules


def test_edits_point_to_submissions_that_are_there() -> None:
    edits = [one for one in truth()["oddities"] if one["kind"] == "edited"]
    assert len(edits) == 8
    for one in edits:
        new = etree.fromstring(submissions(one["form"])[one["submission_id"].removeprefix("uuid:")])
        assert said(new, "instanceID") == one["submission_id"]
        assert said(new, "deprecatedID") == one["detail"]
        assert one["detail"].removeprefix("uuid:") in submissions(one["form"])


def test_odd_encodings_hold_what_they_say() -> None:
    starts = {
        "UTF-16": (b"\xff\xfe", b"\xfe\xff"),
        "byte order mark": b"\xef\xbb\xbf",
        "no declaration (Web Forms)": b"<data",
    }
    for one in truth()["oddities"]:
        xml = submissions(one["form"])[one["submission_id"].removeprefix("uuid:")]
        assert said(etree.fromstring(xml), "instanceID") == one["submission_id"]
        if one["kind"] in starts:
            assert xml.startswith(starts[one["kind"]]), one
        if one["kind"] == "Latin-1":
            with pytest.raises(UnicodeDecodeError):
                xml.decode("utf-8")
        if one["kind"] == "delivered twice":
            assert submissions(one["form"])[one["detail"]] == xml


def test_every_named_file_travels_except_where_its_loss_was_planted() -> None:
    lost = {
        row["submission_id"].removeprefix("uuid:")
        for row in rows("rehearsal/faults.csv")
        if row["rule"] == "S07"
    }
    for form_id in FORMS:
        with zipfile.ZipFile(REHEARSAL / f"{form_id}.zip") as archive:
            present = set(archive.namelist())
        for folder, submission in clean(form_id).items():
            named = {
                one.text
                for one in submission.iter()
                if one.text and re.fullmatch(r"[\w-]+\.(jpg|csv)", one.text)
            }
            assert {f"instances/{folder}/{name}" for name in named} <= present
    assert len(lost) == 2


def test_clean_attempts_break_no_rule_about_one_submission() -> None:
    broken = Counter(rule for one in clean("alumni_tracer").values() for rule in broken_rules(one))
    assert broken == {}


def broken_rules(one: etree._Element) -> list[str]:
    interviewed = said(one, "can_interview") == "1"
    return [*_times(one), *(_answers(one) + _jobs(one) if interviewed else [])]


def _times(one: etree._Element) -> list[str]:
    start, end = datetime.fromisoformat(said(one, "start")), datetime.fromisoformat(said(one, "end"))
    complete = said(one, "aapor_code") == "110"
    broken = {
        "R03": start > end or not "2025-11-30" <= said(one, "today") <= "2026-03-01",
        "H01": complete and min((end - start).total_seconds() / 60, float(said(one, "duration_min"))) < 12,
        "H03": not 6 <= start.hour < 21,
        "C01": any(
            not t.findtext("tr_start", "") <= t.findtext("tr_end", "") <= said(one, "today")
            for t in one.iter("training")
            if t.findtext("tr_end")
        ),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def _answers(one: etree._Element) -> list[str]:
    def several_with_none(name: str) -> bool:
        codes = said(one, name).split()
        return "0" in codes and len(codes) > 1

    def number(name: str) -> int:
        return int(said(one, name) or 0)

    named = said(one, "barriers").split()
    broken = {
        "R18": bool(said(one, "desa")) and said(one, "desa")[:6] != said(one, "kec"),
        "R05": not 1955 <= number("birth_year") <= 2010,
        "R08": number("hours_all") > 84,
        "R12": number("biz_profit") > number("biz_revenue"),
        "R15": any(map(several_with_none, ("barriers", "support", "biz_legal"))),
        "R16": bool(said(one, "barrier_main")) and said(one, "barrier_main") not in named,
        "R17": said(one, "aapor_code") == "110" and not (said(one, "choose_again") and said(one, "sat_all")),
        "C12": said(one, "act_absent") == "1" and "1" in (said(one, "act_work"), said(one, "act_business")),
        "C13": said(one, "main_act") == "1" and said(one, "emp_bps") != "1",
        "C14": said(one, "underemp") == "1" and number("hours_all") >= 35,
        "C21": said(one, "live_place") == "5" and said(one, "mode") == "1",
        "X07": number("match_score") < 4,
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def _jobs(one: etree._Element) -> list[str]:
    if not said(one, "n_jobs"):
        return []
    jobs, today, trained = one.findall(".//job"), said(one, "today"), said(one, "reg_train_end")
    spans = [(job.findtext("j_start", ""), job.findtext("j_end") or "") for job in jobs]
    ongoing = [job for job in jobs if job.findtext("j_end_reason") == "1"]
    broken = {
        "C02": any((end and not start <= end <= today) or start > today for start, end in spans)
        or sum(not end for _, end in spans) != len(ongoing),
        "C03": len(ongoing) != int(said(one, "emp_bps") or 0),
        "C04": len(jobs) != int(said(one, "n_jobs")),
        "C05": bool(ongoing) and said(one, "job_start") != ongoing[0].findtext("j_start"),
        "C06": said(one, "job_since") == "0" and any(start > trained for start, _ in spans),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def test_rule_book_of_this_test_sees_the_planted_faults() -> None:
    known = set("R03 H01 C01 R18 R05 R08 R12 R15 R16 R17 C02 C03 C04 C06 C12 C14 C21".split())
    planted = [
        row for row in rows("rehearsal/faults.csv") if row["form"] == "alumni_tracer" and row["rule"] in known
    ]
    assert len({row["rule"] for row in planted}) == len(known)
    for row in planted:
        one = etree.fromstring(submissions("alumni_tracer")[row["submission_id"].removeprefix("uuid:")])
        assert row["rule"] in broken_rules(one), row


def test_nobody_interviews_two_people_at_once() -> None:
    replaced = {one["detail"] for one in truth()["oddities"] if one["kind"] == "edited"}
    spans: dict[str, list[tuple[str, str]]] = {}
    for folder, one in clean("alumni_tracer").items():
        if len(folder) == 36 and said(one, "instanceID") not in replaced:
            spans.setdefault(said(one, "deviceid"), []).append((said(one, "start"), said(one, "end")))
    for own in spans.values():
        own.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(own))


def test_planted_truth_fits_the_files() -> None:
    assert truth()["frame"] == {"persons": 350, "enrolments": 363}
    assert set(truth()["alumni"]) == {row["alumni_id"] for row in rows("rehearsal/registry/person.csv")}
    assert truth()["employment"]["bias_of_raw_rate"] > 0.01
    told, true = (truth()["heaping"][f"{kind}_months_to_first_job"] for kind in ("told", "true"))
    assert told["3"] > 1.5 * true["3"]
    invented = truth()["curbstoning"]["submissions"]
    tracer = submissions("alumni_tracer")
    assert {said(etree.fromstring(tracer[one[5:]]), "enumerator_id") for one in invented} == {"P06"}
    denied = [one for one in clean(BACKCHECK).values() if said(one, "bc_was_int") == "0"]
    suspects = {row["name"] for row in rows("media/alumni.csv") if row["enumerator"] == "P06"}
    assert denied
    assert {said(one, "bc_alumni") for one in denied} <= suspects


def test_final_response_is_about_four_in_five() -> None:
    outcomes = truth()["response"]["outcomes"]
    assert 0.75 <= (outcomes["complete"] + outcomes["proxy"] + outcomes["partial"]) / 350 <= 0.85


def test_applicants_point_to_their_applications() -> None:
    listed = {row["application_id"]: row for row in rows("rehearsal/registry/applicants.csv")}
    for folder, one in clean("applicant_registration").items():
        row = listed.get(f"uuid:{folder}")
        if row is not None:
            assert (row["nik_hmac"], row["program_code"]) == (
                hashed(said(one, "ap_nik")),
                said(one, "ap_program"),
            )
    assert len(listed) == 450


def test_two_different_assessors_per_applicant() -> None:
    assessors: dict[str, set[str]] = {}
    for one in clean("selection_assessment").values():
        assessors.setdefault(said(one, "sa_applicant"), set()).add(said(one, "sa_assessor"))
    assert Counter(map(len, assessors.values()))[2] >= 95
    assert set(assessors) <= {row["name"] for row in rows("media/applicants.csv")}


# --- from the seed ---


def test_zip_does_not_depend_on_the_order_of_its_members(tmp_path: Path) -> None:
    some = [Submission("f", f"{number}", b"<a/>", {"a.csv": b"1"}) for number in range(5)]
    write_zip(tmp_path / "a.zip", some)
    write_zip(tmp_path / "b.zip", reversed(some))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.java
def test_same_seed_gives_the_committed_bytes() -> None:
    studio = Studio(ROOT, MEDIA, SEED)
    jobs = idea_jobs(Chance(SEED).of("ideas"), 12, read_villages(MEDIA))
    changed = faulty() | {one["submission_id"].removeprefix("uuid:") for one in truth()["oddities"]}
    same = [one for one in map(studio.fill, jobs) if one.folder not in changed]
    assert len(same) > 5
    for one in same:
        assert submissions("youth_ideas")[one.folder] == one.xml
    other = Studio(ROOT, MEDIA, SEED + 1).fill(jobs[0])
    assert other.folder not in submissions("youth_ideas")


@pytest.mark.java
def test_form_that_refuses_a_planned_answer_stops_the_rehearsal() -> None:
    begins = datetime(2026, 2, 24, 8, tzinfo=JAKARTA) + timedelta(minutes=1)
    answers = {"bc_checker": "P01", "bc_alumni": "A0", "bc_reached": "0"}
    job = Job(BACKCHECK, "x", answers, begins, 10.0, staff_device("S01"))
    with pytest.raises(FormError, match="'P01' was refused"):
        Studio(ROOT, MEDIA, SEED).fill(job)


@pytest.mark.java
@pytest.mark.slow
def test_whole_rehearsal_is_what_the_seed_gives(tmp_path: Path) -> None:
    lines: list[str] = []
    summary = rehearse(ROOT, tmp_path / "out", SEED, progress=lines.append)
    assert summary.submissions == {form_id: len(submissions(form_id)) for form_id in FORMS}
    assert summary.faults == len(rows("rehearsal/faults.csv"))
    assert len(lines) > 5
    lists = {Path("media") / name for name in ("alumni.csv", "applicants.csv", "backcheck.csv")}
    made = {
        path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file()
    } - lists
    assert made == {path.relative_to(REHEARSAL) for path in REHEARSAL.rglob("*") if path.is_file()} - {
        Path("README.md")
    }
    for name in made:
        assert contents(tmp_path / "out" / name) == contents(REHEARSAL / name), name
    for name in ("alumni.csv", "applicants.csv", "backcheck.csv"):
        assert (tmp_path / "out/media" / name).read_bytes() == (MEDIA / name).read_bytes()


def contents(path: Path) -> dict[str, bytes]:
    """Members of a zip rather than its bytes: another zlib may compress differently."""
    if path.suffix != ".zip":
        return {"": path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_real_case_list_is_not_replaced(tmp_path: Path) -> None:
    real = "name,label,nik_last4\nA1043827,Siti (Jaten),0041\n"
    (tmp_path / "alumni.csv").write_text(real, encoding="utf-8")
    with pytest.raises(StudyError, match=r"alumni\.csv.*no rehearsal made"):
        rehearse(ROOT, tmp_path / "out", SEED, media=tmp_path)
    assert (tmp_path / "alumni.csv").read_text(encoding="utf-8") == real


def test_season_is_the_winter_of_2025() -> None:
    assert [date.fromisoformat(day) for day in truth()["field_window"]] == [
        date(2025, 12, 1),
        date(2026, 2, 28),
    ]
