"""Runs from first sample to finished scores; does not know where the model lives.

Load, ask, store, score, finish: every response is stored before it is scored, and a run whose
samples are not all answered stays unfinished.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evaluators.private import Responses, withheld
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
from registry.errors import StoreError
from registry.store import Store

APPEND_SECONDS = 1.0
APPEND_ROWS = 200
PATIENCE, PAUSE = 120.0, 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the store and what it asks."""

    id: int
    selection: Selection


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
    return any(not isinstance(sample.input, str) for sample in selection.samples)


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
    requests = [r for run in runs for r in requests_of(run, store.answered(run.id))]
    _send(store, engine, runs, requests, responses, on_answer)


def review(
    store: Store,
    reviewer: Engine,
    runs: Sequence[Run],
    responses: Responses,
    on_answer: Callable[[Prediction], None],
) -> None:
    """Put the stored responses to the reviewer (judge or extractor), where it has not seen them."""
    requests = [r for run in runs for r in reviews_of(run, store, responses)]
    _send(store, reviewer, runs, requests, responses, on_answer)


def requests_of(run: Run, answered: set[str]) -> Iterator[Request]:
    """Yield the requests of a run's samples that have no response."""
    prompt = run.selection.task.prompt
    for sample in run.selection.samples:
        if sample.id not in answered:
            yield Request(run.id, sample.id, prompt(sample))


def reviews_of(run: Run, store: Store, responses: Responses) -> Iterator[Request]:
    """Yield the requests to review a run's responses; failed ones have nothing to review."""
    step = run.selection.task.review
    if step is None:
        return
    samples = {sample.id: sample for sample in run.selection.samples}
    done = store.answered(run.id, step.name)
    for prediction in responses.joined(run.selection.benchmark, store.predictions(run.id)):
        if prediction.outcome is Outcome.FAILED or prediction.sample_id in done:
            continue
        prompt = step.prompt(samples[prediction.sample_id], prediction)
        if prompt is not None:
            yield Request(run.id, prediction.sample_id, prompt, step.name)


def _send(
    store: Store,
    engine: Engine,
    runs: Sequence[Run],
    requests: Sequence[Request],
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


def _each_once(engine: Engine, requests: Sequence[Request]) -> Iterator[Prediction]:
    """Yield the first answer to each request; an answer to what was never asked is an error."""
    asked = {(r.run_id, r.stage, r.sample_id) for r in requests}
    waiting = set(asked)
    for prediction in engine.predict(by_prefix(requests)) if requests else ():
        key = prediction.run_id, prediction.stage, prediction.sample_id
        if key not in asked:
            raise EngineError(
                f"{engine.identity.model} answered what was not asked: sample "
                f"'{prediction.sample_id}' ({prediction.stage}) of run {prediction.run_id}. "
                "Tell the author of its plugin; find it with: podium plugins"
            )
        if key in waiting:
            waiting.remove(key)
            yield prediction


def by_prefix(requests: Sequence[Request]) -> list[Request]:
    """Return the requests with equal prefixes together, the largest group first.

    Long written replies start before short ones, so that none is left running at the end.
    """
    groups: dict[tuple[int, str], list[Request]] = {}
    for request in requests:
        length = 0 if request.prompt.choices else request.prompt.sampling.max_tokens
        groups.setdefault((length, request.prompt.prefix), []).append(request)
    ordered = sorted(groups.items(), key=lambda group: (-group[0][0], -len(group[1])))
    return [request for _, members in ordered for request in members]


def conclude(store: Store, run: Run, responses: Responses, *, accept_failures: bool) -> Report:
    """Score the run and finish it, if every sample is answered or failures are accepted."""
    selection = run.selection
    stored = _reviewed(store, run, responses)
    failures = [p for p in stored if p.outcome is Outcome.FAILED]
    answered = len(stored) - len(failures)
    report = Report(
        run_id=run.id,
        finished=False,
        answered=answered,
        missing=len(selection.samples) - len(stored),
        failed=len(failures),
        first_failure=failures[0].reason if failures else "",
    )
    if report.missing or (failures and not accept_failures) or not answered:
        return report
    samples = {sample.id: sample for sample in selection.samples}
    by_id = {p.sample_id: p for p in stored}
    # In the dataset's order: some official metrics depend on it.
    ordered = [by_id[sample_id] for sample_id in samples if sample_id in by_id]
    details, measured = score(selection.task, samples, ordered)
    details = withheld(selection.benchmark, details)
    store.finish(run.id, details, measured, failures_accepted=bool(failures))
    return replace(report, finished=True)


def _reviewed(store: Store, run: Run, responses: Responses) -> list[Prediction]:
    """Return the run's predictions, each with its review.

    One whose review failed is failed, and one that still waits for its review is missing.
    """
    benchmark, step = run.selection.benchmark, run.selection.task.review
    stored = responses.joined(benchmark, store.predictions(run.id))
    if step is None:
        return stored
    made = responses.joined(benchmark, store.predictions(run.id, step.name))
    reviews = {p.sample_id: p for p in made}
    unseen = {request.sample_id for request in reviews_of(run, store, responses)} - set(reviews)
    return [_with_review(p, reviews.get(p.sample_id)) for p in stored if p.sample_id not in unseen]


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
        """Store what waits; a registry that cannot be reached is given `PATIENCE` seconds."""
        deadline = time.monotonic() + PATIENCE
        while self._rows:
            try:
                self._store_run(self._rows[0].run_id)
            except StoreError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE)
        self._since = time.monotonic()

    def _store_run(self, run_id: int) -> None:
        mine = [p for p in self._rows if p.run_id == run_id]
        self._store.append(self._responses.split(self._benchmarks[run_id], mine))
        # Only now: Ctrl-C in the lines before must leave them to be stored.
        self._rows = [p for p in self._rows if p.run_id != run_id]
