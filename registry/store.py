"""The registry's database: the only module that opens a session.

The driver is the only writer of a run. Predictions are appended in small transactions, before they
are scored; a run is finished in one. A run that is not finished never ranks.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Select,
    create_engine,
    event,
    func,
    inspect,
    literal,
    make_url,
    text,
)
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import Session, SQLModel, col, delete, insert, select

from registry.benchmark import ANSWER, Benchmark, Metric, Outcome, Prediction, SampleScore, Score
from registry.datasets import podium_home
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

HEAD = "0002"
"""The newest migration; a test holds it against the scripts, so that no query imports Alembic."""


def default_url() -> str:
    """Return the URL of the registry in the user's data folder."""
    return f"sqlite:///{podium_home() / 'registry.db'}"


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
    def complete(self) -> bool:
        """Whether every sample has come back, be it with a failure."""
        return sum(self.outcomes.values()) == self.run.n_samples

    @property
    def status(self) -> str:
        """`finished`, or `unfinished` while anything is missing or failed."""
        return "finished" if self.run.finished_at else "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """One number, measured or reported, with what decides on which leaderboard it stands.

    A reported one has no run (`run_id` 0), and says by `source` and `valid_from` whose it is and
    since when; `group` is the comparable group of its variant, "" where that is in none.
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
    kind: Kind = Kind.MEASURED
    organization: str = ""
    group: str = ""
    in_default: bool = False
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


class Store:
    """A registry, opened; create it with `open_store`."""

    def __init__(self, engine: Engine, *, is_new: bool = False) -> None:
        """Use an engine whose database is at the newest version; `is_new` where just made."""
        self._engine = engine
        self.is_new = is_new

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session for reading; an error of the database becomes a StoreError."""
        with _explained(self._engine), Session(self._engine) as session:
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
            session.execute(text("UPDATE alembic_version SET version_num = version_num"))
            yield session

    def begin(self, plan: RunPlan) -> int:
        """Insert a run that has no answers yet, and return its id."""
        identity = plan.identity
        with self._transaction() as session:
            run = RunRow(
                benchmark_id=_benchmark_id(session, plan.benchmark),
                model_id=_model_id(session, identity.model),
                variant=plan.variant,
                scope=plan.scope,
                scope_reason=plan.scope_reason,
                benchmark_version=plan.benchmark.version,
                plugin=plan.plugin,
                plugin_version=plan.plugin_version,
                podium_version=plan.podium_version,
                dataset=plan.dataset,
                dataset_revision=plan.dataset_revision,
                items_hash=plan.items_hash,
                n_samples=plan.n_samples,
                excluded=dict(plan.excluded),
                model_spec=plan.model_spec,
                model_revision=identity.revision,
                engine=identity.engine,
                engine_version=identity.engine_version,
                dtype=identity.dtype,
                template_hash=identity.template_hash,
                identity=dict(identity.settings),
                options=dict(plan.options),
            )
            session.add(run)
            session.flush()
            return _key(run.id)

    def derive(self, run_id: int, *, variant: str, options: dict[str, Any]) -> int:
        """Insert another scoring of a run: its row with another variant, and its responses."""
        with self._transaction() as session:
            values = session.get_one(RunRow, run_id).model_dump(exclude={"id", "finished_at"})
            derived = RunRow(**values | {"variant": variant, "options": options})
            session.add(derived)
            session.flush()
            columns = [c.name for c in PredictionRow.__table__.columns]  # type: ignore[attr-defined]
            kept = [getattr(PredictionRow, name) for name in columns if name != "run_id"]
            responses = select(literal(_key(derived.id)), *kept).where(
                PredictionRow.run_id == run_id, PredictionRow.stage == ANSWER
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
            for run_id, stage in {(p.run_id, p.stage) for p in predictions}:
                session.execute(
                    delete(PredictionRow).where(
                        col(PredictionRow.run_id) == run_id,
                        col(PredictionRow.stage) == stage,
                        col(PredictionRow.outcome) == Outcome.FAILED,
                        col(PredictionRow.sample_id).in_(
                            [p.sample_id for p in predictions if p.run_id == run_id]
                        ),
                    )
                )
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
        """Yield what came back for a run, by sample id."""
        query = select(PredictionRow).where(
            PredictionRow.run_id == run_id, PredictionRow.stage == stage
        )
        with self.session() as session:
            rows = session.exec(query.order_by(PredictionRow.sample_id))
            for row in rows.yield_per(1000):
                yield Prediction(**row.model_dump() | {"outcome": Outcome(row.outcome)})

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
            run = session.get_one(RunRow, run_id)
            for table in (SampleScoreRow, ScoreRow):
                session.execute(delete(table).where(col(table.run_id) == run_id))
            details = [_sample_score_row(run_id, score) for score in sample_scores]
            if details:
                session.execute(insert(SampleScoreRow), details)
            session.execute(insert(ScoreRow), [_score_row(run, each) for each in measured])
            run.finished_at = now()
            run.failures_accepted = failures_accepted

    def run(self, run_id: int) -> RunView:
        """Return one run. Raises UnknownName where there is none of that id."""
        found = self.runs(run_id=run_id)
        if not found:
            with self.session() as session:
                known = [str(key) for key in session.exec(select(RunRow.id))]
            raise UnknownName("run", str(run_id), known, "podium runs")
        return found[0]

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
        score, run, group = _columns(ScoreRow), _columns(RunRow), _columns(GroupRow)
        benchmark, model = _columns(BenchmarkRow), _columns(ModelRow)
        of_group = (group.benchmark_id == run.benchmark_id) & (group.variant == run.variant)
        columns: dict[str, Any] = {
            **{"benchmark": benchmark.name, "model": model.name, "title": model.title},
            "organization": func.coalesce(model.organization, ""),
            "group": func.coalesce(group.name, ""),
            "in_default": func.coalesce(group.in_default, False),
            **{name: run[name] for name in _OF_RUN},
            **{name: score[name] for name in _OF_SCORE},
        }
        query: Select[Any] = (
            select_columns(*columns.values())
            .join_from(ScoreRow, RunRow, score.run_id == run.id)
            .join(BenchmarkRow, run.benchmark_id == benchmark.id)
            .join(ModelRow, run.model_id == model.id)
            .outerjoin(GroupRow, of_group & (run.scope == Scope.FULL))
            .where(*conditions, score.part == "", run.finished_at.is_not(None))
            .order_by(score.id)
        )
        with self.session() as session:
            rows = session.execute(query)
            return [BoardRow(**dict(zip(columns, row, strict=True))) for row in rows]

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
            return {sample: SampleValue(*rest) for sample, *rest in session.execute(query)}

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
            return list(session.exec(select(BenchmarkRow.name).order_by(BenchmarkRow.name)))

    def usage(self, run_id: int, stage: str = ANSWER) -> "Usage":
        """Return what a run's predictions cost, summed in the database."""
        row = PredictionRow
        totals = select(
            func.coalesce(func.sum(row.requests), 0),
            func.coalesce(func.sum(row.prompt_tokens), 0),
            func.coalesce(func.sum(row.cached_tokens), 0),
            func.coalesce(func.sum(row.output_tokens), 0),
        ).where(row.run_id == run_id, row.stage == stage)
        spans = (
            select(func.min(row.started), func.max(row.started + row.seconds))
            .where(row.run_id == run_id, row.stage == stage, row.started > 0)
            .group_by(row.replica)
        )
        with self.session() as session:
            requests, prompt, cached, output = session.exec(totals).one()
            seconds = sum(last - first for first, last in session.exec(spans))
        return Usage(requests, prompt, cached, output, round(seconds, 3))

    def reviews(self, run_id: int) -> list[str]:
        """Return the names of the reviews that a run's responses went through."""
        query = select(PredictionRow.stage).where(
            PredictionRow.run_id == run_id, PredictionRow.stage != ANSWER
        )
        with self.session() as session:
            return list(session.exec(query.distinct().order_by(PredictionRow.stage)))

    def models(self) -> list[ModelRow]:
        """Return all models by name."""
        with self.session() as session:
            rows = list(session.exec(select(ModelRow).order_by(ModelRow.name)))
            session.expunge_all()
        return rows


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests, tokens, and the seconds between first request and last answer, over replicas."""

    requests: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    engine_seconds: float


def _columns(table: type[SQLModel]) -> Any:
    """Return a table's columns, for queries that read plain rows and not the ORM's."""
    return table.__table__.c  # type: ignore[attr-defined]


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


def _insert_new(session: Session) -> Any:
    """Return an insert of predictions in the database's own dialect, which knows conflicts.

    A commit whose confirmation was lost is tried again, and must then find nothing to do.
    """
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(PredictionRow)


def _prediction_row(prediction: Prediction) -> dict[str, Any]:
    row = {name: getattr(prediction, name) for name in prediction.__slots__ if name != "review"}
    return row | {"outcome": prediction.outcome.value, "logprobs": dict(prediction.logprobs)}


def _sample_score_row(run_id: int, score: SampleScore) -> dict[str, Any]:
    row = {name: getattr(score, name) for name in score.__slots__ if name != "groups"}
    return row | {"run_id": run_id, "outcome": score.outcome.value}


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


def _headlines(session: Session, run_ids: Sequence[int]) -> dict[int, tuple[str, float]]:
    query = select(ScoreRow.run_id, ScoreRow.metric, ScoreRow.value).where(
        col(ScoreRow.run_id).in_(run_ids),
        ScoreRow.headline,
        ScoreRow.part == "",
        ScoreRow.baseline == "",
    )
    return {_key(run_id): (metric, value) for run_id, metric, value in session.exec(query)}


def registry_exists(url: str = "") -> bool:
    """Whether there is a registry to open without making one; of a server, that it is named."""
    address = _address(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        return True
    return Path(address.database).exists()


def _address(url: str) -> URL:
    """Return where the registry is; a bare path means SQLite."""
    url = url or default_url()
    if "://" not in url:
        url = f"sqlite:///{url}"
    try:
        return make_url(url)
    except ArgumentError as error:
        raise StoreError(
            f"'{url}' is no database URL. Set PODIUM_REGISTRY to a file or to postgresql+psycopg://…"
        ) from error


def open_store(url: str = "") -> Store:
    """Open the registry at the URL, made or brought to the newest version where needed.

    Raises StoreError where it is no registry, of a newer version, or cannot be reached.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite" and address.database:
        _make_folder(Path(address.database).parent)
    engine = create_engine(address)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_settings)
    with _explained(engine):
        is_new = _bring_forward(engine)
    return Store(engine, is_new=is_new)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {folder} cannot be made: {error.strerror}. "
            f"Name another registry with: --registry FILE"
        ) from error


def _sqlite_settings(connection: Any, _record: Any) -> None:
    """Let readers go on while one writes, and wait for another writer instead of failing."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _bring_forward(engine: Engine) -> bool:
    """Bring the database to the newest version; return whether there was none before."""
    version = _version(engine)
    if version == HEAD:
        return False
    if version and version > HEAD:
        raise StoreError(
            f"the registry {_where(engine)} is of version {version}, newer than this Podium knows "
            f"({HEAD}). Upgrade with: pip install --upgrade podium"
        )
    if version:
        _back_up(engine, version)
    migrate(engine)
    return not version


def _version(engine: Engine) -> str:
    """Return the database's version, "" where it is empty; refuse one that is no registry."""
    names = inspect(engine).get_table_names()
    if "alembic_version" not in names:
        if names:
            raise StoreError(
                f"{_where(engine)} is a database, but no Podium registry (its tables: "
                f"{', '.join(sorted(names)[:5])}). Name another with: --registry FILE"
            )
        return ""
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def _back_up(engine: Engine, version: str) -> None:
    """Copy a registry file before a migration touches it; a server has its own backups."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    target = f"{engine.url.database}.{version}.bak"
    with engine.connect() as connection:
        connection.execute(text("VACUUM INTO :target"), {"target": target})


def migrate(engine: Engine) -> None:
    """Bring the database to the newest version."""
    # Inside: Alembic takes longer to import than a query takes to answer.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection, _whole_change(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _whole_change(connection: Connection) -> Iterator[None]:
    """Change the tables in one transaction, which SQLite's driver leaves to us.

    SQLite changes a table by making it anew, which foreign keys would forbid; they are held against
    the whole before it is committed. The lock makes a second process wait, and find nothing to do.
    """
    if connection.dialect.name != "sqlite":
        with connection.begin():
            yield
        return
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.commit()
    try:
        with connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise StoreError(
                    f"the registry {_where(connection.engine)} names rows that are not there: "
                    f"{broken[:3]}. It is unchanged; check it with: podium doctor"
                )
    finally:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.commit()


def _where(engine: Engine) -> str:
    return (
        engine.url.database or "in memory" if engine.dialect.name == "sqlite" else str(engine.url)
    )


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    """Turn the database's own errors into one that says what to do."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(_explanation(_where(engine), str(error.orig))) from error


def _explanation(where: str, problem: str) -> str:
    lowered = problem.lower()
    if "not a database" in lowered:
        return f"{where} is not a database. Name another registry with: --registry FILE"
    if "locked" in lowered:
        return (
            f"the registry {where} is locked by another process. Try again, or see: podium doctor"
        )
    if "readonly" in lowered or "unable to open" in lowered:
        return f"the registry {where} cannot be written: {problem}. Check it with: ls -l {where}"
    if "full" in lowered:
        return f"no space is left for the registry {where}. Free some, then: podium resume"
    return f"the registry {where} failed: {problem}. Check it with: podium doctor"
