"""Exports, read back by other programs: the same values, labels, measures and dates as the warehouse has."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyreadstat
import pytest
from lxml import etree

from makers import STUDY, store, xml
from tracer_etl import pipeline
from tracer_etl.errors import StudyError, WarehouseError
from tracer_etl.exports import FORMATS, Exported, Wish, export
from tracer_etl.exports.names import SPSS, STATA, file_names
from tracer_etl.study import read_study

LONG = "the_longest_name_a_question_of_this_form_has"
FORM = f"""
| survey  |                      |          |              |                 |                      |
|         | type                 | name     | label::Indonesia (id) | label::English (en) | bind::tracer:privacy |
|         | text                 | who      | Nama         | Name            | direct               |
|         | text                 | code     | Kode         | Code            | open                 |
|         | text                 | remark   | Catatan "1"  | A remark, long  | open                 |
|         | integer              | age      | Umur         | Age             | quasi                |
|         | integer              | serial   | Nomor seri   | Serial number   | open                 |
|         | decimal              | income   | Pendapatan   | Income          | open                 |
|         | date                 | born     | Lahir        | Born            | open                 |
|         | time                 | woke     | Bangun       | Woke            | open                 |
|         | dateTime             | met      | Bertemu      | Met             | open                 |
|         | select_one yn        | work     | Bekerja?     | Working?        | open                 |
|         | select_one grade     | grade    | Nilai        | Grade           | open                 |
|         | select_multiple tool | {LONG}   | Alat         | Tools           | open                 |
|         | geopoint             | place    | Tempat       | Place           | open                 |
|         | geoshape             | field    | Ladang       | Field           | open                 |
|         | begin_repeat         | job      | Pekerjaan    | Job             |                      |
|         | integer              | ge       | Oleh         | By              | open                 |
|         | select_one yn        | position | Posisi       | Position        | open                 |
|         | end_repeat           |          |              |                 |                      |
| choices |                      |          |              |                 |
|         | list_name            | name     | label::Indonesia (id) | label::English (en) |
|         | yn                   | 1        | Ya           | Yes             |
|         | yn                   | 0        | Tidak        | No              |
|         | grade                | 01       | Baik         | Good            |
|         | grade                | 02       | Buruk        | Bad             |
|         | tool                 | saw      | Gergaji      | Saw             |
|         | tool                 | sawdust  | Serbuk       | Dust            |
| settings |                     |          |              |                 |
|         | form_id              | version  | default_language | namespaces  |
|         | visit                | 1        | Indonesia (id) | tracer="urn:tracer-etl:privacy" |
"""
BIG = 9_007_199_254_740_991
ANSWERS = {
    "a": xml(
        1,
        f"<who>Sri Rahayu</who><code>007</code><remark>=1+1</remark><age>30</age><serial>{BIG}</serial><income>1234567.125"
        f"</income><born>1999-12-31</born><woke>04:30:00.000+07:00</woke><met>2026-01-02T23:30:00.000+07:00</met>"
        f"<work>1</work><grade>01</grade><{LONG}>saw</{LONG}><place>-8.1 112.25 200 5</place>"
        "<field>-8.1 112.2 0 0; -8.2 112.2 0 0; -8.2 112.3 0 0; -8.1 112.2 0 0</field>"
        "<job><ge>1</ge><position>0</position></job><job><ge>22</ge></job>",
    ),
    "b": xml(
        2,
        f'<who>Budi</who><code>日本 "é"\n, x</code><remark>{"x" * 3000}</remark><age>41</age><serial>12</serial>'
        f"<born>1900-01-01</born><work>0</work><grade>02</grade><{LONG}>sawdust saw</{LONG}>",
    ),
    "c": xml(3, "<code>-5</code>"),
}
KEYS = [f"uuid:{number:08d}" for number in (1, 2, 3)]


def published(folder: Path, form: str = FORM, answers: dict[str, bytes] = ANSWERS) -> Path:
    for name in ("forms", "expectations"):
        (folder / name).mkdir(parents=True)
    (folder / "forms" / "visit.md").write_text(form, encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    store(folder / "inbox" / "visit.zip", answers)
    study = read_study(folder / "study.toml")
    pipeline.refresh(study)
    return study.published


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="module")
def out(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    folder = tmp_path_factory.mktemp("out")
    return folder, export(copy, folder, wish=Wish(language="en"))


@pytest.fixture(scope="module")
def folder(out: tuple[Path, Exported]) -> Path:
    return out[0]


def clean(copy: Path, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with duckdb.connect(str(copy), read_only=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Jakarta'")
        return connection.execute(f"SELECT {columns} FROM clean.{table} ORDER BY ALL").fetchall()


def test_every_format_is_written_and_nobody_is_named(out: tuple[Path, Exported]) -> None:
    folder, done = out
    assert tuple(sorted({f.parent.name for f in done.files}, key=FORMATS.index)) == FORMATS
    assert done.remarks == ()
    assert not [file for file in folder.rglob("*") if file.is_file() and file not in done.files]
    for file in done.files:
        content = file.read_bytes()
        assert content
        if file.suffix != ".xlsx":
            assert b"Sri Rahayu" not in content


# -- SPSS


def test_spss_reads_values_labels_measures_and_dates(folder: Path) -> None:
    frame, meta = pyreadstat.read_sav(folder / "sav" / "visit.sav")
    assert frame["submission_id"].tolist() == KEYS
    assert frame["code"].tolist() == ["007", '日本 "é"\n, x', "-5"]
    assert frame["remark"].tolist() == ["=1+1", "x" * 3000, ""]
    assert frame["age"].tolist()[:2] == [30, 41]
    assert frame["serial"].tolist()[:2] == [BIG, 12]
    assert frame["income"].tolist()[0] == 1234567.125
    assert frame["born"].tolist()[:2] == [dt.date(1999, 12, 31), dt.date(1900, 1, 1)]
    assert frame["woke"].tolist()[0] == dt.time(4, 30)
    assert frame["met"].tolist()[0] == pd.Timestamp("2026-01-02 23:30:00")
    assert frame["work"].tolist()[:2] == [1, 0]
    assert frame["grade"].tolist() == ["01", "02", ""]
    assert frame.loc[2, ["age", "serial", "income", "born", "woke", "met", "work"]].isna().all()
    assert meta.column_names_to_labels["work"] == "Working?"
    assert meta.column_names_to_labels["submission_id"] == "Submission"
    assert meta.variable_value_labels["work"] == {1: "Yes", 0: "No"}
    assert meta.variable_value_labels["grade"] == {"01": "Good", "02": "Bad"}
    measures = {name: meta.variable_measure[name] for name in ("work", "grade", "code", "age", "born")}
    assert measures == {
        "work": "nominal",
        "grade": "nominal",
        "code": "nominal",
        "age": "scale",
        "born": "scale",
    }
    types = meta.original_variable_types
    assert (types["age"], types["born"], types["met"]) == ("F4.0", "DATE11", "DATETIME20")
    assert types["income"].endswith(".3")


def test_spss_has_a_column_for_every_choice_that_is_empty_where_nothing_was_answered(folder: Path) -> None:
    frame, meta = pyreadstat.read_sav(folder / "sav" / "visit.sav")
    assert frame[LONG].tolist() == ["saw", "sawdust saw", ""]
    assert frame[f"{LONG}__saw"].tolist()[:2] == [1, 1]
    assert frame[f"{LONG}__sawdust"].tolist()[:2] == [0, 1]
    assert frame.loc[2, [f"{LONG}__saw", f"{LONG}__sawdust"]].isna().all()
    assert meta.column_names_to_labels[f"{LONG}__sawdust"] == "Dust | Tools"
    assert meta.variable_value_labels[f"{LONG}__saw"] == {0: "No", 1: "Yes"}


def test_names_spss_forbids_are_changed_and_listed(folder: Path) -> None:
    frame, _ = pyreadstat.read_sav(folder / "sav" / "visit__job.sav")
    with (folder / "sav" / "variables.csv").open(encoding="utf-8", newline="") as stream:
        listed = {
            (row["file"], row["column"], row["choice"]): row["variable"] for row in csv.DictReader(stream)
        }
    assert listed["visit__job.sav", "ge", ""] == "v_ge"
    assert listed["visit__job.sav", "position", ""] == "position"
    moved = listed["visit__job.sav", "_position", ""]
    assert moved.startswith("position_")
    assert frame[moved].tolist() == [1, 2]
    assert frame["v_ge"].tolist() == [1, 22]
    assert set(frame.columns) == {name for (file, _, _), name in listed.items() if file == "visit__job.sav"}


READ = """
options(warn = -1)
read <- foreign::read.spss(commandArgs(TRUE)[1], to.data.frame = FALSE, use.value.labels = FALSE)
cat(read$age[1:2], read$income[1], trimws(read$code[1]), attr(read, "variable.labels")[["work"]], sep = "|")
cat("|", names(attr(read, "label.table")[["work"]]), sep = "|")
"""


def test_a_reader_of_another_house_reads_the_same(folder: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("R is not installed; its package foreign reads SPSS files by code of its own")
    command = [rscript, "-e", READ, str(folder / "sav" / "visit.sav")]
    read = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert set(read.split("|")) >= {"30", "41", "1234567", "007", "Working?", "Yes", "No"}


# -- Stata


def test_stata_reads_values_labels_and_dates(folder: Path) -> None:
    file = folder / "dta" / "visit.dta"
    frame, meta = pyreadstat.read_dta(file)
    assert frame["_submission_id"].tolist() == KEYS
    assert frame["code"].tolist() == ["007", '日本 "é"\n, x', "-5"]
    assert frame["remark"].tolist() == ["=1+1", "x" * 3000, ""]
    assert frame["serial"].tolist()[:2] == [BIG, 12]
    assert frame["born"].tolist()[:2] == [dt.date(1999, 12, 31), dt.date(1900, 1, 1)]
    assert frame["met"].tolist()[0] == pd.Timestamp("2026-01-02 23:30:00")
    assert meta.variable_value_labels["work"] == {1: "Yes", 0: "No"}
    assert meta.column_names_to_labels["work"] == "Working?"
    assert meta.readstat_variable_types["age"] == "int32"
    by_pandas = pd.read_stata(file)
    assert by_pandas["work"].tolist()[:2] == ["Yes", "No"]
    assert by_pandas["work"].isna().tolist() == [False, False, True]


def test_text_codes_are_numbers_in_stata_and_the_map_says_which(folder: Path) -> None:
    frame, meta = pyreadstat.read_dta(folder / "dta" / "visit.dta")
    assert frame["grade"].tolist()[:2] == [1, 2]
    assert meta.variable_value_labels["grade"] == {1: "Good", 2: "Bad"}
    with (folder / "dta" / "codes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["variable"], row["number"], row["value"], row["label"]) for row in rows] == [
        ("grade", "1", "01", "Good"),
        ("grade", "2", "02", "Bad"),
    ]


def test_names_longer_than_stata_allows_are_cut_and_stay_unique(folder: Path) -> None:
    frame, _ = pyreadstat.read_dta(folder / "dta" / "visit.dta")
    assert max(map(len, frame.columns)) <= 27
    assert len([name for name in frame.columns if name.startswith(LONG[:20])]) == 3
    assert file_names([f"{LONG}__saw", f"{LONG}__sawdust"], STATA) == file_names(
        [f"{LONG}__saw", f"{LONG}__sawdust"], STATA
    )


def test_whole_numbers_no_double_holds_are_text_and_named_in_the_remarks(tmp_path: Path) -> None:
    answers = {"a": xml(1, f"<serial>{BIG + 2}</serial>"), "b": xml(2, "<serial>5</serial>")}
    done = export(published(tmp_path / "s", answers=answers), tmp_path / "out", formats=("sav", "dta"))
    assert [remark.partition(":")[0] for remark in done.remarks] == ["sav", "dta"]
    assert all("visit.serial" in remark for remark in done.remarks)
    frame, _ = pyreadstat.read_sav(tmp_path / "out" / "sav" / "visit.sav")
    assert frame["serial"].tolist() == [str(BIG + 2), "5"]


def test_an_empty_table_is_a_file_with_the_same_variables(folder: Path, tmp_path: Path) -> None:
    done = export(
        published(tmp_path / "s", answers={"a": xml(1, "<age>old</age>")}),
        tmp_path / "out",
        wish=Wish(language="en"),
    )
    for ending, read in (("sav", pyreadstat.read_sav), ("dta", pyreadstat.read_dta)):
        empty, meta = read(tmp_path / "out" / ending / "visit.sav".replace("sav", ending))
        full, known = read(folder / ending / f"visit.{ending}")
        assert list(empty.columns) == list(full.columns)
        assert meta.variable_value_labels == known.variable_value_labels
        assert len(empty) == 0
    assert len(done.files) > 10


@pytest.mark.parametrize("rules", [SPSS, STATA])
def test_no_two_columns_share_a_name(rules: Any) -> None:
    wanted = [
        "_position",
        "position",
        "__position",
        "_by",
        "ge",
        "v_ge",
        "1st",
        "str4",
        "a" * 70,
        "a" * 71,
        "日本",
    ]
    found = file_names(wanted, rules)
    assert len({name.lower() for name in found}) == len(wanted)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]*", name) and len(name) <= rules.length for name in found)
    assert not set(found) & rules.reserved


# -- CSV, Parquet, Excel


def test_csv_has_the_warehouse_s_own_values(folder: Path, copy: Path) -> None:
    frame = pd.read_csv(folder / "csv" / "visit.csv", dtype=str, keep_default_na=False)
    expected = clean(copy, "visit", "_submission_id, code, remark, serial, income, born, work, grade")
    columns = ["_submission_id", "code", "remark", "serial", "income", "born", "work", "grade"]
    assert frame[columns].to_numpy().tolist() == [
        ["" if value is None else str(value) for value in row] for row in expected
    ]
    assert frame["met"][0] == "2026-01-02T23:30:00+07:00"
    assert not (folder / "csv" / "visit.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_csv_for_excel_has_a_mark_and_no_formula(copy: Path, tmp_path: Path) -> None:
    export(copy, tmp_path, formats=["csv"], wish=Wish(for_excel=True))
    file = tmp_path / "csv" / "visit.csv"
    assert file.read_bytes().startswith(b"\xef\xbb\xbf_submission_id,")
    frame = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    assert frame["remark"].tolist()[0] == "'=1+1"
    assert frame["code"].tolist() == ["007", '日本 "é"\n, x', "'-5"]
    assert frame["place_lat"].tolist()[0] == "-8.1"


def test_labels_can_stand_in_the_place_of_codes(copy: Path, tmp_path: Path) -> None:
    export(copy, tmp_path, formats=["csv", "xlsx", "geojson"], wish=Wish("en", labels=True))
    frame = pd.read_csv(tmp_path / "csv" / "visit.csv", dtype=str, keep_default_na=False)
    assert frame["work"].tolist() == ["Yes", "No", ""]
    assert frame[LONG].tolist() == ["Saw", "Dust; Saw", ""]
    book = pd.read_excel(tmp_path / "xlsx" / "visit.xlsx", sheet_name="visit", dtype=str)
    assert book["grade"].tolist()[:2] == ["Good", "Bad"]


def test_parquet_is_the_table_itself(folder: Path, copy: Path) -> None:
    found = duckdb.sql(f"SELECT * FROM '{folder / 'parquet' / 'visit.parquet'}' ORDER BY ALL")
    with duckdb.connect(str(copy), read_only=True) as connection:
        own = connection.sql("SELECT * FROM clean.visit ORDER BY ALL")
        assert (found.columns, found.types) == (own.columns, own.types)
        assert found.project("* EXCLUDE (met, _submitted_at)").fetchall() == (
            own.project("* EXCLUDE (met, _submitted_at)").fetchall()
        )


def test_excel_has_identical_values_as_texts_numbers_and_dates(folder: Path) -> None:
    file = folder / "xlsx" / "visit.xlsx"
    frame = pd.read_excel(file, sheet_name="visit", dtype={"code": str, "serial": str, "grade": str})
    assert frame["_submission_id"].tolist() == KEYS
    assert frame["code"].tolist() == ["007", '日本 "é"\n, x', "-5"]
    assert frame["remark"].tolist()[:2] == ["=1+1", "x" * 3000]
    assert frame["serial"].tolist()[:2] == [str(BIG), "12"]
    assert frame["grade"].tolist()[:2] == ["01", "02"]
    assert frame["income"].tolist()[0] == 1234567.125
    assert frame["met"].tolist()[0] == pd.Timestamp("2026-01-02 23:30:00")
    assert [str(value)[:10] for value in frame["born"].tolist()[:2]] == ["1999-12-31", "1900-01-01"]
    with pd.ExcelFile(file) as book:
        names = book.sheet_names
    assert names == ["visit", "visit__job", "visit__selected", "codebook", "codes"]


def test_no_cell_of_a_workbook_is_a_formula(folder: Path) -> None:
    import openpyxl

    book = openpyxl.load_workbook(folder / "xlsx" / "visit.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"inlineStr", "s", "n", "d"}
    [risky] = [cell for cell in cells if cell.value == "=1+1"]
    assert (risky.quotePrefix, risky.number_format) == (True, "@")


# -- maps


def test_geojson_has_a_feature_per_row_with_degrees_east_first(folder: Path) -> None:
    points = json.loads((folder / "geojson" / "visit.place.geojson").read_text(encoding="utf-8"))
    assert [feature["geometry"] for feature in points["features"]] == [
        {"type": "Point", "coordinates": [112.25, -8.1, 200.0]},
        None,
        None,
    ]
    assert points["features"][0]["properties"]["code"] == "007"
    assert "place_lat" not in points["features"][0]["properties"]
    shapes = json.loads((folder / "geojson" / "visit.field.geojson").read_text(encoding="utf-8"))
    [shape, *others] = [feature["geometry"] for feature in shapes["features"]]
    assert shape["type"] == "Polygon"
    assert shape["coordinates"][0][0] == shape["coordinates"][0][-1] == [112.2, -8.1]
    assert others == [None, None]


def test_a_position_that_identifies_is_not_on_a_map(tmp_path: Path) -> None:
    hidden = FORM.replace("| Place           | open ", "| Place           |      ").replace(
        "| Field           | open ", "| Field           |      "
    )
    done = export(published(tmp_path / "s", hidden), tmp_path / "out", formats=["geojson"])
    assert done.files == ()
    assert "direct identifier" in done.remarks[0]


# -- the codebook

DDI = {"d": "ddi:codebook:2_5"}


def test_ddi_describes_every_table_column_and_code(folder: Path, copy: Path) -> None:
    root = etree.parse(folder / "ddi" / "visit.xml").getroot()
    assert root.tag == "{ddi:codebook:2_5}codeBook"
    assert [etree.QName(child).localname for child in root] == (
        ["docDscr", "stdyDscr"] + ["fileDscr"] * 3 + ["dataDscr"]
    )
    keys = root.xpath("//@ID")
    assert len(keys) == len(set(keys))
    assert set(root.xpath("//d:var/@files", namespaces=DDI)) == set(
        root.xpath("//d:fileDscr/@ID", namespaces=DDI)
    )
    with duckdb.connect(str(copy), read_only=True) as connection:
        names = connection.execute("SELECT column_name FROM meta.column WHERE privacy <> 'direct'").fetchall()
    assert sorted(root.xpath("//d:var/@name", namespaces=DDI)) == sorted(name for (name,) in names)
    [work] = root.xpath("//d:var[@name='work']", namespaces=DDI)
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    assert [(one.get(lang), one.text) for one in work.findall("d:labl", DDI)] == [
        ("id", "Bekerja?"),
        ("en", "Working?"),
    ]
    assert work.xpath("d:catgry/d:catValu/text()", namespaces=DDI) == ["1", "0"]
    assert work.xpath("d:catgry/d:catStat/text()", namespaces=DDI) == ["1", "1"]
    assert work.xpath("d:sumStat/text()", namespaces=DDI) == ["2", "1"]


SUBSET = Path(__file__).parent / "ddi" / "codebook_subset.xsd"


def test_ddi_holds_to_the_standards_types(folder: Path) -> None:
    schema = etree.XMLSchema(etree.parse(SUBSET))
    document = etree.parse(folder / "ddi" / "visit.xml")
    assert schema.validate(document), schema.error_log


@pytest.mark.parametrize("path", ["d:dataDscr/d:var/d:varFormat", "d:fileDscr/d:fileTxt/d:dimensns"])
def test_ddi_out_of_order_would_be_found(path: str, folder: Path) -> None:
    document = etree.parse(folder / "ddi" / "visit.xml")
    moved = document.getroot().find(path, DDI)
    moved.getparent().insert(0, moved)
    assert not etree.XMLSchema(etree.parse(SUBSET)).validate(document)


def test_the_codebook_page_is_offline_and_in_every_language(folder: Path) -> None:
    page = (folder / "codebook" / "visit.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)
    for text in ("Bekerja?", "Working?", "Buku kode", "Codebook", 'id="lang-en"', "Catatan &#34;1&#34;"):
        assert text in page
    assert ">who<" not in page


def test_a_range_is_told_of_open_numbers_only(folder: Path) -> None:
    frame = pd.read_excel(folder / "codebook" / "visit.xlsx", sheet_name="codebook", dtype=str).set_index(
        ["table", "column"]
    )
    assert frame.loc[("visit", "income"), "maximum"] == "1234567.125"
    assert pd.isna(frame.loc[("visit", "age"), "maximum"])
    assert frame.loc[("visit", "age"), "answered"] == "2"
    codes = pd.read_excel(folder / "codebook" / "visit.xlsx", sheet_name="codes", dtype=str)
    assert codes[codes["column"] == "grade"]["value"].tolist() == ["01", "02"]


def test_the_report_links_the_codebooks_beside_it(copy: Path, folder: Path) -> None:
    report = copy.parent / "report"
    page = (report / "quality.html").read_text(encoding="utf-8")
    links = re.findall(r'href="(codebook/[^"]+)"', page)
    assert links == ["codebook/visit.html"]
    own = (folder / "codebook" / "visit.html").read_text(encoding="utf-8")
    assert (report / links[0]).read_text(encoding="utf-8") == own


@pytest.mark.browser
def test_the_codebook_page_switches_languages(folder: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    page = (folder / "codebook" / "visit.html").as_uri()
    dom = subprocess.run([*command, page], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Bekerja?" in dom


# -- what is refused


def test_the_loader_s_own_file_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="holds direct identifiers"):
        export(copy.with_name("warehouse.duckdb"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_with_a_direct_column_is_refused(copy: Path, tmp_path: Path) -> None:
    leaky = tmp_path / "leaky.duckdb"
    shutil.copyfile(copy, leaky)
    with duckdb.connect(str(leaky)) as connection:
        connection.execute("DROP VIEW clean.v_visit_id")
        connection.execute("DROP VIEW clean.v_visit_en")
        connection.execute("ALTER TABLE clean.visit ADD COLUMN who VARCHAR")
    with pytest.raises(WarehouseError, match=r"visit\.who"):
        export(leaky, tmp_path / "out")


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"formats": ["docx"]}, "no format 'docx'"),
        ({"forms": ["census"]}, "no form 'census'.*choose of visit"),
        ({"wish": Wish(language="fr")}, "no labels in 'fr'; choose of id, en"),
    ],
)
def test_an_unknown_wish_is_one_clear_line(
    copy: Path, tmp_path: Path, wish: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        export(copy, tmp_path, **wish)


def test_twice_gives_the_same_bytes(copy: Path, folder: Path, tmp_path: Path) -> None:
    formats = ["csv", "parquet", "geojson", "ddi", "dta"]
    done = export(copy, tmp_path, formats=formats, wish=Wish(language="en"))
    for file in (one for one in done.files if one.suffix != ".dta"):
        assert file.read_bytes() == (folder / file.relative_to(tmp_path)).read_bytes(), file.name


# -- the command


def test_the_command_writes_what_is_asked_and_remarks_on_stderr(copy: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tracer_etl", "--study", str(copy.parents[1] / "study.toml"), "export"]
    asked = [str(tmp_path), "--format", "csv", "--format", "ddi", "--form", "visit", "--language", "en"]
    done = subprocess.run([*command, *asked], capture_output=True, text=True, check=True)
    assert done.stdout == f"4 files in {tmp_path}\n"
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == [
        "visit.csv",
        "visit.xml",
        "visit__job.csv",
        "visit__selected.csv",
    ]
    wrong = subprocess.run(
        [*command, str(tmp_path), "--language", "fr"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "tracer-etl: visit: no labels in 'fr'; choose of id, en\n",
    )
