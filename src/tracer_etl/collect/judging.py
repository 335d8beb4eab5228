"""What JavaRosa thinks of every node of an instance: relevant, required, constraint kept, choices offered.

A filling that heeds the form never holds a wrong answer. Here the instance may hold any, and the engine is
asked node by node, so that another judge can be held against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.collect.jvm import JavaObject

_TEMPLATE = -2  # TreeReference.INDEX_TEMPLATE
Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """The engine's verdicts on one question in one instance of the repeats around it.

    Attributes:
        row: the way to the innermost repeat instance among those that are sent, as `_row_id` writes it after
            the submission's key, e.g. `/job[2]/task[1]`; empty outside repeats.
        path: the steps below the root element.
        constraint: whether the answer keeps the constraint; None where there is no answer or no constraint.
        offered: the choices its filter leaves; None where nothing is filtered.
    """

    row: str
    path: Steps
    relevant: bool
    required: bool
    constraint: bool | None
    offered: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One submission, right or wrong, and the engine's verdict on each of its nodes."""

    xml: bytes
    nodes: tuple[Node, ...]


def filtered_itemsets(form: JavaObject) -> dict[Steps, JavaObject]:
    """Find the item sets with a choice filter, by the path of their question."""
    found: dict[Steps, JavaObject] = {}
    waiting = list(form.getChildren() or ())
    while waiting:
        element = waiting.pop()
        waiting.extend(element.getChildren() or ())
        itemset = element.getDynamicChoices() if hasattr(element, "getDynamicChoices") else None
        if itemset is not None and itemset.nodesetRef.hasPredicates():
            reference = str(element.getBind().getReference().toString(False, False))
            found[tuple(reference.strip("/").split("/")[1:])] = itemset
    return found


def judge_nodes(form: JavaObject, itemsets: Mapping[Steps, JavaObject]) -> tuple[Node, ...]:
    """Ask for every question whose repeat instance would be sent."""
    return tuple(_Nodes(form, itemsets).below(form.getInstance().getRoot(), "", (), ()))


@dataclass
class _Nodes:
    """Goes through the tree of one instance."""

    form: JavaObject
    itemsets: Mapping[Steps, JavaObject]

    def below(self, parent: JavaObject, row: str, repeat: Steps, path: Steps) -> Iterator[Node]:
        sent: dict[Steps, int] = {}
        for position in range(parent.getNumChildren()):
            element = parent.getChildAt(position)
            if int(element.getMult()) == _TEMPLATE:
                continue
            here = (*path, str(element.getName()))
            if element.isRepeatable():
                if element.isRelevant() and _holds_nodes(element):
                    sent[here] = sent.get(here, 0) + 1
                    own = f"{row}/{'/'.join(here[len(repeat) :])}[{sent[here]}]"
                    yield from self.below(element, own, here, here)
            elif element.getNumChildren():
                yield from self.below(element, row, repeat, here)
            else:
                yield self.node(element, row, here)

    def node(self, element: JavaObject, row: str, path: Steps) -> Node:
        relevant, value = bool(element.isRelevant()), element.getValue()
        kept = offered = None
        if relevant and value is not None and element.getConstraint() is not None:
            kept = bool(self.form.evaluateConstraint(element.getRef(), value))
        if relevant and path in self.itemsets:
            choices = self.itemsets[path].getChoices(self.form, element.getRef())
            offered = frozenset(str(choice.getValue()) for choice in choices)
            # Listing the choices dropped an answer that is not among them; the next question wants it back.
            element.setValue(value)
        return Node(row, path, relevant, bool(element.isRequired()), kept, offered)


def _holds_nodes(element: JavaObject) -> bool:
    """Tell whether an instance is sent with a node in it; one without any is no row."""
    children = (element.getChildAt(position) for position in range(element.getNumChildren()))
    return any(bool(child.isRelevant()) for child in children if int(child.getMult()) != _TEMPLATE)
