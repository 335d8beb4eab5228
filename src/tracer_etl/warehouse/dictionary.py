"""The dictionary of one form, read back from `meta`: its languages, tables, columns, labels and codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.warehouse.codelists import wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracer_etl.warehouse.contract import Connection

SYSTEM_LABELS = {
    "_submission_id": ("Submission", "Kiriman"),
    "_instance_id": ("Newest instance of the submission", "Versi terbaru kiriman"),
    "_form_version": ("Version of the form", "Versi formulir"),
    "_submitted_at": ("Time of arrival at the server", "Waktu tiba di server"),
    "_review_state": ("Review state", "Status pemeriksaan"),
    "_revision": ("Number of edits", "Jumlah perubahan"),
    "_landed": ("Order of arrival in the warehouse", "Urutan tiba di gudang data"),
    "_row_id": ("Row of this table", "Baris tabel ini"),
    "_parent_row_id": ("Row of the table above", "Baris tabel di atasnya"),
    "_position": ("Position, from 1", "Urutan, mulai dari 1"),
    "question": ("Question (column)", "Pertanyaan (kolom)"),
    "choice": ("Choice", "Pilihan"),
}
"""What a system column holds, in English and in Indonesian."""
_PARTS = {
    "_lat": ("latitude", "lintang"),
    "_lon": ("longitude", "bujur"),
    "_alt": ("altitude, m", "ketinggian, m"),
    "_acc": ("accuracy, m", "ketelitian, m"),
}


@dataclass(frozen=True, slots=True)
class Code:
    """One value of a code list: labels by language, versions that offer it, its lasting number."""

    value: str
    labels: Mapping[str, str]
    number: int
    in_versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """One column: `paths` newest first; `codes` in the newest form's order, empty where there is no list."""

    name: str
    kind: str
    sql_type: str
    privacy: str
    question: str
    paths: tuple[str, ...]
    asked_when: str
    first_version: str
    last_version: str
    labels: Mapping[str, str]
    codes: tuple[Code, ...] = ()

    @property
    def system(self) -> bool:
        """Tell whether the loader made it, rather than a question."""
        return self.kind == "system"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One table with the columns that are in `clean`; `kind` is root, repeat or selected."""

    name: str
    kind: str
    parent: str
    repeat: str
    labels: Mapping[str, str]
    variables: tuple[Variable, ...]

    def variable(self, name: str) -> Variable:
        """Find a column by name."""
        return next(variable for variable in self.variables if variable.name == name)


@dataclass(frozen=True)
class Dictionary:
    """All analysts know of one form; `languages` maps name to short code, the form's default first."""

    form_id: str
    versions: tuple[str, ...]
    languages: Mapping[str, str]
    datasets: tuple[Dataset, ...]

    @property
    def default_language(self) -> str:
        """Name the form's default language."""
        return next(iter(self.languages))

    def language(self, asked: str) -> str:
        """Find a language by short code or by name; a form without translations has one for all.

        Raises:
            StudyError: the form does not speak it.
        """
        found = next((n for n, code in self.languages.items() if asked.lower() in (code, n.lower())), "")
        if not found and (not asked or list(self.languages) == ["default"]):
            return self.default_language
        if not found:
            remedy = f"choose of {', '.join(self.languages.values())}"
            raise StudyError(f"no labels in {asked!r}", where=self.form_id, remedy=remedy)
        return found

    def label(self, labels: Mapping[str, str], language: str) -> str:
        """Give a label in a language, else in the form's default, else in any; empty where there is none."""
        order = (language, self.default_language, *labels)
        return next((labels[name] for name in order if labels.get(name, "").strip()), "")

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """Give the form's title by language."""
        return self.datasets[0].labels


def read_dictionary(connection: Connection, form_id: str) -> Dictionary:
    """Read the dictionary of a form.

    Raises:
        StudyError: the warehouse does not know the form.
    """
    return _Reader(connection, form_id).dictionary()


def known_forms(connection: Connection) -> tuple[str, ...]:
    """Name every form the warehouse has a dictionary of."""
    rows = connection.execute("SELECT DISTINCT form_id FROM meta.column ORDER BY 1").fetchall()
    return tuple(str(row[0]) for row in rows)


class _Reader:
    """Reads the `meta` rows of one form and puts them together."""

    def __init__(self, connection: Connection, form_id: str) -> None:
        self.connection, self.form_id = connection, form_id

    def _rows(self, table: str, columns: str, order: str = "position") -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.connection.execute(
            f"SELECT {columns} FROM meta.{table} WHERE form_id = ? ORDER BY {order}", [self.form_id]
        ).fetchall()
        return rows

    def dictionary(self) -> Dictionary:
        languages = {str(name): str(code) for name, code in self._rows("language", "language, code")}
        if not languages:
            remedy = f"choose of {', '.join(known_forms(self.connection)) or 'none: nothing is loaded'}"
            raise StudyError(f"no form {self.form_id!r} in the warehouse", remedy=remedy)
        versions = tuple(str(row[0]) for row in self._rows("form_version", "version"))
        return Dictionary(self.form_id, versions, languages, self._datasets(languages, versions))

    def _datasets(self, languages: Mapping[str, str], versions: Sequence[str]) -> tuple[Dataset, ...]:
        variables = self._variables(languages, versions)
        heads: dict[tuple[str, str, str, str], dict[str, str]] = {}
        columns = "table_name, kind, parent, repeat, language, label"
        for name, kind, parent, repeat, language, label in self._rows("form_table", columns):
            heads.setdefault((name, kind, parent, repeat), {})[language] = label
        return tuple(Dataset(*head, labels, tuple(variables[head[0]])) for head, labels in heads.items())

    def _variables(self, languages: Mapping[str, str], versions: Sequence[str]) -> dict[str, list[Variable]]:
        codes, labels = self._codes(), self._labels(versions)
        found: dict[str, list[Variable]] = {}
        plain = (
            "column_name, kind, sql_type, privacy, question, paths, asked_when, first_version, last_version"
        )
        for table, lists, *head in self._rows(
            "column", f"table_name, lists, {plain}", "table_name, position"
        ):
            name, kind, sql_type, privacy, question, paths, when, first, last = head
            if privacy != "direct":
                said = _worded(name, kind, labels.get((table, name), {}), languages)
                listed = _united([codes.get(one, ()) for one in lists])
                asked = (tuple(paths), when, first, last)
                variable = Variable(name, kind, sql_type, privacy, question, *asked, said, listed)
                found.setdefault(table, []).append(variable)
        return found

    def _labels(self, versions: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
        """Take each column's newest label per language."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        place = {version: position for position, version in enumerate(versions)}
        rows = self._rows("question", "version, table_name, column_name, language, label", "1, 2, 3, 4, 5")
        for _, table, column, language, label in sorted(rows, key=lambda row: place[row[0]]):
            if wording(label):
                found.setdefault((table, column), {})[language] = label
        return found

    def _codes(self) -> dict[str, tuple[Code, ...]]:
        found: dict[str, dict[str, Code]] = {}
        columns = "list_name, value, number, in_versions, language, label"
        for name, value, number, versions, language, label in self._rows(
            "code", columns, "list_name, position"
        ):
            code = found.setdefault(name, {}).get(value) or Code(value, {}, number, tuple(versions))
            found[name][value] = replace(code, labels={**code.labels, language: label})
        return {name: tuple(values.values()) for name, values in found.items()}


def _united(lists: Sequence[Sequence[Code]]) -> tuple[Code, ...]:
    """Add what only an earlier list of a question offered, numbered after the newest list's own."""
    first: dict[str, Code] = {code.value: code for code in (lists[0] if lists else ())}
    highest = max((code.number for code in first.values()), default=0)
    for code in (code for one in lists[1:] for code in one):
        if code.value not in first:
            highest += 1
            first[code.value] = Code(code.value, code.labels, highest, code.in_versions)
    return tuple(first.values())


def _worded(name: str, kind: str, labels: Mapping[str, str], languages: Mapping[str, str]) -> dict[str, str]:
    """Word what the form does not: system columns, and the four parts of a position."""
    if kind == "system":
        return {language: SYSTEM_LABELS[name][code == "id"] for language, code in languages.items()}
    part = name[-4:]
    if kind != "geopoint" or part not in _PARTS:
        return dict(labels)
    codes = {language: languages.get(language, "") == "id" for language in labels or languages}
    return {
        language: f"{labels.get(language, name[:-4])} ({_PARTS[part][indonesian]})"
        for language, indonesian in codes.items()
    }
