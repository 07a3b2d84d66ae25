"""MMLU-Pro extraction: the authors' rules in linear time, their guess, and Podium's parser."""

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mmlu_pro.extraction import (
    LETTERS,
    PARSERS,
    Extraction,
    answer_colon,
    answer_is,
    answer_is_only,
    last_capital,
    official,
    official_api,
    official_guesses,
    podium,
    settle,
    without_reasoning,
)

REPLAYS = Path(__file__).parents[2] / "shared" / "data" / "replays"
RECORDED = REPLAYS / "mmlu_pro" / "Qwen1.5-7B-Chat_5shot.jsonl.gz"
TEN_MEGABYTES = 10_000_000


# --- The recorded run of Qwen1.5-7B-Chat ---------------------------------------------------------


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    if not RECORDED.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{RECORDED.name} is missing from the shared data")
        pytest.skip(f"{RECORDED.name} is not here")
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def right(letters: dict[str, str | None], rows: list[dict[str, Any]]) -> int:
    return sum(letters[str(row["question_id"])] == row["answer"] for row in rows)


def letters_by(
    parser: Callable[[str], Extraction], rows: list[dict[str, Any]]
) -> dict[str, str | None]:
    return {str(row["question_id"]): parser(row["model_outputs"]).letter for row in rows}


def option_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {str(row["question_id"]): row["n_options"] for row in rows}


def test_the_rules_hit_as_often_as_they_did_for_the_authors(rows: list[dict[str, Any]]) -> None:
    hits = Counter(official(row["model_outputs"]).found_by for row in rows)
    assert hits == {"answer is": 9223, "answer:": 256, "last capital": 1937, "nothing": 616}


def test_rule_one_alone_equals_the_recorded_letter_on_every_row(rows: list[dict[str, Any]]) -> None:
    assert [answer_is_only(row["model_outputs"]).letter for row in rows] == [
        row["pred"] for row in rows
    ]


def test_rule_one_alone_gets_3181_right(rows: list[dict[str, Any]]) -> None:
    assert right(letters_by(answer_is_only, rows), rows) == 3181


def test_three_rules_with_no_answer_wrong_get_3652_right(rows: list[dict[str, Any]]) -> None:
    letters = letters_by(official, rows)
    assert right(settle(letters, option_counts(rows), "wrong"), rows) == 3652


def test_three_rules_with_the_seeded_guess_get_3712_right(rows: list[dict[str, Any]]) -> None:
    letters = letters_by(official, rows)
    settled = settle(letters, option_counts(rows), "guess")
    assert right(settled, rows) == 3712
    assert None not in settled.values()


def test_the_guess_depends_on_the_order_of_the_questions(rows: list[dict[str, Any]]) -> None:
    by_category = sorted(rows, key=lambda row: str(row["category"]))
    letters = letters_by(official, by_category)
    assert right(settle(letters, option_counts(rows), "guess"), rows) == 3702


def test_reading_as_the_api_script_does_removes_the_bold_first(rows: list[dict[str, Any]]) -> None:
    found = [official_api(row["model_outputs"]) for row in rows]
    assert Counter(one.found_by for one in found)["answer is"] == 9365
    assert sum(one.letter == row["answer"] for one, row in zip(found, rows, strict=True)) == 3653


def test_podium_takes_no_stray_capital_and_no_letter_that_is_not_offered(
    rows: list[dict[str, Any]],
) -> None:
    found = [podium(row["model_outputs"], row["n_options"]) for row in rows]
    assert Counter(one.found_by for one in found) == {
        "stated": 10152,
        "is (X)": 284,
        "last line": 1,
        "nothing": 1595,
    }
    assert sum(one.letter == row["answer"] for one, row in zip(found, rows, strict=True)) == 3515
    assert all(
        one.letter in LETTERS[: row["n_options"]]
        for one, row in zip(found, rows, strict=True)
        if one.letter
    )


# --- The rules, against the expressions as the authors write them --------------------------------


def naive_answer_is(text: str) -> str | None:
    match = re.search(r"answer is \(?([A-J])\)?", text)
    return match.group(1) if match else None


def naive_answer_colon(text: str) -> str | None:
    match = re.search(r".*[aA]nswer:\s*([A-J])", text)
    return match.group(1) if match else None


def naive_last_capital(text: str) -> str | None:
    match = re.search(r"\b[A-J]\b(?!.*\b[A-J]\b)", text, re.DOTALL)
    return match.group(0) if match else None


# Pieces that the rules care about, so that short texts hit them often; and any text at all.
PIECES = [*"AaBIJKk() \n\r\t.:*_1é", "answer is ", "nswer", "Answer:", "answer:", "\x1c", "\u2028"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=40)


@given(TEXTS)
def test_rule_one_equals_the_authors_expression(text: str) -> None:
    assert answer_is(text) == naive_answer_is(text)


@given(TEXTS)
def test_rule_two_equals_the_authors_expression(text: str) -> None:
    assert answer_colon(text) == naive_answer_colon(text)


@given(TEXTS)
def test_rule_three_equals_the_authors_expression(text: str) -> None:
    assert last_capital(text) == naive_last_capital(text)


@given(TEXTS)
def test_the_official_letter_is_that_of_the_first_rule_that_hits(text: str) -> None:
    expected = naive_answer_is(text) or naive_answer_colon(text) or naive_last_capital(text)
    assert official(text).letter == expected


@pytest.mark.parametrize(
    ("text", "letter", "found_by"),
    [
        ("The answer is (C). No, the answer is (D).", "C", "answer is"),
        ("The answer is Africa.", "A", "answer is"),
        ("the answer is (c)", None, "nothing"),
        ("Answer: B, or rather Answer: C", "C", "answer:"),
        ("Answer: B\nAnswer: C", "B", "answer:"),
        ("Answer:\n\n D", "D", "answer:"),
        ("Answer: Answer: B", "B", "answer:"),
        ("answer: none\nAnswer: E", "E", "answer:"),
        ("I think it is hard to say", "I", "last capital"),
        ("B or C\nmaybe D?", "D", "last capital"),
        ("ABC", None, "nothing"),
        ("The answer is **B**.", "B", "last capital"),
        ("", None, "nothing"),
    ],
)
def test_official_cases(text: str, letter: str | None, found_by: str) -> None:
    found = official(text)
    assert (found.letter, found.found_by) == (letter, found_by)


# --- Reasoning -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("no tags", "no tags"),
        ("<think>the answer is (A)</think>the answer is (B)", "the answer is (B)"),
        ("before <think>x</think> between <think>y</think> after", "before  between  after"),
        ("opened by the template: (A)</think>the answer is (B)", "the answer is (B)"),
        ("<think>a <think> inside</think> after", " after"),
        ("<think>the answer is (A)", None),
        ("<think>x</think> the answer is (A) <think> wait", None),
    ],
)
def test_reasoning_is_left_out(text: str, rest: str | None) -> None:
    assert without_reasoning(text) == rest


@pytest.mark.parametrize("name", PARSERS)
def test_no_parser_answers_from_reasoning_that_never_ends(name: str) -> None:
    assert PARSERS[name]("<think>The answer is (A).") == Extraction(None, "unclosed reasoning")


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_reads_what_follows_the_reasoning(name: str) -> None:
    text = "<think>The answer is (A).</think>The answer is (B)."
    assert PARSERS[name](text).letter == "B"


# --- Podium's parser -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "letter", "found_by"),
    [
        ("The answer is (C). No, the answer is (D).", "D", "stated"),
        ("The answer is **(B)**.", "B", "stated"),
        ("**Answer:** B", "B", "stated"),
        ("**Answer: B**\n\nI hope this helps.", "B", "stated"),
        ("ANSWER: (J)", "J", "stated"),
        ("The correct option is:\n\nC. Osmosis", "C", "stated"),
        ("The answer is option E", "E", "stated"),
        (r"so \boxed{C}", "C", "stated"),
        (r"The answer is $\boxed{\text{(D)}}$.", "D", "stated"),
        ("The answer is I. The others are wrong.", "I", "stated"),
        ("The answer is I think B", None, "nothing"),
        ("The answer is Africa", None, "nothing"),
        ("Therefore, the right statement is (E).", "E", "is (X)"),
        ("Hence **F**", "F", "bold"),
        ("Let me see.\n\n(G).\n", "G", "last line"),
        ("C", "C", "last line"),
        ("I cannot tell A from B here", None, "nothing"),
        ("", None, "nothing"),
    ],
)
def test_podium_cases(text: str, letter: str | None, found_by: str) -> None:
    found = podium(text)
    assert (found.letter, found.found_by) == (letter, found_by)


def test_podium_passes_over_letters_that_are_not_offered() -> None:
    text = "The answer is (B). Among ten, the answer is (J)."
    assert podium(text, n_options=4).letter == "B"
    assert podium(text).letter == "J"


# --- Ten megabytes -------------------------------------------------------------------------------

# Quadratic work on any of these takes hours, so that the test ends is the proof.
DEGENERATE = {
    "capitals": "A",
    "pronouns": "I ",
    "newlines": "\n",
    "answers without a letter": "Answer: ",
    "answers": "Answer: A ",
    "half statements": "answer is ",
    "brackets": "answer is ((((",
    "words far apart": "answer" + " " * 40,
    "asterisks": "*",
    "bold": "**A**",
    "boxes": r"\boxed{",
    "closing tags": "</think>",
    "blocks": "<think></think>",
}


@pytest.mark.parametrize("piece", DEGENERATE.values(), ids=DEGENERATE)
def test_ten_megabytes_give_the_letter_that_a_hundred_bytes_give(piece: str) -> None:
    text = piece * (TEN_MEGABYTES // len(piece))
    for rule in (answer_is, answer_colon, last_capital, podium):
        assert rule(text) == rule(piece * 3)


@pytest.mark.parametrize("parser", [official, podium])
def test_ten_megabytes_between_a_colon_and_no_letter_are_read(
    parser: Callable[[str], Extraction],
) -> None:
    assert parser("Answer:" + " " * TEN_MEGABYTES + "?") == Extraction(None, "nothing")


# --- Without a letter ----------------------------------------------------------------------------


def test_a_guess_is_among_the_options_offered() -> None:
    counts = {f"q{n}-{i}": n for n in range(1, 11) for i in range(50)}
    guesses = official_guesses(counts)
    assert list(guesses) == list(counts)
    assert all(guesses[id] in LETTERS[:n] for id, n in counts.items())


def test_the_first_guesses_are_those_of_the_authors_seed() -> None:
    assert "".join(official_guesses({str(i): 10 for i in range(8)}).values()) == "GAEFDEJG"


def test_answered_questions_draw_no_random_number() -> None:
    counts = {"a": 10, "b": 10, "c": 10}
    alone = settle({"b": None, "c": None}, counts, "guess")
    settled = settle({"a": "J", "b": None, "c": None}, counts, "guess")
    assert settled == {"a": "J", **alone}


def test_counting_as_wrong_leaves_the_letters_alone() -> None:
    assert settle({"a": "J", "b": None}, {"a": 10, "b": 4}, "wrong") == {"a": "J", "b": None}


@pytest.mark.parametrize("n_options", [0, 11])
def test_a_question_with_no_or_too_many_options_is_refused(n_options: int) -> None:
    with pytest.raises(ValueError, match=f"'q7' has {n_options} options"):
        official_guesses({"q7": n_options})
