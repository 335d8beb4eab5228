"""Near duplicates: interviews of different people with almost the same answers.

Percent match after Kuriakose and Robbins (2016), "Don't get duped: fraud through duplication in public opinion
surveys": the share of questions two interviews answer alike. Here of the questions at least one of them answers, so
that what neither was asked does not make them alike. All pairs are compared exactly, as products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.names import literal, quote
from tracer_etl.oversight.arguments import Arguments
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tracer_etl.warehouse.contract import Connection

_BLOCK = 512
"""Interviews compared with all others at a time: 512 by 10,000 shares are 20 MB."""


@dataclass(frozen=True, slots=True)
class Alike:
    """The interview most like another: `other` is its place, `equal` of `answered` questions are answered alike."""

    other: int
    equal: int
    answered: int

    @property
    def share(self) -> float:
        """Give the percent match, 0..1."""
        return self.equal / self.answered


@check("near_duplicates")
def near_duplicates(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find interviews whose answers match another person's by more than `share`; one finding per interview.

    kwargs: form, table, where (SQL condition), person (column), kinds (of questions compared), without (columns left
    out), share (0..1), answers (questions at least, for a pair to be judged).

    Raises:
        NotEvaluated: there are fewer than two interviews.
    """
    given = Arguments(connection, kwargs, thresholds)
    columns = _compared(given)
    listed = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in columns)
    person = quote(str(given.given("person")))
    sql = (
        f"SELECT _submission_id, {person}, {listed} FROM {quote('judged_' + given.given('table'))} "
        f"WHERE {given.given('where')} ORDER BY _submission_id"
    )
    rows = connection.execute(sql).fetchall()
    if len(rows) < 2:  # noqa: PLR2004 - a pair
        raise NotEvaluated("there are fewer than two interviews to compare")
    found = most_alike(
        [row[2:] for row in rows],
        [row[1] for row in rows],
        given.number("share"),
        int(given.number("answers")),
    )
    yield Measured(f"{max((one.share for one in found.values()), default=0):.3f}")
    for place, one in sorted(found.items()):
        said = f"{one.equal}/{one.answered} = {rows[one.other][0]}"
        yield Finding(str(rows[place][0]), f"{one.share:.3f}", said)


def _compared(given: Arguments) -> list[str]:
    """Name the questions compared, in the form's order."""
    kinds = ", ".join(literal(str(kind)) for kind in given.given("kinds"))
    rows = given.connection.execute(
        f"SELECT column_name FROM meta.column WHERE form_id = ? AND table_name = ? AND kind IN ({kinds}) ORDER BY position",
        [given.given("form"), given.given("table")],
    ).fetchall()
    left_out = set(given.given("without"))
    return [str(name) for (name,) in rows if name not in left_out]


def most_alike(
    answers: Sequence[Sequence[object]], people: Sequence[object], share: float, least: int = 1
) -> dict[int, Alike]:
    """Give for each interview the other person's most like it, where they match by more than `share`.

    `answers` has one row per interview and one place per question, None where it has no answer. Pairs that answer
    fewer than `least` questions between them are not judged. Ties go to the earlier interview.

    >>> most_alike(["abcd", "abcx", "wxyz"], [1, 2, 3], 0.7)
    {0: Alike(other=1, equal=3, answered=4), 1: Alike(other=0, equal=3, answered=4)}
    >>> most_alike(["abcd", "abcx"], ["same", "same"], 0.7)
    {}
    """
    import numpy as np

    codes = _codes(answers)
    chosen, answered = _chosen(codes), (codes >= 0).astype(np.float32)
    who = np.unique(np.array([str(one) for one in people]), return_inverse=True)[1]
    count, found = answered.sum(axis=1), {}
    for start in range(0, len(codes), _BLOCK):
        some = slice(start, start + _BLOCK)
        equal = chosen[some] @ chosen.T
        union = count[some, None] + count[None, :] - answered[some] @ answered.T
        judged = (union >= least) & (who[some, None] != who[None, :])
        match = np.where(judged, equal / np.maximum(union, 1), -1)
        best = match.argmax(axis=1)
        for row in np.flatnonzero(match.max(axis=1) > share):
            other = int(best[row])
            found[start + int(row)] = Alike(
                other, round(float(equal[row, other])), round(float(union[row, other]))
            )
    return found


def _codes(answers: Sequence[Sequence[object]]) -> NDArray[np.int32]:
    """Number the answers of each question as they come; -1 where there is none."""
    import numpy as np

    codes = np.full((len(answers), max(map(len, answers), default=0)), -1, np.int32)
    numbers: list[dict[object, int]] = [{} for _ in range(codes.shape[1])]
    for place, row in enumerate(answers):
        for question, answer in enumerate(row):
            if answer is not None:
                known = numbers[question]
                codes[place, question] = known.setdefault(answer, len(known))
    return codes


def _chosen(codes: NDArray[np.int32]) -> NDArray[np.float32]:
    """Give a column per question and answer that more than one interview has; others equal nothing."""
    import numpy as np

    columns = []
    for question in codes.T:
        values, counts = np.unique(question[question >= 0], return_counts=True)
        columns += [question == value for value in values[counts > 1]]
    if not columns:
        return np.zeros((len(codes), 1), np.float32)
    return np.stack(columns, axis=1).astype(np.float32)
