"""The registry once more, as an office would have kept it: five workbooks and a CSV file, each untidy in its own way.

`tracer-etl registry import` makes the very registry of the rehearsal out of them; see test_registry_import.py.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING

from tracer_etl.evidence.constants import DISTRICTS
from tracer_etl.evidence.rehearsal.classes import CLASSES, TrainingClass
from tracer_etl.evidence.rehearsal.people import FEMALE
from tracer_etl.shelf import as_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from tracer_etl.evidence.rehearsal.registry import Alumnus, Enrolment

Seat = tuple["Alumnus", "Enrolment"]

_MONTHS = "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split()
_ROMAN = ("", "I", "II")
_PROGRAMMES = {
    "barista": "Barista",
    "mua": "Tata Rias (MUA)",
    "digimar": "Digital Marketing",
    "konten": "Konten Kreator",
    "barber": "Barbershop",
    "masak": "Masakan Komersial / Masakan Unggas",
    "patiseri": "Patiseri",
    "unggas": "Pengolahan Hasil Unggas",
    "minuman": "Pengolahan Minuman",
    "listrik_rt": "Teknisi Peralatan Listrik Rumah Tangga",
    "ac": "Teknisi AC",
}
_EDU = {"2": "SD", "3": "SMP/MTs", "4": "SMA", "5": "SMK", "6": "D1", "7": "D3", "8": "S1"}
_MARITAL = {"1": "Belum Kawin", "2": "Kawin", "3": "Cerai Hidup", "4": "Cerai Mati"}
_GROUPS = {"t1": "Buruh tani tembakau", "t2": "Buruh pabrik rokok", "t3": "Masyarakat umum"}
_PROOFS = {
    "": "",
    "1": "Suket desa",
    "2": "Surat Perusahaan",
    "3": "Rekomendasi APTI",
    "4": "Surat PHK",
    "5": "BPJS TK",
}
_SEATS = {"open": "Terbuka", "APTI": "APTI", "musrenbang": "Musrenbang"}
_RESULTS = {"1": "K", "2": "BK", "3": "Menunggu", "4": "Tidak ikut"}
_ROUNDED = 9
"""Every ninth NIK of 2024 was typed into a cell of numbers, so its last digits are lost; another list has it whole."""

_HEAD = (
    *("No", "Nama Peserta", "NIK", "Tempat, Tgl Lahir", "L/P", "Alamat", "", "", "No. HP/WA", "Pendidikan"),
    *("Status Kawin", "Disabilitas", "Kategori DBHCHT", "Bukti", "Jalur", "Kehadiran (%)", "Lulus/Tidak"),
    *("Alasan Keluar", "Uji Kompetensi", "", "", "", "LSP"),
)
_UNDER = (
    *("",) * 5,
    *("Jalan/Dusun, RT/RW", "Desa/Kel.", "Kec."),
    *("",) * 10,
    *("Skema", "Hasil", "No. Sertifikat", "Tgl Sertifikat", ""),
)


def write_office_lists(folder: Path, alumni: Sequence[Alumnus], withdrawn: Mapping[str, str]) -> None:
    """Write the lists of an office into a folder; the same people give the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    seats = {place.batch: _seats_of(place, alumni) for place in CLASSES}
    early = [place for place in CLASSES if place.year == 2024]  # noqa: PLR2004 - a year
    by_class = [place for place in early if place.cost > 200_000_000]  # noqa: PLR2004 - IDR: the revised budget paid less
    revised = [place for place in early if place not in by_class]
    books = {
        "Daftar peserta pelatihan 2024.xlsx": _one_sheet_per_class(by_class, seats),
        "Rekap P-APBD 2024.xlsx": _one_sheet_with_sections(revised, seats),
        "Daftar paket.xlsx": _list_of_classes(),
        "Data NIK peserta (perbaikan).xlsx": _corrections(
            [seat for one in early for seat in seats[one.batch]]
        ),
        "Penarikan persetujuan.xlsx": _withdrawals(alumni, withdrawn),
    }
    for name, book in books.items():
        (folder / name).write_bytes(_same_bytes(book))
    late = [seat for place in CLASSES if place not in early for seat in seats[place.batch]]
    (folder / "peserta_dbhcht_2025.csv").write_bytes(_flat(late))


def _seats_of(place: TrainingClass, alumni: Sequence[Alumnus]) -> list[Seat]:
    return [(one, seat) for one in alumni for seat in one.enrolments if seat.place == place]


# -- cells, each person in one of several spellings


def _name(one: Alumnus, number: int) -> str:
    name = one.person.name
    title = "Hj. " if one.person.sex == FEMALE else "H. "
    return (name, name.upper(), f"{name}, S.Pd", f"  {name.lower()} ", f"{title}{name.upper()}, S.E.")[
        number % 5
    ]


def _nik(one: Alumnus, number: int) -> object:
    nik = one.person.nik
    if number % _ROUNDED == 0:
        return float(nik[:15] + "0")
    spelled = (nik, f"'{nik}", f"{nik[:6]} {nik[6:12]} {nik[12:]}", f"{nik[:6]}.{nik[6:12]}.{nik[12:]}")
    return spelled[number % 4]


def _day(day: datetime, number: int) -> object:
    serial = (day - datetime(1899, 12, 30)).days  # noqa: DTZ001 - of a spreadsheet, which knows no zones
    written = f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    return (day, f"{day:%d/%m/%Y}", written, serial, f"Blitar, {day:%d-%m-%Y}", f"{day:%Y-%m-%d}")[number % 6]


def _midnight(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def _phone(one: Alumnus, number: int) -> object:
    phone = one.person.phone
    return (phone, f"+62 {phone[1:]}", f"{phone[:4]}-{phone[4:8]}-{phone[8:]}", int(phone), f"62{phone[1:]}")[
        number % 5
    ]


def _village(one: Alumnus, number: int) -> str:
    name = one.person.village.name
    return (name, f"Ds. {name}", name.upper(), f"Desa {name}")[number % 4]


def _district(one: Alumnus, number: int) -> str:
    name = DISTRICTS[one.person.village.kec]
    return (name, f"Kec. {name}", name.upper())[number % 3]


def _address(one: Alumnus) -> str:
    return f"{one.person.village.name}, RT {int(one.person.nik[-2:]) % 9 + 1:02d}"


def _sheet_row(seat: Seat, number: int) -> list[object]:
    one, taken = seat
    person = one.person
    certified = bool(taken.cert_no)
    return [
        *(number, _name(one, number), _nik(one, number), _day(_midnight(person.birth), number)),
        *(
            ("P" if person.sex == FEMALE else "L"),
            _address(one),
            _village(one, number),
            _district(one, number),
        ),
        *(
            _phone(one, number),
            _EDU[person.edu],
            _MARITAL[person.marital],
            "Ya" if person.disabled else "Tidak",
        ),
        *(_GROUPS[taken.target_group], _PROOFS[taken.proof], _SEATS[taken.seat_source], f"{taken.attended}%"),
        *(("Lulus", "") if taken.completed else ("Tidak", "Mendapat pekerjaan")),
        taken.place.scheme if taken.completed else "",
        *(_RESULTS[taken.cert_result], taken.cert_no, _issued(taken, number) if certified else ""),
        "LSP Rekaan" if taken.completed else "",
    ]


def _issued(taken: Enrolment, number: int) -> object:
    from datetime import timedelta

    return _day(_midnight(taken.place.end + timedelta(days=45)), number + 1)


# -- workbooks


def _one_sheet_per_class(places: Sequence[TrainingClass], seats: Mapping[str, list[Seat]]) -> Workbook:
    """Give titles above, a header of two levels with merged cells, numbers below it, a total and signatures."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for place in places:
        sheet = book.create_sheet(f"{place.program} {_ROMAN[int(place.batch[-1])]}")
        year, number = place.year, _ROMAN[int(place.batch[-1])]
        sheet.append(["DINAS TENAGA KERJA KABUPATEN BLITAR"])
        title = (
            f"DAFTAR PESERTA PELATIHAN {_PROGRAMMES[place.program].upper()} ANGKATAN {number} TAHUN {year}"
        )
        sheet.append([title])
        sheet.append(["Tanggal Pelaksanaan", "", f": {_period(place)}"])
        sheet.append([])
        _table(sheet, 5)
        for row, seat in enumerate(seats[place.batch], 1):
            sheet.append(_sheet_row(seat, row))
        _foot(sheet, len(seats[place.batch]))
    return book


def _period(place: TrainingClass) -> str:
    first, last = place.start, place.end
    return f"{first.day} {_MONTHS[first.month - 1]} s.d. {last.day} {_MONTHS[last.month - 1]} {last.year}"


def _table(sheet: Worksheet, row: int) -> None:
    sheet.append(list(_HEAD))
    sheet.append(list(_UNDER))
    sheet.append(list(range(1, len(_HEAD) + 1)))
    sheet.merge_cells(start_row=row, end_row=row, start_column=6, end_column=8)
    sheet.merge_cells(start_row=row, end_row=row, start_column=19, end_column=22)
    for column, text in enumerate(_HEAD, 1):
        if text and text not in ("Alamat", "Uji Kompetensi"):
            sheet.merge_cells(start_row=row, end_row=row + 1, start_column=column, end_column=column)


def _foot(sheet: Worksheet, count: int) -> None:
    for row in (
        ["Jumlah", f"{count} orang"],
        [],
        ["", "", "", "", "", "", "Blitar, 31 Desember 2024"],
        ["", "Mengetahui,", "", "", "", "", "Pejabat Pelaksana Teknis Kegiatan"],
        ["", "KEPALA DINAS TENAGA KERJA"],
        ["", "Drs. REKAAN BELAKA, M.Si", "", "", "", "", "CONTOH SAJA, S.E."],
        ["", "NIP. 000000000000000000"],
    ):
        sheet.append(row)


def _one_sheet_with_sections(places: Sequence[TrainingClass], seats: Mapping[str, list[Seat]]) -> Workbook:
    """Give one long table in which a row of its own says which class begins, with blank rows and part totals."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Rekap"
    sheet.append(["REKAPITULASI PESERTA PELATIHAN P-APBD TAHUN ANGGARAN 2024"])
    sheet.append([])
    _table(sheet, 3)
    for place in places:
        sheet.append([f"Jenis Pelatihan : {_PROGRAMMES[place.program]} | Angkatan : {place.batch[-1]}"])
        sheet.merge_cells(
            start_row=sheet.max_row, end_row=sheet.max_row, start_column=1, end_column=len(_HEAD)
        )
        for number, seat in enumerate(seats[place.batch], 1):
            sheet.append(_sheet_row(seat, number))
        sheet.append(["Sub Jumlah", len(seats[place.batch])])
        sheet.append([])
    sheet.append(["Total", sum(len(seats[place.batch]) for place in places)])
    return book


def _list_of_classes() -> Workbook:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Paket"
    sheet.append(["DAFTAR PAKET PELATIHAN 2024 - 2025"])
    head = "No|Jenis Pelatihan|Angkatan|Tahun|LPK|Tgl Mulai|Tgl Selesai|Selesai Magang|JP|Sumber Dana|Nilai Paket (Rp)"
    sheet.append(head.split("|"))
    for number, place in enumerate(CLASSES, 1):
        days = [_midnight(day) if day else "" for day in (place.start, place.end, place.internship_end)]
        sheet.append(
            [
                *(
                    number,
                    _PROGRAMMES[place.program],
                    _ROMAN[int(place.batch[-1])],
                    place.year,
                    place.provider,
                ),
                *(_day(day, number) if isinstance(day, datetime) else "-" for day in days),
                *(f"{100 if place.internship_days else 120} JP", place.funding.upper()),
                f"Rp {place.cost:,}".replace(",", ".") if number % 2 else place.cost,
            ]
        )
    return book


def _corrections(seats: Sequence[Seat]) -> Workbook:
    """Give the list somebody made when the lost digits were noticed: it repeats people, without their class."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Perbaikan NIK peserta"])
    sheet.append(["No", "Nama Lengkap", "No. KTP (NIK)", "Tanggal Lahir"])
    for number, one in enumerate({one.alumni_id: one for one, _ in seats}.values(), 1):
        sheet.append([number, one.person.name, one.person.nik, _midnight(one.person.birth)])
    return book


def _withdrawals(alumni: Sequence[Alumnus], withdrawn: Mapping[str, str]) -> Workbook:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Peserta yang menarik persetujuan"])
    sheet.append(["No", "Nama", "NIK", "Tgl menarik diri"])
    for number, one in enumerate((one for one in alumni if one.alumni_id in withdrawn), 1):
        when = datetime.fromisoformat(withdrawn[one.alumni_id]).replace(tzinfo=None)
        sheet.append([number, one.person.name, one.person.nik, when])
    return book


def _same_bytes(book: Workbook) -> bytes:
    """Save a workbook without the time of saving, so that the same rows give the same file."""
    raw, out = io.BytesIO(), io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as saved, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as plain:
        for name in sorted(saved.namelist()):
            content = saved.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-05T08:00:00Z", content)
            plain.writestr(zipfile.ZipInfo(name, (2026, 1, 5, 8, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


# -- CSV


def _flat(seats: Sequence[Seat]) -> bytes:
    """Give the export of 2025: semicolons, Windows' own signs, a row here and there twice."""
    head = (
        "Nama;NIK;TTL;Jenis Kelamin;Alamat;Desa/Kel;Kec;No. HP;Pendidikan Terakhir;Status Perkawinan;Difabel;"
        "Jenis Pelatihan;Angkatan;Tahun;Kategori;Bukti;Jalur;Kehadiran;Kelulusan;Skema;Hasil Uji;No Sertifikat;"
        "Tgl Sertifikat;LSP;Catatan petugas"
    ).split(";")
    rows: list[list[object]] = [[*head], *_flat_rows(seats)]
    lines = as_csv(rows).decode()
    return _with_semicolons(lines).encode("cp1252")


def _with_semicolons(text: str) -> str:
    import csv

    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(csv.reader(io.StringIO(text)))
    return out.getvalue()


def _flat_rows(seats: Sequence[Seat]) -> Iterator[list[object]]:
    for number, (one, taken) in enumerate(seats, 1):
        person, born = one.person, _midnight(one.person.birth)
        row = [
            *(
                _name(one, number),
                f"'{person.nik}",
                f"Blitar, {born.day} {_MONTHS[born.month - 1]} {born.year}",
            ),
            *(("Perempuan" if person.sex == FEMALE else "Laki-laki"), _address(one), _village(one, number)),
            *(_district(one, number), _phone(one, number), _EDU[person.edu], _MARITAL[person.marital]),
            *("ya" if person.disabled else "tidak", _PROGRAMMES[taken.place.program]),
            *(f"Angkatan {taken.place.batch[-1]}", taken.place.year, _GROUPS[taken.target_group].upper()),
            *(_PROOFS[taken.proof], _SEATS[taken.seat_source], taken.attended),
            *("Lulus" if taken.completed else "Tidak lulus", taken.place.scheme, _RESULTS[taken.cert_result]),
            *(taken.cert_no, _issued(taken, number % 3) if taken.cert_no else ""),
            *(
                "LSP Rekaan",
                "caf\u00e9 \u2013 hadir" if number % 20 == 0 else "",
            ),  # what UTF-8 would write otherwise
        ]
        yield row
        if number % 25 == 0:
            yield row
