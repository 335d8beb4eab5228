"""A planted defect: a small XLSForm with one mistake, and the edit that mends it."""

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
