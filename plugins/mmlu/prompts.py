r"""The MMLU prompt, byte for byte: the authors' own, and lm-eval's with one blank fewer.

A prompt ends in `Answer:` without a blank, because the letter's token begins with one: " A".

Source: `evaluate.py` of github.com/hendrycks/test (MIT) and `tasks/mmlu` of
github.com/EleutherAI/lm-evaluation-harness (MIT).
"""

from dataclasses import replace

from plugins.mmlu.reading import LETTERS
from registry import Choice, Prompt, Sample, Sampling

CHOICES = tuple(Choice(letter, (f" {letter}",)) for letter in LETTERS)


def letters(sample: Sample, *, one_blank: bool = False) -> Prompt:
    """Return the prompt whose next token is weighed: " A", " B", " C" or " D"."""
    subject = sample.groups["subject"]
    return Prompt(
        header=header(subject, one_blank=one_blank),
        examples=tuple(example(shown, strip=one_blank) for shown in sample.metadata["examples"]),
        question=question(sample, strip=one_blank),
        choices=CHOICES,
        sampling=Sampling(max_tokens=1),
    )


def first_token(sample: Sample, *, one_blank: bool = False) -> Prompt:
    """Return the same prompt, to be answered by writing one token."""
    return replace(letters(sample, one_blank=one_blank), choices=())


def header(subject: str, *, one_blank: bool = False) -> str:
    """Return the first line and the empty one after it.

    The authors put a blank before each word of the subject, so that two follow "about".
    """
    words = "".join(f" {word}" for word in subject.split("_"))
    about = words if one_blank else f" {words}"
    return f"The following are multiple choice questions (with answers) about{about}.\n\n"


def question(sample: Sample, *, strip: bool = False) -> str:
    """Return the question and its choices up to `Answer:`; lm-eval strips the question alone."""
    text = str(sample.input)
    lines = (f"{letter}. {choice}" for letter, choice in zip(LETTERS, sample.choices, strict=True))
    return "\n".join((text.strip() if strip else text, *lines, "Answer:"))


def example(sample: Sample, *, strip: bool = False) -> str:
    """Return the question with its answer, and the empty line that ends it."""
    return f"{question(sample, strip=strip)} {sample.target}\n\n"
