"""Ready-made metrics, as tables of (prediction, target, score), ugly cases included."""

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import (
    Metric,
    Outcome,
    Prediction,
    Sample,
    SampleScore,
    averages,
    by_group,
    choice_accuracy,
    exact_match,
    mean_score,
    most_probable,
)

NAN, INF = math.nan, math.inf


def sample(target: str) -> Sample:
    return Sample(id="1", input="?", target=target)


def last_number(text: str) -> str:
    """Return the last number as it would be typed: no thousands commas, a plain minus."""
    words = [w.strip(".!,$") for w in text.replace("\N{MINUS SIGN}", "-").split()]
    numbers = [w.replace(",", "") for w in words]
    return next((n for n in reversed(numbers) if n.lstrip("-").isdigit()), "")


def scored(value: float | None, number: int = 0, **changes: object) -> SampleScore:
    known: dict[str, object] = {
        "sample_id": str(number),
        "metric": "accuracy",
        "value": value,
        "answer": "",
        "target": "",
        "outcome": Outcome.ANSWERED,
    }
    return SampleScore(**known | changes)  # type: ignore[arg-type]


# --- exact_match ----------------------------------------------------------------------------------

ANSWERED, TRUNCATED, UNPARSEABLE = Outcome.ANSWERED, Outcome.TRUNCATED, Outcome.UNPARSEABLE


@pytest.mark.parametrize(
    ("text", "target", "value", "answer"),
    [
        ("12", "12", 1.0, "12"),
        ("  12\n", "12", 1.0, "12"),
        ("twelve", "12", 0.0, "twelve"),
        ("12.", "12", 0.0, "12."),
        ("İstanbul", "istanbul", 0.0, "İstanbul"),
        ("é", "e\N{COMBINING ACUTE ACCENT}", 0.0, "é"),
    ],
)
def test_a_reply_is_right_where_it_equals_the_target(
    text: str, target: str, value: float, answer: str
) -> None:
    verdict = exact_match().judge(sample(target), Prediction(sample_id="1", text=text))
    assert (verdict.value, verdict.answer, verdict.outcome) == (value, answer, ANSWERED)


@pytest.mark.parametrize(
    ("text", "target", "value", "outcome"),
    [
        ("It is 4", "4", 1.0, ANSWERED),
        ("4, no: 5", "5", 1.0, ANSWERED),
        ("4, no: 5", "4", 0.0, ANSWERED),
        ("\N{MINUS SIGN}7", "-7", 1.0, ANSWERED),
        ("about 1,000 dollars", "1000", 1.0, ANSWERED),
        ("", "4", 0.0, UNPARSEABLE),
        ("\n \t", "4", 0.0, UNPARSEABLE),
        ("I cannot say", "4", 0.0, UNPARSEABLE),
    ],
)
def test_an_extractor_reads_the_answer(
    text: str, target: str, value: float, outcome: Outcome
) -> None:
    metric = exact_match(extract=last_number)
    verdict = metric.judge(sample(target), Prediction(sample_id="1", text=text))
    assert (verdict.value, verdict.outcome) == (value, outcome)


def test_a_truncated_reply_is_wrong_even_where_the_answer_shows() -> None:
    cut = Prediction(sample_id="1", text="12", outcome=TRUNCATED)
    verdict = exact_match().judge(sample("12"), cut)
    assert (verdict.value, verdict.outcome) == (0.0, TRUNCATED)


def test_an_empty_target_is_never_matched_by_no_answer() -> None:
    verdict = exact_match().judge(sample(""), Prediction(sample_id="1", text=" "))
    assert (verdict.value, verdict.outcome) == (0.0, UNPARSEABLE)


# --- choice_accuracy ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logprobs", "target", "value", "answer", "tied", "outcome"),
    [
        ({"A": -0.1, "B": -2.0}, "A", 1.0, "A", False, ANSWERED),
        ({"A": -2.0, "B": -0.1}, "A", 0.0, "B", False, ANSWERED),
        ({"A": -1.0, "B": -1.0}, "A", 0.5, "A|B", True, ANSWERED),
        ({"A": -1.0, "B": -1.0, "C": -1.0, "D": -3.0}, "C", 1 / 3, "A|B|C", True, ANSWERED),
        ({"A": -1.0, "B": -1.0, "C": -2.0}, "C", 0.0, "A|B", True, ANSWERED),
        ({"A": -INF, "B": -9.0}, "B", 1.0, "B", False, ANSWERED),
        ({"A": -INF, "B": -INF}, "B", 0.5, "A|B", True, ANSWERED),
        ({"A": -1.0}, "E", 0.0, "A", False, ANSWERED),
        ({}, "A", 0.0, "", False, UNPARSEABLE),
        ({"A": NAN, "B": -1.0}, "B", 0.0, "", False, UNPARSEABLE),
        ({"A": -1.0, "B": NAN}, "A", 0.0, "", False, UNPARSEABLE),
        ({"A": NAN, "B": NAN}, "A", 0.0, "", False, UNPARSEABLE),
    ],
)
def test_a_choice_is_right_where_it_is_most_probable(
    logprobs: Mapping[str, float],
    target: str,
    value: float,
    answer: str,
    tied: bool,
    outcome: Outcome,
) -> None:
    verdict = choice_accuracy().judge(sample(target), Prediction(sample_id="1", logprobs=logprobs))
    assert verdict.value == pytest.approx(value)
    assert (verdict.answer, verdict.tied, verdict.outcome) == (answer, tied, outcome)


def test_ties_are_counted_beside_the_accuracy() -> None:
    scores = [scored(1.0), scored(0.5, tied=True), scored(0.0, tied=True), scored(0.0)]
    accuracy, ties = choice_accuracy().aggregate(scores)
    assert (accuracy.metric, accuracy.value, accuracy.n) == ("accuracy", 0.375, 4)
    assert (ties.metric, ties.value, ties.n) == ("ties", 2.0, 4)


LOGPROBS = st.dictionaries(st.sampled_from("ABCDEF"), st.floats(-20, 0), min_size=1)


@given(LOGPROBS)
def test_the_credit_for_a_sample_sums_to_one_over_its_choices(logprobs: dict[str, float]) -> None:
    prediction = Prediction(sample_id="1", logprobs=logprobs)
    values = [choice_accuracy().judge(sample(name), prediction).value or 0.0 for name in logprobs]
    assert sum(values) == pytest.approx(1)


@given(LOGPROBS, st.randoms())
def test_the_order_of_choices_changes_no_score(
    logprobs: dict[str, float], order: random.Random
) -> None:
    shuffled = list(logprobs.items())
    order.shuffle(shuffled)
    assert sorted(most_probable(dict(shuffled))) == sorted(most_probable(logprobs))


# --- Aggregates -----------------------------------------------------------------------------------


def test_means_follow_by_group_and_the_macro_mean_weighs_groups_alike() -> None:
    scores = [
        scored(value, groups={"subject": subject, "level": level})
        for value, subject, level in [
            (1.0, "sums", "easy"),
            (0.0, "sums", "hard"),
            (1.0, "sums", "easy"),
            (0.0, "clocks", "easy"),
        ]
    ]
    found = averages("accuracy", macro_over="subject")(scores)
    assert [(s.metric, s.part, round(s.value, 4), s.n) for s in found] == [
        ("accuracy", "", 0.5, 4),
        ("macro-accuracy", "", 0.3333, 4),
        ("accuracy", "level=easy", 0.6667, 3),
        ("accuracy", "level=hard", 0.0, 1),
        ("accuracy", "subject=clocks", 0.0, 1),
        ("accuracy", "subject=sums", 0.6667, 3),
    ]


def test_samples_without_a_value_are_left_out_of_every_mean() -> None:
    scores = [scored(1.0, groups={"s": "a"}), scored(None, groups={"s": "b"})]
    found = averages("accuracy", macro_over="s")(scores)
    assert [(s.metric, s.part, s.value, s.n) for s in found] == [
        ("accuracy", "", 1.0, 1),
        ("macro-accuracy", "", 1.0, 1),
        ("accuracy", "s=a", 1.0, 1),
    ]


def test_no_samples_have_no_interval() -> None:
    nothing = mean_score("accuracy", [])
    assert (nothing.value, nothing.n, nothing.stderr, nothing.low) == (0.0, 0, None, None)
    assert [s.n for s in averages("accuracy", macro_over="s")([])] == [0, 0]


def test_samples_of_one_cluster_count_as_less_than_as_many_alone() -> None:
    values = [1.0] * 6 + [0.0] * 6
    alone = mean_score("accuracy", [scored(v) for v in values])
    shared = mean_score(
        "accuracy", [scored(v, cluster=f"patient {n // 3}") for n, v in enumerate(values)]
    )
    assert shared.value == alone.value == 0.5
    assert (shared.stderr or 0) > 1.5 * (alone.stderr or 0) > 0


@pytest.mark.parametrize("metric", [exact_match(macro_over="s"), choice_accuracy(macro_over="s")])
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, None]), st.sampled_from("abc"))),
    st.randoms(use_true_random=False),
)
def test_the_order_of_predictions_changes_no_number(
    metric: Metric, values: list[tuple[float | None, str]], order: random.Random
) -> None:
    scores = [scored(v, n, groups={"s": s}, cluster=s) for n, (v, s) in enumerate(values)]
    shuffled = list(scores)
    order.shuffle(shuffled)
    for before, after in zip(metric.aggregate(scores), metric.aggregate(shuffled), strict=True):
        assert (before.metric, before.part, before.n) == (after.metric, after.part, after.n)
        assert after.value == pytest.approx(before.value)
        assert after.stderr == pytest.approx(before.stderr)


def test_groups_are_named_by_their_kind() -> None:
    scores = [scored(1.0, 1, groups={"s": "b"}), scored(0.0, 2, groups={"s": "a", "k": "x"})]
    assert {name: [s.sample_id for s in members] for name, members in by_group(scores).items()} == {
        "k=x": ["2"],
        "s=a": ["2"],
        "s=b": ["1"],
    }
