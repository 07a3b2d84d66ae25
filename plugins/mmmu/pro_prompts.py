"""What MMMU-Pro asks a model: its three settings, asked directly or for a chain of thought.

The texts are those of the authors' `prompts.yaml`, byte for byte. The published figures are of the
chain of thought.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from plugins.mmmu.columns import letters
from plugins.mmmu.prompts import Part, options_of, present_images, split_at_images

Setting = Literal["standard-10", "standard-4", "vision"]
Mode = Literal["direct", "cot"]

# The folders (configurations) of the data set, spaces and brackets included.
CONFIGURATIONS: Mapping[Setting, str] = MappingProxyType(
    {
        "standard-10": "standard (10 options)",
        "standard-4": "standard (4 options)",
        "vision": "vision",
    }
)

_LAST_LINE = (
    "The last line of your response should be of the following format: 'Answer: $LETTER' "
    "(without quotes) where LETTER is one of options."
)
_DIRECT = "Answer with the option letter from the given choices directly."
_STEPS = "Think step by step before answering."
STANDARD_INSTRUCTIONS: Mapping[Mode, str] = MappingProxyType(
    {
        "direct": _DIRECT,
        "cot": f"Answer the preceding multiple choice question. {_LAST_LINE} {_STEPS}",
    }
)
VISION_INSTRUCTIONS: Mapping[Mode, str] = MappingProxyType(
    {
        "direct": f"{_DIRECT} {_LAST_LINE}",
        "cot": (
            "Write out the multiple-choice question in the image and then solve it. "
            f"{_LAST_LINE} {_STEPS}"
        ),
    }
)


def build_parts(row: Mapping[str, object], mode: Mode) -> tuple[Part, ...]:
    """Return the parts of a row of either standard setting, images where their tags stand.

    The authors send the text first: `images_last` of these parts, from `plugins.mmmu.prompts`.

    Raises:
        MalformedRow: the options are no list, or a tag refers to an image that the row lacks.
    """
    text = standard_prompt(str(row["question"]), options_of(row), mode)
    return split_at_images(text, present_images(row))


def standard_prompt(question: str, options: Sequence[str], mode: Mode) -> str:
    """Return question, options as `A. text` and instruction, each on lines of its own."""
    listed = "\n".join(
        f"{letter}. {option}" for letter, option in zip(letters(len(options)), options, strict=True)
    )
    return f"{question}\n{listed}\n{STANDARD_INSTRUCTIONS[mode]}"


def vision_prompt(mode: Mode) -> str:
    """Return the text beside a screenshot, which holds the question: the instruction alone."""
    return VISION_INSTRUCTIONS[mode]
