"""A run from sample to score: stored, then scored; each asked once; no number for no answer."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import begin_run

from evaluators import evaluate
from evaluators.doubles import EchoEngine
from evaluators.evaluate import (
    DataRefused,
    Report,
    Run,
    ask,
    check_fit,
    conclude,
    review,
)
from evaluators.private import Responses
from evaluators.requests import Requests
from evaluators.selection import Narrowing, Selection, select
from registry import (
    Benchmark,
    Choice,
    Dataset,
    Engine,
    EngineError,
    EngineOptions,
    Identity,
    Image,
    Metric,
    Outcome,
    Prediction,
    Prompt,
    Request,
    Review,
    Sample,
    Sampling,
    Task,
    Terms,
    Variant,
    Verdict,
    exact_match,
)
from registry.benchmark import REPEAT
from registry.store import Store
from registry.tables import ScoreRow

SUMS = {"1": "2", "2": "4", "3": "4", "4": "8"}
Answers = Callable[[Iterable[Request]], Iterator[Prediction]]


class Spy:
    """An engine that answers as a function tells it, and remembers what it was asked."""

    def __init__(self, answers: Answers, **identity: Any) -> None:
        self._answers = answers
        self.identity = Identity(model="acme/spy", engine="spy", **identity)
        self.local = True
        self.asked: list[str] = []

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        for prediction in self._answers(requests):
            self.asked.append(prediction.sample_id)
            yield prediction

    def stop(self) -> None:
        """Nothing is in flight."""

    def close(self) -> None:
        """Nothing is held."""


def answer(request: Request, text: str = "4", **changes: Any) -> Prediction:
    """Return what an engine makes of a request."""
    made = Prediction(
        sample_id=request.sample_id, run_id=request.run_id, stage=request.stage, text=text
    )
    return replace(made, **changes)


def fours(requests: Iterable[Request]) -> Iterator[Prediction]:
    return (answer(request) for request in requests)


def all_but(*failing: str) -> Answers:
    """Answer all but the failing samples."""

    def answers(requests: Iterable[Request]) -> Iterator[Prediction]:
        for request in requests:
            failed = request.sample_id in failing
            why: dict[str, Any] = {"outcome": Outcome.FAILED, "reason": "out of memory"}
            yield answer(request, **(why if failed else {}))

    return answers


def stopping(after: int, error: BaseException) -> Answers:
    """Answer so many requests, then raise."""

    def answers(requests: Iterable[Request]) -> Iterator[Prediction]:
        for place, request in enumerate(requests):
            if place == after:
                raise error
            yield answer(request)

    return answers


def quiz(metric: Metric | None = None, step: Review | None = None, **settings: Any) -> Benchmark:
    def read() -> Iterator[Sample]:
        for name, target in SUMS.items():
            yield Sample(id=name, input=f"Sum {name}?", target=target)

    def task(_variant: Variant) -> Task:
        return Task(dataset=Dataset("sums", read), metrics=(metric or exact_match(),), review=step)

    return Benchmark(**{"name": "sums", "summary": "Sums.", "task": task} | settings)


def asks(benchmark: Benchmark) -> Selection:
    return select(benchmark, [], None, Narrowing(), sample=False)


@pytest.fixture
def responses(tmp_path: Path) -> Responses:
    return Responses(tmp_path / "private")


@pytest.fixture
def begun(store: Store) -> Callable[..., Run]:
    """Begin a run of a benchmark, by default of the sums."""

    def begun(benchmark: Benchmark | None = None) -> Run:
        benchmark = benchmark or quiz()
        return Run(begin_run(store, benchmark=benchmark), asks(benchmark))

    return begun


def asked(store: Store, engine: Engine, runs: Sequence[Run], responses: Responses) -> list[str]:
    """Ask the engine, and return the samples whose answers were counted."""
    seen: list[Prediction] = []
    ask(store, engine, runs, responses, seen.append)
    return [prediction.sample_id for prediction in seen]


def concluded(store: Store, run: Run, responses: Responses, *, accept: bool = False) -> Report:
    return conclude(store, run, responses, accept_failures=accept)


# --- The order of requests ------------------------------------------------------------------------

PROMPTS = st.builds(
    Prompt,
    question=st.just("?"),
    header=st.sampled_from(["", "h", "i"]),
    examples=st.sampled_from([(), ("e",), ("e", "f")]),
    system=st.sampled_from(["", "s"]),
    choices=st.sampled_from([(), (Choice("A", (" A",)),)]),
    sampling=st.builds(Sampling, max_tokens=st.sampled_from([1, 8, 64])),
)
REQUESTS = st.lists(PROMPTS).map(
    lambda prompts: [Request(1, str(n), prompt) for n, prompt in enumerate(prompts)]
)


def length(request: Request) -> int:
    return 0 if request.prompt.choices else request.prompt.sampling.max_tokens


@given(REQUESTS)
def test_ordering_keeps_every_request_exactly_once(requests: list[Request]) -> None:
    ordered = list(Requests(requests))
    assert sorted(r.sample_id for r in ordered) == sorted(r.sample_id for r in requests)


@given(REQUESTS)
def test_long_replies_come_first_then_larger_groups_each_in_one_piece(
    requests: list[Request],
) -> None:
    ordered = list(Requests(requests))
    keys = [(length(r), r.prompt.prefix) for r in ordered]
    pieces = [key for place, key in enumerate(keys) if not place or keys[place - 1] != key]
    assert len(pieces) == len(set(pieces))
    sizes = [(-size, -keys.count((size, prefix))) for size, prefix in pieces]
    assert sizes == sorted(sizes)


@given(REQUESTS, st.randoms(use_true_random=False))
def test_within_a_group_requests_keep_their_order(
    requests: list[Request], order: random.Random
) -> None:
    order.shuffle(requests)
    for key in {(length(r), r.prompt.prefix) for r in requests}:
        before, after = (
            [r.sample_id for r in rs if (length(r), r.prompt.prefix) == key]
            for rs in (requests, list(Requests(requests)))
        )
        assert before == after


# --- Asking ---------------------------------------------------------------------------------------


def test_every_answer_is_stored_before_any_is_scored(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    stored_when_judged = []

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        stored_when_judged.append(len(store.answered(1)))
        return Verdict(float(prediction.text == sample.target), prediction.text)

    run = begun(quiz(replace(exact_match(), judge=judge)))
    asked(store, Spy(fours), [run], responses)
    assert not stored_when_judged
    assert concluded(store, run, responses).finished
    assert stored_when_judged == [4, 4, 4, 4]


def test_only_samples_without_a_response_are_asked(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun()
    asked(store, Spy(all_but("2", "3")), [run], responses)
    again = Spy(fours)
    assert asked(store, again, [run], responses) == ["2", "3"]
    done = Spy(fours)
    assert asked(store, done, [run], responses) == []
    assert (again.asked, done.asked) == (["2", "3"], [])


@pytest.mark.parametrize("error", [EngineError("gone"), KeyboardInterrupt(), RuntimeError("bug")])
@pytest.mark.parametrize("after", [0, 3])
def test_whatever_ends_it_early_all_answers_so_far_are_stored(
    store: Store,
    responses: Responses,
    begun: Callable[..., Run],
    error: BaseException,
    after: int,
) -> None:
    run = begun()
    with pytest.raises(type(error)):
        asked(store, Spy(stopping(after, error)), [run], responses)
    assert len(store.answered(run.id)) == after
    report = concluded(store, run, responses, accept=True)
    assert (report.finished, report.missing, report.failed) == (False, 4 - after, 0)


def test_ctrl_c_while_answers_are_stored_loses_none(
    store: Store,
    responses: Responses,
    begun: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append, calls = Store.append, []

    def interrupted(self: Store, predictions: Sequence[Prediction]) -> None:
        calls.append(predictions)
        if len(calls) == 1:
            raise KeyboardInterrupt
        append(self, predictions)

    monkeypatch.setattr(Store, "append", interrupted)
    monkeypatch.setattr(evaluate, "APPEND_ROWS", 2)
    run = begun()
    with pytest.raises(KeyboardInterrupt):
        asked(store, Spy(fours), [run], responses)
    assert store.answered(run.id) == {"1", "2"}


def test_an_answer_to_what_was_not_asked_is_the_engine_s_fault(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    def astray(requests: Iterable[Request]) -> Iterator[Prediction]:
        first, *_ = requests
        yield answer(first)
        yield answer(first, sample_id="99")

    run = begun()
    with pytest.raises(EngineError, match=r"acme/spy answered .*'99' \(answer\) of run 1\..*"):
        asked(store, Spy(astray), [run], responses)
    assert store.answered(run.id) == {"1"}


def test_of_two_answers_to_one_request_the_first_counts(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    def twice(requests: Iterable[Request]) -> Iterator[Prediction]:
        for request in requests:
            yield answer(request, "first")
            yield answer(request, "second")

    run = begun()
    assert asked(store, Spy(twice), [run], responses) == ["1", "2", "3", "4"]
    assert {p.text for p in store.predictions(run.id)} == {"first"}


def test_runs_share_one_stream_and_each_gets_its_own_answers(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    first, second = begun(), begun(quiz(name="more-sums"))
    spy = Spy(lambda requests: (answer(r, str(r.run_id)) for r in list(requests)[::-1]))
    asked(store, spy, [first, second], responses)
    for run in (first, second):
        assert [p.text for p in store.predictions(run.id)] == [str(run.id)] * 4


# --- Concluding -----------------------------------------------------------------------------------


def test_a_finished_run_has_exact_numbers_and_ranks(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun()
    asked(store, EchoEngine("4", EngineOptions()), [run], responses)
    assert store.board("sums") == []
    assert concluded(store, run, responses) == Report(run.id, True, 4, 0, 0)
    (row,) = store.board("sums")
    assert (row.metric, row.value, row.n) == ("accuracy", 0.5, 4)
    assert (row.low, row.high) == (pytest.approx(0.1500, abs=1e-4), pytest.approx(0.85, abs=1e-4))


def test_failures_keep_a_run_unfinished_until_they_are_accepted(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun()
    asked(store, Spy(all_but("1", "4")), [run], responses)
    assert concluded(store, run, responses) == Report(run.id, False, 2, 0, 2, "out of memory")
    assert store.board("sums") == []
    assert concluded(store, run, responses, accept=True).finished
    (row,) = store.board("sums")
    assert (row.value, row.n, row.failures_accepted) == (1.0, 2, True)


def test_a_run_of_nothing_but_failures_is_never_finished(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun()
    asked(store, Spy(all_but(*SUMS)), [run], responses)
    report = concluded(store, run, responses, accept=True)
    assert (report.finished, report.failed) == (False, 4)
    assert store.board("sums") == []


def test_missing_answers_are_not_accepted_as_failures(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun()
    with pytest.raises(RuntimeError):
        asked(store, Spy(stopping(3, RuntimeError())), [run], responses)
    report = concluded(store, run, responses, accept=True)
    assert (report.finished, report.missing) == (False, 1)


# --- The noise floor ------------------------------------------------------------------------------


def wavering(*changing: str) -> Answers:
    """Answer 4, and these samples something else when they are asked again."""

    def answers(requests: Iterable[Request]) -> Iterator[Prediction]:
        for request in requests:
            again = request.stage == REPEAT and request.sample_id in changing
            yield answer(request, "5" if again else "4")

    return answers


def flip_rate(store: Store, run: Run) -> ScoreRow:
    return next(score for score in store.scores(run.id) if score.metric == "flip-rate")


def test_a_share_of_the_samples_is_asked_twice_and_what_flips_stands_beside_the_score(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = replace(begun(), repeat_fraction=0.75)
    repeated = run.repeated
    assert len(repeated) == 3
    assert set(repeated) <= set(SUMS)
    assert repeated != [name for name in SUMS if name in repeated]
    spy = Spy(wavering(repeated[0]))
    asked(store, spy, [run], responses)
    assert spy.asked == [*SUMS, *repeated]
    assert concluded(store, run, responses).finished
    flips = flip_rate(store, run)
    assert (flips.value, flips.n, flips.headline) == (pytest.approx(1 / 3), 3, False)
    assert flips.low < 1 / 3 < flips.high
    (row,) = [row for row in store.board("sums") if row.headline]
    assert row.value == 0.5


def test_only_repeats_without_a_response_are_asked_again(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = replace(begun(), repeat_fraction=1.0)
    with pytest.raises(EngineError):
        asked(store, Spy(stopping(6, EngineError("gone"))), [run], responses)
    again = Spy(fours)
    asked(store, again, [run], responses)
    assert again.asked == run.repeated[2:]
    assert concluded(store, run, responses).finished
    assert (flip_rate(store, run).value, flip_rate(store, run).n) == (0.0, 4)


def test_a_repeat_that_failed_tells_nothing_and_keeps_no_run_unfinished(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    def failing_again(requests: Iterable[Request]) -> Iterator[Prediction]:
        for request in requests:
            failed = request.stage == REPEAT and request.sample_id == "1"
            yield answer(request, outcome=Outcome.FAILED if failed else Outcome.ANSWERED)

    run = replace(begun(), repeat_fraction=1.0)
    asked(store, Spy(failing_again), [run], responses)
    assert concluded(store, run, responses).finished
    assert flip_rate(store, run).n == 3


# --- The second model -----------------------------------------------------------------------------

VERDICTS = replace(
    exact_match(),
    judge=lambda _sample, prediction: Verdict(
        float(prediction.review is not None and prediction.review.text == "yes")
    ),
)
JUDGE = Review(
    name="judge",
    prompt=lambda sample, made: (
        Prompt(question=f"{sample.input} {made.text}") if sample.id != "4" else None
    ),
    prompt_text="Is it right?",
)


def judged(
    store: Store, judge: Engine, run: Run, responses: Responses, *, accept: bool = False
) -> Report:
    review(store, judge, [run], responses, lambda _: None)
    return concluded(store, run, responses, accept=accept)


@pytest.mark.parametrize("terms", list(Terms))
def test_a_judge_sees_each_response_once_and_its_words_are_scored(
    store: Store, responses: Responses, begun: Callable[..., Run], terms: Terms
) -> None:
    run = begun(quiz(VERDICTS, JUDGE, terms=terms))
    asked(store, Spy(fours), [run], responses)
    judge = Spy(
        lambda requests: (answer(r, "yes" if r.sample_id == "2" else "no") for r in requests)
    )
    assert judged(store, judge, run, responses).finished
    assert judge.asked == ["1", "2", "3"]
    assert [row.value for row in store.board("sums")] == [0.25]
    assert judged(store, judge, run, responses).finished
    assert judge.asked == ["1", "2", "3"]


def test_failed_answers_have_nothing_to_review(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun(quiz(VERDICTS, JUDGE))
    asked(store, Spy(all_but("2")), [run], responses)
    judge = Spy(fours)
    assert judged(store, judge, run, responses).failed == 1
    assert judge.asked == ["1", "3"]


def test_a_judge_that_fails_keeps_the_run_unfinished_and_is_asked_again(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun(quiz(VERDICTS, JUDGE))
    asked(store, Spy(fours), [run], responses)
    report = judged(store, Spy(all_but("3")), run, responses)
    assert (report.finished, report.failed) == (False, 1)
    assert report.first_failure == "its judge failed: out of memory"
    again = Spy(fours)
    assert judged(store, again, run, responses).finished
    assert again.asked == ["3"]


def test_a_response_that_waits_for_its_judge_is_missing_not_wrong(
    store: Store, responses: Responses, begun: Callable[..., Run]
) -> None:
    run = begun(quiz(VERDICTS, JUDGE))
    asked(store, Spy(fours), [run], responses)
    assert concluded(store, run, responses, accept=True) == Report(run.id, False, 1, 3, 0)
    with pytest.raises(KeyboardInterrupt):
        judged(store, Spy(stopping(2, KeyboardInterrupt())), run, responses)
    assert concluded(store, run, responses, accept=True) == Report(run.id, False, 3, 1, 0)


# --- What must not be asked -----------------------------------------------------------------------


@pytest.mark.parametrize("terms", [Terms.GATED, Terms.CREDENTIALED])
def test_restricted_data_goes_to_no_engine_elsewhere(terms: Terms) -> None:
    remote = Spy(fours)
    remote.local = False
    restricted = asks(quiz(terms=terms))
    check_fit([asks(quiz())], remote)
    check_fit([restricted], Spy(fours))
    with pytest.raises(DataRefused) as caught:
        check_fit([asks(quiz()), restricted], remote)
    assert caught.value.message.startswith(f"sums is {terms} data and must not be sent to acme/spy")
    assert caught.value.message.endswith("add: --allow-remote")
    check_fit([restricted], remote, allow_remote=True)


def test_pictures_go_to_no_model_that_takes_text_only() -> None:
    def read() -> Iterator[Sample]:
        yield Sample(id="1", input=("What is it?", Image("x.png")), target="a")

    pictures = asks(
        Benchmark(
            name="pictures",
            summary="Pictures.",
            dataset=Dataset("pictures", read),
            metrics=(exact_match(),),
            modalities=("text", "image"),
        )
    )
    blind = Spy(fours, takes_images=False)
    with pytest.raises(EngineError) as caught:
        check_fit([pictures], blind)
    assert caught.value.message.startswith("pictures asks about images, and acme/spy takes text")
    assert caught.value.message.endswith("--model DIR")
    check_fit([pictures], Spy(fours))
    check_fit([pictures], blind, images=False)
