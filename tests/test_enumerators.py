"""Checks in Python on how interviews were made, worked out by hand and at the size of a real study."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from scipy import stats

from enumerator_cases import CHECKS, LANDING, audit, interview, kept_file, photo
from oversight_case import judge_world, study_rules
from tracer_etl.oversight.audits import read_audit
from tracer_etl.oversight.backchecks import error_rates, paired_t
from tracer_etl.oversight.funnels import effect_of, outside_limits
from tracer_etl.oversight.photos import fingerprint, repeats
from tracer_etl.oversight.similarity import most_alike

if TYPE_CHECKING:
    from pathlib import Path

# -- near duplicates


def test_what_neither_was_asked_does_not_make_two_interviews_alike() -> None:
    first = ["1", "2", None, None, None, None, None, None]
    assert most_alike([first, ["1", "3", *[None] * 6]], [1, 2], 0.5) == {}
    [one] = [most_alike([first, ["1", "2", "9", *[None] * 5]], [1, 2], 0.5)[0]]
    assert (one.equal, one.answered) == (2, 3)


def test_few_answers_are_not_judged() -> None:
    assert most_alike(["ab", "ab"], [1, 2], 0.85, least=3) == {}
    assert set(most_alike(["abc", "abc"], [1, 2], 0.85, least=3)) == {0, 1}


def test_ten_thousand_interviews_are_compared_exactly_and_in_seconds() -> None:
    chance = random.Random(5)
    answers = [
        [chance.choice("12345") if chance.random() < 0.9 else None for _ in range(120)] for _ in range(10_000)
    ]
    copy = list(answers[17])
    for place in range(0, 120, 10):
        copy[place] = "x"
    answers[9_000] = copy
    began = time.process_time()
    found = most_alike(answers, range(10_000), 0.85)
    took = time.process_time() - began
    print(f"10,000 interviews of 120 questions compared in {took:.1f} s of CPU")
    equal = sum(a == b and a is not None for a, b in zip(answers[17], copy, strict=True))
    either = sum(a is not None or b is not None for a, b in zip(answers[17], copy, strict=True))
    assert {place: one.other for place, one in found.items()} == {17: 9_000, 9_000: 17}
    assert (found[17].equal, found[17].answered) == (equal, either)
    assert took < 60


# -- photos


def test_a_photo_is_known_again_scaled_compressed_and_brighter(tmp_path: Path) -> None:
    for name, content in (("a", photo(1)), ("b", photo(1, side=300, quality=40)), ("c", photo(2))):
        (tmp_path / name).write_bytes(content)
    with Image.open(tmp_path / "a") as image:
        image.point(lambda level: level * 0.8 + 30).save(tmp_path / "d", "PNG")
    a, b, c, d = (fingerprint(tmp_path / name) for name in "abcd")
    assert a is not None
    assert b is not None
    assert c is not None
    assert d is not None
    assert (a ^ b).bit_count() <= 4
    assert (a ^ d).bit_count() <= 4
    assert (a ^ c).bit_count() > 12


def test_what_shows_nothing_has_no_fingerprint(tmp_path: Path) -> None:
    Image.new("L", (200, 200), 90).save(tmp_path / "flat", "PNG")
    Image.new("L", (1, 1), 90).save(tmp_path / "point", "PNG")
    (tmp_path / "text").write_bytes(b"no picture")
    assert [fingerprint(tmp_path / name) for name in ("flat", "point", "text")] == [None, None, None]


def test_ones_own_photo_twice_is_no_repeat() -> None:
    assert repeats([7, 7, 8], ["ana", "ana", "budi"], 0) == {}


@pytest.mark.parametrize("content", [b"the same file", photo(3)], ids=["no picture", "a picture"])
def test_the_very_same_file_of_two_people_is_a_repeat_whatever_it_shows(content: bytes) -> None:
    import duckdb

    [rule] = [one for one in study_rules().rules if one.rule_id == "H13"]
    sha256 = kept_file(content)
    files = [
        {
            "form_id": "alumni_tracer",
            "_submission_id": key,
            "name": "work.jpg",
            "sha256": sha256,
            "present": True,
        }
        for key in "ab"
    ]
    world = {"judged_alumni_tracer": [interview("a"), interview("b")], "pii._attachment": files}
    with duckdb.connect() as connection:
        found = judge_world(connection, rule, world, more=CHECKS)
    assert [(one.key, one.detail) for one in found.findings] == [("a", "= b"), ("b", "= a")]


def test_photos_are_read_once_and_forgotten_when_they_are_gone() -> None:
    import duckdb

    [rule] = [one for one in study_rules().rules if one.rule_id == "H13"]
    shown = {key: kept_file(photo(seed)) for key, seed in (("a", 11), ("b", 12))}
    memory = LANDING / "_fingerprints_alumni_tracer.json"

    def judge(keys: str) -> set[str]:
        files = [
            {
                "form_id": "alumni_tracer",
                "_submission_id": key,
                "name": "work.jpg",
                "sha256": shown[key],
                "present": True,
            }
            for key in keys
        ]
        world = {"judged_alumni_tracer": [interview("a"), interview("b")], "pii._attachment": files}
        with duckdb.connect() as connection:
            assert judge_world(connection, rule, world, more=CHECKS).outcome == "passed"
        return set(json.loads(memory.read_text(encoding="utf-8")))

    assert set(shown.values()) <= judge("ab")
    written = memory.stat().st_mtime_ns
    assert set(shown.values()) <= judge("ab")
    assert memory.stat().st_mtime_ns == written
    (LANDING / "alumni_tracer" / "media" / shown["a"][:2] / shown["a"]).unlink()
    assert shown["a"] not in judge("b")


# -- Collect's audit log

FIELD_LIST = """event,node,start,end,old-value,new-value
form start,,0,,,
question,/data/a/x,1000,7000,,1
question,/data/a/y,1000,7000,,2
question,/data/a/z,1000,7000,,3
question,/data/a/seen,7000,7500,,
question,/data/b,7500,8000,,4
question,/data/open,8000,,,
end screen,,9000,9500,,
question,/data/b,10000,10500,4,5
question,/data/a/x,10500,11000,1,1
form finalize,,12000,,,
"""


def test_a_screen_is_timed_by_its_answers_and_changes_after_the_end_are_counted() -> None:
    log = read_audit(FIELD_LIST, 2)
    # three answers in 6 s are 2 s each; /data/b in 0.5 s, twice; x told again in 0.5 s; `seen` and `open` got no value
    assert (log.answers, log.fast, log.changed_after) == (6, 6, 1)
    assert read_audit(FIELD_LIST, 1.9).fast == 3


def test_a_log_without_tracked_changes_times_every_question() -> None:
    log = read_audit("event,node,start,end\nform start,,0,\nquestion,/a,0,1000\nquestion,/b,1000,9000\n", 2)
    assert (log.answers, log.fast, log.changed_after) == (2, 1, 0)
    assert read_audit("", 2).answers == 0


def test_a_log_that_was_changed_after_the_end_is_found_though_it_is_slow() -> None:
    import duckdb

    [rule] = [one for one in study_rules().rules if one.rule_id == "H19"]
    later = audit(*[5.0] * 20, more="question,/data/ask_3,200000,206000,1,2")
    files = [
        {
            "form_id": "alumni_tracer",
            "_submission_id": "a",
            "name": "audit.csv",
            "sha256": kept_file(later),
            "present": True,
        }
    ]
    world = {"judged_alumni_tracer": [interview("a")], "pii._attachment": files}
    with duckdb.connect() as connection:
        [found] = judge_world(connection, rule, world, more=CHECKS).findings
    assert found.detail == "0/21 <= 2 s, +1 > end"


# -- the team


def test_a_funnel_is_wide_for_few_cases() -> None:
    rates = {one.who: one for one in outside_limits([("few", 5, 10), ("many", 50, 100), ("rest", 145, 890)])}
    assert rates["few"].share == rates["many"].share == 0.5
    # team 200/1000 = 0.2; sqrt(0.2 * 0.8 / n) = 0.1265 and 0.04
    assert round(rates["few"].deviation, 2) == 2.37
    assert round(rates["many"].deviation, 2) == 7.5


def test_an_effect_is_that_of_analysis_of_variance() -> None:
    groups = [[1.0, 2, 4], [3, 5, 9, 4], [8, 8, 1, 7, 6]]
    effect = effect_of(groups)
    assert effect is not None
    f, p = stats.f_oneway(*groups)
    size = (12 - (9 + 16 + 25) / 12) / 2
    assert effect.p == pytest.approx(p)
    assert effect.icc == pytest.approx((f - 1) / (f - 1 + size))


def test_answers_that_never_differ_have_no_effect_to_estimate() -> None:
    assert effect_of([[1, 1], [1, 1]]) is None
    same = effect_of([[1, 2], [1, 2]])
    assert same is not None
    assert (same.icc, round(same.p)) == (0, 1)


# -- back-checks


def test_errors_are_shares_of_comparisons_and_never_is_none() -> None:
    told = [("P1", "edu", 1), ("P1", "edu", 0), ("P1", "age", 0), ("P1", "never", 0), ("P2", "never", 1)]
    rates = error_rates(told)
    assert (rates["P1"].compared, rates["P1"].wrong, rates["P1"].never) == (3, 1, 0)
    assert (rates["P2"].compared, rates["P2"].share, rates["P2"].said) == (
        0,
        0,
        "tidak pernah diwawancarai / never interviewed: 1",
    )


def test_the_paired_t_is_that_of_scipy() -> None:
    first, second = [10.0, 12, 9, 15, 11], [11.0, 12, 12, 16, 10]
    difference, p = paired_t(list(zip(first, second, strict=True)))
    assert difference == pytest.approx(0.8)
    assert p == pytest.approx(stats.ttest_rel(second, first).pvalue)
    assert paired_t([(1, 2), (3, 4)]) == (1, 0.0)
    assert paired_t([(1, 1), (3, 3)]) == (0, 1.0)
