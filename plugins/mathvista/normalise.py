"""How MathVista compares an extraction with the answer: as texts, after one rule per answer type.

The rules of the authors' `calculate_score.py` as released: no tolerance and no units, so "$1.45",
"50%" and "1,000" are wrong unless the extraction has cleaned them.
"""

import re
import string
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

MULTIPLE_CHOICE = "multi_choice"
INTEGER = "integer"
FLOAT = "float"
LIST = "list"

_BRACKETED_LETTER = re.compile(r"\(([a-zA-Z])\)")


def normalise(
    extraction: str,
    *,
    question_type: str,
    answer_type: str,
    precision: float | None = None,
    choices: Sequence[str] | None = None,
    empty_is_none: bool = False,
) -> str | None:
    """Return the text to compare with the answer, or None where the extraction gives none.

    `precision` is a whole number of decimals, stored in the data set as a float. `empty_is_none`
    is the authors' option against counting an empty extraction as the choice nearest to it.

    Raises:
        ValueError: the question itself is malformed: no choices, no precision, unknown type.
    """
    if question_type == MULTIPLE_CHOICE:
        return nearest_choice(extraction, choices or (), empty_is_none=empty_is_none)
    if answer_type == INTEGER:
        return _integer(extraction)
    if answer_type == FLOAT:
        return _rounded(extraction, decimals(precision))
    if answer_type == LIST:
        return extraction
    raise ValueError(f"MathVista has no {question_type!r} questions with {answer_type!r} answers")


def is_right(prediction: str | None, answer: str) -> bool:
    """Return whether a normalised extraction is, to the letter, the answer."""
    return prediction is not None and prediction == answer


def nearest_choice(
    extraction: str, choices: Sequence[str], *, empty_is_none: bool = False
) -> str | None:
    """Return the choice whose letter is meant, else the one nearest by edit distance.

    The first bracketed letter is meant, or an extraction that is a capital letter; so also where
    the choices are bracketed letters themselves (168 and 849 of testmini), whose texts then name
    other choices. Of choices equally near the first.

    Raises:
        ValueError: there are no choices.
    """
    if not choices:
        raise ValueError("a multiple-choice question of MathVista without choices")
    meant = extraction.strip()
    if empty_is_none and not meant:
        return None
    bracketed = _BRACKETED_LETTER.search(meant)
    meant = bracketed[1].upper() if bracketed else meant
    by_letter = dict(zip(string.ascii_uppercase, choices, strict=False))
    if meant in by_letter:
        return by_letter[meant]
    return min(choices, key=lambda choice: Levenshtein.distance(meant, choice))


def decimals(precision: float | None) -> int:
    """Return the number of decimals that a question with a float answer asks for.

    Raises:
        ValueError: the question does not say, or not a whole number.
    """
    if precision is None or not float(precision).is_integer():
        raise ValueError(f"a float question of MathVista with the precision {precision}")
    return int(precision)


def _integer(extraction: str) -> str | None:
    """Return the whole number in a text, cut off after the point: 1.9 is 1."""
    try:
        return str(int(float(extraction)))
    except (ValueError, OverflowError):  # not a number, or infinite
        return None


def _rounded(extraction: str, n_decimals: int) -> str | None:
    try:
        return str(round(float(extraction), n_decimals))
    except ValueError:
        return None
