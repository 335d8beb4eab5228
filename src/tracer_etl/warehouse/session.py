"""A session with PostgreSQL: the address is read with care, and a failure is one line without secrets or values."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

LOCK_TIMEOUT = "10min"
"""How long to wait for another loader, or for a reader who keeps a transaction open."""
CONNECT_SECONDS = 15

_ADDRESS = re.compile(
    r"postgres(?:ql)?://(?:[^:@/?#\s]*(?::[^@/?#\s]*)?@)?[^@/?#\s]*(?:/[^@?#\s]*)?(?:\?[^@#\s]*)?"
)
"""Stricter than libpq, which takes what follows a stray @ or / in a password for a host, and prints it."""


class Session:
    """An open connection that speaks as DuckDB's does: `execute` with `?` for parameters.

    `where` names host and database in messages.
    """

    def __init__(self, raw: psycopg.Connection[Any], where: str) -> None:
        """Keep the driver's connection."""
        self.raw, self.where = raw, where

    def execute(self, query: str, parameters: Sequence[object] | None = None, /) -> psycopg.Cursor[Any]:
        """Run a statement; without parameters several may stand in one text."""
        if parameters:
            return self.raw.execute(query.replace("%", "%%").replace("?", "%s").encode(), list(parameters))
        return self.raw.execute(query.encode())

    def value(self, query: str, parameters: Sequence[object] | None = None, /) -> Any:  # noqa: ANN401 - any column
        """Give the first column of the first row, or None."""
        row = self.execute(query, parameters).fetchone()
        return row[0] if row else None

    @contextmanager
    def transaction(self, purpose: str) -> Iterator[None]:
        """Do all of a block or nothing, while no other session does anything for the same purpose."""
        with telling(self.where), self.raw.transaction():
            self.execute("SELECT pg_advisory_xact_lock(?)", [lock_number(purpose)])
            yield

    @contextmanager
    def alone(self, purpose: str) -> Iterator[Session]:
        """Give itself while no other session does anything for the same purpose; transactions are the block's own."""
        with telling(self.where):
            self.execute("SELECT pg_advisory_lock(?)", [lock_number(purpose)])
            try:
                yield self
            finally:
                if not self.raw.closed:
                    self.execute("SELECT pg_advisory_unlock(?)", [lock_number(purpose)])


def lock_number(purpose: str) -> int:
    """Give the number of an advisory lock: 63 bits of a digest.

    >>> lock_number("visit") == lock_number("visit") != lock_number("visits")
    True
    """
    digest = hashlib.sha256(f"tracer_etl {purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def connect(address: str) -> Session:
    """Open a session that commits every statement which stands in no transaction.

    Raises:
        StudyError: psycopg is not installed, or this is no address.
        WarehouseError: the server cannot be reached, or does not let this user in.
    """
    try:
        import psycopg
    except ImportError as error:
        what, remedy = "PostgreSQL needs psycopg", "pip install 'tracer-etl[postgres]'"
        raise StudyError(what, where="TRACER_DATABASE", remedy=remedy) from error
    where = place(address)
    with telling(where):
        raw = psycopg.connect(
            address,
            autocommit=True,
            prepare_threshold=None,  # a plan outlives neither a table made anew nor a connection pooler
            connect_timeout=CONNECT_SECONDS,
            application_name="tracer_etl",
            client_encoding="utf8",
        )
    return Session(raw, where)


def place(address: str) -> str:
    """Name host and database of an address, and neither user nor password.

    >>> place("postgresql://etl:s3cret@db.example.org:5433/tracer?sslmode=require")
    'PostgreSQL db.example.org/tracer'

    Raises:
        StudyError: it is no address of PostgreSQL.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    # `from None` throughout: the driver's message repeats the address with the password in it.
    wrong = StudyError(
        "not an address of PostgreSQL",
        where="TRACER_DATABASE",
        remedy="write postgresql://user:password@host/database, with %40 for @, %2F for / and %3A for : in the password",
    )
    if not _ADDRESS.fullmatch(address):
        raise wrong
    try:
        parts = conninfo_to_dict(address)
    except ProgrammingError:
        raise wrong from None
    return f"PostgreSQL {parts.get('host', 'localhost')}/{parts.get('dbname') or parts.get('user', '')}"


@contextmanager
def telling(where: str) -> Iterator[None]:
    """Turn a failure of the database into one line.

    What the server says of a value that does not fit repeats the value: it is left out.

    Raises:
        WarehouseError: connection, rights, space, locks, or a value the table does not take.
    """
    import psycopg
    from psycopg import errors

    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        what = f"a value of the batch does not fit ({type(error).__name__})"
        raise WarehouseError(what, where=where, remedy="please report this") from None
    except errors.LockNotAvailable as error:
        what, remedy = (
            f"locked for {LOCK_TIMEOUT}",
            "wait for the other loader, or end the session that holds it",
        )
        raise WarehouseError(what, where=where, remedy=remedy) from error
    except errors.InsufficientPrivilege as error:
        what = f"cannot be used ({_said(error)})"
        remedy = "make the roles as docs/how-to/use-postgresql.md says"
        raise WarehouseError(what, where=where, remedy=remedy) from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
        remedy = "check address, account, rights and free disk space, and run again"
        raise WarehouseError(f"cannot be used ({_said(error)})", where=where, remedy=remedy) from error


def _said(error: psycopg.Error) -> str:
    """Give the first line of what the server or libpq said."""
    return (error.diag.message_primary or str(error) or type(error).__name__).splitlines()[0]
