"""The page of licences: of every library an installed tracer_etl may import, as its own metadata says it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("flows", "postgres", "dask", "rehearse")
"""What a user may install beside the library itself; `dev` is of developers only."""
_COPYLEFT = re.compile(r"\b(A?GPL|LGPL|MPL|EPL|CDDL|EUPL|GNU|Mozilla)", re.IGNORECASE)


def closure(name: str, extras: tuple[str, ...], seen: dict[str, set[str]]) -> None:
    """Note a distribution and all it needs on this machine, with the extras each was asked for."""
    known = seen.setdefault(canonicalize_name(name), set())
    if known >= {"", *extras}:
        return
    known |= {"", *extras}
    for line in distribution(name).requires or ():
        needed = Requirement(line)
        wanted = any(
            needed.marker is None or needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        if wanted and _installed(needed.name):
            closure(needed.name, tuple(sorted(needed.extras)), seen)


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def licence(name: str) -> str:
    """Give what a distribution says of its licence: the SPDX expression, the classifiers, or its own words."""
    told = distribution(name).metadata
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or ()
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    own = (told.get("License") or "").strip()
    short = own.splitlines()[0][:60] if own else ""
    return told.get("License-Expression") or "; ".join(classified) or short or "not told"


def page(generated: str) -> str:
    """Write one row per library."""
    seen: dict[str, set[str]] = {}
    closure("tracer-etl", EXTRAS, seen)
    rows = {name: licence(name) for name in sorted(seen) if name != "tracer-etl"}
    listed = "\n".join(
        f"| {name} | {text} | {'yes' if _COPYLEFT.search(text) else ''} |" for name, text in rows.items()
    )
    return (
        f"# Licences\n\n{generated}\n\ntracer_etl is under the MIT licence. Below are the {len(rows)} libraries that an "
        "installation with all extras but `dev` brings\nalong, and what each says of its own licence. Weak copyleft asks to "
        "pass on changes to that library itself; none is\nchanged or copied here. `make sbom` writes the same, with "
        f"versions, as CycloneDX.\n\n| library | licence | copyleft |\n|---|---|---|\n{listed}\n"
    )
