"""An engine that dies is started again, and only the sample that kills it fails."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.survivor import MOST_DEATHS, NO_ENGINE, POISON, Answers, Survivor
from registry import Outcome, Prediction, Prompt, Request


class Dead(Exception):
    """The engine's process is gone."""


class Fragile:
    """An engine that dies of some samples, and with it everything in flight."""

    def __init__(self, poison: set[str], asked: Counter[str]) -> None:
        self.poison, self.asked = poison, asked
        self.dead = asyncio.Event()

    async def answer(self, request: Request) -> Prediction:
        self.asked[request.sample_id] += 1
        if request.sample_id in self.poison:
            await asyncio.sleep(0)
            self.dead.set()
        for _ in range(3):
            await asyncio.sleep(0)
            if self.dead.is_set():
                raise Dead
        return Prediction(sample_id=request.sample_id, text="right")


def surviving(load: Callable[[], Answers], last_words: str = "") -> Survivor:
    return Survivor(load, (Dead,), lambda: last_words)


def requests(n: int) -> list[Request]:
    return [Request(1, str(i), Prompt(question="?")) for i in range(n)]


async def answered(survivor: Survivor, n: int) -> list[Prediction]:
    return await asyncio.gather(*(survivor.answer(request) for request in requests(n)))


@given(n=st.integers(1, 24), poison=st.sets(st.integers(0, 23), max_size=2))
@settings(deadline=None, max_examples=60)
def test_only_poisonous_samples_fail_and_each_is_answered_once(n: int, poison: set[int]) -> None:
    asked: Counter[str] = Counter()
    loads = []

    def load() -> Fragile:
        loads.append(1)
        return Fragile({str(i) for i in poison}, asked)

    async def run() -> list[Prediction]:
        return await answered(surviving(load), n)

    predictions = asyncio.run(run())
    failed = {int(p.sample_id) for p in predictions if p.outcome is Outcome.FAILED}
    assert failed == {i for i in poison if i < n}
    assert [p.sample_id for p in predictions] == [str(i) for i in range(n)]
    assert len(loads) <= 1 + MOST_DEATHS


def test_a_death_that_no_sample_causes_costs_nothing() -> None:
    engines = []

    def load() -> Fragile:
        engines.append(Fragile(set(), Counter()))
        return engines[-1]

    async def run() -> list[Prediction]:
        survivor = surviving(load)
        engines[0].dead.set()
        return await answered(survivor, 9)

    assert all(p.outcome is Outcome.ANSWERED for p in asyncio.run(run()))
    assert len(engines) == 2


def test_a_model_that_cannot_be_loaded_tells_every_request_the_reason() -> None:
    loads = []

    def load() -> Fragile:
        loads.append(1)
        raise RuntimeError("no weights")

    async def run() -> list[Prediction]:
        return await answered(surviving(load), 5)

    assert {p.reason for p in asyncio.run(run())} == {f"{NO_ENGINE}no weights"}
    assert len(loads) == 1


def test_what_the_engine_printed_tells_why_it_could_not_be_loaded() -> None:
    def load() -> Fragile:
        raise RuntimeError("Engine core initialization failed. See root cause above.")

    async def run() -> list[Prediction]:
        return await answered(surviving(load, "SafetensorError: header too large"), 1)

    (prediction,) = asyncio.run(run())
    assert prediction.reason == f"{NO_ENGINE}SafetensorError: header too large"


def test_the_reason_is_read_before_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log is what the last words are read from: its own lines are none."""

    def load() -> Fragile:
        raise RuntimeError("Segmentation fault, said the test")

    async def run() -> list[Prediction]:
        return await answered(Survivor(load, (Dead,), lambda: caplog.text), 1)

    (prediction,) = asyncio.run(run())
    assert prediction.reason == f"{NO_ENGINE}Segmentation fault, said the test"
    assert "Segmentation fault, said the test" in caplog.text


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("ValueError: no patches in the image", "ValueError: no patches in the image"),
        ("ValueError: 'Is Jane Roe ill?' has no patches", "ValueError: 'Is …' has no patches"),
        ("", "it printed nothing"),
    ],
)
def test_a_poisonous_sample_fails_with_what_the_engine_printed_but_not_its_own_words(
    printed: str, reason: str
) -> None:
    async def run() -> Prediction:
        survivor = surviving(lambda: Fragile({"0"}, Counter()), printed)
        return await survivor.answer(Request(1, "0", Prompt(question="Is Jane Roe ill?")))

    assert asyncio.run(run()).reason == POISON + reason


def test_the_last_words_are_those_of_the_engine_that_died_not_of_the_next() -> None:
    printed = []

    def load() -> Fragile:
        printed.append(f"start {len(printed)}")
        return Fragile({"0"}, Counter())

    async def run() -> Prediction:
        survivor = Survivor(load, (Dead,), lambda: printed[-1])
        return await survivor.answer(requests(1)[0])

    assert asyncio.run(run()).reason == f"{POISON}start 1"
    assert printed[-1] == "start 2"


def test_an_engine_that_always_dies_is_given_up() -> None:
    async def run() -> list[Prediction]:
        everything = {str(i) for i in range(200)}
        return await answered(surviving(lambda: Fragile(everything, Counter())), 200)

    predictions = asyncio.run(run())
    assert len(predictions) == 200
    assert predictions[-1].reason == f"{NO_ENGINE}it died {MOST_DEATHS + 1} times"


@pytest.mark.parametrize("later", [0, 3])
def test_requests_that_come_later_wait_for_the_new_engine(later: int) -> None:
    async def run() -> list[Prediction]:
        survivor = surviving(lambda: Fragile({"0"}, Counter()))
        first = asyncio.create_task(answered(survivor, 4))
        for _ in range(later):
            await asyncio.sleep(0)
        second = await survivor.answer(Request(1, "late", Prompt(question="?")))
        return [*await first, second]

    outcomes = Counter(p.outcome for p in asyncio.run(run()))
    assert outcomes == {Outcome.FAILED: 1, Outcome.ANSWERED: 4}
