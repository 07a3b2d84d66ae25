"""Failures that may pass are sent again at the end, others are not, and each counts once."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.retrying import GAVE_UP, may_pass, with_retries
from evaluators.survivor import POISON
from registry import Outcome, Prediction, Prompt, Request

TRANSIENT = f"{GAVE_UP}6 attempts: 503"


class Flaky:
    """Fails each sample as often as it is told to, then answers."""

    def __init__(self, failures: dict[str, int], reason: str = TRANSIENT) -> None:
        self.failures, self.reason = Counter(failures), reason
        self.rounds: list[list[str]] = []

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        self.rounds.append([])
        for request in requests:
            self.rounds[-1].append(request.sample_id)
            self.failures[request.sample_id] -= 1
            failed = self.failures[request.sample_id] >= 0
            yield Prediction(
                sample_id=request.sample_id,
                run_id=request.run_id,
                outcome=Outcome.FAILED if failed else Outcome.ANSWERED,
                reason=self.reason if failed else "",
            )


def requests(n: int) -> list[Request]:
    return [Request(1, str(i), Prompt(question="?")) for i in range(n)]


def test_a_failure_that_passes_is_an_answer_in_the_end() -> None:
    engine = Flaky({"1": 1})
    predictions = list(with_retries(engine.predict, requests(3), 1))
    assert [(p.sample_id, p.outcome) for p in predictions] == [
        ("0", Outcome.ANSWERED),
        ("2", Outcome.ANSWERED),
        ("1", Outcome.ANSWERED),
    ]
    assert engine.rounds == [["0", "1", "2"], ["1"]]


def test_the_budget_ends_and_the_failure_is_told() -> None:
    engine = Flaky({"1": 9})
    predictions = list(with_retries(engine.predict, requests(2), 2))
    assert predictions[-1].reason == TRANSIENT
    assert engine.rounds == [["0", "1"], ["1"], ["1"]]


@pytest.mark.parametrize("reason", [POISON + "ValueError", "the picture cannot be read"])
def test_what_would_fail_again_is_not_sent_again(reason: str) -> None:
    engine = Flaky({"1": 9}, reason)
    assert len(list(with_retries(engine.predict, requests(2), 2))) == 2
    assert engine.rounds == [["0", "1"]]


def test_an_answer_that_quotes_a_failure_is_none() -> None:
    assert not may_pass(Prediction(sample_id="1", text=TRANSIENT))


@given(
    failures=st.dictionaries(st.sampled_from("0123456"), st.integers(1, 4)),
    retries=st.integers(0, 3),
)
def test_each_request_has_one_prediction_whatever_fails(
    failures: dict[str, int], retries: int
) -> None:
    predictions = list(with_retries(Flaky(failures).predict, requests(7), retries))
    assert sorted(p.sample_id for p in predictions) == list("0123456")
    failed = {p.sample_id for p in predictions if p.outcome is Outcome.FAILED}
    assert failed == {name for name, times in failures.items() if times > retries}
