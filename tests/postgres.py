"""A PostgreSQL server of the tests' own, and databases on it.

It listens on a socket in its own folder, so that no port is taken and nobody else is met. In CI a
machine without PostgreSQL is a failure; elsewhere its tests are skipped.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

USER, PASSWORD = "podium", "a secret: 100% @/"
INITIAL = ("--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
LANGUAGE = ("--locale-provider=icu", "--icu-locale=en-US")
ZONE = "timezone=Pacific/Kiritimati"
"""Servers sort by a language ("a, B, c", where a file has "B, a, c"), and live in a time zone."""
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
"""Settings for data that nobody will miss."""

MEMORY, NEEDED = Path("/dev/shm"), 2**30
"""Where files are in memory: a database is 300 of them, which a busy disk copies in a second."""

EMPTY = """
DO $$ BEGIN
    EXECUTE (
        SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
        FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    );
END $$
"""


@dataclass(frozen=True)
class Server:
    """A running server."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD) -> str:
        """Return the URL of a database, as users give it."""
        from urllib.parse import quote

        who = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql+psycopg://{who}@/{database}?host={self.folder}"

    def database(self, template: str = "template1") -> str:
        """Make a database and return its URL."""
        name = f"podium_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return self.url(name)

    def empty(self, database: str) -> None:
        """Take all rows out of a registry, which is five times as fast as to make one."""
        self.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        )
        self.execute(EMPTY, database)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Execute one statement outside a transaction."""
        import psycopg

        settings = {"host": str(self.folder), "user": USER, "password": PASSWORD}
        with psycopg.connect(dbname=database, autocommit=True, **settings) as connection:
            connection.execute(statement)  # type: ignore[arg-type]


def binary(name: str) -> str:
    """Return a program of PostgreSQL. Skips the test, or in CI fails it, where there is none."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(installed[-1]) if installed else "")
    if not found:
        message = f"needs PostgreSQL's {name}: apt-get install postgresql"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return found


def database_of(url: str) -> str:
    """Return the database that a URL names."""
    from sqlalchemy import make_url

    return str(make_url(url).database)


def account() -> pwd.struct_passwd:
    """Return who shall own the server, which refuses to run as root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def in_memory() -> Path | None:
    """Return a folder in memory, where there is one with room."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED
    return MEMORY if has_room else None


@contextmanager
def started() -> Iterator[Server]:
    """Start a server, and end it with its folder."""
    initdb, postgres = binary("initdb"), binary("postgres")
    owner = account()
    # A short name: a socket's path has 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="podium-pg-", dir=in_memory()))
    secret = folder / "password"
    secret.write_text(PASSWORD)
    for path in (folder, secret):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    settings = as_owner if not os.geteuid() else {}
    data = folder / "data"
    made = subprocess.run(
        [initdb, "-D", data, "-U", USER, f"--pwfile={secret}", *INITIAL, *LANGUAGE],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **settings,
    )
    assert made.returncode == 0, made.stderr
    options = ["listen_addresses=", f"unix_socket_directories={folder}", *QUICK, ZONE]
    words = [word for option in options for word in ("-c", option)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [postgres, "-D", data, *words], cwd=folder, stdout=log, stderr=log, **settings
        )
    try:
        running = Server(folder)
        wait_for(running, process)
        yield running
    finally:
        process.send_signal(signal.SIGINT)  # ends without waiting for connections
        process.wait(timeout=30)
        shutil.rmtree(folder)


def wait_for(server: Server, process: "subprocess.Popen[bytes]") -> None:
    """Return when the server answers."""
    import psycopg

    give_up = time.monotonic() + 30
    while True:
        try:
            server.execute("SELECT 1")
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > give_up:
                pytest.fail((server.folder / "log").read_text())
            time.sleep(0.05)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return the server of this session of tests."""
    with started() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(server: Server) -> str:
    """Return the name of a database with the newest tables, from which others are copied."""
    from registry.database import migrate, open_engine

    engine = open_engine(server.database())
    migrate(engine)
    engine.dispose()
    return str(engine.url.database)
