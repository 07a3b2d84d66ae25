"""Runs as Prometheus scrapes them: what is counted, from which Prometheus computes the speeds.

Labels hold names and nothing else: no prompt, no reply and no failure's reason is in them. Counters
count answers only: a failure is replaced when its sample is tried again, and a counter that goes
down is taken for one that began anew. For the same reason samples by outcome are gauges.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from registry.benchmark import ANSWER, Outcome
from registry.cli.output import clean
from registry.errors import RegistryError, StoreError
from registry.store import Portion, Snapshot
from registry.watch import REST, counted

RUN = ("run", "benchmark", "variant", "model")
MISSING = "missing"
"""The outcome, in labels, of samples that have not come back."""

TOKENS = {
    "prompt": "Tokens of the prompts that were answered.",
    "cached": "Tokens of the prompts that were answered which the prefix cache had.",
    "output": "Tokens that the model wrote in its answers.",
}

Read = Callable[[], Sequence[Snapshot]]


def text_of_runs(runs: Sequence[Snapshot]) -> str:
    """Return the runs in Prometheus' text format, as a textfile collector reads it."""
    return generate_latest(_registry(_Runs(lambda: runs))).decode()


def serve(read: Read, host: str, port: int) -> WSGIServer:
    """Answer scrapes from a thread of this process with what `read` finds; return the server.

    Port 0 is a free one. Raises RegistryError where the address cannot be listened on.
    """
    try:
        server, _thread = start_http_server(port, host, _registry(_Scraped(read)))
    except OSError as error:
        raise RegistryError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. "
            "Name another with: --serve-metrics 127.0.0.1:PORT"
        ) from error
    return server


def _registry(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


class _Runs(Collector):
    """The figures of some runs."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield every family with a sample a run."""
        runs = self._read()
        yield _samples(runs)
        yield from (_tokens(runs, kind) for kind in TOKENS)
        yield _gauge("replicas", "Replicas that have answered, in all sessions.", runs, _replicas)
        yield _gauge("finished", "1 where the run has its scores, else 0.", runs, _is_finished)
        yield _gauge(
            "started_timestamp_seconds",
            "When the run began.",
            runs,
            lambda run: run.started_at.timestamp(),
        )
        yield _gauge(
            "last_answer_timestamp_seconds",
            "When the last answer came, on its replica's clock.",
            [run for run in runs if _last_answer(run)],
            _last_answer,
        )


class _Scraped(_Runs):
    """The figures of runs for whoever scrapes, however often.

    A scrape gets what was read last, where to read again would have the registry busy for more than
    a tenth of the time. Where it cannot be reached there are no figures, and `up` says why.
    """

    def __init__(self, read: Read) -> None:
        super().__init__(self._sparingly)
        self._read_now = read
        self._lock = threading.Lock()
        self._found: Sequence[Snapshot] = ()
        self._stale_from = -float("inf")

    def _sparingly(self) -> Sequence[Snapshot]:
        with self._lock:
            began = time.monotonic()
            if began >= self._stale_from:
                self._found = self._read_now()
                ended = time.monotonic()
                self._stale_from = ended + REST * (ended - began)
            return self._found

    def collect(self) -> Iterator[Metric]:
        """Yield whether the registry can be read, then every family."""
        try:
            families = list(super().collect())
        except StoreError:
            families = []
        up = GaugeMetricFamily("podium_registry_up", "1 where the registry can be read, else 0.")
        up.add_metric([], float(bool(families)))
        yield from (up, *families)


def _labels(run: Snapshot) -> list[str]:
    return [clean(str(name)) for name in (run.run_id, run.benchmark, run.variant, run.model)]


def _gauge(
    name: str, summary: str, runs: Sequence[Snapshot], value: Callable[[Snapshot], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"podium_run_{name}", summary, labels=RUN)
    for run in runs:
        family.add_metric(_labels(run), value(run))
    return family


def _replicas(run: Snapshot) -> float:
    return len({portion.replica for portion in run.portions if portion.replica})


def _last_answer(run: Snapshot) -> float:
    """Return the second of the last answer, 0 where none came or its engine does not say."""
    return max((portion.last for portion in run.portions), default=0.0)


def _is_finished(run: Snapshot) -> float:
    return float(run.finished_at is not None)


def _samples(runs: Sequence[Snapshot]) -> GaugeMetricFamily:
    """Return samples by stage and outcome; all outcomes are there, so that alerts find a zero."""
    summary = "Samples by what became of them; those missing have not come back."
    family = GaugeMetricFamily("podium_run_samples", summary, labels=(*RUN, "stage", "outcome"))
    for run in runs:
        for stage, portions in _stages(run).items():
            outcomes = dict.fromkeys((outcome.value for outcome in Outcome), 0)
            for portion in portions:
                outcomes[portion.outcome] += portion.n
            if stage == ANSWER:
                outcomes[MISSING] = run.n_samples - counted(portions).returned
            for outcome, n in outcomes.items():
                family.add_metric([*_labels(run), clean(stage), outcome], n)
    return family


def _tokens(runs: Sequence[Snapshot], kind: str) -> CounterMetricFamily:
    name = f"podium_run_{kind}_tokens"
    family = CounterMetricFamily(name, TOKENS[kind], labels=(*RUN, "stage"))
    for run in runs:
        for stage, portions in _stages(run).items():
            answers = counted(p for p in portions if p.outcome != Outcome.FAILED)
            family.add_metric([*_labels(run), clean(stage)], getattr(answers, f"{kind}_tokens"))
    return family


def _stages(run: Snapshot) -> dict[str, list[Portion]]:
    stages: dict[str, list[Portion]] = {ANSWER: []}
    for portion in run.portions:
        stages.setdefault(portion.stage, []).append(portion)
    return stages
