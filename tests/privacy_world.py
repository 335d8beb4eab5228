"""A small study whose people can withdraw: a registry, visits linked to it, photos, a case list, logs; all invented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makers import FORM, store, study_folder, xml
from tracer_etl.study import Study, read_study

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = 30
GONE = "P-000000007"
"""The person who asks to be erased in these tests; two visits are about her."""
KEY = "k" * 40
PERSON = "|          | text                 | who      | Name   |          |              | direct               |\n"
LINKED = FORM.replace(
    PERSON,
    PERSON
    + "|          | text                 | person   | Case   |          |              | quasi                |\n"
    + "|          | image                | photo    | Photo  |          |              | direct               |\n"
    + "|          | text                 | remark   | Remark |          |              |                      |\n",
)
MORE = """
[[reference]]
name = "registry"
file = "registry.csv"
direct = ["full_name", "phone"]
[[reference]]
name = "courses"
file = "courses.csv"
[[case_list]]
name = "cases"
form = "visit"
file = "cases.csv"
key = "name"
[privacy]
registry = "registry"
key = "person"
opt_out = "opt_out_at"
forms = { visit = "person" }
references = { courses = "person" }
case_lists = { cases = "name" }
"""


def person(number: int) -> str:
    return f"P-{number:09d}"


def name(number: int) -> str:
    return f"Sulastri Rekaan {number:03d}"


def phone(number: int) -> str:
    return f"+6286000{number:06d}"


def answers(number: int, remark: str = "") -> str:
    return (
        f"<who>{name(number)}</who><person>{person(number)}</person><photo>{number}.jpg</photo>"
        f"<remark>{remark}</remark><age>{20 + number}</age><work>1</work><tools>saw</tools>"
        f"<job><title>barista</title></job>"
    )


def visits() -> dict[str, bytes]:
    """Give one visit per person, a second one for her who will be gone, and photos: hers are of her alone but one."""
    files: dict[str, bytes] = {}
    for number in range(1, PEOPLE + 1):
        folder = f"instances/v{number:03d}"
        files[f"{folder}/submission.xml"] = xml(number, answers(number))
        files[f"{folder}/{number}.jpg"] = (
            b"photo of somebody" if number in (7, 8) else f"photo {number}".encode()
        )
    files["instances/v107/submission.xml"] = xml(107, answers(7, remark="again"))
    files["instances/v107/7.jpg"] = b"photo of her alone"
    # An edit of her first visit: the same submission, other content.
    edit = "<deprecatedID>uuid:00000007</deprecatedID>"
    files["instances/v207/submission.xml"] = xml(207, answers(7, remark="edited"), meta=edit)
    return files


def world(folder: Path) -> Study:
    """Lay out the study, nothing run yet."""
    study_folder(folder, {})
    store(folder / "inbox" / "visit.zip", visits())
    (folder / "forms" / "visit.md").write_text(LINKED, encoding="utf-8")
    write_registry(folder)
    numbers = range(1, PEOPLE + 1)
    lines = [f"{person(n)}-c,{person(n)},{n % 3}" for n in numbers]
    (folder / "courses.csv").write_text(
        "\n".join(["enrolment,person,course", *lines]) + "\n", encoding="utf-8"
    )
    cases = [f"{person(n)},Sulastri {n}" for n in numbers]
    (folder / "cases.csv").write_text("\n".join(["name,label", *cases]) + "\n", encoding="utf-8")
    with (folder / "study.toml").open("a", encoding="utf-8") as file:
        file.write(MORE)
    return read_study(folder / "study.toml")


def write_registry(folder: Path, opted_out: dict[int, str] | None = None) -> None:
    out = opted_out or {}
    lines = [
        f"{person(n)},{name(n)},{phone(n)},{out.get(n, '')},{n % 2 + 1},{'north' if n < 20 else 'south'}"
        for n in range(1, PEOPLE + 1)
    ]
    header = "person,full_name,phone,opt_out_at,sex,zone"
    (folder / "registry.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
