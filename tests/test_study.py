"""What study.toml and the environment come to: where files lie, and which server is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from makers import study_folder, xml
from tracer_etl import pipeline
from tracer_etl.errors import StudyError
from tracer_etl.servers import connecting
from tracer_etl.study import read_study

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_of_another_storage_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = study_folder(tmp_path)
    names = ("landing", "staging", "warehouse", "published", "report", "cases")
    usual = [getattr(read_study(file), name) for name in names]
    assert usual[-1] == tmp_path / "var" / "cases"
    monkeypatch.setenv("TRACER_STORAGE", str(tmp_path / "trial"))
    trial = [getattr(read_study(file), name) for name in names]
    assert trial == [tmp_path / "trial" / path.name for path in usual]


def test_a_folder_without_a_path_is_not_the_study_itself(tmp_path: Path) -> None:
    file = study_folder(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace('path = "inbox"\n', ""), encoding="utf-8")
    with pytest.raises(StudyError, match="path of the folder server missing; set TRACER_PATH"):
        connecting.source(read_study(file))
    given = connecting.settings(read_study(file), {"TRACER_PATH": str(tmp_path / "inbox")})
    assert given["path"] == str(tmp_path / "inbox")


def test_what_a_run_remarks_on_names_the_form(tmp_path: Path) -> None:
    file = study_folder(tmp_path, {"1": xml(1), "2": xml(2)[:40]})
    [remark] = pipeline.refresh(read_study(file)).remarks
    assert remark.startswith("visit: visit.zip/instances/2/")
    assert "not well-formed" in remark


@pytest.mark.parametrize(
    "more",
    ['[[forms]]\nid = "visit"\nworkbook = "x.xlsx"\n', '[[reference]]\nname = "a"\nfile = "a.csv"\n' * 2],
)
def test_a_table_that_stands_there_twice_is_refused(tmp_path: Path, more: str) -> None:
    file = study_folder(tmp_path)
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{more}", encoding="utf-8")
    with pytest.raises(StudyError, match="stands there twice; change the first one"):
        read_study(file)


@pytest.mark.parametrize(
    "more",
    [
        '[[forms]]\nid = "Visit"\nworkbook = "x.xlsx"\n',
        '[[forms]]\nid = "visit__job"\nworkbook = "x.xlsx"\n',
        '[[reference]]\nname = "visit"\nfile = "a.csv"\n',
    ],
)
def test_two_things_in_one_table_are_refused(tmp_path: Path, more: str) -> None:
    file = study_folder(tmp_path)
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{more}", encoding="utf-8")
    with pytest.raises(StudyError, match="would be one of form visit; give one of them another name"):
        read_study(file)


def test_a_registry_that_hides_no_column_is_refused(tmp_path: Path) -> None:
    file = study_folder(tmp_path)
    more = '[[reference]]\nname = "people"\nfile = "people.csv"\n[privacy]\nregistry = "people"\nkey = "id"\n'
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{more}", encoding="utf-8")
    with pytest.raises(StudyError, match="none of its columns is `direct`"):
        read_study(file)
