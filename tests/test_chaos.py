"""Whatever is killed in mid-run, every sample is answered once and the score is the same.

`make chaos` runs these: real runs of the real engine, in which the driver, the replica, its engine
and a whole node are killed.
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
from conftest import Ran, podium

pytestmark = pytest.mark.chaos

PATIENCE = 240
ASKED = 100
"""Answers in the registry after which something is killed; a tenth of the run."""


@pytest.fixture(scope="session")
def many_radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return painted radiographs that keep an engine busy for half a minute."""
    from plugins.mimic_cxr.synthetic import write_tree

    root = tmp_path_factory.mktemp("many")
    write_tree(root, patients=100, studies_per_patient=2, seed=5, awkward=False)
    return root


Arguments = tuple[object, ...]


@pytest.fixture(scope="session")
def arguments(tiny_vision: Path, many_radiographs: Path) -> Arguments:
    return ("run", "mimic-cxr", "--model", tiny_vision, "--data", many_radiographs)


@pytest.fixture(scope="session")
def undisturbed(arguments: Arguments, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the run gives when nothing is killed."""
    home = tmp_path_factory.mktemp("undisturbed")
    assert podium(home, *arguments).status == 0
    return outcome(home)


@pytest.fixture
def started(arguments: Arguments, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the run in the background; whatever is left of it at the end is killed."""
    processes = []

    def start(*more: object) -> subprocess.Popen[str]:
        command = [str(Path(sys.executable).parent / "podium"), *map(str, (*arguments, *more))]
        environment = {**os.environ, "PODIUM_HOME": str(tmp_path)}
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
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


def outcome(home: Path) -> dict[str, Any]:
    """Return what the registry says of the only run."""
    run = json.loads(podium(home, "runs", 1, "--format", "json").output)
    rows = query(home, "SELECT count(*), count(DISTINCT sample_id) FROM prediction")
    return {
        "status": run["status"],
        "samples": run["n_samples"],
        "rows and samples answered": rows[0],
        "outcomes": run["outcomes"],
        "macro-f1": run["score"],
    }


def wait_for_answers(home: Path, process: subprocess.Popen[str]) -> None:
    """Wait until some answers are stored and many are not."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        if (home / "registry.db").exists():
            try:
                if query(home, "SELECT count(*) FROM prediction")[0][0] >= ASKED:
                    return
            except sqlite3.OperationalError:
                pass  # the table is being made
        time.sleep(0.1)
    pytest.fail(f"no {ASKED} answers within {PATIENCE} s")


def replica(home: Path) -> psutil.Process:
    """Return the process of the replica that answers."""
    name = query(home, "SELECT replica FROM prediction WHERE replica != '' LIMIT 1")[0][0]
    return psutil.Process(int(name.rpartition(":")[2]))


def finished(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors


def test_a_killed_driver_loses_nothing_that_was_stored(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    process = started()
    wait_for_answers(tmp_path, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = query(tmp_path, "SELECT count(*) FROM prediction")[0][0]
    assert ASKED <= kept < undisturbed["samples"]
    resumed: Ran = podium(tmp_path, "resume", 1, "--format", "json")
    assert resumed.status == 0, resumed.errors
    assert outcome(tmp_path) == undisturbed


def test_a_killed_replica_is_replaced(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    process = started()
    wait_for_answers(tmp_path, process)
    replica(tmp_path).kill()
    finished(process)
    assert outcome(tmp_path) == undisturbed


def test_a_killed_engine_is_started_again(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    process = started()
    wait_for_answers(tmp_path, process)
    engines = [p for p in replica(tmp_path).children() if "EngineCore" in " ".join(p.cmdline())]
    assert engines
    engines[0].kill()
    finished(process)
    assert outcome(tmp_path) == undisturbed


def test_a_lost_node_is_made_up_for_by_another(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
        process = started("--address", cluster.address)
        wait_for_answers(tmp_path, process)
        raylet = replica(tmp_path).ppid()
        (home,) = [n for n in nodes if n.all_processes["raylet"][0].process.pid == raylet]
        cluster.remove_node(home, allow_graceful=False)
        finished(process)
    finally:
        cluster.shutdown()
    assert outcome(tmp_path) == undisturbed


def test_a_poisonous_sample_fails_alone(
    tiny_vision: Path, many_radiographs: Path, tmp_path: Path
) -> None:
    """The poisoned model dies of every picture: each is found, and text questions go on."""
    import importlib.util
    import shutil

    spec = importlib.util.spec_from_file_location(
        "train", Path(__file__).parents[1] / "scripts" / "train_tiny_vision.py"
    )
    assert spec is not None
    assert spec.loader is not None
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    copy = tmp_path / "model"
    shutil.copytree(tiny_vision, copy)
    poisoned = train.poison(copy)
    words = ("--sample", "--limit", 1, "--model", poisoned, "--format", "json")
    ran = podium(tmp_path / "home", "run", "mimic-cxr", "mmlu", *words)
    assert ran.run("mmlu")["outcomes"] == {"answered": 1}, ran.errors
    assert ran.run("mimic-cxr")["outcomes"] == {"failed": 1}
    assert "the engine dies of this sample" in ran.errors
