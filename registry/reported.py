"""What boards are made of: measured and published numbers of a benchmark, and names of models.

Queries only; the sessions come from the store.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from registry.errors import AmbiguousName, UnknownName
from registry.leaderboard import Baseline
from registry.store import BoardRow, Groups, Store, plainly
from registry.tables import (
    AliasRow,
    BenchmarkRow,
    Kind,
    ModelRow,
    ReportedBaselineRow,
    ReportedScoreRow,
    Scope,
    SourceRow,
)

_OF_REPORT = (
    "variant",
    "metric",
    "value",
    "higher_is_better",
    "valid_from",
    "date_basis",
    "raw_setting",
    "n",
    "stderr",
    "disputed",
    "dispute",
    "recorded_at",
    "superseded_at",
)


@dataclass(frozen=True, slots=True)
class ReportedBaseline:
    """What a source says that a human, or guessing, gets, and of which comparable group."""

    group: str
    variant: str
    metric: str
    source: str
    baseline: Baseline


def board_rows(store: Store, benchmark: str = "", *, model: str = "") -> list[BoardRow]:
    """Return all numbers of a benchmark, or of a model: of finished runs, and as published.

    Published ones come with those that a correction superseded; `leaderboard.current` drops them.
    """
    measured = store.board(benchmark) if benchmark else store.headlines(model=model)
    return [*measured, *_reported(store, store.groups(), benchmark, model)]


def _reported(store: Store, groups: Groups, benchmark: str, model: str) -> list[BoardRow]:
    report = ReportedScoreRow
    columns: dict[str, Any] = {
        **{"benchmark": BenchmarkRow.name, "headline_metric": BenchmarkRow.metric},
        **{"model": ModelRow.name, "title": ModelRow.title, "organization": ModelRow.organization},
        **{"source": SourceRow.name, "source_title": SourceRow.title, "url": SourceRow.url},
        **{"publisher": SourceRow.publisher, "report_note": report.note},
        **{"self_reported": report.self_reported},
        **{name: getattr(report, name) for name in _OF_REPORT},
    }
    query: Select[Any] = (
        select_columns(*(column.label(name) for name, column in columns.items()))
        .join_from(report, BenchmarkRow, col(report.benchmark_id) == col(BenchmarkRow.id))
        .join(ModelRow, col(report.model_id) == col(ModelRow.id))
        .join(SourceRow, col(report.source_id) == col(SourceRow.id))
        .order_by(col(report.id))
    )
    if benchmark:
        query = query.where(col(BenchmarkRow.name) == benchmark)
    if model:
        query = query.where(col(ModelRow.name) == model)
    with store.session() as session:
        return [_board_row(dict(row), groups) for row in session.execute(query).mappings()]


def _board_row(row: dict[str, Any], groups: Groups) -> BoardRow:
    is_own = row.pop("self_reported")
    group, in_default = groups.get((row["benchmark"], row["variant"]), ("", False))
    row["organization"] = row["organization"] or ""
    row["headline"] = row.pop("headline_metric") == row["metric"]
    return BoardRow(
        run_id=0,
        benchmark_version="",
        scope=Scope.FULL,
        items_hash="",
        finished_at=None,
        failures_accepted=False,
        baseline="",
        low=None,
        high=None,
        kind=Kind.SELF_REPORTED if is_own else Kind.INDEPENDENT,
        group=group,
        in_default=in_default,
        **row,
    )


def reported_baselines(store: Store, benchmark: str) -> list[ReportedBaseline]:
    """Return what sources now say that humans and guessing get on a benchmark."""
    row, groups = ReportedBaselineRow, store.groups()
    columns: list[Any] = [row.variant, row.metric, row.name, row.value, SourceRow.name]
    query: Select[Any] = (
        select_columns(*columns)
        .join_from(row, BenchmarkRow, col(row.benchmark_id) == col(BenchmarkRow.id))
        .join(SourceRow, col(row.source_id) == col(SourceRow.id))
        .where(col(BenchmarkRow.name) == benchmark, col(row.superseded_at).is_(None))
    )
    with store.session() as session:
        query = query.order_by(plainly(session, row.name))
        return [
            ReportedBaseline(
                groups.get((benchmark, variant), ("", False))[0],
                variant,
                metric,
                source,
                Baseline(name=name, value=value, source=source),
            )
            for variant, metric, name, value, source in session.execute(query)
        ]


def known_by(store: Store, typed: str) -> list[str]:
    """Return the models that a name may mean: itself, else by alias or title, whatever the case."""
    with store.session() as session:
        own = session.exec(select(ModelRow.name).where(ModelRow.name == typed)).first()
        if own:
            return [own]
        names: dict[str, set[str]] = {}
        aliases = select_columns(col(AliasRow.alias), col(ModelRow.name)).join_from(
            AliasRow, ModelRow
        )
        titles = select_columns(col(ModelRow.title), col(ModelRow.name))
        plain = select_columns(col(ModelRow.name), col(ModelRow.name))
        for query in (plain, titles, aliases):
            for name, model in session.execute(query):
                names.setdefault(name.casefold(), set()).add(model)
    return sorted(names.get(typed.casefold(), ()))


def aliases_of(store: Store, model: str) -> list[str]:
    """Return the other names of a model."""
    query = select(AliasRow.alias).join(ModelRow).where(ModelRow.name == model)
    with store.session() as session:
        return sorted(session.exec(query))


def resolve(store: Store, typed: str) -> str:
    """Return the one model that a name means. Raises UnknownName for none, and for several."""
    found = known_by(store, typed)
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousName(typed, found)
    raise UnknownName("model", typed, [row.name for row in store.models()], "podium models")
