"""Registries as earlier versions left them, with a row in every table."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import registry.database
from registry.database import open_engine

Rows = dict[str, dict[str, Any]]


def config() -> Config:
    """Return what Alembic needs to know of the migrations."""
    made = Config()
    scripts = Path(registry.database.__file__).parent / "migrations"
    made.set_main_option("script_location", str(scripts))
    return made


def released() -> list[str]:
    """Return every version that a registry can be of, the first one first."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def make(url: str, revision: str) -> Rows:
    """Make a registry of an earlier version, put a row into each table, and return the rows."""
    engine = open_engine(url)
    alembic = config()
    with engine.begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, revision)
        rows: Rows = {}
        for table in tables(connection):
            rows[table.name] = {column.name: value(column) for column in table.columns}
            connection.execute(table.insert(), rows[table.name])
    engine.dispose()
    return rows


def read(url: str) -> Rows:
    """Return the first row of each table."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: {name: in_utc(found) for name, found in row.items()}
            for table in tables(connection)
            for row in connection.execute(table.select()).mappings()
        }
    engine.dispose()
    return found


def in_utc(found: Any) -> Any:
    """Return a time as a server has it; SQLite's are without their zone."""
    is_naive = isinstance(found, datetime) and found.tzinfo is None
    return found.replace(tzinfo=UTC) if is_naive else found


def tables(connection: sa.Connection) -> Iterable[sa.Table]:
    """Return the tables as they are, those that others name before those that name them."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def value(column: sa.Column[Any]) -> Any:
    """Return something that the column can hold."""
    if column.foreign_keys or column.name == "id":
        return 1
    kinds: Mapping[type, Any] = {
        sa.Boolean: True,
        sa.Integer: 7,
        sa.Float: 0.5,
        sa.Date: date(2025, 7, 9),
        sa.DateTime: datetime(2025, 7, 9, 12, 30, tzinfo=UTC),
        sa.JSON: {"of": column.name},
        sa.String: f"the {column.name}",
    }
    return next(made for kind, made in kinds.items() if isinstance(column.type, kind))
