"""Every error this library raises, sorted by what its reader can do about it.

    TracerError
      StudyError       study.toml, an expectation file or the environment is wrong: mend it    exit 2
      FormError        an XLSForm or XForm does not compile: mend sheet and row                exit 2
      SubmissionError  one received file is unreadable: set aside, nothing else stops          exit 5
      ServerError
        Refused        the server says no (rights, address, no such form): ask for access      exit 3
        Unavailable    network, overload, broken reply: worth a retry                          exit 4
        Changed        the server's answers contradict each other: pull again, or report       exit 3
        Partial        some forms were refused, all that came is in the report: see each       exit 3
      DriftError       landed data and forms disagree (unknown version): add that version      exit 5
      ChecksFailed     a check of the whole stopped the run, nothing is published: mend data   exit 7
      LandingError     landing or staging is damaged or not writable                           exit 6
      WarehouseError   the warehouse is locked, full or not writable                           exit 6
        Busy           another run of the study is at work: worth a retry                      exit 6
      NotReady         `doctor` found what would make a run fail: do what it says              exit 8

Exit code 1 is an unforeseen failure (a bug); it comes with a traceback.

>>> print(StudyError("no form is listed", where="study.toml", remedy="add a [[forms]] table"))
study.toml: no form is listed; add a [[forms]] table
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class TracerError(Exception):
    """Something the user can act on: what happened, where, and what to do.

    The text is one line, since it is what the command line prints.
    """

    exit_code: ClassVar[int] = 1
    retry: ClassVar[bool] = False

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Keep the three parts apart, for logs and tests."""
        self.what, self.where, self.remedy = what, where, remedy
        text = f"{where}: {what}" if where else what
        super().__init__(" ".join((f"{text}; {remedy}" if remedy else text).split()))

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip between processes (Prefect and Dask pickle exceptions)."""
        return _rebuild, (type(self), self.what, self.where, self.remedy)


def _rebuild(kind: type[TracerError], what: str, where: str, remedy: str) -> TracerError:
    return kind(what, where=where, remedy=remedy)


class StudyError(TracerError):
    """study.toml, an expectation file or the environment is wrong."""

    exit_code = 2


class FormError(TracerError):
    """An XLSForm or XForm cannot be compiled; `where` names file, sheet and row when known."""

    exit_code = 2


class SubmissionError(TracerError):
    """One received submission is unreadable; it is set aside and the pull goes on."""

    exit_code = 5


class ServerError(TracerError):
    """A server did not give what was asked."""

    exit_code = 3


class Refused(ServerError):
    """The server says no: bad credentials, missing rights or a wrong address."""


class Unavailable(ServerError):
    """The server cannot answer now; worth a retry."""

    exit_code = 4
    retry = True


class Changed(ServerError):
    """The server's answers contradict each other or its own documentation."""


class Partial(ServerError):
    """Some forms could not be pulled; the others came and went on."""

    @classmethod
    def of(cls, errors: Sequence[ServerError]) -> Partial:
        """Make one error of several: the text of the first, and where the others are.

        >>> print(Partial.of([Refused("no rights", where="a", remedy="ask"), Refused("no form", where="b")]))
        a: no rights (also failed: b); ask
        >>> print(Partial.of([Refused("no form x", where="a"), Refused("no form y", where="a")]))
        a: no form x (also failed: no form y)
        """
        first, *more = errors
        others = ", ".join(error.what if error.where in ("", first.where) else error.where for error in more)
        return cls(
            f"{first.what} (also failed: {others})" if more else first.what,
            where=first.where,
            remedy=first.remedy,
        )


class DriftError(TracerError):
    """Landed data carry a form version, field or choice that no known form explains."""

    exit_code = 5


class ChecksFailed(TracerError):
    """A check of the whole study found what must not be published; the last published copy stays."""

    exit_code = 7


class LandingError(TracerError):
    """Landing or staging is damaged or cannot be written."""

    exit_code = 6


class WarehouseError(TracerError):
    """The warehouse is locked, full, damaged or cannot be written."""

    exit_code = 6


class Busy(WarehouseError):
    """Another run of the study is at work: it ends by itself, so this is worth a retry, too."""

    retry = True


class NotReady(TracerError):
    """The doctor found what would make a run fail."""

    exit_code = 8
