r"""Reads the letter that an answer states, as models write it today: **B**, \boxed{B}, "Answer: B".

The parser variant `podium`, beside the authors' own. It never guesses: no letter, two letters, a
letter that the question does not have, a list of all options or reasoning cut off before its end
are all None. Quantifiers are bounded or possessive, so ten megabytes of one character return.
"""

import re
from collections.abc import Iterator, Sequence

from plugins.mmmu.columns import letters
from registry import after_reasoning

# What comes before a declared letter: "Answer: ", "The correct option is: **", "I choose ".
_LEAD = re.compile(
    r"""
    (?: (?: \banswer\b | \b(?:correct|right|best)\s(?:option|choice)\b )
        [\s*_]{0,4} (?: : | = | - | \bis\b | \bwould\sbe\b ) [\s*_]{0,4} :?
      | \b(?:choose|select|pick)\b )
    [\s*_$("'`\[]{0,8} (?: (?:option|choice|letter)\s )? [*("'\[]{0,4}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LED_LETTER = re.compile(
    r"""
    (?P<letter>
        # "Answer: I think so" and "Answer: A tree" name no letter; "Answer: A because" does.
        (?! [AI]\s (?!because\b|since\b|as\b|and\b|or\b) [a-z] ) [A-Z]
        | [a-z] (?! \s?\w )
    )
    (?! [\w+] | [-'’]\w | \s?= )  # Apple, C++, B-cell, A's, A = 5
    (?: [)\]*.]{0,3} \s{0,2} (?: , | / | & | \band\b | \bor\b ) \s{0,2} [(*]{0,3}
        (?P<other>[A-Z]) (?!\w) )?
    """,
    re.VERBOSE,
)
_REST_OF_LINE = re.compile(r"[^\n]{0,300}")

_BOXED = re.compile(r"\\boxed\{(?P<content>[^{}]{0,200}+(?:\{[^{}]{0,200}+\}[^{}]{0,200}+)?+)\}")
_WRAPPED = re.compile(r"\\(?:text|math)\w{0,2}\{([^{}]*)\}")
_BOXED_LETTER = re.compile(r"\W*([A-Za-z])(?:[).:]|\W*$)")

# A letter that opens a line, alone or before a text; and a letter marked inside one, surest first.
_OPENING = re.compile(r"[ \t*_(\[]{0,4}([A-Z])(?:[).:*\]](?=[\s).:*\]]|$)|[ \t]{0,8}$)")
_MARKED = (
    re.compile(r"\*\*[ (]{0,2}([A-Z])(?:[).:]|\*\*)"),
    re.compile(r"\(([A-Z])\)"),
    re.compile(r"\b([A-Z])\s(?i:is\s(?:the\s)?(?:correct|right|best))\b"),
)
_LISTED = re.compile(r"^[ \t*]{0,8}\(?([A-Z])[).:]\*{0,2}[ \t]{0,8}[^\s*]", re.MULTILINE)
_MARKS = " \t\r\n.,:;!?*_`$()[]\"'"


def stated_letter(response: str, options: Sequence[str]) -> str | None:
    r"""Return the letter that a response states, or None.

    The last declaration decides: "Answer: B", "the correct option is B", `\boxed{B}`, or either
    with an option's text. Without one: the response as a whole (a letter, or an option's text),
    then the only letter that opens the first or last line or is marked in the last, as **B**, (B).
    """
    answer = after_reasoning(response)
    if answer is None:
        return None
    letter = _declared(answer, options) or _whole(answer, options) or _placed(answer, len(options))
    return letter if letter and letter in letters(len(options)) else None


def _declared(answer: str, options: Sequence[str]) -> str:
    """Return the letter declared last ("?" where that names two), or nothing."""
    declarations = [*_led(answer), *_boxed(answer, options)]
    if declarations:
        return max(declarations)[1]
    return _led_text(answer, options)


def _led(answer: str) -> Iterator[tuple[int, str]]:
    """Yield the place and letter of every "Answer: B"."""
    for lead in _LEAD.finditer(answer):
        if match := _LED_LETTER.match(answer, lead.end()):
            yield lead.start(), "?" if match["other"] else match["letter"].upper()


def _boxed(answer: str, options: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the place and letter of every box with a letter or an option's text."""
    allowed = letters(len(options))
    for box in _BOXED.finditer(answer):
        content = _WRAPPED.sub(r"\1", box["content"])
        match = _BOXED_LETTER.match(content)
        if match and match[1].upper() in allowed:
            yield box.start(), match[1].upper()
        elif letter := _letter_of(content, options):
            yield box.start(), letter


def _led_text(answer: str, options: Sequence[str]) -> str:
    """Return the letter of the option whose text is all that follows the last "Answer:"."""
    end = max((lead.end() for lead in _LEAD.finditer(answer)), default=None)
    rest = _REST_OF_LINE.match(answer, end) if end is not None else None
    return _letter_of(rest[0], options) if rest else ""


def _whole(answer: str, options: Sequence[str]) -> str:
    """Return the letter that is the response, or whose option's text is."""
    if len(answer) > 10_000:  # no option is that long
        return ""
    bare = answer.strip(_MARKS)
    if len(bare) == 1 and bare.isascii() and bare.isalpha():
        return bare.upper()
    return _letter_of(answer, options)


def _letter_of(text: str, options: Sequence[str]) -> str:
    """Return the letter of the only option with this text, or nothing."""
    wanted = text.strip(_MARKS).casefold()
    same = [
        letter
        for letter, option in zip(letters(len(options)), options, strict=True)
        if option.strip(_MARKS).casefold() == wanted
    ]
    return same[0] if wanted and len(same) == 1 else ""


def _placed(answer: str, n_options: int) -> str:
    """Return the one letter at the ends of the answer, where letters are stated, or nothing."""
    text = answer.strip()
    first, last = text.partition("\n")[0], text.rpartition("\n")[2]
    if len({match[1] for match in _LISTED.finditer(text)}) > 1:  # a list of the options
        first, last = ("" if _LISTED.match(line) else line for line in (first, last))
    found = _opened(first) | (_opened(last) or _marked(last, letters(n_options)))
    return found.pop() if len(found) == 1 else ""


def _opened(line: str) -> set[str]:
    match = _OPENING.match(line)
    return {match[1]} if match else set()


def _marked(line: str, allowed: str) -> set[str]:
    """Return the letters marked in a line in the surest form that any of them has."""
    for form in _MARKED:
        if found := {match[1] for match in form.finditer(line)} & set(allowed):
            return found
    return set()
