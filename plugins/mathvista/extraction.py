"""The answers of MathVista that rules alone can extract; a model reads the rest.

The rules find next to nothing in a sentence (none of 1000 responses of some models), so a score
without `plugins.mathvista.extraction_prompt` measures brevity: all-empty extractions earn 16.8 %.
"""

from collections.abc import Sequence

from plugins.mathvista.normalise import FLOAT, INTEGER, MULTIPLE_CHOICE

_QUICK_START = 'The answer is "'
_QUICK_END = '".'


def extract_by_rule(
    response: str,
    *,
    question_type: str,
    answer_type: str,
    choices: Sequence[str] | None = None,
    quick: bool = False,
) -> str | None:
    """Return the extraction, or None where the authors ask a model.

    Rules: an empty response is its own extraction; so is one that is a choice; a response that is
    a number and nothing else is that number. `quick` adds what `quick_extract` finds.
    """
    if response == "":
        return ""
    if question_type == MULTIPLE_CHOICE and response in (choices or ()):
        return response
    number = _as_number(response, answer_type)
    if number is not None:
        return number
    return quick_extract(response) if quick else None


def quick_extract(response: str) -> str | None:
    """Return what stands in `The answer is "...".` on one line, up to its last quotation mark."""
    for line in response.split("\n"):
        _, found, rest = line.partition(_QUICK_START)
        extraction, closed, _ = rest.rpartition(_QUICK_END)
        if found and closed:
            return extraction
    return None


def _as_number(response: str, answer_type: str) -> str | None:
    try:
        if answer_type == INTEGER:
            return str(int(response))
        if answer_type == FLOAT:
            return str(float(response))
    except ValueError:  # not a number alone
        return None
    return None
