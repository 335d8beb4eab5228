"""Typed tables + the form's own logic + written expectations -> reasons per row, a verdict per batch.

compiled      what the form states: choices, required, relevant, constraint
expectations  what expectations/<table>.yaml states
rules         a rule, wherever it comes from
columns       what Great Expectations is given, computed in DuckDB
suite         rules judged by Great Expectations (its only importer)
run           the order: columns, judgement, reasons, verdict
"""

from tracer_etl.checks.run import check

__all__ = ["check"]
