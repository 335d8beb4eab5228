"""One question as the enumerator sees it, and values in the Java types its widget would hand over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tracer_etl.collect.jvm import JavaObject, java, whole

_DATA = "org.javarosa.core.model.data."

# JavaRosa's Constants.CONTROL_* and DATATYPE_*, by the names XLSForm uses.
_CONTROLS = {
    2: "select_one",
    3: "select_multiple",
    7: "file",
    9: "acknowledge",
    10: "image",
    12: "audio",
    13: "video",
    15: "file",
    16: "rank",
}
_TYPES = {
    2: "integer",
    3: "decimal",
    4: "date",
    5: "time",
    6: "dateTime",
    10: "geopoint",
    12: "file",
    13: "long",
    14: "geoshape",
    15: "geotrace",
}
_RANGE = 6
_CHOICE_KINDS = frozenset({"select_one", "select_multiple", "rank"})
UPLOADS = frozenset({"file", "image", "audio", "video"})


@dataclass
class Shape:
    """What stays the same about a question in every filling: worth asking Java only once."""

    kind: str
    is_range: bool
    filtered: bool
    read_only: bool
    choices: dict[str, JavaObject] | None = field(default=None, repr=False)


def shape_of(prompt: JavaObject) -> Shape:
    """Read the fixed facts of a question from its prompt (a JavaRosa FormEntryPrompt)."""
    control, question = int(prompt.getControlType()), prompt.getQuestion()
    kind = _CONTROLS.get(control) or _TYPES.get(int(prompt.getDataType()), "text")
    itemset = question.getDynamicChoices()
    # A choice filter is a predicate on the item set; without one the offered choices never change.
    filtered = itemset is not None and (bool(itemset.nodesetRef.hasPredicates()) or bool(itemset.randomize))
    return Shape(kind, control == _RANGE, filtered, bool(prompt.isReadOnly()))


@dataclass
class Question:
    """One question at one place of one filling.

    Attributes:
        path: XPath with a position at every step, e.g. `/data/job[2]/j_start[1]`.
        kind: `select_one`, `select_multiple`, `rank`, `integer`, `decimal`, `date`, `time`, `dateTime`,
            `geopoint`, `geotrace`, `geoshape`, `image`, `audio`, `video`, `file`, `acknowledge`, `long`
            or `text`.
        heeds: whether a choice must be among those offered.
    """

    path: str
    shape: Shape
    prompt: JavaObject = field(repr=False)
    heeds: bool = True

    @property
    def name(self) -> str:
        """Return the last step of the path, without a position."""
        return self.path.rsplit("/", 1)[-1].partition("[")[0]

    @property
    def kind(self) -> str:
        """Return the kind of widget."""
        return self.shape.kind

    @property
    def required(self) -> bool:
        """Tell whether an empty answer would be refused here and now."""
        return bool(self.prompt.isRequired())

    @property
    def label(self) -> str:
        """Return the text of the question in the language of the filling."""
        return str(self.prompt.getLongText() or "")

    @property
    def message(self) -> str:
        """Return the constraint message in the language of the filling."""
        return str(self.prompt.getConstraintText() or "")

    @property
    def choices(self) -> list[str]:
        """Return the values offered, after the choice filter."""
        return list(self._offered())

    @property
    def steps(self) -> tuple[float, float, float]:
        """Return start, end and step of a `range` question."""
        question = self.prompt.getQuestion()
        low, high, step = (
            float(str(part))
            for part in (question.getRangeStart(), question.getRangeEnd(), question.getRangeStep())
        )
        return low, high, step

    def _offered(self) -> dict[str, JavaObject]:
        if self.kind not in _CHOICE_KINDS:
            return {}
        if self.shape.choices is not None:
            return self.shape.choices
        offered = {str(choice.getValue()): choice for choice in self.prompt.getSelectChoices()}
        if not self.shape.filtered:
            self.shape.choices = offered
        return offered

    def data(self, value: object) -> JavaObject:
        """Return the value as the widget would hand it to the engine.

        Raises:
            LookupError: a choice that is not offered here.
            ValueError: a value the widget could not hold, e.g. letters in an integer.
        """
        if self.kind in _CHOICE_KINDS:
            return self._selection(value)
        make = _MAKERS.get(self.kind)
        return make(value) if make else java(_DATA + "StringData")(str(value))

    def _selection(self, value: object) -> JavaObject:
        if self.kind == "select_one":
            return java(_DATA + "SelectOneData")(self._selected(str(value)))
        values = value.split() if isinstance(value, str) else list(_iterable(value))
        chosen = java("java.util.ArrayList")()
        for one in values:
            chosen.add(self._selected(str(one)))
        return java(_DATA + ("MultipleItemsData" if self.kind == "rank" else "SelectMultiData"))(chosen)

    def _selected(self, value: str) -> JavaObject:
        offered = self._offered()
        if value not in offered and self.heeds:
            raise LookupError(value)
        return java(_DATA + "helper.Selection")(offered.get(value, value))


def _iterable(value: object) -> Iterable[object]:
    return value if isinstance(value, Iterable) else (value,)


def _date(value: object) -> JavaObject:
    return java(_DATA + "DateData")(_parsed("parseDate", value))


def _time(value: object) -> JavaObject:
    return java(_DATA + "TimeData")(_parsed("parseTime", value))


def _date_time(value: object) -> JavaObject:
    return java(_DATA + "DateTimeData")(_parsed("parseDateTime", value))


def _parsed(parser: str, value: object) -> JavaObject:
    parsed = getattr(java("org.javarosa.core.model.utils.DateUtils"), parser)(str(value))
    if parsed is None:
        raise ValueError(value)
    return parsed


def _cast(kind: str, value: object) -> JavaObject:
    return java(_DATA + kind)().cast(java(_DATA + "UncastData")(str(value)))


_MAKERS: dict[str, Callable[[object], JavaObject]] = {
    "acknowledge": lambda value: java(_DATA + "StringData")("OK") if value else None,
    "integer": lambda value: java(_DATA + "IntegerData")(whole(int(str(value)))),
    "long": lambda value: java(_DATA + "LongData")(int(str(value))),
    "decimal": lambda value: java(_DATA + "DecimalData")(float(str(value))),
    "date": _date,
    "time": _time,
    "dateTime": _date_time,
    "geopoint": lambda value: _cast("GeoPointData", value),
    "geoshape": lambda value: _cast("GeoShapeData", value),
    "geotrace": lambda value: _cast("GeoTraceData", value),
}
