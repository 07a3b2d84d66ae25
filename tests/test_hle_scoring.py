"""Humanity's Last Exam: the authors' figures on a recorded run, and replies of every kind."""

import hashlib
import json
import math
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from plugins.hle.calibration import (
    Judged,
    accuracy,
    calibration_error,
    calibration_error_all_bins,
    half_width,
)
from plugins.hle.judging import (
    JUDGE_PROMPT,
    JUDGE_SCHEMA,
    SYSTEM_PROMPT,
    Judgement,
    Unjudged,
    is_correct,
    judge_prompt,
    parse_judgement,
)

REPLAYS = Path(__file__).parents[2] / "shared" / "data" / "replays"
RECORDED = REPLAYS / "hle" / "zenmux_glm-4.5-air.jsonl"


# --- The recorded run of GLM-4.5-Air -------------------------------------------------------------


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    if not RECORDED.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{RECORDED.name} is missing from the shared data")
        pytest.skip(f"{RECORDED.name} is not here")
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def judged(rows: list[dict[str, Any]]) -> list[Judged]:
    return [Judged(is_correct(row["correct"]), row["confidence"]) for row in rows if row["judged"]]


def test_judged_only_the_recorded_run_scores_11_72(judged: list[Judged]) -> None:
    assert len(judged) == 879
    percent = accuracy(sum(one.correct for one in judged), 879)
    assert (percent, half_width(percent, 879)) == (11.72, 2.13)


def test_of_all_text_questions_the_recorded_run_scores_4_77(
    rows: list[dict[str, Any]], judged: list[Judged]
) -> None:
    assert len(rows) == 2158
    percent = accuracy(sum(one.correct for one in judged), 2158)
    assert (percent, half_width(percent, 2158)) == (4.77, 0.90)


def test_the_recorded_run_has_the_calibration_error_of_a_stable_sort(judged: list[Judged]) -> None:
    error = calibration_error(judged)
    assert error is not None
    assert round(error, 2) == 70.99


def test_the_recorded_run_is_worse_calibrated_over_all_bins(judged: list[Judged]) -> None:
    error = calibration_error_all_bins(judged)
    assert error is not None
    assert round(error, 2) == 80.08


def test_the_order_of_ties_moves_the_authors_error_by_several_points(judged: list[Judged]) -> None:
    right_first = calibration_error(sorted(judged, key=lambda one: not one.correct))
    wrong_first = calibration_error(sorted(judged, key=lambda one: one.correct))
    assert right_first is not None
    assert wrong_first is not None
    assert (round(right_first, 1), round(wrong_first, 1)) == (68.2, 76.8)


# --- Against the authors' formulas ---------------------------------------------------------------


def authors_error(judged: Sequence[Judged], *, skip: int) -> float:
    """The published formula in NumPy, with a stable sort; `skip` bins at the top are left out."""
    confidence = np.array([one.confidence for one in judged]) / 100
    correct = np.array([one.correct for one in judged])
    order = np.argsort(confidence, kind="stable")
    confidence, correct = confidence[order], correct[order]
    starts = [i * 100 for i in range(len(judged) // 100)]
    stops = [*starts[1:], len(judged)]
    squares = 0.0
    for start, stop in list(zip(starts, stops, strict=True))[: len(starts) - skip]:
        gap = np.mean(confidence[start:stop]) - np.mean(correct[start:stop])
        squares += (stop - start) / len(judged) * gap**2
    return float(100 * np.sqrt(squares))


def answers(n: int, seed: int = 0) -> list[Judged]:
    draw = random.Random(seed)
    return [Judged(draw.random() < 0.3, draw.randint(0, 100)) for _ in range(n)]


@pytest.mark.parametrize("n", [200, 201, 299, 300, 750, 2500])
def test_the_calibration_error_is_the_authors(n: int) -> None:
    assert calibration_error(answers(n)) == pytest.approx(authors_error(answers(n), skip=1))
    assert calibration_error_all_bins(answers(n)) == pytest.approx(
        authors_error(answers(n), skip=0)
    )


@pytest.mark.parametrize("n", [0, 1, 99, 100, 199])
def test_with_no_bin_left_to_measure_there_is_no_calibration_error(n: int) -> None:
    assert calibration_error(answers(n)) is None


@pytest.mark.parametrize("n", [1, 99, 100, 199])
def test_up_to_199_answers_are_a_single_bin_of_the_error_over_all_bins(n: int) -> None:
    gap = np.mean([one.confidence / 100 - one.correct for one in answers(n)])
    assert calibration_error_all_bins(answers(n)) == pytest.approx(100 * abs(float(gap)))


def test_with_nothing_judged_there_is_no_error_over_all_bins_either() -> None:
    assert calibration_error_all_bins([]) is None


def test_the_most_confident_bin_counts_only_over_all_bins() -> None:
    calm, sure = [Judged(True, 90)] * 100, [Judged(False, 100)] * 100
    assert calibration_error(sure + calm) == pytest.approx(100 * math.sqrt(0.5 * 0.1**2))
    assert calibration_error_all_bins(sure + calm) == pytest.approx(
        100 * math.sqrt(0.5 * 0.1**2 + 0.5 * 1**2)
    )


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_accuracy_rounds_as_the_authors_numpy_does(counts: tuple[int, int]) -> None:
    n_correct, n = counts
    assert accuracy(n_correct, n) == float(round(100 * np.int64(n_correct) / n, 2))


@pytest.mark.parametrize(
    ("percent", "n", "half"),
    # A row of the authors' leaderboard, and the sample of their README.
    [(46.44, 2500, 1.96), (3.07, 2700, 0.65), (0.0, 10, 0.0), (100.0, 10, 0.0)],
)
def test_the_half_width_is_the_published_one(percent: float, n: int, half: float) -> None:
    assert half_width(percent, n) == pytest.approx(half, abs=0.005)


def test_no_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="accuracy of 0 questions"):
        accuracy(0, 0)


# --- The texts -----------------------------------------------------------------------------------


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_system_prompt_is_the_authors_byte_for_byte() -> None:
    assert SYSTEM_PROMPT == (
        "Your response should be in the following format:\n"
        "Explanation: {your explanation for your answer choice}\n"
        "Answer: {your chosen answer}\n"
        "Confidence: {your confidence score between 0% and 100% for your answer}"
    )
    assert sha256(SYSTEM_PROMPT) == (
        "40f399fe8c277e2cb98ad8ca663461141d1abbf01a18da3c4129eccc706b4326"
    )


def test_the_judge_prompt_is_the_authors_byte_for_byte() -> None:
    # Taken from the published file, not from the constant under test.
    assert sha256(JUDGE_PROMPT) == (
        "0f0023ee579b8c134f1834ed8952778b9e01460e31d47c242ee3629da9d44835"
    )


def test_the_judge_prompt_keeps_its_oddities() -> None:
    prompt = judge_prompt("1 + 1?", "Two.", "2")
    assert r"between 0|\%| and 100|\%| from [response]" in prompt
    assert "if there if there is any" in prompt
    assert "answer is incorrect.\n\n\nconfidence: " in prompt
    assert prompt.endswith("Put 100 if there is no confidence score available.")


def test_the_judge_reads_question_then_response_then_answer() -> None:
    prompt = judge_prompt("1 + 1?", "Two.", "2")
    assert "\n\n[question]: 1 + 1?\n\n[response]: Two.\n\nYour judgement" in prompt
    assert "\n\n[correct_answer]: 2\n\nreasoning: Explain" in prompt


def test_braces_in_what_is_judged_stay_as_they_are() -> None:
    prompt = judge_prompt("{x}", r"\frac{1}{2} {question}", "{}")
    assert "[question]: {x}\n" in prompt
    assert "[response]: \\frac{1}{2} {question}\n" in prompt
    assert "[correct_answer]: {}\n" in prompt


# --- The judge's reply ---------------------------------------------------------------------------


def reply(**changes: object) -> str:
    fields: dict[str, object] = {
        "extracted_final_answer": "42",
        "reasoning": "It matches.",
        "correct": "yes",
        "confidence": 85,
        "strict": True,
    }
    fields.update(changes)
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


YES = Judgement("42", "It matches.", True, 85, 85)
NO = Judgement("42", "It matches.", False, 85, 85)


class ExtractedAnswer(BaseModel):
    """The authors' own definition of a reply."""

    extracted_final_answer: str
    reasoning: str
    correct: Literal["yes", "no"]
    confidence: int
    strict: Literal[True]


def test_the_schema_is_that_of_the_authors_class_with_nothing_more_allowed() -> None:
    authors = ExtractedAnswer.model_json_schema()
    fields = {
        name: {key: value for key, value in field.items() if key != "title"}
        for name, field in authors["properties"].items()
    }
    assert dict(JUDGE_SCHEMA) == {
        "type": "object",
        "properties": fields,
        "required": authors["required"],
        "additionalProperties": False,
    }
    # A guided judge writes the fields in this order, its reasons before its verdict.
    assert list(fields) == authors["required"] == JUDGE_SCHEMA["required"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (reply(), YES),
        (reply(correct="no"), NO),
        (reply(correct=" Yes\n"), YES),
        (reply(strict=...), YES),
        (f"```json\n{reply()}\n```", YES),
        (f"My verdict on the set {{1, 2}}:\n\n{reply(correct='no')}\n\nThat is all.", NO),
        (f"{reply()}\nAs said:\n{reply()}", YES),
        (f"<think>{reply(correct='no')}</think>{reply()}", YES),
        (f"{reply(correct='no')}</think>\n{reply()}", YES),
        (f'{{"broken": 1, {reply()}', YES),
        (
            reply(reasoning='It wrote {"correct": "no"}.'),
            Judgement("42", 'It wrote {"correct": "no"}.', True, 85, 85),
        ),
    ],
)
def test_a_verdict_is_read_from_json_wherever_it_stands(text: str, expected: Judgement) -> None:
    assert parse_judgement(text) == expected


@pytest.mark.parametrize(
    ("stated", "confidence", "kept"),
    [
        (0, 0, 0),
        (100, 100, 100),
        (140, 100, 140),
        (-5, 0, -5),
        (85.0, 85, 85),
        ("85", 85, 85),
        (" 85 % ", 85, 85),
        (None, 100, None),
        (..., 100, None),
    ],
)
def test_confidence_is_clamped_and_100_when_missing(
    stated: object, confidence: int, kept: int | None
) -> None:
    read = parse_judgement(reply(confidence=stated))
    assert isinstance(read, Judgement)
    assert (read.confidence, read.stated_confidence) == (confidence, kept)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("<think>It is", "ends within its reasoning"),
        (f"<think>{reply()}", "ends within its reasoning"),
        (f"{reply()} <think> but", "ends within its reasoning"),
        ("correct: yes\nconfidence: 90", "no JSON object"),
        ("The answer is correct.", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('{"verdict": "yes"}', "no JSON object"),
        (json.dumps({"verdict": json.loads(reply())}), "no JSON object"),
        (reply()[:-1], "no JSON object"),
        ('{"correct": "yes", "confidence": ' + "9" * 5000 + "}", "no JSON object"),
        ('{"a":' * 5000, "no JSON object"),
        (reply(correct="maybe"), "'correct' is 'maybe'"),
        (reply(correct="yes and no"), "'correct' is 'yes and no'"),
        (reply(correct=True), "'correct' is True"),
        (reply(correct=None), "'correct' is None"),
        (reply(correct="yes" * 99), "'correct' is 'yesyesyesyesyesyesyesyesyesyesyesyesyes, not"),
        (reply(extracted_final_answer=None), "lacks the text"),
        (reply(reasoning=...), "lacks the text"),
        (reply(strict=False), "'strict' is False"),
        (reply(confidence=0.85), "'confidence' is 0.85"),
        (reply(confidence=True), "'confidence' is True"),
        (reply(confidence="high"), "'confidence' is 'high'"),
        (reply(confidence=math.nan), "'confidence' is nan"),
        (reply(confidence=math.inf), "'confidence' is inf"),
        (reply(confidence=[85]), "'confidence' is [85]"),
        (reply() + reply(correct="no"), "disagree"),
        (reply() + reply(confidence=10), "disagree"),
        (reply() + reply(correct="maybe"), "disagree"),
        (reply() + " " * 100_000 + "x", "100,113 characters long"),
    ],
)
def test_anything_else_is_unjudged_and_says_why(text: str, why: str) -> None:
    read = parse_judgement(text)
    assert isinstance(read, Unjudged)
    assert why in read.reason


@given(st.text())
def test_no_prose_is_ever_a_verdict(text: str) -> None:
    assert isinstance(parse_judgement(text), Unjudged)


@pytest.mark.parametrize("piece", ['{"', '{"a":', '{"a": 1, ', "{", '{"x', "\n"])
def test_replies_as_long_as_are_read_at_all_come_to_an_end(piece: str) -> None:
    assert isinstance(parse_judgement(piece * (100_000 // len(piece))), Unjudged)


@pytest.mark.parametrize(
    ("recorded", "correct"), [("yes", True), ("no", False), ("yes.", True), ("Yes", False)]
)
def test_a_recorded_verdict_is_right_when_it_contains_a_lower_case_yes(
    recorded: str, correct: bool
) -> None:
    assert is_correct(recorded) is correct
