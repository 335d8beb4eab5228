"""Planted defects of defaults, choices, names, texts, settings and clients, which neither tool sees."""

from __future__ import annotations

from lint_defect import BILINGUAL, PLACES, SETTINGS, TRACER, WORK, YN, Defect

CONTENT = (
    # -- seen by neither: defaults, appearances, scales
    Defect("default that is no choice", "TL220", ("| ya", "| 1"), """
        type          | name | label  | default
        select_one yn | job  | Kerja? | ya
        """, YN),
    Defect("default the constraint refuses", "TL221", ("| 0 |\n", "| 20 |\n"), """
        type    | name | label | constraint | constraint_message | default
        integer | age  | Umur  | . >= 15    | Mulai 15           | 0
        text    | job  | Kerja |            |                    |
        """),
    Defect("default that is no date", "TL222", ("24/11/2026", "2026-11-24"), """
        type | name | label | default
        date | when | Kapan | 24/11/2026
        """),
    Defect("appearance mistyped", "TL602", ("minimall", "minimal"), """
        type          | name | label  | appearance
        select_one yn | job  | Kerja? | minimall
        """, YN),
    Defect("appearance of another type", "TL603", ("signature", "multiline"), """
        type | name | label | appearance
        text | note1 | Catatan | signature
        """),
    Defect("range whose steps miss its end", "TL230", ("step=3", "step=2"), """
        type  | name | label | parameters
        range | sat  | Puas? | start=0 end=10 step=3
        """),
    Defect("header mistyped", "TL610", ("relevent", "relevant"), """
        type          | name | label  | relevent
        select_one yn | job  | Kerja? |
        text          | what | Apa?   | ${job} = '1'
        """, YN),
    # -- seen by neither: choices
    Defect("filter on a column there is not", "TL308", ("kabupaten = ", "kab = "), """
        type            | name | label | choice_filter
        select_one kab  | k    | Kabupaten |
        select_one desa | d    | Desa  | kabupaten = ${k}
        """, PLACES),
    Defect("filter that leaves nothing for one answer", "TL309", ("| kediri |\n", "| blitar |\n"), """
        type            | name | label | choice_filter
        select_one kab  | k    | Kabupaten |
        select_one desa | d    | Desa  | kab = ${k}
        """, PLACES.replace("blitar\ndesa", "kediri\ndesa") + "desa | wates | Wates | kediri\n"),
    Defect("choice no answer leads to", "TL313", ("| malang |\n", "| kediri |\n"), """
        type            | name | label | choice_filter
        select_one kab  | k    | Kabupaten |
        select_one desa | d    | Desa  | kab = ${k}
        """, PLACES + "desa | lawang | Lawang | malang\n"),
    Defect("list nobody uses", "TL306", ("lama", "yn"), """
        type          | name | label
        select_one yn | job  | Kerja?
        """, YN + "lama | 9 | Lama sekali\n"),
    Defect("two choices with one label", "TL305", ("| Bertani |\n", "| Berkebun |\n"), """
        type             | name | label
        select_one kerja | kind | Kerja?
        """, WORK + "kerja | kebun | Bertani\n"),
    Defect("choices that differ in case only", "TL312", ("Tani", "kebun"), """
        type             | name | label
        select_one kerja | kind | Kerja?
        """, WORK + "kerja | Tani | Kebun\n"),
    Defect("file that is not there", "TL310", ("select_one_from_file desa.csv", "select_one yn"), """
        type                          | name | label
        select_one_from_file desa.csv | d    | Desa
        """, YN),
    Defect("other without a text behind it", "TL307", ("other", "none"), """
        type             | name | label
        select_one kerja | kind | Kerja?
        """, WORK + "kerja | other | Lainnya\n"),
    Defect("long list on one screen", "TL853", ("| columns", "| minimal"), """
        type           | name | label | appearance
        select_one num | n    | Nomor | columns
        """, "list_name | name | label\n" + "".join(f"num | n{i} | No {i}\n" for i in range(40))),
    # -- seen by neither: names
    Defect("name of 90 letters", "TL402", ("x" * 90, "short"), f"""
        type | name | label
        text | {"x" * 90} | Panjang
        """),
    Defect("name that is a word of SQL", "TL401", ("| order ", "| order_no "), """
        type    | name  | label
        integer | order | Urutan
        """),
    Defect("names that differ in case only", "TL403", ("| Job ", "| work "), """
        type | name | label
        text | job  | Kerja
        text | Job  | Pekerjaan
        """),
    Defect("one name in two groups", "TL404", ("| job   | Lagi", "| job_next   | Lagi"), """
        type        | name  | label
        begin_group | first | Satu
        text        | job   | Kerja
        end_group   |       |
        begin_group | next  | Dua
        text        | job   | Lagi
        end_group   |       |
        """),
    Defect("name beyond ASCII", "TL406", ("año", "year"), """
        type    | name | label
        integer | año  | Tahun
        """),
    # -- seen by neither: texts and settings
    Defect("constraint without message", "TL504", ("| . > 0", "| "), """
        type    | name | label | constraint
        integer | age  | Umur  | . > 0
        """),
    Defect("translation missing", "TL501", ("| Kerja | ", "| Kerja | Job"), """
        type    | name | label::Indonesia (id) | label::English (en)
        integer | age  | Umur  | Age
        text    | job  | Kerja |
        """, settings=BILINGUAL),
    Defect("hint without language", "TL502", ("| hint |", "| hint::Indonesia (id) |"), """
        type    | name | label::Indonesia (id) | label::English (en) | hint |
        integer | age  | Umur  | Age | Genap |
        """, settings=BILINGUAL),
    Defect("translation without the reference", "TL508", ("Age of them", "Age of ${who}"), """
        type    | name | label::Indonesia (id) | label::English (en)
        text    | who  | Siapa | Who
        integer | age  | Umur ${who} | Age of them
        """, settings=BILINGUAL),
    Defect("default language no label has", "TL505", ("Bahasa (id)", "Indonesia (id)"), """
        type    | name | label::Indonesia (id) | label::English (en)
        integer | age  | Umur | Age
        """, settings=BILINGUAL.replace("| Indonesia (id)", "| Bahasa (id)")),
    Defect("version missing", "TL701", ("versi |", "version |"), """
        type    | name | label
        integer | age  | Umur
        """, settings=SETTINGS.replace("version", "versi")),
    Defect("form_id with spaces", "TL703", ("uji coba", "uji_coba"), """
        type    | name | label
        integer | age  | Umur
        """, settings=SETTINGS.replace("| uji ", "| uji coba ")),
    # -- seen by neither: clients
    Defect("decimal-date-time() of a date", "TL601", ("(${born})", "(string(${born}))"), """
        type      | name | label | calculation
        date      | born | Lahir |
        calculate | days |       | today() - decimal-date-time(${born})
        """),
    Defect("NaN before the answer", "TL605", ("| ${a} * 2", "| if(${a}='', '', ${a} * 2)"), """
        type      | name | label | calculation
        integer   | a    | Anak  |
        calculate | b    |       | ${a} * 2
        note      | say  | Dua kali: ${b} |
        """),
    Defect("integer beyond nine digits", "TL606", ("9999999999", "999999999"), """
        type    | name | label | constraint | constraint_message
        integer | rev  | Omzet | . <= 9999999999 | Sampai 9,9 miliar
        """),
    Defect("integer that must have ten digits", "TL205", (". > 1000000000", ". > 100000000"), """
        type    | name | label | constraint | constraint_message
        integer | rev  | Omzet | . > 1000000000 | Lebih dari satu miliar
        """),
    Defect("phone number as integer", "TL607", ("integer | phone", "text | phone"), """
        type    | name  | label
        integer | phone | Telepon
        """),
    Defect("field-list around a repeat", "TL608", ("field-list", ""), """
        type         | name | label | appearance
        begin_group  | all  | Semua | field-list
        begin_repeat | anak | Anak  |
        integer      | age  | Umur  |
        end_repeat   |      |       |
        end_group    |      |       |
        """),
    Defect("grid too wide for a phone", "TL612", ("Puas? | label", "Puas? | minimal"), """
        type            | name | label | appearance
        select_one sat5 | q    | Puas? | label
        """, "list_name | name | label\n" + "".join(f"sat5 | {i} | Sangat tidak puas {i}\n" for i in range(5))),
    # -- seen by neither: data protection and phones
    Defect("identity number without privacy class", "TL801", ("| NIK | ", "| NIK | direct"), """
        type | name | label | bind::tracer:privacy
        text | nik  | NIK |
        """, settings=TRACER),
    Defect("place without privacy class", "TL801", ("| Lokasi | ", "| Lokasi | direct"), """
        type     | name | label | bind::tracer:privacy
        geopoint | gps  | Lokasi |
        """, settings=TRACER),
    Defect("open copy of an identifier", "TL803", ("| open | ${name}", "| direct | ${name}"), """
        type      | name  | label | bind::tracer:privacy | calculation
        text      | name  | Nama  | direct               |
        calculate | label1 |      | open | ${name}
        """, settings=TRACER),
    Defect("person in the instance name", "TL804", ("${nama_lengkap})", "${id})"), """
        type | name         | label
        text | nama_lengkap | Nama lengkap
        """, settings=SETTINGS.replace("${id}", "${nama_lengkap}")),
    Defect("photo of any size", "TL851", ("| Foto | ", "| Foto | max-pixels=1280"), """
        type  | name  | label | parameters
        image | photo | Foto |
        """),
    Defect("audit without parameters", "TL852", ("audit | audit | ", "audit | audit | | track-changes=true"), """
        type  | name  | label | parameters
        audit | audit | |
        """),
)  # fmt: skip
