"""What a form is made of: questions with full path, groups and repeats, choices, binds, labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Kind = Literal[
    "text", "integer", "decimal", "boolean", "date", "time", "datetime",
    "select_one", "select_multiple", "rank", "geopoint", "geotrace", "geoshape",
    "media", "acknowledge", "calculate", "note", "meta",
]  # fmt: skip
Privacy = Literal["direct", "quasi", "open"]
NodePath = tuple[str, ...]
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a list: its value, its labels by language and its further columns."""

    value: str
    labels: Labels
    columns: Labels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChoiceList:
    """A choice list; `file` names the CSV when it travels beside the form."""

    name: str
    choices: tuple[Choice, ...]
    file: str = ""

    def values(self) -> tuple[str, ...]:
        """List the values in the form's order."""
        return tuple(choice.value for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Bind:
    """What the form promises of a node, as XPath; empty means nothing is promised."""

    relevant: str = ""
    required: str = ""
    constraint: str = ""
    calculate: str = ""
    readonly: bool = False
    preload: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One node that can hold a value; `path` starts below the root element."""

    path: NodePath
    kind: Kind
    bind: Bind
    labels: Labels
    hints: Labels
    messages: Labels
    privacy: Privacy
    list_name: str = ""
    value_column: str = "name"
    choice_filter: str = ""
    appearance: str = ""

    @property
    def name(self) -> str:
        """Give the last step of the path."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Group:
    """A group or a repeat; `count` is the XPath of a repeat's own number of instances."""

    path: NodePath
    labels: Labels
    bind: Bind
    repeat: bool = False
    count: str = ""


@dataclass(frozen=True)
class Form:
    """One version of a form, in the order of its nodes."""

    form_id: str
    version: str
    title: str
    root: str
    languages: tuple[str, ...]
    default_language: str
    questions: tuple[Question, ...]
    groups: tuple[Group, ...]
    lists: Mapping[str, ChoiceList]
    xform: str
    warnings: tuple[str, ...] = ()
    constants: frozenset[tuple[str, str]] = frozenset()
    """What the form itself writes into attributes of its nodes: (path/@name, value)."""

    @cached_property
    def repeats(self) -> tuple[NodePath, ...]:
        """List the paths of the repeats, outer before inner."""
        return tuple(group.path for group in self.groups if group.repeat)

    def repeat_of(self, path: NodePath) -> NodePath:
        """Give the innermost repeat a node lies in; the empty path is the root.

        A repeat lies in itself: its own path gives itself.
        """
        inside = [repeat for repeat in self.repeats if path[: len(repeat)] == repeat]
        return max(inside, key=len, default=())

    def question(self, path: NodePath) -> Question | None:
        """Find a question by its path."""
        return self._by_path.get(path)

    @cached_property
    def _by_path(self) -> dict[NodePath, Question]:
        return {question.path: question for question in self.questions}
