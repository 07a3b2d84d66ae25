"""Registries in a file and on a server, empty or filled: what holds of one must hold of the other.

A test that asks for `store`, or for the `registry_url` that commands find in the environment, runs
once on each kind of database; no other test pays for it.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest
from postgres import Server, database_of

from registry.importing import read_path
from registry.importing.storing import store_batch
from registry.store import Store, open_store

KINDS = {"sqlite": "files", "postgresql": "databases"}
"""Each kind of database, and the fixture that returns where its registries are."""


class Backend(Protocol):
    """Where registries of one kind are; each is named by its URL."""

    def make(self, folder: Path) -> str:
        """Return an empty registry; a file lies in the folder."""

    def copy(self, url: str, folder: Path) -> str:
        """Return a copy of a registry that nobody has open."""

    def remove(self, url: str) -> None:
        """Take back what was made or copied."""


@dataclass(frozen=True, eq=False)
class Files:
    """Copies of a file that has the newest tables: to migrate takes longer than most tests."""

    new: bytes = field(repr=False)

    def make(self, folder: Path) -> str:
        """Write an empty registry into the folder."""
        file = folder / "registry.db"
        file.write_bytes(self.new)
        return str(file)

    def copy(self, url: str, folder: Path) -> str:
        """Copy the file into the folder."""
        return str(shutil.copy(url, folder / "registry.db"))

    def remove(self, url: str) -> None:
        """Leave the file to its folder, which goes with the test."""


@dataclass(frozen=True, eq=False)
class Databases:
    """Databases of a server; one that a test is done with is emptied for the next."""

    server: Server
    template: str
    _spare: list[str] = field(default_factory=list)
    _copies: set[str] = field(default_factory=set)

    def make(self, folder: Path) -> str:
        """Return an empty registry."""
        return self._spare.pop() if self._spare else self.server.database(self.template)

    def copy(self, url: str, folder: Path) -> str:
        """Copy the database."""
        made = self.server.database(database_of(url))
        self._copies.add(made)
        return made

    def remove(self, url: str) -> None:
        """Drop a copy, and keep what was made."""
        if url in self._copies:
            self.server.execute(f"DROP DATABASE {database_of(url)} WITH (FORCE)")
        else:
            self.server.empty(database_of(url))
            self._spare.append(url)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return where registries are files."""
    file = tmp_path_factory.mktemp("new") / "registry.db"
    open_store(str(file)).close()
    with closing(sqlite3.connect(file)) as connection:
        return Files(connection.serialize())


@pytest.fixture(scope="session")
def databases(server: Server, migrated: str) -> Databases:
    """Return where registries are databases of a server."""
    return Databases(server, migrated)


@pytest.fixture
def postgresql(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """Return an empty registry on the server, for what only a server can get wrong."""
    url = databases.make(tmp_path)
    yield url
    databases.remove(url)


@pytest.fixture(scope="module", params=KINDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return one kind of registries, then the other."""
    found: Backend = request.getfixturevalue(KINDS[request.param])
    return found


@pytest.fixture
def registry_url(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Return an empty registry, which is also the one that commands use."""
    url = backend.make(tmp_path)
    monkeypatch.setenv("PODIUM_REGISTRY", url)
    yield url
    backend.remove(url)


@pytest.fixture
def store(registry_url: str) -> Iterator[Store]:
    """Return that registry, opened."""
    store = open_store(registry_url)
    yield store
    store.close()


Holding = Callable[[Backend, Path], str]


@pytest.fixture(scope="session")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Holding:
    """Return what fills a registry from a folder, once a session: to read it, or to copy it."""

    @cache
    def holding(backend: Backend, source: Path) -> str:
        url = backend.make(tmp_path_factory.mktemp("holding"))
        with closing(open_store(url)) as store:
            report = store_batch(store, read_path(source))
            assert report.stored, report.stops[:3]
        return url

    return holding


Copied = Callable[[str], Store]


@pytest.fixture
def copied(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copied]:
    """Return what opens a copy of a registry, which a test may change, and which commands use."""
    with ExitStack() as stack:

        def copied(url: str) -> Store:
            copy = backend.copy(url, tmp_path)
            stack.callback(backend.remove, copy)
            monkeypatch.setenv("PODIUM_REGISTRY", copy)
            return stack.enter_context(closing(open_store(copy)))

        yield copied
