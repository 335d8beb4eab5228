"""The office's lists to the registry: the rehearsal's own, and single rows of every untidiness."""

from __future__ import annotations

import csv
import io
import re
import shutil
import stat
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from tracer_etl.cli import cli
from tracer_etl.errors import StudyError
from tracer_etl.evidence.lottery import nik_hmac
from tracer_etl.evidence.registry.importing import Office, import_registry
from tracer_etl.evidence.registry.vocabulary import read_vocabulary
from tracer_etl.evidence.rehearsal.chance import Chance
from tracer_etl.evidence.rehearsal.office_lists import write_office_lists
from tracer_etl.evidence.rehearsal.people import REHEARSAL_KEY
from tracer_etl.evidence.rehearsal.registry import make_registry, read_staff, read_villages
from tracer_etl.fieldwork.cases import read_cases
from tracer_etl.sheets import read_grids
from tracer_etl.study import read_study

ROOT = Path(__file__).parents[1]
LISTS, REGISTRY = ROOT / "forms/rehearsal/office_lists", ROOT / "forms/rehearsal/registry"
MEDIA = ROOT / "forms/media"
TODAY = date(2026, 3, 2)
WORDS = read_vocabulary()
KEY = REHEARSAL_KEY.decode()
ANI, BUDI, CITRA = "3505104704999001", "3505171203989002", "3505055501009003"


def office(key=KEY, is_erased=lambda _key: False, words=WORDS):
    return Office(words, MEDIA / "desa.csv", key, TODAY, "Asia/Jakarta", is_erased)


def rows(path: Path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def files(folder: Path):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def imported(folder: Path, *lists: str, **wish):
    """Import CSV texts, each a file, into folder/registry; give the result, persons and enrolments by name."""
    inbox = folder / "lists"
    shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir(parents=True)
    for number, text in enumerate(lists):
        (inbox / f"list{number}.csv").write_text(text, encoding="utf-8")
    out = folder / "registry"
    made = import_registry([inbox], out, office(**wish))
    return made, rows(out / "person.csv"), rows(out / "enrolment.csv")


def listed(folder: Path, sheet: str):
    book = load_workbook(folder / "registry/review.xlsx")
    head, *body = book[sheet].iter_rows(values_only=True)
    return [
        {name: "" if value is None else value for name, value in zip(head, row, strict=True)} for row in body
    ]


def decide(folder: Path, sheet: str, row: int, **cells):
    path = folder / "registry/review.xlsx"
    book = load_workbook(path)
    columns = {cell.value: cell.column for cell in book[sheet][1]}
    for name, value in cells.items():
        book[sheet].cell(row + 2, columns[name], value)
    book.save(path)


# -- the rehearsal's registry, kept as an office would have kept it


@pytest.fixture(scope="module")
def remade(tmp_path_factory):
    out = tmp_path_factory.mktemp("registry")
    ids = [f"{row['alumni_id']},{row['nik_hmac']}" for row in rows(REGISTRY / "person.csv")]
    (out / "person.csv").write_text("alumni_id,nik_hmac\n" + "\n".join(ids) + "\n", encoding="utf-8")
    return import_registry([LISTS], out, office()), out


def test_the_untidy_lists_give_the_registry_of_the_rehearsal_byte_for_byte(remade):
    _, out = remade
    for name in ("person.csv", "enrolment.csv"):
        assert (out / name).read_bytes() == (REGISTRY / name).read_bytes()


def test_the_case_list_is_that_of_the_phones(remade, tmp_path):
    _, out = remade
    text = (ROOT / "study.toml").read_text(encoding="utf-8")
    text = text.replace("forms/media/alumni.csv", str(out / "alumni.csv")).replace(
        'query = "forms/cases/follow_up.sql"', ""
    )
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    cases = read_cases(study := read_study(tmp_path / "study.toml"), study.case_lists[0])
    phones = {row.pop("name"): row for row in rows(MEDIA / "alumni.csv")}
    assert len(cases) == 350
    for key, case in cases.items():
        told = {name: value for name, value in phones[key].items() if name not in ("enumerator", "desa_code")}
        assert case == {"name": key, **told, "enumerator": ""}


def test_every_row_of_the_lists_is_accounted_for(remade):
    made, _ = remade
    assert (made.persons, made.enrolments, made.opted_out, made.open_cases) == (350, 363, 2, 0)
    assert sum(sheet.enrolment for sheet in made.sheets) == 363
    assert all(
        sheet.data == sheet.enrolment + sheet.merged + sheet.review + sheet.rest for sheet in made.sheets
    )
    total_2025 = sum(one.enrolments for one in made.classes if one.year == "2025")
    assert total_2025 == 143


def test_importing_again_changes_nothing(remade, tmp_path):
    _, out = remade
    again = tmp_path / "again"
    shutil.copytree(out, again)
    made = import_registry([*sorted(LISTS.iterdir(), reverse=True)], again, office())
    assert made.new_persons == 0
    assert files(again) == files(out)


def test_without_ids_that_stand_the_same_people_get_ids_that_follow_from_the_key(tmp_path):
    ids = []
    for key in ("a" * 40, "a" * 40, "b" * 40):
        out = tmp_path / str(len(ids))
        import_registry([LISTS / "peserta_dbhcht_2025.csv"], out, office(key))
        ids.append([row["alumni_id"] for row in rows(out / "person.csv")])
    assert ids[0] == ids[1]
    assert not set(ids[1]) & set(ids[2])
    assert all(re.fullmatch(r"A[1-9]\d{6}", one) for one in ids[0])


def test_the_files_are_for_their_owner_only(remade):
    _, out = remade
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_the_lists_in_the_repository_are_those_the_rehearsal_writes(tmp_path):
    chance = Chance(2026)
    alumni = make_registry(chance.of("registry"), read_villages(MEDIA), read_staff(MEDIA))
    withdrawn = {
        row["alumni_id"]: row["opt_out_at"] for row in rows(REGISTRY / "person.csv") if row["opt_out_at"]
    }
    write_office_lists(tmp_path, alumni, withdrawn)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in LISTS.iterdir()}
    for path in tmp_path.iterdir():
        assert list(read_grids(path)) == list(read_grids(LISTS / path.name)), path.name


def test_the_command_prints_no_identity(tmp_path):
    text = (ROOT / "study.toml").read_text(encoding="utf-8")
    text = re.sub(r'"((?:forms|expectations)[^"]*)"', lambda match: f'"{ROOT / match[1]}"', text)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    lists = [LISTS / "peserta_dbhcht_2025.csv", LISTS / "Daftar paket.xlsx"]
    call = ["--study", str(tmp_path / "study.toml"), "registry", "import", *map(str, lists)]
    refused = CliRunner().invoke(cli, call, env={"TRACER_HMAC_KEY": None})
    assert isinstance(refused.exception, StudyError)
    assert "TRACER_HMAC_KEY: is not set" in str(refused.exception)
    said = CliRunner().invoke(cli, call, env={"TRACER_HMAC_KEY": KEY}, catch_exceptions=False)
    assert said.exit_code == 0
    assert "143 enrolments" in said.output
    people = rows(tmp_path / "var/registry/person.csv")
    for person in people:
        for name in ("full_name", "phone_e164", "nik_hmac", "birth_date", "alumni_id"):
            assert person[name] not in said.output
    assert (
        len(people)
        == 143 - sum(row["n_enrolments"] == "2" for row in rows(tmp_path / "var/registry/enrolment.csv")) // 2
    )


# -- single values

HEAD = "Nama;NIK;Tgl Lahir;L/P;Desa;Kec;No. HP;Jenis Pelatihan;Angkatan;Tahun;Kategori\n"


def one(folder, **cells):
    """Import one row; give its person, its enrolment and what the review list says of it."""
    row = {
        "Nama": "Ani Lestari",
        "NIK": ANI,
        "Tgl Lahir": "07/04/1999",
        "L/P": "P",
        "Desa": "Kanigoro",
        "Kec": "Kanigoro",
        "No. HP": "081234567890",
        "Jenis Pelatihan": "Barista",
        "Angkatan": "1",
        "Tahun": "2024",
        "Kategori": "umum",
    } | cells
    _, persons, enrolments = imported(folder, ";".join(row) + "\n" + ";".join(row.values()) + "\n")
    return persons, enrolments, listed(folder, "values")


@pytest.mark.parametrize(
    ("nik", "reason"),
    [
        ("3.50510E+15", "power of ten"),
        ("3505104704999000", "ends in 000"),
        ("350510470499900", "15 digits"),
        ("35051047049990011", "17 digits"),
        ("3505107913999001", "no birth date"),
        ("3505104704990000", "000"),
        ("350510470499O001", "other signs"),
    ],
)
def test_a_nik_that_cannot_be_one_is_refused_and_masked(tmp_path, nik, reason):
    persons, enrolments, values = one(tmp_path, NIK=nik)
    assert [row["nik_hmac"] for row in persons] == [""]
    assert len(enrolments) == 1
    (value,) = [value for value in values if value["column"] == "NIK"]
    assert (value["kind"], value["row"]) == ("refused", 2)
    assert reason in value["reason"]
    assert value["value"] == "*" * (len(nik) - 2) + nik[-2:]


@pytest.mark.parametrize(
    "spelled", [ANI, f"'{ANI}", "350510 470499 9001", "350510.470499.9001", "3505-1047-0499-9001"]
)
def test_a_nik_is_kept_as_hmac_and_last_four_digits(tmp_path, spelled):
    persons, _, values = one(tmp_path, NIK=spelled)
    assert persons[0]["nik_hmac"] == nik_hmac(ANI, KEY)
    assert persons[0]["nik_last4"] == "9001"
    assert values == []
    assert not any(ANI.encode() in content for content in files(tmp_path / "registry").values())


def test_a_nik_in_a_cell_of_numbers_is_trusted_only_if_its_last_digit_is_there(tmp_path):
    book = Workbook()
    for row in (
        ["Nama", "NIK", "Pelatihan", "Tahun"],
        ["Ani Lestari", int(ANI), "Barista", 2024],
        ["Budi Utomo", 3505171203989000 + 10, "Barista", 2024],
    ):
        book.active.append(row)
    (tmp_path / "lists").mkdir()
    book.save(tmp_path / "lists/numbers.xlsx")
    import_registry([tmp_path / "lists"], tmp_path / "registry", office())
    persons = {row["full_name"]: row["nik_last4"] for row in rows(tmp_path / "registry/person.csv")}
    assert persons == {"Ani Lestari": "9001", "Budi Utomo": ""}


def test_a_whole_column_ending_in_zero_was_rounded_before_it_became_text(tmp_path):
    people = [f"Orang {chr(65 + n)}{chr(97 + n)};35051712039{n}{n}110;Barista;2024" for n in range(1, 6)]
    people = [line.replace("35051712039", "35051712039") for line in people]
    _, persons, _ = imported(tmp_path, "Nama;NIK;Pelatihan;Tahun\n" + "\n".join(people) + "\n")
    assert [row["nik_hmac"] for row in persons] == [""] * 5
    assert {value["reason"] for value in listed(tmp_path, "values")} == {
        "every NIK of the sheet ends in 0: a spreadsheet rounded them"
    }


def test_a_nik_that_disagrees_is_kept_and_listed(tmp_path):
    persons, _, values = one(
        tmp_path, **{"Tgl Lahir": "08/04/1999", "L/P": "L", "NIK": ANI.replace("3505", "3506")}
    )
    assert persons[0]["nik_hmac"]
    assert persons[0]["birth_date"] == "1999-04-08"
    assert sorted(value["reason"] for value in values) == [
        "does not agree with the birth date of the list",
        "does not agree with the sex of the list",
        "is of another regency than Blitar",
    ]


def test_a_nik_fills_in_birth_date_and_sex(tmp_path):
    persons, _, _ = one(tmp_path, **{"Tgl Lahir": "", "L/P": ""})
    assert (persons[0]["birth_date"], persons[0]["sex"]) == ("1999-04-07", "2")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("7/4/99", "1999-04-07"),
        ("07-04-1999", "1999-04-07"),
        ("7 April 1999", "1999-04-07"),
        ("Blitar, 7 Apr 1999", "1999-04-07"),
        ("36257", "1999-04-07"),
        ("1999-04-07 00:00:00", "1999-04-07"),
        ("Rabu, 7 April 1999", "1999-04-07"),
    ],
)
def test_dates_of_birth_in_every_spelling(tmp_path, said, read):
    persons, _, values = one(tmp_path, NIK="", **{"Tgl Lahir": said})
    assert persons[0]["birth_date"] == read
    assert values == []


@pytest.mark.parametrize("said", ["Apr-99", "31/02/1999", "kemarin", "7/4/2025"])
def test_a_birth_date_that_is_none_is_listed(tmp_path, said):
    persons, enrolments, values = one(tmp_path, NIK="", **{"Tgl Lahir": said})
    assert persons[0]["birth_date"] == ""
    assert len(enrolments) == 1
    assert [(value["kind"], value["column"]) for value in values] == [("refused", "Tgl Lahir")]
    assert said not in {value["value"] for value in values}


def test_months_and_periods_of_a_class(tmp_path):
    text = (
        "Nama;NIK;Pelatihan;Tgl Mulai;Tgl Selesai\n"
        f"Ani Lestari;{ANI};Barista;Mar-24;Apr-24\n"
        f"Budi Utomo;{BUDI};Barista;03/25/2024;30 April 2024\n"
    )
    _, _, enrolments = imported(tmp_path, text)
    dates = {row["training_start"]: row["training_end"] for row in enrolments}
    assert dates == {"2024-03-01": "2024-04-30", "2024-03-25": "2024-04-30"}
    assert sorted(value["reason"] for value in listed(tmp_path, "values")) == [
        "only the month is given: its first day is taken",
        "only the month is given: its last day is taken",
        "read with the month first",
    ]


@pytest.mark.parametrize(
    ("said", "first", "second"),
    [
        ("0812 3456 7890", "+6281234567890", ""),
        ("81234567890", "+6281234567890", ""),
        ("(+62) 812-3456-7890", "+6281234567890", ""),
        ("6281234567890 / 085711112222", "+6281234567890", "+6285711112222"),
        ("0342-801234", "", "+62342801234"),
    ],
)
def test_phones_in_every_spelling(tmp_path, said, first, second):
    persons, _, _ = one(tmp_path, **{"No. HP": said})
    assert (persons[0]["phone_e164"], persons[0]["phone_alt"]) == (first, second)


@pytest.mark.parametrize(
    ("desa", "kec", "code"),
    [
        ("Kel. KANIGORO", "kec. kanigoro", "350510"),
        ("Soemberdjo", "Sanankulon", "3505072"),
        ("Sumber", "Sanankulon", "3505072"),
        ("Satreyann", "Kanigoro", "350510"),
        ("Tempat Lain", "Kanigoro", ""),
    ],
)
def test_villages_in_every_spelling(tmp_path, desa, kec, code):
    persons, _, _ = one(tmp_path, Desa=desa, Kec=kec)
    found = persons[0]["desa_code"]
    assert found.startswith(code)
    assert bool(found) == bool(code)
    names = {row["name"]: row["label"] for row in rows(MEDIA / "desa.csv")}
    expected = {"Soemberdjo": "Sumberjo", "Sumber": "Sumber", "Satreyann": "Satreyan"}
    assert desa not in expected or names[found] == expected[desa]


def test_a_village_nobody_knows_can_be_decided(tmp_path):
    one(tmp_path, Desa="Tempat Lain")
    (value,) = listed(tmp_path, "values")
    assert value["value"] == "Tempat Lain"
    decide(tmp_path, "values", 0, decision="3505102001")
    persons, _, values = one(tmp_path, Desa="Tempat Lain")
    assert persons[0]["desa_code"] == "3505102001"
    assert values == []
    persons, _, _ = one(tmp_path, Desa="tempat lain")  # the review list is gone over: decisions.csv remembers
    assert persons[0]["desa_code"] == "3505102001"


# -- sheets


def test_sections_titles_totals_and_signatures_are_no_people(tmp_path):
    text = (
        "DAFTAR PESERTA PELATIHAN TAHUN 2024;;;\n;;;\nNo;Nama;NIK;Desa\n1;2;3;4\n"
        "Kecamatan: Wlingi;;;\nPelatihan Barista;;;\n"
        f"1;Ani Lestari;{ANI};Wlingi\n"
        "MUA;;;\nKecamatan : Bakung;;;\n"
        f"1;Citra Dewi;{CITRA};Bakung\n"
        "Jumlah;2;;\n;;;\nBlitar, 3 Mei 2024;;;\n;Mengetahui;;Kepala Dinas\n;Drs. Contoh;;Ir. Contoh Juga\n"
    )
    made, persons, enrolments = imported(tmp_path, text)
    assert {row["full_name"]: row["kec_code"] for row in persons} == {
        "Ani Lestari": "350517",
        "Citra Dewi": "350505",
    }
    assert {row["program_code"] for row in enrolments} == {"barista", "mua"}
    (sheet,) = made.sheets
    assert (sheet.rows, sheet.data, sheet.review) == (15, 2, 0)


def saved(folder: Path, lines, merged=()):
    book = Workbook()
    for line in lines:
        book.active.append(line)
    for area in merged:
        book.active.merge_cells(area)
    (folder / "lists").mkdir(exist_ok=True)
    book.save(folder / "lists/book.xlsx")
    return import_registry([folder / "lists"], folder / "registry", office())


def test_cells_merged_down_the_rows_count_for_each_of_them(tmp_path):
    lines = [
        ["Kec", "Nama", "NIK", "Pelatihan", "Tahun"],
        ["Wlingi", "Ani Lestari", ANI, "Barista", 2024],
        [None, "Budi Utomo", BUDI, None, 2024],
        ["Bakung", "Citra Dewi", CITRA, "MUA", 2024],
    ]
    saved(tmp_path, lines, ["A2:A3", "D2:D3"])
    told = {row["full_name"]: row["kec_code"] for row in rows(tmp_path / "registry/person.csv")}
    assert told == {"Ani Lestari": "350517", "Budi Utomo": "350517", "Citra Dewi": "350505"}
    batches = sorted(row["batch"] for row in rows(tmp_path / "registry/enrolment.csv"))
    assert batches == ["barista-2024-1", "barista-2024-1", "mua-2024-1"]


def test_a_formula_nobody_has_computed_is_seen(tmp_path):
    saved(tmp_path, [["Nama", "NIK", "Pelatihan", "Tahun"], ["Ani Lestari", ANI, "Barista", "=2000+24"]])
    reasons = [value["reason"] for value in listed(tmp_path, "values")]
    assert "is a formula without a result" in reasons
    assert rows(tmp_path / "registry/enrolment.csv") == []


def test_a_header_of_two_levels_survives_the_export_to_csv(tmp_path):
    text = (
        "Nama;Identitas;;Pelatihan;;Alamat;\n;NIK;Tgl Lahir;Jenis;Tahun;Desa;Kec\n"
        f"Ani Lestari;{ANI};07/04/1999;Barista;2024;Kanigoro;Kanigoro\n"
    )
    _, persons, enrolments = imported(tmp_path, text)
    assert (persons[0]["birth_date"], persons[0]["kec_code"]) == ("1999-04-07", "350510")
    assert enrolments[0]["batch"] == "barista-2024-1"


def test_a_total_that_has_a_nik_is_a_person_and_a_lone_name_is_listed(tmp_path):
    text = (
        f"Nama;NIK;Pelatihan;Tahun\nJumlah;{ANI};Barista;2024\nSiti Rahayu;;;\nKeterangan: sah;;;\n"
        f"Budi Utomo;;Barista;2024\nJumlah;2;;\n"
    )
    _, persons, _ = imported(tmp_path, text)
    assert {row["full_name"] for row in persons} == {"Jumlah", "Budi Utomo"}
    (value,) = listed(tmp_path, "values")
    assert (value["row"], value["value"]) == (3, "*********yu")


def test_a_decision_for_a_value_must_be_a_code(tmp_path):
    one(tmp_path, Desa="Tempat Lain")
    decide(tmp_path, "values", 0, decision="Sana")
    persons, _, values = one(tmp_path, Desa="Tempat Lain")
    assert persons[0]["desa_code"] == ""
    assert values[0]["reason"] == "is decided as Sana, which is no village"
    one(tmp_path, **{"Jenis Pelatihan": "Terbang"})
    where = next(
        n for n, value in enumerate(listed(tmp_path, "values")) if value["key"].startswith("program|")
    )
    decide(tmp_path, "values", where, decision="las")
    _, enrolments, _ = one(tmp_path, **{"Jenis Pelatihan": "Terbang"})
    assert [row["batch"] for row in enrolments if "las" in row["batch"]] == ["las-2024-1"]


def test_a_sheet_without_a_header_and_a_column_nobody_knows_are_said(tmp_path):
    made, _, _ = imported(
        tmp_path, "Rapat;besok\n1;2\n", f"Nama;NIK;Program;Tahun;Hobi\nAni;{ANI};Barista;2024;catur\n"
    )
    assert "list0.csv : no row there is a header" in made.remarks[0]
    assert "the column 'Hobi' is not used" in made.remarks[1]


def test_a_mapping_file_adds_headers_codes_and_what_a_file_does_not_say(tmp_path):
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        '[headers]\nfull_name = ["Panggilan Resmi"]\n[codes.program]\nlas = ["Juru Las SMAW"]\n'
        '[[source]]\nfile = "list0.csv"\nbudget_year = 2024\n',
        encoding="utf-8",
    )
    text = f"Panggilan Resmi;NIK;Pelatihan\nAni;{ANI};juru las smaw\n"
    _, persons, enrolments = imported(tmp_path, text, words=read_vocabulary(mapping))
    assert persons[0]["full_name"] == "Ani"
    assert enrolments[0]["batch"] == "las-2024-1"
    mapping.write_text('[headers]\nnama = ["x"]\n', encoding="utf-8")
    with pytest.raises(StudyError, match="unknown field 'nama'"):
        read_vocabulary(mapping)


def test_a_row_without_name_or_class_is_set_aside(tmp_path):
    text = f"{HEAD};;;;Kanigoro;Kanigoro;;Barista;1;2024;umum\nAni;{ANI};;;;;;Terbang;1;2024;\nBudi;{BUDI};;;;;;;;;\n"
    made, persons, _ = imported(tmp_path, text)
    assert persons == []
    assert made.sheets[0].review == 3
    whole = [value["reason"] for value in listed(tmp_path, "values") if value["kind"] == "missing"]
    assert whole == ["has neither a name nor a NIK", *["programme or year of the class is not known"] * 2]


# -- who is the same person


def class_row(name, nik="", born="", phone="", batch="1", year="2024", village="Kanigoro;Kanigoro"):
    return f"{name};{nik};{born};;{village};{phone};Barista;{batch};{year};umum\n"


@pytest.mark.parametrize(
    ("first", "second", "people", "open_cases"),
    [
        (("Ani Lestari", ANI), ("ANI LESTARI, S.Pd", ANI), 1, 0),
        (("Ani Lestari", ANI), ("Ani Lestary", ANI), 1, 0),
        (("Ani Lestari", ANI, "07/04/1999"), ("Ani Lestari", "", "7 April 1999"), 1, 0),
        (
            ("Ani Lestari", ANI, "07/04/1999"),
            ("Ani Lestari", ANI.replace("9001", "9007"), "07/04/1999"),
            2,
            1,
        ),
        (("Ani Lestari", "", "", "081234567890"), ("Ani Lestari", "", "", "6281234567890"), 1, 0),
        (("Ani Lestari", "", "", "081234567890"), ("Any Lestarie", "", "", "6281234567890"), 2, 1),
        (("Ani Lestari", "", "", "081234567890"), ("Budi Utomo", "", "", "081234567890"), 2, 0),
        (("Ani Lestari", "", "07/04/1999"), ("Ani Lestary", "", "07/04/1999"), 2, 1),
        (("Ani Lestari", "", "07/04/1999"), ("Ani Lestari", "", "08/04/1999"), 2, 0),
    ],
)
def test_who_is_the_same_is_decided_by_rule_or_left_open(tmp_path, first, second, people, open_cases):
    text = HEAD + class_row(*first) + class_row(*second, batch="2", year="2025")
    made, persons, enrolments = imported(tmp_path, text)
    assert (len(persons), made.open_cases, len(enrolments)) == (people, open_cases, 2)
    again, _, _ = imported(tmp_path, text)
    assert (again.persons, again.new_persons, again.open_cases) == (people, 0, open_cases)


TWO = (
    HEAD
    + class_row("Ani Lestari", "", "", "081234567890")
    + class_row("Any Lestarie", "", "", "081234567890", "2")
)


def test_the_office_says_same_and_which_row_to_keep(tmp_path):
    _, before, _ = imported(tmp_path, TWO)
    (pair,) = listed(tmp_path, "duplicates")
    assert (pair["state"], pair["proposal"], pair["agree"]) == (
        "open",
        "same",
        "phone_e164, kec_code, desa_code",
    )
    keep = "1" if "row 3" in pair["first"] else "2"
    decide(tmp_path, "duplicates", 0, decision="same", keep=keep)
    made, persons, enrolments = imported(tmp_path, TWO)
    assert [row["full_name"] for row in persons] == ["Any Lestarie"]
    assert {row["n_enrolments"] for row in enrolments} == {"2"}
    assert made.open_cases == 0
    (replaced,) = rows(tmp_path / "registry/replaced_ids.csv")
    assert {replaced["alumni_id"], replaced["now"]} == {row["alumni_id"] for row in before}
    stands = files(tmp_path / "registry")
    imported(tmp_path, TWO)
    assert files(tmp_path / "registry") == stands


def test_the_office_says_different_and_is_not_asked_again(tmp_path):
    imported(tmp_path, TWO)
    decide(tmp_path, "duplicates", 0, decision="different")
    made, persons, _ = imported(tmp_path, TWO)
    assert (len(persons), made.open_cases) == (2, 0)
    assert [pair["state"] for pair in listed(tmp_path, "duplicates")] == ["different"]


def test_a_decision_that_is_none_is_refused(tmp_path):
    imported(tmp_path, TWO)
    decide(tmp_path, "duplicates", 0, decision="perhaps")
    with pytest.raises(StudyError, match="is decided as 'perhaps'; write same or different"):
        imported(tmp_path, TWO)


def test_one_nik_of_two_people_keeps_the_second_out_until_decided(tmp_path):
    text = HEAD + class_row("Ani Lestari", ANI) + class_row("Budi Utomo", ANI)
    made, persons, _ = imported(tmp_path, text)
    assert (len(persons), made.sheets[0].review, made.open_cases) == (1, 1, 1)
    assert "another person with quite another name has this NIK" in {
        v["reason"] for v in listed(tmp_path, "values")
    }
    decide(tmp_path, "duplicates", 0, decision="different")
    _, persons, enrolments = imported(tmp_path, text)
    assert len(enrolments) == 2
    assert sorted(bool(row["nik_hmac"]) for row in persons) == [False, True]


def test_rows_of_one_class_that_differ_are_listed_and_the_first_is_kept(tmp_path):
    text = HEAD + class_row("Ani Lestari", ANI) + class_row("Ani Lestari", ANI).replace("umum", "buruh tani")
    made, _, enrolments = imported(tmp_path, text)
    assert [row["target_group"] for row in enrolments] == ["t3"]
    assert (made.sheets[0].enrolment, made.sheets[0].merged) == (1, 1)
    conflict, unproved = listed(tmp_path, "values")
    assert (conflict["kind"], conflict["row"], conflict["value"]) == ("conflict", 3, "t1")
    assert (unproved["kind"], unproved["row"], unproved["reason"]) == ("warning", 3, "is t1 without a proof")


# -- what the columns owe one another (specification 1.7)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"Mulai": "2024-05-06", "Selesai": "2024-05-05"}, "the training ends before it begins"),
        ({"Mulai": "2024-05-06", "Selesai": "2024-05-06"}, ""),
        (
            {"Selesai": "2024-05-20", "Selesai magang": "2024-05-19"},
            "the internship ends before the training",
        ),
        ({"Selesai": "2026-01-01"}, "ends outside 2024-01-01 to 2025-12-31, the years of the study"),
        ({"Selesai": "2025-12-31"}, ""),
        ({"Nilai paket": "0"}, "a package costs more than 0"),
        ({"Lulus": "ya", "Kehadiran": "79"}, "completed, but attended less than 80 %"),
        ({"Lulus": "ya", "Kehadiran": "80"}, ""),
        ({"Kehadiran": "79"}, ""),
        (
            {"Hasil uji": "BK", "No sertifikat": "1"},
            "has the number of a certificate, but is not said to be competent",
        ),
        ({"Hasil uji": "K", "No sertifikat": "1"}, ""),
        ({"Kategori": "t2"}, "is t2 without a proof"),
        ({"Kategori": "t2", "Bukti": "surat desa"}, ""),
        ({"Desa": "3505102001", "Kec": "Wlingi"}, "is no village of the list"),
    ],
)
def test_what_the_columns_owe_one_another_is_listed_and_the_row_is_kept(tmp_path, cells, reason):
    _, enrolments, values = one(tmp_path, **cells)
    assert len(enrolments) == 1
    assert [value["reason"] for value in values] == ([reason] if reason else [])


def test_what_is_wrong_with_a_class_is_said_once_and_the_years_are_the_offices(tmp_path):
    people = [("Ani Lestari", ANI), ("Budi Hartono", BUDI)]
    text = HEAD.replace("\n", ";Selesai\n") + "".join(
        class_row(*one).replace("\n", ";2023-12-31\n") for one in people
    )
    imported(tmp_path, text)
    assert [(value["column"], value["row"]) for value in listed(tmp_path, "values")] == [("training_end", 2)]
    mapping = tmp_path / "office.toml"
    mapping.write_text("[frame]\ntraining_end = [2023-01-01, 2025-12-31]\n", encoding="utf-8")
    imported(tmp_path / "wider", text, words=read_vocabulary(mapping))
    assert listed(tmp_path / "wider", "values") == []
    mapping.write_text("[frame]\ntraining_end = [2025-12-31]\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"\[frame\] training_end: is no first and last day; write two days"):
        read_vocabulary(mapping)


def test_an_id_has_six_digits_without_a_meaning_and_luhns(tmp_path):
    _, persons, _ = imported(tmp_path, HEAD + class_row("Ani Lestari", ANI))
    (key,) = [row["alumni_id"] for row in persons]
    assert re.fullmatch(r"A\d{7}", key)
    digits = [int(one) for one in key[:0:-1]]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)]
    assert sum(doubled) % 10 == 0  # ISO/IEC 7812-1, from the right
    assert not set(re.findall(r"\d{4}", ANI)) & set(re.findall(r"\d{4}", key))


# -- what stands


def test_who_is_in_no_list_any_more_stays_and_a_correction_keeps_the_id(tmp_path):
    _, before, _ = imported(tmp_path, HEAD + class_row("Ani Lestari", ANI) + class_row("Budi Utomo", BUDI))
    corrected = HEAD + class_row("Ani Lestary", ANI, phone="081234567890")
    made, after, enrolments = imported(tmp_path, corrected)
    assert [row["alumni_id"] for row in after] == [row["alumni_id"] for row in before]
    assert {row["full_name"] for row in after} == {"Ani Lestary", "Budi Utomo"}
    assert (len(enrolments), made.new_persons) == (2, 0)


def test_an_opt_out_stays_whatever_later_lists_say(tmp_path):
    people = HEAD + class_row("Ani Lestari", ANI)
    _, persons, _ = imported(
        tmp_path, people, f"Nama;NIK;Tgl menarik diri\nAni;{ANI};12/02/2026\nBudi;{BUDI};ya\n"
    )
    assert [row["opt_out_at"] for row in persons] == ["2026-02-12T00:00:00+07:00"]
    assert "withdraws, but is in no list of participants" in {v["reason"] for v in listed(tmp_path, "values")}
    _, persons, _ = imported(tmp_path, people)
    assert [row["opt_out_at"] for row in persons] == ["2026-02-12T00:00:00+07:00"]


def test_what_two_rows_tell_together_joins_a_third_at_once(tmp_path):
    """A birth date without a name and a name without one, both with one NIK: the namesake born that day is no second person."""
    rows_of = [
        "Ani Lestari;;07/04/1999;;Kanigoro;;;Barista;1;2024;umum\n",
        f";{BUDI};07/04/1999;;Kanigoro;;;Barista;1;2024;umum\n",
        f"Ani Lestari;{BUDI};;;Kanigoro;;;Barista;1;2024;umum\n",
    ]
    _, persons, _ = imported(tmp_path, HEAD + "".join(rows_of))
    assert len(persons) == 1
    stands = files(tmp_path / "registry")
    imported(tmp_path, HEAD + "".join(rows_of))
    assert files(tmp_path / "registry") == stands


def test_who_was_erased_does_not_come_back(tmp_path):
    people = HEAD + class_row("Ani Lestari", ANI)
    _, persons, _ = imported(tmp_path, people)
    gone = persons[0]["alumni_id"]
    _, persons, enrolments = imported(tmp_path, people, is_erased=lambda key: key == gone)
    assert (persons, enrolments) == ([], [])
    made, persons, _ = imported(
        tmp_path, HEAD + class_row("Ani Lestary", ANI) + class_row("Ani Lestari", ANI)
    )
    assert persons == []
    assert made.sheets[0].rest == 2


@pytest.mark.parametrize("name", ["notes.docx", "broken.xlsx"])
def test_a_file_that_is_no_list_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"no workbook")
    with pytest.raises(StudyError, match=name):
        import_registry([path], tmp_path / "registry", office())


# -- every row is somewhere

NAMES = st.sampled_from(
    ["Ani Lestari", "ANI LESTARI", "Any Lestarie", "Budi Utomo", "Citra", "", "-", "12", "Jumlah"]
)
NIKS = st.sampled_from([ANI, BUDI, CITRA, "", "3.5E+15", "123", f"'{ANI}"])
BORN = st.sampled_from(["", "07/04/1999", "12 Maret 1998", "Apr-99", "?"])
PHONES = st.sampled_from(["", "081234567890", "0342801234", "x"])
COURSES = st.sampled_from(["Barista;1;2024", "mua;;2025", ";;", "Terbang;1;2024", "Barista;1;"])
ROW = st.tuples(NAMES, NIKS, BORN, PHONES, COURSES).map(
    lambda row: f"{row[0]};{row[1]};{row[2]};;Kanigoro;;{row[3]};{row[4]};umum\n"
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=12), st.lists(ROW, max_size=6))
def test_every_row_is_an_enrolment_merged_or_in_the_review_list(tmp_path, first, second):
    shutil.rmtree(tmp_path / "registry", ignore_errors=True)
    lists = [HEAD + "".join(first), HEAD + "".join(second)]
    made, persons, enrolments = imported(tmp_path, *lists)
    told = listed(tmp_path, "rows")
    filled = [line for text in lists for line in text.splitlines() if line.strip(";")]
    assert len(told) == len(filled)
    data = [row for row in told if row["kind"] == "data"]
    assert all(row["outcome"] in ("enrolment", "merged", "review") for row in data)
    assert sum(row["outcome"] == "enrolment" for row in data) == len(enrolments)
    assert sum(sheet.data for sheet in made.sheets) == len(data)
    set_aside = {(v["file"], v["row"]) for v in listed(tmp_path, "values") if v["kind"] == "missing"}
    assert {(row["file"], row["row"]) for row in data if row["outcome"] == "review"} == set_aside
    known = {row["alumni_id"] for row in persons}
    assert {row["alumni_id"] for row in data if row["alumni_id"]} == {row["alumni_id"] for row in enrolments}
    assert {row["alumni_id"] for row in enrolments} <= known
    hashes = [row["nik_hmac"] for row in persons if row["nik_hmac"]]
    assert len(hashes) == len(set(hashes))
    stands = files(tmp_path / "registry")
    imported(tmp_path, *lists)
    assert files(tmp_path / "registry") == stands
