"""Multiple imputation of earnings told neither as a number nor as a band: a weighted hot deck (specification 2.2, E1).

Every replicate of the bootstrap imputes anew from the donors it drew, which is what makes the imputation proper
(Rubin and Schenker 1986: approximate Bayesian bootstrap; Shao and Sitter 1996: bootstrap for imputed survey data).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]
    Mask = NDArray[np.bool_]

STATUS_GROUP = {"4": "employee", "5": "casual", "6": "casual", "1": "owner", "2": "owner", "3": "owner"}
"""Who earns alike: status in employment (Sakernas); unpaid family workers (7) earn nothing and are in no group."""


@dataclass(frozen=True)
class HotDeck:
    """Whose value each person without one takes; all entries are rows of the sample's table.

    `recipients` (k); `point` (k x imputations), the donors behind the estimate; `drawn` (k x replicates times
    imputations of each), the donors within each bootstrap replicate, one replicate after the other.
    """

    recipients: Places
    point: Places
    drawn: Places


@dataclass(frozen=True)
class Completed:
    """A cell once imputed: the rows behind it and their weights, a recipient's weight lying on its donor.

    `point` and `bare` (without weights) have one column per imputation, `replicates` as many per replicate as the deck
    drew; `total` is the weights' sum and `count` the number of persons imputed.
    """

    columns: Floats
    point: Floats
    bare: Floats
    replicates: Floats
    total: float
    count: int


def earnings_deck(
    table: pd.DataFrame, weights: Floats, replicates: Floats, constants: Constants
) -> HotDeck | None:
    """Draw donors for who was asked for earnings and told none; None where nobody is, or nobody told any.

    `table` has one row per respondent with alumni_id, programme, status_emp, real_now and earnings_untold.
    """
    group = table["status_emp"].map(STATUS_GROUP).fillna("")
    family = table["programme"].map(lambda code: constants.families.get(code, code)).fillna("")
    cells = np.array([group + "/" + family, group, [""] * len(table)])
    ids = table["alumni_id"].astype(str).tolist()
    told, untold = table["real_now"].notna().to_numpy(), table["earnings_untold"].to_numpy(dtype=bool)
    if not (told.any() and untold.any()):
        return None
    return draw(ids, told, untold, cells, weights, replicates, constants)


def draw(
    ids: Sequence[str],
    told: Mask,
    untold: Mask,
    cells: NDArray[np.str_],
    weights: Floats,
    replicates: Floats,
    constants: Constants,
) -> HotDeck:
    """Draw a donor for each person and imputation, with a chance in proportion to the donors' weights.

    `cells` has a row per level, the finest first, and a column per person: a donor comes from the finest cell in which
    `donor_minimum` told a value. A replicate that drew none of them takes the next coarser. The stream of
    chance is the person's own, so neither the order of rows nor another person changes it.
    """
    each = np.repeat(np.nan_to_num(replicates), constants.imputations_each, axis=1)
    columns = np.hstack([np.repeat(weights[:, None], constants.imputations, axis=1), each])
    donors = np.array(sorted(np.flatnonzero(told).tolist(), key=ids.__getitem__), dtype=np.int64)
    recipients = np.flatnonzero(untold).astype(np.int64)
    chosen = np.empty((len(recipients), columns.shape[1]), dtype=np.int64)
    for place, row in enumerate(recipients.tolist()):
        pools = [donors[level[donors] == level[row]] for level in cells]
        large = [pool for pool in pools[:-1] if len(pool) >= constants.donor_minimum]
        chosen[place] = _from_first([*large, pools[-1]], columns, _stream(ids[row], constants.seed))
    return HotDeck(recipients, chosen[:, : constants.imputations], chosen[:, constants.imputations :])


def _stream(person: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, int.from_bytes(person.encode(), "big")])


def _from_first(pools: Sequence[Places], columns: Floats, stream: np.random.Generator) -> Places:
    """Pick a donor for each column from the first pool that has weight there."""
    chance = stream.random(columns.shape[1])
    # A replicate that raking broke has no weights; its number is nan, whoever gives.
    chosen = np.full(columns.shape[1], pools[-1][0], dtype=np.int64)
    free = np.ones(columns.shape[1], dtype=bool)
    for pool in pools:
        if not free.any():
            break
        reached = np.cumsum(columns[pool], axis=0)
        place = np.minimum((reached <= chance * reached[-1]).sum(axis=0), len(pool) - 1)
        here = free & (reached[-1] > 0)
        chosen[here] = pool[place[here]]
        free &= ~here
    return chosen


def of_enrolments(
    deck: HotDeck | None, persons: pd.Series[str], enrolments: pd.Series[str]
) -> HotDeck | None:
    """Give the same donors in a table of enrolments: a person in two classes has the same values in both.

    `persons` and `enrolments` are the two tables' alumni_id.
    """
    if deck is None:
        return None
    rows = np.arange(len(enrolments))
    first = pd.Series(rows, index=enrolments).groupby(level=0).first()[persons].to_numpy()
    places = pd.Series(np.arange(len(deck.recipients)), index=persons.iloc[deck.recipients])
    own = enrolments.isin(places.index).to_numpy(dtype=bool)
    taken = places[enrolments[own]].to_numpy()
    return HotDeck(rows[own], first[deck.point[taken]], first[deck.drawn[taken]])


def completed(
    deck: HotDeck, columns: Floats, member: Mask, told: Mask, weights: Floats, replicates: Floats
) -> Completed | None:
    """Move the weights of a cell's recipients onto their donors, who may stand outside the cell; None without any.

    One entry per row of the sample in each argument; `told` says whose value is known.
    """
    here = member[deck.recipients]
    if not here.any():
        return None
    taken, point, drawn = deck.recipients[here], deck.point[here], deck.drawn[here]
    rows = np.unique(np.concatenate([np.flatnonzero(member & told), point.ravel(), drawn.ravel()]))
    own = (member & told)[rows, None]
    times = drawn.shape[1] // replicates.shape[1]

    def move(matrix: Floats, donors: Places) -> Floats:
        moved = np.where(own, matrix[rows], 0.0)
        np.add.at(moved, (np.searchsorted(rows, donors), np.arange(donors.shape[1])[None, :]), matrix[taken])
        return moved

    alike = np.repeat(weights[:, None], point.shape[1], axis=1)
    return Completed(
        columns[rows],
        move(alike, point),
        move(np.ones_like(alike), point),
        move(np.repeat(replicates, times, axis=1), drawn),
        float(weights[member & told].sum() + weights[taken].sum()),
        int(here.sum()),
    )
