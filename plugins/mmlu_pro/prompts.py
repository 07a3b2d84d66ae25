"""The two prompts the MMLU-Pro authors send, byte for byte: one for local models, one for APIs.

They differ in header, spacing, ending, delivery and length of the answer, so a score names the one
it used.

Source: `evaluate_from_local.py`, `cot_prompt_lib/initial_prompt.txt` and `evaluate_from_api.py` of
github.com/TIGER-AI-Lab/MMLU-Pro (Apache-2.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from plugins.mmlu_pro.extraction import LETTERS
from registry import Prompt, Sample, Sampling

# Greedily, as a raw completion without a chat template.
LOCAL_SAMPLING = Sampling(max_tokens=2048, stop=("Question:",))
# Greedily (top_p 1), one user message, no system prompt.
API_SAMPLING = Sampling(max_tokens=4000)

_LET_US_THINK = "Let's think step by step."


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A validation question with the authors' reasoning, which begins with `A: `."""

    question: str
    options: Sequence[str]
    cot_content: str


def local(sample: Sample) -> Prompt:
    """Return the prompt of `evaluate_from_local.py`, a raw completion."""
    return Prompt(
        header=local_header(sample.groups["category"]),
        examples=tuple(local_example(example) for example in sample.metadata["examples"]),
        question=local_question(str(sample.input), sample.choices),
        sampling=LOCAL_SAMPLING,
    )


def api(sample: Sample) -> Prompt:
    """Return the prompt of `evaluate_from_api.py`, one user message."""
    return Prompt(
        header=api_header(sample.groups["category"]),
        examples=tuple(api_example(example) for example in sample.metadata["examples"]),
        question=api_question(str(sample.input), sample.choices),
        chat=True,
        sampling=API_SAMPLING,
    )


def offered(options: Sequence[str]) -> tuple[str, ...]:
    """Return the options to show: leading blanks stripped, those that read `N/A` left out.

    The authors drop `N/A` in their scripts, and took the blanks out of the data in January 2026: in
    earlier snapshots 475 of the 495 options that start with a blank are the right answer.
    """
    stripped = (option.lstrip() for option in options)
    return tuple(option for option in stripped if option != "N/A")


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


def _lettered(options: Sequence[str]) -> str:
    shown = offered(options)
    if len(shown) > len(LETTERS):
        raise ValueError(f"{len(shown)} options, but the answers read are {LETTERS[0]} to J")
    return "".join(f"{letter}. {option}\n" for letter, option in zip(LETTERS, shown, strict=False))
