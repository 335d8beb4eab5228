"""One at a time: whoever changes staging, warehouse or report of a study keeps all others out until it ends.

The lock is one of the operating system on a file in the staging folder: a process that is killed lets go of it. It is
for one machine; loaders on several machines wait for each other in PostgreSQL.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from tracer_etl.errors import Busy, WarehouseError
from tracer_etl.shelf import claimed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tracer_etl.study import Study

P = ParamSpec("P")
R = TypeVar("R")

LOCK = "run.lock"
PATIENCE = 5.0
"""Seconds to wait for the lock: those who only read hold it for less."""
_PAUSE = 0.05

_HELD: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())
"""What this thread holds: a run calls stages that take the lock by themselves, too."""


@contextmanager
def alone(study: Study) -> Iterator[None]:
    """Keep every other run of the study out while the block runs.

    Raises:
        Busy: another one is at work.
        WarehouseError: the staging folder cannot be written.
    """
    held, path = _HELD.get(), study.staging / LOCK
    if path in held:
        yield
        return
    with claim(study, PATIENCE) as mine:
        if not mine:
            what, remedy = "another run of this study is at work", "let it end, then run again"
            raise Busy(what, where=study.name, remedy=remedy)
        token = _HELD.set(held | {path})
        try:
            yield
        finally:
            _HELD.reset(token)


@contextmanager
def claim(study: Study, patience: float) -> Iterator[bool]:
    """Hold the lock of a study, or give False when it was not to be had in so many seconds.

    Raises:
        WarehouseError: the staging folder cannot be written.
    """
    path = study.staging / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()  # leaves its time alone: a second run changes nothing
    except OSError as error:
        what, remedy = f"cannot be used ({error.strerror or error})", "check rights and free disk space"
        raise WarehouseError(what, where=str(path.parent), remedy=remedy) from error
    until = time.monotonic() + patience
    while True:
        with claimed(path) as mine:
            if mine or time.monotonic() >= until:
                yield mine
                return
        time.sleep(_PAUSE)


def one_at_a_time(stage: Callable[Concatenate[Study, P], R]) -> Callable[Concatenate[Study, P], R]:
    """Let a stage keep every other run of its study out."""

    @wraps(stage)
    def guarded(study: Study, /, *args: P.args, **options: P.kwargs) -> R:
        with alone(study):
            return stage(study, *args, **options)

    return guarded
