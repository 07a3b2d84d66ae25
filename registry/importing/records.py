"""What every importer yields: facts as published, checked and frozen; nothing here knows a format.

A format turns a path into one `Batch` of these; `storing.store_batch` puts a batch into a registry.
Names tie them together: a score names its model by id or by any alias. None is "not known".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What all records share: where it was read ("scores.csv:12"), which is no part of the fact."""

    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts(Fact):
    """Where numbers were published, and how they came here (`note`)."""

    name: str
    title: str = ""
    url: str = ""
    publisher: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts(Fact):
    """What is known of a model; parameters in billions, prices in USD per million tokens."""

    name: str
    title: str = ""
    organization: str | None = None
    parameters_b: float | None = None
    active_parameters_b: float | None = None
    context_tokens: int | None = None
    license: str | None = None
    open_weights: bool | None = None
    modalities: str | None = None
    release_date: date | None = None
    price_input: float | None = None
    price_output: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFacts(Fact):
    """What is known of a benchmark; `metric` is the one that its boards rank by."""

    name: str
    title: str = ""
    summary: str = ""
    metric: str = ""
    higher_is_better: bool | None = None
    max_score: float | None = None
    categories: str | None = None
    modalities: str | None = None
    languages: str | None = None
    paper: str | None = None
    homepage: str | None = None
    data: str | None = None
    license: str | None = None
    size: str | None = None
    release_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasFacts(Fact):
    """Another name of a model, and whose name it is (`kind`)."""

    alias: str
    model: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts(Fact):
    """Which comparable group a variant belongs to, and whether a default board may rank it."""

    benchmark: str
    variant: str
    group: str
    in_default: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedScore(Fact):
    """One published number, in the metric's own unit within `low` to `high`.

    `variant` is the setting in normalised words, `raw_setting` in those of the source; `valid_from`
    is the date it is from, and `date_basis` says what that date is the date of.
    """

    benchmark: str
    variant: str
    metric: str
    model: str
    source: str
    value: float
    self_reported: bool
    valid_from: date | None = None
    date_basis: str = ""
    higher_is_better: bool = True
    raw_setting: str = ""
    n: int | None = None
    stderr: float | None = None
    note: str = ""
    disputed: bool = False
    dispute: str = ""
    low: float = field(default=0.0, compare=False)
    high: float = field(default=1.0, compare=False)

    @property
    def fault(self) -> str:
        """Why the number cannot be stored, "" where it can."""
        if not (math.isfinite(self.value) and self.low <= self.value <= self.high):
            return f"the value {self.value:g} is not within {self.low:g} to {self.high:g}"
        if self.n is not None and self.n < 1:
            return f"a score of {self.n} items is none"
        if self.stderr is not None and not (0 <= self.stderr < math.inf):
            return f"the standard error {self.stderr:g} is not 0 or above"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedBaseline(Fact):
    """What a source says that a human, or guessing, gets."""

    benchmark: str
    variant: str
    metric: str
    name: str
    source: str
    value: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be taken: where it is, and why not."""

    where: str
    reason: str


Record: TypeAlias = (
    SourceFacts
    | ModelFacts
    | BenchmarkFacts
    | AliasFacts
    | GroupFacts
    | ReportedScore
    | ReportedBaseline
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that one path holds: records of any kind, in any order, and what was refused."""

    records: Sequence[Record]
    refused: Sequence[Refusal] = ()
