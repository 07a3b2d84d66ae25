"""What goes wrong around a run, from outside: a full disk, a registry that is away, Ctrl-C.

Real commands in processes of their own, with an engine that takes its time.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from conftest import podium
from postgres import PASSWORD, USER, Server
from simulated import PLUGIN, QUESTIONS, RIGHT
from sqlalchemy import text

from registry.database import open_engine

pytestmark = pytest.mark.slow

WAIT = 120
STEP = 15
"""Milliseconds an answer: the run takes six seconds."""

CLOSE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'podium'"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a run of a few seconds; what is left of it at the end is killed."""
    processes = []

    def start(registry: str = "") -> "subprocess.Popen[str]":
        words = ("--plugin", PLUGIN, "run", "quotients", "--model", f"steady:{STEP}")
        process = subprocess.Popen(
            [Path(sys.executable).parent / "podium", *words],
            env={**os.environ, **settings(registry), "PODIUM_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def settings(registry: str) -> dict[str, str]:
    return {"PODIUM_REGISTRY": registry} if registry else {}


def stored(registry: str) -> int:
    """Return how many answers are in the registry; none while its tables are made."""
    engine = open_engine(registry)
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM prediction")).scalar_one())
    except Exception as error:
        if "prediction" not in str(error):
            raise
        return 0
    finally:
        engine.dispose()


def wait_for_answers(registry: str, process: "subprocess.Popen[str]") -> int:
    give_up = time.monotonic() + WAIT
    while time.monotonic() < give_up:
        assert process.poll() is None, process.communicate()[1]
        if found := stored(registry):
            return found
        time.sleep(0.05)
    pytest.fail(f"no answer within {WAIT} s")


def assert_each_answered_once(home: Path, registry: str) -> None:
    shown = podium(home, "runs", 1, "--format", "json", environment=settings(registry))
    run = json.loads(shown.output)
    assert run["status"] == "finished", shown.errors
    assert run["outcomes"] == {"answered": QUESTIONS}
    assert run["score"] == pytest.approx(RIGHT)
    assert stored(registry) == QUESTIONS


def resumed(home: Path, registry: str) -> None:
    done = podium(home, "--plugin", PLUGIN, "resume", 1, environment=settings(registry))
    assert done.status == 0, done.errors


def limit_files(process: "subprocess.Popen[str]", size: int) -> None:
    """Let the process write no file beyond a size: to it the disk is full."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_disk_that_fills_up_in_mid_run_costs_only_what_was_not_stored(
    start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "registry.db"
    process = start()
    wait_for_answers(str(file), process)
    limit_files(process, 4096)
    _, errors = process.communicate(timeout=3 * WAIT)
    assert process.returncode == 1
    assert "no space is left for the registry" in errors
    assert "Go on with: podium resume 1" in errors
    kept = stored(str(file))
    assert 0 < kept < QUESTIONS
    resumed(tmp_path, str(file))
    assert_each_answered_once(tmp_path, str(file))


@contextmanager
def cut_off(server: Server) -> Iterator[None]:
    """Close the server's connections, and let nobody find it until the block ends."""
    socket, elsewhere = server.folder / ".s.PGSQL.5432", server.folder / "away"
    settings = {"host": str(server.folder), "user": USER, "password": PASSWORD}
    with psycopg.connect(dbname="postgres", autocommit=True, **settings) as connection:
        socket.rename(elsewhere)
        try:
            connection.execute(CLOSE)
            yield
        finally:
            elsewhere.rename(socket)


def test_a_registry_that_is_away_for_a_while_is_waited_for(
    start: Start, tmp_path: Path, server: Server
) -> None:
    registry = server.database()
    process = start(registry)
    wait_for_answers(registry, process)
    with cut_off(server):
        # Longer than the answers take: they all wait in the driver at the end.
        time.sleep(QUESTIONS * STEP / 1000 + 4)
        assert process.poll() is None, process.communicate()[1]
    _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 0, errors
    assert_each_answered_once(tmp_path, registry)


def test_ctrl_c_keeps_the_answers_in_flight_and_resume_asks_the_rest(
    start: Start, tmp_path: Path
) -> None:
    file = str(tmp_path / "registry.db")
    process = start()
    wait_for_answers(file, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert "Waiting for the answers in flight; Ctrl-C again stops at once." in errors
    assert errors.splitlines()[-1].endswith("Go on with: podium resume 1")
    assert 0 < stored(file) < QUESTIONS
    resumed(tmp_path, file)
    assert_each_answered_once(tmp_path, file)


def test_a_driver_that_is_stopped_for_a_while_goes_on(start: Start, tmp_path: Path) -> None:
    """As where a laptop sleeps: the clocks jump, and nothing is lost or asked twice."""
    file = str(tmp_path / "registry.db")
    process = start()
    wait_for_answers(file, process)
    psutil.Process(process.pid).suspend()
    time.sleep(3)
    psutil.Process(process.pid).resume()
    _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 0, errors
    assert_each_answered_once(tmp_path, file)
