"""What a model is asked about a picture, for each request mode.

The wording and the decoding are part of the score: MedGemma's own authors report that changes to
prompts sometimes had a significant effect.
"""

from collections.abc import Callable, Sequence

from plugins.mimic_cxr.labels import NO, YES
from registry import Choice, Content, Prompt, Sample, Sampling

# "Is there no finding in this image?" can be answered by yes and by no, both meaning the same.
QUESTIONS = {"No Finding": "Is this image free of abnormal findings?"}

ONE_WORD = "Answer with one word, yes or no."

# Table A7 of the MedGemma technical report (arXiv 2507.05201), where it follows the question; no
# system message, temperature 0.
FINAL_ANSWER = (
    "You may write out your argument before stating your final very short, definitive, and concise "
    "answer (if possible, a single word or the letter corresponding to your answer choice) X in "
    'the format "Final Answer: X":'
)

ALL_AT_ONCE = "Which of these does this image show: {names}?"
AS_JSON = (
    "Answer with a JSON object that has each of these names as a key, and as its value true if the "
    "image shows it, else false."
)
NOTHING_FOUND = '"No Finding" is true if the image is free of abnormal findings.'

ARGUMENT_TOKENS = 2048  # the report does not say; a reply that is cut off is counted apart
JSON_TOKENS = 512  # 14 names and values are below 200

CHOICES = (
    Choice(YES, ("yes", "Yes", "YES", " yes", " Yes")),
    Choice(NO, ("no", "No", "NO", " no", " No")),
)


def question(condition: str) -> str:
    """Return the yes/no question for a condition.

    >>> question("Pleural Effusion")
    'Is there pleural effusion in this image?'
    """
    return QUESTIONS.get(condition, f"Is there {condition.lower()} in this image?")


def question_of_all(conditions: Sequence[str]) -> str:
    """Return the question for all conditions at once.

    >>> question_of_all(["Edema", "Pleural Effusion"])
    'Which of these does this image show: Edema, Pleural Effusion?'
    """
    return ALL_AT_ONCE.format(names=", ".join(conditions))


def binary_direct(sample: Sample) -> Prompt:
    """Ask for one word, and weigh yes against no by their spellings' probabilities."""
    return Prompt(
        question=_with(sample.input, ONE_WORD),
        chat=True,
        choices=CHOICES,
        sampling=Sampling(max_tokens=1),
    )


def binary_cot(sample: Sample) -> Prompt:
    """Ask as MedGemma's authors do: an argument first, then the final answer."""
    return Prompt(
        question=_with(sample.input, FINAL_ANSWER),
        chat=True,
        sampling=Sampling(max_tokens=ARGUMENT_TOKENS),
    )


def multilabel_json(conditions: Sequence[str]) -> Callable[[Sample], Prompt]:
    """Return the prompt that asks for one boolean a condition, in the shape of a JSON schema.

    It names masked conditions too: to leave them out would tell what the report mentions.
    """
    schema = {
        "type": "object",
        "properties": {name: {"type": "boolean"} for name in conditions},
        "required": list(conditions),
        "additionalProperties": False,
    }
    sampling = Sampling(max_tokens=JSON_TOKENS, json_schema=schema)
    instruction = f"{NOTHING_FOUND} {AS_JSON}" if "No Finding" in conditions else AS_JSON

    def prompt(sample: Sample) -> Prompt:
        return Prompt(question=_with(sample.input, instruction), chat=True, sampling=sampling)

    return prompt


def _with(content: Content, instruction: str) -> Content:
    """Append an instruction to a picture and its question."""
    *before, asked = (content,) if isinstance(content, str) else content
    return (*before, f"{asked} {instruction}")
