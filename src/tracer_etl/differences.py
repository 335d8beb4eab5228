"""Two versions of a form -> what changes for whoever answers, and what that means for the warehouse.

Forms are compared as compiled, so that it does not matter which program wrote their XML.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

from tracer_etl.fine_print import fine_print, plain_xpath
from tracer_etl.schema import SYSTEM_PATHS, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracer_etl.questions import Bind, ChoiceList, Form, Group, Labels, NodePath, Question
    from tracer_etl.schema import Column, Schema

What = Literal[
    "setting", "added", "removed", "moved", "retyped", "label", "choices", "logic", "appearance", "privacy",
    "order", "detail",
]  # fmt: skip
_NOUNS: dict[What, tuple[str, str]] = {
    "setting": ("setting changed", "settings changed"),
    "added": ("node added", "nodes added"),
    "removed": ("node removed", "nodes removed"),
    "moved": ("question moved", "questions moved"),
    "retyped": ("question retyped", "questions retyped"),
    "label": ("text changed", "texts changed"),
    "choices": ("choice list changed", "choice lists changed"),
    "logic": ("expression changed", "expressions changed"),
    "appearance": ("appearance changed", "appearances changed"),
    "privacy": ("privacy class changed", "privacy classes changed"),
    "order": ("order changed", "orders changed"),
    "detail": ("detail changed", "details changed"),
}
_EXPRESSIONS = ("relevant", "required", "constraint", "calculate")
_SHOWN = 8
"""Choices named in one line."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One change; `node` is a path with slashes, a choice list's name, or empty for the form itself."""

    what: What
    node: str
    text: str

    def __str__(self) -> str:
        """Write it as one line."""
        return f"{self.node}: {self.text}" if self.node else self.text


def summary(changes: Sequence[Difference]) -> str:
    """Count the changes by kind.

    >>> summary([Difference("added", "a", "text"), Difference("added", "b", "text")])
    '2 nodes added'
    """
    counts = Counter(change.what for change in changes)
    return ", ".join(
        f"{counts[what]} {nouns[counts[what] > 1]}" for what, nouns in _NOUNS.items() if counts[what]
    )


def differences(old: Form, new: Form) -> tuple[Difference, ...]:
    """List what changes from one version to another; the version label itself and warnings do not count.

    No difference means: whoever answers and whoever reads the answers cannot tell the two apart.
    """
    return tuple(_Comparison(old, new).everything())


class _Comparison:
    """Pairs the questions of two versions and compares the pairs."""

    def __init__(self, old: Form, new: Form) -> None:
        self.old, self.new = old, new
        self.before = {q.path: q for q in old.questions if q.path not in SYSTEM_PATHS}
        self.after = {q.path: q for q in new.questions if q.path not in SYSTEM_PATHS}
        self.common = [language for language in _languages(new) if language in _languages(old)]
        self.moves = dict(self._moves())

    def everything(self) -> Iterator[Difference]:
        yield from self._settings()
        yield from self._groups()
        yield from self._comings_and_goings()
        pairs = [(self.before[path], self.after[path]) for path in self.after if path in self.before]
        pairs += [(self.before[path], self.after[target]) for path, target in self.moves.items()]
        for before, after in pairs:
            yield from self._question(before, after)
        yield from self._lists(pairs)
        yield from self._order()
        yield from self._fine_print()

    # -- the form and its nodes

    def _settings(self) -> Iterator[Difference]:
        titles = (self.old.title, self.new.title)
        pairs = {
            # A server that lets projects be renamed keeps no title of the form.
            "title": titles if all(titles) else ("", ""),
            "languages": (", ".join(sorted(_languages(self.old))), ", ".join(sorted(_languages(self.new)))),
            "default language": (self.old.default_language, self.new.default_language),
        }
        for name, (before, after) in pairs.items():
            yield from _changed("setting", "", name, before, after)

    def _moves(self) -> Iterator[tuple[NodePath, NodePath]]:
        """Pair what left one group with what came into another of the same table, as the warehouse does."""
        gone = [question for path, question in self.before.items() if path not in self.after]
        for path, question in self.after.items():
            if path in self.before:
                continue
            fits = [old for old in gone if self._place(self.old, old) == self._place(self.new, question)]
            if len(fits) == 1:
                gone.remove(fits[0])
                yield fits[0].path, path

    @staticmethod
    def _place(form: Form, question: Question) -> tuple[NodePath, str, str]:
        return form.repeat_of(question.path), question.name, question.kind

    def _comings_and_goings(self) -> Iterator[Difference]:
        targets = set(self.moves.values())
        for path, question in self.after.items():
            if path not in self.before and path not in targets:
                yield Difference(
                    "added", _node(path), f"new, {question.kind}{self._title(self.new, question)}"
                )
        for path, question in self.before.items():
            if path not in self.after and path not in self.moves:
                text = f"no longer asked, was {question.kind}{self._title(self.old, question)}"
                yield Difference("removed", _node(path), text)
        for path, target in self.moves.items():
            yield Difference("moved", _node(target), f"moved from {_node(path)}")

    @staticmethod
    def _title(form: Form, question: Question) -> str:
        label = question.labels.get(form.default_language, "")
        return f" {_short(label)}" if label else ""

    def _groups(self) -> Iterator[Difference]:
        before = {group.path: group for group in self.old.groups}
        after = {group.path: group for group in self.new.groups}
        for path in after.keys() - before.keys():
            yield Difference("added", _node(path), f"new {_group_word(after[path])}")
        for path in before.keys() - after.keys():
            yield Difference("removed", _node(path), f"{_group_word(before[path])} is gone")
        for path in after.keys() & before.keys():
            yield from self._group(before[path], after[path])

    def _group(self, before: Group, after: Group) -> Iterator[Difference]:
        node = _node(after.path)
        yield from _changed("retyped", node, "kind", _group_word(before), _group_word(after))
        yield from self._labels(node, "label", before.labels, after.labels)
        yield from self._bind(node, before.bind, after.bind)
        yield from self._expression(node, "repeat_count", before.count, after.count)

    def _question(self, before: Question, after: Question) -> Iterator[Difference]:
        node = _node(after.path)
        yield from _changed("retyped", node, "type", before.kind, after.kind)
        for name, old, new in (
            ("label", before.labels, after.labels),
            ("hint", before.hints, after.hints),
            ("constraint message", before.messages, after.messages),
        ):
            yield from self._labels(node, name, old, new)
        yield from self._bind(node, before.bind, after.bind)
        yield from self._expression(node, "choice_filter", before.choice_filter, after.choice_filter)
        yield from _changed("logic", node, "value column", before.value_column, after.value_column)
        yield from _changed("appearance", node, "appearance", before.appearance, after.appearance)
        yield from _changed("privacy", node, "privacy", before.privacy, after.privacy)

    def _labels(self, node: str, name: str, old: Labels, new: Labels) -> Iterator[Difference]:
        for language in self.common:
            shown = name if language == "default" else f"{name} in {language}"
            yield from _changed("label", node, shown, old.get(language, ""), new.get(language, ""))

    def _bind(self, node: str, old: Bind, new: Bind) -> Iterator[Difference]:
        for name in _EXPRESSIONS:
            yield from self._expression(node, name, getattr(old, name), getattr(new, name))
        yield from _changed("logic", node, "read only", _yes(old.readonly), _yes(new.readonly))
        yield from _changed("logic", node, "preload", old.preload, new.preload)

    def _expression(self, node: str, name: str, old: str, new: str) -> Iterator[Difference]:
        before, after = plain_xpath(old, self.old.root), plain_xpath(new, self.new.root)
        yield from _changed("logic", node, name, before, after)

    def _order(self) -> Iterator[Difference]:
        before = [path for path in self.before if path in self.after]
        after = [path for path in self.after if path in self.before]
        if before != after:
            first = next(new for old, new in zip(before, after, strict=True) if old != new)
            yield Difference("order", "", f"the questions come in another order from {_node(first)} on")

    # -- choices

    def _lists(self, pairs: Iterable[tuple[Question, Question]]) -> Iterator[Difference]:
        seen = {(b.list_name, a.list_name): None for b, a in pairs if b.list_name or a.list_name}
        for old, new in seen:
            before, after = self.old.lists.get(old), self.new.lists.get(new)
            if before and after:
                yield from self._list(new, before, after)
            else:
                yield Difference("choices", new or old, "choices are new" if after else "choices are gone")

    def _list(self, name: str, old: ChoiceList, new: ChoiceList) -> Iterator[Difference]:
        yield from _changed("choices", name, "file", old.file, new.file)
        if old.file or new.file:
            return  # the rows of a file are compared as a file
        before, after = (
            {choice.value: self._shown(choice.labels, choice.columns) for choice in choices.choices}
            for choices in (old, new)
        )
        changes = [
            *_listed("new", [value for value in after if value not in before]),
            *_listed("gone", [value for value in before if value not in after]),
            *_listed("changed", [v for v in after if v in before and after[v] != before[v]]),
        ]
        if not changes and list(before) != list(after):
            changes = ["another order"]
        if changes:
            yield Difference("choices", name, "choices " + "; ".join(changes))

    def _shown(self, labels: Labels, columns: Labels) -> tuple[tuple[str, str], ...]:
        texts = {language: labels.get(language, "") for language in self.common}
        # A converter that writes choices without an instance of their own leaves no columns.
        filters = {key: value for key, value in columns.items() if key != "label"}
        return tuple(sorted({**texts, **filters}.items()))

    # -- the rest

    def _fine_print(self) -> Iterator[Difference]:
        before, after = fine_print(self.old.xform), fine_print(self.new.xform)
        nodes = {_node(path) for path in self.before.keys() & self.after.keys()}
        groups = {_node(g.path) for g in self.old.groups} & {_node(g.path) for g in self.new.groups}
        for node, what in chain(after, before.keys() - after.keys()):
            if node and ":" not in node and node not in nodes | groups:
                continue  # came, went or moved: said already
            yield from _changed(
                "detail", node, what, before.get((node, what), ""), after.get((node, what), "")
            )


def consequences(earlier: Sequence[Form], new: Form) -> tuple[str, ...]:
    """Say what a new version does to the tables that hold the answers to the earlier ones, oldest first.

    Raises:
        DriftError: the old answers would not fit any more.
    """
    before, after = schema_of(earlier), schema_of([*earlier, new])
    return tuple(_table_changes(before, after, earlier[-1], new))


def _table_changes(before: Schema, after: Schema, last: Form, new: Form) -> Iterator[str]:
    known = {table.name: {column.name: column for column in table.columns} for table in before.tables}
    for table in after.tables:
        if table.name not in known:
            yield f"new table {table.name} with {len(table.columns)} columns"
            continue
        for column in table.columns:
            name, old = f"{table.name}.{column.name}", known[table.name].get(column.name)
            if old is None:
                yield f"new column {name} ({column.sql_type})"
            else:
                yield from _column_changes(name, old, column)
                if _asked(column, last) and not _asked(column, new):
                    yield f"column {name} stays and is empty in new submissions"


def _column_changes(name: str, old: Column, new: Column) -> Iterator[str]:
    if new.sql_type != old.sql_type:
        yield f"column {name} widens from {old.sql_type} to {new.sql_type}"
    if new.paths[0] != old.paths[0]:
        yield f"column {name} goes on under {_node(new.paths[0])}"
    if new.privacy != old.privacy:
        yield f"column {name} becomes {new.privacy}"


def _asked(column: Column, form: Form) -> bool:
    return any(form.question(path) for path in column.paths)


def _changed(what: What, node: str, name: str, old: str, new: str) -> Iterator[Difference]:
    if old != new:
        yield Difference(what, node, f"{name} {_short(old)} -> {_short(new)}")


def _listed(word: str, values: Sequence[str]) -> list[str]:
    if not values:
        return []
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return [f"{word}: {', '.join(values[:_SHOWN])}{more}"]


def _short(text: str, longest: int = 60) -> str:
    if not text:
        return "nothing"
    return f'"{text if len(text) <= longest else text[: longest - 3] + "..."}"'


def _languages(form: Form) -> tuple[str, ...]:
    return form.languages or (form.default_language,)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _node(path: NodePath) -> str:
    return "/".join(path)


def _group_word(group: Group) -> str:
    return "repeat" if group.repeat else "group"
