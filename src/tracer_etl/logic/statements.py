"""What a form states in XPath, expression by expression, and the row each is judged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.questions import Bind, Form, NodePath

StatementKind = Literal["relevant", "required", "constraint", "calculate", "choice_filter", "repeat_count"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One expression; `path` is its context node, `list_name` the choice list a filter is about."""

    kind: StatementKind
    expression: str
    path: NodePath
    list_name: str = ""

    @property
    def place(self) -> NodePath:
        """Give the node whose row judges it: a repeat is counted in the row it hangs on."""
        return self.path[:-1] if self.kind == "repeat_count" else self.path


def statements(form: Form) -> Iterator[Statement]:
    """List every expression of a form version, groups first.

    The relevance of a repeat is judged in each of its instances.
    """
    for group in form.groups:
        yield from _of_bind(group.path, group.bind)
        if group.count:
            yield Statement("repeat_count", group.count, group.path)
    for question in form.questions:
        yield from _of_bind(question.path, question.bind)
        if question.choice_filter:
            yield Statement("choice_filter", question.choice_filter, question.path, question.list_name)


def _of_bind(path: NodePath, bind: Bind) -> Iterator[Statement]:
    if bind.relevant:
        yield Statement("relevant", bind.relevant, path)
    if bind.required:
        yield Statement("required", bind.required, path)
    if bind.constraint:
        yield Statement("constraint", bind.constraint, path)
    if bind.calculate:
        yield Statement("calculate", bind.calculate, path)
