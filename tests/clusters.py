"""Ray clusters of several nodes on this machine, for tests; each ends with what it started.

`ray.cluster_utils.AutoscalingCluster` is of no use: it reads a file that Ray's wheel lacks, and
begins and ends with `ray stop --force`, which kills every Ray on the machine.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray._private.services import get_node_ip_address

PATIENCE = 300
NOTHING_TYPED: dict[str, list[str]] = {
    f"{when}_commands": []
    for when in (
        "head_setup",
        "head_start_ray",
        "initialization",
        "setup",
        "worker_setup",
        "worker_start_ray",
    )
}
"""What a cluster file may have typed on its nodes, all of which Ray wants to be told."""


@dataclass(frozen=True)
class Autoscaling:
    """A running cluster whose head evaluates nothing; its workers come when they are needed."""

    address: str
    folder: Path
    environment: Mapping[str, str]
    """What lets a driver in: the cluster's token."""

    def raylets(self) -> list[psutil.Process]:
        """Return what stands for the nodes: one process each, the head's first."""
        found = [p for p in _processes(self.folder) if p.name() == "raylet"]
        return sorted(found, key=lambda process: process.create_time())


@contextmanager
def autoscaling(workers: Mapping[str, Mapping[str, Any]]) -> Iterator[Autoscaling]:
    """Start a head without CPUs and an autoscaler, which starts workers of these types from zero.

    The nodes are processes of this machine: Ray's `fake_multinode` provider (cloud.py).
    """
    host, (port, client_port) = get_node_ip_address(), _free_ports(2)
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # a socket's path has 107 characters
    config = folder / "cluster.yaml"
    config.write_text(json.dumps(_config(f"{host}:{port}", workers)))
    words = ("--head", "--block", f"--port={port}", f"--ray-client-server-port={client_port}")
    quiet = ("--include-dashboard=false", "--dashboard-agent-listen-port=0", "--num-cpus=0")
    ports = ("--min-worker-port=0", "--max-worker-port=0")
    where = (f"--temp-dir={folder}", f"--autoscaling-config={config}")
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    lets_in = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    ray = Path(sys.executable).parent / "ray"
    fake = {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    fake |= {"PYTHONPATH": str(Path(__file__).parent)}  # where the monitor finds cloud.py
    with (folder / "printed").open("w") as log:
        started = subprocess.Popen(
            [ray, "start", *words, *quiet, *ports, *where],
            env={**os.environ, **fake, **lets_in, "RAY_USAGE_STATS_ENABLED": "0"},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, started, folder / "printed")
        yield Autoscaling(f"{host}:{port}", folder, lets_in)
    finally:
        for process in _processes(folder):
            _kill(process)
        started.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _processes(folder: Path) -> list[psutil.Process]:
    """Return what Ray started with this folder; its workers end with their raylets."""
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if any(str(folder) in word for word in p.info["cmdline"] or ())]


def _kill(process: psutil.Process) -> None:
    """Kill a process, which may have ended by itself."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _config(address: str, workers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    types = {
        name: {"node_config": {}, "min_workers": 0, "max_workers": 2} | settings
        for name, settings in workers.items()
    }
    head = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    return {
        "cluster_name": "on-one-machine",
        "max_workers": 8,
        "idle_timeout_minutes": 5,
        "provider": {
            "type": "external",
            "module": "cloud.Cloud",
            "gcs_address": address,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": types | {"ray.head.default": head},
        "head_node_type": "ray.head.default",
        "auth": {},
        "file_mounts": {},
        "cluster_synced_files": [],
    } | NOTHING_TYPED


def _free_ports(n: int) -> list[int]:
    """Return ports that nobody listens on: found all at once, so that no two are equal."""
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(port: int, started: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while "Ray runtime started" not in log.read_text():
        if started.poll() is not None or time.monotonic() > give_up:
            pytest.fail(f"no cluster at port {port}: {log.read_text()}")
        time.sleep(0.2)
