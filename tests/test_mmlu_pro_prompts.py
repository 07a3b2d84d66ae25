"""MMLU-Pro prompts: both official texts, byte for byte, whole and with fewer examples."""

from collections.abc import Callable, Sequence

import pytest

from plugins.mmlu_pro.prompts import WorkedExample, api, api_header, local, local_header, offered
from registry import Prompt, Sample

QUESTION = "Which animal lays eggs?"
OPTIONS = ["a dog", " a hen", "N/A", "a cow"]
FIRST = WorkedExample(
    "What is 2 + 2?",
    ["3", "4"],
    "A: Let's think step by step. Two and two make four. The answer is (B).",
)
SECOND = WorkedExample(
    "What is\n3 + 3?",
    ["6", "7"],
    "A: Let's think step by step. It is six. The answer is (A).",
)

LOCAL = (
    "The following are multiple choice questions (with answers) about computer science. "
    "Think step by step and then finish your answer with "
    '"the answer is (X)" where X is the correct letter choice.\n'
    "\n"
    "\n"
    "\n"
    "Question:\n"
    "What is 2 + 2?\n"
    "Options:\n"
    "A. 3\n"
    "B. 4\n"
    "Answer: Let's think step by step. Two and two make four. The answer is (B).\n"
    "\n"
    "Question:\n"
    "What is\n"
    "3 + 3?\n"
    "Options:\n"
    "A. 6\n"
    "B. 7\n"
    "Answer: Let's think step by step. It is six. The answer is (A).\n"
    "\n"
    "Question:\n"
    "Which animal lays eggs?\n"
    "Options:\n"
    "A. a dog\n"
    "B. a hen\n"
    "C. a cow\n"
    "Answer: Let's think step by step."
)

API = (
    "The following are multiple choice questions (with answers) about computer science. "
    "Think step by step and then output the answer in the format of "
    '"The answer is (X)" at the end.\n'
    "\n"
    "Question: What is 2 + 2?\n"
    "Options: A. 3\n"
    "B. 4\n"
    "Answer: Let's think step by step. Two and two make four. The answer is (B).\n"
    "\n"
    "Question: What is\n"
    "3 + 3?\n"
    "Options: A. 6\n"
    "B. 7\n"
    "Answer: Let's think step by step. It is six. The answer is (A).\n"
    "\n"
    "Question: Which animal lays eggs?\n"
    "Options: A. a dog\n"
    "B. a hen\n"
    "C. a cow\n"
    "Answer: Let's think step by step.\n"
    "\n"
)


def asked(
    question: str = QUESTION,
    options: Sequence[str] = OPTIONS,
    examples: Sequence[WorkedExample] = (FIRST, SECOND),
) -> Sample:
    return Sample(
        id="1",
        input=question,
        target="A",
        choices=tuple(options),
        groups={"category": "computer science"},
        metadata={"examples": tuple(examples)},
    )


def whole(prompt: Prompt, shots: int = 5) -> str:
    return prompt.header + "".join(prompt.examples[:shots]) + str(prompt.question)


def test_the_local_prompt_is_the_authors_byte_for_byte() -> None:
    assert whole(local(asked())).encode() == LOCAL.encode()


def test_the_api_prompt_is_the_authors_byte_for_byte() -> None:
    assert whole(api(asked())).encode() == API.encode()


def test_the_local_prompt_is_a_raw_completion_and_the_api_prompt_a_message() -> None:
    raw, message = local(asked()), api(asked())
    assert (raw.chat, raw.sampling.max_tokens, raw.sampling.stop) == (False, 2048, ("Question:",))
    assert (message.chat, message.sampling.max_tokens, message.sampling.stop) == (True, 4000, ())
    assert (raw.system, message.system) == ("", "")
    assert raw.sampling.temperature == message.sampling.temperature == 0


def test_the_local_header_ends_in_four_newlines_and_the_api_header_in_two() -> None:
    assert local_header("law").endswith(" correct letter choice.\n\n\n\n")
    assert api_header("law").endswith('"The answer is (X)" at the end.\n\n')
    assert not api_header("law").endswith("\n\n\n")


@pytest.mark.parametrize("ask", [local, api])
def test_an_example_can_be_dropped_from_the_end_with_its_blank_line(
    ask: Callable[[Sample], Prompt],
) -> None:
    for shots in (0, 1):
        fewer = ask(asked(examples=(FIRST, SECOND)[:shots]))
        assert whole(ask(asked()), shots) == whole(fewer)


def test_a_category_with_braces_or_percent_signs_is_not_a_template() -> None:
    assert "about {0} %s {$}. Think" in local_header("{0} %s {$}")
    assert "about {0} %s {$}. Think" in api_header("{0} %s {$}")


def test_a_question_with_braces_stays_as_it_is() -> None:
    question = r"Find \frac{1}{2} of {x}."
    assert question in whole(local(asked(question)))


def test_the_local_example_changes_every_a_of_its_reasoning_and_no_other_text() -> None:
    example = WorkedExample("Q?", ["1"], "A: Let's think step by step. A: no. The answer is (A).")
    assert local(asked(examples=[example])).examples == (
        "Question:\nQ?\nOptions:\nA. 1\n"
        "Answer: Let's think step by step. A: no. The answer is (A).\n\n",
    )


def test_the_api_example_without_reasoning_asks_for_it() -> None:
    example = WorkedExample("Q?", ["1"], "")
    assert api(asked(examples=[example])).examples == (
        "Question: Q?\nOptions: A. 1\nAnswer: Let's think step by step.\n\n",
    )


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([" leaks", "no", "\tleaks", "\n\x0bleaks"], ["leaks", "no", "leaks", "leaks"]),
        (["N/A", "n/a", "N/A or so", " N/A"], ["n/a", "N/A or so"]),
        (["kept at the end ", ""], ["kept at the end ", ""]),
        ([], []),
    ],
)
def test_options_are_shown_without_the_leak_and_without_na(
    options: list[str], shown: list[str]
) -> None:
    assert list(offered(options)) == shown


def test_more_than_ten_options_are_refused() -> None:
    with pytest.raises(ValueError, match="11 options"):
        local(asked(options=["x"] * 11))
