"""The machine itself: Python, the libraries, Java, the time zone."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tracer_etl import __version__
from tracer_etl.doctor.finding import error, warning, well

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement

    from tracer_etl.doctor.finding import Finding
    from tracer_etl.study import Study

AREA = "versions"
DISTRIBUTION = "tracer-etl"
EXTRAS = ("flows", "postgres", "dask", "rehearse")


def versions(study: Study) -> Iterator[Finding]:
    """Compare Python and every library with the range this release is made for."""
    del study  # the same for every study
    here = ".".join(map(str, sys.version_info[:3]))
    try:
        wanted = metadata.metadata(DISTRIBUTION)["Requires-Python"]
        asked = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield warning(AREA, f"tracer_etl {__version__} is not installed, only found", "pip install it")
        return
    from packaging.specifiers import SpecifierSet

    if here not in SpecifierSet(wanted or ""):
        yield error(AREA, f"Python {here} is not {wanted}", f"make the environment anew with Python {wanted}")
    yield from _libraries(asked, f"tracer_etl {__version__}, Python {here}")
    yield _java()


def _libraries(asked: list[str], release: str) -> Iterator[Finding]:
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in asked]
    core = [one for one in requirements if not one.marker or one.marker.evaluate({"extra": ""})]
    wrong = [fault for one in core if (fault := _fault(one, missing=True))]
    for fault in wrong:
        yield error(AREA, fault, f"pip install --upgrade {DISTRIBUTION}")
    if not wrong:
        yield well(AREA, f"{release}, {len(core)} libraries in their range")
    for extra in EXTRAS:
        mine = [
            one
            for one in requirements
            if one not in core and one.marker and one.marker.evaluate({"extra": extra})
        ]
        for fault in (_fault(one, missing=False) for one in mine):
            if fault:
                yield warning(AREA, fault, f"pip install --upgrade '{DISTRIBUTION}[{extra}]'")


def _fault(requirement: Requirement, *, missing: bool) -> str:
    """Say how an installed library departs from what is asked; empty where it does not."""
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed" if missing else ""
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} {found} is not {requirement.specifier}"


def _java() -> Finding:
    if shutil.which("java"):
        return well(AREA, "Java is there")
    remedy = "install openjdk-17-jre-headless where forms are made"
    return warning(
        AREA, "no Java: `forms check`, `forms lint --walk` and `rehearse` do without their judge", remedy
    )


def clock(study: Study) -> Iterator[Finding]:
    """Say what time it is here and in the study's zone; the server's clock is compared where the server is."""
    now = datetime.now(UTC)
    there = now.astimezone(ZoneInfo(study.timezone))
    yield well("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, {there:%H:%M} in {study.timezone} ({there:%z})")
