"""OData's $select as ODK Central reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.central.answers import Problem

if TYPE_CHECKING:
    from tracer_etl.testing.central.schema import Field, Schema

SYSTEM = tuple(
    "submissionDate updatedAt submitterId submitterName attachmentsPresent attachmentsExpected status "
    "reviewState deviceId edits formVersion deletedAt".split()
)


@dataclass(frozen=True, slots=True)
class Selected:
    """A read $select: node paths, keys of __system, ids to keep; None stands for all."""

    paths: frozenset[str] | None = None
    system: tuple[str, ...] | None = SYSTEM
    ids: frozenset[str] | None = None

    def keeps_id(self, name: str) -> bool:
        """Tell whether the id, or the parent's id, is asked for."""
        return self.ids is None or name in self.ids

    def cut(self, row: dict[str, Any]) -> dict[str, Any]:
        """Drop the ids of a subtable's row that are not asked for."""
        if self.ids is None:
            return row
        return {name: value for name, value in row.items() if not _is_id(name) or name in self.ids}


def _is_id(name: str) -> bool:
    return name == "__id" or (name.startswith("__") and name.endswith("-id"))


def parent_key(chain: tuple[Field, ...]) -> str:
    """Name the parent's id in the rows of a subtable: after the repeat around it, or the root."""
    above = chain[:-1]
    while above[-1].kind != "repeat":
        above = above[:-1]
    return f"__{'-'.join(node.odata for node in above)}-id"


def read_select(schema: Schema, text: str, table: str = "Submissions") -> Selected:
    """Read a $select; names are relative to the table.

    Raises:
        Problem: 400.23 for a property that the current version has not, 400.24 inside a further repeat.
    """
    if not text or text.strip() == "*":
        return Selected()
    chain = schema.tables[table]
    root = len(chain) == 1
    names = [name.strip() for name in text.split(",")]
    ids = {"__id"} if root else {"__id", parent_key(chain)}
    system = {"__system", *(f"__system/{name}" for name in SYSTEM)} if root else set()
    before = "/".join(node.odata for node in chain[1:])
    known = {node.listed(odata=True)["path"][1:]: node for node in schema.fields}
    paths: set[str] = set()
    for name in names:
        if name not in ids and name not in system:
            paths |= _paths(schema, known.get(f"{before}/{name}" if before else name), name, chain)
    whole = "__system" in names
    kept = tuple(name for name in SYSTEM if whole or f"__system/{name}" in names)
    return Selected(frozenset(paths), kept or None, frozenset(ids & set(names)))


def _paths(schema: Schema, node: Field | None, name: str, chain: tuple[Field, ...]) -> set[str]:
    if node is None:
        raise Problem(400.23, f"Could not find a property named '{name}'", {"property": name})
    steps = node.path.split("/")
    above = ["/".join(steps[:end]) for end in range(2, len(steps))]
    repeats = {each.path for each in schema.fields if each.kind == "repeat"} - {each.path for each in chain}
    if repeats & set(above):
        message = f"The given OData select property '{name}' uses features not supported by this server."
        raise Problem(400.24, message, {"property": name})
    inner = {each.path for each in node.walk()} if node.kind == "structure" else set()
    return {node.path, *above} | inner
