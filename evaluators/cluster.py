"""Spread requests over replicas with Ray Data LLM: the only file that imports Ray.

Requests travel in blocks, grouped by shared prefix; each replica is one actor of Ray Data's vLLM
stage that renders, answers and returns predictions. Nothing here scores or stores.

All models and judges of a command are served in one session with Ray, a `Cluster`.
"""

import asyncio
import logging
import os
import pickle
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow
import ray
from ray.data.llm import build_processor, vLLMEngineProcessorConfig
from ray.llm._internal.batch.stages.vllm_engine_stage import vLLMEngineStageUDF
from ray.llm._internal.common.errors import VLLM_FATAL_ERRORS

from evaluators.survivor import NO_ENGINE, Survivor
from evaluators.vllm_engine import Answerer, open_answerer
from registry import EngineError, Prediction, Request

LOG_VARIABLE = "PODIUM_REPLICA_LOG"
STAGE = "vLLMEngineStage"
ROOMS = ("registry", "plugins", "evaluators")
BUNDLES = {"gpu": {"GPU": 1, "CPU": 1}, "cpu": {"CPU": 1}}
"""What a worker of a replica takes, by the device it runs on; a replica is one or several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a model is served: what vLLM is told, how many replicas, on what, where they log."""

    model: str
    arguments: Mapping[str, Any]
    log_file: Path
    replicas: int = 1
    device: str
    environment: Mapping[str, str]
    rows_a_block: int = 16
    blocks_at_once: int = 8


class Replica(vLLMEngineStageUDF):  # type: ignore[misc]
    """Ray Data's vLLM stage, answering our requests: pickled requests in, pickled predictions out.

    Where the model cannot be loaded, the replica stays and answers each request with the reason:
    were it to raise, Ray would start it again without end. Where the engine dies, the replica loads
    it again and finds the request that killed it (`Survivor`).
    """

    def __init__(
        self, data_column: str, expected_input_keys: list[str], halt: Any, **settings: Any
    ) -> None:
        """Load the model, with everything that is printed on the way in the log file."""
        _print_to(os.environ.get(LOG_VARIABLE, ""))
        self._halt, self._halted = halt, False
        self._watch: asyncio.Task[None] | None = None
        self._settings = settings
        self.data_column = data_column
        self.expected_input_keys: set[str] = set()
        self._survivor = Survivor(self._load, VLLM_FATAL_ERRORS)

    def _load(self) -> Answerer:
        """Start an engine; the one before, if any, is dead."""
        if hasattr(self, "llm"):
            self.llm.shutdown()
        super().__init__(self.data_column, [], **self._settings)
        return open_answerer(self.llm.engine, self.model, self.llm.semaphore)

    async def udf(self, batch: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """Yield one prediction a row, as they finish; none for rows that come after the halt."""
        self._watch = self._watch or asyncio.create_task(self._watch_halt())
        for task in asyncio.as_completed([asyncio.create_task(self._row(row)) for row in batch]):
            yield await task

    async def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        prediction = None
        if not self._halted:
            # A pickle of our own driver, on our own cluster; nothing else is ever unpickled.
            prediction = await self._survivor.answer(pickle.loads(row["request"]))
        return {
            self.IDX_IN_BATCH_COLUMN: row[self.IDX_IN_BATCH_COLUMN],
            "prediction": pickle.dumps(prediction),
        }

    async def _watch_halt(self) -> None:
        while not self._halted:
            await asyncio.sleep(1)
            self._halted = await self._halt.called.remote()


class Halt:
    """Whether the driver wants to stop; an actor, so that every replica can ask."""

    def __init__(self) -> None:
        """Go on, at first."""
        self._called = False

    def call(self) -> None:
        """Stop."""
        self._called = True

    def called(self) -> bool:
        """Return whether to stop."""
        return self._called


class Stop:
    """The driver's word to stop, which reaches the replicas of one model wherever they are."""

    def __init__(self) -> None:
        """Go on, at first."""
        self._said = False
        self._heard: Any = None

    def say(self) -> None:
        """Have the replicas finish what they have begun, and take nothing further."""
        self._said = True
        if self._heard is not None:
            self._heard.call.remote()

    def heard_by(self, halt: Any) -> None:
        """Tell this actor, which the replicas ask; at once where the word was said before."""
        self._heard = halt
        if self._said:
            self.say()


class Cluster:
    """A session with Ray: with the cluster at an address, or a private one that ends with it.

    A process has one, and models are served in it one after the other or side by side.
    """

    def __init__(self, address: str, log_file: Path) -> None:
        """Prepare to connect; the log gets what Ray and vLLM print meanwhile."""
        self._address = address
        self.log_file = log_file
        self.chatter = Chatter(log_file)

    def __enter__(self) -> "Cluster":
        """Connect.

        Without an explicit address Ray would join whatever cluster a crashed program left behind.
        Raises EngineError where there is none at the address.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        try:
            with self.chatter:
                ray.init(
                    address=self._address or "local",
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    include_dashboard=None if self._address else False,
                    runtime_env=_runtime(self._address),
                )
        except ConnectionError as error:
            raise EngineError(
                f"there is no Ray cluster at {self._address}: {error}. "
                f"See whether it is up with: ray status --address {self._address}"
            ) from error
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        return self

    def __exit__(self, *_error: object) -> None:
        """Disconnect; a private cluster ends."""
        with self.chatter:
            ray.shutdown()

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of each node that can work: those that are up, except a bare head.

        A node that an autoscaler may start is unknown until it does: Ray does not tell.
        """
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return [resources for resources in alive if {"CPU", "GPU"} & resources.keys()]


def predict(
    cluster: Cluster, serving: Serving, requests: Iterable[Request], stop: Stop
) -> Iterator[Prediction]:
    """Yield a prediction a request as blocks of them finish, in any order.

    Raises EngineError where the model cannot be loaded.
    """
    with cluster.chatter:
        blocks = [ray.put(block) for block in _blocks(requests, serving.rows_a_block)]
        if not blocks:
            return
        processor = build_processor(
            _processor_config(serving),
            postprocess=lambda row: {"prediction": row["prediction"]},
            # Without a CPU, since replicas may have taken all.
            preprocess_map_kwargs={"num_cpus": 0},
            postprocess_map_kwargs={"num_cpus": 0},
        )
        # A copy: to assign the field would run Ray's validator again, which then asks for a GPU.
        stage = processor.get_stage_by_name(STAGE)
        halt = ray.remote(num_cpus=0)(Halt).remote()
        stop.heard_by(halt)
        settings = stage.fn_constructor_kwargs | {"halt": halt}
        processor.stages[STAGE] = stage.model_copy(
            update={"fn": Replica, "fn_constructor_kwargs": settings}
        )
        for row in processor(ray.data.from_arrow_refs(blocks)).iter_rows():
            prediction: Prediction | None = pickle.loads(row["prediction"])
            if prediction is None:
                continue
            if prediction.reason.startswith(NO_ENGINE):
                raise EngineError(
                    f"{serving.model}: {prediction.reason}. What was printed is in the log; "
                    f"read it with: less {serving.log_file}"
                )
            yield prediction


def _blocks(requests: Iterable[Request], rows: int) -> Iterator[pyarrow.Table]:
    pickled = (pickle.dumps(request) for request in requests)
    while chunk := list(islice(pickled, rows)):
        yield pyarrow.table({"request": pyarrow.array(chunk, pyarrow.binary())})


def _processor_config(serving: Serving) -> vLLMEngineProcessorConfig:
    """Return how Ray Data LLM places and feeds the replicas.

    A replica of tensor-parallel size t and pipeline-parallel size p takes t x p bundles.
    """
    return vLLMEngineProcessorConfig(
        model_source=serving.model,
        engine_kwargs=dict(serving.arguments),
        concurrency=(serving.replicas, serving.replicas),
        batch_size=serving.rows_a_block,
        max_concurrent_batches=serving.blocks_at_once,
        chat_template_stage=False,
        tokenize_stage=False,
        detokenize_stage=False,
        log_engine_metrics=False,
        placement_group_config={"bundle_per_worker": BUNDLES[serving.device]},
        runtime_env={"env_vars": dict(serving.environment)},
    )


def _runtime(address: str) -> dict[str, Any]:
    """Return what every worker gets; on another's cluster that is this program's rooms.

    So the code of a worker is never of another version than the driver's.
    """
    if not address:
        return {}
    rooms = [find_spec(room) for room in ROOMS]
    return {"py_modules": [str(Path(s.origin).parent) for s in rooms if s and s.origin]}


class Chatter:
    """Leads what libraries print to the log; this program's own words still reach the terminal.

    Ray and vLLM print from C++ and from loggers of their own, which only the descriptor catches.
    Several threads may be inside at once: the first one redirects, the last one ends it.
    """

    def __init__(self, log_file: Path) -> None:
        """Lead it to the end of this file."""
        self._log_file = log_file
        self._one_at_a_time = Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._one_at_a_time:
            self._inside += 1
            if self._inside == 1:
                self._redirect()

    def __exit__(self, *_error: object) -> None:
        with self._one_at_a_time:
            self._inside -= 1
            if not self._inside:
                self._restore()

    def _redirect(self) -> None:
        sys.stderr.flush()
        self._terminal, self._stderr = os.dup(2), sys.stderr
        _print_to(str(self._log_file), descriptors=(2,))
        self._own = sys.stderr = os.fdopen(os.dup(self._terminal), "w", buffering=1)

    def _restore(self) -> None:
        os.dup2(self._terminal, 2)
        os.close(self._terminal)
        # Where a progress line has put its own stream back meanwhile, that one stays.
        if sys.stderr is self._own:
            sys.stderr = self._stderr
        self._own.close()


def _print_to(log_file: str, descriptors: tuple[int, ...] = (1, 2)) -> None:
    """Send what this process and its children print to the end of the file."""
    if log_file:
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in descriptors:
            os.dup2(log, descriptor)
        os.close(log)
