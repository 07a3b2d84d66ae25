"""How MMMU-Pro reads an answer: the rules of MMMU with two changes, as in its `evaluate.py`.

First, what stands behind the last "Answer:" counts if it holds exactly one of the row's letters;
then a letter need not follow a space, and one before a full stop is seen too. Where the authors
draw a letter without a seed, `parse_letter` returns None (see `plugins.mmmu.parsing`).
"""

from collections.abc import Sequence

from plugins.mmmu.columns import letters
from plugins.mmmu.parsing import Form, letter_written_as

# Of several letters found as "X " or "X." the authors look for the last " X ", which may be absent:
# then the first letter of the alphabet wins.
FORMS: tuple[Form, ...] = (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} "))


def parse_letter(response: str, options: Sequence[str]) -> str | None:
    """Return the letter that MMMU-Pro's rules find in a response, or None.

    A letter behind "Answer:" is any occurrence in the text that follows, so "Answer: B. Apple"
    holds both A and B, and is left to the rules of MMMU.
    """
    _, found, answer = response.rpartition("Answer:")
    if found:
        held = [letter for letter in letters(len(options)) if letter in answer]
        if len(held) == 1:
            return held[0]
    return letter_written_as(FORMS, response, options)


def overall(standard_10: float, vision: float) -> float:
    """Return MMMU-Pro's headline: the mean of the ten-option and the vision accuracy."""
    return (standard_10 + vision) / 2
