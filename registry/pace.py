"""How fast answers come and when they will all be there, for whoever watches a run.

A speed is the difference between what was counted at two moments of the watcher's own steady clock.
So what a resumed run had before is no speed, and a clock that is set, on this machine or on a
replica's, makes no figure negative or absurd. The stored times of predictions are not used: they
are on the replicas' clocks.
"""

from collections import deque
from dataclasses import dataclass
from operator import attrgetter

WINDOW = 60.0
FEWEST = 10
"""A speed is that of the last `WINDOW` seconds, or of as long as the last `FEWEST` answers took."""


@dataclass(frozen=True, slots=True)
class Count:
    """What has come back so far, and what it cost in tokens.

    >>> Count(2, prompt_tokens=90, cached_tokens=60) + Count(1, 1, prompt_tokens=30)
    Count(answered=3, failed=1, prompt_tokens=120, cached_tokens=60, output_tokens=0)
    """

    answered: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Count") -> "Count":
        """Return both together."""
        mine, others = _FIGURES(self), _FIGURES(other)
        return Count(*(a + b for a, b in zip(mine, others, strict=True)))

    @property
    def returned(self) -> int:
        """How many have come back, be it with a failure."""
        return self.answered + self.failed

    @property
    def tokens(self) -> int:
        """The tokens of prompts and replies together."""
        return self.prompt_tokens + self.output_tokens

    @property
    def cached_share(self) -> float | None:
        """The share of the prompts' tokens that came from the prefix cache."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None

    def arrived_since(self, before: "Count") -> int:
        """Return how many came since; an answer that took a failure's place is one of them."""
        return max(0, self.answered - before.answered) + max(0, self.failed - before.failed)


_FIGURES = attrgetter(*Count.__slots__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far something is at one moment, and how fast; None where nothing can be said yet.

    `silent_seconds` is the age of the last answer, or how long nothing came at all.
    """

    total: int
    count: Count
    samples_per_second: float | None = None
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    silent_seconds: float | None = None

    @property
    def missing(self) -> int:
        """How many have not come back."""
        return max(0, self.total - self.count.returned)

    @property
    def is_silent(self) -> bool:
        """Whether no answer came for long, though some are missing: what tells of a hang."""
        return bool(self.missing) and (self.silent_seconds or 0.0) >= WINDOW

    def words(self, *, replicas: int = 0) -> list[str]:
        """Return what people read of it, the most important first, since a line may be cut off."""
        count, speed = self.count, self.tokens_per_second
        percent = f" ({percentage(count.returned, self.total)})" if self.total else ""
        return [
            f"{count.returned:,} of {self.total:,}{percent}",
            *([f"{count.failed:,} failed"] if count.failed else []),
            *([f"no answer for {duration(self.silent_seconds or 0.0)}"] if self.is_silent else []),
            *([f"ETA {_eta(self.eta_seconds)}"] if self.missing else []),
            *([f"{speed:,.0f} tokens/s"] if speed is not None and count.tokens else []),
            *([f"{_cached(count)} cached"] if count.prompt_tokens else []),
            *([f"{replicas} replica{'s' * (replicas > 1)}"] if replicas else []),
        ]


def _eta(seconds: float | None) -> str:
    return "unknown" if seconds is None else duration(seconds)


def _cached(count: Count) -> str:
    return percentage(count.cached_tokens, count.prompt_tokens)


class Pace:
    """Follows one count from moment to moment."""

    def __init__(self) -> None:
        # Each count and when it was first seen, as far back as the speed is taken.
        self._seen: deque[tuple[float, Count]] = deque()
        self._now = 0.0
        self.has_moved = False

    def observe(self, at: float, count: Count) -> None:
        """Take note of what has come back by the moment `at`, in seconds of a steady clock."""
        self._now = at
        if not self._seen:
            self._seen.append((at, count))
        elif count != self._seen[-1][1]:
            if not self.has_moved:
                # The wait before the first is the model's start (or ours): no speed of answers.
                self._seen.clear()
                self.has_moved = True
            self._seen.append((at, count))
        while len(self._seen) > 1 and self._is_enough(*self._seen[1]):
            self._seen.popleft()

    def _is_enough(self, since: float, before: Count) -> bool:
        came = self._seen[-1][1].arrived_since(before)
        return self._now - since >= WINDOW and came >= FEWEST

    @property
    def is_new(self) -> bool:
        """Whether nothing was observed yet."""
        return not self._seen

    @property
    def still_seconds(self) -> float:
        """Seconds since anything changed, or since the first look where nothing did."""
        return max(0.0, self._now - self._seen[-1][0]) if self._seen else 0.0

    def reading(self, total: int) -> Reading:
        """Return how far it is of `total`, once something was observed."""
        (since, before), (_, count) = self._seen[0], self._seen[-1]
        seconds = self._now - since
        samples = tokens = eta = None
        if len(self._seen) > 1 and seconds > 0:
            samples = count.arrived_since(before) / seconds
            tokens = max(0, count.tokens - before.tokens) / seconds
            eta = max(0, total - count.returned) / samples if samples else None
        return Reading(
            total=total,
            count=count,
            samples_per_second=samples,
            tokens_per_second=tokens,
            eta_seconds=eta,
            silent_seconds=self.still_seconds if count.returned else None,
        )


def percentage(part: int, whole: int) -> str:
    """Return the share in whole percents, rounded down: nothing is complete before it is.

    >>> percentage(9_999, 10_000)
    '99 %'
    """
    return f"{100 * part // whole} %"


def duration(seconds: float) -> str:
    """Return a span of time as people say it.

    >>> [duration(s) for s in (4.2, 250, 3900, 200_000)]
    ['4 s', '4 min', '1 h 05 min', '2 d 7 h']
    """
    minutes, hours, days = (int(seconds // unit) for unit in (60, 3600, 86_400))
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
