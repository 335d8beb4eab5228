"""Rankings drawn from a known truth: of the programmes said to be among the first four with 80 %, are 80 %?

`bench/coverage.py` runs every scenario in thousands, `tests/test_coverage.py` in a few. What ranks is the plan's own code.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tracer_etl.evidence.plan import rubric_value, score, with_effects
from tracer_etl.evidence.plan_config import CRITERIA, PlanConfig, read_plan
from tracer_etl.evidence.plan_draws import draw, misrated, ranks_of
from tracer_etl.evidence.plan_evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FILE = Path(__file__).parents[1] / "evidence/plan_2026.toml"
DRAWS = 400
FAMILY_SD, OWN_SD = 0.07, 0.07
"""Together a spread of ten points between programmes, as specification 0.3 point 7 has it."""

WORDS = {"unlikely": (0.0, 0.3), "open": (0.3, 0.7), "likely": (0.7, 0.9), "clear": (0.9, 1.01)}
"""What the report says of P(top 4)."""


@dataclass(frozen=True)
class Scenario:
    """One kind of truth.

    programmes: how many candidates; sizes: least and most respondents of a class; family_sd: spread between families, 0
    where every programme is its own; own_sd: spread within; pilots: candidates without alumni; earnings: E5 counts; whole:
    all ten criteria count, weights and ratings are in doubt as well, and skill, certificates, unmet need and ideas are
    seen with their sampling error; drawn: mean and spread are others in every ranking.
    """

    name: str
    programmes: int = 11
    sizes: tuple[int, int] = (17, 17)
    family_sd: float = 0.0
    pilots: int = 0
    in_field: bool = True
    earnings: bool = False
    whole: bool = False
    own_sd: float = OWN_SD
    drawn: bool = False


SCENARIOS = (
    Scenario("in-field work, 11 programmes of 17"),
    Scenario("in-field work, 7 programmes of 17", programmes=7),
    Scenario("in-field work, classes of 10 to 60", sizes=(10, 60)),
    Scenario("in-field work, like within families", family_sd=FAMILY_SD),
    Scenario("in-field work, families and 3 pilots", family_sd=FAMILY_SD, pilots=3),
    Scenario("earnings, 11 programmes of 17", in_field=False, earnings=True),
    Scenario(
        "all ten criteria, weights and ratings in doubt",
        15,
        (10, 40),
        FAMILY_SD,
        3,
        earnings=True,
        whole=True,
    ),
    Scenario("in-field work, families that mean nothing", family_sd=1e-9, own_sd=0.10),
    Scenario(
        "all ten criteria, mean and spread drawn as well",
        15,
        (10, 40),
        FAMILY_SD,
        3,
        earnings=True,
        whole=True,
        drawn=True,
    ),
)


@cache
def settings(scenario: Scenario) -> PlanConfig:
    """Give the office's file with the scenario's candidates and criteria."""
    config = dataclasses.replace(read_plan(FILE), draws=DRAWS)
    kept = [one for one in config.candidates if one.licensed][: scenario.programmes]
    if not scenario.family_sd:
        kept = [dataclasses.replace(one, family=one.code) for one in kept]
    config = dataclasses.replace(config, candidates=tuple(kept))
    if scenario.whole:
        return config
    used = [name for name in ("in_field", "earnings") if getattr(scenario, name)]
    weights = dict.fromkeys(CRITERIA, 0.0) | dict.fromkeys(used, 100.0 / len(used))
    anchors = {**config.anchors, "in_field": (0.0, 1.0), "earnings": (-1.0, 2.0)}
    return dataclasses.replace(config, weights=weights, anchors=anchors)


def true_rates(config: PlanConfig, scenario: Scenario, dice: np.random.Generator) -> Floats:
    """Draw in-field work of each programme: Beta(14, 6), or around means of families that differ."""
    size = len(config.candidates)
    if not scenario.family_sd:
        return dice.beta(14, 6, size)
    families = [one.family for one in config.candidates]
    middle = dice.uniform(0.5, 0.85) if scenario.drawn else 0.7
    wider = np.exp(dice.normal(0, 0.4)) if scenario.drawn else 1.0
    means = {name: dice.normal(middle, scenario.family_sd * wider) for name in sorted(set(families))}
    return np.clip(dice.normal([means[name] for name in families], scenario.own_sd * wider), 0.02, 0.98)


def true_gains(config: PlanConfig, scenario: Scenario, dice: np.random.Generator) -> Floats:
    """Draw the change of earnings of each programme, in UMK: 0.2, give or take 0.12."""
    if not scenario.drawn:
        return dice.normal(0.2, 0.12, len(config.candidates))
    middle, spread = dice.normal(0.2, 0.1), abs(dice.normal(0, 0.2)) / np.sqrt(2)
    families = [one.family for one in config.candidates]
    means = {name: dice.normal(middle, spread) for name in sorted(set(families))}
    return dice.normal([means[name] for name in families], spread)


def true_evidence(config: PlanConfig, scenario: Scenario, dice: np.random.Generator) -> dict[str, Evidence]:
    """Give what is true of each programme beside in-field work and earnings; drawn where all criteria count."""
    found = {}
    for place, one in enumerate(config.candidates):
        base = Evidence(women=0.5, target_group=0.3, spread=0.8, applications=60 + 5 * place, certified=0.9)
        base = dataclasses.replace(base, skill_gain=0.8, vacancies=8.0 + place, ideas=0.02 * (place % 5))
        if scenario.whole:
            base = dataclasses.replace(base, skill_gain=dice.normal(0.8, 0.3), certified=dice.beta(18, 2))
            base = dataclasses.replace(base, unmet_need=dice.beta(2, 28))
        found[one.code] = base
    return found


def seen(
    config: PlanConfig,
    scenario: Scenario,
    truth: Mapping[str, Evidence],
    effects: tuple[Floats, Floats],
    dice: np.random.Generator,
) -> Mapping[str, Evidence]:
    """Draw what a survey would show of each programme; the last ones are pilots without alumni."""
    rates, gains = effects
    sizes = dice.integers(scenario.sizes[0], scenario.sizes[1], len(rates), endpoint=True)
    found = {}
    for place, one in enumerate(config.candidates):
        error = 0.4 / np.sqrt(sizes[place])
        base = truth[one.code]
        if scenario.whole:
            base = sampled(base, int(sizes[place]), dice)
        if place < len(rates) - scenario.pilots:
            share = float(dice.binomial(sizes[place], rates[place]) / sizes[place])
            base = dataclasses.replace(base, in_field=share, in_field_n=float(sizes[place]))
            base = dataclasses.replace(
                base, earnings=float(dice.normal(gains[place], error)), earnings_se=float(error)
            )
        elif scenario.whole:
            base = dataclasses.replace(base, skill_gain=np.nan, certified=np.nan, certified_n=0.0)
        found[one.code] = base
    return found


def sampled(true: Evidence, size: int, dice: np.random.Generator) -> Evidence:
    """Draw skill gain and certificates of a class, unmet need of 250 who answer, and 140 ideas."""
    error = np.sqrt(1 / size + true.skill_gain**2 / (2 * size))
    need = dice.binomial(250, true.unmet_need) / 250
    return dataclasses.replace(
        true,
        skill_gain=dice.normal(true.skill_gain, error),
        skill_gain_se=error,
        certified=dice.binomial(size, true.certified) / size,
        certified_n=float(size),
        unmet_need=need,
        unmet_need_se=np.sqrt(need * (1 - need) / 250),
        ideas=dice.binomial(140, true.ideas) / 140,
        ideas_n=140.0,
    )


def one_ranking(scenario: Scenario, number: int, draws: int = DRAWS) -> pd.DataFrame:
    """Draw a truth, what is seen of it, and rank; a row per programme: P(top 4) as said, and whether it is so."""
    dice = np.random.default_rng([26, SCENARIOS.index(scenario), number])
    config = dataclasses.replace(settings(scenario), seed=number, draws=draws)
    rates, gains = true_rates(config, scenario, dice), true_gains(config, scenario, dice)
    truth = true_evidence(config, scenario, dice)
    scored = score(config, seen(config, scenario, truth, (rates, gains), dice))
    values, weights = scored.values, scored.weights
    if scenario.whole:
        known = {code: dataclasses.replace(one, in_field_n=1.0, in_field=0.7) for code, one in truth.items()}
        values = score(config, known).values
        gamma = dice.standard_gamma(weights * config.concentration)
        weights = gamma / gamma.sum()
        for criterion in ("priority", "raw_material"):
            ratings = np.array([getattr(one, criterion) for one in scored.candidates])
            moved = misrated(ratings, config.rubric_error, dice, 1)[0]
            values[:, CRITERIA.index(criterion)] = rubric_value(moved)
    true = with_effects(values, rates, gains, scored.candidates, config) @ weights
    is_top = ranks_of(true[None, :])[0] <= config.choose
    return pd.DataFrame({"round": number, "said": draw(scored).top, "is_top": is_top.astype(float)})


def calibration(found: pd.DataFrame) -> pd.DataFrame:
    """Give a row per word of the report: how often said, with what probability, how often true, and its error.

    The error takes a whole ranking as the unit: what is said of its programmes hangs together.
    """
    rows = []
    for word, (low, high) in WORDS.items():
        part = found[(found["said"] >= low) & (found["said"] < high)]
        away = (part["is_top"] - part["said"]).groupby(part["round"]).sum()
        error = float(np.sqrt((away**2).sum())) / max(len(part), 1)
        rows.append((word, len(part), part["said"].mean(), part["is_top"].mean(), error))
    return pd.DataFrame(rows, columns=["word", "times", "said", "true", "error"])
