"""What answers: requests in, predictions out. The evaluators' are plugins like any other."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol, TypeVar

from registry.benchmark import ANSWER, Prediction, Prompt

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt on its way to a model, for one sample of one run."""

    run_id: int
    sample_id: str
    prompt: Prompt
    stage: str = ANSWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What identifies the model that answered and the machinery around it; stored with the run."""

    model: str
    engine: str
    engine_version: str = ""
    revision: str = ""
    dtype: str = ""
    template_hash: str = ""
    takes_images: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)


class Shared:
    """What the engines of one command use together, such as a session with a cluster.

    It is opened by the first engine that needs it, and closed at the end of the `with` block.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._opened: dict[str, Any] = {}
        self._stack = ExitStack()
        self._one_at_a_time = Lock()

    def once(self, name: str, opening: Callable[[], AbstractContextManager[T]]) -> T:
        """Return what was opened under this name, opened now where nothing was."""
        with self._one_at_a_time:
            if name not in self._opened:
                self._opened[name] = self._stack.enter_context(opening())
            opened: T = self._opened[name]
            return opened

    def close(self) -> None:
        """Close everything, what was opened last first."""
        self._opened.clear()
        self._stack.close()

    def __enter__(self) -> "Shared":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the command line says about serving; an engine uses what concerns it.

    `arguments` are the engine's own settings (`--engine-arg max_model_len=4096`), passed as typed.
    `device` is "cpu" or "gpu", or "auto" where the engine shall find out. `models_at_once` is how
    many models are served side by side, which then divide the machine.
    """

    replicas: int = 1
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    device: str = "auto"
    models_at_once: int = 1
    address: str = ""
    base_url: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared, repr=False, compare=False)


class Engine(Protocol):
    """A model that answers requests, in any order, each exactly once."""

    @property
    def identity(self) -> Identity:
        """Who answers."""
        ...

    @property
    def local(self) -> bool:
        """Whether everything sent stays on this machine or its private network."""
        ...

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield one prediction a request as they finish; a bad request gives a failed one."""
        ...

    def stop(self) -> None:
        """Take no further request; what is in flight still comes back, then `predict` ends."""
        ...

    def close(self) -> None:
        """Give back what the engine holds."""
        ...
