"""Every statistic of scores, ranks and comparisons, as pure functions of numbers and arrays.

Words: an *item* is one sample's value, a *cluster* is a group of items that are not independent
(one patient, one image, one passage; an item with an empty label stands alone), a *level* is the
share of repetitions in which an interval should hold the truth.  Where the data cannot say how
sure a number is (one item, one cluster, no spread) the answer is None: neither 0 nor NaN.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy  # loads its parts when first touched: scipy.special in 0.15 s, scipy.stats in 0.8 s
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = Sequence[Hashable] | NDArray[Any]
Bounds: TypeAlias = tuple[float, float]
Method: TypeAlias = Literal[
    "assumed binomial",
    "Bonett-Price",
    "bootstrap",
    "Fisher z",
    "normal",
    "square and add",
    "t",
    "Wilson",
]
PairedTest: TypeAlias = Literal["exact McNemar", "paired t", "clustered t"]

UNIT: Bounds = (0.0, 1.0)
CELLS_AT_ONCE = 2**21
"""How many multiplicities the bootstrap holds at a time: 16 MiB, and a few copies of them."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, the share of repetitions it is meant for, and how it was made."""

    low: float
    high: float
    level: float
    method: Method

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval cannot run from {self.low} to {self.high}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error; `clusters` counts them, or is None for independent items."""

    mean: float
    stderr: float | None
    interval: Interval | None
    n: int
    clusters: int | None = None

    @property
    def low(self) -> float | None:
        """The lower end of the interval, if there is one."""
        return self.interval.low if self.interval else None

    @property
    def high(self) -> float | None:
        """The upper end of the interval, if there is one."""
        return self.interval.high if self.interval else None


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A statistic with its resampled error, and what it takes to draw the same resamples again."""

    value: float
    stderr: float | None
    interval: Interval | None
    units: int
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class McNemar:
    """Items that only one of two models got right, and the exact test that both are as likely."""

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The mean difference a - b over the same items; `mcnemar` is None unless values are 0 or 1."""

    difference: float
    stderr: float | None
    interval: Interval | None
    p_value: float | None
    test: PairedTest
    n: int
    clusters: int | None
    mcnemar: McNemar | None


@dataclass(frozen=True, slots=True)
class Unpaired:
    """The difference a - b of two estimates that share no items."""

    difference: float
    stderr: float | None
    interval: Interval | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class RankRange:
    """The best and the worst rank that the intervals of a leaderboard allow a row."""

    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rank correlation of n pairs; no interval below four pairs, nor at -1 and 1."""

    value: float
    interval: Interval | None
    n: int


# --- One score ------------------------------------------------------------------------------------


def average_repeats(values: ArrayLike, items: Labels) -> tuple[Floats, NDArray[np.intp]]:
    """Return the mean of each item's repeats, and the row where each item first appears.

    `values` and `items` have shape (rows,); both results have shape (items,), in order of first
    appearance, so `clusters[rows]` are the clusters of the means.  Repeats of a question are not
    new questions: average them first, then treat the items as the sample (Miller 2024, "Adding
    Error Bars to Evals", arXiv 2411.00640).  Raises ValueError for empty or non-finite values and
    for another number of labels.
    """
    array = _numbers(values, "values")
    codes = _codes(items, array.size)
    _, rows, repeats = np.unique(codes, return_index=True, return_counts=True)
    return np.bincount(codes, weights=array) / repeats, rows


def standard_error(values: ArrayLike) -> float | None:
    """Return s / sqrt(n) of independent items, with n - 1 in s; None for a single item.

    `values` has shape (n,).  The result is 0 when all items are equal, which is no certainty:
    `summarise` makes intervals that know.  Raises ValueError for empty or non-finite values.
    """
    array = _numbers(values, "values")
    if array.size == 1:
        return None
    return _without_rounding(float(array.std(ddof=1)) / math.sqrt(array.size), array)


def clustered_standard_error(values: ArrayLike, clusters: Labels) -> float | None:
    """Return the standard error of the mean when items of one cluster may move together.

    `values` and `clusters` have shape (n,).  The square of the result is the sum over clusters of
    (sum of residuals)², divided by n² (Miller 2024).  No small-sample factor: with one item in each
    cluster it is sqrt((n - 1) / n) times `standard_error`.  None for a single cluster, which says
    nothing of others.  Raises ValueError for empty or non-finite values and for another number of
    labels.
    """
    array = _numbers(values, "values")
    sums = sum_by_cluster(array - array.mean(), clusters)
    if sums.size == 1:
        return None
    return _without_rounding(float(np.linalg.norm(sums)) / array.size, array)


def wilson_interval(proportion: float, n: float, *, level: float = 0.95) -> Interval:
    """Return the score interval of a proportion, which is honest for few items and at 0 and 1.

    `proportion` is within 0..1 and need not be a multiple of 1/n, since published ones are rounded;
    `n` is at least 1.  The interval lies within 0..1 and holds the proportion.  Raises ValueError
    outside these ranges.  Wilson 1927; for a few hundred items or fewer Bowyer et al. 2025 (arXiv
    2503.01747) advise it over the normal interval.
    """
    if not 0 <= proportion <= 1:
        raise ValueError(
            f"a proportion is within 0..1, not {proportion}: divide percentages by 100"
        )
    if not 1 <= n < math.inf:
        raise ValueError(f"a proportion needs at least one item, not {n}")
    z = _normal_quantile(level)
    shrink = 1 + z**2 / n
    centre = (proportion + z**2 / (2 * n)) / shrink
    half = z * math.sqrt(proportion * (1 - proportion) / n + (z / (2 * n)) ** 2) / shrink
    # At 0 and 1 rounding leaves the near end 1e-17 away from where it belongs.
    low, high = min(proportion, centre - half), max(proportion, centre + half)
    return Interval(max(0.0, low), min(1.0, high), level, "Wilson")


def normal_interval(
    value: float, error: float, *, bounds: Bounds | None = None, level: float = 0.95
) -> Interval:
    """Return value ± z · error within the bounds, for a score published with a standard error.

    Without `bounds` a value within 0..1 has these, another none.  Raises ValueError when the value
    is not within its bounds or the error is not above 0.
    """
    limits = _bounds(np.array([value]), bounds)
    if not 0 < error < math.inf:
        raise ValueError(f"a standard error is above 0 and finite, not {error}")
    return _around(value, _normal_quantile(level) * error, limits, level, "normal")


def summarise(
    values: ArrayLike,
    clusters: Labels | None = None,
    *,
    bounds: Bounds | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the mean with its standard error and the interval that suits the values.

    `values` and `clusters` have shape (n,).  `bounds` are what one value can be, and the interval
    ends there; left out, they are 0..1 if all values lie within it, else there are none.

    Independent zeros and ones get Wilson's interval; other values Student's t with n - 1 degrees of
    freedom; clusters t with clusters - 1, which is wide for few of them, as it should be.  Zeros
    and ones that leave no spread between clusters (all right, say) get Wilson's with every cluster
    counted once.  No interval for one cluster, nor for other values without spread.

    Raises ValueError for empty or non-finite values, values out of bounds, and another number of
    labels.
    """
    array = _numbers(values, "values")
    limits = _bounds(array, bounds)
    units, error, clustered = _spread(array, clusters)
    mean = float(array.mean())
    interval = _t_interval(mean, error, units - 1, limits, level)
    if _is_binary(array, limits) and _speaks_by_counts(error, clustered):
        interval = wilson_interval(mean, units, level=level)
    return Estimate(mean, error, interval, array.size, units if clustered else None)


def assumed_estimate(value: float, n: int, *, level: float = 0.95) -> Estimate:
    """Return the error of a published proportion of which only the number of items is known.

    `value` is within 0..1, `n` at least 1.  It assumes that each item was right or wrong, once and
    independently: sqrt(p (1 - p) / (n - 1)) is the `standard_error` of such items, and the interval
    is Wilson's, marked "assumed binomial".  Raises ValueError outside these ranges.
    """
    wilson = wilson_interval(value, n, level=level)
    error = math.sqrt(value * (1 - value) / (n - 1)) if n > 1 else None
    return Estimate(value, error, Interval(wilson.low, wilson.high, level, "assumed binomial"), n)


# --- Resampling -----------------------------------------------------------------------------------


def sum_by_cluster(columns: ArrayLike, clusters: Labels) -> Floats:
    """Return the sum of each cluster's rows, clusters in order of first appearance.

    `columns` has shape (n, ...) and `clusters` (n,); the result has shape (clusters, ...), ready
    for `bootstrap`.  Raises ValueError for no rows, non-finite values and another number of labels.
    """
    array = np.atleast_1d(np.asarray(columns, dtype=np.float64))
    _numbers(array.ravel(), "columns")
    codes = _codes(clusters, len(array))
    sums = np.zeros((int(codes.max()) + 1, *array.shape[1:]))
    np.add.at(sums, codes, array)
    return sums


def bootstrap(
    statistic: Callable[[Floats], Floats],
    n_units: int,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Bootstrap:
    """Return a statistic with its percentile bootstrap interval, from resamples of whole units.

    A unit is what was sampled: a cluster, or an item where items are independent.  `statistic`
    takes multiplicities of shape (resamples, n_units), the whole number of times that each unit was
    drawn, and returns shape (resamples,).  A sum over the drawn units is then one matrix product:

        asked = np.ones_like(right)
        totals = sum_by_cluster(np.column_stack([right, asked]), patients)

        def accuracy(times):
            right, asked = (times @ totals).T
            return right / asked

        bootstrap(accuracy, len(totals))

    Macro F1 does the same with each patient's counts of hits, false alarms and misses; a paired
    difference with the totals of both models.  The same seed gives the same result.  Resampling
    cannot see past its data: without spread the interval has no width, and one unit has no error
    and no interval.

    Raises ValueError for less than 1 unit or 2 resamples, and for a statistic of another shape or
    without a finite value.  Efron and Tibshirani 1993, chapters 6 and 13.
    """
    if n_units < 1 or resamples < 2:
        raise ValueError(f"cannot draw {resamples} resamples of {n_units} units")
    upper = _upper(level)
    value = float(_evaluate(statistic, np.ones((1, n_units)))[0])
    if n_units == 1:
        return Bootstrap(value, None, None, n_units, resamples, seed)
    drawn = np.concatenate(
        [_evaluate(statistic, times) for times in _multiplicities(n_units, resamples, seed)]
    )
    low, high = np.quantile(drawn, [1 - upper, upper]).tolist()
    interval = Interval(low, high, level, "bootstrap")
    return Bootstrap(value, float(drawn.std(ddof=1)), interval, n_units, resamples, seed)


def bootstrap_mean(
    values: ArrayLike,
    clusters: Labels | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Bootstrap:
    """Return the mean of all items with its percentile interval, drawing clusters or else items.

    `values` and `clusters` have shape (n,).  Raises ValueError for empty or non-finite values and
    for another number of labels.
    """
    array = _numbers(values, "values")
    labels = range(array.size) if clusters is None else clusters
    totals = sum_by_cluster(np.column_stack([array, np.ones_like(array)]), labels)

    def mean(times: Floats) -> Floats:
        sums: Floats = times @ totals
        return sums[:, 0] / sums[:, 1]

    return bootstrap(mean, len(totals), resamples=resamples, seed=seed, level=level)


# --- Two scores -----------------------------------------------------------------------------------


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """Return the exact two-sided test on the items that only one of two models got right.

    It is the binomial test of only_a out of only_a + only_b at one half (McNemar 1947), right for
    any counts; without such items p is 1.  Raises ValueError for negative counts.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError(f"counts of items cannot be negative: {only_a} and {only_b}")
    # Both tails are equal at one half; scipy.stats.binomtest says the same, and loads for 0.8 s.
    tail = float(scipy.special.bdtr(min(only_a, only_b), only_a + only_b, 0.5))
    return McNemar(only_a, only_b, min(1.0, 2 * tail))


def bonett_price_interval(
    only_a: float, only_b: float, n: float, *, level: float = 0.95
) -> Interval:
    """Return the interval of the difference between two proportions right over the same n items.

    One more item on either side keeps the level for few items, and a width where the models never
    differ (Bonett and Price 2012, J. Educ. Behav. Stat. 37, 479-488).  Lies within -1..1.  Raises
    ValueError for negative counts, n below 1, and more discordant items than items.
    """
    if min(only_a, only_b) < 0 or not 1 <= n < math.inf or only_a + only_b > n:
        raise ValueError(f"{only_a} and {only_b} discordant items of {n} items cannot be")
    a, b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    half = _normal_quantile(level) * math.sqrt((a + b - (a - b) ** 2) / (n + 2))
    return _around(a - b, half, (-1.0, 1.0), level, "Bonett-Price")


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Labels | None = None,
    *,
    bounds: Bounds | None = None,
    level: float = 0.95,
) -> Paired:
    """Return mean(a) - mean(b) over the same items, which cancels what makes items hard.

    `a`, `b` and `clusters` have shape (n,), aligned by item.  `bounds` are what one value can be;
    left out, they are 0..1 if all values lie within it, else there are none.  The standard error is
    that of the differences a - b, by cluster where given (Miller 2024).

    Independent zeros and ones get the exact McNemar test and the interval of Bonett and Price;
    other values a t-test and a t interval with n - 1 degrees of freedom; clusters t with
    clusters - 1, and then `mcnemar` is there for its counts: its p knows nothing of the clusters.
    Zeros and ones that leave no spread between clusters get the interval of Bonett and Price with
    every cluster counted once.  What one item, one cluster or no spread cannot tell is None.

    Raises ValueError for empty or non-finite values, values out of bounds, arrays of different
    length, and another number of labels.
    """
    first, second = _pair(a, b)
    limits = _bounds(np.concatenate([first, second]), bounds)
    changes = first - second
    difference = float(changes.mean())
    units, error, clustered = _spread(changes, clusters)
    p_value = _t_test(difference, error, units - 1)
    test: PairedTest = "clustered t" if clustered else "paired t"
    interval = _t_interval(difference, error, units - 1, _differences(limits), level)
    counts = None
    if _is_binary(first, limits) and _is_binary(second, limits):
        counts = mcnemar(int((changes > 0).sum()), int((changes < 0).sum()))
        if not clustered:
            p_value, test = counts.p_value, "exact McNemar"
        if _speaks_by_counts(error, clustered):
            interval = _discordant_interval(counts, changes.size, units, level)
    return Paired(
        difference=difference,
        stderr=error,
        interval=interval,
        p_value=p_value,
        test=test,
        n=changes.size,
        clusters=units if clustered else None,
        mcnemar=counts,
    )


def unpaired_difference(a: Estimate, b: Estimate) -> Unpaired:
    """Return a - b for two estimates of different items, or of items that are not known.

    The interval squares and adds the arms of the two, which keeps what is good about each (Newcombe
    1998, Stat. Med. 17, 873-890, method 10, for Wilson's; Zou and Donner 2008, Stat. Med. 27,
    1693-1702, for any); p is that of the normal test, or None where an error is not known or both
    are 0.  For the same items this is too wide: use `paired_difference`.  Raises ValueError for
    intervals of different levels.
    """
    difference = a.mean - b.mean
    error = None
    if a.stderr is not None and b.stderr is not None:
        error = math.hypot(a.stderr, b.stderr)
    p_value = 2 * float(scipy.special.ndtr(-abs(difference) / error)) if error else None
    return Unpaired(difference, error, _square_and_add(a, b), p_value)


def required_items(
    difference: float, deviation: float, *, power: float = 0.8, level: float = 0.95
) -> int:
    """Return how many items show a paired difference of this size with this probability.

    `deviation` is the standard deviation of a - b over items: for 28 models on MMLU-Pro its median
    is 0.53, so that a difference of 0.03 takes 2,450 items.  n = (z_level + z_power)² · deviation²
    / difference², with the two-sided z of the level (Miller 2024).  Raises ValueError for a
    difference of 0, a deviation not above 0, and a power not within 0.5..1.
    """
    if difference == 0 or not math.isfinite(difference) or not 0 < deviation < math.inf:
        raise ValueError(f"no number of items shows {difference} at a deviation of {deviation}")
    if not 0.5 <= power < 1:
        raise ValueError(f"a power is at least 0.5 and below 1, not {power}")
    z = _normal_quantile(level) + float(scipy.special.ndtri(power))
    return math.ceil((z * deviation / difference) ** 2)


# --- Many scores ----------------------------------------------------------------------------------


def competition_ranks(
    values: ArrayLike, *, higher_is_better: bool = True, decimals: int | None = None
) -> list[int]:
    """Return 1 + the number of better values for each, so that equal ones rank as in 1, 2, 2, 4.

    `values` has shape (rows,) and may be empty; `decimals` rounds them first, to the precision at
    which they were printed (3 for percentages with one decimal).  Raises ValueError for values that
    are not finite.
    """
    array = _numbers(values, "values", may_be_empty=True)
    rounded = array if decimals is None else array.round(decimals)
    losses = -rounded if higher_is_better else rounded
    # scipy.stats.rankdata(losses, "min") says the same, and loads for 0.8 s.
    ranks: list[int] = (1 + np.searchsorted(np.sort(losses), losses, side="left")).tolist()
    return ranks


def rank_ranges(
    intervals: Sequence[Interval | None], *, higher_is_better: bool = True
) -> list[RankRange]:
    """Return for each row the ranks that the intervals do not exclude.

    The best is 1 + the number of rows whose interval lies wholly on the better side of mine, the
    worst is the number of rows without those wholly on the worse side (LMArena's rule; FastChat,
    `monitor.py`).  Intervals that touch do not exclude; a row without one may have any rank.  Each
    range holds the competition rank of values within the intervals.  To overlap is not transitive:
    print ranges, never merge rows into tied groups.  No rows give no ranges.
    """
    lows = np.array([row.low if row else -math.inf for row in intervals])
    highs = np.array([row.high if row else math.inf for row in intervals])
    if not higher_is_better:
        lows, highs = -highs, -lows
    better = lows.size - np.searchsorted(np.sort(lows), highs, side="right")
    worse = np.searchsorted(np.sort(highs), lows, side="left")
    return [
        RankRange(best, worst)
        for best, worst in zip((1 + better).tolist(), (lows.size - worse).tolist(), strict=True)
    ]


def holm(p_values: ArrayLike) -> Floats:
    """Return p-values corrected for their number, in the order given (Holm 1979).

    `p_values` has shape (tests,), within 0..1, and may be empty; so are the results.  To call those
    below 0.05 differences makes one false call or more in at most 5 % of such families, however the
    tests depend on each other.  Raises ValueError for values out of range.
    """
    array = _numbers(p_values, "p_values", may_be_empty=True)
    if ((array < 0) | (array > 1)).any():
        raise ValueError(f"p-values are within 0..1, not {array.min():g}..{array.max():g}")
    order = np.argsort(array, kind="stable")
    steps = np.maximum.accumulate(array[order] * np.arange(array.size, 0, -1))
    corrected = np.empty_like(array)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def spearman(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> Correlation | None:
    """Return the rank correlation of two aligned arrays, or None when one of them never varies.

    `x` and `y` have shape (n,); the value is within -1..1.  The interval is Fisher's z with
    SE = sqrt((1 + r²/2) / (n - 3)) (Bonett and Wright 2000, Psychometrika 65, 23-28); there is none
    below four pairs, nor for a perfect order.  It takes pairs as independent, and twenty sizes of
    one model family are not twenty models.  Raises ValueError for empty or non-finite values and
    for arrays of different length.
    """
    first, second = _pair(x, y)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    r = float(scipy.stats.spearmanr(first, second).statistic)
    if abs(r) > 1 - 1e-12:
        return Correlation(math.copysign(1.0, r), None, first.size)  # a perfect order, but rounded
    interval = None
    if first.size >= 4:
        half = _normal_quantile(level) * math.sqrt((1 + r**2 / 2) / (first.size - 3))
        low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
        interval = Interval(low, high, level, "Fisher z")
    return Correlation(r, interval, first.size)


# --- What the above share -------------------------------------------------------------------------


def _numbers(values: ArrayLike, name: str, *, may_be_empty: bool = False) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not the shape {array.shape}")
    if not (array.size or may_be_empty):
        raise ValueError(f"{name} is empty: a statistic needs at least one value")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(f"{name}[{bad[0]}] is {array[bad[0]]}: leave out what has no finite value")
    return array


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = _numbers(a, "the first array"), _numbers(b, "the second array")
    if first.size != second.size:
        raise ValueError(f"{first.size} and {second.size} values do not pair: align them by item")
    return first, second


def _codes(labels: Labels, n: int) -> NDArray[np.intp]:
    """Number the labels in order of first appearance; each empty one is its own."""
    if len(labels) != n:
        raise ValueError(f"{len(labels)} labels do not fit {n} values: give one label for each")
    numbers: dict[Hashable, int] = {}
    codes = np.empty(n, dtype=np.intp)
    for row, label in enumerate(labels):
        # None, "" and NaN, the only value that differs from itself.
        alone = label is None or label == "" or label != label
        codes[row] = numbers.setdefault(object() if alone else label, len(numbers))
    return codes


def _bounds(values: Floats, bounds: Bounds | None) -> Bounds:
    """Return the bounds given, once checked, or those that the values suggest."""
    low, high = float(values.min()), float(values.max())
    if bounds is None:
        return UNIT if low >= 0 and high <= 1 else (-math.inf, math.inf)
    if not (bounds[0] <= low and high <= bounds[1]):
        raise ValueError(f"values of {low:g} to {high:g} are not within {bounds[0]}..{bounds[1]}")
    return bounds


def _differences(bounds: Bounds) -> Bounds:
    width = bounds[1] - bounds[0]
    return -width, width


def _is_binary(values: Floats, bounds: Bounds) -> bool:
    """Tell right and wrong from ratings, where a scale of 0 to 5 may happen to give 0s and 1s."""
    return bounds == UNIT and bool(((values == 0) | (values == 1)).all())


def _spread(values: Floats, clusters: Labels | None) -> tuple[int, float | None, bool]:
    """Return how many units are independent, the error of the mean, and if any items share one."""
    if clusters is not None:
        codes = _codes(clusters, values.size)
        units = int(codes.max()) + 1
        if units < values.size:
            return units, clustered_standard_error(values, codes), True
    return values.size, standard_error(values), False


def _speaks_by_counts(error: float | None, clustered: bool) -> bool:
    """Tell whether the interval of zeros and ones comes from counting units.

    It does for independent items, and for clusters that do not differ at all: these would get an
    interval without width, and the careful reading is that each is one observation.
    """
    return not clustered or error == 0


def _discordant_interval(counts: McNemar, n: int, units: int, level: float) -> Interval:
    only_a, only_b = counts.only_a * units / n, counts.only_b * units / n
    return bonett_price_interval(only_a, min(only_b, units - only_a), units, level=level)


def _without_rounding(error: float, values: Floats) -> float:
    """Return 0 for an error that is nothing but the rounding of a mean."""
    return 0.0 if error <= 1e-12 * float(np.abs(values).max()) else error


def _upper(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"a level is between 0 and 1, as 0.95, not {level}")
    return (1 + level) / 2


def _normal_quantile(level: float) -> float:
    return float(scipy.special.ndtri(_upper(level)))


def _around(centre: float, half: float, bounds: Bounds, level: float, method: Method) -> Interval:
    return Interval(max(bounds[0], centre - half), min(bounds[1], centre + half), level, method)


def _t_interval(
    centre: float, error: float | None, freedom: int, bounds: Bounds, level: float
) -> Interval | None:
    upper = _upper(level)
    if not error:
        return None
    return _around(centre, float(scipy.special.stdtrit(freedom, upper)) * error, bounds, level, "t")


def _t_test(difference: float, error: float | None, freedom: int) -> float | None:
    if error:
        return 2 * float(scipy.special.stdtr(freedom, -abs(difference) / error))
    return 1.0 if error == 0 and difference == 0 else None


def _square_and_add(a: Estimate, b: Estimate) -> Interval | None:
    if a.interval is None or b.interval is None:
        return None
    if a.interval.level != b.interval.level:
        raise ValueError(f"intervals at {a.interval.level} and {b.interval.level} do not combine")
    difference = a.mean - b.mean
    below = math.hypot(a.mean - a.interval.low, b.interval.high - b.mean)
    above = math.hypot(a.interval.high - a.mean, b.mean - b.interval.low)
    return Interval(difference - below, difference + above, a.interval.level, "square and add")


def _multiplicities(n_units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each unit is drawn, for a bounded number of resamples at a time."""
    generator = np.random.default_rng(seed)
    at_once = max(1, CELLS_AT_ONCE // n_units)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = generator.integers(0, n_units, size=(rows, n_units))
        drawn += n_units * np.arange(rows)[:, np.newaxis]
        times = np.bincount(drawn.ravel(), minlength=rows * n_units)
        yield times.reshape(rows, n_units).astype(np.float64)


def _evaluate(statistic: Callable[[Floats], Floats], times: Floats) -> Floats:
    values = np.asarray(statistic(times), dtype=np.float64)
    if values.shape != (len(times),):
        raise ValueError(
            f"the statistic must return shape ({len(times)},) for {len(times)} resamples, "
            f"not {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("the statistic is not finite for a resample, as where a class is absent")
    return values
