"""Ideas of young people and needs of employers, on cases counted by hand."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from demand import add_tables, employer, idea
from frame import frame
from tracer_etl.evidence.marts import make_marts


@pytest.fixture
def made():
    small = frame()
    add_tables(small.connection)
    yield small.connection
    small.connection.close()


def rows(connection, sql):
    make_marts(connection)
    return connection.execute(sql).fetchall()


TOPIC = "select programme, topic_by from marts.idea_topic order by submission_id"


@pytest.mark.parametrize(
    ("title", "text", "sector", "found"),
    [
        ("Kelas panel surya di desa", "", "hijau", ("listrik_rt", "title")),
        ("Kelas di desa", "untuk memasang PANEL-SURYA", "hijau", ("listrik_rt", "text")),
        ("Menu sehat sekolah", "", "mbg", ("dapur_mbg", "sector")),
        ("Bahasa Jepang", "", "ln", (None, "none")),
        ("Kelas malas", "", "digital", (None, "none")),  # "las" is a whole word or nothing
        ("Desain kemasan cokelat", "", "hilir", ("grafis", "title")),  # the longest term wins
        ("Las listrik", "belajar desain kemasan", "digital", ("las", "title")),  # title before text
    ],
)
def test_an_idea_is_coded_by_title_then_text_then_sector(made, title, text, sector, found):
    idea(made, "i1", title, text, sector=sector)
    assert rows(made, TOPIC) == [found]


def test_titles_as_young_people_of_east_java_write_them_find_their_programme(made):
    """113 titles written by hand (youth_phrases.csv): what is mapped is mapped right, and little is missed."""
    lines = (Path(__file__).parent / "youth_phrases.csv").read_text(encoding="utf-8").splitlines()
    phrases = {f"p{place:03}": row for place, row in enumerate(csv.DictReader(lines))}
    for key, row in phrases.items():
        idea(made, key, row["title"])
    found = dict(rows(made, "select submission_id, programme from marts.idea_topic"))
    right = sum(found[key] == row["programme"] for key, row in phrases.items() if row["programme"])
    assert right / sum(programme is not None for programme in found.values()) >= 0.98
    assert right / sum(bool(row["programme"]) for row in phrases.values()) >= 0.95


def test_a_longer_term_of_no_programme_takes_a_shorter_one_back(made):
    idea(made, "i1", "Budidaya ikan koi", sector="digital")
    idea(made, "i2", "Budidaya ikan untuk MBG", sector="mbg")
    assert rows(made, TOPIC) == [(None, "none"), ("dapur_mbg", "sector")]


def test_one_idea_per_device_and_day_counts_the_first(made):
    idea(made, "late", "Barista kopi", device="d", hour="09")
    idea(made, "early", "Servis motor", device="d", hour="07")
    idea(made, "tomorrow", "Barista kopi", device="d", day="2026-01-11")
    idea(made, "none-1", "Barista kopi", device=None)
    idea(made, "none-2", "Barista kopi", device=None)
    found = rows(made, "select submission_id from marts.idea_topic where counted order by 1")
    assert [key for [key] in found] == ["early", "none-1", "none-2", "tomorrow"]


def test_share_of_demand_counts_interest_of_4_and_5_among_all_ideas(made):
    idea(made, "a", "Barista", interest="5")
    idea(made, "b", "Barista", interest="4")
    idea(made, "c", "Barista", interest="3")
    idea(made, "d", "Bahasa Korea", sector="ln")
    idea(made, "e", "Barista", device="d-a", hour="20")  # the same device on the same day
    found = rows(made, "select programme, ideas, wanted, share from marts.idea_demand")
    assert found == [("barista", 3, 2, 2 / 4), ("none", 1, 1, 1 / 4)]


def test_vacancies_are_mapped_by_title_and_promises_shared_among_the_programmes_asked_for(made):
    employer(made, "e1", ("barista", "masak"), (("Barista di kafe", 3, "1"), ("kuli bangunan", 2, "0")), 3)
    employer(made, "e2", ("barista",), (("Koki dapur SPPG", 4, "0"), ("BARISTA", 1, "0")), 1)
    employer(made, "e3", ("mua",))
    found = rows(made, "select programme, employers, vacancies, hard, committed from marts.employer_demand")
    assert found == [
        ("barista", 2, 4, 3, 2.5),  # 3 / 2 programmes + 1 / 1
        ("dapur_mbg", 1, 4, 0, 0.0),  # "dapur sppg" is longer than "koki"
        ("masak", 1, 0, 0, 1.5),
        ("mua", 1, 0, 0, 0.0),
        ("none", 1, 2, 0, 0.0),
    ]


def test_neither_text_nor_device_reaches_the_marts(made):
    idea(made, "i1", "Barista", "rahasia sekali", device="device-7")
    make_marts(made)
    everything = repr(made.table("marts.idea_topic").fetchall())
    assert "rahasia" not in everything
    assert "device-7" not in everything


def test_a_study_without_these_forms_does_not_get_their_marts():
    small = frame()
    names = make_marts(small.connection)
    assert "marts.absorption" in names
    left_out = {"marts.idea_topic", "marts.idea_demand", "marts.employer_demand", "marts.selection_mark"}
    assert left_out.isdisjoint(names)
    small.connection.close()


def test_the_map_names_programmes_of_the_study_in_whole_lower_case_words():
    text = files("tracer_etl.evidence").joinpath("seeds/programme_term.csv").read_text(encoding="utf-8")
    media = (files("tracer_etl").joinpath("../../forms/media/programs.csv")).read_text(encoding="utf-8")
    programmes = {row["code"] for row in csv.DictReader(media.splitlines())}
    terms = list(csv.DictReader(text.splitlines()))
    assert len(terms) > 100
    assert {row["programme"] for row in terms} <= programmes | {"none"}
    assert len({(row["kind"], row["term"]) for row in terms}) == len(terms)
    assert all(row["term"] == row["term"].lower().strip() for row in terms)
