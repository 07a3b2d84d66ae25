"""Published against measured: how far our own run of a model lies from what was said of it.

Only numbers of one comparable group and metric are set against each other.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.leaderboard import Z, dated, interval

if TYPE_CHECKING:
    from datetime import date

    from registry.store import BoardRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Our newest number of a model minus a published one, of one group and metric.

    `low` and `high` are a 95 % interval of the difference; where the source says nothing of its
    error (`is_partial`), only ours is in it, and the true one is wider.
    """

    benchmark: str
    group: str
    metric: str
    published: float
    kind: str
    source: str
    date: "date | None"
    measured: float
    run_id: int
    gap: float
    low: float | None
    high: float | None
    is_partial: bool


def gaps(rows: Iterable["BoardRow"]) -> list[Gap]:
    """Return the gap to each source, of the rows of one model."""
    together: dict[tuple[str, str, str], list[BoardRow]] = defaultdict(list)
    for row in rows:
        if not row.baseline and not row.disputed and row.scope == "full":
            together[row.benchmark, row.group or row.variant, row.metric].append(row)
    return [gap for key, found in sorted(together.items()) for gap in _gaps(key[1], found)]


def _gaps(group: str, rows: Sequence["BoardRow"]) -> list[Gap]:
    runs = [row for row in rows if row.run_id]
    if not runs:
        return []
    ours = max(runs, key=lambda row: row.run_id)
    return [_gap(group, ours, row) for row in rows if not row.run_id]


def _gap(group: str, ours: "BoardRow", published: "BoardRow") -> Gap:
    difference = ours.value - published.value
    half, is_partial = _half(ours), _half(published) is None
    if half is not None:
        half = math.hypot(half, _half(published) or 0.0)
    return Gap(
        benchmark=ours.benchmark,
        group=group,
        metric=ours.metric,
        published=published.value,
        kind=published.kind,
        source=published.source,
        date=dated(published),
        measured=ours.value,
        run_id=ours.run_id,
        gap=difference,
        low=None if half is None else difference - half,
        high=None if half is None else difference + half,
        is_partial=is_partial,
    )


def _half(row: "BoardRow") -> float | None:
    """Return half the width of a number's 95 % interval."""
    if row.stderr is not None:
        return Z * row.stderr
    own = interval(row)
    return (own.high - own.low) / 2 if own else None
