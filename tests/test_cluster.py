"""The pipeline on clusters of several nodes, with simulated replicas: they come, die and are made
up for, and every sample is answered once.
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from clusters import autoscaling
from conftest import Ran, podium
from simulated import PLUGIN, QUESTIONS, RIGHT

pytestmark = pytest.mark.slow


def run(home: Path, how: str, *words: object, environment: Mapping[str, str] | None = None) -> Ran:
    model = ("--model", f"simulated:{how}", "--format", "json")
    typed = ("--plugin", PLUGIN, "run", "quotients", *model, *words)
    return podium(home, *typed, environment=environment)


def query(home: Path, sql: str) -> list[Any]:
    with sqlite3.connect(home / "registry.db") as connection:
        return connection.execute(sql).fetchall()


def nodes(home: Path) -> list[str]:
    """Return the nodes whose replicas answered."""
    rows = query(
        home, "SELECT DISTINCT substr(replica, 1, instr(replica, ':') - 1) FROM prediction"
    )
    return [node for (node,) in rows]


def assert_each_answered_once(home: Path, ran: Ran) -> None:
    assert ran.status == 0, ran.errors
    counted = query(home, "SELECT count(*), count(DISTINCT sample_id) FROM prediction")
    assert counted == [(QUESTIONS, QUESTIONS)]
    assert ran.run("quotients")["score"] == pytest.approx(RIGHT)


def test_a_run_is_spread_over_the_nodes_of_a_cluster(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=2)
        ran = run(tmp_path, "20", "--address", cluster.address, "--replicas", 2)
    finally:
        cluster.shutdown()
    assert_each_answered_once(tmp_path, ran)
    assert len(nodes(tmp_path)) == 2


def test_workers_come_from_zero_when_a_run_needs_them(tmp_path: Path) -> None:
    workers = {"evaluates": {"resources": {"CPU": 1}}}
    with autoscaling(workers) as cluster:
        assert len(cluster.raylets()) == 1  # the head's
        words = ("--address", cluster.address, "--replicas", 2)
        ran = run(tmp_path, "20", *words, environment=cluster.environment)
        came = len(cluster.raylets()) - 1
    assert_each_answered_once(tmp_path, ran)
    assert came == 2
    assert len(nodes(tmp_path)) == 2


def test_a_model_whose_replica_is_killed_at_each_load_is_given_up(tmp_path: Path) -> None:
    ran = run(tmp_path, "killed")
    assert ran.status == 1
    assert "its process was killed 2 times while it loaded" in ran.errors
    assert "podium resume 1" in ran.errors
    loads = (tmp_path / "replicas.log").read_text().count(" loads\n")
    assert loads == 2


def test_a_worker_with_another_engine_is_refused(tmp_path: Path) -> None:
    ran = run(tmp_path, "older")
    assert ran.status == 1
    assert "the driver vllm==0.1.0. Install it there" in ran.errors
    assert query(tmp_path, "SELECT count(*) FROM prediction") == [(0,)]
    unfinished = json.loads(podium(tmp_path, "runs", 1, "--format", "json").output)
    assert unfinished["status"] == "unfinished"
