"""What changes between two versions of a form, in words; two converters' XML of one form are the same form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from workbooks import by_another_converter

from tracer_etl.differences import consequences, differences, summary
from tracer_etl.errors import DriftError
from tracer_etl.form import read_form
from tracer_etl.xform import compile_xform

if TYPE_CHECKING:
    from tracer_etl.questions import Form

FORMS = Path(__file__).parents[1] / "forms"
MEDIA = FORMS / "media"
RECORDED = Path(__file__).parents[1] / "../shared/servers/recordings"
BASE = """
| survey |                 |            |               |               |              |            |          |
|        | type            | name       | label::A (a)  | label::B (b)  | relevant     | constraint | default  |
|        | text            | nama       | Nama          | Name          |              |            |          |
|        | begin group     | rumah      | Rumah         | House         |              |            |          |
|        | integer         | umur       | Umur          | Age           |              | . > 0      | 20       |
|        | text            | desa       | Desa          | Village       | ${umur} > 15 |            |          |
|        | end group       |            |               |               |              |            |          |
|        | select_one kerja| status     | Status        | Status        |              |            |          |
|        | begin repeat    | usaha      | Usaha         | Business      |              |            |          |
|        | decimal         | omzet      | Omzet         | Turnover      |              |            |          |
|        | end repeat      |            |               |               |              |            |          |
| choices |                |            |               |               |              |            |          |
|        | list_name       | name       | label::A (a)  | label::B (b)  |              |            |          |
|        | kerja           | 1          | Bekerja       | Works         |              |            |          |
|        | kerja           | 2          | Tidak         | No            |              |            |          |
| settings |               |            |               |               |              |            |          |
|        | form_id         | version    | form_title    | default_language |           |            |          |
|        | kecil           | 1          | Kecil         | A (a)         |              |            |          |
"""


def form(folder: Path, *edits: tuple[str, str], name: str = "kecil") -> Form:
    """Compile BASE with texts replaced, each of which it must hold."""
    text = BASE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return read_form(path)


def changes(folder: Path, *edits: tuple[str, str]) -> list[tuple[str, str]]:
    return [(c.what, str(c)) for c in differences(form(folder), form(folder, *edits))]


def row(cells: str) -> str:
    return "|        | " + cells + " |"


# -- one kind of change at a time

CASES = {
    "label": (("Nama          |", "Nama lengkap  |"), ("label", 'nama: label in A (a) "Nama" -> "Nama lengkap"')),
    "constraint": ((". > 0", ". >= 15"), ("logic", 'rumah/umur: constraint ".>0" -> ".>=15"')),
    "relevant": (
        ("${umur} > 15", "${umur} > 17"),
        ("logic", 'rumah/desa: relevant "/data/rumah/umur>15" -> "/data/rumah/umur>17"'),
    ),
    "retyped": (("| integer ", "| decimal "), ("retyped", 'rumah/umur: type "integer" -> "decimal"')),
    "choice label": (("Tidak ", "Belum "), ("choices", "kerja: choices changed: 2")),
    "choice": (
        (row("kerja           | 2          | Tidak         | No            |              |            |         "),
         row("kerja           | 3          | Tidak         | No            |              |            |         ")),
        ("choices", "kerja: choices new: 3; gone: 2"),
    ),
    "default": (("| 20  ", "| 21  "), ("detail", 'rumah/umur: default "20" -> "21"')),
    "title": (("| Kecil ", "| Besar "), ("setting", 'title "Kecil" -> "Besar"')),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_change_is_one_line(case: str, tmp_path: Path) -> None:
    edit, expected = CASES[case]
    assert changes(tmp_path, edit) == [expected]


def test_the_version_label_alone_is_no_difference(tmp_path: Path) -> None:
    new = form(tmp_path, ("| kecil           | 1  ", "| kecil           | 2  "))
    assert new.version == "2"
    assert differences(form(tmp_path), new) == ()


def test_a_question_in_another_group_has_moved_and_keeps_its_column(tmp_path: Path) -> None:
    line = next(line for line in BASE.splitlines() if "| desa " in line)
    name = next(line for line in BASE.splitlines() if "| nama " in line)
    old, new = form(tmp_path), form(tmp_path, (f"{line}\n", ""), (name, f"{name}\n{line}"))
    assert [(c.what, str(c)) for c in differences(old, new)] == [("moved", "desa: moved from rumah/desa")]
    assert consequences([old], new) == ("column kecil.desa goes on under desa",)


def test_a_new_and_a_dropped_question_say_what_becomes_of_the_columns(tmp_path: Path) -> None:
    line = next(line for line in BASE.splitlines() if "| desa " in line)
    other = line.replace("desa", "dusun").replace("text", "date")
    old, new = form(tmp_path), form(tmp_path, (line, other))
    found = differences(old, new)
    assert [str(c) for c in found] == [
        'rumah/dusun: new, date "Desa"',
        'rumah/desa: no longer asked, was text "Desa"',
    ]
    assert summary(found) == "1 node added, 1 node removed"
    assert consequences([old], new) == (
        "column kecil.desa stays and is empty in new submissions",
        "new column kecil.dusun (DATE)",
    )


def test_a_new_repeat_is_a_new_table(tmp_path: Path) -> None:
    rows = ("begin repeat | kerabat | K | R | | | ", "text | siapa | S | W | | | ", "end repeat | | | | | | ")
    inner = "\n".join(row(cells) for cells in rows)
    old, new = form(tmp_path), form(tmp_path, ("| choices |  ", f"{inner}\n| choices |  "))
    assert [str(c) for c in differences(old, new)] == [
        "kerabat: new repeat",
        'kerabat/siapa: new, text "S"',
    ]
    assert consequences([old], new) == ("new table kecil__kerabat with 1 columns",)


def test_questions_in_another_order(tmp_path: Path) -> None:
    lines = BASE.splitlines()
    status = next(line for line in lines if "| status " in line)
    name = next(line for line in lines if "| nama " in line)
    new = form(tmp_path, (f"{status}\n", ""), (name, f"{status}\n{name}"))
    assert [str(c) for c in differences(form(tmp_path), new)] == [
        "the questions come in another order from status on"
    ]


def test_another_language_is_one_line_not_one_per_question(tmp_path: Path) -> None:
    new = form(tmp_path, ("label::B (b)", "label::C (c)"))
    assert [str(c) for c in differences(form(tmp_path), new)] == [
        'languages "A (a), B (b)" -> "A (a), C (c)"'
    ]


def test_integers_widen_and_nothing_narrows(tmp_path: Path) -> None:
    old, wide = form(tmp_path), form(tmp_path, ("| integer ", "| decimal "))
    assert consequences([old], wide) == ("column kecil.umur widens from BIGINT to DOUBLE",)
    with pytest.raises(DriftError, match="rumah/umur was integer and is now date"):
        consequences([old], form(tmp_path, ("| integer ", "| date    ")))


# -- what no table depends on, and phones show nonetheless

FINE = """
| survey |        |       |           |                  |               |                 |
|        | type   | name  | label     | required_message | guidance_hint | parameters      |
|        | image  | foto  | Foto      | Wajib            | Dari depan    | max-pixels=1024 |
|        | range  | nilai | Nilai     |                  |               | start=1 end=5 step=1 |
| settings |      |       |           |                  |               |                 |
|        | form_id | version | style |                  |               |                 |
|        | halus  | 1     | pages     |                  |               |                 |
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Wajib", "Harus", 'foto: required message "Wajib" -> "Harus"'),
        ("Dari depan", "Dari samping", 'foto: guidance (default) "Dari depan" -> "Dari samping"'),
        ("max-pixels=1024", "max-pixels=2048", 'foto: max-pixels "1024" -> "2048"'),
        ("end=5", "end=7", 'nilai: end "5" -> "7"'),
        ("pages", "theme-grid", 'style "pages" -> "theme-grid"'),
    ],
)
def test_details_that_no_table_knows_are_compared(old: str, new: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text(FINE, encoding="utf-8")
    assert old in FINE
    (tmp_path / "new.md").write_text(FINE.replace(old, new), encoding="utf-8")
    found = differences(read_form(tmp_path / "old.md"), read_form(tmp_path / "new.md"))
    assert [(c.what, str(c)) for c in found] == [("detail", said)]


# -- the same form by another converter


@pytest.mark.parametrize("path", sorted(FORMS.glob("*.xlsx")), ids=lambda path: path.stem)
def test_another_converters_xml_of_a_study_form_is_the_same_form(path: Path) -> None:
    mine = read_form(path, MEDIA)
    other = compile_xform(by_another_converter(mine).encode(), MEDIA)
    assert other.xform != mine.xform
    assert differences(mine, other) == ()


def test_what_central_serves_is_what_its_workbook_says() -> None:
    folder = RECORDED / "central/forms"
    if not folder.is_dir():
        pytest.skip("the recordings are not here")
    for name in ("alumni_v1", "alumni_v2", "alumni_update"):
        assert differences(read_form(folder / f"{name}.xml"), read_form(folder / f"{name}.xlsx")) == ()


def test_a_real_pair_of_versions() -> None:
    folder = RECORDED / "kobo"
    if not folder.is_dir():
        pytest.skip("the recordings are not here")
    old, new = read_form(folder / "tracer_v1.xlsx"), read_form(folder / "tracer_v2.xlsx")
    found = differences(old, new)
    assert summary(found) == (
        "3 nodes added, 2 nodes removed, 1 question moved, 1 question retyped, 2 texts changed, "
        "3 choice lists changed"
    )
    assert "desa: moved from identitas/desa" in map(str, found)
    assert "column tracer_blitar__pekerjaan.gaji widens from DOUBLE to VARCHAR" in consequences([old], new)
    assert summary(differences(new, old)) != summary(found)
