"""Whatever is killed in mid-run, every sample is answered once and the score is the same.

`make chaos` runs these: real runs of the real engine, in which the driver, a replica, its engine
and a whole node are killed. An engine takes most of a minute to start, so one run bears several
kills, each proved by a query of its own; the queries' results are printed at the end.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from clusters import autoscaling
from conftest import podium

pytestmark = pytest.mark.chaos

PATIENCE = 240
MORE = 16
"""New answers in the registry after which the next part is killed: a block of them."""

PROOF = "SELECT count(*), count(DISTINCT sample_id) FROM prediction WHERE outcome = 'answered'"

Arguments = tuple[object, ...]
Start = Callable[..., "subprocess.Popen[str]"]
Note = Callable[..., None]


@pytest.fixture(scope="session")
def many_radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return painted radiographs that keep an engine busy for a quarter of a minute."""
    from plugins.mimic_cxr.synthetic import write_tree

    root = tmp_path_factory.mktemp("many")
    write_tree(root, patients=60, studies_per_patient=2, seed=5, awkward=False)
    return root


@pytest.fixture(scope="session")
def arguments(tiny_vision: Path, many_radiographs: Path) -> Arguments:
    return ("run", "mimic-cxr", "--model", tiny_vision, "--data", many_radiographs)


@pytest.fixture(scope="session")
def note(request: pytest.FixtureRequest) -> Iterator[Note]:
    """Collect what was proved, and print it when all is done."""
    lines: list[tuple[object, ...]] = [("killed", "rows", "samples", "macro F1")]
    yield lambda *facts: lines.append(facts)
    terminal = request.config.pluginmanager.getplugin("terminalreporter")
    terminal.write_line("")
    for line in lines:
        terminal.write_line("".join(f"{word!s:<28}" for word in line))


@pytest.fixture(scope="session")
def undisturbed(
    arguments: Arguments, note: Note, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Return what the run gives when nothing is killed."""
    home = tmp_path_factory.mktemp("undisturbed")
    ran = podium(home, *arguments)
    assert ran.status == 0, ran.errors
    return outcome(home, "nothing", note)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Type a command in the background; whatever is left of it at the end is killed."""
    processes = []

    def start(*words: object, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "podium"), *map(str, words)],
            env={**os.environ, **environment, "PODIUM_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
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


def query(home: Path, sql: str) -> list[Any]:
    with sqlite3.connect(home / "registry.db", timeout=30) as connection:
        return connection.execute(sql).fetchall()


def outcome(home: Path, killed: str, note: Note) -> dict[str, Any]:
    """Return what the registry says of the only run."""
    run = json.loads(podium(home, "runs", 1, "--format", "json").output)
    (counted,) = query(home, PROOF)
    note(killed, *counted, f"{run['score']:.4f}")
    return {
        "status": run["status"],
        "samples": run["n_samples"],
        "rows and samples answered": counted,
        "outcomes": run["outcomes"],
        "macro-f1": run["score"],
    }


def answers(home: Path) -> list[str]:
    """Return the replica of each answer, none while the tables are being made."""
    try:
        return [name for (name,) in query(home, "SELECT replica FROM prediction ORDER BY rowid")]
    except sqlite3.OperationalError:
        return []


def wait_for(
    home: Path, process: "subprocess.Popen[str]", replicas_before: int = 0
) -> psutil.Process:
    """Wait for some answers of a replica that is new, and return its process."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        told = answers(home)
        known = list(dict.fromkeys(told))
        if len(known) > replicas_before and told.count(known[-1]) >= MORE:
            return psutil.Process(int(known[-1].rpartition(":")[2]))
        time.sleep(0.1)
    pytest.fail(f"no answers of a new replica within {PATIENCE} s")


def engine_of(replica: psutil.Process) -> psutil.Process:
    (engine,) = (p for p in replica.children() if "EngineCore" in " ".join(p.cmdline()))
    return engine


def finish(process: "subprocess.Popen[str]") -> None:
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors


def test_driver_replica_and_engine_are_killed_one_after_another(
    start: Start,
    arguments: Arguments,
    tmp_path: Path,
    undisturbed: dict[str, Any],
    note: Note,
) -> None:
    first = start(*arguments)
    wait_for(tmp_path, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    ((kept, samples),) = query(tmp_path, PROOF)
    assert MORE <= kept == samples < undisturbed["samples"], "stored once, and not yet all"

    resumed = start("resume", 1)
    replica = wait_for(tmp_path, resumed, replicas_before=1)
    widowed = engine_of(replica)
    replica.kill()
    widowed.wait(PATIENCE)  # or it would keep the memory that the next one needs
    replaced = wait_for(tmp_path, resumed, replicas_before=2)
    engine = engine_of(replaced)
    engine.kill()
    engine.wait(PATIENCE)
    finish(resumed)
    # All answers after the engine's death are of the same replica, with another engine.
    assert len(set(answers(tmp_path))) == 3
    assert outcome(tmp_path, "driver, replica, engine", note) == undisturbed


def test_a_lost_node_is_made_up_for_by_another(
    start: Start,
    arguments: Arguments,
    tmp_path: Path,
    undisturbed: dict[str, Any],
    note: Note,
) -> None:
    """The cluster has no workers at first, and gets another one for the one that is lost."""
    with autoscaling({"evaluates": {"resources": {"CPU": 2}}}) as cluster:
        where = ("--address", cluster.address, "--device", "cpu")
        process = start(*arguments, *where, **cluster.environment)
        replica = wait_for(tmp_path, process)
        node = replica.parent()
        assert node in cluster.raylets()[1:], "a worker's, not the head's"
        for lost in (node, *node.children(recursive=True)):
            lost.kill()
        finish(process)
    assert len(set(answers(tmp_path))) == 2
    assert outcome(tmp_path, "a node", note) == undisturbed


def test_an_engine_that_is_killed_while_it_loads_ends_the_run_once_and_soon(
    start: Start, arguments: Arguments, tmp_path: Path
) -> None:
    process = start(*arguments)
    deadline = time.monotonic() + PATIENCE
    while not (engines := engines_under(process.pid)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    engines[0].kill()
    killed = time.monotonic()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "the model could not be loaded" in errors
    assert "podium resume 1" in errors
    assert time.monotonic() - killed < 60
    assert answers(tmp_path) == []


def engines_under(pid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if "EngineCore" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
