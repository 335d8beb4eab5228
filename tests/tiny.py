"""Studies as real files: one of one small form, and the one of this repository with results elsewhere."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]

FORM = """
| survey  |                      |          |              |          |
|         | type                 | name     | label        | required |
|         | text                 | farmer   | Farmer       | yes      |
|         | integer              | cows     | Cows         |          |
|         | select_multiple feed | fodder   | Fodder       |          |
|         | begin repeat         | plot     | Plot         |          |
|         | decimal              | hectares | Size (ha)    |          |
|         | end repeat           |          |              |          |
| choices |                      |          |              |          |
|         | list_name            | name     | label        |          |
|         | feed                 | grass    | Grass        |          |
|         | feed                 | maize    | Maize        |          |
| settings |                     |          |              |          |
|         | form_id              | version  | form_title   |          |
|         | tiny                 | 1        | Tiny         |          |
"""

STUDY = """
[study]
name = "tiny"
timezone = "Asia/Jakarta"
media = "."

[study.title]
id = "Kecil"
en = "Tiny"

[server]
kind = "folder"
path = "inbox"

[storage]
landing = "var/landing"
staging = "var/staging"
warehouse = "var/warehouse.duckdb"
published = "var/tracer.duckdb"
report = "var/report"

[[forms]]
id = "tiny"
workbook = "tiny.md"
"""

ANSWERS = (
    "<farmer>Siti</farmer><cows>2</cows><fodder>grass maize</fodder><plot><hectares>0.5</hectares></plot>"
)


def submission(number: int, answers: str = ANSWERS, version: str = "1") -> str:
    """Give the XML a phone would send."""
    return (
        f'<tiny id="tiny" version="{version}">{answers}'
        f"<meta><instanceID>uuid:00000000-0000-4000-8000-{number:012d}</instanceID></meta></tiny>"
    )


def receive(root: Path, number: int, xml: str) -> None:
    """Put one submission into the inbox, as Briefcase lays it out."""
    folder = root / "inbox" / "instances" / f"uuid{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "submission.xml").write_text(xml, encoding="utf-8")


def tiny_study(root: Path) -> Path:
    """Write the study with two submissions and return its study.toml."""
    (root / "tiny.md").write_text(FORM, encoding="utf-8")
    (root / "study.toml").write_text(STUDY, encoding="utf-8")
    (root / "expectations").mkdir()
    for number in (1, 2):
        receive(root, number, submission(number))
    return root / "study.toml"


def whole_study(root: Path) -> Path:
    """Write the study of this repository anew, its results going to `root`."""
    text = (ROOT / "study.toml").read_text(encoding="utf-8")
    for place in ("forms/", "expectations"):
        text = text.replace(f'"{place}', f'"{ROOT}/{place}')
    (root / "study.toml").write_text(text, encoding="utf-8")
    return root / "study.toml"
