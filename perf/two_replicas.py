"""Two replicas: questions a second of two on two cores, against one on one core.

    python perf/two_replicas.py MODEL_DIR MMLU_DIR [--limit-per-subject 8] [--rounds 2] [--pinned]

Genuine MMLU through evaluators/cluster.py with the real engine, in turn. Every replica computes
with one thread. Without --pinned the second core is free for everything of the one replica that is
not computing (Ray, rendering), which makes the comparison harder than its name says; with it, that
run and all its processes have one core.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from figures import Figure, report
from measuring import Questions, asked, serving, span

from evaluators.cluster import Cluster, Serving, Stop, VllmLoader, predict
from evaluators.survivor import Answers
from registry import Request

TO_REACH = 1.7


class Together(VllmLoader):
    """Loads as Podium does, but no replica answers before all of them can.

    Else the first one answers alone while the second loads, which perf/start.py measures.
    """

    def __init__(self, serving: Serving, loaded: Path) -> None:
        """Say in the folder `loaded` that a replica is there, by a file."""
        super().__init__(serving)
        self._loaded = loaded

    def __call__(self) -> Answers:
        """Load, and wait for the others."""
        engine = super().__call__()
        (self._loaded / str(os.getpid())).touch()
        while len(list(self._loaded.iterdir())) < self._serving.replicas:
            time.sleep(0.1)
        return engine


@contextmanager
def cores(which: set[int]) -> Iterator[None]:
    """Keep this process, and those that it starts, on some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, which)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def rate(model: Path, requests: Sequence[Request], replicas: int) -> float:
    """Return questions a second, from the first request sent to the last answer."""
    with tempfile.TemporaryDirectory() as folder:
        settings = serving(model, Path(folder) / "log", replicas=replicas, threads=1)
        loaded = Path(folder) / "loaded"
        loaded.mkdir()
        with Cluster("", settings.log_file) as cluster:
            load = Together(settings, loaded)
            predictions = list(predict(cluster, settings, requests, Stop(), load))
    return len(requests) / span(predictions)


def main() -> None:
    """Measure both and report their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("data", type=Path, metavar="MMLU_DIR")
    parser.add_argument("--limit-per-subject", type=int, default=8, metavar="N")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side")
    parser.add_argument("--pinned", action="store_true", help="one core for all of the one replica")
    typed = parser.parse_args()
    requests = asked(
        Questions(benchmark="mmlu", data=str(typed.data), limit_per_subject=typed.limit_per_subject)
    )
    all_cores = os.sched_getaffinity(0)
    one: list[float] = []
    two: list[float] = []
    for _ in range(typed.rounds):
        with cores({min(all_cores)} if typed.pinned else all_cores):
            one.append(rate(typed.model, requests, 1))
        two.append(rate(typed.model, requests, 2))
    figure = Figure(
        figure=f"two CPU replicas on two cores: {len(requests)} MMLU questions, {typed.model.name}",
        against="one replica on one core",
        value=round(median(two) / median(one), 3),
        unit="times its questions a second",
        target=TO_REACH,
    )
    report(
        "two_replicas",
        [figure],
        pinned=typed.pinned,
        one_replica_a_second=[round(each, 3) for each in one],
        two_replicas_a_second=[round(each, 3) for each in two],
    )


if __name__ == "__main__":
    main()
