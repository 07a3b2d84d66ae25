"""Progress: how far the best number of one comparable group has moved, over models' release dates.

A frontier is a running best: a model is on it when it beats every model released before it. Equal
values do not advance it. It counts the numbers of a board, so disputed ones are not among them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from registry.leaderboard import KINDS, Board, Standing, named, with_error

if TYPE_CHECKING:
    from registry.tables import ModelRow

DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Point:
    """A model with a known release date, and its row of the board; None: weights not known."""

    released: date
    open_weights: bool | None
    standing: Standing

    @property
    def weights(self) -> str:
        """Whether the weights can be downloaded: open, closed, or unknown."""
        return {True: "open", False: "closed", None: "unknown"}[self.open_weights]


@dataclass(frozen=True, slots=True)
class Step:
    """A point that advanced a frontier, and by how much; the first has nothing to gain on.

    `told_apart` says whether its 95 % interval lies wholly beyond that of the step before, and is
    None where one of them has no interval.
    """

    frontier: str
    point: Point
    gain: float | None = None
    told_apart: bool | None = None


FRONTIERS: Mapping[str, Callable[[Point], bool]] = {
    "overall": lambda point: True,
    "open": lambda point: point.open_weights is True,
    "closed": lambda point: point.open_weights is False,
}
"""Each frontier, and which models it is of; unknown weights count for the overall one only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The dated models of one board, oldest first, and the steps of each frontier.

    `undated` are the models that no frontier can place, since nobody says when they were released.
    """

    board: Board
    points: Sequence[Point]
    frontiers: Mapping[str, Sequence[Step]]
    undated: Sequence[Standing]

    @property
    def on_frontiers(self) -> list[Point]:
        """The points that advanced any frontier, oldest first."""
        held = {step.point.standing.model for steps in self.frontiers.values() for step in steps}
        return [point for point in self.points if point.standing.model in held]


def progress(board: Board, models: Mapping[str, "ModelRow"]) -> Progress:
    """Return how a board's best number moved over the release dates that `models` gives by name."""
    points: list[Point] = []
    undated: list[Standing] = []
    for standing in board.standings:
        model = models.get(standing.model)
        if model is None or model.release_date is None:
            undated.append(standing)
        else:
            points.append(Point(model.release_date, model.open_weights, standing))
    points.sort(key=lambda point: (point.released, point.standing.rank, point.standing.model))
    return Progress(
        board=board,
        points=points,
        frontiers={
            name: _steps(name, filter(belongs, points), board.higher_is_better)
            for name, belongs in FRONTIERS.items()
        },
        undated=undated,
    )


def _steps(frontier: str, points: Iterable[Point], higher_is_better: bool) -> list[Step]:
    """Return the points that beat all before them; of one day only the best can."""
    sign = 1 if higher_is_better else -1
    steps: list[Step] = []
    for point in points:
        if not steps:
            steps.append(Step(frontier, point))
            continue
        before = steps[-1].point.standing
        gain = sign * (point.standing.value - before.value)
        if gain > 0:
            apart = _told_apart(point.standing, before, higher_is_better)
            steps.append(Step(frontier, point, gain, apart))
    return steps


def _told_apart(better: Standing, worse: Standing, higher_is_better: bool) -> bool | None:
    if better.low is None or better.high is None or worse.low is None or worse.high is None:
        return None
    return better.low > worse.high if higher_is_better else better.high < worse.low


def frontier_sentence(found: Progress) -> str:
    """Say who holds the frontier since when, in words that stay true with one model or none."""
    group = found.board.group
    where = f"{group.benchmark} ({group.label})"
    steps = found.frontiers["overall"]
    if not steps:
        return f"No model of {where} has a release date."
    last = steps[-1].point
    whose = "" if last.standing.kind == KINDS[0] else f", {last.standing.kind}"
    count = len(found.points)
    if count == 1:
        return (
            f"{named(last.standing)} of {last.released} is the only dated model of {where}: "
            f"{with_error(last.standing)}{whose}."
        )
    advances = len(steps) - 1
    times = "was never advanced" if not advances else f"advanced {_times(advances)}"
    return (
        f"{named(last.standing)} holds the frontier of {where} since {last.released} with "
        f"{with_error(last.standing)}{whose}; it {times} over {count} models."
    )


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")


def open_weights_sentence(found: Progress) -> str:
    """Say how far open weights are from the frontier, in score and in time; "" with no such two."""
    steps, own = found.frontiers["overall"], found.frontiers["open"]
    if not own or not found.frontiers["closed"]:
        return ""
    best = own[-1].point
    if best is steps[-1].point:
        return "The frontier is held by open weights."
    sign = 1 if found.board.higher_is_better else -1
    target = sign * best.standing.value
    first = next(s.point for s in steps if sign * s.point.standing.value >= target)
    gap = sign * steps[-1].point.standing.value - target
    sentence = (
        f"The best with open weights is {named(best.standing)} of {best.released} with "
        f"{with_error(best.standing)}, {gap:.3f} behind the frontier"
    )
    months = round((best.released - first.released).days / DAYS_A_MONTH)
    if first is best or months < 1:
        return f"{sentence}."
    span = "1 month" if months == 1 else f"{months} months"
    return f"{sentence}, which was as far {span} before ({named(first.standing)})."
