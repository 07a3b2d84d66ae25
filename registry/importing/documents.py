"""Read JSON documents strictly: what is said is of the type that it should be, or is refused."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from registry.errors import ImportFailure
from registry.importing.tabular import BadCell

PROPORTIONS = frozenset(
    ("accuracy", "acc", "acc_norm", "exact_match", "f1", "f1-macro", "macro_f1", "auroc")
)
"""Metrics between 0 and 1, which some publish as percentages."""

NAMES = {"acc": "accuracy", "exact_match": "accuracy", "em": "accuracy"}
"""Metrics that Podium's benchmarks call by another name."""


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a document; `where` names it in messages. The readers raise BadCell."""

    where: str
    values: Mapping[str, Any]

    def any(self, name: str) -> Any:
        """Return whatever stands there, None for nothing."""
        return self.values.get(name)

    def text(self, name: str) -> str:
        """Return a text, which must say something."""
        value = self.known(name)
        if value is None:
            raise BadCell(f"{name} is missing")
        return value

    def known(self, name: str) -> str | None:
        """Return a text, or None where there is none."""
        value = self.any(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise BadCell(f"{name}: no text: {value!r}")
        return value

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self.number_or_none(name)
        if value is None:
            raise BadCell(f"{name} is missing")
        return value

    def number_or_none(self, name: str) -> float | None:
        """Return a finite number, or None where there is none."""
        value = self.any(name)
        if value is None or value == "N/A":
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadCell(f"{name}: no number: {value!r}")
        if not math.isfinite(value):
            raise BadCell(f"{name}: not finite: {value!r}")
        return float(value)

    def whole_or_none(self, name: str) -> int | None:
        """Return a whole number, or None where there is none."""
        value = self.number_or_none(name)
        if value is not None and value != int(value):
            raise BadCell(f"{name}: no whole number: {value!r}")
        return None if value is None else int(value)

    def flag(self, name: str, otherwise: bool = False) -> bool:
        """Return true or false."""
        value = self.any(name)
        if value is None:
            return otherwise
        if not isinstance(value, bool):
            raise BadCell(f"{name}: not true or false: {value!r}")
        return value

    def day_or_none(self, name: str) -> date | None:
        """Return the day of a date, a moment, or seconds since 1970; None where there is none."""
        value = self.any(name)
        if value in (None, "", "unknown"):
            return None
        try:
            return _day(value)
        except (ValueError, OverflowError, OSError) as error:
            raise BadCell(f"{name}: no date: {value!r}") from error

    def object(self, name: str) -> "Fields":
        """Return what is inside; an object that is not there is an empty one."""
        value = self.any(name)
        if value is None:
            return Fields(f"{self.where}.{name}", {})
        if not isinstance(value, Mapping):
            raise BadCell(f"{name}: no object: {value!r:.60}")
        return Fields(f"{self.where}.{name}", value)

    def objects(self, name: str) -> Iterator["Fields"]:
        """Yield the objects of a list."""
        value = self.any(name)
        if not isinstance(value, list):
            raise BadCell(f"{name}: no list: {value!r:.60}")
        for number, each in enumerate(value):
            if not isinstance(each, Mapping):
                raise BadCell(f"{name}[{number}]: no object: {each!r:.60}")
            yield Fields(f"{self.where}.{name}[{number}]", each)


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC).date()
    if not isinstance(value, str):
        raise ValueError(value)
    return datetime.fromisoformat(value.replace("Z", "+00:00")).date()


def read_json(path: Path) -> Any:
    """Return what a JSON file says. Raises ImportFailure where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise ImportFailure(
            f"{path} cannot be read as JSON: {error}. Look at it with: head {path}"
        ) from error


def _no_number(word: str) -> float:
    """Keep NaN for a number that was not computed; infinity is a mistake."""
    if word == "NaN":
        return math.nan
    raise ValueError(f"{word} is no number")


def json_files(path: Path, *, pattern: str = "*.json") -> list[Path]:
    """Return the JSON files that a path names: itself, or those below the folder, in order."""
    if path.is_dir():
        return sorted(file for file in path.rglob(pattern) if file.is_file())
    return [path] if path.suffix.lower() == ".json" else []


def object_of(path: Path) -> Mapping[str, Any] | None:
    """Return the object that a file holds, or None where it is no JSON object at all."""
    try:
        value = read_json(path)
    except ImportFailure:
        return None
    return value if isinstance(value, Mapping) else None


def slug(name: str) -> str:
    """Return a benchmark's name as Podium spells names.

    >>> slug("TIGER-Lab/MMLU_Pro")
    'mmlu-pro'
    """
    return re.sub(r"[^a-z0-9.+]+", "-", name.rsplit("/", 1)[-1].lower()).strip("-")


def as_proportion(metric: str, value: float, stderr: float | None) -> tuple[float, float | None]:
    """Return a number as a proportion where it was published as a percentage."""
    if metric in PROPORTIONS and 1.0 < value <= 100.0:
        return value / 100, None if stderr is None else stderr / 100
    return value, stderr


def bounds(metric: str) -> tuple[float, float]:
    """Return what a metric's values must lie within; of most nothing is known."""
    return (0.0, 1.0) if metric in PROPORTIONS else (-math.inf, math.inf)
