"""Watching a run from another terminal: what is stored is seen, and nothing else is used."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from stored_runs import answer, begin_run, finish_run

from registry import Outcome, Prediction
from registry.cli import main
from registry.errors import StoreError, UnknownName
from registry.store import Snapshot, Store, open_store
from registry.watch import State, View, Watch

HOSTILE = 'acme/\x1b]0;pwned\x07"one"\\\n[red]'
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return a registry in a file, then one on a server: what holds of one must of the other."""
    file = str(tmp_path / "registry.db")
    is_file = request.param == "sqlite"
    store = open_store(file if is_file else request.getfixturevalue("postgresql"))
    yield store
    store.close()


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Return the registry that commands use."""
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))
    store = open_store(str(tmp_path / "registry.db"))
    yield store
    store.close()


def answers(
    run_id: int, samples: Sequence[int], replica: str = "a", **changes: Any
) -> list[Prediction]:
    """Return answers of ten prompt tokens (four cached) and two written ones each."""
    return [replace(answer(run_id, str(s)), replica=replica, **changes) for s in samples]


def look(watch: Watch, at: float, now: datetime | None = None) -> View:
    return watch.look(at, now or datetime.now(UTC))


# --- What is stored -------------------------------------------------------------------------------


def test_a_run_is_summed_by_stage_replica_and_outcome(store: Store) -> None:
    run_id, other = begin_run(store, n_samples=9), begin_run(store, "acme/two")
    store.append(answers(run_id, [1, 2], "a") + answers(run_id, [3], "b"))
    store.append(answers(run_id, [4], "b", outcome=Outcome.FAILED))
    store.append(answers(run_id, [1], "j", stage="judge", started=0.0) + answers(other, [1]))
    run = store.snapshot(run_id)
    assert (run.run_id, run.benchmark, run.model) == (run_id, "clock", "acme/one")
    assert (run.variant, run.scope, run.n_samples) == ("default", "full", 9)
    assert [tuple(portion) for portion in run.portions] == [
        ("answer", "a", "answered", 2, 20, 8, 4, 102.5),
        ("answer", "b", "answered", 1, 10, 4, 2, 103.5),
        ("answer", "b", "failed", 1, 10, 4, 2, 104.5),
        ("judge", "j", "answered", 1, 10, 4, 2, 0.0),
    ]


def test_its_times_are_moments_in_utc_on_either_database(store: Store) -> None:
    run_id = begin_run(store)
    store.append(answers(run_id, [1, 2, 3, 4]))
    assert store.snapshot(run_id).finished_at is None
    finish_run(store, run_id, 0.5)
    run = store.snapshot(run_id)
    for moment in (run.started_at, run.finished_at):
        assert moment is not None
        assert moment.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)


def test_the_unfinished_and_the_just_finished_are_found_together(store: Store) -> None:
    done, going = begin_run(store), begin_run(store, "acme/two")
    finish_run(store, done, 0.5)
    now = datetime.now(UTC)

    def found(since: datetime) -> list[int]:
        return [run.run_id for run in store.unfinished(since)]

    assert found(now - timedelta(hours=1)) == [done, going]
    assert found(now + timedelta(hours=1)) == [going]


def test_the_first_failure_by_sample_id_says_its_reason(store: Store) -> None:
    run_id = begin_run(store)
    assert store.first_failure(run_id) == ""
    failed = {"outcome": Outcome.FAILED}
    store.append(answers(run_id, [1]) + answers(run_id, [3], reason="too long", **failed))
    store.append(answers(run_id, [2], reason="no such picture", **failed))
    assert store.first_failure(run_id) == "no such picture"


def test_an_unknown_run_is_told_as_elsewhere(store: Store) -> None:
    with pytest.raises(UnknownName, match=r"no run named '7'.*podium runs"):
        look(Watch(store, 7), 0.0)


# --- From look to look ----------------------------------------------------------------------------


def test_a_run_is_followed_from_its_start_to_its_end(store: Store) -> None:
    run_id = begin_run(store, n_samples=12)
    watch = Watch(store, run_id)
    first = look(watch, 100)
    assert (first.state, first.stages[0].words()) == (
        State.STARTING,
        ["0 of 12 (0 %)", "ETA unknown"],
    )
    store.append(answers(run_id, [1, 2], "a"))
    assert look(watch, 160).state is State.ANSWERING
    store.append(answers(run_id, [3, 4], "a") + answers(run_id, [5, 6], "b"))
    (stage,) = look(watch, 170).stages
    assert stage.reading.samples_per_second == 0.4
    assert stage.reading.tokens_per_second == pytest.approx(4.8)
    assert stage.reading.eta_seconds == 15
    assert stage.words() == [
        *("6 of 12 (50 %)", "ETA 15 s", "5 tokens/s", "40 % cached", "2 replicas"),
        "last answer 0 s ago",
    ]
    by_name = {replica.name: replica.reading for replica in stage.replicas}
    assert by_name["a"].samples_per_second == pytest.approx(0.2)
    assert by_name["b"].count.answered == 2
    store.append(answers(run_id, range(7, 13), "a"))
    assert look(watch, 175).state is State.COMPLETE
    finish_run(store, run_id, 0.5)
    last = look(watch, 180)
    assert last.state is State.FINISHED
    assert last.stages[0].reading.silent_seconds is None


def test_a_run_that_hangs_says_for_how_long_whatever_the_clocks_say(store: Store) -> None:
    run_id = begin_run(store)
    watch = Watch(store, run_id)
    ahead = datetime.now(UTC).timestamp() + 86_400
    look(watch, 0)
    store.append(answers(run_id, [1], started=ahead))
    assert look(watch, 10, datetime(1970, 1, 2, tzinfo=UTC)).state is State.ANSWERING
    view = look(watch, 10 + 240, datetime(2100, 1, 1, tzinfo=UTC))
    assert view.state is State.SILENT
    assert "no answer for 4 min" in view.stages[0].words()


def test_a_late_watcher_tells_the_last_answer_s_age_from_its_own_time(store: Store) -> None:
    run_id = begin_run(store)
    now = datetime.now(UTC)
    store.append(answers(run_id, [1], started=now.timestamp() - 300.5))
    view = look(Watch(store, run_id), 0, now)
    assert view.state is State.SILENT
    assert view.stages[0].reading.silent_seconds == pytest.approx(300, abs=1)


@pytest.mark.parametrize("started", [0.0, 4e9], ids=["unknown", "ahead"])
def test_where_that_time_is_of_no_use_the_watcher_counts_from_its_first_look(
    local: Store, started: float
) -> None:
    run_id = begin_run(local)
    local.append(answers(run_id, [1], started=started))
    watch = Watch(local, run_id)
    assert look(watch, 0).state is State.ANSWERING
    assert look(watch, 61).state is State.SILENT


def test_what_a_resumed_run_had_is_no_speed_and_a_retried_failure_no_loss(local: Store) -> None:
    run_id = begin_run(local, n_samples=100)
    local.append(answers(run_id, range(50), outcome=Outcome.FAILED))
    watch = Watch(local, run_id)
    look(watch, 0)
    for second in (1, 2, 3):
        local.append(answers(run_id, [second], "b", prompt_tokens=0))
        view = look(watch, second)
    reading = view.stages[0].reading
    assert (reading.count.answered, reading.count.failed) == (3, 47)
    assert reading.samples_per_second == 1
    assert reading.tokens_per_second == 0
    assert reading.eta_seconds == 50


def test_a_review_is_a_stage_of_its_own(local: Store) -> None:
    run_id = begin_run(local)
    local.append(answers(run_id, [1, 2, 3]) + answers(run_id, [4], outcome=Outcome.FAILED))
    local.append(answers(run_id, [1], stage="judge"))
    view = look(Watch(local, run_id), 0)
    assert [(stage.name, stage.reading.total) for stage in view.stages] == [
        ("answer", 4),
        ("judge", 3),
    ]
    assert view.stages[1].reading.missing == 2


# --- As it is typed -------------------------------------------------------------------------------


class Steps:
    """What happens in the registry while the watcher rests; it then rests no longer."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.rests: list[float] = []
        self._steps = iter(steps)

    def __call__(self, seconds: float) -> None:
        self.rests.append(seconds)
        next(self._steps)()


def watched(
    monkeypatch: pytest.MonkeyPatch, *words: object, steps: Steps | None = None, status: int = 0
) -> tuple[str, str]:
    """Type a command, and return its output and its errors."""
    with monkeypatch.context() as patched:
        patched.setattr("registry.cli.watch.time.sleep", steps or Steps())
        result = CliRunner().invoke(main, ["runs", *map(str, words)], prog_name="podium")
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout, result.stderr


@pytest.fixture
def steps(local: Store) -> Steps:
    """Answer a run's samples, one of them failing, and finish it."""
    run_id = begin_run(local, HOSTILE)
    reason = "the engine dies\x1b[31m of it"
    return Steps(
        lambda: local.append(answers(run_id, [1, 2])),
        lambda: local.append(answers(run_id, [3], outcome=Outcome.FAILED, reason=reason)),
        lambda: local.append(answers(run_id, [4])),
        lambda: finish_run(local, run_id, 0.5),
    )


def test_piped_it_prints_a_line_a_look_and_no_control_characters(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, errors = watched(monkeypatch, 1, "--watch", "--every", 7, steps=steps)
    assert not CONTROL.search(out)
    lines = [line.partition(" run 1: ")[2] or line for line in out.splitlines()]
    assert [line.partition(" · ETA")[0] for line in lines] == [
        "starting · 0 of 4 (0 %)",
        "answering · 2 of 4 (50 %)",
        "answering · 3 of 4 (75 %) · 1 failed",
        "first failure: the engine dies of it",
        lines[4],
        lines[5],
    ]
    assert lines[4].startswith("complete · 4 of 4 (100 %) · 1 failed")
    assert lines[5].startswith("finished · 4 of 4 (100 %) · 1 failed")
    assert steps.rests == [7.0] * 4
    assert errors == ""


def test_programs_get_a_json_object_a_look(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = watched(monkeypatch, 1, "--watch", "--format", "json", steps=steps)
    ticks = [json.loads(line) for line in out.splitlines()]
    assert [tick["state"] for tick in ticks] == [
        *("starting", "answering", "answering", "complete", "finished")
    ]
    (stage,) = ticks[2]["stages"]
    assert (stage["answered"], stage["failed"], stage["missing"], stage["total"]) == (2, 1, 1, 4)
    assert stage["cached_share"] == 0.4
    assert [(r["replica"], r["answered"]) for r in stage["replicas"]] == [("a", 2)]
    assert ticks[2]["first_failure"] == "the engine dies of it"
    assert (ticks[0]["run_id"], ticks[0]["benchmark"]) == (1, "clock")


def test_a_slow_look_is_rested_from_for_longer(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Watch.look

    def slow(watch: Watch, at: float, now: datetime) -> View:
        give_up = time.monotonic() + 0.2
        while time.monotonic() < give_up:
            pass
        return look(watch, at, now)

    monkeypatch.setattr(Watch, "look", slow)
    watched(monkeypatch, 1, "--watch", "--every", 0.1, steps=steps)
    assert min(steps.rests) >= 9 * 0.2


def test_a_registry_out_of_reach_for_a_while_is_waited_for(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begin_run(local)
    snapshot = Store.snapshot

    def away(_store: Store, _run_id: int) -> Snapshot:
        raise StoreError("the server cannot be reached")

    def back() -> None:
        monkeypatch.setattr(Store, "snapshot", snapshot)
        finish_run(local, run_id, 0.5)

    steps = Steps(lambda: monkeypatch.setattr(Store, "snapshot", away), back)
    out, errors = watched(monkeypatch, run_id, "--watch", steps=steps)
    assert errors == "the server cannot be reached (trying again)\n"
    assert [line.split()[4] for line in out.splitlines()] == ["starting", "finished"]


def test_a_registry_that_cannot_be_read_at_first_is_an_error(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_store: Store, _run_id: int) -> Snapshot:
        raise StoreError("the server cannot be reached")

    monkeypatch.setattr(Store, "snapshot", away)
    _, errors = watched(monkeypatch, 1, "--watch", status=1)
    assert errors == "Error: the server cannot be reached\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--watch"], "Say which run to watch: podium runs ID --watch"),
        (["diff", 1, 2, "--watch"], "Say which run to watch"),
        ([1, "--watch", "--format", "csv"], "--format json"),
        (["one", "--watch"], "'one' is no run's ID"),
        ([9, "--watch"], "no run named '9'"),
    ],
)
def test_what_cannot_be_watched_says_what_to_type(
    local: Store, monkeypatch: pytest.MonkeyPatch, words: list[object], says: str
) -> None:
    assert says in watched(monkeypatch, *words, status=2)[1]


# --- Beside a real run ----------------------------------------------------------------------------

SLOW = '''
"""A benchmark of forty questions, and an engine that answers ten a second once it is let go."""

import time
from dataclasses import replace
from pathlib import Path

from evaluators.doubles import EchoEngine
from registry import Benchmark, Dataset, Sample, exact_match, hookimpl


class Slow(EchoEngine):
    def predict(self, requests):
        while not (Path(__file__).parent / "go").exists():
            time.sleep(0.05)
        for place, prediction in enumerate(super().predict(requests)):
            started = time.time()
            time.sleep(0.1)
            cost = {"prompt_tokens": 100, "cached_tokens": 25, "output_tokens": 5}
            when = {"started": started, "seconds": 0.1, "replica": f"replica-{place % 2}"}
            yield replace(prediction, **cost, **when)


@hookimpl
def register_engines():
    return {"slow": Slow}


@hookimpl
def register_benchmarks():
    samples = [Sample(id=str(n), input="4?", target="4") for n in range(40)]
    dataset = Dataset("fours", lambda: samples)
    return [Benchmark(name="fours", summary="", dataset=dataset, metrics=(exact_match(),))]
'''

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start commands in the background; whatever is left of them at the end is killed."""
    (tmp_path / "slow.py").write_text(SLOW)
    processes = []

    def start(*words: object, **streams: Any) -> "subprocess.Popen[str]":
        command = [str(Path(sys.executable).parent / "podium"), "--plugin", tmp_path / "slow.py"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        process = subprocess.Popen([*map(str, (*command, *words))], text=True, **pipes)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.1)


@pytest.mark.slow
def test_a_run_is_watched_from_another_process_to_its_end(
    local: Store, start: Start, tmp_path: Path
) -> None:
    run = start("run", "fours", "--model", "slow:4")
    until(local.runs)
    watch = start("runs", 1, "--watch", "--every", 0.2, "--format", "json")
    assert watch.stdout is not None
    ticks = [json.loads(watch.stdout.readline())]
    (tmp_path / "go").touch()
    ticks += [json.loads(line) for line in watch.stdout]
    assert watch.wait(60) == 0
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0
    states = list(dict.fromkeys(tick["state"] for tick in ticks))
    assert (states[0], states[1], states[-1]) == ("starting", "answering", "finished")
    (last,) = ticks[-1]["stages"]
    assert (last["answered"], last["missing"], last["prompt_tokens"]) == (40, 0, 4000)
    assert last["cached_share"] == 0.25
    assert sorted(r["replica"] for r in last["replicas"]) == ["replica-0", "replica-1"]
    counts = [tick["stages"][0]["answered"] for tick in ticks]
    assert counts == sorted(counts)
    going = [tick["stages"][0] for tick in ticks if tick["stages"][0]["eta_seconds"]]
    assert going
    for stage in going:
        assert stage["samples_per_second"] > 0
        assert stage["tokens_per_second"] == pytest.approx(105 * stage["samples_per_second"])
        assert stage["eta_seconds"] == pytest.approx(stage["missing"] / stage["samples_per_second"])
    assert "echo:4: 40 of 40 (100 %) · " in said
    assert not CONTROL.search(said)


@pytest.mark.slow
def test_ctrl_c_ends_the_watcher_quietly(local: Store, start: Start) -> None:
    begin_run(local)
    watch = start("runs", 1, "--watch")
    assert watch.stdout is not None
    assert "starting" in watch.stdout.readline()
    watch.send_signal(signal.SIGINT)
    out, errors = watch.communicate(timeout=60)
    assert (watch.returncode, errors) == (130, "")
    assert "Aborted" not in out


@pytest.mark.slow
def test_on_a_terminal_it_is_drawn_in_place_and_names_cannot_draw(
    local: Store, start: Start
) -> None:
    run_id = begin_run(local, HOSTILE, n_samples=30)
    for replica in range(25):
        local.append(answers(run_id, [replica], f"host:{replica:02}"))
    finish_run(local, run_id, 0.5)
    terminal, side = pty.openpty()
    watch = start("runs", run_id, "--watch", stdout=side, stderr=side)
    os.close(side)
    drawn = b""
    while True:
        try:
            drawn += os.read(terminal, 65_536)
        except OSError:  # how a terminal says that nobody writes any more
            break
    os.close(terminal)
    assert watch.wait(60) == 0
    shown = drawn.decode()
    assert "pwned" not in shown
    assert 'acme/"one"\\ [red] on clock' in shown
    assert "25 of 30 (83 %)" in shown
    assert "host:05" in shown
    assert "host:04" not in shown
    assert "and 5 that answered before these" in shown
