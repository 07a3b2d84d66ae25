"""The registry's database: what it keeps, what it refuses, and that it never half finishes."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import older
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlmodel import SQLModel
from stored_runs import (
    ACCURACY,
    add_run,
    answer,
    begin_run,
    clock,
    dials,
    finish_run,
    sample_score,
)

import registry.database
from registry import Outcome, Prediction, Score
from registry.database import HEAD, migrate, registry_exists
from registry.errors import StoreError, StoreUnavailable, UnknownName
from registry.store import Measured, Store, open_store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def local(file: Path) -> Store:
    """Return a registry in a file."""
    return open_store(str(file))


# --- A run ----------------------------------------------------------------------------------------


def test_a_run_keeps_what_it_was_planned_with(store: Store) -> None:
    run_id = begin_run(
        store, "acme/one", plugin="clocks", excluded={"no hands": 2}, options={"limit": 4}
    )
    view = store.run(run_id)
    assert (view.benchmark, view.model, view.status) == ("clock", "acme/one", "unfinished")
    assert (view.run.plugin, view.run.engine, view.run.engine_version) == ("clocks", "echo", "1.0")
    assert view.run.excluded == {"no hands": 2}
    assert view.run.options == {"limit": 4}
    assert (view.outcomes, view.score) == ({}, None)


def test_what_came_back_is_read_as_it_was_written(store: Store) -> None:
    run_id = begin_run(store)
    written = [
        answer(run_id, "2"),
        Prediction(run_id=run_id, sample_id="1", logprobs={" A": -0.125, " B": -2.5}),
    ]
    store.append(written)
    assert list(store.predictions(run_id)) == [written[1], written[0]]


def test_appending_nothing_writes_nothing(store: Store) -> None:
    store.append([])
    assert list(store.predictions(begin_run(store))) == []


def test_a_retried_sample_s_answer_replaces_its_failure(store: Store) -> None:
    run_id = begin_run(store)
    store.append([answer(run_id, "1"), answer(run_id, "2", Outcome.FAILED)])
    assert store.answered(run_id) == {"1"}
    assert store.run(run_id).outcomes == {"answered": 1, "failed": 1}
    store.append([answer(run_id, "2")])
    assert store.answered(run_id) == {"1", "2"}
    assert store.run(run_id).outcomes == {"answered": 2}


def test_a_retry_that_fails_again_is_one_failure(store: Store) -> None:
    run_id = begin_run(store)
    for _ in range(2):
        store.append([answer(run_id, "1", Outcome.FAILED)])
    assert store.run(run_id).outcomes == {"failed": 1}


def test_an_answer_is_a_fact_that_nothing_overwrites(store: Store) -> None:
    run_id = begin_run(store)
    store.append([answer(run_id, "1")])
    store.append([answer(run_id, "1", Outcome.TRUNCATED), answer(run_id, "2")])
    assert store.run(run_id).outcomes == {"answered": 2}


def test_a_review_s_failure_is_retried_apart_from_the_answer(store: Store) -> None:
    run_id = begin_run(store)
    failed = replace(answer(run_id, "1", Outcome.FAILED), stage="judge")
    store.append([answer(run_id, "1"), failed])
    assert (store.answered(run_id), store.answered(run_id, "judge")) == ({"1"}, set())
    assert (store.later_stages(run_id), store.run(run_id).outcomes) == (["judge"], {"answered": 1})
    graded = replace(answer(run_id, "1"), stage="judge")
    store.append([graded])
    assert list(store.predictions(run_id, "judge")) == [graded]
    assert [p.stage for p in store.predictions(run_id)] == ["answer"]


def test_another_scoring_of_a_run_begins_with_its_responses(store: Store) -> None:
    run_id = add_run(store, "acme/one", 0.5)
    store.append([replace(answer(run_id, "1"), stage="judge")])
    derived = store.derive(
        run_id, variant="strict", items_hash="x", benchmark_version="2", options={"judge": "b"}
    )
    view = store.run(derived)
    assert (view.status, view.run.variant, view.run.options) == (
        *("unfinished", "strict"),
        {"judge": "b"},
    )
    kept = [replace(p, run_id=run_id) for p in store.predictions(derived)]
    assert kept == list(store.predictions(run_id))
    assert store.later_stages(derived) == []
    assert [row.run_id for row in store.board("clock")] == [run_id]


def test_one_run_s_retry_leaves_another_run_s_failure(store: Store) -> None:
    first, second = begin_run(store), begin_run(store)
    store.append([answer(first, "1", Outcome.FAILED), answer(second, "1", Outcome.FAILED)])
    store.append([answer(first, "1")])
    assert store.run(second).outcomes == {"failed": 1}


def test_finishing_writes_scores_and_the_end_together(store: Store) -> None:
    run_id = finish_run(store, begin_run(store), 0.5, (0.4, 0.6), ties=1.0)
    view = store.run(run_id)
    assert (view.status, view.metric, view.score) == ("finished", "accuracy", 0.5)
    assert [(s.metric, s.value, s.headline) for s in store.scores(run_id)] == [
        ("accuracy", 0.5, True),
        ("ties", 1.0, False),
    ]
    assert store.judged(run_id) == {"accuracy": {"answered": 4}}


def test_finishing_that_fails_on_the_way_changes_nothing(store: Store) -> None:
    run_id = finish_run(store, begin_run(store), 0.5)
    finished_at = store.run(run_id).run.finished_at
    twice = [Measured(Score(metric="accuracy", value=0.9, n=1), ACCURACY, headline=True)] * 2
    with pytest.raises(StoreError, match=r"(?i)unique"):
        store.finish(run_id, [sample_score("9")], twice)
    assert [s.value for s in store.scores(run_id)] == [0.5]
    assert store.judged(run_id) == {"accuracy": {"answered": 4}}
    assert store.run(run_id).run.finished_at == finished_at


def test_a_run_whose_scores_cannot_be_written_stays_unfinished(store: Store) -> None:
    run_id = begin_run(store)
    twice = [Measured(Score(metric="accuracy", value=0.9, n=1), ACCURACY, headline=True)] * 2
    with pytest.raises(StoreError):
        store.finish(run_id, [sample_score("1")], twice)
    assert store.run(run_id).status == "unfinished"
    assert store.scores(run_id) == []


def test_scoring_again_replaces_the_scores(store: Store) -> None:
    run_id = finish_run(store, begin_run(store), 0.5)
    finish_run(store, run_id, 0.75)
    assert [s.value for s in store.scores(run_id)] == [0.75]


def test_what_a_run_cost_is_summed_over_replicas(store: Store) -> None:
    run_id = begin_run(store)
    store.append(
        [
            Prediction(run_id=run_id, sample_id="1", prompt_tokens=10, cached_tokens=4,
                       output_tokens=2, started=100.0, seconds=1.0, replica="a"),
            Prediction(run_id=run_id, sample_id="2", prompt_tokens=10, cached_tokens=8,
                       output_tokens=3, started=100.5, seconds=2.5, replica="a"),
            Prediction(run_id=run_id, sample_id="3", prompt_tokens=5, started=700.0,
                       seconds=0.25, replica="b"),
        ]
    )  # fmt: skip
    usage = store.usage(run_id)
    assert (usage.prompt_tokens, usage.cached_tokens, usage.output_tokens) == (25, 12, 5)
    assert usage.requests == 3
    assert usage.engine_seconds == 3.25


@pytest.mark.parametrize("jump", [0.0, 3600.0, -3600.0])
def test_a_clock_that_is_set_costs_no_engine_time(store: Store, jump: float) -> None:
    run_id = begin_run(store)
    times = [(1e6, 2.0), (1e6 + 1, 2.0), (1e6 + 2 + jump, 2.0), (1e6 + 3 + jump, 3.0)]
    store.append(
        [
            Prediction(run_id=run_id, sample_id=str(i), started=started, seconds=seconds)
            for i, (started, seconds) in enumerate(times)
        ]
    )
    busy = store.usage(run_id).engine_seconds
    # Of two answers around the jump the overlap, a second here, cannot be seen any more.
    assert busy == (6.0 if not jump else 7.0)
    assert [p.sample_id for p in store.predictions(run_id)] == ["0", "1", "2", "3"]


def test_the_pause_before_a_run_is_resumed_is_no_engine_time(store: Store) -> None:
    run_id = begin_run(store)
    for sample_id, started in (("1", 100.0), ("2", 90_000.0)):
        store.append([Prediction(run_id=run_id, sample_id=sample_id, started=started, seconds=1.5)])
    assert store.usage(run_id).engine_seconds == 3.0


def test_an_unknown_run_is_an_error_that_says_where_to_look(store: Store) -> None:
    with pytest.raises(UnknownName, match=r"no run named '7'.*podium runs"):
        store.run(7)


def test_a_run_was_made_now_whatever_time_a_server_has(store: Store) -> None:
    run_id = add_run(store, "acme/one", 0.5)
    run = store.run(run_id).run
    for moment in (run.started_at, run.finished_at, store.board("clock")[0].finished_at):
        assert moment is not None
        assert abs(moment.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=5)


def test_names_are_sorted_alike_whatever_language_a_server_speaks(store: Store) -> None:
    names = ["acme/b", "acme/B2", "Acme/c", "acme-x", "acmé", "acme/10", "acme/9"]
    for name in names:
        run_id = begin_run(store, name, benchmark=replace(clock(), name=name.replace("/", "-")))
        stages = ["judge", "Judge", "extract"]
        store.append([replace(answer(run_id, "1"), stage=stage) for stage in stages])
    assert [model.name for model in store.models()] == sorted(names)
    assert store.benchmark_names() == sorted(name.replace("/", "-") for name in names)
    assert store.later_stages(run_id) == ["Judge", "extract", "judge"]


# --- Boards ---------------------------------------------------------------------------------------


def test_a_run_that_is_not_finished_never_ranks(store: Store) -> None:
    run_id = begin_run(store, "acme/two")
    store.append([answer(run_id, sample) for sample in ("1", "2", "3", "4")])
    add_run(store, "acme/one", 0.5)
    assert [row.model for row in store.board("clock")] == ["acme/one"]
    finish_run(store, run_id, 0.9)
    assert [row.model for row in store.board("clock")] == ["acme/two", "acme/one"]  # by run


def test_a_board_holds_one_benchmark_and_whole_runs(store: Store) -> None:
    add_run(store, "acme/one", 0.25, benchmark=dials())
    run_id = begin_run(store, "acme/one", benchmark=clock("2"), items_hash="aa", scope="partial")
    part = Score(metric="accuracy", value=1.0, n=1, part="hour=12")
    whole = Score(metric="accuracy", value=0.5, n=4, low=0.4, high=0.6, stderr=0.05)
    store.finish(run_id, [], [Measured(whole, ACCURACY, headline=True), Measured(part, ACCURACY)])
    (row,) = store.board("clock")
    assert (row.run_id, row.benchmark, row.benchmark_version) == (run_id, "clock", "2")
    assert (row.scope, row.items_hash, row.variant) == ("partial", "aa", "default")
    assert (row.value, row.low, row.high, row.stderr, row.n) == (0.5, 0.4, 0.6, 0.05, 4)
    assert store.benchmark_names() == ["clock", "dials"]


# --- The database ---------------------------------------------------------------------------------


def test_readers_go_on_while_another_writes(local: Store, file: Path) -> None:
    run_id = add_run(local, "acme/one", 0.5)
    with sqlite3.connect(file, isolation_level=None) as writer:
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE score SET value = 0.9")
        assert local.run(run_id).score == 0.5
        writer.execute("COMMIT")
    writer.close()
    assert local.run(run_id).score == 0.9


def test_a_registry_locked_by_another_process_says_so(local: Store, file: Path) -> None:
    with local.session() as session:
        session.execute(text("PRAGMA busy_timeout = 1"))  # else the test waits half a minute
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"registry\.db is locked by another process.*doc"):
        begin_run(local)
    writer.close()
    assert begin_run(local) == 1


def test_a_run_cannot_belong_to_a_run_that_is_not_there(store: Store) -> None:
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        store.append([answer(99, "1")])
    assert store.runs() == []


def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Path) -> None:
    file.write_text("model,score\nacme/one,0.5\n" * 100)
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"is not a database.*--registry FILE"):
        open_store(str(file))
    assert file.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_alone(file: Path) -> None:
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(StoreError, match=r"no Podium registry \(its tables: recipes\)"):
        open_store(str(file))
    assert tables(file) == {"recipes"}


def test_a_registry_of_a_newer_podium_is_refused_and_left_alone(local: Store, file: Path) -> None:
    set_version(file, "9999")
    with pytest.raises(StoreError, match=r"version 9999, newer than.*pip install --upgrade podium"):
        open_store(str(file))
    assert version(file) == "9999"


def test_an_older_registry_is_copied_before_it_is_brought_forward(
    local: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_run(local, "acme/one", 0.5)
    monkeypatch.setattr(registry.database, "HEAD", f"{HEAD}1")
    open_store(str(file))
    copy = open_copy(file.with_name(f"registry.db.{HEAD}.bak"), monkeypatch)
    assert [view.model for view in copy.runs()] == ["acme/one"]


def open_copy(file: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    assert file.exists()
    monkeypatch.setattr(registry.database, "HEAD", HEAD)
    return open_store(str(file))


@pytest.mark.parametrize("below", ["registry.db", "deeper/registry.db"])
def test_a_folder_that_cannot_be_made_says_which_option_to_change(
    tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made.*--registry FILE"):
        open_store(str(tmp_path / "file" / below))


def test_what_is_no_url_says_what_one_looks_like() -> None:
    with pytest.raises(StoreError, match=r"is no database URL.*PODIUM_REGISTRY"):
        open_store("://")


def test_asking_whether_there_is_a_registry_makes_none(file: Path) -> None:
    assert not registry_exists(str(file))
    assert not file.exists()
    open_store(str(file))
    assert registry_exists(str(file))
    assert registry_exists(f"sqlite:///{file}")
    assert registry_exists("postgresql+psycopg://somewhere/podium")


def test_the_default_registry_lies_in_the_user_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODIUM_HOME", str(tmp_path / "home"))
    assert not registry_exists()
    open_store()
    assert (tmp_path / "home" / "registry.db").exists()


# --- Migrations -----------------------------------------------------------------------------------


def test_the_newest_migration_is_the_one_the_store_expects() -> None:
    assert older.released()[-1] == HEAD


def test_migrating_from_nothing_gives_exactly_the_tables_of_the_code(file: Path) -> None:
    engine = create_engine(f"sqlite:///{file}")
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()
    assert version(file) == HEAD


def first_registry(file: Path) -> None:
    """Write a registry as version 0001 left it: one run with its score."""
    engine = create_engine(f"sqlite:///{file}")
    alembic = older.config()
    with engine.begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "0001")
        for statement in FIRST_ROWS:
            connection.execute(text(statement))
    engine.dispose()


FIRST_ROWS = (
    "INSERT INTO benchmark VALUES (1, 'clock', 'Clock', '', '1')",
    "INSERT INTO model (id, name, title, organization, license, modalities, parameters_b)"
    " VALUES (1, 'acme/one', '', '', '', 'text', 7.0)",
    "INSERT INTO run VALUES (1, 1, 1, 'default', 'full', '', '1', '', '', '', '', '', '', 4, '{}',"
    " '', '', '', '', '', '', '{}', '{}', '2025-01-01 00:00:00', '2025-01-02 00:00:00', 0)",
    "INSERT INTO sample_score VALUES (1, 'accuracy', '1', 1.0, '12', '12', 'answered', NULL, 0,"
    " '')",
    "INSERT INTO score (id, benchmark_id, model_id, run_id, variant, metric, part, baseline,"
    " headline, higher_is_better, value, n)"
    " VALUES (7, 1, 1, 1, 'default', 'accuracy', '', '', 1, 1, 0.5, 4)",
)


@pytest.mark.parametrize("database", ["file", "server"])
@pytest.mark.parametrize("revision", older.released())
def test_every_version_comes_forward_with_its_data(
    revision: str, database: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(database)
    url = made.database() if database == "server" else str(made)
    before = older.make(url, revision)
    store = open_store(url)
    assert not store.is_new
    store.close()
    after = older.read(url)
    assert before.keys() <= after.keys()
    for table, row in before.items():
        kept = {column: value for column, value in row.items() if column in after[table]}
        assert kept == {column: after[table][column] for column in kept}
        assert set(row) - set(kept) <= GONE.get(table, set())


GONE = {"score": {"source_id"}}
"""Columns that nothing ever wrote, and that a migration took away."""


@pytest.mark.parametrize("database", ["file", "server"])
def test_a_registry_of_a_newer_podium_is_refused_wherever_it_is(
    database: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(database)
    url = made.database() if database == "server" else str(made)
    store = open_store(url)
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"version 9999, newer than"):
        open_store(url)
    with pytest.raises(StoreError, match=r"to version 9999 while this one .* had it open"):
        begin_run(store)
    store.close()


def test_the_first_registry_comes_forward_with_its_data(file: Path) -> None:
    first_registry(file)
    local = open_store(str(file))
    assert version(file) == HEAD
    assert not local.is_new
    (row,) = local.board("clock")
    assert (row.run_id, row.model, row.value, row.n) == (1, "acme/one", 0.5, 4)
    assert local.judged(1) == {"accuracy": {"answered": 1}}
    (model,) = local.models()
    assert (model.parameters_b, model.organization, model.license) == (7.0, None, None)
    assert model.modalities == "text"
    assert local.run(begin_run(local, "acme/one")).run.id == 2
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        local.append([answer(99, "1")])


def test_a_migration_that_fails_on_the_way_changes_nothing(file: Path) -> None:
    first_registry(file)
    connection = sqlite3.connect(file)
    connection.execute(
        "INSERT INTO score (id, benchmark_id, model_id, run_id, variant, metric, part, baseline,"
        " headline, higher_is_better, value) VALUES (8, 1, 99, 1, '', 'lost', '', '', 0, 1, 0.5)"
    )
    connection.commit()
    connection.close()
    before = tables(file)
    with pytest.raises(StoreError, match=r"names rows that are not there.*It is unchanged"):
        open_store(str(file))
    assert (tables(file), version(file)) == (before, "0001")


def tables(file: Path) -> set[str]:
    connection = sqlite3.connect(file)
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    return found


def version(file: Path) -> str:
    connection = sqlite3.connect(file)
    (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    return str(found)


def set_version(file: Path, number: str) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = ?", (number,))
    connection.commit()
    connection.close()
