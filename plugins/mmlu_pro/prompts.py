"""The two prompts the MMLU-Pro authors send, byte for byte: one for local models, one for APIs.

They differ in header, spacing and ending, so a score names the one it used.  Each is built as
header, worked examples and question, so that examples can be dropped one by one when a prompt is
too long: the authors drop the last one while the whole has 2,048 tokens or more.

Source: `evaluate_from_local.py`, `cot_prompt_lib/initial_prompt.txt` and `evaluate_from_api.py` of
github.com/TIGER-AI-Lab/MMLU-Pro (Apache-2.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from plugins.mmlu_pro.extraction import LETTERS

SHOTS = 5
"""Worked examples of the question's own category, in file order."""

# How the local script samples: greedily, as a raw completion without a chat template.
LOCAL_STOP = ("Question:",)
LOCAL_MAX_TOKENS = 2048
LOCAL_PROMPT_TOKENS_BELOW = 2048

# How the API script samples: greedily (top_p 1), one user message, no system prompt.
API_MAX_TOKENS = 4000

_LET_US_THINK = "Let's think step by step."


@dataclass(frozen=True)
class WorkedExample:
    """A validation question with the authors' reasoning, which begins with `A: `."""

    question: str
    options: Sequence[str]
    cot_content: str


@dataclass(frozen=True)
class Prompt:
    """A prompt in parts: joined without a separator, they are what the authors send."""

    header: str
    examples: tuple[str, ...]
    question: str

    @property
    def text(self) -> str:
        """The whole prompt."""
        return "".join((self.header, *self.examples, self.question))

    def with_shots(self, n: int) -> Self:
        """Return this prompt with its first `n` worked examples."""
        return replace(self, examples=self.examples[: max(n, 0)])


def offered(options: Sequence[str]) -> list[str]:
    """Return the options to show: leading blanks stripped, those that read `N/A` left out.

    The authors drop `N/A` in their scripts, and took the blanks out of the data in January 2026: in
    earlier snapshots 475 of the 495 options that start with a blank are the right answer.
    """
    stripped = [option.lstrip() for option in options]
    return [option for option in stripped if option != "N/A"]


def local_header(category: str) -> str:
    """Return the local prompt's header; four newlines end it, three of them from the file."""
    return (
        f"The following are multiple choice questions (with answers) about {category}. Think step "
        'by step and then finish your answer with "the answer is (X)" where X is the correct '
        "letter choice.\n\n\n\n"
    )


def local_question(question: str, options: Sequence[str]) -> str:
    """Return the question to be answered; the model goes on after `step by step.`, no newline."""
    return f"{_local_stem(question, options)}Answer: {_LET_US_THINK}"


def local_example(example: WorkedExample) -> str:
    """Return a worked example of the local prompt, ending in a blank line."""
    reasoning = example.cot_content.replace(f"A: {_LET_US_THINK}", f"Answer: {_LET_US_THINK}")
    return f"{_local_stem(example.question, example.options)}{reasoning}\n\n"


def _local_stem(question: str, options: Sequence[str]) -> str:
    return f"Question:\n{question}\nOptions:\n{_lettered(options)}"


def local_prompt(
    category: str, question: str, options: Sequence[str], examples: Sequence[WorkedExample] = ()
) -> Prompt:
    """Return the prompt of `evaluate_from_local.py`, a raw completion."""
    return Prompt(
        header=local_header(category),
        examples=tuple(local_example(example) for example in examples),
        question=local_question(question, options),
    )


def api_header(category: str) -> str:
    """Return the API prompt's header, ending in a blank line."""
    return (
        f"The following are multiple choice questions (with answers) about {category}. Think step "
        'by step and then output the answer in the format of "The answer is (X)" at the end.\n\n'
    )


def api_question(question: str, options: Sequence[str]) -> str:
    """Return the question to be answered; unlike the local one it ends in a blank line."""
    return api_example(WorkedExample(question, options, cot_content=""))


def api_example(example: WorkedExample) -> str:
    """Return a worked example of the API prompt; option A shares the line of `Options: `."""
    reasoning = (example.cot_content or _LET_US_THINK).removeprefix("A: ")
    stem = f"Question: {example.question}\nOptions: {_lettered(example.options)}"
    return f"{stem}Answer: {reasoning}\n\n"


def api_prompt(
    category: str, question: str, options: Sequence[str], examples: Sequence[WorkedExample] = ()
) -> Prompt:
    """Return the prompt of `evaluate_from_api.py`, one user message."""
    return Prompt(
        header=api_header(category),
        examples=tuple(api_example(example) for example in examples),
        question=api_question(question, options),
    )


def _lettered(options: Sequence[str]) -> str:
    shown = offered(options)
    if len(shown) > len(LETTERS):
        raise ValueError(f"{len(shown)} options, but the answers read are {LETTERS[0]} to J")
    return "".join(f"{letter}. {option}\n" for letter, option in zip(LETTERS, shown, strict=False))
