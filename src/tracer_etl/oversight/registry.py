"""Checks that SQL cannot say, by name: functions of a connection, the rule's kwargs and the thresholds."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tracer_etl.warehouse.contract import Connection


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found; `key` is a _submission_id, an enumerator's code, a cell's name or empty (batch).

    What is said of a batch, an enumerator or a cell is published: no names, numbers or free text of people.
    """

    key: str
    value: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a check measured, shown whether or not it found anything."""

    value: str


class NotEvaluated(Exception):
    """A check cannot be judged on what is there; the text says why, in one line."""


Check = Callable[[Connection, Mapping[str, Any], Mapping[str, Any]], Iterable[Finding | Measured]]
"""`(connection, kwargs, thresholds)`: reads `judged_<table>`, reference tables and marts, and writes nothing."""

_CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a function as the check that rules name as their `type`."""

    def register(function: Check) -> Check:
        _CHECKS[name] = function
        return function

    return register


def builtin() -> dict[str, Check]:
    """Give the checks of all modules of this package."""
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")
    return dict(_CHECKS)
