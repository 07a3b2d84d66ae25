"""Two runs on the same items: whether they may be compared, by how much they differ, and where.

Pure functions over rows of the store. What may stand on one leaderboard may be compared; nothing
else is.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from registry import statistics
from registry.errors import RegistryError
from registry.leaderboard import SCOPES
from registry.statistics import Estimate, Interval, Paired, Unpaired

if TYPE_CHECKING:
    from registry.store import BoardRow, SampleValue

COMPARABLE = ("benchmark", "benchmark_version", "variant", "scope", "metric")
"""What two runs must share; of partial runs also the items, which `align` sees to."""

ROUNDING = 1e-9
"""How far a score may be from the mean of its items and still be it."""


class NotComparable(RegistryError):
    """Two runs whose difference would say nothing; the message names the field that differs."""


class Pair(NamedTuple):
    """Two runs that may be compared."""

    a: "BoardRow"
    b: "BoardRow"


@dataclass(frozen=True, slots=True)
class Items:
    """The values of two runs on the items that both have, ordered by id, and what was left out.

    `a_mean` and `b_mean` are over all items of each run, those left out too.
    """

    ids: tuple[str, ...]
    a: tuple["SampleValue", ...]
    b: tuple["SampleValue", ...]
    a_mean: float
    b_mean: float
    only_in_a: int = 0
    only_in_b: int = 0

    @property
    def clusters(self) -> list[str] | None:
        """The cluster of each item, or None where no sample declares one."""
        labels = [one.cluster or other.cluster for one, other in zip(self.a, self.b, strict=True)]
        return labels if any(labels) else None

    def flips(self) -> "Iterator[Flip]":
        """Yield the items on which the two runs differ."""
        for sample, one, other in zip(self.ids, self.a, self.b, strict=True):
            if one.value != other.value:
                yield Flip(
                    sample_id=sample,
                    a_value=one.value,
                    b_value=other.value,
                    a_answer=one.answer,
                    b_answer=other.answer,
                    target=one.target or other.target,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """One item that one run got better than the other."""

    sample_id: str
    a_value: float
    b_value: float
    a_answer: str
    b_answer: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How much A scores above B, with its interval; both values are over the items compared.

    `by_items` is False for a metric that is no mean of its items (macro F1): then the scores are
    compared as if the items were not the same, which makes the interval too wide, never too narrow.
    """

    a: "BoardRow"
    b: "BoardRow"
    a_value: float
    b_value: float
    difference: float
    stderr: float | None
    interval: Interval | None
    level: float
    p_value: float | None
    test: str
    by_items: bool
    n: int
    n_flipped: int
    only_a: int | None
    only_b: int | None
    only_in_a: int
    only_in_b: int
    clusters: int | None

    @property
    def gain(self) -> float:
        """By how much A is better than B, whichever direction is better."""
        return self.difference if self.a.higher_is_better else -self.difference


# --- Which runs -----------------------------------------------------------------------------------


def pairs(a: Sequence["BoardRow"], b: Sequence["BoardRow"]) -> list[Pair]:
    """Return the newest comparable runs of two models, one pair a benchmark and variant.

    Of scopes that both ran it takes the widest, of versions the one run last, of partial runs those
    of the same items where there are any. No run is compared with itself. The result is ordered by
    benchmark and variant, and empty where nothing is comparable.
    """
    ours, theirs = _by_group(a), _by_group(b)
    found: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for group in ours.keys() & theirs.keys():
        pair = _newest(ours[group], theirs[group])
        if pair:
            found[pair.a.benchmark, pair.a.variant].append(pair)
    return [max(found[key], key=_preference) for key in sorted(found)]


def check_comparable(a: "BoardRow", b: "BoardRow") -> None:
    """Raise NotComparable where two runs cannot stand on one board, naming the fields."""
    names = differing(a, b)
    if names:
        raise NotComparable(
            f"run {a.run_id} ({a.model}) and run {b.run_id} ({b.model}) cannot be compared: "
            f"{'; '.join(_difference(name, a, b) for name in names)}. "
            f"See all that differs with: podium runs diff {a.run_id} {b.run_id}"
        )


def differing(a: "BoardRow", b: "BoardRow") -> list[str]:
    """Return the fields that keep two runs off one board."""
    return [name for name in COMPARABLE if getattr(a, name) != getattr(b, name)]


def nearest(a: Iterable["BoardRow"], b: Sequence["BoardRow"]) -> Pair | None:
    """Return the runs of one benchmark that differ in the fewest fields, the newest of those."""
    candidates = [
        Pair(one, other)
        for one in a
        for other in b
        if one.benchmark == other.benchmark and one.run_id != other.run_id
    ]
    return min(
        candidates,
        key=lambda pair: (len(differing(*pair)), -pair.a.run_id, -pair.b.run_id),
        default=None,
    )


def _by_group(rows: Iterable["BoardRow"]) -> dict[tuple[str, ...], list["BoardRow"]]:
    """Return the rows by what they must share; a number that no sample stands behind is none."""
    groups: dict[tuple[str, ...], list[BoardRow]] = defaultdict(list)
    for row in rows:
        if row.n != 0:
            groups[tuple(getattr(row, name) for name in COMPARABLE)].append(row)
    return groups


def _newest(a: Sequence["BoardRow"], b: Sequence["BoardRow"]) -> Pair | None:
    """Return the newest run of each, of the same items if possible; never one run twice."""
    same = {row.items_hash for row in a} & {row.items_hash for row in b}
    for rows in ([row for row in a if row.items_hash in same], a):
        for one in sorted(rows, key=lambda row: -row.run_id):
            others = [row for row in b if row.run_id != one.run_id]
            alike = [row for row in others if row.items_hash == one.items_hash] or others
            if alike:
                return Pair(one, max(alike, key=lambda row: row.run_id))
    return None


def _preference(pair: Pair) -> tuple[int, int]:
    return -SCOPES.index(pair.a.scope), min(row.run_id for row in pair)


def _difference(name: str, a: "BoardRow", b: "BoardRow") -> str:
    said = name.replace("_", " ")
    return f"{said} differs ('{getattr(a, name)}' and '{getattr(b, name)}')"


# --- Which items ----------------------------------------------------------------------------------


def align(
    a: Mapping[str, "SampleValue"],
    b: Mapping[str, "SampleValue"],
    *,
    runs: str = "the two runs",
    intersect: bool = False,
) -> Items:
    """Return the values of two runs item by item.

    Raises NotComparable where the items are not the same (unless they are to be intersected) or
    none is shared; `runs` is what the message calls them.
    """
    shared = sorted(a.keys() & b.keys())
    only_in_a, only_in_b = len(a) - len(shared), len(b) - len(shared)
    if not shared:
        raise NotComparable(
            f"{runs} share no scored item ({len(a):,} and {len(b):,}). Compare others: podium runs"
        )
    if (only_in_a or only_in_b) and not intersect:
        raise NotComparable(
            f"{runs} were not scored on the same items: {only_in_a:,} only in the first, "
            f"{only_in_b:,} only in the second. Compare the {len(shared):,} that they share with: "
            "--intersect"
        )
    return Items(
        tuple(shared),
        tuple(a[sample] for sample in shared),
        tuple(b[sample] for sample in shared),
        mean(a.values()),
        mean(b.values()),
        only_in_a,
        only_in_b,
    )


# --- How much -------------------------------------------------------------------------------------


def compare(a: "BoardRow", b: "BoardRow", items: Items, *, level: float = 0.95) -> Comparison:
    """Return how much A scores above B over the items, with the interval of that level."""
    paired = _paired(items, level)
    by_items = is_mean(a.value, items.a_mean) and is_mean(b.value, items.b_mean)
    found: Paired | Unpaired = paired
    if not by_items:
        found = statistics.unpaired_difference(estimate(a, level), estimate(b, level))
    counts = paired.mcnemar
    return Comparison(
        a=a,
        b=b,
        a_value=mean(items.a) if by_items else a.value,
        b_value=mean(items.b) if by_items else b.value,
        difference=found.difference,
        stderr=found.stderr,
        interval=found.interval,
        level=level,
        p_value=found.p_value,
        test=paired.test if by_items else "unpaired normal",
        by_items=by_items,
        n=paired.n,
        n_flipped=sum(1 for _ in items.flips()),
        only_a=counts.only_a if counts else None,
        only_b=counts.only_b if counts else None,
        only_in_a=items.only_in_a,
        only_in_b=items.only_in_b,
        clusters=paired.clusters,
    )


def estimate(row: "BoardRow", level: float) -> Estimate:
    """Return a stored score with the interval of that level; stored ones are of 95 %."""
    interval = None
    if level == 0.95 and row.low is not None and row.high is not None:
        interval = Interval(row.low, row.high, level, "bootstrap")
    elif row.stderr:
        interval = statistics.normal_interval(row.value, row.stderr, level=level)
    return Estimate(row.value, row.stderr, interval, row.n or 0)


def sentence(comparison: Comparison) -> str:
    """Say what the comparison shows, in words that claim no more than the interval does."""
    a, b = comparison.a.model, comparison.b.model
    if a == b:
        a, b = f"run {comparison.a.run_id}", f"run {comparison.b.run_id}"
    where = f"{comparison.a.benchmark} ({comparison.a.variant})"
    interval = comparison.interval
    if interval is None:
        return f"Between {a} and {b} on {where} these items cannot show a difference."
    if interval.low <= 0 <= interval.high:
        return f"No difference between {a} and {b} is shown on {where}."
    better, worse = (a, b) if comparison.gain > 0 else (b, a)
    return f"{better} is better than {worse} on {where} by {abs(comparison.difference):.3f}."


def _paired(items: Items, level: float) -> Paired:
    return statistics.paired_difference(
        [each.value for each in items.a],
        [each.value for each in items.b],
        items.clusters,
        level=level,
    )


def mean(values: Collection["SampleValue"]) -> float:
    """Return the mean value, the same whatever the order."""
    return math.fsum(each.value for each in values) / len(values)


def is_mean(score: float, of_items: float) -> bool:
    """Whether a run's score is the mean of its items, which macro F1 is not."""
    return abs(score - of_items) <= ROUNDING


# --- What made them differ ------------------------------------------------------------------------


def flattened(settings: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return nested settings by their dotted path: {"options.sampling.seed": 0}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        where = f"{path}.{name}"
        flat |= flattened(value, where) if isinstance(value, Mapping) else {where: value}
    return flat


def changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two flat mappings; what one of them lacks is None there."""
    names = dict.fromkeys([*a, *b])
    return {name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name)}
