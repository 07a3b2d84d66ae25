"""What answers: requests in, predictions out. The evaluators' are plugins like any other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from registry.benchmark import ANSWER, Prediction, Prompt


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the command line says about serving; an engine uses what concerns it.

    `arguments` are the engine's own settings (`--engine-arg max_model_len=4096`), passed as typed.
    """

    replicas: int = 1
    address: str = ""
    base_url: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)


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
