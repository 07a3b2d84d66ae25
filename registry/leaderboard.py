"""Leaderboards: who stands where among numbers that may be compared; computed, never stored.

A board is one `Group`: a comparable group of variants (or one variant, where it is in none), one
scope and metric, and, where runs are partial, the same items. Groups never mix. In one, measured
and published numbers stand together, one row a model: our own run, else what others measured, else
what the maker says. Nothing heavy is imported: a board answers at once.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from registry.store import BoardRow

SCOPES = ("full", "partial", "sample")
"""How much of a benchmark a run asked, in the order in which boards are preferred."""

KINDS = ("measured", "independent", "self-reported")
"""Who stands behind a number, the one to believe first."""

PROPORTIONS = frozenset({"accuracy", "exact-match", "pass@1", "resolve-rate"})
"""The metrics of which the number of items alone gives an interval: a share of them is right."""

Z = NormalDist().inv_cdf(0.975)


class Group(NamedTuple):
    """What scores must share to stand on one board; `items_hash` only where a run is partial.

    Either `name` says which comparable group of variants it is, or `variant` which one it is alone.
    A tuple, as `Standing` is: a board of 10,000 models is ranked in two thirds of the time.
    """

    benchmark: str
    benchmark_version: str
    variant: str
    scope: str
    metric: str
    items_hash: str = ""
    name: str = ""

    @property
    def label(self) -> str:
        """The group's name, or that of its only variant."""
        return self.name or self.variant


class Standing(NamedTuple):
    """One row of a leaderboard: the number to believe first of a model, and where it stands.

    Equal values share a `rank` and the next one is skipped (1, 2, 2, 4). `best_rank` and
    `worst_rank` are as far as the 95 % intervals allow; a row without one has none, and counts by
    its value for the others. `is_assumed` marks an interval that only the number of items gave.
    A published number has no run (`run_id` 0); `reports` counts published ones that are not shown.
    """

    rank: int
    best_rank: int | None
    worst_rank: int | None
    model: str
    title: str
    organization: str
    value: float
    stderr: float | None
    low: float | None
    high: float | None
    is_assumed: bool
    n: int | None
    variant: str
    kind: str
    date: date | None
    date_basis: str
    source: str
    source_title: str
    url: str
    runs: int
    reports: int
    run_id: int
    finished_at: datetime | None
    failures_accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What answers without looking gets, or a human by the word of a `source`; it has no rank."""

    name: str
    value: float
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """The standings of one group, with what was left out of it and the benchmark's other boards.

    `numbers` are all that the standings were chosen from, by model; `disputed` those that were not.
    `other_rows` counts the numbers of other boards, and of other metrics of this group.
    """

    group: Group
    higher_is_better: bool
    standings: Sequence[Standing]
    baselines: Sequence[Baseline]
    others: Mapping[Group, int]
    other_metrics: Sequence[str]
    numbers: Mapping[str, Sequence["BoardRow"]] = field(default_factory=dict)
    disputed: Sequence["BoardRow"] = ()
    other_rows: Mapping[str, int] = field(default_factory=dict)


def anything(_row: "BoardRow") -> bool:
    """Keep every number."""
    return True


def leaderboard(
    rows: Sequence["BoardRow"],
    *,
    variant: str = "",
    name: str = "",
    scope: str = "",
    version: str = "",
    items: str = "",
    metric: str = "",
    default_variant: Callable[[], str] = str,
    keep: Callable[["BoardRow"], bool] = anything,
) -> Board | None:
    """Return the board that the options choose, or None where no number fits them.

    What they leave open: the widest scope that was run, the version run last, groups that a default
    board may rank, then the group with most models; of equals the `default_variant` (asked for only
    then), then the one run last. The metric is the headline. A `variant` stands alone, the group
    `name` with all of its variants. `keep` drops numbers of the chosen board before it is ranked.
    """
    trusted = [row for row in rows if not row.disputed]
    groups = _grouped(trusted, metric, alone=bool(variant))
    chosen = [
        group
        for group in groups
        if variant in ("", group.variant)
        and name in ("", group.name)
        and scope in ("", group.scope)
        and version in ("", group.benchmark_version)
        and group.items_hash.startswith(items)
    ]
    if not chosen:
        return None
    group = _preferred(chosen, groups, default_variant)
    found = groups[group]
    members = [row for row in trusted if _shares(row, group)]
    kept = [row for row in found if keep(row)]
    return Board(
        group=group,
        higher_is_better=found[0].higher_is_better,
        standings=standings(kept) if kept else [],
        baselines=_baselines(members, group.metric),
        others={g: _models(others) for g, others in groups.items() if g != group},
        other_metrics=sorted({r.metric for r in members if not r.baseline} - {group.metric}),
        numbers=_by_model(kept),
        disputed=[
            row
            for row in rows
            if row.disputed and row.metric == group.metric and _shares(row, group)
        ],
        other_rows={
            "other variants": sum(len(others) for g, others in groups.items() if g != group),
            "other metrics": sum(r.metric != group.metric and not r.baseline for r in members),
        },
    )


def _preferred(
    chosen: Sequence[Group],
    groups: Mapping[Group, Sequence["BoardRow"]],
    default_variant: Callable[[], str],
) -> Group:
    """Return the group to show where the options leave a choice."""
    widest = min(SCOPES.index(group.scope) for group in chosen)
    chosen = [group for group in chosen if group.scope == SCOPES[widest]]
    newest = max(chosen, key=lambda g: _last_run(groups[g])).benchmark_version
    chosen = [group for group in chosen if group.benchmark_version in ("", newest)]
    if any(_in_default(groups[group]) for group in chosen):
        chosen = [group for group in chosen if _in_default(groups[group])]
    most = max(_models(groups[group]) for group in chosen)
    chosen = [group for group in chosen if _models(groups[group]) == most]
    default = default_variant() if len(chosen) > 1 else ""
    return max(chosen, key=lambda g: (g.variant == default, _last_run(groups[g])))


def standings(rows: Sequence["BoardRow"]) -> list[Standing]:
    """Rank the models of one group, each by the number to believe first."""
    runs = Counter(row.model for row in rows if row.run_id)
    reports = Counter(row.model for row in rows if not row.run_id)
    sign = 1 if rows[0].higher_is_better else -1
    shown = [min(own, key=_trust) for own in _by_model(rows).values()]
    ordered = sorted(shown, key=lambda row: (-sign * row.value, row.model))
    values = [-sign * row.value for row in ordered]
    intervals = [interval(row) for row in ordered]
    bounds = [_bounds(row, own) for row, own in zip(ordered, intervals, strict=True)]
    lows = sorted(low for low, _ in bounds)
    highs = sorted(high for _, high in bounds)
    return [
        Standing(
            rank=1 + bisect_left(values, -sign * row.value),
            best_rank=1 + len(lows) - bisect_right(lows, high) if own else None,
            worst_rank=len(ordered) - bisect_left(highs, low) if own else None,
            model=row.model,
            title=row.title,
            organization=row.organization,
            value=row.value,
            stderr=row.stderr,
            low=own.low if own else None,
            high=own.high if own else None,
            is_assumed=own is not None and own.is_assumed,
            n=row.n,
            variant=row.variant,
            kind=row.kind,
            date=dated(row),
            date_basis=row.date_basis,
            source=row.source,
            source_title=row.source_title,
            url=row.url,
            runs=runs[row.model],
            reports=reports[row.model] - (not row.run_id),
            run_id=row.run_id,
            finished_at=row.finished_at,
            failures_accepted=row.failures_accepted,
        )
        for row, own, (low, high) in zip(ordered, intervals, bounds, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The 95 % interval of a number; assumed where only the number of items is known."""

    low: float
    high: float
    is_assumed: bool = False


def interval(row: "BoardRow") -> Bounds | None:
    """Return the 95 % interval of a number, None where nothing says how sure it is.

    A run brings its own. A published number has one by its standard error, else, where it is a
    share of a known number of items, Wilson's, which assumes that they are independent.
    """
    if row.low is not None and row.high is not None:
        return Bounds(row.low, row.high)
    if row.run_id:
        return None
    if row.stderr:
        within = (0.0, 1.0) if 0 <= row.value <= 1 else (-math.inf, math.inf)
        return Bounds(
            max(within[0], row.value - Z * row.stderr), min(within[1], row.value + Z * row.stderr)
        )
    if row.n and row.metric in PROPORTIONS and 0 <= row.value <= 1:
        return _wilson(row.value, row.n)
    return None


def _wilson(value: float, n: int) -> Bounds:
    """Return the score interval of a proportion (Wilson 1927); registry.statistics needs SciPy."""
    shrink = 1 + Z**2 / n
    centre = (value + Z**2 / (2 * n)) / shrink
    half = Z * math.sqrt(value * (1 - value) / n + (Z / (2 * n)) ** 2) / shrink
    return Bounds(max(0.0, centre - half), min(1.0, centre + half), is_assumed=True)


def dated(row: "BoardRow") -> date | None:
    """Return the day that a number is from: the end of its run, or its publication."""
    return row.finished_at.date() if row.finished_at else row.valid_from


def leader_sentence(board: Board) -> str:
    """Say who leads, in words that stay true with one row, with ties and below a baseline."""
    group = board.group
    where = {"full": "", "partial": "a part of ", "sample": "the sample of "}[group.scope]
    what = f"{where}{group.benchmark} ({group.label})"
    if not board.standings:
        return f"No model of {what} fits."
    first, *rest = board.standings
    is_one_sided = {row.kind for row in board.standings} == {KINDS[-1]}
    what = f"the self-reported scores of {what}" if is_one_sided else what
    ties = sum(_ties(first, other) for other in rest)
    others = "1 other" if ties == 1 else f"{ties} others"
    leads = f"ties with {others} for the lead of" if ties else "leads"
    whose = f", {first.kind}" if first.kind != KINDS[0] and not is_one_sided else ""
    return (
        f"{named(first)} {leads} {what} with {with_error(first)}{whose}; "
        f"{_counted(board.standings)}{_against_baseline(board)}."
    )


def named(row: "Standing | BoardRow") -> str:
    """Return a model as a sentence has it: "MedGemma 4B IT (Google)"."""
    organization = f" ({row.organization})" if row.organization and row.title else ""
    return f"{row.title or row.model}{organization}"


def _counted(rows: Sequence[Standing]) -> str:
    """Say how many models there are, and of how many of them we know it ourselves."""
    count = f"{len(rows)} models" if len(rows) > 1 else "one model"
    measured = sum(row.kind == KINDS[0] for row in rows)
    if measured == len(rows):
        return f"{count} evaluated"
    return f"{count}, {measured} of them measured here" if measured else f"{count} reported"


def with_error(row: Standing | Baseline) -> str:
    """Return the value with half its 95 % interval, as "0.412 ± 0.040"."""
    if row.low is None or row.high is None:
        return f"{row.value:.3f}"
    return f"{row.value:.3f} ± {(row.high - row.low) / 2:.3f}"


def _grouped(
    rows: Sequence["BoardRow"], metric: str, *, alone: bool
) -> dict[Group, list["BoardRow"]]:
    """Return models' rows of the metric (else of the headline) by their group.

    Where a group has no headline, it is ranked by the metric that most of its models have. A number
    that no sample stands behind is none, and does not rank. With `alone` each variant is a group.
    """
    versions = _versions(rows)
    groups: dict[Group, list[BoardRow]] = defaultdict(list)
    for row in rows:
        if row.n != 0 and not row.baseline and metric in ("", row.metric):
            groups[_group(row, versions, alone)].append(row)
    if metric:
        return dict(groups)
    headlines = {group: [r for r in found if r.headline] for group, found in groups.items()}
    ranked = {group: found for group, found in headlines.items() if found}
    places = {_place(group) for group in ranked}
    for group in sorted(groups, key=lambda g: (-_models(groups[g]), g.metric)):
        if _place(group) not in places and not any(r.run_id for r in groups[group]):
            places.add(_place(group))
            ranked[group] = groups[group]
    return ranked


def _group(row: "BoardRow", versions: Mapping[str, str], alone: bool) -> Group:
    """Return the group of a row; published numbers stand with the version that was run last."""
    is_shared = bool(row.group) and not alone
    return Group(
        benchmark=row.benchmark,
        benchmark_version=row.benchmark_version if row.run_id else versions.get(_label(row), ""),
        variant="" if is_shared else row.variant,
        scope=row.scope,
        metric=row.metric,
        items_hash=row.items_hash if row.scope == "partial" else "",
        name=row.group if is_shared else "",
    )


def _versions(rows: Sequence["BoardRow"]) -> dict[str, str]:
    """Return the version that was run last, by group of variants."""
    measured = sorted((r for r in rows if r.run_id and r.scope == "full"), key=lambda r: r.run_id)
    return {_label(row): row.benchmark_version for row in measured}


def _label(row: "BoardRow") -> str:
    return row.group or row.variant


def _place(group: Group) -> tuple[str, ...]:
    """Return what makes a group but its metric."""
    return (group.benchmark_version, group.variant, group.scope, group.items_hash, group.name)


def _shares(row: "BoardRow", group: Group) -> bool:
    """Whether the row belongs to the group, whatever its metric."""
    if row.group != group.name if group.name else row.variant != group.variant:
        return False
    if not row.run_id:
        return group.scope == "full"
    items = row.items_hash if row.scope == "partial" else ""
    return (row.benchmark_version, row.scope, items) == (
        group.benchmark_version,
        group.scope,
        group.items_hash,
    )


def _in_default(rows: Iterable["BoardRow"]) -> bool:
    return any(row.in_default for row in rows)


def _by_model(rows: Iterable["BoardRow"]) -> dict[str, list["BoardRow"]]:
    found: dict[str, list[BoardRow]] = defaultdict(list)
    for row in rows:
        found[row.model].append(row)
    return dict(found)


def _trust(row: "BoardRow") -> tuple[int, int, int, str]:
    """Return how soon a number is believed: by who stands behind it, then the newest."""
    day = row.valid_from.toordinal() if row.valid_from else 0
    return KINDS.index(row.kind), -row.run_id, -day, row.source


def _models(rows: Iterable["BoardRow"]) -> int:
    return len({row.model for row in rows})


def _last_run(rows: Iterable["BoardRow"]) -> int:
    return max(row.run_id for row in rows)


def _bounds(row: "BoardRow", own: Bounds | None) -> tuple[float, float]:
    """Return the interval, or the value where there is none, with better values higher."""
    low, high = (own.low, own.high) if own else (row.value, row.value)
    return (low, high) if row.higher_is_better else (-high, -low)


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
    """Say so where a model that does not look, or a human, is as good as the leader."""
    sign = 1 if board.higher_is_better else -1
    best = max(board.baselines, key=lambda b: sign * b.value, default=None)
    if best is None or sign * best.value < sign * board.standings[0].value:
        return ""
    if best.source:
        return f"; '{best.name}' is reported at {best.value:.3f}"
    return f"; the trivial baseline '{best.name}' gets {best.value:.3f}"
