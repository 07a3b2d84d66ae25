"""Leaderboards: who stands where among finished runs that may be compared; computed, never stored.

A board is one `Group`: the same benchmark and version, variant, scope and metric, and, where runs
are partial, the same items. Groups never mix. Nothing heavy is imported: a board answers at once.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.store import BoardRow

SCOPES = ("full", "partial", "sample")
"""How much of a benchmark a run asked, in the order in which boards are preferred."""


@dataclass(frozen=True, slots=True)
class Group:
    """What scores must share to stand on one board; `items_hash` only where a run is partial."""

    benchmark: str
    benchmark_version: str
    variant: str
    scope: str
    metric: str
    items_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of a leaderboard: a model's newest finished run, and where it stands.

    Equal values share a `rank` and the next one is skipped (1, 2, 2, 4). `best_rank` and
    `worst_rank` are as far as the 95 % intervals allow; without an interval they are unknown.
    """

    rank: int
    best_rank: int | None
    worst_rank: int | None
    model: str
    title: str
    value: float
    stderr: float | None
    low: float | None
    high: float | None
    n: int | None
    runs: int
    run_id: int
    finished_at: datetime
    failures_accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a trivial model gets, which answers without looking; it has no rank."""

    name: str
    value: float
    stderr: float | None
    low: float | None
    high: float | None
    n: int | None


@dataclass(frozen=True, slots=True)
class Board:
    """The standings of one group, with the other boards of the benchmark and their models."""

    group: Group
    higher_is_better: bool
    standings: Sequence[Standing]
    baselines: Sequence[Baseline]
    others: Mapping[Group, int]
    other_metrics: Sequence[str]


def leaderboard(
    rows: Sequence["BoardRow"],
    *,
    variant: str = "",
    scope: str = "",
    version: str = "",
    items: str = "",
    metric: str = "",
    default_variant: Callable[[], str] = str,
) -> Board | None:
    """Return the board that the options choose, or None where no finished run fits them.

    What they leave open: the widest scope that was run, the version run last, then the group with
    most models; of equals the `default_variant` (asked for only then), then the one run last. The
    metric is the headline.
    """
    groups = _grouped(rows, metric)
    chosen = [
        group
        for group in groups
        if variant in ("", group.variant)
        and scope in ("", group.scope)
        and version in ("", group.benchmark_version)
        and group.items_hash.startswith(items)
    ]
    if not chosen:
        return None
    widest = min(SCOPES.index(group.scope) for group in chosen)
    chosen = [group for group in chosen if group.scope == SCOPES[widest]]
    newest = max(chosen, key=lambda g: _last_run(groups[g])).benchmark_version
    chosen = [group for group in chosen if group.benchmark_version == newest]
    most = max(_models(groups[group]) for group in chosen)
    chosen = [group for group in chosen if _models(groups[group]) == most]
    default = default_variant() if len(chosen) > 1 else ""
    group = max(chosen, key=lambda g: (g.variant == default, _last_run(groups[g])))
    members = [row for row in rows if _shares(row, group)]
    return Board(
        group=group,
        higher_is_better=groups[group][0].higher_is_better,
        standings=standings(groups[group]),
        baselines=_baselines(members, group.metric),
        others={g: _models(members) for g, members in groups.items() if g != group},
        other_metrics=sorted({r.metric for r in members if not r.baseline} - {group.metric}),
    )


def standings(rows: Sequence["BoardRow"]) -> list[Standing]:
    """Rank the models of one group, each by the newest of its runs."""
    counts = Counter(row.model for row in rows)
    newest = {row.model: row for row in sorted(rows, key=lambda row: row.run_id)}
    sign = 1 if rows[0].higher_is_better else -1
    ordered = sorted(newest.values(), key=lambda row: (-sign * row.value, row.model))
    values = [-sign * row.value for row in ordered]
    bounds = [_bounds(row) for row in ordered]
    lows = sorted(low for low, _ in filter(None, bounds))
    highs = sorted(high for _, high in filter(None, bounds))
    return [
        Standing(
            rank=1 + bisect_left(values, value),
            best_rank=1 + len(lows) - bisect_right(lows, own[1]) if own else None,
            worst_rank=len(ordered) - bisect_left(highs, own[0]) if own else None,
            model=row.model,
            title=row.title,
            value=row.value,
            stderr=row.stderr,
            low=row.low,
            high=row.high,
            n=row.n,
            runs=counts[row.model],
            run_id=row.run_id,
            finished_at=row.finished_at,
            failures_accepted=row.failures_accepted,
        )
        for row, value, own in zip(ordered, values, bounds, strict=True)
    ]


def leader_sentence(board: Board) -> str:
    """Say who leads, in words that stay true with one row, with ties and below a baseline."""
    first, *rest = board.standings
    group = board.group
    where = {"full": "", "partial": "a part of ", "sample": "the sample of "}[group.scope]
    what = f"{where}{group.benchmark} ({group.variant})"
    ties = sum(_ties(first, other) for other in rest)
    others = "1 other" if ties == 1 else f"{ties} others"
    leads = f"ties with {others} for the lead of" if ties else "leads"
    count = f"{len(board.standings)} models" if rest else "one model"
    return (
        f"{first.title or first.model} {leads} {what} with {with_error(first)}; {count} evaluated"
        f"{_against_baseline(board)}."
    )


def with_error(row: Standing | Baseline) -> str:
    """Return the value with half its 95 % interval, as "0.412 ± 0.040"."""
    if row.low is None or row.high is None:
        return f"{row.value:.3f}"
    return f"{row.value:.3f} ± {(row.high - row.low) / 2:.3f}"


def _grouped(rows: Iterable["BoardRow"], metric: str) -> dict[Group, list["BoardRow"]]:
    """Return models' rows of the metric (else of each run's headline) by their group.

    A number that no sample stands behind is none, and does not rank.
    """
    groups: dict[Group, list[BoardRow]] = defaultdict(list)
    for row in rows:
        if row.n != 0 and not row.baseline and (row.metric == metric if metric else row.headline):
            groups[_group(row)].append(row)
    return dict(groups)


def _group(row: "BoardRow") -> Group:
    items = row.items_hash if row.scope == "partial" else ""
    return Group(row.benchmark, row.benchmark_version, row.variant, row.scope, row.metric, items)


def _shares(row: "BoardRow", group: Group) -> bool:
    """Whether the row is of a run of the group, whatever its metric."""
    own = _group(row)
    return (own.benchmark_version, own.variant, own.scope, own.items_hash) == (
        group.benchmark_version,
        group.variant,
        group.scope,
        group.items_hash,
    )


def _models(rows: Iterable["BoardRow"]) -> int:
    return len({row.model for row in rows})


def _last_run(rows: Iterable["BoardRow"]) -> int:
    return max(row.run_id for row in rows)


def _bounds(row: "BoardRow") -> tuple[float, float] | None:
    """Return the interval with better values higher."""
    if row.low is None or row.high is None:
        return None
    return (row.low, row.high) if row.higher_is_better else (-row.high, -row.low)


def _ties(first: Standing, other: Standing) -> bool:
    """Whether the other may be as good: an equal value, or intervals that overlap."""
    if other.rank == first.rank:
        return True
    if first.low is None or first.high is None or other.low is None or other.high is None:
        return False
    return first.low <= other.high and other.low <= first.high


def _baselines(members: Iterable["BoardRow"], metric: str) -> list[Baseline]:
    """Return the trivial baselines of the newest run that has each."""
    newest = {
        row.baseline: row
        for row in sorted(members, key=lambda row: row.run_id)
        if row.baseline and row.metric == metric
    }
    return [
        Baseline(name=name, value=row.value, stderr=row.stderr, low=row.low, high=row.high, n=row.n)
        for name, row in sorted(newest.items())
    ]


def _against_baseline(board: Board) -> str:
    """Say so where a model that does not look is as good as the leader."""
    sign = 1 if board.higher_is_better else -1
    best = max(board.baselines, key=lambda b: sign * b.value, default=None)
    if best is None or sign * best.value < sign * board.standings[0].value:
        return ""
    return f"; the trivial baseline '{best.name}' gets {best.value:.3f}"
