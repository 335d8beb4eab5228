"""Names of variables in files of SPSS and Stata: short enough, allowed there, unique, always the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.names import plain

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Rules:
    """What a program allows: `length` in characters (ours are ASCII), words it keeps for itself."""

    length: int
    reserved: frozenset[str]
    underscore_first: bool


SPSS = Rules(
    length=64,
    reserved=frozenset("all and by eq ge gt le lt ne not or to with".split()),
    underscore_first=False,
)
STATA = Rules(
    length=27,  # a variable may have 32, but pyreadstat names its value labels after it plus a running number
    reserved=frozenset(
        """
        _all _b _coef _cons _n _pi _pred _rc _skip aggregate array boolean break byte case catch class colvector
        complex const continue default delegate delete do double else eltypedef end enum explicit export external
        float for friend function global goto if in inline int local long mata matrix namespace new null
        numeric operator orgtypedef pointer polymorphic pragma private protected public quad real return rowvector
        scalar short signed static strl string struct super switch template this throw transmorphic try typedef
        typename union unsigned using vector version virtual void volatile while with
        """.split()
    ),
    underscore_first=True,
)


def file_names(wanted: Sequence[str], rules: Rules) -> list[str]:
    """Give each name one that the program allows; whoever can keep its name keeps it.

    >>> file_names(["_position", "position", "by", "job__" + "x" * 40], SPSS)[:3]
    ['position_8e27b8', 'position', 'v_by']
    >>> file_names(["x" * 40 + "1", "x" * 40 + "2"], STATA)
    ['xxxxxxxxxxxxxxxxxxxx_5e3935', 'xxxxxxxxxxxxxxxxxxxx_82e70d']
    """
    allowed = [_allowed(name, rules) for name in wanted]
    kept = {name for name, given in zip(wanted, allowed, strict=True) if name == given}
    taken, found = set(kept), []
    for name, given in zip(wanted, allowed, strict=True):
        if name != given and given in taken:
            given = _digested(name, given, rules)  # noqa: PLW2901 - the name that is still free
        taken.add(given)
        found.append(given)
    return found


def _allowed(name: str, rules: Rules) -> str:
    text = plain(name)
    if not rules.underscore_first:
        text = text.strip("_")
    if not text or text[0].isdigit() or text in rules.reserved or (text[:3] == "str" and text[3:].isdigit()):
        text = f"v_{text}"
    return text if len(text) <= rules.length else _digested(name, text, rules)


def _digested(name: str, text: str, rules: Rules) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{text[: rules.length - 7]}_{digest}"
