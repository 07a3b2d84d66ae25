"""What a registry knows, as the same records that imports are made of; measured scores too.

A run becomes a source of its own ("run-3f9a…"), so that elsewhere its numbers are published ones.
Partial runs and runs on the built-in sample say so in their variant: they never mix with others.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, col, select

from registry.errors import UnknownName
from registry.filters import current
from registry.importing.records import (
    AliasFacts,
    BenchmarkFacts,
    Fact,
    GroupFacts,
    ModelFacts,
    Record,
    ReportedBaseline,
    ReportedScore,
    SourceFacts,
)
from registry.reported import board_rows
from registry.store import BoardRow, Store
from registry.tables import (
    AliasRow,
    BenchmarkRow,
    GroupRow,
    Kind,
    ModelRow,
    ReportedBaselineRow,
    RunRow,
    Scope,
    SourceRow,
)

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of one sample of a run; only of benchmarks whose terms let it be told."""

    id: str
    outcome: str
    response: str
    prompt_hash: str
    answer: str
    target: str
    value: float | None
    prompt_tokens: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One number with what the importable record of it does not hold."""

    score: ReportedScore
    kind: Kind
    headline: bool = False
    run: RunRow | None = None
    interval: tuple[float, float] | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that an export may write; names tie it together."""

    podium_version: str
    entries: Sequence[Entry]
    sources: Mapping[str, SourceFacts]
    models: Mapping[str, ModelFacts]
    benchmarks: Mapping[str, BenchmarkFacts]
    aliases: Sequence[AliasFacts] = ()
    groups: Sequence[GroupFacts] = ()
    baselines: Sequence[ReportedBaseline] = ()
    datasets: Mapping[str, str] = field(default_factory=dict)
    samples: Mapping[int, Sequence[Sample]] = field(default_factory=dict)

    @property
    def records(self) -> list[Record]:
        """Return the records as an import yields them."""
        return [
            *self.sources.values(),
            *self.models.values(),
            *self.benchmarks.values(),
            *self.aliases,
            *self.groups,
            *(entry.score for entry in self.entries),
            *self.baselines,
        ]


def take(
    store: Store,
    *,
    podium_version: str,
    benchmark: str = "",
    run_id: int | None = None,
    datasets: Mapping[str, str] | None = None,
    samples_of: Iterable[str] = (),
) -> Snapshot:
    """Return the current numbers: of the registry, of one benchmark, or of one run.

    `datasets` names the hub's repository of a benchmark where there is one; of the benchmarks in
    `samples_of` the samples of runs are taken as well. Raises UnknownName for what is not there.
    """
    names = store.benchmark_names()
    if benchmark and benchmark not in names:
        raise UnknownName("benchmark", benchmark, names, "podium benchmarks")
    wanted = [benchmark] if benchmark else names
    if run_id is not None:
        wanted = [store.run(run_id).benchmark]
    rows = [row for name in wanted for row in current(board_rows(store, name)) if not row.baseline]
    rows = [row for row in rows if run_id is None or row.run_id == run_id]
    with store.session() as session:
        runs = _runs(session, rows)
        entries = [_entry(row, runs.get(row.run_id)) for row in rows]
        facts = _facts(session)
    whole = Snapshot(
        podium_version=podium_version,
        entries=entries,
        **facts | {"sources": facts["sources"] | _run_sources(entries, runs)},
        datasets=datasets or {},
        samples={
            _key(entry.run): _samples(store, entry)
            for entry in entries
            if entry.run and entry.headline and entry.score.benchmark in set(samples_of)
        },
    )
    return whole if not (benchmark or run_id is not None) else _narrowed(whole, run_id)


def _runs(session: Session, rows: Iterable[BoardRow]) -> dict[int, RunRow]:
    ids = {row.run_id for row in rows if row.run_id}
    found = list(session.exec(select(RunRow)))
    session.expunge_all()
    return {_key(run): run for run in found if run.id in ids}


def _key(run: RunRow) -> int:
    return run.id or 0


def _entry(row: BoardRow, run: RunRow | None) -> Entry:
    """Return a number as others would import it."""
    score = ReportedScore(
        benchmark=row.benchmark,
        variant=row.variant if run is None else _variant(run),
        metric=row.metric,
        model=row.model,
        source=row.source if run is None else source_of(run, row),
        value=row.value,
        self_reported=row.kind is Kind.SELF_REPORTED,
        valid_from=row.valid_from if run is None else _day(run),
        date_basis=row.date_basis if run is None else "day the run was finished",
        higher_is_better=row.higher_is_better,
        raw_setting=row.raw_setting if run is None else _setting(run),
        n=row.n,
        stderr=row.stderr,
        note=row.report_note,
        disputed=row.disputed,
        dispute=row.dispute,
        low=min(0.0, row.value),
        high=max(1.0, row.value),
    )
    interval = (row.low, row.high)
    return Entry(
        score=score,
        kind=row.kind,
        headline=row.headline,
        run=run,
        interval=interval if None not in interval else None,  # type: ignore[arg-type]
        recorded_at=row.recorded_at or row.finished_at,
    )


def _variant(run: RunRow) -> str:
    """Return the variant; what was not asked whole is never comparable with what was."""
    if run.scope == Scope.FULL:
        return run.variant
    return f"{run.variant} [{run.scope} {run.items_hash[:8]}]".replace(" ]", "]")


def _day(run: RunRow) -> Any:
    return run.finished_at.date() if run.finished_at else None


def source_of(run: RunRow, row: BoardRow) -> str:
    """Return the name under which others know a run; the same in every export."""
    said = (row.benchmark, row.model, run.id, run.variant, run.items_hash, run.started_at)
    return f"run-{hashlib.sha256(repr(said).encode()).hexdigest()[:12]}"


def _setting(run: RunRow) -> str:
    parts = {
        "version": run.benchmark_version,
        "dataset": f"{run.dataset} {run.dataset_revision}".strip(),
        "items": run.items_hash,
        "model revision": run.model_revision,
        "engine": f"{run.engine} {run.engine_version} {run.dtype}".strip(),
        "template": run.template_hash,
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items() if value)


def _run_sources(entries: Iterable[Entry], runs: Mapping[int, RunRow]) -> dict[str, SourceFacts]:
    found: dict[str, SourceFacts] = {}
    for entry in entries:
        if entry.run is not None:
            run, score = entry.run, entry.score
            found[score.source] = SourceFacts(
                name=score.source,
                title=f"{score.model} on {score.benchmark} ({score.variant}), a run with Podium",
                note=f"Podium {run.podium_version}, {run.plugin} {run.plugin_version}".strip(),
            )
    return found


def _facts(session: Session) -> dict[str, Any]:
    """Return all facts, each kind by the names or in the order of the registry."""
    models = {row.id: row for row in session.exec(select(ModelRow).order_by(ModelRow.name))}
    benchmarks = {
        row.id: row for row in session.exec(select(BenchmarkRow).order_by(BenchmarkRow.name))
    }
    sources = {row.id: row for row in session.exec(select(SourceRow).order_by(SourceRow.name))}
    return {
        "models": {row.name: _as(ModelFacts, row) for row in models.values()},
        "benchmarks": {row.name: _as(BenchmarkFacts, row) for row in benchmarks.values()},
        "sources": {row.name: _as(SourceFacts, row) for row in sources.values()},
        "aliases": sorted(
            (
                AliasFacts(alias=row.alias, model=models[row.model_id].name, kind=row.kind)
                for row in session.exec(select(AliasRow))
            ),
            key=lambda fact: (fact.alias, fact.model),
        ),
        "groups": sorted(
            (
                GroupFacts(
                    benchmark=benchmarks[row.benchmark_id].name,
                    variant=row.variant,
                    group=row.name,
                    in_default=row.in_default,
                )
                for row in session.exec(select(GroupRow))
            ),
            key=lambda fact: (fact.benchmark, fact.variant),
        ),
        "baselines": [
            ReportedBaseline(
                benchmark=benchmarks[row.benchmark_id].name,
                variant=row.variant,
                metric=row.metric,
                name=row.name,
                source=sources[row.source_id].name,
                value=row.value,
            )
            for row in session.exec(
                select(ReportedBaselineRow)
                .where(col(ReportedBaselineRow.superseded_at).is_(None))
                .order_by(col(ReportedBaselineRow.id))
            )
        ],
    }


def _as(kind: type[F], row: SQLModel) -> F:
    """Return the record of a row that has its fields."""
    return kind(**{f.name: getattr(row, f.name) for f in fields(kind) if f.compare})


def _narrowed(whole: Snapshot, run_id: int | None) -> Snapshot:
    """Return what the entries name and nothing else."""
    scores = [entry.score for entry in whole.entries]
    benchmarks = {score.benchmark for score in scores}
    baselines = [b for b in whole.baselines if b.benchmark in benchmarks and run_id is None]
    models = {score.model for score in scores}
    sources = {score.source for score in scores} | {b.source for b in baselines}
    variants = {(score.benchmark, score.variant) for score in scores}
    return Snapshot(
        podium_version=whole.podium_version,
        entries=whole.entries,
        sources={name: fact for name, fact in whole.sources.items() if name in sources},
        models={name: fact for name, fact in whole.models.items() if name in models},
        benchmarks={n: fact for n, fact in whole.benchmarks.items() if n in benchmarks},
        aliases=[fact for fact in whole.aliases if fact.model in models],
        groups=[fact for fact in whole.groups if (fact.benchmark, fact.variant) in variants],
        baselines=baselines,
        datasets=whole.datasets,
        samples=whole.samples,
    )


def _samples(store: Store, entry: Entry) -> list[Sample]:
    """Return what came of each sample of a run, by the headline metric."""
    run_id = _key(entry.run) if entry.run else 0
    judged = store.sample_values(run_id, entry.score.metric)
    found = []
    for p in store.predictions(run_id):
        verdict = judged.get(p.sample_id)
        found.append(
            Sample(
                id=p.sample_id,
                outcome=p.outcome.value,
                response=p.text,
                prompt_hash=p.prompt_hash,
                answer=verdict.answer if verdict else "",
                target=verdict.target if verdict else "",
                value=verdict.value if verdict else None,
                prompt_tokens=p.prompt_tokens,
                output_tokens=p.output_tokens,
                seconds=p.seconds,
            )
        )
    return found
