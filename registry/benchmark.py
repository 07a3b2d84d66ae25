"""The nouns: what a benchmark is made of, and what comes back from a model.

Frozen values that pickle and travel to workers; nothing here opens files or is heavy to import.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from registry.errors import UnknownName

ANSWER = "answer"
"""The stage of a prediction that the evaluated model made; reviews carry their own name."""

REPEAT = "repeat"
"""The stage of a second answer to the same prompt, which tells how much answers vary by chance."""


class Outcome(StrEnum):
    """What became of a request. `failed` never has a score: no number for no answer."""

    ANSWERED = "answered"
    UNPARSEABLE = "unparseable"
    TRUNCATED = "truncated"
    FAILED = "failed"


class Terms(StrEnum):
    """Under which terms the data may be used, and so where it may be sent."""

    OPEN = "open"
    GATED = "gated"
    CREDENTIALED = "credentialed"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture by reference: a file, or one cell of a Parquet file. Opened beside the engine."""

    path: str
    column: str = ""
    row: int = 0


Content: TypeAlias = str | tuple[str | Image, ...]
"""Text, or text and images in reading order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question: what is asked, the right answer, and what it can be grouped by.

    `groups` are the breakdowns a board shows ({"subject": "anatomy"}); `cluster` names what
    samples share (a patient, a passage), so that intervals resample it whole.
    """

    id: str
    input: Content
    target: str
    choices: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    cluster: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Excluded:
    """Something of the dataset that gives no sample, and why.

    `incomplete` says that the official data has it and this copy has not: the run is then partial.
    """

    id: str
    reason: str
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where samples come from: a function that reads a folder, or that generates them.

    `read` takes the folder's path, or nothing where the samples are generated. The folder is what
    the user names with `--data`, the hub repository `hub` at the pinned `revision`, or `sample`,
    the offline sample in the official layout. `layout` says what a folder must hold.
    """

    name: str
    read: Callable[..., Iterable[Sample | Excluded]]
    hub: str = ""
    revision: str = ""
    files: tuple[str, ...] = ()
    sample: Path | None = None
    layout: str = ""

    @property
    def needs_files(self) -> bool:
        """Whether there is anything to read from disk; False for generated datasets."""
        return bool(self.hub or self.sample or self.layout)


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that is weighed: its name and the spellings that count for it.

    >>> Choice("A", (" A",))
    Choice(name='A', spellings=(' A',))
    """

    name: str
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a reply is drawn; every setting is sent, so that a model's own defaults never leak in."""

    max_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked: `header`, worked `examples`, then the `question`.

    Where the whole does not fit the model's context, examples are dropped from the end, one by one.
    With `choices` the model is not asked to write: the log-probability of each is read in one pass.
    `chat` renders it through the model's chat template (where it has one), else it is plain text.
    """

    question: Content
    header: str = ""
    examples: tuple[str, ...] = ()
    system: str = ""
    chat: bool = False
    choices: tuple[Choice, ...] = ()
    sampling: Sampling = Sampling()

    @property
    def prefix(self) -> str:
        """What prompts of one group share; requests are ordered by it."""
        return self.system + self.header + "".join(self.examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What came back for one request: text, or the log-probability (nats) of each choice.

    `seconds` is the request's latency and `started` the wall-clock second it was sent, both on the
    clock of `replica`. `shots` counts the worked examples that were left in the prompt. `review` is
    what the second model of a task said of it, where there is one; it is not stored with it.
    """

    sample_id: str
    run_id: int = 0
    stage: str = ANSWER
    outcome: Outcome = Outcome.ANSWERED
    text: str = ""
    logprobs: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    finish_reason: str = ""
    requests: int = 1
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    started: float = 0.0
    replica: str = ""
    prompt_hash: str = ""
    shots: int = 0
    review: "Prediction | None" = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a metric says of one prediction: its value, and the answer it understood.

    `value` is None where there is no answer to judge and the metric leaves it out. `probability` is
    that of the positive answer, for metrics that need a ranking; `tied` marks a shared maximum.
    """

    value: float | None
    answer: str = ""
    outcome: Outcome = Outcome.ANSWERED
    probability: float | None = None
    tied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleScore:
    """One metric on one sample, with all that an aggregate needs to know of the sample."""

    sample_id: str
    metric: str
    value: float | None
    answer: str
    target: str
    outcome: Outcome
    probability: float | None = None
    tied: bool = False
    cluster: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number of a whole run, or of the `part` of it that shares a group ("subject=anatomy").

    `low` and `high` are a 95 % interval; `stderr` the standard error where there is a simple one.
    """

    metric: str
    value: float
    n: int
    part: str = ""
    stderr: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Judges one prediction, and aggregates many; says its direction, range and chance level.

    The first score that `aggregate` returns is the metric's own; what follows are breakdowns and
    companions. `chance` is what guessing gets, where that is known.
    """

    name: str
    judge: Callable[[Sample, Prediction], Verdict]
    aggregate: Callable[[Sequence[SampleScore]], list[Score]]
    higher_is_better: bool = True
    low: float = 0.0
    high: float = 1.0
    chance: float | None = None

    def sample_score(self, sample: Sample, prediction: Prediction) -> SampleScore:
        """Return the verdict on one prediction, with what an aggregate needs of the sample."""
        verdict = self.judge(sample, prediction)
        return SampleScore(
            sample_id=sample.id,
            metric=self.name,
            value=verdict.value,
            answer=verdict.answer,
            target=sample.target,
            outcome=verdict.outcome,
            probability=verdict.probability,
            tied=verdict.tied,
            cluster=sample.cluster,
            groups=sample.groups,
        )


def as_asked(sample: Sample) -> Prompt:
    """Return the sample's input as it stands, as a chat message."""
    return Prompt(question=sample.input, chat=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A second model's pass over stored responses: a judge that grades, an extractor that reads.

    `prompt` returns what to ask about one response, or None where there is nothing to ask. What
    comes back is the prediction's `review` when the metrics judge it; who reviews (and the hash of
    `prompt_text`, the wording) is part of the score's variant.
    """

    name: str
    prompt: Callable[[Sample, Prediction], Prompt | None]
    prompt_text: str
    official: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one variant of a benchmark asks, and how answers are judged.

    The first metric is the headline. `baselines` answer without looking: each maps a sample to the
    prediction of a trivial model, and is scored beside the real one. `oracle` answers from the
    target alone, in the form that the metrics read ("The answer is (B)"), with the review that such
    an answer gets where there is one; without it the reply is the target itself, or the choice
    weighed. It never runs in an evaluation: `podium check-benchmark` holds the metrics against it.
    """

    dataset: Dataset
    metrics: tuple[Metric, ...]
    prompt: Callable[[Sample], Prompt] = as_asked
    review: Review | None = None
    baselines: Mapping[str, Callable[[Sample], Prediction]] = field(default_factory=dict)
    oracle: Callable[[Sample], Prediction] | None = None

    @property
    def headline(self) -> Metric:
        """The metric that a board ranks by."""
        return self.metrics[0]


@dataclass(frozen=True, slots=True)
class Setting:
    """One named choice that changes a number; its values are words, the default first."""

    name: str
    values: tuple[str, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One value for each of a benchmark's settings; its name is the values in their order."""

    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The variant as it is typed and stored: "binary-direct,chexpert,u_zero"."""
        return ",".join(self.values.values()) or "default"

    def __getitem__(self, setting: str) -> str:
        """Return the value of one setting."""
        return self.values[setting]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A dataset, its prompts and its metrics, named and versioned.

    Give `dataset` and `metrics` (and perhaps `prompt`) where there is one way to run it; give
    `settings` and `task`, a function from a variant to a `Task`, where there are several. Raise
    `version` whenever prompt, data or metric changes a number. `groups` names the comparable group
    of a variant ({"5-shot,letters": "full"}), whose numbers a board ranks together, be they
    measured or published; a variant that is in none stands on a board of its own.
    """

    name: str
    summary: str
    dataset: Dataset | None = None
    metrics: tuple[Metric, ...] = ()
    prompt: Callable[[Sample], Prompt] = as_asked
    settings: tuple[Setting, ...] = ()
    task: Callable[[Variant], Task] | None = None
    version: str = "1"
    title: str = ""
    description: str = ""
    terms: Terms = Terms.OPEN
    terms_text: str = ""
    license: str = ""
    paper: str = ""
    homepage: str = ""
    size: str = ""
    modalities: tuple[str, ...] = ("text",)
    categories: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a benchmark that says nothing, or two things, about how it is run."""
        simple = self.dataset is not None and bool(self.metrics)
        if simple == (self.task is not None):
            raise ValueError(
                f"benchmark '{self.name}' needs either dataset= and metrics=, or task=, not both"
            )
        words = [value for setting in self.settings for value in setting.values]
        if len(words) != len(set(words)):
            raise ValueError(f"benchmark '{self.name}': two settings share a value among {words}")

    def variant(self, words: Sequence[str] = ()) -> Variant:
        """Return the variant that the words choose; what they leave open takes its default.

        Raises UnknownName for a word that is no value of any setting.
        """
        owner = {value: s.name for s in self.settings for value in s.values}
        chosen = {s.name: s.values[0] for s in self.settings}
        for word in words:
            if word not in owner and not (word == "default" and not self.settings):
                raise UnknownName(
                    f"setting of {self.name}", word, owner, f"podium benchmarks {self.name}"
                )
            if word in owner:
                chosen[owner[word]] = word
        return Variant(chosen)

    def variants(self) -> list[Variant]:
        """Return every combination of the settings' values, the default first."""
        names = [s.name for s in self.settings]
        rows = itertools.product(*(s.values for s in self.settings))
        return [Variant(dict(zip(names, row, strict=True))) for row in rows]

    def task_for(self, variant: Variant) -> Task:
        """Return what a variant asks and how it is judged."""
        if self.dataset is not None:
            return Task(dataset=self.dataset, metrics=self.metrics, prompt=self.prompt)
        return self._configured(variant)

    @property
    def _configured(self) -> Callable[[Variant], Task]:
        if self.task is None:
            raise ValueError(f"benchmark '{self.name}' has no task")
        return self.task
