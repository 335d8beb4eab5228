"""The one Java machine of this process, with ODK Validate's jar on its class path."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tracer_etl.errors import FormError, StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

JavaObject: TypeAlias = Any
"""A Java object or class; JPype gives it no static type."""

_JAR = "validators/odk_validate/bin/ODK_Validate.jar"
_ZONE = "user.timezone"


def jar() -> Path:
    """Return the ODK Validate jar inside the installed pyxform.

    Raises:
        StudyError: pyxform is missing, or was installed without its jar.
    """
    spec = importlib.util.find_spec("pyxform")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        if (found := Path(place) / _JAR).is_file():
            return found
    raise StudyError(
        "ODK_Validate.jar was not found",
        where="pyxform",
        remedy="install pyxform 4 or newer from PyPI",
    )


def start(time_zone: str = "Asia/Jakarta", memory: str = "1g") -> None:
    """Start Java unless it runs already; a process has one Java machine and one time zone.

    Args:
        time_zone: IANA name of the zone of the phones; every timestamp of a form is written in it.
        memory: largest heap, as Java's `-Xmx` takes it.

    Raises:
        StudyError: JPype or Java is missing, or Java already runs in another time zone.
    """
    jpype = _jpype()
    if not jpype.isJVMStarted():
        _launch(jpype, time_zone, memory)
    running = str(java("java.lang.System").getProperty(_ZONE))
    if running != time_zone:
        raise StudyError(
            f"Java already runs in {running}, so it cannot run in {time_zone}",
            where="tracer_etl.collect",
            remedy="use one time zone per process",
        )


def _launch(jpype: JavaObject, time_zone: str, memory: str) -> None:
    try:
        path = jpype.getDefaultJVMPath()
    except jpype.JVMNotFoundException as error:
        raise StudyError(
            "there is no Java",
            where="tracer_etl.collect",
            remedy="install a JRE, e.g. apt-get install openjdk-17-jre-headless",
        ) from error
    jpype.startJVM(
        path,
        f"-Xmx{memory}",
        f"-D{_ZONE}={time_zone}",
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
        classpath=[str(jar())],
        convertStrings=True,
    )
    java("org.javarosa.model.xform.XFormsModule")().registerModule()
    # On a phone the location comes from Android; ODK Validate has a stand-in that answers nothing.
    java("org.javarosa.xform.parse.XFormParser").registerActionHandler(
        "setgeopoint", java("org.opendatakit.validate.StubSetGeopointActionHandler")()
    )


def _jpype() -> JavaObject:
    try:
        import jpype
    except ImportError as error:
        raise StudyError(
            "JPype is not installed",
            where="tracer_etl.collect",
            remedy="pip install 'tracer-etl[rehearse]'; it also needs a JRE, "
            "e.g. apt-get install openjdk-17-jre-headless",
        ) from error
    return jpype


@cache
def java(name: str) -> JavaObject:
    """Return the Java class of that full name; Java must have been started."""
    return _jpype().JClass(name)


def proxy(interface: str, **methods: JavaObject) -> JavaObject:
    """Return an object that implements a Java interface with Python callables."""
    return _jpype().JProxy(interface, dict=methods)


def array(item: str, length: int) -> JavaObject:
    """Return a Java array of `length` empty places for objects of that class."""
    return _jpype().JArray(java(item))(length)


def whole(number: int) -> JavaObject:
    """Return a Java `int` (JPype would make a `long` of it)."""
    return _jpype().JInt(number)


def stream(content: bytes) -> JavaObject:
    """Return the bytes as a Java InputStream."""
    jpype = _jpype()
    return java("java.io.ByteArrayInputStream")(jpype.JArray(jpype.JByte)(content))


@contextmanager
def form_errors(where: str) -> Iterator[None]:
    """Turn whatever Java throws into a FormError that names the form and, if known, the place in it."""
    try:
        yield
    except _jpype().JException as error:
        raise FormError(
            f"the form engine stopped: {error}",
            where=where,
            remedy="mend the form; a phone would have stopped at the same place",
        ) from error
