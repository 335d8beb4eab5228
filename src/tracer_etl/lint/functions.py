"""The functions clients of ODK know: how many arguments each takes at least and at most."""

from __future__ import annotations

FUNCTIONS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(
        ("boolean", "boolean-from-string", "ceiling", "count", "count-non-empty", "count-selected", "date",
         "date-time", "decimal-date-time", "decimal-time", "abs", "exp", "exp10", "floor", "int", "instance",
         "log", "log10", "not", "once", "sqrt", "sum", "sin", "cos", "tan", "asin", "acos", "atan", "area",
         "enclosed-area", "base64-decode", "intersects", "jr:itext", "id"), (1, 1)),
    **dict.fromkeys(
        ("coalesce", "contains", "ends-with", "format-date", "format-date-time", "pow", "regex", "selected",
         "selected-at", "starts-with", "substring-after", "substring-before", "atan2", "jr:choice-name",
         "extract-signed", "geofence"), (2, 2)),
    **dict.fromkeys(("current", "false", "now", "pi", "random", "today", "true", "version", "last"), (0, 0)),
    **dict.fromkeys(("position", "number", "string", "string-length", "normalize-space", "uuid", "name",
                     "local-name", "namespace-uri", "property"), (0, 1)),
    **dict.fromkeys(("max", "min", "distance", "join", "concat"), (1, None)),
    "if": (3, 3), "translate": (3, 3), "substr": (2, 3), "round": (1, 2), "randomize": (1, 2),
    "digest": (2, 3), "pulldata": (4, 4), "indexed-repeat": (3, 7), "checklist": (2, None),
    "weighted-checklist": (2, None), "search": (1, 6),
}  # fmt: skip
"""From the ODK XForms specification and JavaRosa's XPathFuncExpr; pulldata() and search() are Collect's."""
