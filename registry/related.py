"""Related benchmarks, and on what basis: declared, by category, or by how alike models rank.

Each link says its basis and how many models it rests on. A category is no evidence that two
benchmarks measure the same; a correlation is little where few models have both.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

from registry.leaderboard import leaderboard

if TYPE_CHECKING:
    from registry.store import BoardRow

BASES = ("declared", "category", "correlation")

ENOUGH = 10
"""A correlation over fewer shared models is not shown."""
ENOUGH_TO_BE_STRONG = 20
STRONG = 0.7
"""A correlation is strong where all of its interval lies beyond this."""
ALPHA = 0.05

Values = Mapping[str, float]
"""One value a model, the higher the better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What links need to know of a benchmark; `related` is whom its plugin names."""

    name: str
    title: str = ""
    categories: frozenset[str] = frozenset()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """How alike two benchmarks rank the `n` models that have both, where that is enough.

    `low` and `high` are a 95 % interval. `q_value` is the p-value corrected for the number of all
    pairs (Benjamini and Hochberg 1995). A benchmark on which all are equal correlates with none.
    """

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    q_value: float | None = None

    @property
    def verdict(self) -> str:
        """What may be said of it."""
        if self.n < ENOUGH:
            return f"not enough shared models (n = {self.n})"
        if self.value is None or self.q_value is None:
            return "no correlation: all values of one are equal"
        if self.q_value >= ALPHA:
            return "not told from none"
        ends = [abs(end) for end in (self.low, self.high) if end is not None] or [1.0]
        if self.n >= ENOUGH_TO_BE_STRONG and min(ends) >= STRONG:
            return "strong" if self.value > 0 else "strong, inverse"
        return "some" if self.value > 0 else "some, inverse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One related benchmark: on what basis, in words, and by how much.

    `similarity` is the overlap of categories (0 to 1), or the correlation, None where declared.
    `n_models` counts the other's models, and `pair` is what the models shared with it say.
    """

    benchmark: str
    title: str
    basis: str
    why: str
    similarity: float | None
    n_models: int
    pair: Pair


@dataclass(frozen=True, slots=True)
class Relations:
    """All benchmarks with their values, from which the links of each are made."""

    benchmarks: Mapping[str, Described]
    values: Mapping[str, Values]
    pairs: Mapping[frozenset[str], Pair] = field(default_factory=dict)

    def links(self, name: str, basis: str) -> list[Link]:
        """Return the links of one basis, the closest first; ties by number of models, then id."""
        find: Mapping[str, Callable[[str], Iterable[tuple[str, str, float | None]]]] = {
            "declared": self._declared,
            "category": self._by_category,
            "correlation": self._by_correlation,
        }
        links = [self._link(name, basis, *found) for found in find[basis](name)]
        return sorted(links, key=_closest_first)

    def _link(self, name: str, basis: str, other: str, why: str, similarity: float | None) -> Link:
        described = self.benchmarks.get(other)
        return Link(
            benchmark=other,
            title=described.title if described else "",
            basis=basis,
            why=why,
            similarity=similarity,
            n_models=len(self.values.get(other, ())),
            pair=self._pair(name, other),
        )

    def _pair(self, name: str, other: str) -> Pair:
        return self.pairs.get(frozenset((name, other)), Pair(n=0))

    def _declared(self, name: str) -> Iterable[tuple[str, str, None]]:
        """Yield whom the benchmark names, and who names it."""
        named = set(self.benchmarks[name].related)
        naming = {other.name for other in self.benchmarks.values() if name in other.related}
        for other in (named | naming) - {name}:
            is_both = other in named and other in naming
            one_way = f"{name} names it" if other in named else f"it names {name}"
            yield other, "each names the other" if is_both else one_way, None

    def _by_category(self, name: str) -> Iterable[tuple[str, str, float]]:
        """Yield the benchmarks that share a category and that any model has a number on."""
        weights = category_weights(self.benchmarks.values())
        own = self.benchmarks[name].categories
        for other in self.benchmarks.values():
            shared = own & other.categories
            if shared and other.name != name and self.values.get(other.name):
                similarity = weighted_jaccard(own, other.categories, weights)
                yield other.name, ", ".join(sorted(shared)), similarity

    def _by_correlation(self, name: str) -> Iterable[tuple[str, str, float | None]]:
        for other in self.values:
            pair = self._pair(name, other)
            if pair.n and other != name:
                yield other, "default groups", pair.value


def _closest_first(link: Link) -> tuple[bool, float, int, int, str]:
    similarity = link.similarity
    shared = link.pair.n if similarity is None else 0
    return similarity is None, -(similarity or 0.0), -shared, -link.n_models, link.benchmark


def relations(benchmarks: Iterable[Described], rows: Iterable["BoardRow"]) -> Relations:
    """Return what links benchmarks: of the rows, which no correction may have superseded."""
    known = {benchmark.name: benchmark for benchmark in benchmarks}
    by_benchmark: dict[str, list[BoardRow]] = defaultdict(list)
    for row in rows:
        by_benchmark[row.benchmark].append(row)
    values = {name: values_of(by_benchmark[name]) for name in sorted(by_benchmark)}
    return Relations(known, values, correlations(values))


# --- Categories -----------------------------------------------------------------------------------


def category_weights(benchmarks: Iterable[Described]) -> dict[str, float]:
    """Return 1 / (number of benchmarks) of each category, so that one that all have counts little.

    >>> both = Described(name="a", categories=frozenset({"math", "vision"}))
    >>> category_weights([both, Described(name="b", categories=frozenset({"math"}))])["math"]
    0.5
    """
    counts = Counter(category for each in benchmarks for category in each.categories)
    return {category: 1 / n for category, n in counts.items()}


def weighted_jaccard(a: frozenset[str], b: frozenset[str], weights: Mapping[str, float]) -> float:
    """Return the weight of what both have over the weight of what either has, 0 for nothing."""
    either = math.fsum(weights[category] for category in a | b)
    return math.fsum(weights[category] for category in a & b) / either if either else 0.0


# --- Correlation ----------------------------------------------------------------------------------


def values_of(rows: Sequence["BoardRow"]) -> dict[str, float]:
    """Return one value a model of a benchmark, turned so that higher is better.

    Ranked are the headline scores of whole runs and of publications, over all groups that a default
    board may rank; without such a group, those of the board that is shown by default. Of a model
    counts our newest run, else the median of what is published: one harness would colour a whole
    ranking, and here no reader sees which. Two sources that dispute each other have their median
    too; where a number is not disputed, it counts alone.
    """
    candidates = _default_rows(rows)
    found: dict[str, list[BoardRow]] = defaultdict(list)
    for row in candidates:
        found[row.model].append(row)
    return {model: _value(own) for model, own in found.items()}


def _default_rows(rows: Sequence["BoardRow"]) -> list["BoardRow"]:
    default = [
        row for row in rows if row.in_default and row.headline and not row.baseline and row.n != 0
    ]
    if default:
        return default
    board = leaderboard(rows, scope="full")
    return [row for own in board.numbers.values() for row in own] if board else []


def _value(rows: Sequence["BoardRow"]) -> float:
    sign = 1 if rows[0].higher_is_better else -1
    runs = [row for row in rows if row.run_id]
    if runs:
        return sign * max(runs, key=lambda row: row.run_id).value
    agreed = [row.value for row in rows if not row.disputed]
    return sign * median(agreed or [row.value for row in rows])


def correlations(values: Mapping[str, Values]) -> dict[frozenset[str], Pair]:
    """Return how alike each two benchmarks rank the models that have both.

    The q-values are corrected over all pairs with enough models, whichever are looked at.
    """
    pairs = {
        frozenset(two): _pair(values[two[0]], values[two[1]]) for two in combinations(values, 2)
    }
    tested = {two: pair.p_value for two, pair in pairs.items() if pair.p_value is not None}
    if not tested:
        return pairs
    # Inside: SciPy's second is spent only where there is something to correct.
    from scipy.stats import false_discovery_control

    corrected = false_discovery_control(list(tested.values()), method="bh")
    for two, q_value in zip(tested, corrected.tolist(), strict=True):
        pairs[two] = replace(pairs[two], q_value=q_value)
    return pairs


def _pair(a: Values, b: Values) -> Pair:
    """Return Spearman's correlation over shared models, without the correction."""
    shared = sorted(a.keys() & b.keys())
    n = len(shared)
    if n < ENOUGH:
        return Pair(n=n)
    # Inside: see `correlations`.
    from registry.statistics import spearman

    found = spearman([a[model] for model in shared], [b[model] for model in shared])
    if found is None:
        return Pair(n=n)
    return Pair(
        n=n,
        value=found.value,
        low=found.interval.low if found.interval else None,
        high=found.interval.high if found.interval else None,
        p_value=_p_value(found.value, n),
    )


def _p_value(r: float, n: int) -> float:
    """Return the two-sided p-value of no correlation, by t with n - 2 degrees of freedom."""
    from scipy.special import stdtr

    if abs(r) == 1:
        return 0.0
    return 2 * float(stdtr(n - 2, -abs(r) * math.sqrt((n - 2) / (1 - r * r))))
