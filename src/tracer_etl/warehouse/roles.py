"""Who may do what in PostgreSQL: `tracer_loader` owns the tables, `tracer_analyst` reads what analysts may.

Both are groups without a login. A user who loads is a member of `tracer_loader` and works as that role, so
that whoever loads, the owner of every table is the same and has no more rights than it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.errors import WarehouseError
from tracer_etl.names import quote
from tracer_etl.warehouse.contract import PUBLISHED

if TYPE_CHECKING:
    from tracer_etl.warehouse.session import Session

LOADER, ANALYST = "tracer_loader", "tracer_analyst"

READABLE = (
    "layout", "setting", "pull", "form_version", "question", "choice", "language", "form_table", "column", "code",
    "form_summary", "set_aside", "released", "row_check", "check_result", "finding",
    "run", "run_check",
)  # fmt: skip
"""The `meta` tables analysts read: what forms say, and counts. A new one is closed until it is named here."""

_HOW = "have an administrator run the statements of docs/how-to/use-postgresql.md"


def assume(session: Session) -> None:
    """Become `tracer_loader`; where there is none, an administrator's first run makes both roles.

    Raises:
        WarehouseError: the roles are missing and this user may not make them, or is no member.
    """
    if session.value("SELECT count(*) FROM pg_roles WHERE rolname IN (?, ?)", [LOADER, ANALYST]) != 2:  # noqa: PLR2004
        _make(session)
    if not session.value("SELECT pg_has_role(?, 'MEMBER')", [LOADER]):
        user = session.value("SELECT current_user")
        what, remedy = f"user {user} is no member of {LOADER}", f"GRANT {LOADER} TO {quote(str(user))}"
        raise WarehouseError(what, where=session.where, remedy=remedy)
    rights = [
        f"has_database_privilege('{LOADER}', current_database(), '{right}')" for right in ("CREATE", "TEMP")
    ]
    if not session.value(f"SELECT {' AND '.join(rights)}"):
        _admit(session)
    session.execute(f"SET ROLE {LOADER}")


def _make(session: Session) -> None:
    able = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    if not session.value(able):
        raise WarehouseError(f"the role {LOADER} or {ANALYST} is missing", where=session.where, remedy=_HOW)
    with session.transaction("roles"):
        for role in (LOADER, ANALYST):
            if not session.value("SELECT 1 FROM pg_roles WHERE rolname = ?", [role]):
                session.execute(f"CREATE ROLE {role} NOLOGIN")
        session.execute(f"GRANT {LOADER} TO CURRENT_USER")


def _admit(session: Session) -> None:
    database = session.value("SELECT current_database()")
    able = (
        "SELECT rolsuper OR pg_has_role(datdba, 'MEMBER') FROM pg_roles, pg_database "
        "WHERE rolname = current_user AND datname = current_database()"
    )
    if not session.value(able):
        what = f"{LOADER} may not create schemas in the database {database}"
        raise WarehouseError(what, where=session.where, remedy=_HOW)
    session.execute(f"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {quote(str(database))} TO {LOADER}")


def open_to_analysts(session: Session) -> None:
    """Let analysts read `clean` and `marts`, also the tables to come, and what is named of `meta`."""
    for area in PUBLISHED:
        session.execute(f"GRANT USAGE ON SCHEMA {area} TO {ANALYST}")
    for area in ("clean", "marts"):
        session.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {area} TO {ANALYST}")
        session.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {area} GRANT SELECT ON TABLES TO {ANALYST}")
    session.execute(f"GRANT SELECT ON {', '.join('meta.' + quote(name) for name in READABLE)} TO {ANALYST}")
