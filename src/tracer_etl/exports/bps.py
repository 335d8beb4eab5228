"""The metadata BPS asks for (Peraturan BPS 5/2020): MS-Keg, MS-Var and MS-Ind, filled in as far as the data know.

What only the office knows is left open and says so. The headings follow the regulation's forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.exports.published import Published
    from tracer_etl.warehouse.dictionary import Dictionary, Variable

    Sheet = tuple[str, Sequence[Sequence[object]]]

OFFICE = "(diisi kantor)"
"""Stands where only the office knows."""

VARIABLE = (
    "Nama Variabel",
    "Alias",
    "Konsep",
    "Definisi",
    "Referensi Pemilihan",
    "Referensi Waktu",
    "Tipe Data",
    "Klasifikasi Isian",
    "Aturan Validasi",
    "Kalimat Pertanyaan",
    "Dapat Diakses Umum",
)
INDICATOR = (
    "Nama Indikator",
    "Konsep",
    "Definisi",
    "Interpretasi",
    "Metode/Rumus Penghitungan",
    "Ukuran",
    "Satuan",
    "Klasifikasi Penyajian",
    "Indikator Komposit",
    "Level Estimasi",
    "Dapat Diakses Umum",
)
TYPES = {
    "text": "Teks",
    "integer": "Bilangan bulat",
    "decimal": "Bilangan pecahan",
    "select_one": "Pilihan tunggal",
    "select_multiple": "Pilihan ganda",
    "date": "Tanggal",
    "time": "Waktu",
    "datetime": "Tanggal dan waktu",
    "geopoint": "Titik lokasi",
}
MEASURES = {
    "share": "Persentase",
    "median": "Median",
    "wait": "Median",
    "total": "Jumlah",
    "effect": "Besar efek",
}
"""How a kind of indicator is called; any other is a mean."""

GROUPS = "Pelatihan, tahun, angkatan, dana, kelompok sasaran, jenis kelamin, umur, pendidikan, zona, asal kursi, sertifikat"
"""The groupings of `marts.estimate`, in words."""


def sheets(copy: Published, title: Mapping[str, str]) -> Iterator[Sheet]:
    """Give the three sheets: activity (a row per item), variables (one per question) and indicators (one per number)."""
    forms = copy.forms() if copy.known() else []
    yield "MS-Keg", [("Blok", "Rincian", "Isian"), *_activity(copy, forms, title)]
    yield "MS-Var", [("Formulir", *VARIABLE), *(row for form in forms for row in _variables(form))]
    yield "MS-Ind", [("Kode", *INDICATOR), *_indicators(copy)]


def _activity(
    copy: Published, forms: Sequence[Dictionary], title: Mapping[str, str]
) -> Iterator[tuple[str, str, object]]:
    frame, answered = _counts(copy)
    names = ", ".join(form.form_id for form in forms)
    yield "Identitas", "Judul Kegiatan", title.get("id") or next(iter(title.values()))
    yield "Identitas", "Kode Kegiatan", "(diisi BPS)"
    yield "I. Penyelenggara", "Instansi Penyelenggara", OFFICE
    yield "II. Penanggung Jawab", "Unit Eselon dan Penanggung Jawab Teknis", OFFICE
    yield "III. Perencanaan", "Latar Belakang dan Tujuan", OFFICE
    yield "III. Perencanaan", "Rencana Jadwal", OFFICE
    yield "III. Perencanaan", "Variabel yang Dikumpulkan", "lihat lembar MS-Var"
    yield (
        "IV. Desain Kegiatan",
        "Cara Pengumpulan Data",
        "Sensus peserta: setiap peserta pelatihan adalah kasus",
    )
    yield "IV. Desain Kegiatan", "Sarana Pengumpulan Data", f"Kuesioner elektronik (XLSForm): {names}"
    yield "IV. Desain Kegiatan", "Unit Pengumpulan Data", "Individu (peserta pelatihan)"
    yield "V. Desain Sampel", "Kerangka", f"Registrasi peserta: {frame} orang yang berhak"
    yield "V. Desain Sampel", "Rancangan Sampel", "Tidak ada penarikan sampel"
    yield (
        "VI. Penjaminan Kualitas",
        "Penyesuaian Nonrespon",
        "Kelas kecenderungan menjawab dan raking ke registrasi",
    )
    yield "VI. Penjaminan Kualitas", "Responden", answered
    yield (
        "VII. Pengolahan dan Analisis",
        "Tahapan Pengolahan",
        "Pemeriksaan otomatis atas logika formulir; yang janggal disisihkan untuk pengawas",
    )
    yield "VII. Pengolahan dan Analisis", "Tingkat Penyajian", GROUPS
    yield "VIII. Diseminasi", "Produk", "Laporan web dua bahasa dan lampiran XLSX, angka gabungan saja"
    yield "VIII. Diseminasi", "Rencana Rilis", OFFICE


def _counts(copy: Published) -> tuple[object, object]:
    sql = "select name, value from marts.weight_diagnostic where name in ('frame', 'respondents')"
    found = {name: int(value) for name, value in copy.connection.execute(sql).fetchall()}
    return found.get("frame", OFFICE), found.get("respondents", OFFICE)


def _variables(form: Dictionary) -> Iterator[tuple[str, ...]]:
    for dataset in form.datasets:
        for variable in dataset.variables:
            if not variable.system and variable.paths:
                yield form.form_id, *_variable(form, variable)


def _variable(form: Dictionary, variable: Variable) -> tuple[str, ...]:
    language = form.language("id") if "id" in form.languages.values() else form.default_language
    asked = form.label(variable.labels, language)
    choices = "; ".join(f"{code.value} = {form.label(code.labels, language)}" for code in variable.codes)
    kind = TYPES.get(variable.kind, variable.kind)
    rule = f"ditanyakan bila {variable.asked_when}" if variable.asked_when else ""
    public = "Tidak" if variable.privacy != "open" else "Hanya sebagai angka gabungan"
    return (variable.name, "", asked, asked, OFFICE, "saat wawancara", kind, choices, rule, asked, public)


def _indicators(copy: Published) -> Iterator[tuple[str, ...]]:
    from tracer_etl.report.words import formula

    sql = "select indicator, kind, unit, name_id, numerator, denominator from marts.indicator"
    for code, kind, unit, name, numerator, denominator in copy.connection.execute(sql).fetchall():
        counted, over = formula(numerator)["id"], formula(denominator)["id"]
        yield (
            code,
            name,
            name,
            f"{counted}, dari {over}",
            OFFICE,
            f"{counted} / {over}" if kind == "share" else counted,
            MEASURES.get(kind, "Rata-rata"),
            formula(unit)["id"],
            GROUPS,
            "Tidak",
            "Kabupaten, zona",
            "Ya",
        )
