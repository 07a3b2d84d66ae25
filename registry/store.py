"""The registry's database: the only module that opens a session.

The driver is the only writer of a run. Predictions are appended in small transactions, before they
are scored; a run is finished in one. A run that is not finished never ranks.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import Engine, Select, bindparam, case, func, literal, text
from sqlalchemy import select as select_columns
from sqlmodel import Session, SQLModel, col, delete, insert, select

from registry.benchmark import (
    ANSWER,
    REPEAT,
    Benchmark,
    Metric,
    Outcome,
    Prediction,
    SampleScore,
    Score,
)
from registry.database import HEAD, connect, explained, where
from registry.engines import Identity
from registry.errors import StoreError, UnknownName
from registry.tables import (
    AliasRow,
    BenchmarkRow,
    GroupRow,
    Kind,
    ModelRow,
    PredictionRow,
    RunRow,
    SampleScoreRow,
    Scope,
    ScoreRow,
    now,
)

ROWS_AT_ONCE = 10_000

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What models write that no database takes for text: NUL on a server, half a character anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a run is going to be: all of a run's row that is known before the first answer."""

    benchmark: Benchmark
    variant: str
    identity: Identity
    model_spec: str
    scope: Scope = Scope.FULL
    scope_reason: str = ""
    plugin: str = ""
    plugin_version: str = ""
    podium_version: str = ""
    dataset: str = ""
    dataset_revision: str = ""
    items_hash: str = ""
    n_samples: int = 0
    excluded: dict[str, int]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """One score on its way to the store, with the metric that made it."""

    score: Score
    metric: Metric
    baseline: str = ""
    headline: bool = False


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with the names of its benchmark and model, how far it is, and its headline score."""

    run: RunRow
    benchmark: str
    model: str
    outcomes: dict[str, int]
    metric: str = ""
    score: float | None = None

    @property
    def key(self) -> int:
        """The run's id."""
        return _key(self.run.id)

    @property
    def complete(self) -> bool:
        """Whether every sample has come back, be it with a failure."""
        return sum(self.outcomes.values()) == self.run.n_samples

    @property
    def status(self) -> str:
        """`finished`, or `unfinished` while anything is missing or failed."""
        return "finished" if self.run.finished_at else "unfinished"


class Portion(NamedTuple):
    """What one replica has given back of one stage of a run with one outcome, summed.

    `last` is the second on the replica's clock at which the last of it came, 0 where unknown.
    """

    stage: str
    replica: str
    outcome: str
    n: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    last: float


class Snapshot(NamedTuple):
    """How far a run is at one moment: what has come back, by stage, replica and outcome."""

    run_id: int
    benchmark: str
    model: str
    variant: str
    scope: str
    n_samples: int
    started_at: datetime
    finished_at: datetime | None
    portions: Sequence[Portion] = ()


class BoardRow(NamedTuple):
    """One number, measured or reported, with what decides on which leaderboard it stands.

    A reported one has no run (`run_id` 0), and says by `source` and `valid_from` whose it is and
    since when; `group` is the comparable group of its variant, "" where that is in none. A tuple,
    since 10,000 of them are made ten times as fast as of a dataclass.
    """

    run_id: int
    benchmark: str
    benchmark_version: str
    variant: str
    scope: str
    items_hash: str
    finished_at: datetime | None
    failures_accepted: bool
    model: str
    title: str
    metric: str
    baseline: str
    headline: bool
    higher_is_better: bool
    value: float
    n: int | None
    stderr: float | None
    low: float | None
    high: float | None
    organization: str = ""
    group: str = ""
    in_default: bool = False
    kind: Kind = Kind.MEASURED
    source: str = ""
    source_title: str = ""
    url: str = ""
    publisher: str = ""
    valid_from: date | None = None
    date_basis: str = ""
    raw_setting: str = ""
    report_note: str = ""
    disputed: bool = False
    dispute: str = ""
    recorded_at: datetime | None = None
    superseded_at: datetime | None = None


Groups = Mapping[tuple[str, str], tuple[str, bool]]
"""The comparable group by benchmark and variant, and whether a default board ranks it."""


class SampleValue(NamedTuple):
    """What one metric says of one sample, as comparisons need it."""

    value: float
    cluster: str
    answer: str
    target: str


_OF_RUN = (
    "benchmark_version",
    "variant",
    "scope",
    "items_hash",
    "finished_at",
    "failures_accepted",
)
_OF_SNAPSHOT = ("variant", "scope", "n_samples", "started_at", "finished_at")
_OF_SCORE = (
    "run_id",
    "metric",
    "baseline",
    "headline",
    "higher_is_better",
    "value",
    "n",
    "stderr",
    "low",
    "high",
)


LOCK = "UPDATE alembic_version SET version_num = version_num RETURNING version_num"

KEY = ("run_id", "stage", "sample_id")
RETRIED = delete(PredictionRow).where(
    *(col(getattr(PredictionRow, name)) == bindparam(f"the_{name}") for name in KEY),
    col(PredictionRow.outcome) == Outcome.FAILED,
)
"""The failure that an answer, or another failure, takes the place of."""


class Store:
    """A registry, opened; create it with `open_store`."""

    def __init__(self, engine: Engine, *, is_new: bool = False) -> None:
        """Use an engine whose database is at the newest version; `is_new` where just made."""
        self._engine = engine
        self.is_new = is_new

    def close(self) -> None:
        """Close the connections to the database; the end of the process does so too."""
        self._engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session for reading; an error of the database becomes a StoreError."""
        with explained(self._engine), Session(self._engine) as session:
            yield session

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with self.session() as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that reads before it writes; no other writer comes between."""
        with self._transaction() as session:
            # Takes the write lock of SQLite, and on a server the lock of this one row.
            version = session.execute(text(LOCK)).scalar_one()
            if version != HEAD:
                raise StoreError(
                    f"a newer Podium brought {where(self._engine)} to version {version} while this "
                    f"one ({HEAD}) had it open. Upgrade with: pip install --upgrade podium"
                )
            yield session

    def begin(self, plan: RunPlan) -> int:
        """Insert a run that has no answers yet, and return its id."""
        with self.writing() as session:
            run = RunRow(
                benchmark_id=_benchmark_id(session, plan.benchmark),
                model_id=_model_id(session, plan.identity.model),
                excluded=dict(plan.excluded),
                identity=dict(plan.identity.settings),
                options=dict(plan.options),
                **_texts(plan),
            )
            session.add(run)
            session.flush()
            return _key(run.id)

    def newest_like(self, plan: RunPlan, apart_from: Collection[str] = ()) -> RunView | None:
        """Return the newest run that was begun by an equal plan, or None.

        Options that are named in `apart_from` may differ.
        """
        query = (
            select(RunRow)
            .join(BenchmarkRow, col(RunRow.benchmark_id) == col(BenchmarkRow.id))
            .where(BenchmarkRow.name == plan.benchmark.name)
            .where(*(getattr(RunRow, name) == value for name, value in _texts(plan).items()))
            .order_by(col(RunRow.id).desc())
        )
        settings = _as_stored(plan.identity.settings)
        options = _without(_as_stored(plan.options), apart_from)
        with self.session() as session:
            for run in session.exec(query):
                if run.identity == settings and _without(run.options, apart_from) == options:
                    key = _key(run.id)
                    break
            else:
                return None
        return self.run(key)

    def derive(
        self,
        run_id: int,
        *,
        variant: str,
        items_hash: str,
        benchmark_version: str,
        options: dict[str, Any],
    ) -> int:
        """Insert another scoring of a run: its row with what differs, and its responses."""
        differs = {
            "variant": variant,
            "items_hash": items_hash,
            "benchmark_version": benchmark_version,
            "options": options,
        }
        with self._transaction() as session:
            values = session.get_one(RunRow, run_id).model_dump(exclude={"id", "finished_at"})
            derived = RunRow(**values | differs)
            session.add(derived)
            session.flush()
            columns = [c.name for c in PredictionRow.__table__.columns]  # type: ignore[attr-defined]
            kept = [getattr(PredictionRow, name) for name in columns if name != "run_id"]
            responses = select(literal(_key(derived.id)), *kept).where(
                PredictionRow.run_id == run_id, col(PredictionRow.stage).in_((ANSWER, REPEAT))
            )
            names = ["run_id", *(name for name in columns if name != "run_id")]
            session.execute(insert(PredictionRow).from_select(names, responses))
            return _key(derived.id)

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Store predictions in one transaction; a retried sample's answer replaces its failure."""
        if not predictions:
            return
        rows = [_prediction_row(p) for p in predictions]
        with self._transaction() as session:
            _lock_runs(session, {p.run_id for p in predictions})
            session.connection().execute(RETRIED, [{f"the_{n}": r[n] for n in KEY} for r in rows])
            session.execute(_insert_new(session).on_conflict_do_nothing(), rows)

    def answered(self, run_id: int, stage: str = ANSWER) -> set[str]:
        """Return the ids of the run's samples that have a response (a failure is none)."""
        query = select(PredictionRow.sample_id).where(
            PredictionRow.run_id == run_id,
            PredictionRow.stage == stage,
            PredictionRow.outcome != Outcome.FAILED,
        )
        with self.session() as session:
            return set(session.exec(query))

    def predictions(self, run_id: int, stage: str = ANSWER) -> Iterator[Prediction]:
        """Yield what came back for a run, by sample id; no more than a thousand are in memory.

        Plain rows: a run may have a million, and the ORM's take five times as long.
        """
        row, names = _columns(PredictionRow), [*PredictionRow.model_fields]
        query: Select[Any] = select_columns(*(row[name] for name in names)).where(
            row.run_id == run_id, row.stage == stage
        )
        with self.session() as session:
            ordered = query.order_by(plainly(session, PredictionRow.sample_id))
            for values in session.execute(ordered.execution_options(yield_per=1000)):
                found = dict(zip(names, values, strict=True))
                yield Prediction(**found | {"outcome": Outcome(found["outcome"])})

    def finish(
        self,
        run_id: int,
        sample_scores: Iterable[SampleScore],
        measured: Sequence[Measured],
        *,
        failures_accepted: bool = False,
    ) -> None:
        """Write a run's scores and mark it finished, in one transaction; earlier scores go."""
        with self._transaction() as session:
            _lock_runs(session, {run_id})
            run = session.get_one(RunRow, run_id)
            for table in (SampleScoreRow, ScoreRow):
                session.execute(delete(table).where(col(table.run_id) == run_id))
            details = (_sample_score_row(run_id, score) for score in sample_scores)
            while rows := list(islice(details, ROWS_AT_ONCE)):
                session.execute(insert(SampleScoreRow), rows)
            session.execute(insert(ScoreRow), [_score_row(run, each) for each in measured])
            run.finished_at = now()
            run.failures_accepted = failures_accepted

    def run(self, run_id: int) -> RunView:
        """Return one run. Raises UnknownName where there is none of that id."""
        found = self.runs(run_id=run_id)
        return found[0] if found else self._no_run(run_id)

    def _no_run(self, run_id: int) -> NoReturn:
        with self.session() as session:
            known = [str(key) for key in session.exec(select(RunRow.id))]
        raise UnknownName("run", str(run_id), known, "podium runs")

    def runs(self, *, run_id: int | None = None, benchmark: str = "") -> list[RunView]:
        """Return runs, newest first."""
        query = (
            select(RunRow, BenchmarkRow.name, ModelRow.name)
            .join(BenchmarkRow, col(RunRow.benchmark_id) == col(BenchmarkRow.id))
            .join(ModelRow, col(RunRow.model_id) == col(ModelRow.id))
            .order_by(col(RunRow.id).desc())
        )
        if run_id is not None:
            query = query.where(RunRow.id == run_id)
        if benchmark:
            query = query.where(BenchmarkRow.name == benchmark)
        with self.session() as session:
            rows = list(session.exec(query))
            keys = [_key(run.id) for run, _, _ in rows]
            outcomes = _outcomes(session, keys)
            headlines = _headlines(session, keys)
            session.expunge_all()
        return [
            RunView(run, benchmark, model, outcomes.get(key, {}), *headlines.get(key, ()))
            for key, (run, benchmark, model) in zip(keys, rows, strict=True)
        ]

    def scores(self, run_id: int) -> list[ScoreRow]:
        """Return a finished run's scores in the order they were written, the headline first."""
        query = select(ScoreRow).where(ScoreRow.run_id == run_id).order_by(col(ScoreRow.id))
        with self.session() as session:
            rows = list(session.exec(query))
            session.expunge_all()
        return rows

    def judged(self, run_id: int) -> dict[str, dict[str, int]]:
        """Return how many samples of a finished run each metric took for answered, truncated …."""
        row = SampleScoreRow
        query = (
            select(row.metric, row.outcome, func.count())
            .where(row.run_id == run_id)
            .group_by(row.metric, row.outcome)
        )
        counts: dict[str, dict[str, int]] = {}
        with self.session() as session:
            for metric, outcome, n in session.exec(query):
                counts.setdefault(metric, {})[outcome] = n
        return counts

    def board(self, benchmark: str) -> list[BoardRow]:
        """Return the whole-run numbers of a benchmark's finished runs, those of baselines too."""
        return self._board_rows(_columns(BenchmarkRow).name == benchmark)

    def headlines(
        self, *, model: str = "", run_ids: Sequence[int] = (), benchmark: str = ""
    ) -> list[BoardRow]:
        """Return the headline scores of finished runs: of a model, of some runs, of a benchmark."""
        score = _columns(ScoreRow)
        chosen = [score.headline, score.baseline == ""]
        if model:
            chosen.append(_columns(ModelRow).name == model)
        if run_ids:
            chosen.append(_columns(RunRow).id.in_(run_ids))
        if benchmark:
            chosen.append(_columns(BenchmarkRow).name == benchmark)
        return self._board_rows(*chosen)

    def _board_rows(self, *conditions: Any) -> list[BoardRow]:
        """Return the whole-run numbers of finished runs that fulfil the conditions.

        Only runs of all samples are of a comparable group: they stand beside published numbers. Of
        10,000 models the plain rows take half as long as the ORM's.
        """
        score, run = _columns(ScoreRow), _columns(RunRow)
        benchmark, model = _columns(BenchmarkRow), _columns(ModelRow)
        of_run = (score.benchmark_id == run.benchmark_id) & (score.run_id == run.id)
        columns: dict[str, Any] = {
            **{"benchmark": benchmark.name, "model": model.name, "title": model.title},
            "organization": func.coalesce(model.organization, ""),
            **{name: run[name] for name in _OF_RUN},
            **{name: score[name] for name in _OF_SCORE},
        }
        ordered = [columns[name].label(name) for name in BoardRow._fields[: len(columns)]]
        query: Select[Any] = (
            select_columns(*ordered)
            .join_from(_table(RunRow), _table(ScoreRow), of_run)
            .join(_table(BenchmarkRow), run.benchmark_id == benchmark.id)
            .join(_table(ModelRow), run.model_id == model.id)
            .where(*conditions, score.part == "", run.finished_at.is_not(None))
            .order_by(run.id, score.metric, score.baseline)
        )
        groups = self.groups()

        def board_row(row: Any) -> BoardRow:
            made = BoardRow(*row)
            known = groups.get((made.benchmark, made.variant)) if made.scope == Scope.FULL else None
            return made._replace(group=known[0], in_default=known[1]) if known else made

        with self.session() as session:
            return [board_row(row) for row in session.execute(query)]

    def groups(self) -> Groups:
        """Return the group of each variant of each benchmark."""
        columns: list[Any] = [
            *(col(BenchmarkRow.name), col(GroupRow.variant)),
            *(col(GroupRow.name), col(GroupRow.in_default)),
        ]
        query: Select[Any] = select_columns(*columns).join_from(GroupRow, BenchmarkRow)
        with self.session() as session:
            return {
                (b, variant): (name, default)
                for b, variant, name, default in session.execute(query)
            }

    def sample_values(self, run_id: int, metric: str) -> dict[str, SampleValue]:
        """Return what a metric says of each sample of a finished run; without a value it is absent.

        One range of the primary key, read as plain rows (the ORM's take three times as long), so
        that two runs of 12,032 samples take a tenth of a second however many are beside them.
        """
        row = _columns(SampleScoreRow)
        query: Select[Any] = select_columns(
            row.sample_id, row.value, row.cluster, row.answer, row.target
        ).where(row.run_id == run_id, row.metric == metric, row.value.is_not(None))
        with self.session() as session:
            rows = session.execute(query).all()
        return {sample: SampleValue(*rest) for sample, *rest in rows}

    def prompts(self, run_id: int) -> dict[str, str]:
        """Return the digest of each prompt as it was sent, by sample; unknown ones are absent."""
        row = PredictionRow
        columns: list[Any] = [col(row.sample_id), col(row.prompt_hash)]
        query: Select[Any] = select_columns(*columns).where(
            col(row.run_id) == run_id, col(row.stage) == ANSWER, col(row.prompt_hash) != ""
        )
        with self.session() as session:
            return {sample: digest for sample, digest in session.execute(query)}

    def benchmark_names(self) -> list[str]:
        """Return the names of all benchmarks that were run or reported."""
        with self.session() as session:
            query = select(BenchmarkRow.name).order_by(plainly(session, BenchmarkRow.name))
            return list(session.exec(query))

    def usage(self, run_id: int, stage: str = ANSWER) -> "Usage":
        """Return what a run's predictions cost, summed in the database."""
        row = PredictionRow
        totals = select(
            func.coalesce(func.sum(row.requests), 0),
            func.coalesce(func.sum(row.prompt_tokens), 0),
            func.coalesce(func.sum(row.cached_tokens), 0),
            func.coalesce(func.sum(row.output_tokens), 0),
        ).where(row.run_id == run_id, row.stage == stage)
        with self.session() as session:
            requests, prompt, cached, output = session.exec(totals).one()
            seconds = session.execute(_busy_seconds(run_id, stage)).scalar_one() or 0
        return Usage(requests, prompt, cached, output, round(seconds, 3))

    def snapshot(self, run_id: int) -> Snapshot:
        """Return how far one run is. Raises UnknownName where there is none of that id."""
        found = self._snapshots(_columns(RunRow).id == run_id)
        return found[0] if found else self._no_run(run_id)

    def unfinished(self, since: datetime) -> list[Snapshot]:
        """Return how far the runs are that are unfinished, or have finished after `since`."""
        finished_at = _columns(RunRow).finished_at
        return self._snapshots(finished_at.is_(None) | (finished_at > since))

    def _snapshots(self, condition: Any) -> list[Snapshot]:
        """Return how far runs are, by id.

        Their predictions are summed in one pass, which on SQLite takes about four seconds of a
        processor for a million: whoever looks again and again must rest in between.
        """
        run, benchmark, model = _columns(RunRow), _columns(BenchmarkRow), _columns(ModelRow)
        columns = (run.id, benchmark.name, model.name, *(run[name] for name in _OF_SNAPSHOT))
        query: Select[Any] = (
            select_columns(*columns)
            .join_from(_table(RunRow), _table(BenchmarkRow), run.benchmark_id == benchmark.id)
            .join(_table(ModelRow), run.model_id == model.id)
            .where(condition)
            .order_by(run.id)
        )
        with self.session() as session:
            found = session.execute(query).all()
            portions = _portions(session, [row[0] for row in found])
        return [
            Snapshot._make(
                (*facts, _in_utc(started), ended and _in_utc(ended), portions.get(facts[0], ()))
            )
            for *facts, started, ended in found
        ]

    def first_failure(self, run_id: int) -> str:
        """Return the reason of a run's first failed prediction by sample id, "" without any."""
        row = PredictionRow
        with self.session() as session:
            query = (
                select(row.reason)
                .where(row.run_id == run_id, row.outcome == Outcome.FAILED)
                .order_by(plainly(session, row.sample_id), row.stage)
            )
            return session.exec(query.limit(1)).first() or ""

    def later_stages(self, run_id: int) -> list[str]:
        """Return the names of what followed a run's first answers: reviews, answers repeated."""
        query = select(PredictionRow.stage).where(
            PredictionRow.run_id == run_id, PredictionRow.stage != ANSWER
        )
        with self.session() as session:
            return sorted(session.exec(query.distinct()))

    def models(self) -> list[ModelRow]:
        """Return all models by name."""
        with self.session() as session:
            rows = list(session.exec(select(ModelRow).order_by(plainly(session, ModelRow.name))))
            session.expunge_all()
        return rows


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests, tokens, and the seconds in which replicas had something to answer, summed."""

    requests: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    engine_seconds: float


def _table(row: type[SQLModel]) -> Any:
    """Return the table of a row, for queries that read plain rows and not the ORM's."""
    return row.__table__  # type: ignore[attr-defined]


def _columns(row: type[SQLModel]) -> Any:
    return _table(row).c


def _busy_seconds(run_id: int, stage: str) -> Select[Any]:
    """Select how long replicas had anything to answer, summed over them.

    Overlapping answers count once, and a pause not at all: be it between a run and its resumption,
    or one that a replica's clock shows only because it was set meanwhile.
    """
    row = PredictionRow
    ended = col(row.started) + col(row.seconds)
    earlier = func.max(ended).over(
        partition_by=col(row.replica), order_by=col(row.started), rows=(None, -1)
    )
    spans = (
        select_columns(col(row.started).label("began"), ended.label("ended"), earlier.label("busy"))
        .where(col(row.run_id) == run_id, col(row.stage) == stage, col(row.started) > 0)
        .subquery()
    )
    began, until, busy = spans.c.began, spans.c.ended, spans.c.busy
    new = case(
        (busy.is_(None) | (busy <= began), until - began), (busy < until, until - busy), else_=0.0
    )
    return select_columns(func.sum(new))


def _key(value: int | None) -> int:
    """Return the key of a row that is in the database."""
    if value is None:
        raise ValueError("the row has not been stored")
    return value


def _benchmark_id(session: Session, benchmark: Benchmark) -> int:
    row = session.exec(select(BenchmarkRow).where(BenchmarkRow.name == benchmark.name)).first()
    row = row or BenchmarkRow(name=benchmark.name)
    row.title, row.summary, row.version = benchmark.title, benchmark.summary, benchmark.version
    session.add(row)
    session.flush()
    _declare_groups(session, _key(row.id), benchmark)
    return _key(row.id)


def _declare_groups(session: Session, benchmark_id: int, benchmark: Benchmark) -> None:
    """Put the variants into the comparable groups that the benchmark declares now."""
    if not benchmark.groups:
        return
    default = benchmark.groups.get(benchmark.variant().name)
    for variant, name in benchmark.groups.items():
        session.merge(
            GroupRow(
                benchmark_id=benchmark_id, variant=variant, name=name, in_default=name == default
            )
        )


def _texts(plan: RunPlan) -> dict[str, Any]:
    """Return a plan's part of a run's row, all but what has a row or a structure of its own."""
    identity = plan.identity
    return {
        "variant": plan.variant,
        "scope": plan.scope,
        "scope_reason": plan.scope_reason,
        "benchmark_version": plan.benchmark.version,
        "plugin": plan.plugin,
        "plugin_version": plan.plugin_version,
        "podium_version": plan.podium_version,
        "dataset": plan.dataset,
        "dataset_revision": plan.dataset_revision,
        "items_hash": plan.items_hash,
        "n_samples": plan.n_samples,
        "model_spec": plan.model_spec,
        "model_revision": identity.revision,
        "engine": identity.engine,
        "engine_version": identity.engine_version,
        "dtype": identity.dtype,
        "template_hash": identity.template_hash,
    }


def _as_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a JSON column gives back of these values: tuples are lists, for example."""
    stored: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return stored


def _without(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _model_id(session: Session, name: str) -> int:
    """Return the key of the model of that name, or of the only one that a hub id may mean.

    The hub does not mind the case of an id; an id that may mean two models is a model of its own.
    """
    row = session.exec(select(ModelRow).where(ModelRow.name == name)).first()
    if row is None and "/" in name:
        lower = name.lower()
        is_alias = func.lower(col(AliasRow.alias)) == lower
        query = select(ModelRow).join(AliasRow, isouter=True).distinct()
        found = session.exec(query.where(is_alias | (func.lower(col(ModelRow.name)) == lower)))
        meant = list(found)
        row = meant[0] if len(meant) == 1 else None
    row = row or ModelRow(name=name)
    session.add(row)
    session.flush()
    return _key(row.id)


def plainly(session: Session, column: Any) -> Any:
    """Return what sorts texts by their code points, as SQLite does; a server would by its language.

    Tables are to read the same everywhere, and the order of answers reaches the resampling.
    """
    is_server = session.get_bind().dialect.name == "postgresql"
    return col(column).collate("C") if is_server else column


def _lock_runs(session: Session, run_ids: Iterable[int]) -> None:
    """Let one process at a time write to a run; SQLite has but one writer anyway."""
    query = select(RunRow.id).where(col(RunRow.id).in_(sorted(run_ids))).order_by(col(RunRow.id))
    session.execute(query.with_for_update(key_share=True))


def _insert_new(session: Session) -> Any:
    """Return an insert of predictions in the database's own dialect, which knows conflicts.

    A commit whose confirmation was lost is tried again, and must then find nothing to do.
    """
    # Inside: a dialect's drivers take longer to import than a board takes to query.
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(PredictionRow)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(PredictionRow)


def _prediction_row(prediction: Prediction) -> dict[str, Any]:
    row = _storable(prediction, without="review")
    return row | {"outcome": prediction.outcome.value, "logprobs": dict(prediction.logprobs)}


def _sample_score_row(run_id: int, score: SampleScore) -> dict[str, Any]:
    row = _storable(score, without="groups")
    return row | {"run_id": run_id, "outcome": score.outcome.value}


def _storable(record: Prediction | SampleScore, *, without: str) -> dict[str, Any]:
    """Return the record's fields; what no database takes for text becomes U+FFFD."""
    fields = {name: getattr(record, name) for name in record.__slots__ if name != without}
    return {
        name: UNSTORABLE.sub("\ufffd", value) if type(value) is str else value
        for name, value in fields.items()
    }


def _score_row(run: RunRow, measured: Measured) -> dict[str, Any]:
    score = measured.score
    return {name: getattr(score, name) for name in score.__slots__} | {
        "benchmark_id": run.benchmark_id,
        "model_id": run.model_id,
        "run_id": run.id,
        "variant": run.variant,
        "baseline": measured.baseline,
        "headline": measured.headline,
        "higher_is_better": measured.metric.higher_is_better,
    }


def _outcomes(session: Session, run_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    query = (
        select(PredictionRow.run_id, PredictionRow.outcome, func.count())
        .where(col(PredictionRow.run_id).in_(run_ids), PredictionRow.stage == ANSWER)
        .group_by(col(PredictionRow.run_id), col(PredictionRow.outcome))
    )
    counts: dict[int, dict[str, int]] = {}
    for run_id, outcome, n in session.exec(query):
        counts.setdefault(run_id, {})[outcome] = n
    return counts


def _portions(session: Session, run_ids: Sequence[int]) -> dict[int, list[Portion]]:
    row = _columns(PredictionRow)
    ended = case((row.started > 0, row.started + row.seconds), else_=0.0)
    tokens = [func.sum(row[f"{kind}_tokens"]) for kind in ("prompt", "cached", "output")]
    parts = (row.run_id, row.stage, row.replica, row.outcome)
    query: Select[Any] = (
        select_columns(*parts, func.count(), *tokens, func.max(ended))
        .where(row.run_id.in_(run_ids))
        .group_by(*parts)
        .order_by(*parts)
    )
    found: dict[int, list[Portion]] = {}
    for run_id, *portion in session.execute(query):
        found.setdefault(run_id, []).append(Portion(*portion))
    return found


def _in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; SQLite does not keep the zone, and a server has its own."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _headlines(session: Session, run_ids: Sequence[int]) -> dict[int, tuple[str, float]]:
    query = select(ScoreRow.run_id, ScoreRow.metric, ScoreRow.value).where(
        col(ScoreRow.run_id).in_(run_ids),
        ScoreRow.headline,
        ScoreRow.part == "",
        ScoreRow.baseline == "",
    )
    return {_key(run_id): (metric, value) for run_id, metric, value in session.exec(query)}


def open_store(url: str = "") -> Store:
    """Open the registry at the URL, made or brought to the newest version where needed.

    Raises StoreError where it is no registry, of a newer version, or cannot be reached.
    """
    engine, is_new = connect(url)
    return Store(engine, is_new=is_new)
