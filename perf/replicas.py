"""Replicas: how much of 64 replicas' time the pipeline uses, with a simulated engine.

    python perf/replicas.py [--replicas 1 8 64] [--seconds 4] [--slots 16] [--waves 40]

All is real but the engine: requests go through evaluators/cluster.py and Ray Data to one actor a
replica, whose engine holds each request for a fixed time, so many at once, and computes nothing.
So two cores can carry 64 of them, as long as they need not hand out more requests a second than
the cores can; Ray is told of a CPU for each replica. Requests travel in blocks of several waves, as
they do to GPUs: what Ray costs, it costs by block. Efficiency is the ideal time (all slots busy
from the first request to the last) divided by the measured one, from the first request sent to the
last answer. Replicas begin together: none answers before all are there.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from figures import Figure, report
from measuring import driver_rss_mb, span

from evaluators.cluster import Cluster, Serving, Stop, predict
from registry import Prediction, Prompt, Request

TO_REACH = 0.9
WAVES_A_BLOCK = 4


class Sleeper:
    """An engine that answers each request after a fixed time, and so many of them at once."""

    def __init__(self, seconds: float, slots: int, replicas: int, ready: str) -> None:
        """Say that this replica is there, by a file in the folder `ready`."""
        self._seconds, self._replicas, self._ready = seconds, replicas, ready
        self._free = asyncio.Semaphore(slots)
        self._began = False
        open(os.path.join(ready, str(os.getpid())), "w").close()

    async def answer(self, request: Request) -> Prediction:
        """Return an answer when its time has come."""
        while not self._began:
            self._began = len(os.listdir(self._ready)) >= self._replicas
            await asyncio.sleep(0.1)
        async with self._free:
            started = time.time()
            await asyncio.sleep(self._seconds)
        return Prediction(
            run_id=request.run_id,
            sample_id=request.sample_id,
            started=started,
            seconds=time.time() - started,
            replica=str(os.getpid()),
        )


class SleeperLoader:
    """Loads no model, in no time; Ray pickles it by value, since workers cannot import a script."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Have what a sleeper needs."""
        self._settings = settings

    def fatal(self) -> tuple[type[BaseException], ...]:
        """Nothing kills it."""
        return ()

    def __call__(self) -> Sleeper:
        """Return a sleeper."""
        return Sleeper(**self._settings)


def requests(n: int) -> Iterator[Request]:
    """Yield requests as long as MMLU's."""
    question = "Which of these is right? " * 100
    return (Request(0, str(number), Prompt(question=question)) for number in range(n))


def answered(replicas: int, seconds: float, slots: int, waves: int) -> dict[str, float]:
    """Return how long so many replicas took, and how long they would ideally have taken."""
    n = replicas * slots * waves
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        ready.mkdir()
        settings = {"seconds": seconds, "slots": slots, "replicas": replicas, "ready": str(ready)}
        log_file = Path(folder) / "log"
        serving = Serving(
            model="none",
            arguments={},
            log_file=log_file,
            replicas=replicas,
            device="cpu",
            environment={},
            rows_a_block=slots * WAVES_A_BLOCK,
        )
        cpu = time.process_time()
        with Cluster("", log_file) as cluster:
            load = SleeperLoader(settings)
            predictions = list(predict(cluster, serving, requests(n), Stop(), load))
        cpu = time.process_time() - cpu
    if {p.sample_id for p in predictions} != {str(number) for number in range(n)}:
        raise SystemExit(f"{len(predictions)} answers to {n} requests, or not one to each")
    ideal, measured = waves * seconds, span(predictions)
    return {
        "requests": n,
        "ideal_seconds": ideal,
        "measured_seconds": round(measured, 3),
        "efficiency": round(ideal / measured, 3),
        "requests_a_second": round(n / measured, 1),
        "driver_cpu_ms_a_request": round(1000 * cpu / n, 3),
        "driver_rss_mb": driver_rss_mb(),
    }


def main() -> None:
    """Measure each number of replicas; the figure is that of the most."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=4.0, help="that a request takes")
    parser.add_argument("--slots", type=int, default=16, help="requests at once, a replica")
    parser.add_argument("--waves", type=int, default=40, help="requests of a slot")
    typed = parser.parse_args()
    most = max(typed.replicas)
    # A CPU for each replica, whatever this machine has: what Ray counts is only a number.
    os.environ["RAY_OVERRIDE_RESOURCES"] = json.dumps({"CPU": most})
    by_number = {n: answered(n, typed.seconds, typed.slots, typed.waves) for n in typed.replicas}
    figure = Figure(
        figure=f"replicas: {most} simulated, {typed.slots} requests of {typed.seconds:g} s at once",
        against="ideal: all slots busy from first to last",
        value=by_number[most]["efficiency"],
        unit="of it",
        target=TO_REACH,
    )
    report("replicas", [figure], **{f"{n} replicas": each for n, each in by_number.items()})


if __name__ == "__main__":
    main()
