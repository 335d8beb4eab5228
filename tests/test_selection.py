"""The selection of participants: every rule on a case worked by hand, then the whole round, to the bit."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from demand import add_tables, applicant, assessment, insert
from frame import frame
from tracer_etl.errors import StudyError
from tracer_etl.evidence.lottery import nik_hmac, ticket
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.past_training import identities, recently_trained
from tracer_etl.evidence.rehearsal.people import REHEARSAL_KEY
from tracer_etl.evidence.selection import Applicant, appeal_deadline, select, shortfall
from tracer_etl.evidence.selection_config import read_selection
from tracer_etl.evidence.selection_marks import Mark, Points, combine
from tracer_etl.evidence.selection_result import (
    APPEAL,
    TABLES,
    appeal_sheet,
    make_selection,
    store_selection,
)
from tracer_etl.evidence.selection_validity import foretells, icc_2k, panels, severities

ROOT = Path(__file__).parents[1]
FILE = ROOT / "evidence/selection_2026.toml"
KEY = "a key for tests only"


@pytest.fixture
def config():
    return read_selection(FILE)


def mark(assessor, interview, plan, test=15.0, **other):
    facts = {"task": 6, "punctual": 4} | other
    return Mark("K1", assessor, interview, plan, test, **facts)


def points(interview=15.0, aptitude=15.0, plan=10.0, **other):
    given = {"number": "K", "assessors": ("N1", "N2"), "task": 6, "punctual": 4, "documents": True} | other
    return Points(interview=interview, aptitude=aptitude, plan=plan, difference=0, third_used=False, **given)


def person(number, total, group="t3", **other):
    """Make an applicant who passes with this total: commitment 25, aptitude 15, plan 10, the rest need."""
    return Applicant(number, "barista", group, total - 50.0, points=points(), **other)


def decided(chosen, decision="accept"):
    return [one.applicant.number for one in chosen.outcomes if one.decision == decision]


# The office's file


def test_the_file_has_the_numbers_of_the_specification(config):
    assert config.seats["barista"] == {"t1": 5, "t2": 3, "t3": 12}
    assert (config.least_total, config.least_commitment, config.least_aptitude) == (55, 15, 10)
    assert (config.third_assessor_above, config.least_icc, config.band) == (7, 0.75, 5)
    assert (config.months_since_training, config.appeal_days) == (24, 3)
    assert (config.women, config.disability, config.per_desa, config.reserve) == (0.3, 1, 3, 0.2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("band = 5", "", r"\[lottery\] band is missing; see docs/how-to/select-participants.md"),
        ("total = 55", 'total = "many"', r"\[marks\] total is 'many', no number"),
        ("total = 55", "total = 155", r"\[marks\] total is 155, and may be 0 to 100"),
        ("reserve = 0.20", "reserve = 20", r"\[aims\] reserve is 20, and may be 0 to 1"),
        ("t2 = 3, t3 = 12", "t3 = 12", r"\[\[class\]\] barista seats t2 is missing"),
        ('programme = "mua"', 'programme = "barista"', r"\[\[class\]\] barista is listed twice"),
        (
            "announced = 2026-03-02",
            'announced = "2 Maret"',
            r"\[round\] announced is '2 Maret', and must be a day",
        ),
        (
            '["dbhcht", "apbd", "apbdp", "apbn"]',
            '"apbd"',
            r"\[gates\] government is 'apbd', and must be a list",
        ),
        ("[lottery]", "[lottery", "not TOML"),
        (
            'public_seed = "gladi 2026-1: belum diundi di depan umum"',
            'public_seed = " "',
            "public_seed is empty",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, old, new, message):
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "selection.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        read_selection(path)


@pytest.mark.parametrize(
    ("old", "new", "seats"),
    [
        ("band = 5", "band = 5", 20),
        ("t1 = 5, t2 = 3, t3 = 12", "t1 = 5, t2 = 3, t3 = 2", 10),
        ("total = 55", "total = 85", 6),
        ("commitment = 15", "commitment = 26", 0),
    ],
    ids=["nothing", "seats", "least points", "commitment"],
)
def test_one_change_in_the_file_changes_who_is_chosen(tmp_path, old, new, seats):
    path = tmp_path / "selection.toml"
    path.write_text(FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    people = [person(f"K{number:02}", 61 + number) for number in range(30)]
    assert len(decided(select(people, read_selection(path)))) == seats


def test_a_band_of_nothing_leaves_it_to_the_score(config):
    people = [person(f"K{number:02}", 61 + number) for number in range(30)]
    narrow = decided(select(people, dataclasses.replace(config, band=0)))
    assert narrow == [f"K{number:02}" for number in range(10, 30)]
    assert decided(select(people, config)) != narrow


# Two blind assessors, and a third


def test_two_assessors_close_together_give_the_mean():
    found = combine([mark("N1", 15, 10, 12), mark("N2", 12, 7.5, 14)], 7)
    # judged 25 and 19.5: 5.5 apart
    assert (found.interview, found.plan, found.aptitude) == (13.5, 8.75, 13)
    assert (found.commitment, found.difference, found.missing) == (23.5, 5.5, "")


@pytest.mark.parametrize(("second", "missing"), [(18.0, ""), (17.99, "third assessor")])
def test_more_than_seven_judged_points_apart_need_a_third(second, missing):
    found = combine([mark("N1", 15, 10), mark("N2", second - 10, 10)], 7)
    assert (found.missing, found.third_used) == (missing, False)


def test_with_a_third_the_two_closest_count():
    three = [mark("N1", 16, 12), mark("N2", 8, 5), mark("N3", 15, 10)]  # 28, 13, 25
    found = combine(three, 7)
    assert (found.interview, found.plan, found.missing, found.third_used) == (15.5, 11, "", True)
    assert found.assessors == ("N1", "N2", "N3")


def test_a_third_in_the_middle_counts_all_three():
    found = combine([mark("N1", 18, 12), mark("N2", 8, 6), mark("N3", 13, 9)], 7)  # 30, 14, 22
    assert (found.interview, found.plan) == (13, 9)


def test_conflict_of_interest_and_a_second_mark_of_the_same_person_do_not_count():
    assert combine([mark("N1", 15, 10), mark("N2", 15, 10, conflict=True)], 7).missing == "second assessor"
    twice = combine([mark("N1", 15, 10), mark("N1", 3, 3), mark("N2", 14, 10)], 7)
    assert (twice.interview, twice.missing) == (14.5, "")


def test_one_assessor_who_misses_a_document_is_enough():
    assert combine([mark("N1", 15, 10), mark("N2", 15, 10, documents=False)], 7).documents is False


# Points and least points


def test_total_is_need_commitment_aptitude_and_plan():
    one = Applicant("K", "barista", "t3", 21, points=points(interview=14, aptitude=20, plan=8.75))
    assert one.total == 21 + (14 + 6 + 4) + 20 + 8.75


@pytest.mark.parametrize(
    ("need", "given", "found"),
    [
        (5, {}, None),  # 5 + 25 + 15 + 10 = 55: just enough
        (4.75, {}, ("reject", "below the least points: total")),
        (30, {"interview": 5}, None),  # commitment 5 + 6 + 4 = 15
        (30, {"interview": 4.5}, ("reject", "below the least points: commitment")),
        (30, {"aptitude": 10}, None),
        (30, {"aptitude": 9}, ("reject", "below the least points: aptitude")),
        (
            0,
            {"interview": 0, "aptitude": 0},
            ("reject", "below the least points: total, commitment, aptitude"),
        ),
        (30, {"missing": "third assessor"}, ("pending", "third assessor needed")),
        (30, {"documents": False}, ("ineligible", "documents")),
    ],
)
def test_who_passes(config, need, given, found):
    assert shortfall(Applicant("K", "barista", "t3", need, points=points(**given)), config) == found


def test_gates_go_before_marks(config):
    one = Applicant("K", "barista", "t3", 30, failed=("age", "statement"), points=points())
    assert shortfall(one, config) == ("ineligible", "age statement")
    assert shortfall(Applicant("K", "barista", "t3", 30), config) == ("pending", "not assessed")


# The draw


def test_anybody_can_repeat_the_draw_with_a_shell():
    said = "2026-1|barista-t1|K0253|undian 14 Maret: 4 8 1 5"
    lot = ticket("2026-1", "barista-t1", "K0253", "undian 14 Maret: 4 8 1 5")
    assert lot == hashlib.sha256(said.encode()).hexdigest()
    shell = subprocess.run(["sha256sum"], input=said.encode(), capture_output=True, check=True)
    assert shell.stdout.decode().split()[0] == lot


def test_inside_the_band_the_lot_decides_outside_the_score(config):
    scores = {"A": 90, "B": 80, "C": 66, "D": 65, "E": 61, "F": 60, "G": 59.9, "H": 56}
    one = dataclasses.replace(config, seats={"barista": {"t1": 0, "t2": 0, "t3": 4}}, reserve=0.25)
    chosen = select([person(number, score) for number, score in scores.items()], one)
    found = {outcome.applicant.number: outcome for outcome in chosen.outcomes}
    # the fourth score is 65: the band is 60..70, C D E F; A and B are above it, so two seats are drawn for
    assert {number for number, outcome in found.items() if outcome.in_band} == set("CDEF")
    lots = sorted("CDEF", key=lambda number: ticket(config.name, "barista-t3", number, config.public_seed))
    assert decided(chosen) == sorted(["A", "B", *lots[:2]])
    assert decided(chosen, "reserve") == [lots[2]]  # 0.25 x 4 = 1
    assert decided(chosen, "reject") == sorted([lots[3], "G", "H"])
    assert {found[number].chance for number in "CDEF"} == {0.5}
    assert [found[number].chance for number in "ABGH"] == [None] * 4
    assert [found[number].rank for number in "ABCDEFGH"] == [*range(1, 9)]
    assert [found[number].line for number in ["A", "B", *lots, "G", "H"]] == [*range(1, 9)]
    assert found["A"].reason == "score"
    assert found[lots[0]].reason == "drawn by lot"
    [*_, stratum] = chosen.strata
    assert (stratum.cutoff, stratum.band, stratum.band_seats, stratum.accepted) == (65, 4, 2, 4)


def test_another_public_seed_draws_others_and_leaves_the_rest(config):
    people = [person(f"K{number:03}", 80 if number < 5 else 60) for number in range(60)]
    drawn = {
        seed: set(decided(select(people, dataclasses.replace(config, public_seed=seed))))
        for seed in ("one", "two")
    }
    always = {f"K{number:03}" for number in range(5)}
    assert drawn["one"] != drawn["two"]
    assert always < drawn["one"] & drawn["two"]
    assert len(drawn["one"]) == 20  # nobody asked for the seats of t1 and t2


def test_the_order_of_the_applications_changes_nothing(config):
    people = [
        person(f"K{number:03}", 55 + number % 13, "t1 t2 t3".split()[number % 3]) for number in range(80)
    ]
    assert select(people, config) == select(people[::-1], config)


def test_the_draw_is_fair(config):
    people = [person(f"K{number:02}", 60) for number in range(30)]
    wins = dict.fromkeys((one.number for one in people), 0)
    for seed in range(400):
        for number in decided(select(people, dataclasses.replace(config, public_seed=str(seed)))):
            wins[number] += 1
    share = np.array([*wins.values()]) / 400
    expected = 20 / 30  # empty seats of t1 and t2 come down
    assert share.mean() == pytest.approx(expected)
    assert np.abs(share - expected).max() < 4 * (expected * (1 - expected) / 400) ** 0.5


# Seats


def test_unfilled_seats_go_down_in_the_order_of_the_rule(config):
    people = [person(f"A{n}", 90, "t1") for n in range(2)] + [person(f"B{n}", 90, "t2") for n in range(4)]
    people += [person(f"C{n:02}", 60 + n, "t3") for n in range(30)]
    chosen = select(people, config)
    seats = {one.group: (one.seats, one.carried, one.accepted, one.unfilled) for one in chosen.strata[:3]}
    assert seats == {"t1": (5, 0, 2, 3), "t2": (6, 3, 4, 2), "t3": (14, 2, 14, 0)}
    assert len(decided(chosen)) == 20


def test_empty_seats_of_the_last_group_stay_empty_and_are_told(config):
    chosen = select([person(f"A{n}", 90, "t1") for n in range(9)], config)
    assert [one.unfilled for one in chosen.strata[:3]] == [0, 3, 15]
    assert len(decided(chosen)) == 5


def test_at_most_three_of_a_village_in_a_class(config):
    people = [person(f"A{n}", 90 - n, "t1", desa="1") for n in range(2)]
    people += [person(f"C{n}", 90 - n, "t3", desa="1") for n in range(3)] + [person("D", 56, "t3", desa="2")]
    chosen = select(people, config)
    assert decided(chosen) == ["A0", "A1", "C0", "D"]
    found = {one.applicant.number: one for one in chosen.outcomes}
    assert found["C1"].reason == "village has its seats"
    assert found["C1"].decision == "reserve"  # first in line when someone withdraws


def test_the_reserve_is_a_fifth_of_each_stratum_rounded_up(config):
    people = [person(f"{group}-{n:02}", 60, group) for group in ("t1", "t2", "t3") for n in range(20)]
    strata = select(people, config).strata[:3]
    assert [one.reserve for one in strata] == [1, 1, 3]  # 5, 3 and 12 seats


def test_a_stratum_with_someone_still_to_be_assessed_is_not_final(config):
    people = [person("A", 80, "t1"), Applicant("B", "barista", "t2", 20)]
    assert [one.final for one in select(people, config).strata[:3]] == [True, False, True]


def test_a_programme_without_a_class_is_told_so(config):
    chosen = select([Applicant("K", "digimar", "t3", 20, points=points())], config)
    assert (chosen.outcomes[0].decision, chosen.outcomes[0].reason) == (
        "pending",
        "no class of this programme in the round",
    )


@pytest.mark.parametrize(
    ("announced", "last"),
    [
        (date(2026, 3, 2), date(2026, 3, 5)),  # Monday: Tuesday, Wednesday, Thursday
        (date(2026, 3, 5), date(2026, 3, 10)),  # Thursday: Friday, Monday, Tuesday
        (date(2026, 3, 17), date(2026, 3, 23)),  # 19 March is a holiday: 18, 20, 23
    ],
)
def test_three_working_days_for_an_appeal(config, announced, last):
    assert appeal_deadline(announced, 3, config.holidays) == last


# Validity


def test_icc_2k_on_the_example_of_shrout_and_fleiss():
    table = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
    )
    assert icc_2k(table) == pytest.approx(0.62, abs=0.005)  # their table 4: ICC(2,4) = .62
    assert icc_2k(np.array([[1.0, 2.0]])) is None
    assert icc_2k(np.full((5, 2), 3.0)) is None


def test_a_panel_below_the_threshold_is_told():
    good = {f"K{n}": [mark("N1", n, 0), mark("N2", n + 1, 0)] for n in range(10)}
    bad = {f"L{n}": [mark("N1", n, 0), mark("N2", 9 - n, 0)] for n in range(10)}
    programmes = dict.fromkeys(good, "barista") | dict.fromkeys(bad, "mua")
    first, second = panels(good | bad, programmes, 7, 0.75)
    assert (first.programme, first.applicants, first.good, first.apart) == ("barista", 10, True, 0)
    assert (second.programme, second.good, second.apart) == ("mua", False, 2)  # 0 to 9 and 9 to 0


def test_severity_by_hand():
    marks = {"A": [mark("N1", 10, 5), mark("N2", 14, 5)], "B": [mark("N1", 8, 5), mark("N2", 10, 7)]}
    found = {one.assessor: one for one in severities(marks, 1.4)}
    assert found["N1"].severity == pytest.approx((-2 - 2) / 2)  # means 17 and 15
    assert (found["N2"].severity, found["N1"].alarm) == (2, True)
    assert severities({"A": [mark("N1", 10, 5)]}, 1) == []


def test_auc_by_hand():
    score, outcome = np.array([3.0, 2.0, 2.0, 1.0]), np.array([True, True, False, False])
    found = foretells("interview", score, outcome)
    assert found.auc == (1 + 1 + 0.5 + 1) / 4  # 3>2, 3>1, 2=2, 2>1
    # Hanley and McNeil: q1 = .875/1.125 = .7778, q2 = 2 x .7656/1.875 = .8167, variance (.1094 + .0122 + .0510)/4
    assert found.low == pytest.approx(0.875 - 1.96 * 0.2077, abs=0.001)
    assert found.high == 1
    assert not found.related  # the interval holds 0.5: four persons show nothing
    assert foretells("interview", score, np.array([True] * 4)) is None


def test_an_item_that_foretells_is_kept_and_noise_is_not():
    rng = np.random.default_rng(3)
    outcome = rng.random(300) < 0.6
    assert foretells("test", outcome + rng.normal(0, 1, 300), outcome).related
    assert not foretells("shoe size", rng.normal(0, 1, 300), outcome).related


# The 24 months, by HMAC


def test_hmac_is_that_of_the_registry():
    with (ROOT / "forms/rehearsal/registry/applicants.csv").open(encoding="utf-8") as lines:
        listed = {row["nik_hmac"] for row in csv.DictReader(lines)}
    assert all(len(one) == 64 for one in listed)
    assert nik_hmac(" 3505112905949425 ", REHEARSAL_KEY.decode()) in listed


def world():
    """Make a warehouse with one applicant per case of the 24-month rule (training starts on 16 March 2026)."""
    made = frame()
    add_tables(made.connection)
    connection = made.connection
    cases = {
        "K0001": ("2024-03-17", "dbhcht"),
        "K0002": ("2024-03-16", "dbhcht"),  # 24 months to the day
        "K0003": ("2025-06-30", "lain"),  # not paid by government
        "K0004": ("2025-06-30", "apbd"),
        "K0005": None,
    }
    for number, trained in cases.items():
        nik = f"35051129059494{number[-2:]}"
        applicant(connection, number, ap_lab="2", ap_welfare="1", ap_vuln="1 2")
        insert(connection, "pii.applicant_registration", {"_submission_id": f"uuid:{number}", "ap_nik": nik})
        insert(connection, "pii.applicants", {"applicant_id": number, "nik_hmac": nik_hmac(nik, KEY)})
        if trained:
            insert(connection, "pii.registry_person", {"alumni_id": number, "nik_hmac": nik_hmac(nik, KEY)})
            row = {
                "enrolment_id": number,
                "alumni_id": number,
                "training_end": trained[0],
                "funding": trained[1],
            }
            insert(connection, "clean.registry_enrolment", row)
        for assessor in ("N01", "N02"):
            assessment(connection, number, assessor, "33333222")
    make_marts(connection)
    return connection


@pytest.mark.parametrize("key", [KEY, ""])
def test_recent_training_paid_by_government_is_found_by_hmac(config, key):
    connection = world()
    known = identities(connection, key)
    found = recently_trained(connection, known.hashes, date(2024, 3, 16), config.government)
    assert found == {"uuid:K0001", "uuid:K0004"}
    assert known.remarks == (
        ()
        if key
        else ("the 24 months were checked by the office's list, not the NIK typed: set TRACER_HMAC_KEY",)
    )
    connection.close()


def test_a_wrong_key_is_noticed():
    connection = world()
    assert identities(connection, "wrong").remarks == (
        "no NIK typed fits the office's list: TRACER_HMAC_KEY is not the key the registry was made with",
    )
    connection.execute(
        "update pii.applicant_registration set ap_nik = '1' where _submission_id = 'uuid:K0001'"
    )
    assert identities(connection, KEY).remarks == ("1 of 5 NIKs typed are not those of the office's list",)
    connection.close()


# The whole round


def test_the_round_from_the_marts(config):
    connection = world()
    connection.execute(
        "update clean.applicant_registration set ap_age = 17 where _submission_id = 'uuid:K0003'"
    )
    applicant(connection, "K0006", ap_age=46, ap_past="1")
    applicant(connection, "K0007")  # the same person as K0005, later
    insert(
        connection,
        "pii.applicant_registration",
        {"_submission_id": "uuid:K0007", "ap_nik": "3505112905949405"},
    )
    connection.execute("delete from clean.applicants where applicant_id = 'K0006'")
    make_marts(connection)
    made = make_selection(connection, config, KEY)
    result = made.tables["marts.selection_result"].set_index("number")
    assert result["decision"].to_dict() == {
        "K0001": "ineligible",
        "K0002": "accept",
        "K0003": "accept",
        "K0004": "ineligible",
        "K0005": "accept",
        "K0007": "ineligible",
        "uuid:K0006": "ineligible",
    }
    assert result.loc["K0001", "reason"] == "training_registry"
    assert result.loc["K0007", "reason"] == "one_application"
    assert result.loc["uuid:K0006", "reason"] == "age training"
    row = result.loc["K0002"]
    # need 12 + 10 + 8; interview 15, task 6, punctual 4; test 15; plan 6 x 1.25
    assert (row["need"], row["interview"], row["commitment"], row["plan"]) == (30, 15, 25, 7.5)
    assert row["total"] == 30 + 25 + 15 + 7.5
    assert "1 applications are not on the office's list of applicants" in made.remarks
    assert "1 with a seat are under 18: a guardian must sign" in made.remarks
    aims = made.tables["marts.selection_aim"].set_index("name")["found"].to_dict()
    assert aims == {"women": 1, "disability": 3}
    connection.close()


def test_the_round_is_stored_the_same_twice_and_without_a_nik(config):
    connection = world()
    store_selection(connection, make_selection(connection, config, KEY))
    first = {name: connection.table(name).fetchall() for name in TABLES}
    store_selection(connection, make_selection(connection, config, KEY))
    assert first == {name: connection.table(name).fetchall() for name in TABLES}
    everything = repr(first)
    assert "35051129" not in everything
    assert not any(nik_hmac(f"350511290594940{n}", KEY) in everything for n in range(1, 6))
    settings = dict(first["marts.selection_setting"])
    assert (settings["public_seed"], settings["appeal_until"]) == (config.public_seed, "2026-03-05")
    connection.close()


def test_the_appeal_sheet_shows_all_scores_and_no_name(config):
    connection = world()
    sheet = appeal_sheet(make_selection(connection, config, KEY), config)
    assert list(sheet.columns) == [*APPEAL.values(), "Banding sampai / Appeal until"]
    assert set(sheet["Banding sampai / Appeal until"]) == {"2026-03-05"}
    assert len(sheet) == 5
    connection.close()


def test_without_the_forms_of_the_round_it_says_what_to_load(config):
    made = frame()
    with pytest.raises(StudyError, match=r"marts\.selection_applicant: the table is missing; load the forms"):
        make_selection(made.connection, config, KEY)
    made.connection.close()
