"""What a model is asked about a picture, for each request mode.

The wording and the decoding are part of the score: MedGemma's own authors report that changes to
prompts sometimes had a significant effect.
"""

from plugins.mimic_cxr.labels import NO, YES
from registry import Choice, Content, Prompt, Sample, Sampling

# "Is there no finding in this image?" can be answered by yes and by no, both meaning the same.
QUESTIONS = {"No Finding": "Is this image free of abnormal findings?"}

ONE_WORD = "Answer with one word, yes or no."

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


def binary_direct(sample: Sample) -> Prompt:
    """Ask for one word, and weigh yes against no by their spellings' probabilities."""
    return Prompt(
        question=_with(sample.input, ONE_WORD),
        chat=True,
        choices=CHOICES,
        sampling=Sampling(max_tokens=1),
    )


def _with(content: Content, instruction: str) -> Content:
    """Append an instruction to a picture and its question."""
    *before, asked = (content,) if isinstance(content, str) else content
    return (*before, f"{asked} {instruction}")
