"""How MMMU reads an answer: the rules of its authors' `eval_utils.py`, quirks included.

The one departure: where the authors draw a random letter, `parse_letter` returns None, so that a
run can report how often it happened and choose what it is worth (`guess_letter`, or nothing).
Every rule takes time in proportion to the response, however degenerate.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from plugins.mmmu.columns import letters

# How a letter may be written, and what to look for to see where it was written last.
Form = tuple[str, str]
FORMS: tuple[Form, ...] = (("({})", "({})"), (" {} ", " {} "))

_CLUES = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_TRIVIAL = frozenset(":,.!?;'")

# Numbers as the authors write them, in their order: 1,234 and 1.2e3 and 12.5. Each pattern reads
# the whole text, so that 1,234 also yields 234 and 1.2e3 also 1 and 3. The lookbehinds and the
# possessive ++ change no match; they keep a megabyte of digits from taking quadratic time.
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    re.compile(r"-?(?<!\d)\d++(?:\.\d++)?+[eE][+-]?\d++"),
    re.compile(
        r"-?(?:(?<!\d)\d++\.\d++|\.\d++|(?<!\d)\d++\b)(?![eE][+-]?\d)(?![,\d])",
    ),
)


def parse_letter(response: str, options: Sequence[str]) -> str | None:
    r"""Return the letter that MMMU's multiple-choice rules find in a response, or None.

    In this order: letters written `(B)`; letters between spaces; in responses of more than five
    words, options whose text occurs. Of several, the one that occurs last. `**B**`, `\boxed{B}`
    and a `B.` inside a sentence are not seen: see `plugins.mmmu.letters` for a reader of those.
    """
    return letter_written_as(FORMS, response, options)


def letter_written_as(forms: Iterable[Form], response: str, options: Sequence[str]) -> str | None:
    """Return the last letter written in the first form that any letter takes, or None."""
    text = f" {_strip_marks(response)} "
    for form, place in forms:
        found = [letter for letter in letters(len(options)) if form.format(letter) in text]
        if found:
            return _latest(text, {letter: place.format(letter) for letter in found})
    return _letter_of_text(text, options)


def guess_letter(question_id: str, n_options: int, *, seed: int = 42) -> str:
    """Return a random letter for a question without a readable answer, always the same one.

    The authors draw from one generator in the order of evaluation, so a resumed or reordered run
    of theirs changes its score; here the question's id is part of the seed.
    """
    return random.Random(f"{seed}:{question_id}").choice(letters(n_options))


def parse_open(response: str) -> tuple[str | float, ...]:
    """Return every text and number that MMMU's open rules take for the answer, first one first.

    Of each line, the shortest tail behind a clue such as "so" or "is" ("=" on the last line only);
    without any, the whole response. Then all numbers in those, then `normalise` on each.
    """
    tails = _key_tails(response)
    numbers = (match.group() for tail in tails for match in _numbers(tail))
    answers = dict.fromkeys([*tails, *dict.fromkeys(numbers)])
    return tuple(dict.fromkeys(form for answer in answers for form in normalise(answer)))


def normalise(answer: str) -> tuple[str | float, ...]:
    """Return a number rounded to two decimals, or a text in lower case.

    The rounding is the authors': a gold of 0.9965 accepts 1. A one-letter text becomes " x" and
    "x " so that it is not found inside every word.
    """
    answer = answer.strip()
    try:
        return (round(float(answer.replace(",", "")), 2),)
    except ValueError:
        text = answer.lower()
    return (f" {text}", f"{text} ") if len(text) == 1 else (text,)


def is_right(predicted: Iterable[str | float], golds: Iterable[str]) -> bool:
    """Return whether an open answer is accepted.

    It is if one of its numbers equals an accepted number, or one of its texts contains an accepted
    text; `golds` are as written in the data set.
    """
    accepted = [form for gold in golds for form in normalise(gold)]
    texts = [form for form in accepted if isinstance(form, str)]
    return any(
        any(text in prediction for text in texts)
        if isinstance(prediction, str)
        else prediction in accepted
        for prediction in predicted
    )


def _strip_marks(response: str) -> str:
    for mark in ",.!?;:'":
        response = response.strip(mark)
    return response


def _letter_of_text(text: str, options: Sequence[str]) -> str | None:
    if len(text.split(maxsplit=5)) <= 5:
        return None
    lowered = text.lower()
    texts = dict(zip(letters(len(options)), (option.lower() for option in options), strict=True))
    found = {letter: option for letter, option in texts.items() if option in lowered}
    return _latest(lowered, found) if found else None


def _latest(text: str, sought: Mapping[str, str]) -> str:
    """Return the letter whose text occurs last; of equals (or of none that occurs) the first."""
    return max(sought, key=lambda letter: text.rfind(sought[letter]))


def _key_tails(response: str) -> list[str]:
    # The authors also split at ". " before a capital, of which the lower-cased text has none.
    text = response.strip().strip(".").lower()
    *lines, last = text.split("\n")
    tails = [_shortest_tail(line, _CLUES) for line in dict.fromkeys(lines)]
    tails.append(_shortest_tail(last, (*_CLUES, "=")))
    return [tail for tail in tails if tail and tail not in _TRIVIAL] or [text]


def _shortest_tail(line: str, clues: Iterable[str]) -> str:
    """Return the shortest text behind the last occurrence of a clue, or nothing."""
    shortest = ""
    for clue in clues:
        _, found, tail = line.rpartition(clue)
        tail = tail.strip()
        # An empty tail is replaced by whatever follows, longer or not: so do the authors.
        if found and (not shortest or len(tail) < len(shortest)):
            shortest = tail
    return shortest


def _numbers(text: str) -> Iterator[re.Match[str]]:
    for pattern in _NUMBERS:
        yield from pattern.finditer(text)
