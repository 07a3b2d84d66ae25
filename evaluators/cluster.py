"""Spread requests over replicas with Ray Data: the only file that imports Ray.

Ray Data hands each replica the places of blocks, whose requests it fetches from the driver. It is
one actor that renders, answers and returns predictions, with the engine of Ray Data LLM's vLLM
stage. The rest of Ray Data LLM is left out: to build its processor takes a driver eight seconds,
for PyTorch, the model's settings and an actor of telemetry. Nothing here scores or stores.

All models and judges of a command are served in one session with Ray, a `Cluster`.
"""

import logging
import math
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow
import ray
from ray.data.block import BlockAccessor
from ray.util import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from evaluators.chatter import Chatter
from evaluators.dispatcher import Block, Dispatcher, blocks
from evaluators.replica import PLACE, PREDICTION, Loads, Replica
from evaluators.serving import EXECUTOR, workers_of
from evaluators.spool import Spool
from evaluators.survivor import NO_ENGINE, Answers
from evaluators.versions import installed
from evaluators.vllm_engine import fatal_errors, open_answerer, with_batch_sizes
from registry import EngineError, Prediction, Request

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


class VllmLoader:
    """Loads a model as Ray Data LLM does: a replica's engine is that of its vLLM stage."""

    def __init__(self, serving: Serving) -> None:
        """Load what this says."""
        self._serving = serving
        self._stage: Any = None

    def fatal(self) -> tuple[type[BaseException], ...]:
        """Return the errors that mean that an engine is dead."""
        return fatal_errors()

    def __call__(self) -> Answers:
        """Start an engine; what is left of the one before is ended."""
        # Here, in a replica, since it imports PyTorch and vLLM.
        from ray.llm._internal.batch.stages.vllm_engine_stage import vLLMEngineStageUDF

        if self._stage is not None:
            self._stage.llm.shutdown()
        arguments = self._serving.arguments
        self._stage = vLLMEngineStageUDF(
            "",
            [],
            model=self._serving.model,
            engine_kwargs=with_batch_sizes(arguments, workers_of(arguments)),
            batch_size=self._serving.rows_a_block,
            max_concurrent_batches=self._serving.blocks_at_once,
            log_engine_metrics=False,
        )
        engine = self._stage.llm
        return open_answerer(engine.engine, self._stage.model, engine.semaphore)


class Stop:
    """The driver's word to stop, which reaches the replicas of one model wherever they are."""

    def __init__(self) -> None:
        """Go on, at first."""
        self._said = False
        self._dispatcher: Any = None

    def say(self) -> None:
        """Have the replicas finish what they have begun, and take nothing further."""
        self._said = True
        if self._dispatcher is not None:
            self._dispatcher.stop.remote()

    def heard_by(self, dispatcher: Any) -> None:
        """Tell this actor; at once where the word was said before."""
        self._dispatcher = dispatcher
        if self._said:
            self.say()

    def settled(self, answered: int) -> bool:
        """Return whether the replicas have stopped, and all they began is among so many answers."""
        return self._said and ray.get(self._dispatcher.settled.remote(answered))


class Cluster:
    """A session with Ray: with the cluster at an address, or a private one that ends with it.

    A process has one, and models are served in it one after the other or side by side.
    """

    def __init__(self, address: str, log_file: Path) -> None:
        """Prepare to connect; the log gets what Ray and vLLM print meanwhile."""
        self._address = address
        self.log_file = log_file
        self.chatter = Chatter(log_file)
        self._streams: list[Any] = []

    def __enter__(self) -> "Cluster":
        """Connect.

        Without an explicit address Ray would join whatever cluster a crashed program left behind.
        Raises EngineError where there is none at the address.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        # Ray gives way to everything else on its machine; but what it serves is the work here.
        os.environ.setdefault("RAY_worker_niceness", "0")
        # What a killed replica leaves, its engine, would keep the memory that the next one needs.
        os.environ.setdefault("RAY_process_group_cleanup_enabled", "true")
        # Ray ends workers that idle for a second, and to start one takes three of a core.
        os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", "600000")
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
        # What a cluster tells of itself would stand on standard output, in the midst of our tables.
        ray._private.worker._worker_logs_enabled = False
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        return self

    def __exit__(self, *_error: object) -> None:
        """Disconnect, with whatever is still being read; a private cluster ends.

        A thread that asks Ray for something after that has the process end there and then, with
        status 1 and without the words that it had still to say.
        """
        with self.chatter:
            for stream in self._streams:
                stream.shutdown(force=True)
            ray.shutdown()

    def rows(self, dataset: ray.data.Dataset) -> Iterator[Mapping[str, Any]]:
        """Yield a dataset's rows as blocks of them finish; its actors end with the iteration.

        Ray Data's own `iter_rows` leaves threads behind, which ask for blocks when they like.
        """
        bundles, _, stream = dataset._execute_to_iterator()
        self._streams.append(stream)
        with stream:
            for bundle in bundles:
                for block in ray.get(bundle.block_refs):
                    yield from BlockAccessor.for_block(block).iter_rows(public_row_format=True)

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of each node that can work: those that are up, except a bare head.

        A node that an autoscaler may start is unknown until it does: Ray does not tell.
        """
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return [resources for resources in alive if {"CPU", "GPU"} & resources.keys()]


def predict(
    cluster: Cluster,
    serving: Serving,
    requests: Iterable[Request],
    stop: Stop,
    load: Loads | None = None,
) -> Iterator[Prediction]:
    """Yield a prediction a request as blocks of them finish, in any order.

    `load` loads the model in a replica; by default it is the vLLM of Ray Data LLM.
    Raises EngineError where the model cannot be loaded.
    """
    with cluster.chatter:
        spool = blocks(requests, serving.rows_a_block)
        if not spool:
            return
        serving = shared_out(serving, len(spool))
        dispatcher = _dispatcher(spool, serving.replicas)
        stop.heard_by(dispatcher)
        settings = {
            "load": load or VllmLoader(serving),
            "dispatcher": dispatcher,
            "get": ray.get,
            "versions": installed(),
        }
        answered = 0
        for row in cluster.rows(_answered(_places(len(spool)), serving, settings)):
            prediction: Prediction | None = pickle.loads(row[PREDICTION])
            if prediction is None:
                # What is left would come back unanswered, a block at a time.
                if stop.settled(answered):
                    return
                continue
            answered += 1
            if prediction.reason.startswith(NO_ENGINE):
                raise EngineError(
                    f"{serving.model}: {prediction.reason}. What was printed is in the log; "
                    f"read it with: less {serving.log_file}"
                )
            yield prediction


def shared_out(serving: Serving, n_blocks: int) -> Serving:
    """Return how to serve so few blocks that the first replica there would take them all."""
    even = math.ceil(n_blocks / serving.replicas)
    return replace(serving, blocks_at_once=min(serving.blocks_at_once, even))


def _dispatcher(spool: Spool[Block], replicas: int) -> Any:
    """Start the actor that hands out the blocks, on this machine, whose disk they are on."""
    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    actor = ray.remote(num_cpus=0, label_selector=here)(Dispatcher)
    return actor.remote(spool, replicas)


def _places(n_blocks: int) -> ray.data.Dataset:
    """Return a dataset that has a block for each of ours, with nothing but its place.

    They are there when the replicas are: to read them would take processes of their own.
    """
    return ray.data.from_blocks([pyarrow.table({PLACE: [place]}) for place in range(n_blocks)])


def _answered(
    dataset: ray.data.Dataset, serving: Serving, settings: Mapping[str, Any]
) -> ray.data.Dataset:
    """Return the answers to the blocks, each by a replica, which these settings make."""
    # Not `map_batches`, which warns of what an actor is told; Ray Data LLM calls this as well.
    return dataset.map_batches_internal(
        Replica,
        fn_constructor_kwargs=dict(settings),
        batch_format="pyarrow",
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(
            size=serving.replicas,
            # No block waits at a busy replica while another replica has nothing to do.
            max_tasks_in_flight_per_actor=serving.blocks_at_once,
        ),
        max_concurrency=serving.blocks_at_once,
        runtime_env={"env_vars": dict(serving.environment)},
        **_placement(serving),
    )


def _placement(serving: Serving) -> dict[str, Any]:
    """Return what Ray reserves for a replica: a bundle a worker.

    Where vLLM's workers are Ray's, the bundles are a placement group, which may be on several
    nodes; else they are processes of the replica, which has all of them on one.
    """
    workers, bundle = workers_of(serving.arguments), BUNDLES[serving.device]
    if serving.arguments.get(EXECUTOR) == "ray":
        return {"num_gpus": 0, "ray_remote_args_fn": partial(_group, [bundle] * workers)}
    return {f"num_{kind.lower()}s": workers * amount for kind, amount in bundle.items()}


def _group(bundles: list[dict[str, int]]) -> dict[str, Any]:
    """Reserve the bundles, close to each other, and return where an actor and its workers go."""
    group = placement_group(bundles, strategy="PACK")
    strategy = PlacementGroupSchedulingStrategy(group, placement_group_capture_child_tasks=True)
    return {"scheduling_strategy": strategy}


def _runtime(address: str) -> dict[str, Any]:
    """Return what every worker gets; on another's cluster that is this program's rooms.

    So the code of a worker is never of another version than the driver's.
    """
    if not address:
        return {}
    rooms = [find_spec(room) for room in ROOMS]
    return {"py_modules": [str(Path(s.origin).parent) for s in rooms if s and s.origin]}
