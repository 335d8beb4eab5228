"""Open data: files of which nobody can tell who is in them, as `[[public]]` of study.toml describes.

Read is the published copy. A column goes out only where it is named; who a row is about gets a keyed pseudonym; what
others may know of a person (`quasi`) is shared by at least k people; a table of counts hides small cells and rounds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.names import quote
from tracer_etl.privacy.anonymity import Demand, anonymise
from tracer_etl.privacy.disclosure import TOTAL, Line, Place, complementary
from tracer_etl.privacy.pdp_log import note, read_log
from tracer_etl.privacy.pseudonyms import OLD, Pseudonyms, from_environment
from tracer_etl.privacy.texts import found_in
from tracer_etl.shelf import as_csv, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from tracer_etl.privacy.anonymity import Anonymous
    from tracer_etl.study import Study

EVENT, ROTATED = "public extract", "key rotated"
_FEW_VALUES, _SHORT = 60, 60
"""A text column of more or longer values than a code list has is free text, whatever its name."""


@dataclass(frozen=True)
class Extract:
    """One `[[public]]` table of study.toml."""

    name: str
    table: str
    quasi: tuple[str, ...]
    columns: tuple[str, ...] = ()
    subject: str = ""
    scope: str = "person"
    reviewed: tuple[str, ...] = ()
    k: int = 5
    suppress: float = 0.05
    diverse: Mapping[str, int] = field(default_factory=dict)
    generalise: Mapping[str, list[Any]] = field(default_factory=dict)
    round: Mapping[str, float] = field(default_factory=dict)
    months: tuple[str, ...] = ()
    counts: tuple[tuple[str, ...], ...] = ()
    count_round: int = 5

    @property
    def where(self) -> str:
        """Name the place in study.toml, for errors."""
        return f"study.toml [[public]] {self.name}"


@dataclass(frozen=True, slots=True)
class Made:
    """One extract as written: files, rows, rows without any quasi-identifier, the smallest class in people."""

    name: str
    rows: int
    suppressed: int
    smallest_class: int
    generalised: Mapping[str, int]
    files: tuple[Path, ...]


def extracts(study: Study) -> tuple[Extract, ...]:
    """Read `[[public]]`.

    Raises:
        StudyError: there is none, or one is malformed.
    """
    if not study.public:
        raise StudyError(
            "no [[public]] table", where="study.toml", remedy="see docs/how-to/publish-open-data.md"
        )
    found = []
    for told in study.public:
        tuples = {
            name: tuple(told[name]) for name in ("quasi", "columns", "reviewed", "months") if name in told
        }
        counts = tuple(tuple(one) for one in told.get("counts", ()))
        try:
            one = Extract(**{**told, **tuples, "counts": counts})
        except TypeError as error:
            raise StudyError(f"wrong keys ({error})", where="study.toml [[public]]") from error
        if not one.quasi or one.k < 2:  # noqa: PLR2004 - one is nobody's crowd
            raise StudyError("needs `quasi`, and k of 2 or more", where=one.where)
        if one.count_round < 1 or not 0 <= one.suppress < 1:
            what = (
                "needs a `count_round` of 1 or more, and `suppress` as a share of the rows, 0 to less than 1"
            )
            raise StudyError(what, where=one.where)
        treated = {*one.round, *one.months, *one.diverse, *one.generalise, *one.reviewed}
        stray = sorted(treated - {*one.quasi, *one.columns})
        if stray:
            raise StudyError(f"not among its columns: {', '.join(stray)}", where=one.where)
        found.append(one)
    return tuple(found)


def publish(study: Study, folder: Path) -> list[Made]:
    """Write every extract of the study into a folder: `<name>.csv`, `<name>.counts.csv`, `<name>.json`.

    Raises:
        StudyError: no key, another key than that of the last extract, a column that may not go out, or fewer than
            k people.
    """
    names, wanted = from_environment(), extracts(study)
    _refuse_other_key(study, names)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for one in wanted:
        frame = _read(study, one)
        anonymous, counts = _anonymous(frame, one), list(_counts(frame, one))
        note(study.pdp_log, EVENT, _told(one, anonymous, names))
        made.append(_write(folder, one, _columns(anonymous.rows, one, names), anonymous, counts))
    return made


def _refuse_other_key(study: Study, names: Pseudonyms) -> None:
    used = [e.said["key"] for e in read_log(study.pdp_log) if e.event in (EVENT, ROTATED)]
    if used and used[-1] != names.fingerprint:
        what = f"this key ({names.fingerprint}) is not that of the last extract ({used[-1]})"
        remedy = "take that one, or change it with `tracer-etl privacy rotate`"
        raise StudyError(what, where="TRACER_PSEUDONYM_KEY", remedy=remedy)


def _read(study: Study, one: Extract) -> pd.DataFrame:
    """Read the columns an extract needs, after looking whether each may go out."""
    from tracer_etl.exports.published import Published

    with Published(study.published) as copy:
        area, _, table = one.table.rpartition(".")
        listed = copy.connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ?",
            [area or "clean", table],
        ).fetchall()
        present = {str(name) for (name,) in listed}
        wanted = list(dict.fromkeys([*([one.subject] if one.subject else []), *one.quasi, *one.columns]))
        missing = [name for name in wanted if name not in present]
        if missing:
            raise StudyError(f"{one.table} has no {', '.join(missing)}", where=one.where)
        kinds = dict(
            copy.connection.execute(
                "SELECT column_name, kind FROM meta.column WHERE table_name = ?", [table]
            ).fetchall()
        )
        selected = ", ".join(map(quote, wanted))
        query = f"SELECT {selected} FROM {quote(area or 'clean')}.{quote(table)}"
        frame = copy.connection.execute(query).df()
    for name in (*one.quasi, *one.columns):
        _refuse(name, kinds.get(name, ""), frame[name], one)
    return frame


def _refuse(name: str, kind: str, values: pd.Series[Any], one: Extract) -> None:
    """Refuse a column that names, places or describes somebody in free text.

    Raises:
        StudyError: it does.
    """
    from pandas.api.types import is_object_dtype, is_string_dtype

    told = values.dropna().astype(str)
    if name == one.subject or name.startswith("_") or kind.startswith("geo") or kind == "media":
        raise StudyError(
            f"column {name} may not go out", where=one.where, remedy="take it out of the extract"
        )
    found = {kind for text in told.unique() for kind in found_in(text)}
    if found:
        what = f"column {name} holds {', '.join(sorted(found))}"
        raise StudyError(what, where=one.where, remedy="correct the answers, or take the column out")
    text = is_object_dtype(values.dtype) or is_string_dtype(values.dtype)
    if not text or name in (*one.reviewed, *one.months):
        return
    long = told.nunique() > _FEW_VALUES or (len(told) and told.str.len().max() > _SHORT)
    if kind == "text" or long:
        remedy = "have somebody read every value, then name it in `reviewed`"
        raise StudyError(f"column {name} is free text", where=one.where, remedy=remedy)


# -- people


def _anonymous(frame: pd.DataFrame, one: Extract) -> Anonymous:
    texts = frame.assign(**{name: frame[name].map(_word) for name in one.quasi})
    steps = {name: [_step(told, one) for told in one.generalise.get(name, ())] for name in one.quasi}
    found = anonymise(texts, steps, Demand(one.k, one.suppress, one.subject, one.diverse))
    if found is None:
        raise StudyError(f"fewer than {one.k} people", where=one.where, remedy="wait until there are more")
    return found


def _word(value: Any) -> str:  # noqa: ANN401 - whatever a cell holds
    """Write a value as text, a whole number without a point, and nothing as an empty text."""
    import pandas as pd

    if pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _step(told: Any, one: Extract) -> Callable[[str], str]:  # noqa: ANN401 - TOML is anything
    match told:
        case {"band": int(width)} if width > 1:
            return lambda text: _band(text, width)
        case {"prefix": int(length)} if length > 0:
            return lambda text: text[:length] + "*" if len(text) > length else text
        case {"map": dict(groups)}:
            return lambda text: str(groups.get(text, text))
        case _:
            pass
    raise StudyError(
        f"no step {told!r}", where=one.where, remedy="write {band = 5}, {prefix = 4} or {map = {...}}"
    )


def _band(text: str, width: int) -> str:
    """Put a number into a band; a band into the wider one its beginning is in.

    >>> _band("23", 5), _band("20-24", 10), _band("", 5)
    ('20-24', '20-29', '')
    """
    first = text.partition("-")[0]
    if not first.isdigit():
        return text
    low = int(first) // width * width
    return f"{low}-{low + width - 1}"


def _columns(rows: pd.DataFrame, one: Extract, names: Pseudonyms) -> pd.DataFrame:
    """Give the columns that go out, in an order that tells nothing."""
    import pandas as pd

    out = rows[[*one.quasi, *one.columns]].copy()
    for name, step in one.round.items():
        out[name] = (pd.to_numeric(out[name]) / step).round() * step
    for name in one.months:
        out[name] = out[name].map(lambda value: "" if _word(value) in ("", "NaT") else str(value)[:7])
    if one.subject:
        out.insert(0, "id", rows[one.subject].map(lambda value: names.of(one.scope, _word(value))))
    text = out.map(_word)
    return text.sort_values(list(text.columns), kind="stable")


# -- counts


def _counts(frame: pd.DataFrame, one: Extract) -> Iterator[list[str]]:
    """Give rows of tables of counts: columns, values, people (rounded; empty where hidden)."""
    for by in one.counts:
        if len(by) > 2 or any(name not in one.quasi for name in by):  # noqa: PLR2004 - rows and columns
            raise StudyError("`counts` takes one or two of the `quasi` columns", where=one.where)
        sizes = _sizes(frame, by, one.subject)
        lines = _lines(sizes, by)
        few = {place for place, size in sizes.items() if 0 < size < one.k}
        hidden = complementary(sizes, few, lines, one.k)
        for place, size in sorted(sizes.items()):
            shown = "" if place in hidden else str(round(size / one.count_round) * one.count_round)
            yield [place.group_by, place.level, shown]


def _sizes(frame: pd.DataFrame, by: tuple[str, ...], subject: str) -> dict[Place, int]:
    texts = frame.assign(**{name: frame[name].map(_word) for name in by})

    def size(rows: pd.DataFrame) -> int:
        return int(rows[subject].nunique()) if subject else len(rows)

    found = {TOTAL: size(texts)}
    for name in by:
        found |= {Place(name, str(level)): size(rows) for level, rows in texts.groupby(name)}
    if len(by) == 2:  # noqa: PLR2004 - rows and columns
        levels = [sorted(texts[name].unique()) for name in by]
        pairs = texts.groupby(list(by))
        counted = {key: size(rows) for key, rows in pairs}
        found |= {_cell(by, (a, b)): counted.get((a, b), 0) for a in levels[0] for b in levels[1]}
    return found


def _cell(by: tuple[str, ...], values: tuple[str, ...]) -> Place:
    return Place(" x ".join(by), " | ".join(values))


def _lines(sizes: Mapping[Place, int], by: tuple[str, ...]) -> list[Line]:
    levels = {name: [place.level for place in sizes if place.group_by == name] for name in by}
    lines = [Line(tuple(Place(name, level) for level in levels[name]), TOTAL) for name in by]
    if len(by) == 2:  # noqa: PLR2004 - rows and columns
        first, second = by
        lines += [
            Line(tuple(_cell(by, (a, b)) for b in levels[second]), Place(first, a)) for a in levels[first]
        ]
        lines += [
            Line(tuple(_cell(by, (a, b)) for a in levels[first]), Place(second, b)) for b in levels[second]
        ]
    return lines


# -- files


def _told(one: Extract, found: Anonymous, names: Pseudonyms) -> dict[str, Any]:
    return {
        "extract": one.name,
        "rows": len(found.rows),
        "k": one.k,
        "smallest_class": found.smallest,
        "suppressed": found.suppressed,
        "key": names.fingerprint,
    }


def _write(folder: Path, one: Extract, rows: pd.DataFrame, found: Anonymous, counts: list[list[str]]) -> Made:
    data, about = folder / f"{one.name}.csv", folder / f"{one.name}.json"
    write_atomically(data, rows.to_csv(index=False, lineterminator="\n").encode())
    files = [data, about]
    if counts:
        tables = folder / f"{one.name}.counts.csv"
        write_atomically(tables, as_csv([["table", "cell", "people"], *counts], quote_all=True))
        files.append(tables)
    steps = {name: count for name, count in found.steps.items() if count}
    said = {
        "name": one.name,
        "k": one.k,
        "quasi_identifiers": list(one.quasi),
        "steps_of_generalisation": steps,
        "rows": len(rows),
        "rows_without_quasi_identifiers": found.suppressed,
        "smallest_class": found.smallest,
        "counts_rounded_to": one.count_round if counts else None,
    }
    write_atomically(about, json.dumps(said, ensure_ascii=False, indent=1).encode())
    return Made(one.name, len(rows), found.suppressed, found.smallest, steps, tuple(files))


def rotate(study: Study, bridge: Path) -> int:
    """Note that the key has changed, and write the old and the new name of everybody in the extracts; count them.

    Raises:
        StudyError: one of the keys is missing, both are the same, or the old one made no extract.
    """
    old, new = from_environment(OLD), from_environment()
    if old.fingerprint == new.fingerprint:
        raise StudyError("is the same key", where=OLD, remedy="put a new one into TRACER_PSEUDONYM_KEY")
    _refuse_other_key(study, old)
    pairs = {
        (one.scope, old.of(one.scope, value), new.of(one.scope, value))
        for one in extracts(study)
        if one.subject
        for value in _read(study, one)[one.subject].dropna().map(_word)
    }
    write_atomically(bridge, as_csv([["scope", "old", "new"], *sorted(pairs)]), private=True)
    note(study.pdp_log, ROTATED, {"key": new.fingerprint, "from": old.fingerprint, "names": len(pairs)})
    return len(pairs)
