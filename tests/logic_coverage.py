"""What the form logic compiler covers, as data: `python tests/logic_coverage.py` counts the corpus anew.

The corpus is not part of the repository, so the page is made of `tests/logic_coverage.json`, which is.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from agreement import compile_one, corpus_forms
from tracer_etl.form import read_form
from tracer_etl.logic import NotEvaluated, statements
from tracer_etl.logic.parser import parse
from tracer_etl.logic.sql import FUNCTIONS
from tracer_etl.logic.syntax import Call, CannotCompile, parts
from tracer_etl.schema import schema_of

DATA = Path(__file__).with_name("logic_coverage.json")
ODK = (
    "abs acos area asin atan atan2 boolean boolean-from-string ceiling checklist coalesce concat contains cos count "
    "count-non-empty count-selected date date-time decimal-date-time decimal-time digest distance ends-with exp exp10 "
    "false floor format-date format-date-time geofence if indexed-repeat instance int is-selected join jr:choice-name log "
    "log10 max min normalize-space not now number once pi position pow pulldata random randomize regex round selected "
    "selected-at sin sqrt starts-with string string-length substr substring-after substring-before sum tan today translate "
    "true uuid weighted-checklist"
).split()
"""The functions of the ODK XForms specification and those JavaRosa adds."""
MOMENT = {"uuid", "random", "randomize"}


def count() -> dict[str, dict[str, int]]:
    """Count the corpus: expressions by kind, written and compiled; expressions by function; reasons."""
    written, compiled, used, missed = Counter(), Counter(), Counter(), Counter()
    for path in corpus_forms().values():
        form = read_form(path)
        schema = schema_of([form])
        for statement in statements(form):
            sql = compile_one(statement, schema)
            written[statement.kind] += 1
            compiled[statement.kind] += isinstance(sql, str)
            if isinstance(sql, NotEvaluated):
                missed[sql.reason] += 1
            try:
                nodes = list(parts(parse(statement.expression)))
            except CannotCompile:
                continue
            used.update({node.name for node in nodes if isinstance(node, Call)})
    counted = {"written": written, "compiled": compiled, "used": used, "missed": missed}
    return {name: dict(sorted(counter.items())) for name, counter in counted.items()}


def page(generated: str) -> str:
    """Write docs/reference/form-logic.md from the counted data and the compiler's own table of functions."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    written, compiled = Counter(data["written"]), Counter(data["compiled"])
    kinds = "\n".join(
        f"| {kind} | {n} | {compiled[kind]} | {compiled[kind] / n:.1%} |" for kind, n in written.items()
    )
    names = sorted({*ODK, *data["used"], *FUNCTIONS})
    rows = "\n".join(f"| `{name}()` | {data['used'].get(name, 0)} | {_verdict(name)} |" for name in names)
    missed = "\n".join(f"| {reason} | {n} |" for reason, n in data["missed"].items())
    guide = "[how the forms' logic is checked](../explanation/form-logic.md)"
    return (
        f"# Form logic: what is compiled\n\n{generated}\n\nXPath of forms becomes SQL; {guide}. Counted over the 102 valid "
        "forms of the corpus, which is not part of this repository (`python tests/logic_coverage.py` counts anew).\n\n"
        f"| expressions | written | compiled | share |\n|---|---:|---:|---:|\n{kinds}\n"
        f"| all | {written.total()} | {compiled.total()} | {compiled.total() / written.total():.1%} |\n\n"
        f"| function | expressions of the corpus | compiled |\n|---|---:|---|\n{rows}\n\n"
        f"| not evaluated because | expressions |\n|---|---:|\n{missed}\n"
    )


def _verdict(name: str) -> str:
    if name in FUNCTIONS or name == "instance":
        return "yes"
    return "no: chance, nobody can have it again" if name in MOMENT else "no: not evaluated"


if __name__ == "__main__":
    DATA.write_text(json.dumps(count(), indent=1) + "\n", encoding="utf-8")
