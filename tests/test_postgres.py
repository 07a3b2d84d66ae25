"""A registry on a PostgreSQL server: all that a file does, and what only a server can get wrong."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from postgres import PASSWORD, USER, Server, account, database_of, started
from sqlalchemy import text
from stored_runs import add_run, answer, begin_run

import registry.database
from registry import Prediction
from registry.cli import main
from registry.errors import MissingExtra, StoreError, StoreUnavailable
from registry.importing.records import Batch, ModelFacts
from registry.importing.storing import store_batch
from registry.store import Store, open_store


@pytest.fixture
def store(postgresql: str) -> Iterator[Store]:
    """Return a registry on the server alone."""
    store = open_store(postgresql)
    yield store
    store.close()


PID = text("SELECT pg_backend_pid()")


def podium(url: str, *words: str) -> Result:
    return CliRunner().invoke(main, words, env={"PODIUM_REGISTRY": url})


def test_the_command_line_works_on_a_server(server: Server) -> None:
    url = server.database()
    result = podium(url, "leaderboard", "mmlu", "--format", "json")
    assert result.exit_code == 0, result.output
    on_server = json.loads(result.output)
    in_a_file = json.loads(podium("", "leaderboard", "mmlu", "--format", "json").output)
    assert on_server["standings"] == in_a_file["standings"]
    assert len(on_server["standings"]) > 5


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_server_is_named_as_its_own_tools_name_it(postgresql: str, scheme: str) -> None:
    store = open_store(postgresql.replace("postgresql+psycopg", scheme))
    assert store.runs() == []
    store.close()


def test_an_import_that_the_server_stops_half_way_stores_nothing(store: Store) -> None:
    facts = [ModelFacts(name="acme/good"), ModelFacts(name="acme/\x00")]
    with pytest.raises(StoreError, match="NUL"):
        store_batch(store, Batch(facts))
    assert store.models() == []


def test_answers_are_read_in_one_order_whatever_language_the_server_speaks(
    server: Server, tmp_path: Path
) -> None:
    server.execute(
        "CREATE DATABASE german TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'"
    )
    orders = []
    for url in (server.url("german"), str(tmp_path / "registry.db")):
        store = open_store(url)
        run_id = begin_run(store, n_samples=6)
        store.append([answer(run_id, s) for s in ("9", "10", "٣", "１", "0", "07")])  # noqa: RUF001
        orders.append([p.sample_id for p in store.predictions(run_id)])
        store.close()
    assert orders[0] == orders[1] == sorted(orders[0])


def test_a_connection_that_the_server_closed_is_opened_again(store: Store, server: Server) -> None:
    add_run(store, "acme/one", 0.5)
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'podium'"
    )
    assert [row.value for row in store.board("clock")] == [0.5]


def test_a_writer_that_hangs_does_not_hang_the_others(
    postgresql: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.database, "PATIENCE", 1)
    store = open_store(postgresql)
    settings = {"host": str(server.folder), "user": USER, "password": PASSWORD}
    with psycopg.connect(dbname=database_of(postgresql), **settings) as hanging:
        hanging.execute("UPDATE alembic_version SET version_num = version_num")
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            begin_run(store)
        hanging.rollback()
    assert begin_run(store) == 1
    store.close()


# --- What is wrong with a server ------------------------------------------------------------------


def told(url: str) -> str:
    """Return what a command says of the registry; never the password."""
    result = podium(url, "runs")
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "\nTraceback" not in result.output
    assert "secret" not in result.output.replace(PASSWORD, "secret")
    return result.output


def test_a_wrong_password_is_told(server: Server) -> None:
    output = told(server.url("postgres", password="not the secret").replace("secret", "word"))
    assert "the server does not let you in" in output
    assert 'password authentication failed for user "podium"' in output
    assert "Set user and password in PODIUM_REGISTRY" in output


def test_a_database_that_is_not_there_is_told(server: Server) -> None:
    output = told(server.url("nowhere"))
    assert "there is no database nowhere on that server" in output
    assert "createdb nowhere" in output


@pytest.mark.parametrize("where", ["127.0.0.1:1/podium", "/podium?host=/not-here&port=1"])
def test_a_server_that_cannot_be_reached_is_told_and_may_be_back_soon(where: str) -> None:
    url = f"postgresql+psycopg://podium:secret@{where}"
    output = told(url)
    assert "cannot be reached" in output
    assert "pg_isready -h" in output
    with pytest.raises(StoreUnavailable):
        open_store(url)


def test_a_write_that_the_server_ended_may_be_tried_again(store: Store, server: Server) -> None:
    run_id = begin_run(store)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        delete_while_the_server_ends_it(store, server)
    store.append([answer(run_id, "1")])
    assert store.run(run_id).outcomes == {"answered": 1}


def delete_while_the_server_ends_it(store: Store, server: Server) -> None:
    with store.writing() as session:
        server.execute(f"SELECT pg_terminate_backend({session.scalar(PID)})")
        session.execute(text("DELETE FROM prediction"))


def test_a_registry_that_may_only_be_read_is_read_and_not_written(
    server: Server, migrated: str
) -> None:
    url = server.database(migrated)
    store = open_store(url)
    add_run(store, "acme/one", 0.5)
    store.close()
    server.execute(f"ALTER DATABASE {database_of(url)} SET default_transaction_read_only = on")
    store = open_store(url)
    assert [row.value for row in store.board("clock")] == [0.5]
    with pytest.raises(StoreError, match=r"cannot be written: .*read-only") as caught:
        begin_run(store)
    assert caught.type is StoreError
    assert [view.model for view in store.runs()] == ["acme/one"]
    store.close()


@pytest.fixture
def crowded() -> Iterator[str]:
    """Return a database on a disk of 16 MB, on a server of its own: other tests need theirs whole.

    Skips the test where no disk may be mounted.
    """
    with started() as server:
        folder = server.folder / "small"
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m,mode=777", "none", folder],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip(f"no disk may be mounted here: {mounted.stderr.decode().strip()}")
        try:
            owner = account()
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            server.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            server.execute("CREATE DATABASE crowded TABLESPACE small")
            yield server.url("crowded")
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_leaves_the_registry_as_it_was(crowded: str) -> None:
    with closing(open_store(crowded)) as store:
        run_id = begin_run(store)
        store.append([answer(run_id, "1")])
        many = [
            Prediction(run_id=run_id, sample_id=f"more {i}", text=random.randbytes(2000).hex())
            for i in range(4000)
        ]
        with pytest.raises(StoreError, match=r"no space is left .*as it was before") as caught:
            store.append(many)
        assert caught.type is StoreError  # nobody is to wait for it
        assert store.run(run_id).outcomes == {"answered": 1}


def test_a_user_who_may_not_write_is_told(postgresql: str, server: Server) -> None:
    url = server.database()
    server.execute("DROP ROLE IF EXISTS guest")
    server.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    output = told(url.replace(url.split("@")[0], "postgresql+psycopg://guest:guest"))
    assert "permission denied" in output
    assert "GRANT ALL ON SCHEMA public TO guest" in output


def test_a_database_of_something_else_is_refused_and_left_alone(server: Server) -> None:
    url = server.database()
    server.execute("CREATE TABLE recipes (name TEXT)", database_of(url))
    assert "no Podium registry (its tables: recipes)" in told(url)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'podium\[postgres\]'"):
        open_store("postgresql+psycopg://podium@127.0.0.1/podium")
