"""How many items a difference needs, from the spread of the differences that runs have shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

from registry import statistics
from registry.compare import Items
from registry.leaderboard import Standing

ASSUMED_DEVIATION = 0.53
"""Of right minus wrong between two models: the median over 28 models on MMLU-Pro."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How far apart two models are on single items: the deviation of a − b over n of them.

    Where samples share clusters it is what the deviation of as many independent items would be.
    """

    a: str
    b: str
    n: int
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many items show a difference, and which difference the benchmark's own items show.

    `spreads` are the pairs that the deviation is the median of; without any it is assumed.
    """

    difference: float
    power: float
    confidence: float
    deviation: float
    items: int
    spreads: Sequence[Spread]
    size: int | None
    detectable: float | None

    @property
    def enough(self) -> bool | None:
        """Whether the benchmark has that many items; None where its size is not known."""
        return None if self.size is None else self.items <= self.size


def spread(a: str, b: str, items: Items) -> Spread | None:
    """Return how far two models are apart on single items, None where they never differ."""
    paired = statistics.paired_difference(
        [each.value for each in items.a], [each.value for each in items.b], items.clusters
    )
    if not paired.stderr:
        return None
    return Spread(a, b, paired.n, paired.stderr * math.sqrt(paired.n))


def unpaired_spread(a: Standing, b: Standing) -> Spread | None:
    """Return how far two standings would be apart on single items if they shared none.

    It comes from their standard errors, or from what a share of right answers implies where only
    the number of items is known; None where nothing says, or no value can differ.
    """
    deviations = [_deviation(each) for each in (a, b)]
    known = [each for each in deviations if each is not None]
    if len(known) < 2 or not any(known):
        return None
    return Spread(a.model, b.model, min(a.n or 0, b.n or 0), math.hypot(*known))


def _deviation(standing: Standing) -> float | None:
    """Return the deviation of a value over single items, None where it is not known."""
    if not standing.n:
        return None
    if standing.is_assumed:
        return math.sqrt(standing.value * (1 - standing.value))
    return None if standing.stderr is None else standing.stderr * math.sqrt(standing.n)


def more_items(difference: float, found: Spread | None) -> int | None:
    """Return how many items beyond those at hand a test of the difference needs, None if unknown.

    As `plan` has it: to find one of this size significant at 5 % with a power of 80 %. It is 0
    where the items at hand are enough for that, though the intervals of the two may still overlap.
    """
    if found is None or difference == 0:
        return None
    return max(0, statistics.required_items(difference, found.deviation) - found.n)


def plan(
    difference: float,
    spreads: Sequence[Spread] = (),
    *,
    size: int | None = None,
    power: float = 0.8,
    confidence: float = 0.95,
) -> Plan:
    """Return how many items show the difference with this power; `size` is the benchmark's.

    Raises ValueError for a difference of 0 and a power not within 0.5..1.
    """
    deviation = median(each.deviation for each in spreads) if spreads else ASSUMED_DEVIATION
    detectable = None
    if size:
        detectable = detectable_difference(size, deviation, power=power, confidence=confidence)
    return Plan(
        difference=difference,
        power=power,
        confidence=confidence,
        deviation=deviation,
        items=statistics.required_items(difference, deviation, power=power, level=confidence),
        spreads=spreads,
        size=size,
        detectable=detectable,
    )


def detectable_difference(n: int, deviation: float, *, power: float, confidence: float) -> float:
    """Return the smallest paired difference that n items show with this power.

    It turns `statistics.required_items` around: (z_level + z_power) · deviation / sqrt(n).
    """
    normal = NormalDist()
    z = normal.inv_cdf((1 + confidence) / 2) + normal.inv_cdf(power)
    return z * deviation / math.sqrt(n)
