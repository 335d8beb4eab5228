"""expectations/study/*.yaml -> rules about what is loaded.

thresholds: {days: 7}
checks:
  - id: X05
    scope: submission
    form: alumni_tracer
    type: sql
    severity: info
    kwargs:
      sql: |
        SELECT t._submission_id, t.tr_start FROM judged_alumni_tracer__training t
        JOIN clean.registry_enrolment e ON ... WHERE abs(...) > {days}
    meta: {column: tr_start, why: {id: Tanggal ..., en: The dates ...}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from tracer_etl.checks.expectations import read_document
from tracer_etl.errors import StudyError
from tracer_etl.names import literal
from tracer_etl.records import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tracer_etl.checks.rules import Why

Stage = Literal["load", "marts"]
"""When a check is judged: after all forms are loaded, or after the marts and before publishing."""
Scope = Literal["submission", "enumerator", "batch", "cell"]
"""What one finding is about."""
SQL = "sql"

_NAME = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_TABLE = re.compile(r'\b((?:clean|pii|quarantine|meta|marts)\."?\w+"?|judged_\w+)')


@dataclass(frozen=True, slots=True)
class StudyRule:
    """One check on what is loaded; `needs` are the tables that must hold a row for it to be judged.

    `column` is the question the reasons of held submissions name; `where` is its place in the files.
    """

    rule_id: str
    stage: Stage
    scope: Scope
    form_id: str
    type: str
    severity: Severity
    kwargs: Mapping[str, Any]
    needs: tuple[str, ...]
    column: str
    why: Why
    where: str

    @property
    def tables(self) -> tuple[str, ...]:
        """Name the tables that must be there: those needed, and those the SQL names."""
        texts = (
            " ".join(str(self.kwargs.get(key, "")) for key in ("sql", "measure")) if self.type == SQL else ""
        )
        return tuple(dict.fromkeys([*self.needs, *_named(texts)]))

    @property
    def stops(self) -> bool:
        """Tell whether a finding stops the run."""
        return self.scope == "batch" and self.severity == "critical"


@dataclass(frozen=True, slots=True)
class StudyRules:
    """All checks of a study in the order of its files, and the thresholds they name."""

    rules: tuple[StudyRule, ...] = ()
    thresholds: Mapping[str, Any] = field(default_factory=dict)


class Thresholds(Mapping[str, Any]):
    """The study's thresholds, noting which of them a check asked for."""

    def __init__(self, given: Mapping[str, Any], where: str) -> None:
        """Keep them; `where` names the check in errors."""
        self.given, self.where = given, where
        self.used: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - number, text or list
        """Give one.

        Raises:
            StudyError: no file gives it.
        """
        if name not in self.given:
            remedy = "add it under `thresholds:`"
            raise StudyError(f"no threshold {name!r}", where=self.where, remedy=remedy)
        self.used[name] = self.given[name]
        return self.given[name]

    def __iter__(self) -> Iterator[str]:
        """List their names."""
        return iter(self.given)

    def __len__(self) -> int:
        """Count them."""
        return len(self.given)

    def fill(self, sql: str) -> str:
        """Put the thresholds a statement names in braces into it, as literals."""
        return _NAME.sub(lambda found: _spelled(self[found[1]]), sql)

    def said(self) -> str:
        """Word the thresholds that were asked for.

        >>> thresholds = Thresholds({"days": 7, "codes": ["a", "b"]}, "x.yaml")
        >>> thresholds.fill("d > {days} AND c IN ({codes}) AND n ~ '^[0-9]{4}$'"), thresholds.said()
        ("d > 7 AND c IN ('a', 'b') AND n ~ '^[0-9]{4}$'", 'days = 7, codes = a b')
        """
        return ", ".join(
            f"{name} = {' '.join(map(str, value)) if isinstance(value, list) else value}"
            for name, value in self.used.items()
        )


def _spelled(value: Any) -> str:  # noqa: ANN401 - YAML
    if isinstance(value, list):
        return ", ".join(map(_spelled, value))
    return str(value) if isinstance(value, int | float) else literal(str(value))


def _named(sql: str) -> list[str]:
    return [name.replace('"', "") for name in _TABLE.findall(sql)]


def rule_files(expectations: Path) -> list[Path]:
    """List the files with a study's own checks; none is a study without oversight."""
    return sorted((expectations / "study").glob("*.yaml"))


def read_rules(expectations: Path, forms: Iterable[str]) -> StudyRules:
    """Read all checks of a study; `forms` are the form ids it has.

    Raises:
        StudyError: not YAML, a field is missing or unknown, or a name is given twice; the place is named.
    """
    rules: list[StudyRule] = []
    thresholds: dict[str, Any] = {}
    known = frozenset(forms)
    for path in rule_files(expectations):
        document = read_document(path, "begin with `thresholds:` or `checks:`")
        _merge(thresholds, document.get("thresholds") or {}, path)
        for number, entry in enumerate(document.get("checks") or (), 1):
            rules.append(_rule(entry, known, f"study/{path.name} check {number}"))
    _once(rules)
    return StudyRules(tuple(rules), thresholds)


def _merge(thresholds: dict[str, Any], given: Any, path: Path) -> None:  # noqa: ANN401 - YAML
    if not isinstance(given, dict):
        raise StudyError("thresholds is no mapping", where=f"study/{path.name}", remedy="write `name: value`")
    for name, value in given.items():
        if not _NAME.fullmatch("{" + str(name) + "}") or name in thresholds:
            what = f"threshold {name!r} is given twice" if name in thresholds else f"{name!r} is no name"
            remedy = "use small letters, digits and _; all files share the names"
            raise StudyError(what, where=f"study/{path.name}", remedy=remedy)
        thresholds[str(name)] = value


def _rule(entry: Any, forms: frozenset[str], where: str) -> StudyRule:  # noqa: ANN401 - YAML
    try:
        meta, kwargs, kind = entry["meta"], dict(entry.get("kwargs") or {}), str(entry["type"])
        rule = StudyRule(
            rule_id=str(entry["id"]),
            stage=entry.get("at", "load"),
            scope=entry["scope"],
            form_id=str(entry.get("form", "")),
            type=kind,
            severity=entry["severity"],
            kwargs=kwargs,
            needs=tuple(map(str, entry["needs"])) if "needs" in entry else tuple(_needed(kind, kwargs)),
            column=str(meta.get("column", "")),
            why=(str(meta["why"]["id"]), str(meta["why"]["en"])),
            where=where,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        remedy = "give id, scope, type, severity, kwargs and meta with why (id, en)"
        raise StudyError(
            f"a field is missing or of the wrong kind ({error})", where=where, remedy=remedy
        ) from error
    _sound(rule, forms, entry)
    return rule


def _needed(kind: str, kwargs: Mapping[str, Any]) -> list[str]:
    return _named(str(kwargs.get("sql", ""))) if kind == SQL else []


_FIELDS = {"id", "at", "scope", "form", "type", "severity", "kwargs", "needs", "meta"}


def _sound(rule: StudyRule, forms: frozenset[str], entry: Mapping[str, Any]) -> None:
    """Refuse what cannot be meant.

    Raises:
        StudyError: what, with the words to choose from.
    """
    for value, words in ((rule.stage, Stage), (rule.scope, Scope), (rule.severity, Severity)):
        if value not in get_args(words):
            raise _wrong(rule, f"says {value!r}", f"use {', '.join(get_args(words))}")
    unknown = set(entry) - _FIELDS
    if unknown:
        raise _wrong(rule, f"has a field {', '.join(sorted(unknown))}", f"use {', '.join(sorted(_FIELDS))}")
    if rule.scope == "submission" and (rule.stage != "load" or not rule.form_id):
        raise _wrong(rule, "is about submissions", "name their `form`, and judge them `at: load`")
    if rule.form_id and rule.form_id not in forms:
        raise _wrong(rule, f"names the form {rule.form_id!r}", f"choose of {', '.join(sorted(forms))}")
    if rule.type == SQL and not rule.kwargs.get("sql"):
        raise _wrong(rule, "has no SQL", "write it under `kwargs: sql:`")


def _wrong(rule: StudyRule, what: str, remedy: str) -> StudyError:
    return StudyError(f"{rule.rule_id} {what}", where=rule.where, remedy=remedy)


def _once(rules: Sequence[StudyRule]) -> None:
    seen: dict[tuple[str, ...], StudyRule] = {}
    for rule in rules:
        own = (rule.rule_id, rule.stage, rule.scope, rule.form_id, rule.severity, rule.column)
        same = seen.setdefault(own, rule)
        if same is not rule:
            what = f"is also {same.where}"
            raise _wrong(rule, what, "give one of them another id, form, scope, severity or column")
