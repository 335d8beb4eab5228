"""JavaRosa and the compiled logic agree; `python tests/agreement.py` goes through all forms at length."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from agreement import CORPUS, FIRST_STAYS, ROOT, Tally, compare, corpus_forms, shares, study_forms
from makers import form as make_form
from tracer_etl.form import read_form

if TYPE_CHECKING:
    from pathlib import Path

MEDIA = ROOT / "forms" / "media"
SOME = ("UCL_Biomass", "or_other.", "grains__grains", "transportation_updated")


@pytest.mark.java
@pytest.mark.slow
def test_javarosa_and_sql_agree_on_answers_right_and_wrong() -> None:
    total = Tally()
    for path in study_forms().values():
        total += compare(path, MEDIA, 20)
    for name, path in corpus_forms().items():
        if any(one in name for one in SOME):
            total += compare(path, path.parent, 2)
    print(f"compared {sum(total.compared.values()):,} verdicts: {dict(total.compared)}")
    assert total.differences == []
    assert set(total.explained) <= {FIRST_STAYS}
    assert sum(total.compared.values()) > 10_000
    for kind in ("relevant", "required", "constraint"):
        assert 0.05 < total.positive[kind] / total.compared[kind] < 0.95, "answers of one kind prove little"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real forms is not beside the repository")
def test_nearly_all_expressions_of_the_corpus_are_compiled() -> None:
    written, compiled = shares(corpus_forms())
    for kind in written:
        print(f"{kind}: {compiled[kind]} of {written[kind]} compiled")
    print(f"in total {compiled.total() / written.total():.1%} of {written.total()}")
    assert compiled.total() / written.total() >= 0.95


def test_every_expression_of_the_study_is_compiled_but_a_label_in_the_language_of_the_phone() -> None:
    written, compiled = shares(study_forms())
    assert written - compiled == Counter({"calculate": 1})


FORMULAS = (
    "${n} + ${m}", "${n} - ${m}", "${n} * ${d}", "${n} div ${m}", "${n} mod ${m}", "-${d}", "round(${d})", "round(${d}, 1)",
    "int(${d})", "abs(${d})", "sqrt(${n})", "pow(${m}, 2)", "sin(${d})", "cos(${d})", "tan(${d})", "atan(${d})",
    "asin(${d})", "acos(${d})", "exp(${m})", "log(${n})", "pi()", "max(${n}, ${m})", "min(${n}, ${d})",
    "number(${t})", "string(${d})", "concat(${n}, ' ', ${d}, ' ', ${t})", "join('-', ${t}, ${n})", "coalesce(${t}, ${n})",
    "substr(${t}, 1, 3)", "substr(${t}, -2)", "string-length(${t})", "contains(${t}, 'a')", "starts-with(${t}, '0')",
    "ends-with(${t}, '1')", "substring-before(${t}, '1')", "substring-after(${t}, '1')", "translate(${t}, 'ab', 'xy')",
    "normalize-space(${t})", "boolean(${t})", "boolean-from-string(${t})", "not(${n})", "regex(${t}, '[0-9]+')",
    "selected(${s}, 'a')", "count-selected(${s})", "selected-at(${s}, 1)", "checklist(1, 2, ${n}, ${t}, ${m} > 0)",
    "weighted-checklist(-1, 3, ${n}, 2, ${t}, 1.5)", "digest(${t}, 'MD5', 'hex')", "digest(${t}, 'SHA-256')",
    "digest(${t}, 'SHA-1', 'base64')", "if(${n} > ${m}, ${t}, ${d})", "${day} > '2001-01-01'", "${day} = today()",
    "format-date(${day}, '%Y-%n-%e %d/%m/%y')", "decimal-date-time(${day})", "date(${n})", "string(${day})", "${day} + 1",
    "count(${r})", "sum(${x})", "min(${x})", "count-non-empty(${x})", "join(',', ${x})",
    "indexed-repeat(${x}, ${r}, 1)", "sum(${r}[position() > 1]/x)", "(${n} = '' or ${m} != '') and ${t} < 5",
)  # fmt: skip
EVERY = """
| survey | | | |
| | type | name | label | calculation |
| | integer | n | N | |
| | integer | m | M | |
| | decimal | d | D | |
| | text | t | T | |
| | date | day | Day | |
| | select_multiple s | s | S | |
| | begin_repeat | r | R | |
| | integer | x | X | |
| | calculate | here | | position(..) * 2 + ${n} |
| | end_repeat | | | |
%s
| choices | | | |
| | list_name | name | label |
| | s | a | A |
| | s | b | B |
| | s | ab | AB |
| settings | | |
| | form_id | version |
| | visit | 1 |
"""


@pytest.mark.java
def test_every_function_gives_what_javarosa_gives(tmp_path: Path) -> None:
    lines = "\n".join(f"| | calculate | f{n} | | {formula} |" for n, formula in enumerate(FORMULAS))
    form = make_form(tmp_path / "form", EVERY % lines)
    tally = compare(tmp_path / "form" / "visit.md", tmp_path, 60)
    assert [str(one) for one in tally.differences] == []
    assert tally.compared["calculate"] > 55 * len(FORMULAS)
    assert len(form.questions) > len(FORMULAS)
    assert not tally.not_evaluated


SMALL = """
| survey   |            |      |       |            |          |          |
|          | type       | name | label | constraint | relevant | required |
|          | integer    | age  | Age   | . < 20     |          | yes      |
|          | text       | job  | Job   |            | ${age} > 14 | ${age} > 16 |
| settings |            |      |       |            |          |          |
|          | form_id    | version |    |            |          |          |
|          | visit      | 1    |       |            |          |          |
"""


@pytest.mark.java
def test_the_comparison_notices_another_meaning(tmp_path: Path) -> None:
    """Held against a form with one bound moved, JavaRosa's verdicts differ."""
    from agreement import Comparison, judged

    form = make_form(tmp_path / "a", SMALL)
    moved = read_form(_moved(tmp_path))
    verdicts = judged(form, tmp_path, 30)
    assert Comparison(form, verdicts, tmp_path / "same").run().differences == []
    kinds = {one.kind for one in Comparison(moved, verdicts, tmp_path / "other").run().differences}
    assert {"constraint", "relevant"} <= kinds


def _moved(folder: Path) -> Path:
    (folder / "b").mkdir()
    path = folder / "b" / "visit.md"
    path.write_text(SMALL.replace("< 20", "< 16").replace("> 14", "> 15"), encoding="utf-8")
    return path
