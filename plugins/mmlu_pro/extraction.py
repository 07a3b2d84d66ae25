r"""The letter an MMLU-Pro response chose, by the authors' rules and by Podium's own parser.

The one rule of this file: every extractor reads a text of n characters in O(n) steps, because the
answers of a model that repeats itself for megabytes are scored too.  The authors' second and third
expressions are quadratic as written (`.*` before the one, a look-ahead with `.*` inside the other:
over ten minutes on 12,032 recorded answers); here they are rewritten to find the same letter.

Every parser drops `<think>` blocks first, and finds no answer behind one that never closes.

Source of the rules and of the guess: `evaluate_from_local.py`, `evaluate_from_api.py` and
`compute_accuracy.py` of github.com/TIGER-AI-Lab/MMLU-Pro (Apache-2.0).
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

LETTERS = "ABCDEFGHIJ"

GUESS_SEED = 12345

FoundBy = Literal[
    "answer is",  # official rule 1
    "answer:",  # official rule 2
    "last capital",  # official rule 3; happily takes the pronoun "I"
    "stated",  # podium: the last "answer is", "answer:" or \boxed{}
    "is (X)",  # podium: the last bracketed letter that something "is"
    "bold",  # podium: the last bold lone letter
    "last line",  # podium: a last line that is nothing but a letter
    "nothing",  # no rule matched
    "unclosed reasoning",  # the text ends inside <think>, so there is no answer to read
]

UnansweredPolicy = Literal["guess", "wrong"]


@dataclass(frozen=True)
class Extraction:
    """The letter a response chose, or None, and the rule that decided it."""

    letter: str | None
    found_by: FoundBy


def without_reasoning(text: str) -> str | None:
    """Return the text without its `<think>` blocks, or None when the last one never closes.

    A `</think>` that nothing opened ends a block opened by the chat template: all before it goes.
    """
    kept: list[str] = []
    start, thinking = 0, False
    for tag in re.finditer(r"</?think>", text):
        if tag[0] == "</think>":
            if not thinking:
                kept.clear()
            start, thinking = tag.end(), False
        elif not thinking:
            kept.append(text[start : tag.start()])
            thinking = True
    return None if thinking else "".join(kept) + text[start:]


# --- The official rules --------------------------------------------------------------------------

_ANSWER_IS = re.compile(r"answer is \(?([A-J])\)?")
# A look-ahead, so that in "Answer: Answer: B" the second "Answer:" is still seen: the first match
# would otherwise swallow its "A".
_ANSWER_COLON = re.compile(r"[aA](?=nswer:\s*([A-J]))")
# Anchored and greedy, it backs up from the end of the text once.
_LAST_CAPITAL = re.compile(r".*\b([A-J])\b", re.DOTALL)


def answer_is(text: str) -> str | None:
    r"""Rule 1: the first `answer is \(?([A-J])\)?`, case-sensitive, word boundary or not."""
    match = _ANSWER_IS.search(text)
    return match[1] if match else None


def answer_colon(text: str) -> str | None:
    r"""Rule 2: what `re.search(r".*[aA]nswer:\s*([A-J])", text)` finds.

    That is the last occurrence on the *first line* that has one, not the last of the text: a dot
    does not cross a newline, and the search takes the leftmost line.  The blanks after the colon
    may cross lines, so the letter may stand on a later one.
    """
    letter, line_end = None, len(text)
    for match in _ANSWER_COLON.finditer(text):
        if match.start() > line_end:
            break
        if letter is None and (newline := text.find("\n", match.start())) >= 0:
            line_end = newline
        letter = match[1]
    return letter


def last_capital(text: str) -> str | None:
    r"""Rule 3: the last stand-alone capital A to J, `\b[A-J]\b(?!.*\b[A-J]\b)` with DOTALL."""
    match = _LAST_CAPITAL.match(text)
    return match[1] if match else None


_OFFICIAL: dict[FoundBy, Callable[[str], str | None]] = {
    "answer is": answer_is,
    "answer:": answer_colon,
    "last capital": last_capital,
}


def official(text: str) -> Extraction:
    """Return the letter by the authors' chain of three rules, and which of them hit."""
    return _first_of(_OFFICIAL, text)


def official_api(text: str) -> Extraction:
    """Return the letter as the authors read an API's answer: `**` removed, then the three rules."""
    return official(text.replace("**", ""))


def answer_is_only(text: str) -> Extraction:
    """Return the letter by rule 1 alone, as lm-eval and the authors' 2024 recordings do."""
    return _first_of({"answer is": answer_is}, text)


def _first_of(rules: Mapping[FoundBy, Callable[[str], str | None]], text: str) -> Extraction:
    said = without_reasoning(text)
    if said is None:
        return Extraction(None, "unclosed reasoning")
    for name, rule in rules.items():
        if letter := rule(said):
            return Extraction(letter, name)
    return Extraction(None, "nothing")


# --- Podium's own parser -------------------------------------------------------------------------

# Runs of blanks are bounded: two unbounded ones in a row would be quadratic on a page of blanks.
_STATED = re.compile(
    r"""(?: (?i:\b(?:answer|choice|option)) (?: \s{0,9}: | \s{1,9}(?i:is)\b )
            (?:\s{0,9}:)? \s{0,9} (?i:option\s{1,9})?
          | \\boxed\{ \s{0,9}
        )
        (?: \\(?:text|textbf|mathrm|mathbf)\{ )? [(\["'$`]{0,2}
        ( [A-HJ] | I(?!\s{1,9}[a-z]) )   # "the answer is I think B" does not choose I
        (?! [\w'’] )                     # nor does "the answer is Africa" choose A
    """,
    re.VERBOSE,
)
_IS_LETTER = re.compile(r"\bis\s{1,9}(?:[oO]ption\s{1,9})?\(([A-J])\)")
_BOLD = re.compile(r"\*\*\s{0,2}\(?([A-J])\)?[.:]?\s{0,2}\*\*")
_DECORATION = ' \t\r()[].:*`$"'


def podium(text: str, n_options: int = len(LETTERS)) -> Extraction:
    r"""Return the letter the response ends up stating, among the first `n_options`.

    The last statement wins, where the authors take the first: a model that changes its mind means
    the later letter.  Statements are "the answer is (X)" in any case and markdown, "Answer: X" and
    `\boxed{X}`; failing those "... is (X)", a bold lone letter, or a last line that is only a
    letter, in this order.  No rule takes just any capital, so the pronoun "I" never answers.
    """
    said = without_reasoning(text)
    if said is None:
        return Extraction(None, "unclosed reasoning")
    offered = LETTERS[:n_options]
    plain = said.replace("*", "")
    if letter := _last(_STATED, plain, offered):
        return Extraction(letter, "stated")
    if letter := _last(_IS_LETTER, plain, offered):
        return Extraction(letter, "is (X)")
    if letter := _last(_BOLD, said, offered):
        return Extraction(letter, "bold")
    last_line = said.rstrip().rpartition("\n")[2].strip(_DECORATION)
    if len(last_line) == 1 and last_line in offered:
        return Extraction(last_line, "last line")
    return Extraction(None, "nothing")


def _last(pattern: re.Pattern[str], text: str, offered: str) -> str | None:
    letter = None
    for match in pattern.finditer(text):
        if match[1] in offered:
            letter = match[1]
    return letter


PARSERS: Mapping[str, Callable[[str], Extraction]] = {
    "official": official,
    "official-api": official_api,
    "answer-is": answer_is_only,
    "podium": podium,
}
"""Every parser by the name that goes into a variant: each may give the same run another number."""


# --- Questions without a letter ------------------------------------------------------------------


def official_guesses(option_counts: Mapping[str, int], seed: int = GUESS_SEED) -> dict[str, str]:
    """Guess a letter for each unanswered question, drawing the authors' own random numbers.

    `option_counts` maps the ids of the unanswered questions alone, in the order of the data set, to
    how many options each offers.  One generator is seeded once and draws `randint(0, n - 1)` per
    question, so a guess depends on the questions before it: guess for a whole run, never for one
    question at a time.  (The 2024 scripts seeded anew before each draw, and the local script counts
    each subject twice; on the recorded Qwen1.5 run these give 3,712 and 3,711 of 12,032 right, the
    single stream 3,712.)
    """
    for question, n_options in option_counts.items():
        if not 1 <= n_options <= len(LETTERS):
            raise ValueError(
                f"question {question!r} has {n_options} options; MMLU-Pro questions have 1 to "
                f"{len(LETTERS)}, after dropping those that read 'N/A'"
            )
    stream = random.Random(seed)
    return {
        question: LETTERS[stream.randint(0, n_options - 1)]
        for question, n_options in option_counts.items()
    }


def settle(
    letters: Mapping[str, str | None],
    option_counts: Mapping[str, int],
    policy: UnansweredPolicy,
) -> dict[str, str | None]:
    """Return each question's final letter once the unanswered ones got what the policy says.

    `guess` is official; `wrong` leaves them None, which equals no gold letter.  Both mappings are
    by question id; `letters` holds the run's questions in the order of the data set.
    """
    if policy == "wrong":
        return dict(letters)
    unanswered = {id: option_counts[id] for id, letter in letters.items() if letter is None}
    return {**letters, **official_guesses(unanswered)}
