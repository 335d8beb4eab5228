"""The engine of ODK Collect, driven by us: what a form lets through, and what it writes."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from tracer_etl.collect import (
    Clock,
    Device,
    Filled,
    Filler,
    Identifiers,
    RandomAnswers,
    validate_xform,
    validate_xforms,
)
from tracer_etl.collect.patch import rename_calls
from tracer_etl.errors import FormError, StudyError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.java

SURVEY: list[dict[str, str]] = [
    {"type": "start", "name": "start"},
    {"type": "end", "name": "end"},
    {"type": "today", "name": "today"},
    {"type": "deviceid", "name": "deviceid"},
    {"type": "username", "name": "who"},
    {"type": "calculate", "name": "ticket", "calculation": "once(uuid())"},
    {"type": "calculate", "name": "draw", "calculation": "once(random())"},
    {"type": "note", "name": "hello", "label": "Hello"},
    {"type": "text", "name": "person", "label": "Name", "required": "yes"},
    {
        "type": "integer",
        "name": "age",
        "label": "Age",
        "required": "yes",
        "constraint": ". >= 15 and . <= 60",
        "constraint_message": "15 to 60",
    },
    {
        "type": "dateTime",
        "name": "callback",
        "label": "Call back",
        "constraint": ". > now()",
        "constraint_message": "in the future",
    },
    {"type": "date", "name": "born", "label": "Born", "constraint": ". <= today()"},
    {
        "type": "calculate",
        "name": "asked_at",
        "calculation": "if(${age}='', '', format-date-time(now(), '%Y-%m-%dT%H:%M:%S'))",
    },
    {"type": "select_one colour", "name": "colour", "label": "Colour"},
    {"type": "select_multiple colour", "name": "colours", "label": "Colours"},
    {
        "type": "select_one_from_file towns.csv",
        "name": "town",
        "label": "Town",
        "choice_filter": "area=${colour}",
    },
    {"type": "calculate", "name": "area", "calculation": "pulldata('towns', 'area', 'name', ${town})"},
    {"type": "begin repeat", "name": "job", "label": "Job"},
    {"type": "text", "name": "title", "label": "Title", "required": "yes"},
    {"type": "begin repeat", "name": "skill", "label": "Skill"},
    {"type": "text", "name": "what", "label": "What"},
    {"type": "end repeat"},
    {"type": "end repeat"},
    {"type": "integer", "name": "n", "label": "How many"},
    {"type": "begin repeat", "name": "child", "label": "Child", "repeat_count": "${n}"},
    {"type": "integer", "name": "years", "label": "Years"},
    {"type": "end repeat"},
    {"type": "decimal", "name": "weight", "label": "Weight"},
    {"type": "time", "name": "clock", "label": "Time"},
    {"type": "geopoint", "name": "place", "label": "Place"},
    {"type": "geotrace", "name": "trace", "label": "Trace"},
    {"type": "geoshape", "name": "shape", "label": "Shape"},
    {"type": "image", "name": "photo", "label": "Photo"},
    {"type": "acknowledge", "name": "ok", "label": "OK"},
    {"type": "rank colour", "name": "order", "label": "Order"},
    {"type": "range", "name": "score", "label": "Score", "parameters": "start=0 end=10 step=2"},
]
CHOICES = [
    {"list_name": "colour", "name": "r", "label": "Red"},
    {"list_name": "colour", "name": "g", "label": "Green"},
]
MINIMUM: dict[str, Any] = {"person": "Siti", "age": 30, "job": []}


def xform(survey: list[dict[str, str]] = SURVEY) -> str:
    from pyxform.xls2xform import convert

    workbook = {
        "survey": survey,
        "choices": CHOICES,
        "settings": [{"form_id": "small", "version": "7", "form_title": "Small"}],
    }
    return str(convert(workbook).xform)


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Filler:
    folder = tmp_path_factory.mktemp("form")
    (folder / "small.xml").write_text(xform(), encoding="utf-8")
    (folder / "towns.csv").write_text("name,label,area\nt1,Talun,r\nt2,Wlingi,g\n", encoding="utf-8")
    return Filler(folder / "small.xml")


def clock() -> Clock:
    return Clock(datetime.fromisoformat("2026-01-05T23:59:30+07:00"), pace=20)


def fill(filler: Filler, answers: Any = None, **extra: Any) -> Filled:
    return filler.fill({**MINIMUM, **(answers or {}), **extra}, clock=clock(), identifiers=Identifiers("x"))


def texts(filled: Filled, name: str) -> list[str | None]:
    root = etree.fromstring(filled.submission())
    return [node.text for node in root.iter() if etree.QName(node).localname == name]


def test_time_is_ours_and_moves_with_the_answers(filler: Filler) -> None:
    filled = fill(filler)
    assert texts(filled, "start") == ["2026-01-05T23:59:30.000+07:00"]
    assert texts(filled, "today") == ["2026-01-05"]
    assert texts(filled, "asked_at") == ["2026-01-06T00:00:10"]
    assert texts(filled, "end") == ["2026-01-06T00:00:10.000+07:00"]


def test_constraints_on_time_are_judged_by_our_clock(filler: Filler) -> None:
    filled = fill(
        filler,
        callback=["2026-01-05T10:00:00.000+07:00", "2026-01-07T10:00:00.000+07:00"],
        born=["2026-01-07", "2026-01-06"],
    )
    assert texts(filled, "callback") == ["2026-01-07T10:00:00.000+07:00"]
    assert texts(filled, "born") == ["2026-01-06"]
    assert [(refusal.reason, refusal.message) for refusal in filled.refusals][:1] == [
        ("constraint", "in the future")
    ]


def test_same_identifiers_give_the_same_bytes(filler: Filler) -> None:
    assert fill(filler).submission() == fill(filler).submission()
    other = filler.fill(MINIMUM, clock=clock(), identifiers=Identifiers("y"))
    for name in ("instanceID", "ticket", "draw"):
        assert texts(other, name) != texts(fill(filler), name)


def test_device_is_told_to_the_form(filler: Filler) -> None:
    filled = filler.fill(MINIMUM, clock=clock(), device=Device("collect:abc", "enum01"))
    assert (texts(filled, "deviceid"), texts(filled, "who")) == (["collect:abc"], ["enum01"])


def test_refused_answers_are_logged_and_the_next_candidate_is_tried(filler: Filler) -> None:
    filled = fill(filler, age=[7, "many", 61, 44], colour=["blue", "g"])
    assert texts(filled, "age") == ["44"]
    assert [(r.value, r.reason) for r in filled.refusals] == [
        (7, "constraint"),
        ("many", "type"),
        (61, "constraint"),
        ("blue", "choice"),
    ]
    assert filled.refusals[0].message == "15 to 60"


def test_form_without_a_required_answer_is_not_finalized(filler: Filler) -> None:
    filled = fill(filler, person=None)
    assert filled.xml is None
    assert filled.blocked is not None
    assert filled.blocked.reason == "required"
    with pytest.raises(FormError, match="/data/person"):
        filled.submission()


def test_choice_filter_and_pulldata_read_the_media_folder(filler: Filler) -> None:
    filled = fill(filler, colour="g", town=["t1", "t2"])
    assert texts(filled, "town") == ["t2"]
    assert texts(filled, "area") == ["g"]
    assert [refusal.reason for refusal in filled.refusals] == ["choice"]
    assert texts(fill(filler, colour="r", town=["t2", "t1"]), "town") == ["t1"]


def test_repeats_in_repeats_hold_one_mapping_per_instance(filler: Filler) -> None:
    jobs = [
        {"title": "Barista", "skill": [{"what": "latte"}, {"what": "kasir"}]},
        {"title": "Koki", "skill": []},
        {"title": "Barber", "skill": [{"what": "cukur"}]},
    ]
    filled = fill(filler, job=jobs)
    root = etree.fromstring(filled.submission())
    found = [
        (j.findtext("title"), [s.findtext("what") for s in j.findall("skill")]) for j in root.findall("job")
    ]
    assert found == [("Barista", ["latte", "kasir"]), ("Koki", []), ("Barber", ["cukur"])]
    assert filled.unused == ()
    assert texts(fill(filler, job=[]), "title") == []


def test_counted_repeat_follows_its_count(filler: Filler) -> None:
    filled = fill(filler, n=2, child=[{"years": 4}, {"years": 6}, {"years": 8}])
    assert texts(filled, "years") == ["4", "6"]


def test_answers_the_form_never_asked_for_are_named(filler: Filler) -> None:
    assert fill(filler, agee=3).unused == ("agee",)


def test_every_kind_of_widget_is_written_as_collect_writes_it(filler: Filler) -> None:
    point = "-8.1 112.2 150.0 5.0"
    filled = fill(
        filler,
        colours=["r", "g"],
        weight=1.5,
        clock="08:30:00.000+07:00",
        place=point,
        trace=f"{point};{point}",
        photo="1.jpg",
        ok=True,
        order="g r",
        score=4,
    )
    got = {
        name: texts(filled, name)[0]
        for name in ("colours", "weight", "place", "photo", "ok", "order", "score")
    }
    assert got == {
        "colours": "r g",
        "weight": "1.5",
        "place": point,
        "photo": "1.jpg",
        "ok": "OK",
        "order": "g r",
        "score": "4",
    }
    assert texts(filled, "clock") == ["08:30:00.000+07:00"]
    assert texts(filled, "trace") == [f"{point}; {point}"]


def test_random_enumerator_is_reproducible_and_meets_every_widget(filler: Filler) -> None:
    def walk(seed: int) -> Filled:
        answers = RandomAnswers(random.Random(seed), skip=0.0)
        return filler.fill(answers, clock=clock(), identifiers=Identifiers(seed))

    walks = [walk(seed) for seed in range(8)]
    assert [walk(seed).xml for seed in range(3)] == [filled.xml for filled in walks[:3]]
    done = [filled for filled in walks if filled.xml]
    assert done
    assert any(texts(filled, "shape")[0] for filled in done)


def test_validate_accepts_and_objects_in_one_machine(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_text(xform(SURVEY[8:10]), encoding="utf-8")
    broken = [{**SURVEY[9], "constraint": ". >= (15"}]
    bad.write_text(xform(broken), encoding="utf-8")
    verdicts = validate_xforms([good, bad])
    assert verdicts[good] == []
    assert any("/data/age" in line for line in verdicts[bad])


def test_validate_objects_to_what_is_not_xml() -> None:
    assert validate_xform("<h:html>")


def test_form_the_engine_cannot_read_is_a_form_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.xml"
    path.write_text(xform([{**SURVEY[9], "constraint": "nothing-like-it("}]), encoding="utf-8")
    with pytest.raises(FormError, match=r"broken\.xml"):
        Filler(path)
    path.write_text("<html", encoding="utf-8")
    with pytest.raises(FormError, match="not well-formed"):
        Filler(path)


def test_second_time_zone_is_refused(filler: Filler, tmp_path: Path) -> None:
    path = tmp_path / "small.xml"
    path.write_text(xform(SURVEY[8:10]), encoding="utf-8")
    with pytest.raises(StudyError, match="Asia/Jakarta"):
        Filler(path, time_zone="Asia/Tokyo")


def test_without_jpype_the_remedy_is_named() -> None:
    script = "import sys; sys.modules['jpype'] = None; from tracer_etl.collect import jvm; jvm.start()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "StudyError" in done.stderr
    assert "openjdk-17-jre-headless" in done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("now()", "tracer-now()"),
        ("today ( )", "tracer-today ( )"),
        ("/data/now", "/data/now"),
        ("my-now()", "my-now()"),
        ("concat('now()', \"today()\", uuid())", "concat('now()', \"today()\", tracer-uuid())"),
    ],
)
def test_only_calls_are_renamed(before: str, after: str) -> None:
    assert rename_calls(before) == after
