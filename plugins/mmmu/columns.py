"""The string columns of MMMU and MMMU-Pro that hold Python lists: options and list answers.

Both data sets store them as the text of a Python list, single quotes included, so they are read as
Python literals and never as JSON.
"""

import ast
import string
from collections.abc import Sequence
from reprlib import repr as shortened

MAX_OPTIONS = len(string.ascii_uppercase)


class MalformedRow(ValueError):
    """A row of the data set that cannot become a question; the message gives the reason."""


def letters(n_options: int) -> str:
    """Return the letters of so many options: `letters(3) == "ABC"`."""
    return string.ascii_uppercase[:n_options]


def parse_options(column: str | Sequence[object]) -> tuple[str, ...]:
    """Return a row's options, in order; an open question has none.

    `column` is the text of a Python list, or the list itself. A list that is the only element of
    another is taken for the options: validation_Accounting_29 of MMMU-Pro was published so.

    Raises:
        MalformedRow: `column` is not a list of at most 26 texts or numbers.
    """
    options = _unnested(_literal(column) if isinstance(column, str) else column)
    if not isinstance(options, list | tuple) or not all(map(_is_plain, options)):
        raise MalformedRow(f"options are not a list of texts: {shortened(column)}")
    if len(options) > MAX_OPTIONS:
        raise MalformedRow(f"{len(options)} options, but only {MAX_OPTIONS} letters to name them")
    return tuple(map(str, options))


def parse_golds(column: str | Sequence[object]) -> tuple[str, ...]:
    """Return every accepted answer: three open questions of MMMU accept either of two.

    The text of a list counts as one only if all its elements are texts, so that "[1, 2]" stays
    an answer.

    Raises:
        MalformedRow: there is no answer, or an empty one, which every response would contain.
    """
    golds = _listed_golds(column) if isinstance(column, str) else tuple(column)
    texts = tuple(gold for gold in golds if isinstance(gold, str) and gold.strip())
    if not texts or len(texts) != len(golds):
        raise MalformedRow(f"the answer is empty or no text: {shortened(column)}")
    return texts


def _listed_golds(column: str) -> tuple[str, ...]:
    if not (column.startswith("[") and column.endswith("]")):
        return (column,)
    try:
        golds = _literal(column)
    except MalformedRow:  # an answer that merely looks like a list, such as an interval
        return (column,)
    if isinstance(golds, list) and all(isinstance(gold, str) for gold in golds):
        return tuple(golds)
    return (column,)


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    # RecursionError and MemoryError: the parser's answers to a literal nested too deeply.
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise MalformedRow(f"not a Python list: {shortened(text)}") from error


def _unnested(options: object) -> object:
    """Return the only element of a list where that is a list itself."""
    if isinstance(options, list | tuple) and len(options) == 1 and isinstance(options[0], list):
        return options[0]
    return options


def _is_plain(option: object) -> bool:
    return isinstance(option, str | int | float) and not isinstance(option, bool)
