"""Runs from first sample to finished scores; does not know where the model lives.

Load, ask, store, score, finish: every response is stored before it is scored, and a run whose
samples are not all answered stays unfinished.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from random import Random

from evaluators.private import Responses, withheld
from evaluators.requests import Requests
from evaluators.retrying import with_retries
from evaluators.scoring import score
from evaluators.selection import Selection
from registry import (
    Benchmark,
    Engine,
    EngineError,
    Outcome,
    Prediction,
    RegistryError,
    Request,
    Terms,
)
from registry.benchmark import REPEAT
from registry.errors import StoreUnavailable
from registry.store import Store

APPEND_SECONDS = 1.0
APPEND_ROWS = 200
RETRIES = 1
"""How often a failure that may pass is sent again, when all else has come back."""
PATIENCE, PAUSE = 120.0, 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the store and what it asks; a share of it twice, to learn how answers vary."""

    id: int
    selection: Selection
    repeat_fraction: float = 0.0

    @property
    def repeated(self) -> list[str]:
        """The samples that are asked twice, in random order, the same ones whenever it is asked."""
        ids = list(self.selection.samples)
        n = math.ceil(self.repeat_fraction * len(ids))
        return Random(self.selection.items_hash).sample(ids, n)


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended: finished, or with so many samples missing or failed."""

    run_id: int
    finished: bool
    answered: int
    missing: int
    failed: int
    first_failure: str = ""


class DataRefused(RegistryError):
    """Credentialed or gated data on its way to an engine that is not local."""


def check_fit(
    selections: Iterable[Selection],
    engine: Engine,
    *,
    images: bool = True,
    allow_remote: bool = False,
) -> None:
    """Refuse what the engine cannot or must not be asked, before anything is loaded.

    Raises DataRefused where restricted data would leave this machine and its private network
    (unless that is allowed, which the run records), and EngineError where samples have pictures
    and the model takes none (a judge reads text: then `images` is False).
    """
    for selection in selections:
        benchmark = selection.benchmark
        if images and not engine.identity.takes_images and has_images(selection):
            raise EngineError(
                f"{benchmark.name} asks about images, and {engine.identity.model} takes text only. "
                "Leave it out, or name a model with a vision part: --model DIR"
            )
        if benchmark.terms is not Terms.OPEN and not (engine.local or allow_remote):
            raise DataRefused(
                f"{benchmark.name} is {benchmark.terms} data and must not be sent to "
                f"{engine.identity.model}, which is not on this machine or its private network. "
                "Serve a model locally (--model DIR); if its terms allow you to send it there, "
                "add: --allow-remote"
            )


def has_images(selection: Selection) -> bool:
    """Return whether any of the samples has a picture."""
    return any(not isinstance(sample.input, str) for sample in selection.samples.values())


def ask(
    store: Store,
    engine: Engine,
    runs: Sequence[Run],
    responses: Responses,
    on_answer: Callable[[Prediction], None],
) -> None:
    """Send what has no response yet, all runs in one stream, and store answers as they come.

    Whatever ends it early (an error, Ctrl-C), all answers that came back are stored.
    """
    first = (r for run in runs for r in requests_of(run, store.answered(run.id)))
    again = (r for run in runs for r in repeats_of(run, store.answered(run.id, REPEAT)))
    _send(store, engine, runs, Requests(chain(first, again)), responses, on_answer)


def review(
    store: Store,
    reviewer: Engine,
    runs: Sequence[Run],
    responses: Responses,
    on_answer: Callable[[Prediction], None],
) -> None:
    """Put the stored responses to the reviewer (judge or extractor), where it has not seen them."""
    requests = Requests(r for run in runs for r in reviews_of(run, store, responses))
    _send(store, reviewer, runs, requests, responses, on_answer)


def requests_of(run: Run, answered: set[str]) -> Iterator[Request]:
    """Yield the requests of a run's samples that have no response."""
    samples, prompt = run.selection.samples, run.selection.task.prompt
    for sample_id in samples:
        if sample_id not in answered:
            yield Request(run.id, sample_id, prompt(samples[sample_id]))


def repeats_of(run: Run, answered: set[str]) -> Iterator[Request]:
    """Yield the requests that a run sends twice, in an order of their own."""
    samples, prompt = run.selection.samples, run.selection.task.prompt
    for sample_id in run.repeated:
        if sample_id not in answered:
            yield Request(run.id, sample_id, prompt(samples[sample_id]), REPEAT)


def reviews_of(run: Run, store: Store, responses: Responses) -> Iterator[Request]:
    """Yield the requests to review a run's responses; failed ones have nothing to review."""
    step = run.selection.task.review
    if step is None:
        return
    done = store.answered(run.id, step.name)
    for prediction in responses.joined(run.selection.benchmark, store.predictions(run.id)):
        if prediction.outcome is Outcome.FAILED or prediction.sample_id in done:
            continue
        prompt = step.prompt(run.selection.samples[prediction.sample_id], prediction)
        if prompt is not None:
            yield Request(run.id, prediction.sample_id, prompt, step.name)


def _send(
    store: Store,
    engine: Engine,
    runs: Sequence[Run],
    requests: Requests,
    responses: Responses,
    on_answer: Callable[[Prediction], None],
) -> None:
    waiting = _Waiting(store, responses, {run.id: run.selection.benchmark for run in runs})
    try:
        for prediction in _each_once(engine, requests):
            waiting.add(prediction)
            on_answer(prediction)
    finally:
        waiting.store_all()


def _each_once(engine: Engine, requests: Requests) -> Iterator[Prediction]:
    """Yield the first answer to each request; an answer to what was never asked is an error."""
    for prediction in with_retries(engine.predict, requests, RETRIES) if requests else ():
        try:
            is_first = requests.settle(prediction)
        except KeyError:
            raise EngineError(
                f"{engine.identity.model} answered what was not asked: sample "
                f"'{prediction.sample_id}' ({prediction.stage}) of run {prediction.run_id}. "
                "Tell the author of its plugin; find it with: podium plugins"
            ) from None
        if is_first:
            yield prediction


def conclude(store: Store, run: Run, responses: Responses, *, accept_failures: bool) -> Report:
    """Score the run and finish it, if every sample is answered or failures are accepted."""
    report = _report(store, run, responses)
    if report.missing or (report.failed and not accept_failures) or not report.answered:
        return report
    selection = run.selection
    verdicts, measured = score(
        selection.task,
        selection.samples,
        _reviewed(store, run, responses),
        responses.joined(selection.benchmark, store.predictions(run.id, REPEAT)),
    )
    details = withheld(selection.benchmark, chain.from_iterable(verdicts))
    store.finish(run.id, details, measured, failures_accepted=bool(report.failed))
    return replace(report, finished=True)


def _report(store: Store, run: Run, responses: Responses) -> Report:
    """Count what came back. A repeat that failed tells nothing, and keeps no run unfinished."""
    answered = failed = 0
    first_failure = ""
    for prediction in _reviewed(store, run, responses):
        if prediction.outcome is Outcome.FAILED:
            failed += 1
            first_failure = first_failure or prediction.reason
        else:
            answered += 1
    missing = len(run.selection.samples) - answered - failed
    return Report(run.id, False, answered, missing, failed, first_failure)


def _reviewed(store: Store, run: Run, responses: Responses) -> Iterator[Prediction]:
    """Yield the run's predictions, each with its review.

    One whose review failed is failed, and one that still waits for its review is missing.
    """
    selection = run.selection
    step = selection.task.review
    stored = responses.joined(selection.benchmark, store.predictions(run.id))
    if step is None:
        yield from stored
        return
    made = responses.joined(selection.benchmark, store.predictions(run.id, step.name))
    reviews = {prediction.sample_id: prediction for prediction in made}
    for prediction in stored:
        its = reviews.get(prediction.sample_id)
        sample = selection.samples[prediction.sample_id]
        if its or prediction.outcome is Outcome.FAILED or not step.prompt(sample, prediction):
            yield _with_review(prediction, its)


def _with_review(prediction: Prediction, made: Prediction | None) -> Prediction:
    if made is not None and made.outcome is Outcome.FAILED:
        reason = f"its {made.stage} failed: {made.reason}"
        return replace(prediction, outcome=Outcome.FAILED, reason=reason)
    return replace(prediction, review=made)


class _Waiting:
    """Answers that are about to be stored: together, about once a second."""

    def __init__(
        self, store: Store, responses: Responses, benchmarks: Mapping[int, Benchmark]
    ) -> None:
        self._store, self._responses, self._benchmarks = store, responses, benchmarks
        self._rows: list[Prediction] = []
        self._since = time.monotonic()

    def add(self, prediction: Prediction) -> None:
        self._rows.append(prediction)
        if len(self._rows) >= APPEND_ROWS or time.monotonic() - self._since > APPEND_SECONDS:
            self.store_all()

    def store_all(self) -> None:
        """Store what waits; a registry out of reach, or locked, is given `PATIENCE` seconds."""
        deadline = time.monotonic() + PATIENCE
        while self._rows:
            try:
                self._store_run(self._rows[0].run_id)
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE)
        self._since = time.monotonic()

    def _store_run(self, run_id: int) -> None:
        mine = [p for p in self._rows if p.run_id == run_id]
        self._store.append(self._responses.split(self._benchmarks[run_id], mine))
        # Only now: Ctrl-C in the lines before must leave them to be stored.
        self._rows = [p for p in self._rows if p.run_id != run_id]
