"""expectations/<table>.yaml -> rules: Great Expectations' own fields, plus `derived_columns` in SQL.

    name: alumni_tracer
    derived_columns:
      hours_fit: hours_all <= 120
    expectations:
      - type: expect_column_values_to_be_in_set
        kwargs: {column: hours_fit, value_set: [true]}
        severity: warning
        meta: {id: R08, column: hours_all, why: {id: Jam kerja ..., en: Working hours ...}}

A derived column is DuckDB SQL over the table's own columns, named bare; NULL means the rule does not apply
to the row. `this` is the row itself; in a repeat's table `root` and `parent` are its submission and the row
it hangs on. Other tables of the form, its bridge, `attachments` and `problems` are there by name, e.g.
`(SELECT count(*) FROM household__member m WHERE m._submission_id = this._submission_id)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from tracer_etl.checks.rules import Rule, Rules
from tracer_etl.errors import StudyError
from tracer_etl.records import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.schema import Table

# Great Expectations' own default compares a blank with a value, and calls that a failure.
_BLANKS = {
    "expect_column_pair_": "either_value_is_missing",
    "expect_compound_columns_": "any_value_is_missing",
    "expect_multicolumn_": "any_value_is_missing",
    "expect_select_column_": "any_value_is_missing",
}


def written_rules(path: Path, table: Table) -> Rules:
    """Read the file of one table; no file means no rules.

    Raises:
        StudyError: not YAML, a field is missing, or a rule names a column the table does not have.
    """
    if not path.is_file():
        return Rules(())
    document = read_document(path, "begin with `expectations:`")
    derived = {
        str(name): " ".join(str(sql).split()) for name, sql in (document.get("derived_columns") or {}).items()
    }
    for name in derived:
        if name in table.types():
            what = f"derived column {name!r} has the name of a question"
            raise StudyError(what, where=path.name, remedy="give it another name")
    known = set(table.types()) | set(derived)
    entries = enumerate(document.get("expectations") or (), 1)
    return Rules(tuple(_rule(path, number, entry, known) for number, entry in entries), derived)


def read_document(path: Path, beginning: str) -> dict[str, Any]:
    """Read a YAML mapping; `beginning` is the remedy where the file holds something else.

    Raises:
        StudyError: not YAML, or no mapping; the line is named.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(path)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name} line {mark.line + 1}" if mark else path.name
        what = f"not YAML ({getattr(error, 'problem', error)})"
        raise StudyError(what, where=where, remedy="correct it") from error
    if not isinstance(document, dict):
        raise StudyError("holds no mapping", where=path.name, remedy=beginning)
    return document


def _rule(path: Path, number: int, entry: Any, known: set[str]) -> Rule:  # noqa: ANN401 - YAML
    where = f"{path.name} expectation {number}"
    try:
        meta, kwargs = entry["meta"], dict(entry.get("kwargs") or {})
        rule_id, kind, severity = str(meta["id"]), str(entry["type"]), entry["severity"]
        why = (str(meta["why"]["id"]), str(meta["why"]["en"]))
    except (KeyError, TypeError, AttributeError) as error:
        remedy = "give type, kwargs, severity and meta with id and why (id, en)"
        raise StudyError(f"a field is missing ({error})", where=where, remedy=remedy) from error
    if severity not in get_args(Severity):
        remedy = f"use {', '.join(get_args(Severity))}"
        raise StudyError(f"{rule_id} has severity {severity!r}", where=where, remedy=remedy)
    for prefix, blanks in _BLANKS.items():
        if kind.startswith(prefix):
            kwargs.setdefault("ignore_row_if", blanks)
    rule = Rule(rule_id, kind, kwargs, severity, "", why)
    columns = rule.columns()
    _known_only(rule_id, columns, known, where)
    shown = str(meta.get("column") or columns[0])
    return Rule(rule_id, kind, kwargs, severity, shown, why)


def _known_only(rule_id: str, columns: tuple[str, ...], known: set[str], where: str) -> None:
    if not columns:
        remedy = "name a column in kwargs; what concerns a whole table is a matter of the marts"
        raise StudyError(f"{rule_id} judges no column of a row", where=where, remedy=remedy)
    for column in columns:
        if column not in known:
            what = f"{rule_id} names column {column!r}, which the table does not have"
            raise StudyError(what, where=where, remedy="use a column of the table or of derived_columns")
