"""About five submissions in a hundred get one fault each, of many kinds; faults.csv lists them all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_etl.evidence.rehearsal.fault import Fault, Recipe
from tracer_etl.evidence.rehearsal.fault_groups import plant_groups
from tracer_etl.evidence.rehearsal.fault_kinds import RAW_RECIPES, RECIPES
from tracer_etl.evidence.rehearsal.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.collect import Identifiers
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.job import Submission


def plant(
    chance: Chance, submissions: list[Submission], untouched: set[str], identifiers: Identifiers
) -> tuple[list[Submission], list[Fault]]:
    """Return the submissions with the faults in place, and the list of faults; no submission has two."""
    result = {one.folder: one for one in submissions}
    free = [one for one in submissions if one.folder not in untouched]
    chance.rng.shuffle(free)
    faults = []
    for recipe in RECIPES:
        for number in range(recipe.times):
            changed, fault = _apply(recipe, free, chance.of(recipe.form, recipe.kind, number))
            result[changed.folder] = changed
            faults.append(fault)
    for raw in RAW_RECIPES:
        chosen = _take(free, raw.form)
        result[chosen.folder] = replace(chosen, xml=raw.change(chosen.xml))
        faults.append(
            Fault(raw.form, chosen.instance_id, raw.kind, "xml", "/", f"{len(chosen.xml)} bytes before")
        )
    for changed, fault in plant_groups(chance.of("groups"), free, identifiers):
        result[changed.folder] = changed
        faults.append(fault)
    return list(result.values()), faults


def _take(free: list[Submission], form_id: str) -> Submission:
    chosen = next(one for one in free if one.form_id == form_id)
    free.remove(chosen)
    return chosen


def _apply(recipe: Recipe, free: list[Submission], chance: Chance) -> tuple[Submission, Fault]:
    for changed, place in _attempts(recipe, free, chance):
        free[:] = [one for one in free if one.folder != changed.folder]
        path, detail = place
        return changed, Fault(recipe.form, changed.instance_id, recipe.kind, recipe.rule, path, detail)
    message = f"no submission of {recipe.form} can carry the fault {recipe.kind}"
    raise LookupError(message)


def _attempts(
    recipe: Recipe, free: list[Submission], chance: Chance
) -> Iterator[tuple[Submission, tuple[str, str]]]:
    for one in free:
        if one.form_id == recipe.form:
            sheet = Sheet(one.xml)
            place = recipe.edit(sheet, chance)
            if place is not None:
                yield replace(one, xml=sheet.bytes()), place
