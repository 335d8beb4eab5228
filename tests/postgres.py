"""A PostgreSQL server of the tests' own, on a socket in a temporary folder; gone with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = count(1)
ACCESS = "local all locked scram-sha-256\nlocal all all trust\n"
"""Only the user `locked` needs its password."""


def programs() -> Path | None:
    """Find the newest server; Debian keeps it out of PATH."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    return max((path.parent for path in installed), key=lambda path: int(path.parent.name), default=None)


@dataclass(frozen=True)
class Server:
    """A running server; everybody may log in without a password, but for the user `locked`."""

    home: Path
    binaries: Path
    user: str | None

    def address(self, database: str = "postgres", user: str = "postgres") -> str:
        """Give the URL of a database."""
        return f"postgresql://{user}@/{database}?host={self.home}"

    def fresh(self) -> str:
        """Make an empty database and give its URL."""
        name = f"study_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.address(name)

    def execute(self, statement: str, address: str = "") -> list[tuple]:
        """Run one statement as the administrator."""
        import psycopg

        with psycopg.connect(address or self.address(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs on its folder; it refuses to run as root."""
        command = [str(self.binaries / program), "-D", f"{self.home}/data", *arguments]
        log = subprocess.DEVNULL
        subprocess.run(command, check=True, user=self.user, cwd=self.home, stdout=log, stderr=log, timeout=60)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.run("pg_ctl", "-w", "start", "-o", f"-c listen_addresses='' -c fsync=off -k {self.home}")

    def stop(self) -> None:
        """Stop the server at once, as a power cut would."""
        self.run("pg_ctl", "-m", "immediate", "stop")


@contextmanager
def running() -> Iterator[Server]:
    """Start a server, or skip the test where none is installed."""
    binaries = programs()
    if binaries is None:
        pytest.skip("Debian's postgresql is not installed")
    pytest.importorskip("psycopg")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), binaries, "postgres" if os.geteuid() == 0 else None)
        if server.user:
            shutil.chown(folder, server.user)
        server.run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        (server.home / "data" / "pg_hba.conf").write_text(ACCESS)
        server.start()
        try:
            yield server
        finally:
            server.stop()
