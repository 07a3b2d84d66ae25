"""The shapes that sample questions are written in, one for each benchmark's layout."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

MmluRow: TypeAlias = tuple[str, str, str, str, str, str]
"""Question, options A to D, letter: a row of the official CSV files."""

MmluSplits: TypeAlias = dict[Literal["dev", "test"], list[MmluRow]]
"""The questions of one subject: five worked examples, then the ones that are scored."""


@dataclass(frozen=True)
class ProQuestion:
    """An MMLU-Pro question; the reasoning is what a worked example says before its answer."""

    question: str
    options: tuple[str, ...]
    answer: str
    reasoning: str = ""


ProSplits: TypeAlias = dict[Literal["validation", "test"], list[ProQuestion]]
"""The questions of one MMLU-Pro category."""


@dataclass(frozen=True)
class HleQuestion:
    """A question in the manner of Humanity's Last Exam; the picture names a drawing, or none."""

    question: str
    answer: str
    answer_type: Literal["exactMatch", "multipleChoice"]
    category: str
    raw_subject: str
    rationale: str
    picture: str = ""


@dataclass(frozen=True)
class PictureQuestion:
    """An MMMU question; its figures, named as in `samples.figures`, are image_1 and so on.

    An open question has no options, and its answer may be the text of a list. `more` are the wrong
    options that MMMU-Pro adds, where there are any.
    """

    question: str
    options: tuple[str, ...]
    answer: str
    figures: tuple[str, ...]
    explanation: str
    subfield: str
    img_type: str
    difficulty: Literal["Easy", "Medium", "Hard"] = "Easy"
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class VistaQuestion:
    """A MathVista question about one figure; the precision is that of a decimal answer."""

    question: str
    answer: str
    figure: str
    answer_type: Literal["text", "integer", "float", "list"]
    task: str
    context: str
    skills: tuple[str, ...]
    grade: str = "elementary school"
    choices: tuple[str, ...] = ()
    unit: str | None = None
    precision: float | None = None
    language: str = "english"
    webp: bool = False
