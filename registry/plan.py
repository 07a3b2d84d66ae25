"""How many items a difference needs, from the spread of the differences that runs have shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

from registry import statistics
from registry.compare import Items

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
