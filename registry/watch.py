"""Watch a run from outside: looks at the registry, and at nothing else, again and again.

So it works from any machine that reaches the registry. The times of each look are given by the
caller: `at` of a steady clock, for speeds and ages (`pace.py` says why), and `now` for what must be
held against stored times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from registry.benchmark import ANSWER, Outcome
from registry.pace import Count, Pace, Reading, duration
from registry.store import Portion, Snapshot, Store

REST = 9
"""How many times as long as a look took the watcher rests: a tenth of the time is spent looking."""


class State(StrEnum):
    """What a run is doing, as far as its answers tell; a registry knows of no process."""

    STARTING = "starting"
    """Nothing has come yet: the model is being loaded, which takes a minute or more."""
    ANSWERING = "answering"
    """The last answer came within the last minute."""
    SILENT = "silent"
    """No answer for a minute or more: it is slow, it hangs, or nobody asks any more."""
    COMPLETE = "complete"
    """Every sample has come back; it is being reviewed or scored, or failures wait for resume."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Replica:
    """One loaded copy of the model, or one endpoint, and what it has given back."""

    name: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Stage:
    """The answers of a run, or one review of them; the replicas, the last to answer first.

    Which answers need no review is not known here: the total of a review is the most it can be.
    """

    name: str
    reading: Reading
    replicas: Sequence[Replica]

    def words(self) -> list[str]:
        """Return what people read of it."""
        reading = self.reading
        replicas = sum(bool(each.name) for each in self.replicas)
        age = reading.silent_seconds if reading.missing and not reading.is_silent else None
        return [
            *reading.words(replicas=replicas),
            *([f"last answer {duration(age)} ago"] if age is not None else []),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A run as one look found it; the first stage is the answers, what follows are reviews."""

    snapshot: Snapshot
    state: State
    elapsed_seconds: float
    stages: Sequence[Stage]
    first_failure: str = ""

    def record(self) -> dict[str, Any]:
        """Return it as programs read it."""
        run = self.snapshot._asdict()
        del run["portions"]
        return {
            **run,
            "state": self.state.value,
            "elapsed_seconds": self.elapsed_seconds,
            "first_failure": self.first_failure,
            "stages": [_stage_record(stage) for stage in self.stages],
        }


class Watch:
    """Follows one run in the store from look to look."""

    def __init__(self, store: Store, run_id: int) -> None:
        """Watch this run; nothing is read yet."""
        self._store, self._run_id = store, run_id
        self._paces: dict[tuple[str, ...], Pace] = {}
        self._last_look: float | None = None
        self._failed, self._failure = 0, ""

    def look(self, at: float, now: datetime) -> View:
        """Return how the run stands. Raises UnknownName where there is none of that id."""
        run = self._store.snapshot(self._run_id)
        names = dict.fromkeys([ANSWER, *(portion.stage for portion in run.portions)])
        stages = [self._stage(run, name, at, now) for name in names]
        self._last_look = at
        return View(
            snapshot=run,
            state=_state(run, stages[0].reading),
            elapsed_seconds=max(0.0, ((run.finished_at or now) - run.started_at).total_seconds()),
            stages=stages,
            first_failure=self._first_failure(sum(s.reading.count.failed for s in stages)),
        )

    def _stage(self, run: Snapshot, name: str, at: float, now: datetime) -> Stage:
        portions = [portion for portion in run.portions if portion.stage == name]
        total = run.n_samples
        if name != ANSWER:
            total = counted(p for p in run.portions if p.stage == ANSWER).answered
        by_replica: dict[str, list[Portion]] = {}
        for portion in portions:
            by_replica.setdefault(portion.replica, []).append(portion)
        replicas = [
            Replica(replica, self._reading((name, replica), own, counted(own).returned, at, now))
            for replica, own in by_replica.items()
        ]
        reading = self._reading((name,), portions, total, at, now)
        if run.finished_at:
            reading = replace(reading, silent_seconds=None)
        return Stage(name, reading, sorted(replicas, key=_silence_of))

    def _reading(
        self,
        whose: tuple[str, ...],
        portions: Sequence[Portion],
        total: int,
        at: float,
        now: datetime,
    ) -> Reading:
        pace = self._paces.setdefault(whose, Pace())
        if pace.is_new and self._last_look is not None:
            pace.observe(self._last_look, Count())  # what appears has come since the last look
        pace.observe(at, counted(portions))
        reading = pace.reading(total)
        return replace(reading, silent_seconds=_silence(pace, portions, now))

    def _first_failure(self, failed: int) -> str:
        """Return the first failure's reason; it is looked up only when their number changes."""
        if failed != self._failed:
            self._failed = failed
            self._failure = self._store.first_failure(self._run_id) if failed else ""
        return self._failure


def counted(portions: Iterable[Portion]) -> Count:
    """Return what has come back in some portions together."""
    total = Count()
    for portion in portions:
        failed = portion.n if portion.outcome == Outcome.FAILED else 0
        tokens = (portion.prompt_tokens, portion.cached_tokens, portion.output_tokens)
        total += Count(portion.n - failed, failed, *tokens)
    return total


def _silence(pace: Pace, portions: Sequence[Portion], now: datetime) -> float | None:
    """Return the age of the last answer, None where there is none.

    Before an answer is seen to come there is only what is stored, on the replica's clock; where
    that is ahead, or says nothing, no answer came at least since watching began.
    """
    if not portions:
        return None
    last = max(portion.last for portion in portions)
    if pace.has_moved or not last:
        return pace.still_seconds
    return max(pace.still_seconds, now.timestamp() - last)


def _silence_of(replica: Replica) -> float:
    return replica.reading.silent_seconds or 0.0


def _state(run: Snapshot, answers: Reading) -> State:
    if run.finished_at:
        return State.FINISHED
    if answers.silent_seconds is None:
        return State.STARTING
    if not answers.missing:
        return State.COMPLETE
    return State.SILENT if answers.is_silent else State.ANSWERING


def _stage_record(stage: Stage) -> dict[str, Any]:
    reading = stage.reading
    return {
        "stage": stage.name,
        "total": reading.total,
        "missing": reading.missing,
        "eta_seconds": reading.eta_seconds,
        **_record(reading),
        "replicas": [{"replica": each.name, **_record(each.reading)} for each in stage.replicas],
    }


def _record(reading: Reading) -> dict[str, Any]:
    return {
        **asdict(reading.count),
        "cached_share": reading.count.cached_share,
        "samples_per_second": reading.samples_per_second,
        "tokens_per_second": reading.tokens_per_second,
        "last_answer_seconds": reading.silent_seconds,
    }
