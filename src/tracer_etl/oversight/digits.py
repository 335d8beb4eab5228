"""Do enumerators round differently: a chi-square test of the share of round amounts between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.warehouse.contract import Connection


class Tally(NamedTuple):
    """What one enumerator wrote down: round amounts, and others."""

    rounded: int
    others: int


class Unlike(NamedTuple):
    """How unlike the enumerators are: the p-value, and the adjusted residual of each one's round amounts."""

    p: float
    residuals: dict[str, float]


def unlike(tallies: Mapping[str, Tally]) -> Unlike:
    """Test whether all enumerators round alike (Pearson's chi-square, no continuity correction).

    Residuals are adjusted (Haberman 1973): beyond 3 is one enumerator out of line with the others.

    >>> found = unlike({"a": Tally(18, 2), "b": Tally(10, 10)})  # expected 14 and 6: 16/14*2 + 16/6*2 = 7.619
    >>> round(found.p, 4), round(found.residuals["a"], 2)
    (0.0058, 2.76)
    """
    import numpy as np
    from scipy.special import chdtrc  # scipy.stats takes seconds to import

    table = np.array([tuple(tally) for tally in tallies.values()], dtype=float)
    rows, columns, people = table.sum(axis=1, keepdims=True), table.sum(axis=0), table.sum()
    if not columns.all():
        return Unlike(1.0, dict.fromkeys(tallies, 0.0))
    expected = rows * columns / people
    spread = np.sqrt(expected * (1 - rows / people) * (1 - columns / people))
    residuals = ((table - expected) / spread)[:, 0]
    p = chdtrc(len(table) - 1, float(((table - expected) ** 2 / expected).sum()))
    return Unlike(float(p), dict(zip(tallies, residuals.tolist(), strict=True)))


@check("digit_preference")
def digit_preference(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find the enumerators who round more, or less, than the others.

    `sql`: one row per enumerator: code, amounts, round ones among them. `p` and `least` name thresholds: enumerators
    with fewer amounts than `least` are left out. Where the test is beyond `p`, the one most out of line is found.
    """
    rows = connection.execute(kwargs["sql"]).fetchall()
    least = thresholds[kwargs["least"]]
    tallies = {code: Tally(int(few), int(all_ - few)) for code, all_, few in sorted(rows) if all_ >= least}
    if len(tallies) < 2:  # noqa: PLR2004 - a comparison
        raise NotEvaluated(f"fewer than two enumerators with {least} amounts")
    found = unlike(tallies)
    yield Measured(f"p = {found.p:.2g}")
    if found.p < thresholds[kwargs["p"]]:
        code = max(found.residuals, key=lambda one: abs(found.residuals[one]))
        told = tallies[code]
        yield Finding(
            code, f"{told.rounded} of {sum(told)}", f"adjusted residual {found.residuals[code]:.1f}"
        )
