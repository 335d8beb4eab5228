"""Planted defects of logic: what pyxform or ODK Validate refuse, and conditions neither understands."""

from __future__ import annotations

from lint_defect import WORK, YN, Defect

LOGIC = (
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
)  # fmt: skip
