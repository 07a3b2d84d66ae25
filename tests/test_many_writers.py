"""Many processes and one registry: nothing is lost, nothing twice, and nobody waits for ever."""

import multiprocessing
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import older
import pytest
from postgres import Server
from sqlalchemy import text
from stored_runs import ACCURACY, answer, begin_run, sample_score

from registry import Benchmark, Dataset, Outcome, Score
from registry.database import open_engine
from registry.importing import BUILT_IN, read_path
from registry.importing.storing import store_batch
from registry.store import Measured, Store, open_store

WRITERS = 20
RUNS = 3
SAMPLES = 40
MODELS = 5
PATIENCE = 120
"""Seconds after which processes that wait for one another are taken for deadlocked."""

GROUPS = {name: f"group {i % 2}" for i, name in enumerate("abcdefgh")}
CLOCK = Benchmark(
    name="clock", summary="", dataset=Dataset("clock", list), metrics=(ACCURACY,), groups=GROUPS
)
REVERSED = replace(CLOCK, groups=dict(reversed(GROUPS.items())))

started: Barrier


def take_place(barrier: Barrier) -> None:
    global started
    started = barrier


def at_once(work: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
    """Call `work` in a process of its own for each of the arguments, all at the same moment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stored_runs", "registry.importing.storing", "psycopg"])
    n = len(arguments[0])
    barrier = context.Barrier(n)
    with ProcessPoolExecutor(n, context, take_place, (barrier,)) as pool:
        return list(pool.map(work, *arguments, timeout=PATIENCE))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where there is no registry yet: a file, then a database of a server."""
    if request.param == "sqlite":
        return str(tmp_path / "registry.db")
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def opened(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


def count(url: str, table: str) -> int:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
    engine.dispose()
    return found


# --- What each process does -----------------------------------------------------------------------


def evaluate(url: str, writer: int) -> list[int]:
    """Open the registry and finish some runs, one answer a transaction."""
    started.wait(PATIENCE)
    store = open_store(url)
    return [one_run(store, writer, number) for number in range(RUNS)]


def one_run(store: Store, writer: int, number: int) -> int:
    model = f"acme/model-{(writer + number) % MODELS}"
    benchmark = CLOCK if writer % 2 else REVERSED
    run_id = begin_run(store, model, benchmark=benchmark, n_samples=SAMPLES)
    for sample in range(0, SAMPLES, 4):
        store.append([answer(run_id, str(sample + i)) for i in range(4)])
    details = [sample_score(str(sample)) for sample in range(SAMPLES)]
    score = Score(metric="accuracy", value=writer / 100 + number / 1000, n=SAMPLES)
    store.finish(run_id, details, [Measured(score, ACCURACY, headline=True)])
    return run_id


def retry(url: str, run_id: int, is_backwards: bool) -> None:
    """Answer all samples of a run that others answer as well."""
    started.wait(PATIENCE)
    store = open_store(url)
    samples = [str(sample) for sample in range(SAMPLES)]
    for sample in reversed(samples) if is_backwards else samples:
        store.append([answer(run_id, sample)])
    store.append([answer(run_id, s) for s in (reversed(samples) if is_backwards else samples)])
    details = [sample_score(sample) for sample in samples]
    score = Score(metric="accuracy", value=0.5, n=SAMPLES)
    store.finish(run_id, details, [Measured(score, ACCURACY, headline=True)])


def take_catalog(url: str, _writer: int) -> Counter[str]:
    started.wait(PATIENCE)
    report = store_batch(open_store(url), read_path(BUILT_IN))
    assert report.stored
    return Counter(outcome.verdict for outcome in report.outcomes)


def either(url: str, writer: int) -> None:
    """Import or evaluate, so that both write benchmarks, groups and models."""
    take_catalog(url, writer) if writer % 2 else evaluate(url, writer)


def open_it(url: str) -> bool:
    started.wait(PATIENCE)
    return open_store(url).is_new


# --- And what is true afterwards ------------------------------------------------------------------


@pytest.mark.slow
def test_twenty_processes_finish_runs_into_a_registry_that_none_of_them_found(url: str) -> None:
    made = at_once(evaluate, [url] * WRITERS, range(WRITERS))
    ids = [run_id for each in made for run_id in each]
    assert sorted(ids) == list(range(1, WRITERS * RUNS + 1))
    assert count(url, "benchmark") == 1
    assert count(url, "model") == MODELS
    assert count(url, "comparable_group") == len(GROUPS)
    assert count(url, "prediction") == WRITERS * RUNS * SAMPLES
    assert count(url, "sample_score") == WRITERS * RUNS * SAMPLES
    store = open_store(url)
    values = {row.run_id: row.value for row in store.board("clock")}
    store.close()
    assert values == {
        run_id: writer / 100 + number / 1000
        for writer, each in enumerate(made)
        for number, run_id in enumerate(each)
    }


def test_of_processes_that_open_a_new_registry_at_once_one_makes_it(url: str) -> None:
    assert sorted(at_once(open_it, [url] * 8)) == [False] * 7 + [True]


def test_a_run_resumed_by_several_at_once_has_each_answer_once(url: str, opened: Store) -> None:
    run_id = begin_run(opened, n_samples=SAMPLES)
    opened.append([answer(run_id, str(s), Outcome.FAILED) for s in range(SAMPLES)])
    at_once(retry, [url] * 6, [run_id] * 6, [bool(i % 2) for i in range(6)])
    assert opened.run(run_id).outcomes == {"answered": SAMPLES}
    assert [score.value for score in opened.scores(run_id)] == [0.5]
    assert opened.judged(run_id) == {"accuracy": {"answered": SAMPLES}}


def test_imports_at_once_add_each_fact_once(url: str) -> None:
    verdicts = sum(at_once(take_catalog, [url] * 4, range(4)), Counter())
    once = verdicts["added"]
    assert verdicts == {"added": once, "unchanged": 3 * once}
    assert count(url, "reported_score") > 100


def test_imports_and_runs_at_once_wait_for_each_other(url: str) -> None:
    at_once(either, [url] * 8, range(8))
    assert count(url, "prediction") == 4 * RUNS * SAMPLES
    assert count(url, "score") == 4 * RUNS


def test_an_older_registry_opened_by_many_is_copied_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    rows = older.make(str(file), "0001")
    assert at_once(open_it, [str(file)] * 6) == [False] * 6
    (copy,) = tmp_path.glob("*.bak*")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("0001",)]
    connection.close()
    assert older.read(str(copy))["score"].keys() == rows["score"].keys()
