"""What ODK Collect adds to JavaRosa: media files, pulldata(), device properties - and here, the time."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_etl.collect.jvm import JavaObject, array, java, proxy
from tracer_etl.collect.patch import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracer_etl.collect.clock import Clock, Device, Identifiers

_MODEL = "org.javarosa.core.model"
_REFERENCE = "org.javarosa.core.reference.Reference"


@dataclass
class World:
    """Everything outside the form that one filling may ask for."""

    clock: Clock
    identifiers: Identifiers
    device: Device


@dataclass
class Media:
    """The media folder of a form: `jr://` references and the files that pulldata() reads."""

    folder: Path
    _files: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def pulldata(self, source: str, column: str, key: str, value: str) -> str:
        """Return `column` of the first row whose `key` is `value`, else an empty text, as Collect does."""
        if source not in self._files:
            self._files[source] = self._read(source)
        return next((row.get(column, "") for row in self._files[source] if row.get(key) == value), "")

    def _read(self, source: str) -> list[dict[str, str]]:
        path = self.folder / (source if source.endswith(".csv") else f"{source}.csv")
        if not path.is_file():
            return []
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


def install_media(media: Media) -> None:
    """Let JavaRosa find `jr://` files in this folder; its registry of references is global."""
    manager = java("org.javarosa.core.reference.ReferenceManager").instance()
    manager.reset()

    def derive(uri: str, _context: str | None = None) -> JavaObject:
        return _reference(media.folder / str(uri).rsplit("/", 1)[-1], str(uri))

    manager.addReferenceFactory(
        proxy(
            "org.javarosa.core.reference.ReferenceFactory",
            derives=lambda uri: str(uri).startswith("jr://"),
            derive=derive,
        )
    )


def _reference(path: Path, uri: str) -> JavaObject:
    return proxy(
        _REFERENCE,
        doesBinaryExist=path.is_file,
        getStream=lambda: java("java.io.FileInputStream")(str(path)),
        getURI=lambda: uri,
        getLocalURI=lambda: str(path),
        isReadOnly=lambda: True,
        getOutputStream=lambda: None,
        remove=lambda: None,
        probeAlternativeReferences=lambda: array(_REFERENCE, 0),
    )


def install_properties(world: World) -> None:
    """Answer the `property` preloads (deviceid, username, ...) from the device of this filling."""

    def single(name: str) -> str:
        return world.device.properties().get(str(name).lower(), "")

    java("org.javarosa.core.services.PropertyManager").setPropertyManager(
        proxy(
            "org.javarosa.core.services.IPropertyManager",
            getProperty=lambda _name: java("java.util.ArrayList")(),
            setProperty=lambda _name, _value: None,
            getSingularProperty=single,
            addRules=lambda _rules: None,
            getRules=java("java.util.ArrayList"),
        )
    )


def install_preloads(form: JavaObject, world: World) -> None:
    """Answer the preloads that JavaRosa would take from the machine: time and instanceID."""
    preloader = form.getPreloader()
    data = f"{_MODEL}.data."

    def moment() -> JavaObject:
        return java(data + "DateTimeData")(_date(world.clock))

    def at_end(node: JavaObject, params: str) -> bool:
        if params == "end":
            node.setAnswer(moment())
        return params == "end"

    def unique(_params: str) -> JavaObject:
        return java(data + "StringData")(f"uuid:{world.identifiers.uuid()}")

    def day(_params: str) -> JavaObject:
        return java(data + "DateData")(_midnight(world.clock))

    def at_start(params: str) -> JavaObject:
        return moment() if params == "start" else None

    preloader.addPreloadHandler(_preload("timestamp", at_start, at_end))
    preloader.addPreloadHandler(_preload("date", day))
    preloader.addPreloadHandler(_preload("uid", unique))


def _preload(
    name: str,
    value: Callable[[str], JavaObject],
    post: Callable[[JavaObject, str], bool] = lambda _node, _params: False,
) -> JavaObject:
    return proxy(
        f"{_MODEL}.utils.IPreloadHandler",
        preloadHandled=lambda: name,
        handlePreload=value,
        handlePostProcess=post,
    )


def install_functions(form: JavaObject, media: Media, world: World) -> None:
    """Give the form Collect's pulldata() and the four functions that patch.py renamed."""
    to_text = java("org.javarosa.xpath.expr.XPathFuncExpr").toString

    def pulldata(arguments: JavaObject, _context: JavaObject) -> str:
        return media.pulldata(*(str(to_text(argument)) for argument in arguments))

    for name, answer in (
        ("pulldata", pulldata),
        (PREFIX + "now", lambda _a, _c: _date(world.clock)),
        (PREFIX + "today", lambda _a, _c: _midnight(world.clock)),
        (PREFIX + "uuid", lambda _a, _c: world.identifiers.uuid()),
        (PREFIX + "random", lambda _a, _c: world.identifiers.fraction()),
    ):
        form.addFunctionHandler(_function(name, answer))


def _function(name: str, answer: Callable[[JavaObject, JavaObject], JavaObject]) -> JavaObject:
    return proxy(
        f"{_MODEL}.condition.IFunctionHandler",
        getName=lambda: name,
        getPrototypes=java("java.util.ArrayList"),
        rawArgs=lambda: True,
        realTime=lambda: False,
        eval=answer,
    )


def _date(clock: Clock) -> JavaObject:
    return java("java.util.Date")(clock.milliseconds)


def _midnight(clock: Clock) -> JavaObject:
    return java("org.javarosa.core.model.utils.DateUtils").roundDate(_date(clock))
