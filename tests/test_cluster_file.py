"""The cluster file is one that `ray up` takes, and keeps its promises."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parent.parent


@pytest.fixture
def cluster() -> dict[str, object]:
    return yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())


def test_rays_own_schema_accepts_the_cluster_file(cluster: dict[str, object]) -> None:
    ray = pytest.importorskip("ray")
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    jsonschema.validate(cluster, json.loads(schema.read_text()))


def test_workers_scale_from_zero_and_the_head_evaluates_nothing(cluster: dict) -> None:
    types = cluster["available_node_types"]
    assert types[cluster["head_node_type"]]["resources"] == {"CPU": 0, "GPU": 0}
    assert types["gpu_worker"]["min_workers"] == types["cpu_worker"]["min_workers"] == 0
    assert types["gpu_worker"]["max_workers"] > 0


def test_every_start_demands_the_token_and_the_dashboard_stays_at_home(cluster: dict) -> None:
    starts = [
        command
        for room in ("head", "worker")
        for command in cluster[f"{room}_start_ray_commands"]
        if "ray start" in command
    ]
    assert len(starts) == 2
    assert all("RAY_AUTH_MODE=token" in command for command in starts)
    assert "--dashboard-host=127.0.0.1" in starts[0]
    assert cluster["provider"]["use_internal_ips"] is True


def test_workers_end_what_a_killed_replica_leaves(cluster: dict) -> None:
    assert "RAY_process_group_cleanup_enabled=true" in cluster["worker_start_ray_commands"][-1]
    kubernetes = yaml.safe_load((ROOT / "kuberay_cluster.yaml").read_text())["spec"]
    (workers,) = kubernetes["workerGroupSpecs"]
    (container,) = workers["template"]["spec"]["containers"]
    assert {"name": "RAY_process_group_cleanup_enabled", "value": "true"} in container["env"]


def test_nodes_install_the_pinned_packages(cluster: dict) -> None:
    commands = "\n".join(cluster["setup_commands"])
    assert "requirements/gpu.txt" in commands
    assert "requirements/cpu.txt" in commands
    lock = (ROOT / "requirements" / "gpu.txt").read_text()
    assert "vllm==0.29.0" in lock
    assert "ray==2.60.0" in lock


def test_the_kubernetes_cluster_is_the_same_one() -> None:
    cluster = yaml.safe_load((ROOT / "kuberay_cluster.yaml").read_text())["spec"]
    lock = (ROOT / "requirements" / "gpu.txt").read_text()
    assert f"ray=={cluster['rayVersion']}" in lock
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert head["serviceType"] == "ClusterIP"
    assert head["rayStartParams"] == {"num-cpus": "0", "dashboard-host": "127.0.0.1"}
    assert (workers["minReplicas"], workers["maxReplicas"]) == (0, 8)
    for group in (head, workers):
        (container,) = group["template"]["spec"]["containers"]
        assert {"name": "RAY_AUTH_MODE", "value": "token"} in container["env"]
