"""A chart of progress in plain characters, as wide as the terminal; shapes say what colour would.

Every character takes one column and none is a control code, so that a pipe or a file reads as well.
"""

import math
from collections.abc import Sequence
from datetime import date

from registry.progress import Point, Progress, Step

HEIGHT = 14
NARROWEST, WIDEST = 40, 110
MARKS = {"open": "○", "closed": "●", "unknown": "◆"}
OTHER = "·"
LEVEL, RISE = "─", "│"
CORNERS = {True: ("┌", "┘"), False: ("└", "┐")}
"""What the line turns with where it rises, and where it falls: at the new value, at the old."""

LEGEND = f"○ open  ● closed  ◆ unknown weights, on a frontier   {OTHER} other models   ── frontier"


def text_chart(found: Progress, width: int) -> str:
    """Return the points of a board over their release dates, and the overall frontier as a line."""
    values = [point.standing.value for point in found.points]
    low, high = min(values), max(values)
    margin = max(len(f"{value:.2f}") for value in (low, high)) + 1
    columns = max(NARROWEST, min(width, WIDEST)) - margin - 1
    canvas = _Canvas(found.points[0].released, found.points[-1].released, low, high, columns)
    canvas.draw_line(found.frontiers["overall"])
    for point in found.points:
        canvas.dot(point)
    for point in found.on_frontiers:
        canvas.mark(point)
    labels = {canvas.row(value): f"{value:.2f}" for value in canvas.ticks()}
    lines = [
        f"{labels.get(i, ''):>{margin - 1}} {'┤' if i in labels else '│'}{''.join(cells).rstrip()}"
        for i, cells in enumerate(canvas.cells)
    ]
    indent = " " * margin
    return "\n".join(
        [*lines, f"{indent}└{'─' * columns}", f"{indent} {canvas.dates()}", f"{indent} {LEGEND}"]
    )


class _Canvas:
    """Cells of characters, and where days and values lie on them."""

    def __init__(self, first: date, last: date, low: float, high: float, columns: int) -> None:
        self._first, self._last = first, last
        self._low, self._high = low, high
        self._columns = columns
        self.cells = [[" "] * columns for _ in range(HEIGHT)]

    def column(self, day: date) -> int:
        """Return where a day lies; the only day lies at the left."""
        span = (self._last - self._first).days or 1
        return round((day - self._first).days / span * (self._columns - 1))

    def row(self, value: float) -> int:
        """Return where a value lies, the highest at the top."""
        span = (self._high - self._low) or 1.0
        return round((self._high - value) / span * (HEIGHT - 1))

    def draw_line(self, steps: Sequence[Step]) -> None:
        """Draw a frontier: level until the next step, and on to the last day."""
        for step, after in zip(steps, [*steps[1:], None], strict=True):
            start = self.column(step.point.released)
            end = self.column(after.point.released) if after else self._columns
            row = self.row(step.point.standing.value)
            for column in range(start, end):
                self.cells[row][column] = LEVEL
            if after:
                self._turn(end, row, self.row(after.point.standing.value))

    def _turn(self, column: int, old: int, new: int) -> None:
        at_new, at_old = CORNERS[new < old]
        for row in range(min(old, new), max(old, new) + 1):
            self.cells[row][column] = RISE
        self.cells[old][column] = at_old
        self.cells[new][column] = LEVEL if new == old else at_new

    def dot(self, point: Point) -> None:
        """Put a model that is on no frontier, where nothing else is."""
        row, column = self.row(point.standing.value), self.column(point.released)
        if self.cells[row][column] == " ":
            self.cells[row][column] = OTHER

    def mark(self, point: Point) -> None:
        """Put a model that is on a frontier."""
        cells = self.cells[self.row(point.standing.value)]
        cells[self.column(point.released)] = MARKS[point.weights]

    def ticks(self) -> list[float]:
        """Return round values within the range, the lowest and highest where none is."""
        span = self._high - self._low
        if not span:
            return [self._low]
        raw = span / 4
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw)
        first = math.ceil(self._low / step)
        return [i * step for i in range(first, math.floor(self._high / step) + 1)]

    def dates(self) -> str:
        """Return the months of the first and last day, and years between, where they have room."""
        line = [" "] * self._columns
        ends = f"{self._last:%Y-%m}"
        taken = self._put(line, 0, f"{self._first:%Y-%m}")
        last = self._columns - len(ends)
        if last > taken:
            self._put(line, last, ends)
        for year in range(self._first.year + 1, self._last.year + 1):
            at = self.column(date(year, 1, 1))
            if taken < at < last - 5:
                taken = self._put(line, at, str(year))
        return "".join(line).rstrip()

    def _put(self, line: list[str], at: int, text: str) -> int:
        """Write the text at a column; return the first column that leaves a gap after it."""
        line[at : at + len(text)] = text
        return at + len(text) + 1
