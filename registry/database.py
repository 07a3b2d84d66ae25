"""The database under a registry: where it is, how it is opened, and brought to the newest version.

Nothing here knows what the tables mean. Whatever a database or its server complains of ends in a
StoreError that says what to type, a StoreUnavailable where waiting may mend it, and leaves the
registry as it was.
"""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from registry.datasets import podium_home
from registry.errors import MissingExtra, StoreError, StoreUnavailable

HEAD = "0003"
"""The newest migration; a test holds it against the scripts, so that no query imports Alembic."""

PATIENCE = 30
"""Seconds to wait for another writer before giving up."""

DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
"""The databases a registry can be, by how their URLs begin, each with its driver."""

MIGRATING = 7_064_910
"""The key of the server's lock under which one process at a time makes or changes tables."""


def default_url() -> str:
    """Return the URL of the registry in the user's data folder."""
    return f"sqlite:///{podium_home() / 'registry.db'}"


def registry_exists(url: str = "") -> bool:
    """Whether there is a registry to open without making one; of a server, that it is named."""
    file = registry_file(url)
    return file is None or file.exists()


def registry_file(url: str = "") -> Path | None:
    """Return the file that the registry is, or None where it is on a server or in memory."""
    address = _address(url)
    name = address.database or ""
    if address.get_backend_name() != "sqlite" or name in ("", ":memory:"):
        return None
    # SQLite's own form: sqlite:///file:registry.db?mode=ro&uri=true
    return Path(name.removeprefix("file:") if "uri" in address.query else name)


def connect(url: str = "") -> tuple[Engine, bool]:
    """Open the database, made or brought to the newest version; say whether it was made just now.

    Raises StoreError where it is no registry, of a newer version, or cannot be reached.
    """
    file = registry_file(url)
    if file:
        _make_room(file)
    engine = open_engine(url)
    try:
        with explained(engine):
            return engine, _bring_forward(engine)
    except BaseException:
        engine.dispose()
        raise


def open_engine(url: str = "") -> Engine:
    """Return an engine for the database as it is; nothing is opened before it is used."""
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address)
        event.listen(engine, "connect", _sqlite_settings)
        return engine
    asked = {"connect_timeout": 10, "application_name": "podium"}
    settings = {name: value for name, value in asked.items() if name not in address.query}
    try:
        # A server may drop idle connections; a run is silent while its answers come.
        engine = create_engine(address, pool_pre_ping=True, connect_args=settings)
    except ModuleNotFoundError as error:
        raise MissingExtra("a registry on PostgreSQL", "postgres") from error
    event.listen(engine, "connect", _server_settings)
    return engine


def _address(url: str) -> URL:
    """Return where the registry is; a bare path means SQLite."""
    url = url or default_url()
    if "://" not in url:
        return URL.create("sqlite", database=url)
    shown = re.sub(r"://[^/]*@", "://…@", url)
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            f"'{shown}' is no database URL. Set PODIUM_REGISTRY to a file or to "
            "postgresql+psycopg://…"
        ) from error
    if address.drivername not in DRIVERS:
        raise StoreError(
            f"'{shown}': a registry is on SQLite or PostgreSQL, not on {address.drivername}. "
            "Set PODIUM_REGISTRY to a file or to postgresql+psycopg://…"
        )
    return address.set(drivername=DRIVERS[address.drivername])


def _make_room(file: Path) -> None:
    """Make the folder of a registry file. Raises StoreError where there can be none."""
    if file.is_dir():
        raise StoreError(
            f"{file} is a folder, and a registry is a file. "
            f"Name one in it with: --registry {file / 'registry.db'}"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {file.parent} cannot be made: {error.strerror}. "
            f"Name another registry with: --registry FILE"
        ) from error


def _sqlite_settings(connection: Any, _record: Any) -> None:
    """Let readers go on while one writes, and wait for another writer instead of failing."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000}")
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Change a file to write-ahead logging, for which SQLite itself does not wait its turn."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _server_settings(connection: Any, _record: Any) -> None:
    """Give up on a lock after a while; else a process that hangs would hang all others."""
    connection.execute(f"SET lock_timeout = '{PATIENCE}s'")
    connection.commit()


# Versions -----------------------------------------------------------------------------------------


def _bring_forward(engine: Engine) -> bool:
    """Bring the database to the newest version; return whether there was none before."""
    with engine.connect() as connection:
        version = version_of(connection)
    if version > HEAD:
        raise StoreError(
            f"the registry {where(engine)} is of version {version}, newer than this Podium knows "
            f"({HEAD}). Upgrade with: pip install --upgrade podium"
        )
    return version != HEAD and migrate(engine)


def version_of(connection: Connection) -> str:
    """Return the database's version, "" where it is empty; refuse one that is no registry."""
    names = inspect(connection).get_table_names()
    if not names:
        return ""
    if not {"alembic_version", "prediction"} <= {*names}:
        raise StoreError(
            f"{where(connection.engine)} is a database, but no Podium registry (its tables: "
            f"{', '.join(sorted(names)[:5])}). Name another with: --registry FILE"
        )
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def migrate(engine: Engine) -> bool:
    """Bring the database to the newest version; return whether it was made by this call.

    Of processes that come at once the first does it, and the others wait and find nothing to do.
    """
    # Inside: Alembic takes longer to import than a query takes to answer.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection, _whole_change(connection):
        version = version_of(connection)
        if version == HEAD:
            return False
        if version:
            _back_up(engine, version)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return not version


def _back_up(engine: Engine, version: str) -> None:
    """Copy a registry file before a migration touches it; a server has its own backups."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    target = Path(f"{engine.url.database}.{version}.bak")
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        with engine.connect() as connection:
            connection.execute(text("VACUUM INTO :target"), {"target": str(unfinished)})
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _whole_change(connection: Connection) -> Iterator[None]:
    """Change the tables in one transaction and alone, which SQLite's driver leaves to us.

    SQLite changes a table by making it anew, which foreign keys would forbid; they are held against
    the whole before it is committed.
    """
    if connection.dialect.name != "sqlite":
        with connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
            yield
        return
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.commit()
    try:
        with connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise StoreError(
                    f"the registry {where(connection.engine)} names rows that are not there: "
                    f"{broken[:3]}. It is unchanged; check it with: podium doctor"
                )
    finally:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.commit()


# Errors -------------------------------------------------------------------------------------------


def where(engine: Engine) -> str:
    """Return the registry as messages name it; passwords are never part of it."""
    if engine.dialect.name == "sqlite":
        return engine.url.database or "in memory"
    return engine.url.render_as_string(hide_password=True)


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Turn the database's own errors into one that says what to do."""
    try:
        yield
    except DBAPIError as error:
        raise _translated(engine, str(error.orig)) from error


class Fault(NamedTuple):
    """What a complaint is known by, what it means, and whether waiting may mend it."""

    known_by: str
    meaning: str
    passes: bool = False


FAULTS = (
    Fault(
        r"not a database",
        "{where} is not a database. Name another registry with: --registry FILE",
    ),
    Fault(
        r"malformed",
        "the registry {where} is damaged: {problem}. Save what can be read with: "
        "sqlite3 {where} .recover | sqlite3 saved.db",
    ),
    Fault(
        r"locked|lock timeout|deadlock",
        "the registry {where} is locked by another process. Try again, or see: podium doctor",
        passes=True,
    ),
    Fault(
        r"read-?only|unable to open",
        "the registry {where} cannot be written: {problem}. Check it with: {look}",
    ),
    Fault(
        r"disk is full|no space left|disk full|disk i/o",
        "no space is left for the registry {where} ({problem}). It is as it was before. "
        "Free some, see: df -h; a run then goes on with: podium resume ID",
    ),
    Fault(
        r"password|authentication|role .* does not exist|no pg_hba",
        "the server does not let you in at {where}: {problem}. Set user and password in "
        "PODIUM_REGISTRY, or try them with: psql '{plain}'",
    ),
    Fault(
        r"database .* does not exist",
        "there is no database {database} on that server ({where}). Make it with: "
        "createdb {database}",
    ),
    Fault(
        r"permission denied",
        "you may not change {where}: {problem}. Its owner lets you with: "
        "psql -d {database} -c 'GRANT ALL ON SCHEMA public TO {user}'",
    ),
    Fault(
        r"connection|could not translate|server closed|terminating",
        "the server of {where} cannot be reached: {problem}. Check it with: pg_isready {server}",
        passes=True,
    ),
)
"""What goes wrong with databases; the first that fits is told."""

UNKNOWN = Fault("", "the registry {where} failed: {problem}. Check it with: podium doctor")


def _translated(engine: Engine, complaint: str) -> StoreError:
    """Return the database's complaint as an error that says what to type."""
    url = engine.url
    facts = {
        "where": where(engine),
        "problem": (complaint.strip().splitlines() or ["no reason was given"])[0],
        "look": f"ls -l {url.database}" if engine.dialect.name == "sqlite" else "podium doctor",
        "database": url.database or "",
        "user": url.username or "",
        "plain": url.set(drivername="postgresql", password=None).render_as_string(),
        "server": f"-h {url.host or url.query.get('host', 'localhost')} -p {url.port or 5432}",
    }
    fits = (fault for fault in FAULTS if re.search(fault.known_by, complaint, re.IGNORECASE))
    fault = next(fits, UNKNOWN)
    kind = StoreUnavailable if fault.passes else StoreError
    return kind(fault.meaning.format(**facts))
