"""Verdicts go back: flagged once, taken back in time, and no person's decision is overruled."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from makers import study_folder, xml
from tracer_etl import pipeline
from tracer_etl.errors import Changed, Refused, StudyError, Unavailable
from tracer_etl.fieldwork.review import (
    CLEAR,
    DECIDED,
    DELETED,
    EDITED,
    FLAG,
    SETTLED,
    TELL,
    Reviewed,
    Standing,
    plan,
    review,
)
from tracer_etl.fieldwork.review_kobo import KoboDesk
from tracer_etl.fieldwork.review_reasons import (
    CLEARED,
    LONGEST_COMMENT,
    Finding,
    Reason,
    comment,
    findings,
    marked,
)
from tracer_etl.servers.session import Session
from tracer_etl.study import Study, read_study
from tracer_etl.testing import FakeCentral, FakeKobo, Fault
from tracer_etl.testing.loopback import Loopback, Reply, Request
from tracer_etl.warehouse.duckdb import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD = "<who>Rahasia Fiktif</who><work>0</work>"
"""The age is missing."""
GOOD = "<who>Rahasia Fiktif</who><age>30</age><work>0</work>"
ADULTS = """
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: age, min_value: 18}
    severity: critical
    meta: {id: R1, why: {id: "Responden belum dewasa.", en: "The respondent is no adult."}}
  - type: expect_column_values_to_not_be_null
    kwargs: {column: born}
    severity: info
    meta: {id: R2, why: {id: "Tanggal lahir kosong.", en: "The date of birth is empty."}}
"""


# -- words


def reason(column: str = "age", rule: str = "form:required", **more: str) -> Reason:
    given = {"question": column.title(), "place": "", "why": "A required question is not answered.", **more}
    return Reason(rule, "warning", "visit", column, "1", **given)


def finding(*columns: str, instance: str = "uuid:1") -> Finding:
    return Finding("1", instance, tuple(reason(column) for column in columns or ("age",)))


def test_a_comment_says_what_and_why_and_is_marked():
    found = Finding("1", "uuid:1", (reason(), reason("title", place="job 2")))
    assert comment(found, "en").splitlines() == [
        "Please check before this submission can be used (2):",
        "- Age: A required question is not answered.",
        "- job 2, Title: A required question is not answered.",
        f"[tracer_etl {found.digest}]",
    ]
    assert marked(comment(found, "en")) == found.digest
    assert comment(found, "id").startswith("Mohon diperiksa")
    assert marked(comment(None, "id")) == CLEARED


@pytest.mark.parametrize("count", [1, 7, 8, 40, 900])
def test_a_comment_is_never_too_long_and_counts_what_it_leaves_out(count: int):
    found = Finding("1", "uuid:1", tuple(reason(f"question_number_{n}") for n in range(count)))
    text = comment(found, "id")
    assert len(text) <= LONGEST_COMMENT
    assert marked(text) == found.digest
    said = text.count("Question_Number_")
    assert said > 0
    assert said == count or f"dan {count - said} lagi" in text


def test_a_digest_tells_reasons_and_content_apart_and_nothing_else():
    found = finding("age", "work")
    turned = replace(found, reasons=tuple(replace(one, why="New words.") for one in reversed(found.reasons)))
    assert turned.digest == found.digest
    others = [finding("age"), finding("age", "born"), finding("age", "work", instance="uuid:2")]
    others.append(replace(found, reasons=tuple(replace(one, row="1/job[1]") for one in found.reasons)))
    assert len({found.digest, *(other.digest for other in others)}) == 5


# -- decisions

OURS = finding().digest


@pytest.mark.parametrize(
    ("standing", "speaks", "what"),
    [
        (None, True, DELETED),
        (Standing("uuid:2", ""), True, EDITED),
        (Standing("uuid:2", "approved"), True, EDITED),
        (Standing("uuid:1", ""), True, FLAG),
        (Standing("uuid:1", "edited", ("", OURS)), True, DECIDED),
        (Standing("uuid:1", "edited", ("", "older")), True, FLAG),
        (Standing("uuid:1", "", (CLEARED, OURS), CLEARED), True, FLAG),
        (Standing("uuid:1", "", ("", OURS)), True, DECIDED),
        (Standing("uuid:1", "approved"), True, DECIDED),
        (Standing("uuid:1", "rejected", (OURS,)), True, DECIDED),
        (Standing("uuid:1", "hasIssues"), True, DECIDED),
        (Standing("uuid:1", "hasIssues", ("", OURS), OURS), True, DECIDED),
        (Standing("uuid:1", "hasIssues", (OURS,), OURS), True, SETTLED),
        (Standing("uuid:1", "hasIssues", ("older",), "older"), True, TELL),
        (Standing("uuid:1", "hasIssues", (OURS,), ""), True, TELL),
        (Standing("uuid:1", "hasIssues", ("older",)), False, SETTLED),
    ],
)
def test_what_is_done_with_a_submission_that_is_set_aside(standing: Standing | None, speaks: bool, what: str):
    present = {"1": standing} if standing else {}
    [step] = plan("visit", {"1": finding()}, {}, present, speaks=speaks)
    assert step.what == what
    assert step.state_then == ("hasIssues" if what == FLAG else step.state_now)


@pytest.mark.parametrize(
    ("standing", "what"),
    [
        (Standing("uuid:1", "hasIssues", (OURS,), OURS), CLEAR),
        (Standing("uuid:2", "hasIssues", (OURS,), OURS), EDITED),
        (Standing("uuid:1", "hasIssues", (OURS,), CLEARED), SETTLED),
        (Standing("uuid:1", "hasIssues", ("", OURS), OURS), None),
        (Standing("uuid:1", "hasIssues"), None),
        (Standing("uuid:1", "rejected", (OURS,), OURS), None),
        (Standing("uuid:1", ""), None),
    ],
)
def test_what_is_done_with_a_good_submission(standing: Standing, what: str | None):
    steps = plan("visit", {}, {"1": "uuid:1"}, {"1": standing})
    assert [step.what for step in steps] == ([what] if what else [])


# -- from the warehouse

SPOKEN = """
| survey   |                      |          |                      |                            |          |
|          | type                 | name     | label::English (en)  | label::Bahasa Indonesia (id) | required |
|          | text                 | nama     | Name                 | Nama                       |          |
|          | integer              | umur     | Age of **${nama}**?  | Umur ${nama}?              | yes      |
|          | begin_repeat         | kerja    | Job                  | Pekerjaan                  |          |
|          | text                 | jabatan  | Title                | Jabatan                    | yes      |
|          | end_repeat           |          |                      |                            |          |
| settings |                      |          |                      |
|          | form_id              | version  | form_title           |
|          | visit                | 1        | Visit                |
"""


def test_questions_are_named_in_the_studys_language_without_what_was_answered(tmp_path: Path):
    body = "<nama>Rahasia</nama><umur/><kerja><jabatan>x</jabatan></kerja><kerja><jabatan/></kerja>"
    file = study_folder(tmp_path, {"1": xml(1, body)})
    (tmp_path / "forms" / "visit.md").write_text(SPOKEN, encoding="utf-8")
    study = read_study(file)
    for stage in (pipeline.pull, pipeline.build, pipeline.check, pipeline.load):
        stage(study)
    with Warehouse(study.warehouse, study.timezone) as warehouse:
        found = {code: findings(warehouse.connection, "visit", code) for code in ("id", "en", "fr")}
        assert findings(warehouse.connection, "nobody", "id") == {}
    key = "uuid:00000001"
    assert found["id"][key].lines == (
        "Umur …?: Pertanyaan wajib belum dijawab.",
        "kerja 2, Jabatan: Pertanyaan wajib belum dijawab.",
    )
    assert found["en"][key].lines[0] == "Age of …?: A required question is not answered."
    assert found["fr"][key].digest == found["id"][key].digest == found["en"][key].digest


# -- a study on a server


class Field:
    """A small study whose submissions come from a loopback server."""

    def __init__(self, root: Path, server: Any, form: str) -> None:
        self.file, self.server, self.form = root / "study.toml", server, form

    @property
    def study(self) -> Study:
        return read_study(self.file)

    def run(self) -> tuple[int, int]:
        """Do the stages up to the warehouse; give how many are good and set aside."""
        for stage in (pipeline.pull, pipeline.build, pipeline.check):
            stage(self.study)
        [loaded] = pipeline.load(self.study)
        return loaded.good, loaded.set_aside

    def review(self, *, apply: bool = True) -> Reviewed:
        return review(self.study, apply=apply)

    def expect(self, text: str = ADULTS) -> None:
        (self.file.parent / "expectations" / "visit.yaml").write_text(text, encoding="utf-8")

    def state(self, key: str) -> str:
        return self.server.truth(self.form)[key].review_state

    def writes(self) -> list[str]:
        """List what changed something on the server since last asked."""
        found = [f"{one.method} {one.path}" for one in self.server.requests if one.method != "GET"]
        self.server.requests.clear()
        return [call for call in found if not call.endswith("/sessions")]


def outcomes(reviewed: Reviewed) -> list[tuple[str, str]]:
    return [(step.what, step.outcome) for step in reviewed.steps]


class OnCentral(Field):
    def comments(self, key: str) -> list[str]:
        return [one["body"] for one in self.server.form(self.form).by_key[key].comments]


@pytest.fixture
def central(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnCentral]:
    with FakeCentral() as server:
        study_folder(tmp_path)
        form = server.publish(tmp_path / "forms" / "visit.md")
        user, password = server.admin
        for name, value in (("SERVER", "central"), ("URL", server.url), ("PROJECT", str(server.project))):
            monkeypatch.setenv(f"TRACER_{name}", value)
        monkeypatch.setenv("TRACER_USER", user)
        monkeypatch.setenv("TRACER_PASSWORD", password)
        yield OnCentral(tmp_path, server, form)


def test_central_is_flagged_and_told_once_and_the_loop_ends(central: OnCentral):
    bad = central.server.submit("visit", xml(1, BAD))
    fine = central.server.submit("visit", xml(2, GOOD))
    assert central.run() == (1, 1)
    central.writes()

    dry = central.review(apply=False)
    assert [(s.submission, s.what, s.state_now, s.state_then) for s in dry.steps] == [
        (bad, FLAG, "", "hasIssues")
    ]
    assert central.writes() == []

    assert outcomes(central.review()) == [(FLAG, "done")]
    assert len(central.writes()) == 2
    assert (central.state(bad), central.state(fine)) == ("hasIssues", "")
    [said] = central.comments(bad)
    assert said.splitlines()[:2] == [
        "Mohon diperiksa sebelum kiriman ini dapat dipakai (1):",
        "- Age: Pertanyaan wajib belum dijawab.",
    ]

    for _ in range(2):
        assert outcomes(central.review()) == [(SETTLED, "")]
        assert central.run() == (1, 1)
    assert central.writes() == []
    assert central.comments(bad) == [said]


def test_central_hears_no_answer_and_no_info(central: OnCentral):
    central.expect()
    wrong = "<who>Rahasia Fiktif</who><age>7</age><work>0</work><job><title>x</title><hours>9.5</hours></job>"
    key = central.server.submit("visit", xml(1, wrong))
    assert central.run() == (0, 1)
    central.review()
    [said] = central.comments(key)
    assert "- Age: Responden belum dewasa." in said
    assert "- job 1, Hours: " in said
    words = said.rpartition("[tracer_etl")[0]
    assert not any(answer in words for answer in ("Rahasia", "7", "9.5", "lahir kosong"))


def test_central_what_cannot_be_read_is_flagged_too(central: OnCentral):
    start = b'<data id="visit" version="1"><work>0</work>'
    keys = [central.server.submit("visit", start + end) for end in (b"</data>", b"<meta>")]
    assert central.run() == (0, 2)
    assert outcomes(central.review()) == [(FLAG, "done")] * 2
    assert "- Kiriman tidak dapat dibaca." in central.comments(keys[1])[0]
    assert outcomes(central.review()) == [(SETTLED, "")] * 2


def test_central_edited_after_the_pull_is_left_alone(central: OnCentral):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    central.server.edit("visit", key, xml(11, BAD, meta="<deprecatedID>uuid:00000001</deprecatedID>"))
    central.writes()
    assert outcomes(central.review()) == [(EDITED, "")]
    assert central.writes() == []


def test_central_edited_between_reading_and_writing_is_left_alone(central: OnCentral):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    edited = xml(11, BAD, meta="<deprecatedID>uuid:00000001</deprecatedID>")
    central.server.after("/submissions", lambda: central.server.edit("visit", key, edited))
    central.writes()
    assert outcomes(central.review()) == [(FLAG, EDITED)]
    assert central.writes() == []


def test_central_decided_between_reading_and_writing_is_left_alone(central: OnCentral):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    central.server.after("/submissions", lambda: central.server.review("visit", key, "approved"))
    assert outcomes(central.review()) == [(FLAG, DECIDED)]
    assert (central.state(key), central.comments(key)) == ("approved", [])


def test_central_deleted_after_the_pull_and_while_we_write(central: OnCentral):
    first, second = (central.server.submit("visit", xml(n, BAD)) for n in (1, 2))
    central.run()
    central.server.delete("visit", first)
    central.server.after("%3A00000002", lambda: central.server.delete("visit", second))
    assert sorted(outcomes(central.review())) == [(DELETED, ""), (FLAG, DELETED)]


def test_central_still_wrong_after_an_edit_is_told_again(central: OnCentral):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    central.review()
    central.server.edit("visit", key, xml(11, BAD, meta="<deprecatedID>uuid:00000001</deprecatedID>"))
    assert central.run() == (0, 1)
    assert outcomes(central.review()) == [(FLAG, "done")]
    assert central.state(key) == "hasIssues"
    assert len(set(central.comments(key))) == 2


def test_central_mended_by_an_edit_stays_edited(central: OnCentral):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    central.review()
    central.server.edit("visit", key, xml(11, GOOD, meta="<deprecatedID>uuid:00000001</deprecatedID>"))
    assert central.run() == (1, 0)
    assert outcomes(central.review()) == []
    assert (central.state(key), len(central.comments(key))) == ("edited", 1)


@pytest.mark.parametrize(
    ("decision", "first"), [("approved", "we"), ("rejected", "a person"), ("hasIssues", "we")]
)
def test_central_a_persons_decision_stands(central: OnCentral, decision: str, first: str):
    central.expect()
    key = central.server.submit("visit", xml(1, "<age>9</age><work>0</work>"))
    central.run()
    if first == "we":
        central.review()
    central.server.review("visit", key, decision)
    said = central.comments(key)
    assert outcomes(central.review()) == [(DECIDED, "")]
    central.run()
    assert outcomes(central.review()) == [(DECIDED, "")]
    central.expect(ADULTS.replace("min_value: 18", "min_value: 5"))
    assert central.run() == (1, 0)
    assert outcomes(central.review()) == []
    assert (central.state(key), central.comments(key)) == (decision, said)


def test_central_a_flag_taken_back_by_a_person_stays_off_until_the_reasons_change(central: OnCentral):
    central.expect()
    key = central.server.submit("visit", xml(1, "<age>9</age><work>0</work>"))
    central.run()
    central.review()
    central.server.review("visit", key, None)
    assert outcomes(central.review()) == [(DECIDED, "")]
    central.expect(ADULTS.replace("id: R1", "id: R9"))
    central.run()
    assert outcomes(central.review()) == [(FLAG, "done")]


def test_central_other_reasons_are_told_without_touching_the_state(central: OnCentral):
    central.expect()
    key = central.server.submit("visit", xml(1, "<age>9</age>"))
    central.run()
    central.review()
    central.expect(ADULTS.replace("min_value: 18", "min_value: 5"))
    assert central.run() == (0, 1)
    central.writes()
    assert outcomes(central.review()) == [(TELL, "done")]
    assert [call.split()[0] for call in central.writes()] == ["POST"]
    first, second = central.comments(key)
    assert "dewasa" in first
    assert "dewasa" not in second
    assert outcomes(central.review()) == [(SETTLED, "")]


def test_central_a_flag_is_taken_back_when_its_reasons_are_gone(central: OnCentral):
    central.expect()
    key = central.server.submit("visit", xml(1, "<age>9</age><work>0</work>"))
    central.run()
    central.review()
    central.expect(ADULTS.replace("min_value: 18", "min_value: 5"))
    assert central.run() == (1, 0)
    assert outcomes(central.review()) == [(CLEAR, "done")]
    assert (central.state(key), marked(central.comments(key)[-1])) == ("", CLEARED)
    central.run()
    assert outcomes(central.review()) == []
    central.expect()
    assert central.run() == (0, 1)
    assert outcomes(central.review()) == [(FLAG, "done")]
    assert len(central.comments(key)) == 3


def test_central_without_a_way_back_keeps_the_state_and_is_told_once(central: OnCentral):
    central.expect()
    key = central.server.submit("visit", xml(1, "<age>9</age><work>0</work>"))
    central.run()
    central.review()
    central.expect(ADULTS.replace("min_value: 18", "min_value: 5"))
    central.run()
    central.server.faults.append(Fault("status", match="PATCH", status=400))
    assert outcomes(central.review()) == [(CLEAR, "commented; the server keeps the state")]
    assert outcomes(central.review()) == [(SETTLED, "")]
    assert (central.state(key), len(central.comments(key))) == ("hasIssues", 2)


def test_central_a_review_that_breaks_off_is_finished_by_the_next(central: OnCentral):
    keys = [central.server.submit("visit", xml(n, BAD)) for n in (1, 2, 3)]
    central.run()
    central.server.faults.append(Fault("status", match="PATCH", status=403, skip=1))
    broken = central.review()
    assert isinstance(broken.failure, Refused)
    assert outcomes(broken) == [(FLAG, "done"), (FLAG, "not done"), (FLAG, "not done")]
    assert [len(central.comments(key)) for key in keys] == [1, 0, 0]
    assert outcomes(central.review()) == [(SETTLED, ""), (FLAG, "done"), (FLAG, "done")]
    assert [len(central.comments(key)) for key in keys] == [1, 1, 1]


def test_central_a_comment_that_was_not_reached_is_made_up_for(central: OnCentral):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    central.server.faults.append(Fault("reset", match="/comments"))
    assert isinstance(central.review().failure, Unavailable)
    assert (central.state(key), central.comments(key)) == ("hasIssues", [])
    assert outcomes(central.review()) == [(TELL, "done")]
    assert outcomes(central.review()) == [(SETTLED, "")]
    assert len(central.comments(key)) == 1


def test_central_an_account_that_may_only_look_says_nothing(
    central: OnCentral, monkeypatch: pytest.MonkeyPatch
):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    central.server.add_user("viewer@example.org", "only-looking-1", role="viewer")
    monkeypatch.setenv("TRACER_USER", "viewer@example.org")
    monkeypatch.setenv("TRACER_PASSWORD", "only-looking-1")
    assert isinstance(central.review().failure, Refused)
    assert (central.state(key), central.comments(key)) == ("", [])


def test_a_persons_free_text_is_in_no_log(central: OnCentral, caplog: pytest.LogCaptureFixture):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    central.review()
    central.server.form("visit").by_key[key].comments.append(
        {"body": "Ibu Rahasia bilang begitu", "actorId": 5, "createdAt": "2026-01-09T00:00:00.000Z"}
    )
    with caplog.at_level(logging.DEBUG):
        reviewed = central.review()
    assert outcomes(reviewed) == [(SETTLED, "")]
    assert "Rahasia" not in caplog.text + repr(reviewed)


ON_HOLD, APPROVED = "validation_status_on_hold", "validation_status_approved"


class OnKobo(Field):
    def submit(self, number: int, body: str = BAD) -> str:
        return self.server.submit(self.form, self.server.stamp(self.form, xml(number, body)))

    def edit(self, key: str, body: str, number: int = 11, before: int = 1) -> None:
        meta = f"<deprecatedID>uuid:{before:08d}</deprecatedID>"
        self.server.edit(self.form, key, self.server.stamp(self.form, xml(number, body, meta=meta)))


@pytest.fixture
def kobo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnKobo]:
    with FakeKobo() as server:
        study_folder(tmp_path)
        form = server.publish(tmp_path / "forms" / "visit.md")
        token = server.add_user("checks", {"view_submissions", "validate_submissions"})
        for name, value in (("SERVER", "kobo"), ("URL", server.url), ("TOKEN", token)):
            monkeypatch.setenv(f"TRACER_{name}", value)
        yield OnKobo(tmp_path, server, form)


def test_kobo_is_put_on_hold_once_and_the_loop_ends(kobo: OnKobo):
    bad, worse, fine = kobo.submit(1), kobo.submit(2, "<work>7</work>"), kobo.submit(3, GOOD)
    assert kobo.run() == (1, 2)
    kobo.writes()
    assert {(s.submission, s.what) for s in kobo.review(apply=False).steps} == {(bad, FLAG), (worse, FLAG)}
    assert kobo.writes() == []
    assert outcomes(kobo.review()) == [(FLAG, "done")] * 2
    assert kobo.writes() == [f"PATCH /api/v2/assets/{kobo.form}/data/validation_statuses/"]
    assert [kobo.state(key) for key in (bad, worse, fine)] == [ON_HOLD, ON_HOLD, ""]
    for _ in range(2):
        assert outcomes(kobo.review()) == [(SETTLED, "")] * 2
        assert kobo.run() == (1, 2)
    assert kobo.writes() == []


def test_kobo_many_go_in_chunks_and_every_page_is_read(kobo: OnKobo):
    kobo.server.world.max_page = 30
    keys = [kobo.submit(number) for number in range(1, 131)]
    assert kobo.run() == (0, 130)
    kobo.writes()
    assert outcomes(kobo.review()) == [(FLAG, "done")] * 130
    assert len(kobo.writes()) == 2
    assert {kobo.state(key) for key in keys} == {ON_HOLD}
    assert {step.what for step in kobo.review().steps} == {SETTLED}


def test_kobo_edited_deleted_or_decided_since_is_left_alone(kobo: OnKobo):
    edited, deleted, decided = (kobo.submit(number) for number in (1, 2, 3))
    kobo.run()
    kobo.edit(edited, BAD)
    kobo.server.delete(kobo.form, deleted)
    kobo.server.review(kobo.form, decided, APPROVED)
    kobo.writes()
    assert sorted(outcomes(kobo.review())) == [(DECIDED, ""), (DELETED, ""), (EDITED, "")]
    assert kobo.writes() == []


def test_kobo_edited_deleted_or_decided_between_reading_and_writing_is_left_alone(kobo: OnKobo):
    edited, deleted, decided, left = (kobo.submit(number) for number in (1, 2, 3, 4))
    kobo.run()

    def meanwhile() -> None:
        kobo.edit(edited, GOOD)
        kobo.server.delete(kobo.form, deleted)
        kobo.server.review(kobo.form, decided, "validation_status_not_approved")

    kobo.server.after("_validation_status.uid", meanwhile)
    found = {step.submission: step.outcome for step in kobo.review().steps}
    assert found == {edited: EDITED, deleted: DELETED, decided: DECIDED, left: "done"}
    assert kobo.state(decided) == "validation_status_not_approved"


def test_kobo_a_hold_by_somebody_else_is_theirs(kobo: OnKobo):
    bad, fine = kobo.submit(1), kobo.submit(2, GOOD)
    kobo.run()
    for key in (bad, fine):
        kobo.server.review(kobo.form, key, ON_HOLD)
    kobo.writes()
    assert outcomes(kobo.review()) == [(DECIDED, "")]
    assert kobo.writes() == []


def test_kobo_a_hold_is_cleared_when_its_reasons_are_gone(kobo: OnKobo):
    key = kobo.submit(1)
    kobo.run()
    kobo.review()
    kobo.edit(key, GOOD)
    assert kobo.state(key) == ON_HOLD
    assert outcomes(kobo.review()) == [(EDITED, "")]
    assert kobo.run() == (1, 0)
    kobo.writes()
    assert outcomes(kobo.review()) == [(CLEAR, "done")]
    # No bulk call without numbers: KoboToolbox would take all submissions for meant.
    assert kobo.writes() == [f"DELETE /api/v2/assets/{kobo.form}/data/{key}/validation_status/"]
    assert kobo.state(key) == ""
    kobo.run()
    assert outcomes(kobo.review()) == []


def test_kobo_a_hold_somebody_made_theirs_is_not_cleared(kobo: OnKobo):
    key = kobo.submit(1)
    kobo.run()
    kobo.review()
    kobo.edit(key, GOOD)
    kobo.run()
    kobo.server.after("_validation_status.uid", lambda: kobo.server.review(kobo.form, key, ON_HOLD))
    assert outcomes(kobo.review()) == [(CLEAR, DECIDED)]
    assert kobo.state(key) == ON_HOLD


def test_kobo_a_review_that_breaks_off_is_finished_by_the_next(kobo: OnKobo):
    for number in range(1, 121):
        kobo.submit(number)
    kobo.run()
    kobo.server.faults.append(Fault("status", match="PATCH", status=403, skip=1))
    broken = kobo.review()
    assert isinstance(broken.failure, Refused)
    assert sorted(outcomes(broken)) == [(FLAG, "done")] * 100 + [(FLAG, "not done")] * 20
    assert sorted(outcomes(kobo.review())) == [(FLAG, "done")] * 20 + [(SETTLED, "")] * 100


def test_kobo_rows_that_are_counted_and_not_given_are_not_taken_for_deleted():
    class Hollow(Loopback):
        def handle(self, request: Request) -> Reply:
            return Reply.of_json({"username": "me", "count": 1, "results": []})

    with Hollow() as server:
        desk = KoboDesk(Session(server.url, lambda _renew: {}), lambda form_id: form_id)
        with pytest.raises(Changed, match="1 submissions are counted, none given; "):
            desk.standing("visit", ["1"])


def test_kobo_an_account_that_may_only_look_is_refused(kobo: OnKobo):
    key = kobo.submit(1)
    kobo.run()
    kobo.server.set_permissions("checks", {"view_submissions"})
    assert isinstance(kobo.review().failure, Refused)
    assert kobo.state(key) == ""


# -- the command


def tracer(field: Field, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tracer_etl", "--study", str(field.file), "review", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_shows_does_and_lists(central: OnCentral, tmp_path: Path):
    key = central.server.submit("visit", xml(1, BAD))
    central.run()
    shown = tracer(central, "--out", str(tmp_path / "list.csv"))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1].split() == [
        *(key, "visit", "flag", "received", "->", "hasIssues", "1", "Age:"),
        *"Pertanyaan wajib belum dijawab.".split(),
    ]
    assert "1 to do; --apply does it" in shown.stderr
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert row == {
        "form": "visit",
        "submission": key,
        "state": "received",
        "severity": "warning",
        "rule": "form:required",
        "place": "",
        "question": "Age",
        "why": "Pertanyaan wajib belum dijawab.",
    }
    done = tracer(central, "--apply", "--form", "visit", "--json")
    assert [row["outcome"] for row in json.loads(done.stdout)] == ["done"]
    again = tracer(central, "--apply")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "tracer-etl: nothing to do\n")
    nowhere = tracer(central, "--apply", "--out", str(tmp_path / "none" / "list.csv"))
    assert (nowhere.returncode, "there is no folder" in nowhere.stderr) == (2, True)


def test_the_command_says_what_was_done_before_it_fails(central: OnCentral):
    for number in (1, 2):
        central.server.submit("visit", xml(number, BAD))
    central.run()
    central.server.faults.append(Fault("status", match="PATCH", status=403, skip=1))
    broken = tracer(central, "--apply")
    assert broken.returncode == Refused.exit_code
    assert [line.split()[-1] for line in broken.stdout.splitlines()[1:]] == ["done", "done"]
    assert "not done" in broken.stdout
    assert "1 of 2 done" in broken.stderr


def test_a_folder_takes_no_verdicts_and_an_empty_study_has_none(tmp_path: Path):
    study = read_study(study_folder(tmp_path, {"1": xml(1, BAD)}))
    with pytest.raises(StudyError, match="nothing is loaded yet"):
        review(study)
    for stage in (pipeline.pull, pipeline.build, pipeline.check, pipeline.load):
        stage(study)
    with pytest.raises(StudyError, match="takes no verdicts"):
        review(study)


def test_what_was_landed_from_elsewhere_is_not_reviewed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = study_folder(tmp_path, {"1": xml(1, BAD)})
    for stage in (pipeline.pull, pipeline.build, pipeline.check, pipeline.load):
        stage(read_study(file))
    with FakeKobo() as server:
        server.publish(tmp_path / "forms" / "visit.md")
        for name, value in (("SERVER", "kobo"), ("URL", server.url), ("TOKEN", server.token)):
            monkeypatch.setenv(f"TRACER_{name}", value)
        with pytest.raises(StudyError, match=r"visit was landed from a folder, not from 127.*TRACER_STORAGE"):
            review(read_study(file))
