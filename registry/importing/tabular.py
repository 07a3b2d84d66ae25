"""Read CSV files and their cells strictly: any column order, with or without BOM, LF or CRLF."""

import csv
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from registry.errors import ImportFailure
from registry.importing.records import Refusal

T = TypeVar("T")

DATE = re.compile(r"\d{4}-\d\d-\d\d")
FORMULA = re.compile(r"\s*'*[=+\-@＝＋－＠]")  # noqa: RUF001  (full width runs as well)
"""What a spreadsheet would run as a formula, whatever guards stand before it."""


class BadCell(ValueError):
    """A cell that does not say what its column promises; the text names both."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a CSV file; a column that the file lacks is blank.

    The readers raise BadCell for a cell that is no number, no date ….
    """

    where: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Return the cell as it stands."""
        return self.cells.get(column, "")

    def text(self, column: str) -> str:
        """Return the cell, which must say something."""
        if not self[column]:
            raise BadCell(f"{column} is blank")
        return self[column]

    def known(self, column: str) -> str | None:
        """Return the cell, or None where it is blank."""
        return self[column] or None

    def number(self, column: str) -> float:
        """Return a finite number."""
        return _parsed(self.text(column), _finite, f"{column}: no number")

    def number_or_none(self, column: str) -> float | None:
        """Return a finite number, or None where the cell is blank."""
        return self.number(column) if self[column] else None

    def whole_or_none(self, column: str) -> int | None:
        """Return a whole number, or None where the cell is blank."""
        cell = self[column]
        return _parsed(cell, int, f"{column}: no whole number") if cell else None

    def day(self, column: str) -> date:
        """Return a date, written as 2025-07-09."""
        return _parsed(self.text(column), _day, f"{column}: no date of the form 2025-07-09")

    def day_or_none(self, column: str) -> date | None:
        """Return a date, or None where the cell is blank."""
        return self.day(column) if self[column] else None

    def flag(self, column: str) -> bool:
        """Return true or false."""
        words = {"true": True, "false": False}
        return _parsed(self.text(column).lower(), words.__getitem__, f"{column}: not true or false")

    def flag_or_none(self, column: str) -> bool | None:
        """Return true or false, or None where the cell is blank."""
        return self.flag(column) if self[column] else None


def guarded(text: str) -> str:
    """Return the text with an apostrophe before what a spreadsheet would run as a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """Return the text that was guarded.

    >>> [unguarded(guarded(text)) for text in ("=1+1", "'=1+1", "it's", "-0.5")]
    ['=1+1', "'=1+1", "it's", '-0.5']
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def header(path: Path) -> frozenset[str]:
    """Return the names of a CSV file's columns. Raises ImportFailure where it is none."""
    _, columns = next(iter(_lines(path)), (1, []))
    return frozenset(columns)


def rows(path: Path) -> Iterator[Row | Refusal]:
    """Yield the lines below the header; for one with too many or too few cells, why it is none."""
    lines = iter(_lines(path))
    _, columns = next(lines, (1, []))
    for number, cells in lines:
        if len(cells) != len(columns):
            reason = f"{len(cells)} cells under {len(columns)} columns"
            yield Refusal(f"{path.name}:{number}", reason)
        else:
            named = zip(columns, (unguarded(cell.strip()) for cell in cells), strict=True)
            yield Row(f"{path.name}:{number}", dict(named))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield records and where each ends; a quoted cell may hold line ends, blank lines go."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportFailure(
            f"{path} cannot be read as CSV: {error}. Look at it with: head {path}"
        ) from error


def _parsed(text: str, parse: Callable[[str], T], fault: str) -> T:
    try:
        return parse(text)
    except (KeyError, ValueError) as error:
        raise BadCell(f"{fault}: '{text}'") from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def _day(text: str) -> date:
    if not DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)
