"""What the contract looks at: one variant's samples and requests, and answers made without a model.

Reading happens with the network off; nothing here judges a benchmark.
"""

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from registry.benchmark import (
    Benchmark,
    Metric,
    Outcome,
    Prediction,
    Prompt,
    Sample,
    SampleScore,
    Task,
)
from registry.datasets import locate
from registry.discovery import Plugin, discover

MOST = 1000
"""So many samples are looked at, spread evenly: a check takes seconds, whatever the dataset."""

HOSTILE = (
    "",
    " ",
    "\x00",
    "\N{REPLACEMENT CHARACTER}",
    "(((",
    "\\boxed{",
    "{}",
    "A B C D",
    "9" * 5000,
)
"""Replies that no benchmark asks for."""

Answer: TypeAlias = Callable[[Sample], Prediction]


@dataclass
class Subject:
    """What is checked: one variant of a benchmark, on its offline sample or the folder `data`.

    `plugin` is who registered it; `files` and `without` are how it was found, so that another
    process finds it as well. `connections` are the addresses that reading asked for.
    """

    benchmark: Benchmark
    words: Sequence[str] = ()
    data: Path | None = None
    plugin: Plugin | None = None
    files: Sequence[Path] = ()
    without: Sequence[str] = ()
    connections: list[str] = field(default_factory=list)

    def fresh_task(self) -> Task:
        """Return the task made anew. Raises UnknownName for a word that is no setting's value."""
        return self.benchmark.task_for(self.benchmark.variant(self.words))

    @cached_property
    def task(self) -> Task:
        """What the variant asks."""
        return self.fresh_task()

    def read(self) -> list[Sample]:
        """Return all samples, read anew with the network off."""
        dataset = self.fresh_task().dataset
        folder = locate(self.benchmark.name, dataset, self.data, sample=self.data is None)
        with network_off(self.connections):
            items = list(dataset.read() if folder is None else dataset.read(folder))
        return [item for item in items if isinstance(item, Sample)]

    @cached_property
    def everything(self) -> list[Sample]:
        """All samples."""
        return self.read()

    @cached_property
    def samples(self) -> list[Sample]:
        """The samples that are looked at."""
        return spread(self.everything, MOST)

    @cached_property
    def prompts(self) -> dict[str, Prompt]:
        """What is asked, by the sample's id."""
        return {sample.id: self.task.prompt(sample) for sample in self.samples}

    # --- Which choice is right --------------------------------------------------------------------

    @cached_property
    def by_letter(self) -> bool:
        """Whether targets name choices by their letters; else they are the choices' texts."""
        return all(_by_letter(s) is not None for s in self.samples if s.choices)

    def place(self, sample: Sample) -> int | None:
        """Return which choice the target names, None where it names none."""
        if self.by_letter:
            return _by_letter(sample)
        return sample.choices.index(sample.target) if sample.target in sample.choices else None

    def answering(self, sample: Sample, answer: int | str) -> Sample:
        """Return the sample with another target: the choice at that place, or that text."""
        if isinstance(answer, str):
            return replace(sample, target=answer)
        place = min(answer, max(len(sample.choices) - 1, 0))
        text = _letter(place) if self.by_letter else sample.choices[place]
        return replace(sample, target=text)

    # --- Who answers ------------------------------------------------------------------------------

    def oracle(self, sample: Sample) -> Prediction:
        """Answer from the target: as the task's own oracle, else the weighed choice or the text."""
        if self.task.oracle is not None:
            return self.task.oracle(sample)
        names = [choice.name for choice in self.task.prompt(sample).choices]
        if not names:
            return Prediction(sample_id=sample.id, text=sample.target)
        weights = {name: 0.0 if name == sample.target else -9.0 for name in names}
        return Prediction(sample_id=sample.id, logprobs=weights)

    def empty(self, sample: Sample) -> Prediction:
        """Say nothing."""
        return self._reviewed(sample, Prediction(sample_id=sample.id))

    def undecided(self, sample: Sample) -> Prediction:
        """Weigh all choices alike."""
        names = [choice.name for choice in self.task.prompt(sample).choices]
        prediction = Prediction(sample_id=sample.id, logprobs=dict.fromkeys(names, -1.0))
        return self._reviewed(sample, prediction)

    def truncated(self, sample: Sample) -> Prediction:
        """Answer rightly, and be cut off."""
        outcome, reason = Outcome.TRUNCATED, "length"
        return replace(self.oracle(sample), outcome=outcome, finish_reason=reason)

    def saying(self, text: str) -> Answer:
        """Return who writes the same to every question."""

        def answer(sample: Sample) -> Prediction:
            return self._reviewed(sample, Prediction(sample_id=sample.id, text=text))

        return answer

    def _reviewed(self, sample: Sample, prediction: Prediction) -> Prediction:
        """Let the second model, where it is asked about this answer, repeat the first."""
        review = self.task.review
        if review is None or review.prompt(sample, prediction) is None:
            return prediction
        said = Prediction(sample_id=sample.id, stage=review.name, text=prediction.text)
        return replace(prediction, review=said)


def look_up(
    name: str,
    *,
    variant: Sequence[str] = (),
    data: Path | None = None,
    plugins: Sequence[Path] = (),
    without: Sequence[str] = (),
) -> Subject:
    """Return the benchmark of that name as a subject. Raises UnknownName with the nearest one."""
    found = discover(plugins, without)
    benchmark = found.benchmark(name)
    return Subject(benchmark, variant, data, found.plugin_of(name), plugins, without)


def spread(samples: Sequence[Sample], n: int) -> list[Sample]:
    """Return at most `n` samples, evenly from first to last."""
    step = max(len(samples) / n, 1.0)
    return [samples[int(i * step)] for i in range(min(n, len(samples)))]


@contextmanager
def network_off(attempts: list[str]) -> Iterator[None]:
    """Refuse this process's connections, and note them, since a plugin may swallow the refusal."""

    def refuse(*arguments: Any, **_: Any) -> None:
        address = arguments[1] if isinstance(arguments[0], socket.socket) else arguments[0]
        attempts.append(str(address))
        raise OSError(f"no connection to {address}: the contract keeps the network off")

    look_up = socket.getaddrinfo
    socket.getaddrinfo = refuse  # type: ignore[assignment]
    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, refuse)
    try:
        yield
    finally:
        socket.getaddrinfo = look_up
        for name in ("connect", "connect_ex"):
            delattr(socket.socket, name)  # the inherited method stands again


def judged(metric: Metric, samples: Iterable[Sample], answer: Answer) -> list[SampleScore]:
    """Return the metric's verdicts on the answers."""
    return [metric.sample_score(sample, answer(sample)) for sample in samples]


def aggregated(metric: Metric, scores: Sequence[SampleScore]) -> tuple[float, int]:
    """Return the metric's number, and how many samples stand behind it: 0 where it gives none."""
    made = metric.aggregate(scores)
    return (made[0].value, made[0].n) if made else (0.0, 0)


def _by_letter(sample: Sample) -> int | None:
    letters = [_letter(place) for place in range(len(sample.choices))]
    return letters.index(sample.target) if sample.target in letters else None


def _letter(place: int) -> str:
    return chr(ord("A") + place)
