"""What a check in Python is given by its rule: rows of its SQL, and limits that name a threshold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.oversight.registry import NotEvaluated
from tracer_etl.oversight.rules import Thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.warehouse.contract import Connection

_NAMED = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Arguments:
    """One rule's `kwargs`; `"{name}"` in them is a threshold."""

    connection: Connection
    kwargs: Mapping[str, Any]
    thresholds: Mapping[str, Any]

    def given(self, name: str) -> Any:  # noqa: ANN401 - number, text, list or mapping
        """Give one argument, with the threshold in place of its name.

        Raises:
            StudyError: the rule does not give it.
        """
        if name not in self.kwargs:
            remedy = f"add `{name}:` under the rule's kwargs"
            raise StudyError(f"the rule has no {name!r}", where="expectations/study", remedy=remedy)
        value = self.kwargs[name]
        named = _NAMED.fullmatch(value) if isinstance(value, str) else None
        return self.thresholds[named[1]] if named else value

    def number(self, name: str) -> float:
        """Give one argument as a number."""
        return float(self.given(name))

    def rows(self, name: str = "sql") -> list[tuple[Any, ...]]:
        """Read what the rule's SQL selects, in its order.

        Raises:
            NotEvaluated: it selects nothing.
            StudyError: it does not run.
        """
        sql = Thresholds(self.thresholds, "").fill(str(self.given(name)))
        try:
            found: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
        except Exception as error:  # noqa: BLE001 - two drivers, each with errors of its own
            # A driver's message may repeat a value of a person; its kind does not.
            what = f"the rule's {name} does not run ({type(error).__name__})"
            remedy = "try it on the warehouse, on a `judged_` table"
            raise StudyError(what, where="expectations/study", remedy=remedy) from None
        if not found:
            raise NotEvaluated("there is nothing to judge yet")
        return found
