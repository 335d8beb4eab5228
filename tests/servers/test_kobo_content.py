"""The content of a form version becomes the workbook that was uploaded, as far as KoboToolbox kept it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from kobo_world import QUICK, World
from makers import Nothing
from tracer_etl.errors import FormError
from tracer_etl.form import read_form
from tracer_etl.servers import Options, kobo
from tracer_etl.servers.kobo_content import refusal, workbook
from tracer_etl.testing import FakeKobo, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.questions import Form

RECORDED = Path(__file__).parent / "recordings" / "kobo"
STUDY_FORMS = sorted((Path(__file__).parents[2] / "forms").glob("*.xlsx"))
PARTS = ("form_id", "version", "title", "languages", "default_language", "questions", "groups", "lists")


@pytest.fixture
def server() -> Iterator[FakeKobo]:
    with FakeKobo() as server:
        yield server


def compiled(folder: Path, content: dict[str, Any], title: str = "T", media: Path | None = None) -> Form:
    path = folder / "made.xlsx"
    path.write_bytes(workbook(content, title=title, form_id="named"))
    return read_form(path, media)


def question(**columns: Any) -> dict[str, Any]:
    named = columns.get("name", "q")
    return {"type": "text", "name": named, "$kuid": "x", "$xpath": named, "label": ["Q"], **columns}


def content(*survey: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"schema": "1", "survey": list(survey), "translations": [None], "settings": {}, **parts}


@pytest.mark.parametrize("version", ["1", "2"])
def test_recorded_versions_become_the_uploaded_forms(version: str, tmp_path: Path) -> None:
    recorded = json.loads((RECORDED / f"version_detail_v{version}.response.json").read_text())
    uploaded = read_form(RECORDED / f"tracer_v{version}.xlsx", RECORDED)
    made = compiled(tmp_path, recorded["content"], "Penelusuran alumni pelatihan (sintetis)", RECORDED)
    for part in PARTS:
        assert getattr(made, part) == getattr(uploaded, part), part
    assert made.xform == uploaded.xform


@pytest.mark.parametrize("path", STUDY_FORMS, ids=[path.stem for path in STUDY_FORMS])
def test_study_forms_come_back_as_they_were_published(path: Path, server: FakeKobo, tmp_path: Path) -> None:
    media = path.parent / "media"
    server.publish(path, media)
    source = kobo.connect({"url": server.url, "token": server.token}, Options(), QUICK)
    pull = source.pull(path.stem, Nothing())
    assert list(pull) == []
    (version,) = pull.versions
    (tmp_path / version.file_name).write_bytes(version.content)
    published, back = read_form(path, media), read_form(tmp_path / version.file_name, media)
    for part in PARTS:
        assert getattr(back, part) == getattr(published, part), part
    assert {q.privacy for q in back.questions} > {"direct"}


def test_or_other_is_restored(tmp_path: Path) -> None:
    asked = question(type="select_multiple", name="tools", select_from_list_name="tool", _or_other=True)
    choices = [{"list_name": "tool", "name": "saw", "label": ["Saw"], "$autovalue": "saw"}]
    form = compiled(tmp_path, content(asked, choices=choices))
    assert [q.path for q in form.questions if q.path[0] != "meta"] == [("tools",), ("tools_other",)]
    assert form.lists["tool"].values() == ("saw", "other")


def test_types_of_every_kind_of_list(tmp_path: Path) -> None:
    made = workbook(
        content(
            question(type={"select_one": "yn"}, name="old"),
            question(type="rank", name="rank", select_from_list_name="yn"),
            question(type="select_multiple_from_file", name="many", file="places.csv"),
        ),
        title="T",
        form_id="f",
    )
    rows = list(load_workbook(io.BytesIO(made))["survey"].iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in rows] == ["select_one yn", "rank yn", "select_multiple_from_file places.csv"]


def test_columns_that_are_not_translated_are_kept(tmp_path: Path) -> None:
    asked = question(
        name="age",
        type="integer",
        label=["Umur", "Age"],
        required=True,
        constraint=". > 14",
        constraint_message=["Di atas 14", None],
        **{"bind::tracer:privacy": "quasi", "media::image": [None, "age.png"], "kobo--locking-profile": "x"},
    )
    parts = {"translations": ["Indonesia (id)", "English (en)"], "settings": {"namespaces": 'tracer="urn:t"'}}
    made = compiled(tmp_path, content(asked, **parts))
    found = made.question(("age",))
    assert found is not None
    assert (found.privacy, found.bind.required, found.bind.constraint) == ("quasi", "true()", ". > 14")
    assert found.labels == {"Indonesia (id)": "Umur", "English (en)": "Age"}
    assert found.messages["Indonesia (id)"] == "Di atas 14"
    assert "age.png" in made.xform
    assert "kobo--" not in made.xform


def listed(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"list_name": name, "name": value, "label": [value.title()], "$kuid": "x"} for value in values]


def asked_of(form: Form) -> dict[str, str]:
    return {"/".join(q.path): q.kind for q in form.questions if q.path[0] != "meta"}


def test_a_score_becomes_a_group_of_selects(tmp_path: Path) -> None:
    survey = [
        {
            "type": "begin_score",
            "$autoname": "sc",
            "label": ["Score"],
            "kobo--score-choices": "l",
            "required": True,
        },
        {"type": "score__row", "$autoname": "a", "label": ["A"]},
        {"type": "score__row", "name": "b", "label": ["B"]},
        {"type": "end_score"},
    ]
    form = compiled(tmp_path, content(*survey, choices=listed("l", "low", "high")))
    assert asked_of(form) == dict.fromkeys(("sc/sc_header", "sc/a", "sc/b"), "select_one")
    assert [q.bind.required for q in form.questions[:3]] == ["", "true()", "true()"]


def test_a_rank_becomes_selects_that_differ(tmp_path: Path) -> None:
    survey = [
        {
            "type": "begin_rank", "name": "r", "label": ["Needs"], "relevant": "1 = 1",
            "kobo--rank-items": "l", "kobo--rank-constraint-message": ["Not twice"],
        },
        {"type": "rank__level", "name": "n1", "$autoname": "n1", "label": ["1st"]},
        {"type": "rank__level", "name": "n2", "$autoname": "n2", "label": ["2nd"]},
        {"type": "end_rank"},
    ]  # fmt: skip
    form = compiled(tmp_path, content(*survey, choices=listed("l", "food", "water")))
    assert asked_of(form) == {"r/r_label": "note", "r/n1": "select_one", "r/n2": "select_one"}
    assert "/r/n2 != " in " ".join(form.questions[2].bind.constraint.split())


def test_a_matrix_becomes_a_group_for_each_item(tmp_path: Path) -> None:
    survey = [
        {"type": "begin_kobomatrix", "name": "m", "label": ["Items"], "kobo--matrix_list": "things"},
        {"type": "select_one", "name": "has", "label": ["Has?"], "select_from_list_name": "l"},
        {"type": "integer", "name": "n", "label": ["How many"], "relevant": "${has} = 'yes'"},
        {"type": "end_kobomatrix"},
    ]
    choices = [*listed("l", "yes", "no"), *listed("things", "car", "bike")]
    form = compiled(tmp_path, content(*survey, choices=choices))
    kinds = {path: kind for path, kind in asked_of(form).items() if kind != "note"}
    assert kinds == {
        "m_car/m_car_has": "select_one",
        "m_car/m_car_n": "integer",
        "m_bike/m_bike_has": "select_one",
        "m_bike/m_bike_n": "integer",
    }
    last = form.question(("m_bike", "m_bike_n"))
    assert last is not None
    assert "/m_bike/m_bike_has" in last.bind.relevant
    assert last.labels == {"default": "Bike: How many"}


def test_a_group_without_its_end_is_refused() -> None:
    with pytest.raises(FormError, match="there is no end_score"):
        workbook(content({"type": "begin_score", "name": "s"}), title="T", form_id="f")


def test_expressions_are_never_formulas_of_a_workbook(tmp_path: Path) -> None:
    made = workbook(content(question(label=["=1+1\x0b"], hint=["=HYPERLINK()"])), title="T", form_id="f")
    cells = [cell for row in load_workbook(io.BytesIO(made))["survey"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
    assert "=1+1" in [cell.value for cell in cells]


def test_forms_are_named_where_the_content_names_none(tmp_path: Path) -> None:
    assert compiled(tmp_path, content(question())).form_id == "named"
    named = content(question(), settings={"id_string": "own", "version": "7", "style": "pages"})
    assert (compiled(tmp_path, named).form_id, compiled(tmp_path, named).version) == ("own", "7")


@pytest.mark.parametrize(
    "broken", [{}, {"survey": None}, {"survey": ["x"]}, {"survey": [{"type": 3}], "settings": 4}]
)
def test_what_is_no_content_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(FormError, match="content cannot be read"):
        workbook(broken, title="T", form_id="f")


def test_a_cell_too_long_for_a_workbook_is_refused() -> None:
    with pytest.raises(FormError, match="survey row 2: label has 40000 characters"):
        workbook(content(question(label=["x" * 40_000])), title="T", form_id="f")


def test_content_that_does_not_compile_is_a_remark(server: FakeKobo, tmp_path: Path) -> None:
    world = World(server, tmp_path)
    version = server.world.assets[world.form].versions[-1]
    version.content["survey"].append({"type": "kobomatrix", "name": "m", "$kuid": "x", "label": ["M", "M"]})
    world.submit(1)
    landed = world.pull()
    assert landed.new == 1
    assert world.landing.versions == ()
    assert (
        len([remark for remark in landed.remarks if version.uid in remark and "has no form" in remark]) == 1
    )
    world.pull()
    assert world.cost <= 3  # it is not fetched again
    assert world.landing.proofs[-1]["remarks"] == list(landed.remarks)


def test_a_version_the_server_does_not_give_is_a_remark(server: FakeKobo, tmp_path: Path) -> None:
    world = World(server, tmp_path)
    world.submit(1)
    server.faults.append(Fault("status", "/versions/v", status=404, times=9))
    landed = world.pull()
    assert (landed.new, world.landing.versions) == (1, ())
    assert any("has no form" in remark and "404" not in remark for remark in landed.remarks)


def test_a_workbook_that_compiles_has_no_refusal(tmp_path: Path) -> None:
    assert refusal(workbook(content(question()), title="T", form_id="f")) == ""
    assert "choices sheet" in refusal(
        workbook(content(question(type="select_one", select_from_list_name="lonely")), title="T", form_id="f")
    )
