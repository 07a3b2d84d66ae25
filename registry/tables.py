"""The rows of the registry. Not called models: here a model is something that answers questions.

`table=True` classes do not validate their input; values are checked before they become rows.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint, text
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

from registry.benchmark import ANSWER


def now() -> datetime:
    """Return the present second in UTC."""
    return datetime.now(UTC).replace(microsecond=0)


class Moment(UTCDateTime):
    """A time in UTC that is read from SQLite in one step, since boards read ten thousand.

    Its text is always UTC without saying so; SQLModel's own steps take a fifth of a board's query.
    """

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return what makes a time of what the database gives."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return lambda written: written and datetime.fromisoformat(f"{written}+00:00")


class Scope(StrEnum):
    """How much of a benchmark a run asked; each kind has boards of its own."""

    FULL = "full"
    PARTIAL = "partial"
    SAMPLE = "sample"


class Kind(StrEnum):
    """Who stands behind a number, the one to believe first; a board shows one a model."""

    MEASURED = "measured"
    INDEPENDENT = "independent"
    SELF_REPORTED = "self-reported"


class BenchmarkRow(SQLModel, table=True):
    """A benchmark that was run or reported, as its plugin described it then."""

    __tablename__ = "benchmark"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    title: str = ""
    summary: str = ""
    version: str = ""
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


class GroupRow(SQLModel, table=True):
    """Which comparable group a variant belongs to, and whether the default board ranks the group.

    A variant that is in no group is a group of its own.
    """

    __tablename__ = "comparable_group"

    benchmark_id: int = Field(foreign_key="benchmark.id", primary_key=True)
    variant: str = Field(primary_key=True)
    name: str
    in_default: bool = True


class ModelRow(SQLModel, table=True):
    """A model under the name it is ranked by; what is unknown is NULL, neither true nor false."""

    __tablename__ = "model"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
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


class AliasRow(SQLModel, table=True):
    """Another name of a model: a hub id, a provider's id, a leaderboard's spelling.

    One name may stand for several models; it then resolves to none.
    """

    __tablename__ = "model_alias"

    alias: str = Field(primary_key=True)
    model_id: int = Field(foreign_key="model.id", primary_key=True)
    kind: str = ""


class SourceRow(SQLModel, table=True):
    """Where a reported score was published."""

    __tablename__ = "source"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    title: str = ""
    url: str = ""
    publisher: str = ""
    note: str = ""


class RunRow(SQLModel, table=True):
    """One model on one variant of one benchmark, with everything needed to repeat it.

    `finished_at` is set in the transaction that writes the scores; until then the run never ranks.
    `items_hash` digests what was asked; `identity` holds the settings of engine and sampling.
    """

    __tablename__ = "run"
    __table_args__ = (
        # All that a board reads, so that its ten thousand runs are one range of this index.
        Index(
            "run_board",
            *("benchmark_id", "id", "model_id", "benchmark_version", "variant", "scope"),
            *("items_hash", "finished_at", "failures_accepted"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    benchmark_id: int | None = Field(default=None, foreign_key="benchmark.id", nullable=False)
    model_id: int | None = Field(default=None, foreign_key="model.id", nullable=False, index=True)
    variant: str
    scope: str = Scope.FULL
    scope_reason: str = ""
    benchmark_version: str = ""
    plugin: str = ""
    plugin_version: str = ""
    podium_version: str = ""
    dataset: str = ""
    dataset_revision: str = ""
    items_hash: str = ""
    n_samples: int = 0
    excluded: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    model_spec: str = ""
    model_revision: str = ""
    engine: str = ""
    engine_version: str = ""
    dtype: str = ""
    template_hash: str = ""
    identity: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    started_at: datetime = Field(default_factory=now)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
    failures_accepted: bool = False


class PredictionRow(SQLModel, table=True):
    """What came back for one sample of a run; stored before it is scored, never rewritten."""

    __tablename__ = "prediction"

    run_id: int = Field(foreign_key="run.id", primary_key=True)
    sample_id: str = Field(primary_key=True)
    stage: str = Field(default=ANSWER, primary_key=True)
    outcome: str
    text: str = ""
    logprobs: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
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


class SampleScoreRow(SQLModel, table=True):
    """One metric on one sample of a run."""

    __tablename__ = "sample_score"

    run_id: int = Field(foreign_key="run.id", primary_key=True)
    metric: str = Field(primary_key=True)
    sample_id: str = Field(primary_key=True)
    value: float | None = None
    answer: str = ""
    target: str = ""
    outcome: str = ""
    probability: float | None = None
    tied: bool = False
    cluster: str = ""


class ScoreRow(SQLModel, table=True):
    """One measured number: of a run, by its model or by a trivial baseline."""

    __tablename__ = "score"
    __table_args__ = (
        UniqueConstraint("run_id", "metric", "part", "baseline"),
        # As run_board: a board's scores beside each other, in the order in which it reads them.
        Index(
            "score_board",
            *("benchmark_id", "run_id", "part", "metric", "baseline", "headline"),
            *("higher_is_better", "value", "n", "stderr", "low", "high"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    benchmark_id: int | None = Field(default=None, foreign_key="benchmark.id", nullable=False)
    model_id: int | None = Field(default=None, foreign_key="model.id", nullable=False, index=True)
    run_id: int | None = Field(default=None, foreign_key="run.id")
    variant: str
    metric: str
    part: str = ""
    baseline: str = ""
    headline: bool = False
    higher_is_better: bool = True
    value: float
    n: int | None = None
    stderr: float | None = None
    low: float | None = None
    high: float | None = None


_CURRENT = text("superseded_at IS NULL")


class ReportedScoreRow(SQLModel, table=True):
    """One published number of a model, as its source had it.

    Bitemporal: `valid_from` says since when it is public (by `date_basis`), `recorded_at` and
    `superseded_at` when this registry held it for the current one. A correction adds a row and
    never changes a number; at most one row of a source, model, variant and metric is current.
    """

    __tablename__ = "reported_score"
    __table_args__ = (
        Index(
            "reported_score_current",
            *("benchmark_id", "model_id", "source_id", "variant", "metric"),
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    benchmark_id: int | None = Field(
        default=None, foreign_key="benchmark.id", nullable=False, index=True
    )
    model_id: int | None = Field(default=None, foreign_key="model.id", nullable=False, index=True)
    source_id: int | None = Field(default=None, foreign_key="source.id", nullable=False)
    variant: str
    metric: str
    value: float
    higher_is_better: bool = True
    self_reported: bool
    valid_from: date | None = None
    date_basis: str = ""
    raw_setting: str = ""
    n: int | None = None
    stderr: float | None = None
    note: str = ""
    disputed: bool = False
    dispute: str = ""
    recorded_at: datetime = Field(default_factory=now)
    superseded_at: datetime | None = None


class ReportedBaselineRow(SQLModel, table=True):
    """What a source says that guessing, or a human, gets; bitemporal like a reported score."""

    __tablename__ = "reported_baseline"
    __table_args__ = (
        Index(
            "reported_baseline_current",
            *("benchmark_id", "source_id", "variant", "metric", "name"),
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    benchmark_id: int | None = Field(default=None, foreign_key="benchmark.id", nullable=False)
    source_id: int | None = Field(default=None, foreign_key="source.id", nullable=False)
    variant: str
    metric: str
    name: str
    value: float
    recorded_at: datetime = Field(default_factory=now)
    superseded_at: datetime | None = None
