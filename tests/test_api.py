"""The notebook API: what an analyst gets, typed and labelled, from one import."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

import tracer_etl
from makers import FORM, xml
from test_exports import BIG, KEYS, LONG, published
from tracer_etl.errors import FormError, StudyError, WarehouseError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("api"))


def test_every_table_comes_with_its_own_types(copy: Path) -> None:
    tables = tracer_etl.read_tables(str(copy), "visit")
    assert list(tables) == ["visit", "visit__job", "visit__selected"]
    visit = tables["visit"]
    assert visit["_submission_id"].tolist() == KEYS
    assert "who" not in visit
    assert visit["code"].tolist()[0] == "007"
    assert visit["age"].dtype == pd.Int64Dtype()
    assert visit["age"].tolist()[:2] == [30, 41]
    assert visit["age"][2] is pd.NA
    assert visit["serial"][0] == BIG
    assert visit["born"].tolist()[:2] == [pd.Timestamp("1999-12-31"), pd.Timestamp("1900-01-01")]
    assert visit["born"].dtype == "datetime64[s]"
    assert str(visit["met"].dt.tz) == "Asia/Jakarta"
    assert visit["met"][0] == pd.Timestamp("2026-01-02 16:30", tz="UTC")
    assert visit["work"].tolist()[:2] == ["1", "0"]
    assert tables["visit__job"]["_parent_row_id"].tolist() == [KEYS[0]] * 2


def test_labels_make_categoricals_in_the_form_s_order(copy: Path) -> None:
    visit = tracer_etl.read_tables(copy, "visit", labels="en")["visit"]
    assert visit["work"].dtype == pd.CategoricalDtype(["Yes", "No"])
    assert visit["work"].tolist()[:2] == ["Yes", "No"]
    assert visit["work"].isna().tolist() == [False, False, True]
    assert visit[LONG].tolist()[:2] == ["Saw", "Dust; Saw"]
    assert visit["work"].value_counts().to_dict() == {"Yes": 1, "No": 1}


@pytest.mark.parametrize(("asked", "label", "code"), [("en", "Working?", "Yes"), (None, "Bekerja?", "Ya")])
def test_attrs_hold_labels_and_codes(copy: Path, asked: str | None, label: str, code: str) -> None:
    attrs = tracer_etl.read_tables(copy, "visit", labels=asked)["visit"].attrs
    assert attrs["labels"]["work"] == label
    assert attrs["codes"]["work"]["1"] == code
    assert (attrs["form_id"], attrs["table"], attrs["timezone"]) == ("visit", "visit", "Asia/Jakarta")


def test_frames_with_attrs_can_be_joined_and_stacked(copy: Path) -> None:
    tables = tracer_etl.read_tables(copy, "visit", labels="en")
    joined = tables["visit__job"].merge(tables["visit"], on="_submission_id")
    assert joined["code"].tolist() == ["007", "007"]
    assert len(pd.concat([tables["visit"], tables["visit"]])) == 6


def test_two_codes_of_one_label_stay_apart(tmp_path: Path) -> None:
    form = FORM.replace(
        "| yn                   | 0        | No     |", "| yn                   | 0        | Yes    |"
    )
    copy = published(tmp_path, form, {"a": xml(1, "<age>30</age><work>1</work>"), "b": xml(2)})
    work = tracer_etl.read_tables(copy, "visit", labels="en")["visit"]["work"]
    assert work.tolist() == ["Yes [1]", "Yes [0]"]


@pytest.mark.parametrize(
    ("form_id", "labels", "message"),
    [("census", None, "choose of visit"), ("visit", "fr", "no labels in 'fr'; choose of id, en")],
)
def test_a_wrong_name_is_told_with_what_there_is(
    copy: Path, form_id: str, labels: str | None, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        tracer_etl.read_tables(copy, form_id, labels=labels)


def test_a_missing_or_foreign_file_is_one_clear_line(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="cannot be read"):
        tracer_etl.read_tables(tmp_path / "none.duckdb", "visit")
    with pytest.raises(WarehouseError, match="direct identifiers"):
        tracer_etl.read_tables(copy.with_name("warehouse.duckdb"), "visit")
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    with pytest.raises(WarehouseError, match="is no published copy"):
        tracer_etl.read_tables(tmp_path / "other.duckdb", "visit")


def test_a_form_is_read_from_a_text_path(tmp_path: Path) -> None:
    (tmp_path / "visit.md").write_text(FORM, encoding="utf-8")
    form = tracer_etl.read_form(str(tmp_path / "visit.md"))
    assert form.form_id == "visit"
    with pytest.raises(FormError, match="there is no such form"):
        tracer_etl.read_form(tmp_path / "none.xlsx")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, tracer_etl; heavy = {'pandas', 'numpy', 'duckdb', 'pyxform', 'lxml', 'pyarrow', 'pyreadstat'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules); assert callable(tracer_etl.read_tables)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="read_everything"):
        tracer_etl.read_everything  # type: ignore[attr-defined]  # noqa: B018
