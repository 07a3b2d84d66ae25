"""Spread requests over replicas with Ray Data LLM: the only file that imports Ray.

Requests travel in blocks, grouped by shared prefix; each replica is one actor of Ray Data's vLLM
stage that renders, answers and returns predictions. Nothing here scores or stores.
"""

import asyncio
import logging
import os
import pickle
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from evaluators.feeding import Block, Feeder, blocks, fetched
from evaluators.halt import Halt
from evaluators.printout import Printout
from evaluators.spool import Spool
from evaluators.survivor import NO_ENGINE, Answers, Survivor
from evaluators.versions import difference, installed
from evaluators.vllm_engine import fatal_errors, open_answerer
from registry import EngineError, Prediction, Request


@contextmanager
def _hidden(library: str) -> Iterator[None]:
    """Let imports of a library fail for a while, unless it is there already."""
    absent = library not in sys.modules
    if absent:
        sys.modules[library] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if absent:
            del sys.modules[library]


# Ray imports vLLM for the names of two errors, which no driver meets, and does without where it is
# not there. So a driver starts ten seconds sooner, with 260 MB less; a replica imports it anyway.
with _hidden("vllm"):
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig
    from ray.llm._internal.batch.stages.vllm_engine_stage import vLLMEngineStageUDF

LOG_VARIABLE = "PODIUM_REPLICA_LOG"
STAGE = "vLLMEngineStage"
ROOMS = ("registry", "plugins", "evaluators")
READERS = 2
"""Tasks that fetch blocks from the driver at a time; each takes some milliseconds a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a model is served: what vLLM is told, how many replicas, where they log."""

    model: str
    arguments: Mapping[str, Any]
    log_file: Path
    replicas: int = 1
    address: str = ""
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
        self,
        data_column: str,
        expected_input_keys: list[str],
        halt: Any,
        versions: Mapping[str, str],
        **settings: Any,
    ) -> None:
        """Load the model, with everything that is printed on the way in the log file."""
        _print_to(os.environ.get(LOG_VARIABLE, ""))
        self._halt, self._halted = halt, False
        self._watch: asyncio.Task[None] | None = None
        self._settings, self._versions = settings, versions
        self.data_column = data_column
        self.expected_input_keys: set[str] = set()
        self._printout = Printout()
        self._survivor = Survivor(self._load, fatal_errors(), self._printout.last_words)

    def _load(self) -> Answers:
        """Start an engine, if that can succeed and counts; the one before, if any, is dead."""
        self._printout.begin()
        if problem := difference(self._versions) or ray.get(self._halt.loading.remote()):
            raise EngineError(problem)
        engine = self._engine()
        self._halt.loaded.remote()
        return engine

    def _engine(self) -> Answers:
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


_halts: list[Any] = []


def halt() -> None:
    """Have the replicas finish what they have begun, and take nothing further."""
    for each in _halts:
        each.call.remote()


def predict(serving: Serving, requests: Iterable[Request]) -> Iterator[Prediction]:
    """Yield a prediction a request as blocks of them finish, in any order.

    Raises EngineError where the model cannot be loaded.
    """
    with _chatter_to(serving.log_file), _connected(serving):
        spool = blocks(requests, serving.rows_a_block)
        if not spool:
            return
        processor = build_processor(
            _processor_config(serving),
            postprocess=lambda row: {"prediction": row["prediction"]},
        )
        # A copy: to assign the field would run Ray's validator again, which then asks for a GPU.
        stage = processor.get_stage_by_name(STAGE)
        stop = ray.remote(num_cpus=0)(Halt).remote(serving.replicas)
        _halts[:] = [stop]
        settings = stage.fn_constructor_kwargs | {"halt": stop, "versions": installed()}
        processor.stages[STAGE] = stage.model_copy(
            update={"fn": Replica, "fn_constructor_kwargs": settings}
        )
        for row in processor(_dataset(spool, serving.rows_a_block)).iter_rows():
            prediction: Prediction | None = pickle.loads(row["prediction"])
            if prediction is None:
                continue
            if prediction.reason.startswith(NO_ENGINE):
                raise EngineError(
                    f"{serving.model}: {prediction.reason}. What was printed is in the log; "
                    f"read it with: less {serving.log_file}"
                )
            yield prediction


class _Source(Datasource):  # type: ignore[misc]
    """The driver's requests as Ray Data reads them: a task a block, fetched when its turn comes."""

    def __init__(self, feeder: Any, n_blocks: int, rows: int) -> None:
        self._feeder, self._n_blocks, self._rows = feeder, n_blocks, rows

    def estimate_inmemory_data_size(self) -> None:
        """Say nothing: it is not known before the blocks are read."""

    def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
        """Return a task a block, whatever number of them Ray Data asks for."""
        about = BlockMetadata(
            num_rows=self._rows, size_bytes=None, input_files=None, exec_stats=None
        )
        return [
            ReadTask(partial(fetched, ray.get, self._feeder, place), about)
            for place in range(self._n_blocks)
        ]


def _dataset(spool: Spool[Block], rows: int) -> ray.data.Dataset:
    """Return the blocks as a dataset of which little is in memory at a time."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    feeder = ray.remote(num_cpus=0, scheduling_strategy=here)(Feeder).remote(spool)
    source = _Source(feeder, len(spool), rows)
    # Without a CPU, since replicas may have taken all; then nothing else bounds the readers.
    return ray.data.read_datasource(
        source, num_cpus=0, concurrency=READERS, override_num_blocks=len(spool)
    )


def _processor_config(serving: Serving) -> vLLMEngineProcessorConfig:
    device = {"GPU": 1, "CPU": 1} if ray.cluster_resources().get("GPU") else {"CPU": 1}
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
        placement_group_config={"bundle_per_worker": device},
        runtime_env={"env_vars": dict(serving.environment)},
    )


def _runtime(serving: Serving) -> dict[str, Any]:
    """Return what every worker gets; on another's cluster that includes this program's rooms.

    So the code of a worker is never of another version than the driver's.
    """
    runtime: dict[str, Any] = {"env_vars": dict(serving.environment)}
    if serving.address:
        rooms = [find_spec(room) for room in ROOMS]
        runtime["py_modules"] = [str(Path(s.origin).parent) for s in rooms if s and s.origin]
    return runtime


@contextmanager
def _connected(serving: Serving) -> Iterator[None]:
    """Use the cluster at the address, or a private one on this machine that ends with the run.

    Without an explicit address Ray would join whatever cluster a crashed program left behind.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray gives way to everything else on its machine; but what it serves is the work here.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if not ray.is_initialized():
        ray.init(
            address=serving.address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=False if not serving.address else None,
            runtime_env=_runtime(serving),
        )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _chatter_to(log_file: Path) -> Iterator[None]:
    """Let what libraries print go to the log; this program's own words still reach the terminal.

    Ray and vLLM print from C++ and from loggers of their own, which only the descriptor catches.
    """
    sys.stderr.flush()
    terminal, stderr = os.dup(2), sys.stderr
    _print_to(str(log_file), descriptors=(2,))
    sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1)
    try:
        yield
    finally:
        sys.stderr.close()
        sys.stderr = stderr
        os.dup2(terminal, 2)
        os.close(terminal)


def _print_to(log_file: str, descriptors: tuple[int, ...] = (1, 2)) -> None:
    """Send what this process and its children print to the end of the file."""
    if log_file:
        log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in descriptors:
            os.dup2(log, descriptor)
        os.close(log)
