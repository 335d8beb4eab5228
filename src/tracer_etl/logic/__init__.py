"""A form's own logic: XPath of its binds -> SQL over the typed tables, or a plain "not evaluated"."""

from tracer_etl.logic.parser import NotEvaluated, parse
from tracer_etl.logic.sql import Scope

__all__ = ["NotEvaluated", "Scope", "parse"]
