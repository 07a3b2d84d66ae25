"""A plugin of tests: quotients to ask, and engines without a model that answer in known time.

`--model steady:20` takes 20 ms an answer, one after the other, in the driver. `simulated:20` does
so in real replicas on Ray, whose pipeline is ours; `simulated:killed` is killed while it loads, as
where memory runs out, and `simulated:older` has an older vLLM.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path

from registry import (
    Benchmark,
    Dataset,
    Engine,
    EngineOptions,
    Identity,
    Prediction,
    Request,
    Sample,
    exact_match,
    hookimpl,
)
from registry.datasets import podium_home

QUESTIONS = 400


def quotient(request: Request, seconds: float, replica: str) -> Prediction:
    """Return an answer that took so long; every third one is wrong."""
    number = int(request.sample_id)
    return Prediction(
        run_id=request.run_id,
        stage=request.stage,
        sample_id=request.sample_id,
        text=str(number // 7 + (number % 3 == 0)),
        replica=replica,
        started=time.time() - seconds,
        seconds=seconds,
    )


class SteadyEngine:
    """Answers in the driver."""

    local = True

    def __init__(self, milliseconds: str, _options: EngineOptions) -> None:
        self._seconds, self._stopped = float(milliseconds) / 1000, False
        self.identity = Identity(model="steady", engine="steady", takes_images=False)

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        for request in takewhile(lambda _: not self._stopped, requests):
            time.sleep(self._seconds)
            yield quotient(request, self._seconds, "driver")

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        """Nothing is held."""


class Divider:
    """Answers in a replica."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._turn = seconds, asyncio.Lock()

    async def answer(self, request: Request) -> Prediction:
        import ray

        async with self._turn:
            await asyncio.sleep(self._seconds)
        replica = f"{ray.get_runtime_context().get_node_id()}:{os.getpid()}"
        return quotient(request, self._seconds, replica)


class Loader:
    """Loads no model, in no time."""

    def __init__(self, how: str) -> None:
        self._how = how

    def fatal(self) -> tuple[type[BaseException], ...]:
        return ()

    def __call__(self) -> Divider:
        print(f"replica {os.getpid()} loads", flush=True)
        if self._how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return Divider(0.0 if self._how == "older" else float(self._how) / 1000)


class SimulatedEngine:
    """Serves no model, on real replicas."""

    local = True

    def __init__(self, how: str, options: EngineOptions) -> None:
        from evaluators.cluster import Stop

        self._how, self._options, self._stop = how, options, Stop()
        self.identity = Identity(model="simulated", engine="simulated", takes_images=False)

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        from ray import cloudpickle

        from evaluators import cluster
        from evaluators.replica import LOG_VARIABLE
        from evaluators.serving import opened_cluster

        session = opened_cluster(self._options)
        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        if self._how == "older":
            cluster.installed = lambda: {"vllm": "0.1.0"}
        log = podium_home() / "replicas.log"
        serving = cluster.Serving(
            model=str(podium_home()),
            arguments={},
            log_file=session.log_file,
            replicas=self._options.replicas,
            device="cpu",
            environment={} if self._options.address else {LOG_VARIABLE: str(log)},
            rows_a_block=4,
            blocks_at_once=2,
        )
        load = Loader(self._how)
        yield from cluster.predict(session, serving, requests, self._stop, load)

    def stop(self) -> None:
        self._stop.say()

    def close(self) -> None:
        """Nothing is held."""


def questions(n: int = QUESTIONS) -> Iterator[Sample]:
    """Yield the quotients by seven."""
    for number in range(n):
        yield Sample(id=str(number), input=f"{number} // 7?", target=str(number // 7))


@hookimpl
def register_engines() -> Mapping[str, Callable[[str, EngineOptions], Engine]]:
    return {"simulated": SimulatedEngine, "steady": SteadyEngine}


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="quotients",
            summary="Whole quotients by seven.",
            dataset=Dataset("quotients", questions),
            metrics=(exact_match(),),
        )
    ]


PLUGIN = Path(__file__)
RIGHT = sum(number % 3 != 0 for number in range(QUESTIONS)) / QUESTIONS
"""The score of an undisturbed run."""
