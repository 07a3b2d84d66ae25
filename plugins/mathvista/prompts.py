"""What MathVista asks a model: the text of its `query` column, rebuilt from the other columns.

One user turn, the image first and then this text. The data set's own column is what to send; the
rebuilt text equals it on all 1000 questions of testmini, and serves questions of one's own. (The
authors' `build_query.py` builds another text, with the question before the hint.)
"""

import string
from collections.abc import Sequence

from plugins.mathvista.normalise import FLOAT, INTEGER, LIST, MULTIPLE_CHOICE, decimals

_CHOICE_HINT = (
    "Please answer the question and provide the correct option letter, "
    "e.g., A, B, C, D, at the end."
)
_INTEGER_HINT = (
    "Please answer the question requiring an integer answer and provide the final value, "
    "e.g., 1, 2, 3, at the end."
)
_LIST_HINT = (
    "Please answer the question requiring a Python list as an answer and provide the final list, "
    "e.g., [1, 2, 3], [1.2, 1.3, 1.4], at the end."
)
_FLOAT_HINT = (
    "Please answer the question requiring a floating-point number with {places} "
    "and provide the final value, e.g., {examples}, at the end."
)
_PLACES = {
    1: ("one decimal place", "1.2, 1.3, 1.4"),
    2: ("two decimal places", "1.23, 1.34, 1.45"),
}


def build_query(
    question: str,
    *,
    question_type: str,
    answer_type: str,
    precision: float | None = None,
    unit: str | None = None,
    choices: Sequence[str] | None = None,
) -> str:
    """Return the query of a question, stripped at both ends.

    Raises:
        ValueError: a type that MathVista does not have, or a precision other than 1 or 2.
    """
    hint = hint_of(question_type, answer_type, precision)
    asked = f"{question} (Unit: {unit})" if unit else question
    lines = [f"Hint: {hint}", f"Question: {asked}"]
    if choices:
        # Never more than eight choices, so the letters do not run out.
        listed = zip(string.ascii_uppercase, choices, strict=False)
        lines += ["Choices:", *(f"({letter}) {choice}" for letter, choice in listed)]
    return "\n".join(lines).strip()


def hint_of(question_type: str, answer_type: str, precision: float | None = None) -> str:
    """Return the sentence that says which kind of answer is wanted.

    Raises:
        ValueError: a type that MathVista does not have, or a precision other than 1 or 2.
    """
    if question_type == MULTIPLE_CHOICE:
        return _CHOICE_HINT
    if answer_type == FLOAT:
        return _float_hint(decimals(precision))
    hints = {INTEGER: _INTEGER_HINT, LIST: _LIST_HINT}
    if answer_type not in hints:
        raise ValueError(
            f"MathVista has no {question_type!r} questions with {answer_type!r} answers"
        )
    return hints[answer_type]


def _float_hint(n_decimals: int) -> str:
    if n_decimals not in _PLACES:
        raise ValueError(f"MathVista asks for one or two decimals, not {n_decimals}")
    places, examples = _PLACES[n_decimals]
    return _FLOAT_HINT.format(places=places, examples=examples)
