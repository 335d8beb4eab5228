"""expectations/<table>.yaml -> rules: Great Expectations' own fields, plus `derived_columns` in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from tracer_etl.checks.rules import Rule, Rules
from tracer_etl.errors import StudyError
from tracer_etl.records import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.schema import Table


def written_rules(path: Path, table: Table) -> Rules:
    """Read the file of one table; no file means no rules.

    Raises:
        StudyError: not YAML, a field is missing, or a rule names a column the table does not have.
    """
    if not path.is_file():
        return Rules(())
    document = _read(path)
    derived = {
        str(name): " ".join(str(sql).split()) for name, sql in (document.get("derived_columns") or {}).items()
    }
    known = set(table.types()) | set(derived)
    rules = [
        _rule(path, number, entry, known)
        for number, entry in enumerate(document.get("expectations") or (), 1)
    ]
    return Rules(tuple(rules), derived)


def _read(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe").load(path)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name} line {mark.line + 1}" if mark else path.name
        raise StudyError(
            f"not YAML ({getattr(error, 'problem', error)})", where=where, remedy="correct it"
        ) from error
    if not isinstance(document, dict):
        raise StudyError("holds no mapping", where=path.name, remedy="begin with `expectations:`")
    return document


def _rule(path: Path, number: int, entry: Any, known: set[str]) -> Rule:  # noqa: ANN401 - YAML
    where = f"{path.name} expectation {number}"
    try:
        meta, kwargs = entry["meta"], dict(entry.get("kwargs") or {})
        rule_id, kind, severity = str(meta["id"]), str(entry["type"]), str(entry["severity"])
        why_id, why_en = str(meta["why"]["id"]), str(meta["why"]["en"])
    except (KeyError, TypeError, AttributeError) as error:
        remedy = "give type, kwargs, severity and meta with id and why (id, en)"
        raise StudyError(f"a field is missing ({error})", where=where, remedy=remedy) from error
    named = [str(kwargs[key]) for key in ("column", "column_A", "column_B") if key in kwargs]
    for column in named:
        if column not in known:
            what = f"{rule_id} names column {column!r}, which the table does not have"
            raise StudyError(what, where=where, remedy="use a column of the table or of derived_columns")
    for level in get_args(Severity):
        if severity == level:
            shown = str(meta.get("column") or named[0]) if named else ""
            return Rule(rule_id, kind, kwargs, level, shown, why_id, why_en)
    remedy = f"use {', '.join(get_args(Severity))}"
    raise StudyError(f"{rule_id} has severity {severity!r}", where=where, remedy=remedy)
