"""A registry on a PostgreSQL server: all that a file does, and what only a server can get wrong."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from postgres import PASSWORD, USER, Server
from sqlalchemy import make_url
from stored_runs import add_run, answer, begin_run

import registry.database
from registry.cli import main
from registry.errors import MissingExtra, StoreError
from registry.importing import BUILT_IN, read_path
from registry.importing.records import Batch, ModelFacts, Refusal
from registry.importing.storing import store_batch
from registry.reported import board_rows, resolve
from registry.store import Store, open_store


@pytest.fixture
def store(postgresql: str) -> Iterator[Store]:
    store = open_store(postgresql)
    yield store
    store.close()


def podium(url: str, *words: str) -> Result:
    return CliRunner().invoke(main, words, env={"PODIUM_REGISTRY": url})


def name_of(url: str) -> str:
    """Return the database that a URL names."""
    return str(make_url(url).database)


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


def test_importing_twice_changes_nothing(store: Store) -> None:
    batch = read_path(BUILT_IN)
    first, second = store_batch(store, batch), store_batch(store, batch)
    assert {outcome.verdict for outcome in first.outcomes} == {"added"}
    assert {outcome.verdict for outcome in second.outcomes} == {"unchanged"}
    assert resolve(store, "MEDGEMMA 4B IT") in {row.name for row in store.models()}


def test_an_import_with_a_bad_row_stores_nothing(store: Store) -> None:
    whole = read_path(BUILT_IN)
    report = store_batch(store, Batch(whole.records, [Refusal("scores.csv:7", "no number")]))
    assert not report.stored
    assert (store.models(), board_rows(store, "mmlu")) == ([], [])


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
    with psycopg.connect(dbname=name_of(postgresql), **settings) as hanging:
        hanging.execute("UPDATE alembic_version SET version_num = version_num")
        with pytest.raises(StoreError, match="locked by another process"):
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
def test_a_server_that_cannot_be_reached_is_told(where: str) -> None:
    output = told(f"postgresql+psycopg://podium:secret@{where}")
    assert "cannot be reached" in output
    assert "pg_isready -h" in output


def test_a_user_who_may_not_write_is_told(postgresql: str, server: Server) -> None:
    url = server.database()
    server.execute("DROP ROLE IF EXISTS guest")
    server.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    output = told(url.replace(url.split("@")[0], "postgresql+psycopg://guest:guest"))
    assert "permission denied" in output
    assert "GRANT ALL ON SCHEMA public TO guest" in output


def test_a_database_of_something_else_is_refused_and_left_alone(server: Server) -> None:
    url = server.database()
    server.execute("CREATE TABLE recipes (name TEXT)", name_of(url))
    assert "no Podium registry (its tables: recipes)" in told(url)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'podium\[postgres\]'"):
        open_store("postgresql+psycopg://podium@127.0.0.1/podium")
