"""A real Ray places, feeds and stops replicas on the CPUs; a stub answers in them."""

import asyncio
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from evaluators.serving import device_of, executor
from registry import Prediction, Prompt, Request

if TYPE_CHECKING:
    from evaluators.cluster import Cluster, Serving

MODELS = ("first", "second")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own, of what it imports and leaves open
]


@pytest.fixture(scope="module")
def cluster() -> ModuleType:
    """Return the module; to import it takes too long for those who run other tests."""
    pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evaluators import cluster
    return cluster


@pytest.fixture(scope="module")
def session(cluster: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Cluster"]:
    """Connect to a private cluster, for all tests of this file."""
    with cluster.Cluster("", tmp_path_factory.mktemp("ray") / "ray.log") as session:
        yield session


class Stub:
    """Answers with its model's name and its process."""

    def __init__(self, model: str) -> None:
        self._model = model

    async def answer(self, request: Request) -> Prediction:
        await asyncio.sleep(0.2)
        return Prediction(
            run_id=request.run_id,
            sample_id=request.sample_id,
            stage=request.stage,
            text=self._model,
            replica=str(os.getpid()),
        )


class Loader:
    """Loads a stub that says its model's name."""

    def __init__(self, model: str) -> None:
        self._model = model

    def fatal(self) -> tuple[type[BaseException], ...]:
        return ()

    def __call__(self) -> Stub:
        return Stub(self._model)


@pytest.fixture(scope="module", autouse=True)
def _travels_to_workers() -> None:
    travels_to_workers()


def travels_to_workers() -> None:
    """Send this file's classes to workers, which do not find it, by value."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])


def predict(
    session: "Cluster", served: "Serving", n: int, stop: Any = None
) -> Iterator[Prediction]:
    """Ask n requests."""
    from evaluators.cluster import Stop, predict

    requests = (Request(1, str(i), Prompt(question="?")) for i in range(n))
    return predict(session, served, requests, stop or Stop(), Loader(served.model))


def serving(session: "Cluster", model: str, **settings: Any) -> "Serving":
    from evaluators.cluster import Serving

    about: dict[str, Any] = {"replicas": 1, "device": "cpu", "rows_a_block": 4, "arguments": {}}
    return Serving(model=model, log_file=session.log_file, environment={}, **about | settings)


def names(predictions: list[Prediction]) -> list[int]:
    return sorted(int(p.sample_id) for p in predictions)


def test_replicas_may_take_every_core(session: "Cluster") -> None:
    served = serving(session, MODELS[0], replicas=os.cpu_count())
    made = list(predict(session, served, 200))
    assert names(made) == list(range(200))
    # One that is there first may answer everything before the last one is.
    assert 1 <= len({p.replica for p in made}) <= (os.cpu_count() or 1)


def test_one_model_after_the_other_is_served_in_one_session(session: "Cluster") -> None:
    for model in MODELS:
        served = serving(session, model, replicas=os.cpu_count())
        made = list(predict(session, served, 20))
        assert (names(made), {p.text for p in made}) == (list(range(20)), {model})


def test_two_models_are_served_at_the_same_time_in_one_session(session: "Cluster") -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("needs two cores")
    meeting = threading.Barrier(2)
    made: dict[str, list[Prediction]] = {}

    def ask(model: str) -> None:
        answers = predict(session, serving(session, model), 60)
        first = next(answers)
        meeting.wait(timeout=120)  # each has answered something before any has ended
        made[model] = [first, *answers]

    threads = [threading.Thread(target=ask, args=(model,), daemon=True) for model in MODELS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
    assert [names(made[model]) for model in MODELS] == [list(range(60))] * 2
    assert [{p.text for p in made[model]} for model in MODELS] == [{"first"}, {"second"}]


def test_after_the_word_to_stop_what_was_not_begun_is_left_where_it_is(
    cluster: ModuleType, session: "Cluster"
) -> None:
    settled: list[bool] = []

    class Stop(cluster.Stop):  # type: ignore[name-defined,misc]
        def settled(self, answered: int) -> bool:
            settled.append(super().settled(answered))
            return settled[-1]

    stop, n_blocks = Stop(), 2_000
    answers = predict(session, serving(session, MODELS[0]), 4 * n_blocks, stop)
    made = [next(answers)]
    stop.say()
    made += answers
    assert len(made) % 4 == 0  # what was begun came back whole
    assert settled[-1]
    assert len(made) // 4 + len(settled) < n_blocks / 2


def test_no_thread_asks_ray_for_anything_when_the_session_is_over(tmp_path: Path) -> None:
    """Such a thread ends the process, whatever it had still to say: so in one of its own."""
    program = f"""
import threading
from pathlib import Path
import test_replicas
from evaluators.cluster import Cluster
test_replicas.travels_to_workers()
with Cluster("", Path({str(tmp_path)!r}) / "log") as session:
    serving = test_replicas.serving(session, "first")
    before = threading.enumerate()
    given_up = test_replicas.predict(session, serving, 400)
    next(given_up)
    given_up.close()
    print(threading.enumerate() == before)
    left = test_replicas.predict(session, serving, 400)
    next(left)
print([thread.name for thread in threading.enumerate()])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("True\n['MainThread']\n", 0), done.stderr


@pytest.mark.parametrize(
    ("replicas", "blocks", "at_once"), [(1, 100, 8), (2, 100, 8), (2, 9, 5), (2, 1, 1), (64, 3, 1)]
)
def test_a_short_run_is_shared_out_evenly(
    cluster: ModuleType, session: "Cluster", replicas: int, blocks: int, at_once: int
) -> None:
    served = serving(session, "model", replicas=replicas)
    assert cluster.shared_out(served, blocks).blocks_at_once == at_once


def test_a_driver_imports_neither_vllm_nor_what_it_is_made_of() -> None:
    program = (
        "import sys, evaluators.cluster; print({'torch', 'transformers', 'vllm'} & {*sys.modules})"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# --- Where replicas are placed --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "sizes", "placed"),
    [
        ("gpu", {}, {"num_gpus": 1, "num_cpus": 1}),
        ("cpu", {}, {"num_cpus": 1}),
        # vLLM's workers have no Ray actors on CPUs: one actor takes what all of them need.
        ("cpu", {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}, {"num_cpus": 4}),
    ],
)
def test_a_replica_in_one_piece_takes_what_its_workers_need(
    cluster: ModuleType,
    session: "Cluster",
    device: str,
    sizes: dict[str, int],
    placed: dict[str, int],
) -> None:
    assert resources(placement(cluster, session, device, sizes)) == placed


def test_a_replica_on_several_gpus_is_one_placement_group_with_a_bundle_a_worker(
    cluster: ModuleType, session: "Cluster"
) -> None:
    from ray.util import placement_group_table, remove_placement_group

    sizes = {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}
    arguments = placement(cluster, session, "gpu", sizes)
    assert resources(arguments) == {"num_gpus": 0}  # the group has them
    group = arguments["ray_remote_args_fn"]()["scheduling_strategy"].placement_group
    asked = placement_group_table(group)["bundles"].values()
    remove_placement_group(group)
    assert list(asked) == [{"GPU": 1, "CPU": 1}] * 4


def placement(
    cluster: ModuleType, session: "Cluster", device: str, sizes: dict[str, int]
) -> dict[str, Any]:
    """Return what Ray is asked to reserve for a replica."""
    arguments = sizes | executor(sizes, device)
    served = serving(session, "model", device=device, arguments=arguments)
    made: dict[str, Any] = cluster._placement(served)
    return made


def resources(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name.startswith("num_")}


# --- What a cluster says of itself ----------------------------------------------------------------


def test_the_nodes_say_what_they_have(session: "Cluster") -> None:
    (node,) = session.nodes()
    assert node["CPU"] == os.cpu_count()
    assert device_of([node], "") == ("gpu" if node.get("GPU") else "cpu")
