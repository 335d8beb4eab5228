"""How SQL reads a node out of a landed projection: declared structs, or JSON where names differ only in case.

DuckDB folds the case of struct fields, XML does not: a level with such twins is declared as JSON, and so is
all below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracer_etl.questions import NodePath

BLANK = "E' \\t\\r\\n'"
"""White space of XML, in SQL: some clients write their answers with indents and line ends."""


def step_key(step: str) -> str:
    """Name the list that holds the instances of a node with children.

    >>> step_key("job")
    'job/'
    """
    return f"{step}/"


def pointer(steps: Sequence[str], *, every: bool = False) -> str:
    """Point into JSON: through the first instance of every group, or through all.

    >>> pointer(["a", "b"]), pointer(["a", "b"], every=True)
    ('$."a/"[0]."b"', '$."a/"[*]."b"')
    """
    index = "[*]" if every else "[0]"
    inner = "".join(f".{_json_key(step_key(step))}{index}" for step in steps[:-1])
    return f"${inner}.{_json_key(steps[-1])}"


def trimmed(text: str) -> str:
    """Trim a text; blank is NULL.

    Trimming is dear and a last letter not cheap: only what begins or ends with white space, or is empty, is trimmed.
    """
    blank = f"{text} < '!' OR (strlen({text}) > 1 AND {text}[-1] < '!')"
    return f"CASE WHEN {blank} THEN nullif(trim({text}, {BLANK}), '') ELSE {text} END"


def _json_key(key: str) -> str:
    return '"' + key.replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Projection:
    """The nodes of a form, and where a value of each stands in a row's `data`."""

    paths: frozenset[NodePath]
    repeats: frozenset[NodePath] = frozenset()
    """Those of notes alone have no path of an answer below them, and instances all the same."""

    @property
    def declared(self) -> str:
        """Give the type to read `data` with."""
        return self._type(())

    def reach(self, base: str, scope: NodePath, path: NodePath) -> str:
        """Read a leaf as it was written."""
        base, here = self._descend(base, scope, path[:-1])
        if here == path[:-1] and not self._is_json(here):
            return f"{base}.{quote(path[-1])}"
        return f"json_extract_string({base}, {literal(pointer(path[len(here) :]))})"

    def instances(self, base: str, scope: NodePath, path: NodePath) -> str:
        """Read the list of the instances of a node with children."""
        base, here = self._descend(base, scope, path[:-1])
        if here == path[:-1] and not self._is_json(here):
            return f"{base}.{quote(step_key(path[-1]))}"
        steps = (*path[len(here) : -1], step_key(path[-1]))
        return f"json_extract({base}, {literal(pointer(steps) + '[*]')})"

    def _descend(self, base: str, scope: NodePath, group: NodePath) -> tuple[str, NodePath]:
        """Go through the first instance of every group as far as structs reach."""
        here = scope
        while here != group and not self._is_json(here):
            here = group[: len(here) + 1]
            base = f"{base}.{quote(step_key(here[-1]))}[1]"
        return base, here

    def _type(self, level: NodePath) -> str:
        if level in self._twins:
            return "JSON"
        leaves, groups = self._members[level]
        if not leaves and not groups:
            return "JSON"
        parts = [f"{quote(leaf)} VARCHAR" for leaf in sorted(leaves)]
        parts += [f"{quote(step_key(name))} {self._type((*level, name))}[]" for name in sorted(groups)]
        return f"STRUCT({', '.join(parts)})"

    def _is_json(self, level: NodePath) -> bool:
        return any(level[:length] in self._twins for length in range(len(level) + 1))

    @cached_property
    def _members(self) -> dict[NodePath, tuple[set[str], set[str]]]:
        """Map every level to its leaves and its nodes with children."""
        found: dict[NodePath, tuple[set[str], set[str]]] = {(): (set(), set())}
        for path in self.paths:
            for length in range(1, len(path)):
                found.setdefault(path[: length - 1], (set(), set()))[1].add(path[length - 1])
            found.setdefault(path[:-1], (set(), set()))[0].add(path[-1])
        for path in self.repeats:
            for length in range(1, len(path) + 1):
                found.setdefault(path[: length - 1], (set(), set()))[1].add(path[length - 1])
            found.setdefault(path, (set(), set()))
        return found

    @cached_property
    def _twins(self) -> frozenset[NodePath]:
        return frozenset(
            level
            for level, (leaves, groups) in self._members.items()
            if _has_twins(leaves) or _has_twins(groups)
        )


def _has_twins(names: Iterable[str]) -> bool:
    listed = list(names)
    return len({name.lower() for name in listed}) < len(listed)
