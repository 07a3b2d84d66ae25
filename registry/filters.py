"""Which numbers a board may use: as of a day, and by what is known of number and model.

An unknown value is neither true nor false: a row of which the answer is not known fits no filter,
and is counted apart, unless unknown ones are asked for.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from registry.leaderboard import dated

if TYPE_CHECKING:
    from registry.store import BoardRow
    from registry.tables import ModelRow

Holds = Callable[["BoardRow", "ModelRow | None"], bool | None]

SIZES = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a row must fulfil, under the name of its option; None where that is not known."""

    option: str
    holds: Holds


@dataclass
class Sieve:
    """Keeps the rows that fulfil every condition, and counts what falls through, and why."""

    models: Mapping[str, "ModelRow"]
    conditions: Sequence[Condition] = ()
    include_unknown: bool = False
    dropped: Counter[str] = field(default_factory=Counter)

    def keep(self, row: "BoardRow") -> bool:
        """Whether the row stays; the first condition that it fails is counted."""
        for condition in self.conditions:
            answer = condition.holds(row, self.models.get(row.model))
            if answer is None and not self.include_unknown:
                self.dropped[f"of unknown {condition.option}"] += 1
                return False
            if answer is False:
                self.dropped[f"that do not fit --{condition.option}"] += 1
                return False
        return True


def current(rows: Iterable["BoardRow"]) -> list["BoardRow"]:
    """Return the rows that no correction has superseded."""
    return [row for row in rows if row.superseded_at is None]


def recorded_by(rows: Iterable["BoardRow"], day: date) -> list["BoardRow"]:
    """Return what this registry held for current at the end of a day (recorded time)."""
    return [row for row in rows if _was_known(row, day)]


def _was_known(row: "BoardRow", day: date) -> bool:
    if row.finished_at is not None:
        return row.finished_at.date() <= day
    if row.recorded_at is None or row.recorded_at.date() > day:
        return False
    return row.superseded_at is None or row.superseded_at.date() > day


def as_of(rows: Iterable["BoardRow"], day: date) -> list["BoardRow"]:
    """Return what was public at the end of a day (valid time), each source with its word of then.

    A row whose date is not known is left out. Of two versions with one date the later recorded
    one counts: the first was a slip.
    """
    newest: dict[tuple[object, ...], BoardRow] = {}
    runs: list[BoardRow] = []
    for row in rows:
        known_from = dated(row)
        if known_from is None or known_from > day:
            continue
        if row.run_id:
            runs.append(row)
            continue
        key = (row.benchmark, row.model, row.source, row.variant, row.metric)
        if key not in newest or _version(newest[key]) < _version(row):
            newest[key] = row
    return [*runs, *newest.values()]


def _version(row: "BoardRow") -> tuple[date, str]:
    recorded = row.recorded_at.isoformat() if row.recorded_at else ""
    return row.valid_from or date.min, recorded


def tokens(text: str) -> int:
    """Return a number of tokens as people write it: 128k is 128,000. Raises ValueError.

    >>> tokens("128k"), tokens("1M"), tokens("8192")
    (128000, 1000000, 8192)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([km]?)", text.strip().lower())
    if match is None:
        raise ValueError(f"'{text}' is no number of tokens")
    return round(float(match[1]) * SIZES[match[2]])


def price(model: "ModelRow") -> float | None:
    """Return USD per million tokens at three of input to one of output, None where not known."""
    if model.price_input is None or model.price_output is None:
        return None
    return (3 * model.price_input + model.price_output) / 4


def _of_model(option: str, holds: Callable[["ModelRow"], bool | None]) -> Condition:
    return Condition(option, lambda _row, model: None if model is None else holds(model))


def has_open_weights(wanted: bool) -> Condition:
    """The weights can be downloaded, or cannot."""
    option = "open-weights" if wanted else "closed-weights"
    return _of_model(option, lambda m: None if m.open_weights is None else m.open_weights is wanted)


def has_license(names: Iterable[str]) -> Condition:
    """The licence is one of these, whatever the case."""
    wanted = {name.casefold() for name in names}
    return _of_model("license", lambda m: m.license.casefold() in wanted if m.license else None)


def is_by(organizations: Iterable[str]) -> Condition:
    """The maker is one of these, whatever the case."""
    wanted = {name.casefold() for name in organizations}
    return _of_model(
        "org", lambda m: m.organization.casefold() in wanted if m.organization else None
    )


def has_at_most(parameters_b: float) -> Condition:
    """There are no more parameters than these, in billions."""
    return _of_model(
        "max-params", lambda m: None if m.parameters_b is None else m.parameters_b <= parameters_b
    )


def reads_at_least(context_tokens: int) -> Condition:
    """The context is at least this long."""
    return _of_model(
        "min-context",
        lambda m: None if m.context_tokens is None else m.context_tokens >= context_tokens,
    )


def costs_at_most(usd: float) -> Condition:
    """A million tokens cost no more, at three of input to one of output."""

    def holds(model: "ModelRow") -> bool | None:
        asked = price(model)
        return None if asked is None else asked <= usd

    return _of_model("max-price", holds)


def takes(modality: str) -> Condition:
    """The model takes this kind of input."""
    return _of_model(
        "modality", lambda m: modality in m.modalities.split(", ") if m.modalities else None
    )


def is_since(day: date) -> Condition:
    """The number is of this day or later."""

    def holds(row: "BoardRow", _model: "ModelRow | None") -> bool | None:
        known_from = dated(row)
        return None if known_from is None else known_from >= day

    return Condition("since", holds)
