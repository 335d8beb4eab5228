"""Planted defects: small XLSForms with one mistake each, and the edit that mends it.

The list follows section 1 of the team's study of form clients (55 defects, of which pyxform and ODK Validate
see 17); where that names a family only, the members were chosen anew, and it goes on beyond 55.
"""

from __future__ import annotations

from dataclasses import dataclass

YN = """
list_name | name | label
yn        | 1    | Ya
yn        | 0    | Tidak
"""
WORK = """
list_name | name  | label
kerja     | tani  | Bertani
kerja     | pabrik| Pabrik
kerja     | toko  | Toko
"""
PLACES = """
list_name | name   | label   | kab
kab       | blitar | Blitar  |
kab       | kediri | Kediri  |
desa      | gogodeso | Gogodeso | blitar
desa      | pare     | Pare     | kediri
"""
SETTINGS = """
form_title | form_id | version | instance_name
Uji        | uji     | 2026112401 | concat('uji ', ${id})
"""
TRACER = """
form_title | form_id | version | instance_name | namespaces
Uji        | uji     | 2026112401 | concat('uji ', ${id}) | tracer="urn:tracer-etl:privacy"
"""
BILINGUAL = """
form_title | form_id | version | instance_name | default_language
Uji        | uji     | 2026112401 | concat('uji ', ${id}) | Indonesia (id)
"""


@dataclass(frozen=True)
class Defect:
    """One mistake: the rule that must see it, the form, and what to replace so that the rule is silent."""

    name: str
    rule: str
    mend: tuple[str, str]
    survey: str
    choices: str = ""
    settings: str = SETTINGS

    def workbook(self, mended: bool = False) -> str:
        """Write the form as pyxform's Markdown."""
        sheets = {"survey": _with_id(self.survey), "choices": self.choices, "settings": self.settings}
        text = "\n".join(_sheet(title, table) for title, table in sheets.items() if table.strip())
        if mended:
            assert self.mend[0] in text, self.name
            text = text.replace(*self.mend, 1)
        return text


def _with_id(survey: str) -> str:
    """Add the question the instance name refers to."""
    header, *rows = survey.strip().splitlines()
    cells = {"type": "integer", "name": "id"}
    names = [name.strip() for name in header.split("|")]
    labels = {name: "Nomor" for name in names if name.startswith(("label", "hint"))}
    return "\n".join([header, " | ".join({**labels, **cells}.get(name, "") for name in names), *rows])


def _sheet(title: str, table: str) -> str:
    lines = [line.strip() for line in table.strip().splitlines()]
    return "\n".join([f"| {title} |", *(f"| | {line} |" for line in lines)])


DEFECTS = (
    # -- seen by pyxform or by ODK Validate, but without row or remedy
    Defect("unknown ${name}", "TL102", ("${agee}", "${age}"), """
        type    | name | label | relevant
        integer | age  | Umur  |
        text    | job  | Kerja | ${agee} > 15
        """),
    Defect("brackets do not balance", "TL104", ("((. > 0)", "(. > 0)"), """
        type    | name | label | constraint | constraint_message
        integer | age  | Umur  | ((. > 0)   | Lebih dari 0
        """),
    Defect("== for =", "TL105", ("==", "="), """
        type          | name | label  | relevant
        select_one yn | job  | Kerja? |
        text          | what | Apa?   | ${job} == '1'
        """, YN),
    Defect("AND in capitals", "TL105", (" AND ", " and "), """
        type    | name | label | constraint | constraint_message
        integer | age  | Umur  | . > 0 AND . < 99 | 1 sampai 98
        """),
    Defect("<> for !=", "TL105", ("<>", "!="), """
        type    | name | label | relevant
        integer | age  | Umur  |
        text    | job  | Kerja | ${age} <> 15
        """),
    Defect("unknown function", "TL106", ("length(.)", "string-length(.)"), """
        type | name | label | constraint | constraint_message
        text | job  | Kerja | length(.) < 20 | Terlalu panjang
        """),
    Defect("function in capitals", "TL106", ("If(", "if("), """
        type      | name | label | calculation
        integer   | age  | Umur  |
        calculate | old  |       | If(${age} > 59, 1, 0)
        """),
    Defect("wrong number of arguments", "TL107", ("'ya')", "'ya', 'tidak')"), """
        type      | name | label | calculation
        integer   | age  | Umur  |
        calculate | old  |       | if(${age} > 59, 'ya')
        """),
    Defect("two calculations in a circle", "TL108", ("${b} + 1", "1 + 1"), """
        type      | name | label | calculation
        calculate | a    |       | ${b} + 1
        calculate | b    |       | ${a} + 1
        """),
    Defect("relevant on itself", "TL108", ("${job} = '1'", "${id} = 1"), """
        type          | name | label  | relevant
        select_one yn | job  | Kerja? | ${job} = '1'
        """, YN),
    Defect("choice name twice in a list", "TL302", ("yn | 1 | Juga", "yn | 2 | Juga"), """
        type          | name | label
        select_one yn | job  | Kerja?
        """, YN + "yn | 1 | Juga\n"),
    Defect("list that does not exist", "TL301", ("select_one yna", "select_one yn"), """
        type           | name | label
        select_one yna | job  | Kerja?
        """, YN),
    Defect("space in the name of a choice of many", "TL303", ("ke pasar", "ke_pasar"), """
        type                  | name | label
        select_multiple kerja | jobs | Kerja?
        """, WORK + "kerja | ke pasar | Pasar\n"),
    Defect("name begins with a digit", "TL410", ("2nd_job", "second_job"), """
        type | name    | label
        text | 2nd_job | Kerja kedua
        """),
    Defect("two questions ${x} could mean", "TL109", ("text        | job   | Lagi", "text        | job2   | Lagi"), """
        type        | name  | label | relevant
        begin_group | first | Satu  |
        text        | job   | Kerja |
        end_group   |       |       |
        begin_group | next  | Dua   |
        text        | job   | Lagi  |
        end_group   |       |       |
        text        | why   | Mengapa | ${job} != ''
        """),
    # -- seen by neither; these three break clients while the interview goes on
    Defect("pattern Java refuses", "TL211", ("[0-9{16}", "[0-9]{16}"), """
        type | name | label | constraint | constraint_message
        text | code | Kode  | regex(., '^[0-9{16}$') | 16 angka
        """),
    Defect("repeat counted by a text", "TL224", ("text         | n ", "integer      | n "), """
        type         | name | label | repeat_count | constraint | constraint_message
        text         | n    | Berapa |             | . < 9      | Kurang dari 9
        begin_repeat | anak | Anak  | ${n}         |            |
        integer      | age  | Umur  |              |            |
        end_repeat   |      |       |              |            |
        """),
    Defect("repeat counted without bound", "TL225", (". >= 0", ". <= 15"), """
        type         | name | label | repeat_count | constraint | constraint_message
        integer      | n    | Berapa |             | . >= 0     | Tidak negatif
        begin_repeat | anak | Anak  | ${n}         |            |
        integer      | age  | Umur  |              |            |
        end_repeat   |      |       |              |            |
        """),
    Defect("a day that does not exist", "TL223", ("2026-02-30", "2026-02-28"), """
        type | name | label | constraint | constraint_message
        date | when | Kapan | . <= date('2026-02-30') | Sampai Februari
        """),
    # -- seen by neither: conditions
    Defect("relevant names a choice there is not", "TL201", ("'3'", "'1'"), """
        type          | name | label  | relevant
        select_one yn | job  | Kerja? |
        text          | what | Apa?   | ${job} = '3'
        """, YN),
    Defect("relevant compares with the label", "TL201", ("'Bertani'", "'tani'"), """
        type                  | name | label  | relevant
        select_multiple kerja | jobs | Kerja? |
        text                  | what | Apa?   | selected(${jobs}, 'Bertani')
        """, WORK),
    Defect("relevant names the choice 1 where it is 01", "TL201", ("'1'", "'01'"), """
        type             | name | label  | relevant
        select_one hasil | h    | Hasil? |
        text             | why  | Mengapa? | ${h} = '1'
        """, "list_name | name | label\nhasil | 01 | Selesai\nhasil | 02 | Menolak\n"),
    Defect("constraint names a choice there is not", "TL201", ("'none'", "'toko'"), """
        type                  | name | label  | constraint | constraint_message
        select_multiple kerja | jobs | Kerja? | not(selected(., 'none') and count-selected(.) > 1) | Tidak keduanya
        """, WORK),
    Defect("typographic quotes", "TL103", ("\u20181\u2019", "'1'"), """
        type          | name | label  | relevant
        select_one yn | job  | Kerja? |
        text          | what | Apa?   | ${job} = \u20181\u2019
        """, YN),
    Defect("number compared with a word", "TL202", ("'old'", "60"), """
        type    | name | label | relevant
        integer | age  | Umur  |
        text    | job  | Kerja | ${age} = 'old'
        """),
    Defect("date compared with a text", "TL202", ("'2020-01-01'", "date('2020-01-01')"), """
        type | name | label | constraint | constraint_message
        date | when | Kapan | . > '2020-01-01' | Sesudah 2020
        """),
    Defect("question switched off for good", "TL215", ("false()", "${id} > 5"), """
        type | name | label | relevant
        text | job  | Kerja | false()
        """),
    Defect("relevant that never holds", "TL203", ("and ${age} > 60", "and ${age} > 6"), """
        type    | name | label | relevant
        integer | age  | Umur  |
        text    | job  | Kerja | ${age} < 15 and ${age} > 60
        """),
    Defect("relevant against that of its group", "TL204", ("${job} = '0'", "${job} = '1'"), """
        type          | name | label  | relevant
        select_one yn | job  | Kerja? |
        begin_group   | work | Kerja  | ${job} = '1'
        text          | why  | Mengapa tidak? | ${job} = '0'
        end_group     |      |        |
        """, YN),
    Defect("relevant on an answer that is hidden then", "TL204", ("${job} = '0' and", "${job} = '1' and"), """
        type             | name | label  | relevant
        select_one yn    | job  | Kerja? |
        select_one kerja | kind | Di mana? | ${job} = '1'
        text             | crop | Tanaman? | ${job} = '0' and ${kind} = 'tani'
        """, YN + WORK.replace("list_name | name  | label\n", "")),
    Defect("relevant that always holds", "TL207", ("' or", "' and"), """
        type             | name | label  | relevant
        select_one kerja | kind | Di mana? |
        text             | crop | Lain?  | ${kind} != 'tani' or ${kind} != 'toko'
        """, WORK),
    Defect("relevant that holds while blank", "TL210", ("${job} != '1'", "${job} = '0'"), """
        type          | name | label  | relevant
        select_one yn | job  | Kerja? |
        text          | why  | Mengapa tidak? | ${job} != '1'
        """, YN),
    Defect("constraint nobody meets, on a required question", "TL205", (". < 15 and", ". > 15 and"), """
        type    | name | label | required | constraint | constraint_message
        integer | age  | Umur  | yes      | . < 15 and . > 60 | 15 sampai 60
        """),
    Defect("constraint every answer meets", "TL206", (". > 0 or", ". > 0 and"), """
        type    | name | label | constraint | constraint_message
        integer | age  | Umur  | . > 0 or . < 99 | 1 sampai 98
        """),
    Defect("length nobody meets", "TL205", ("= 16 and", ">= 16 and"), """
        type | name | label | constraint | constraint_message
        text | code | Kode  | string-length(.) = 16 and string-length(.) > 20 | 16 angka
        """),
    Defect("pattern without anchors", "TL212", ("'[0-9]{5}'", "'^[0-9]{5}$'"), """
        type | name | label | constraint | constraint_message
        text | code | Kode pos | regex(., '[0-9]{5}') | 5 angka
        """),
    Defect("= on a select_multiple", "TL209", ("${jobs} = 'tani'", "selected(${jobs}, 'tani')"), """
        type                  | name | label  | relevant
        select_multiple kerja | jobs | Kerja? |
        text                  | crop | Tanaman? | ${jobs} = 'tani'
        """, WORK),
    Defect("required note", "TL208", ("| yes", "| no"), """
        type | name | label | required
        note | hi   | Salam | yes
        """),
    Defect("reference in quotes", "TL111", ("'${job}'", "${job}"), """
        type          | name | label  | relevant
        select_one yn | job  | Kerja? |
        text          | what | Apa?   | '${job}' = '1'
        """, YN),
    Defect("name without ${}", "TL110", ("age > 15", "${age} > 15"), """
        type    | name | label | relevant
        integer | age  | Umur  |
        text    | job  | Kerja | age > 15
        """),
    Defect("question of a repeat read from outside", "TL113", ("${age} > 15", "sum(${age}) > 15"), """
        type         | name | label | relevant
        begin_repeat | anak | Anak  |
        integer      | age  | Umur  |
        end_repeat   |      |       |
        text         | job  | Kerja | ${age} > 15
        """),
    Defect("position(..) outside a repeat", "TL114", ("position(..)", "1"), """
        type        | name | label | calculation
        begin_group | work | Kerja |
        calculate   | no   |       | position(..)
        end_group   |      |       |
        """),
    Defect("random() without once()", "TL226", ("random()", "once(random())"), """
        type      | name | label | calculation
        calculate | lot  |       | random()
        """),
    Defect("jr:choice-name() without quotes", "TL112", (", ${job})", ", '${job}')"), """
        type          | name | label  | calculation
        select_one yn | job  | Kerja? |
        calculate     | word |        | jr:choice-name(${job}, ${job})
        """, YN),
    Defect("text added to a number", "TL228", ("${age} + ' tahun'", "concat(${age}, ' tahun')"), """
        type      | name | label | calculation
        integer   | age  | Umur  |
        calculate | word |       | ${age} + ' tahun'
        """),
    Defect("answer must be given on the day itself", "TL214", (". = today()", ". <= today()"), """
        type | name | label | constraint | constraint_message
        date | when | Kapan | . = today() | Hari ini
        """),
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
