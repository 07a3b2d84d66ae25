"""Accuracy of MMMU and MMMU-Pro: which answer a response gives, and what counts if it gives none.

Reasoning in <think> tags is no answer. The authors' rules are older than such models, and would
read letters out of it; a block that never ends leaves nothing to read.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from plugins.mmmu import letters, parsing, pro_parsing
from plugins.mmmu.parsing import guess_letter, is_right, parse_open
from registry import (
    Metric,
    Outcome,
    Prediction,
    Sample,
    SampleScore,
    Score,
    Setting,
    Verdict,
    after_reasoning,
    averages,
)

Parser: TypeAlias = Callable[[str, Sequence[str]], str | None]

OFFICIAL, PODIUM = "official", "podium"
GUESS, WRONG = "none-guess", "none-wrong"
PARSER = Setting(
    "parser", (OFFICIAL, PODIUM), "the authors' rules, or ours, which also see **B** and \\boxed{B}"
)
NO_ANSWER = Setting(
    "no-answer", (GUESS, WRONG), "no readable letter: a letter drawn for the question, or wrong"
)

PARSERS: dict[str, Parser] = {OFFICIAL: parsing.parse_letter, PODIUM: letters.stated_letter}
PRO_PARSERS: dict[str, Parser] = {
    OFFICIAL: pro_parsing.parse_letter,
    PODIUM: letters.stated_letter,
}

_SHOWN = 200  # characters of an open answer that are stored


def accuracy(parse: Parser, *, guess: bool, chance: float | None = None) -> Metric:
    """Return the share of right answers over all questions, then of each group.

    `parse` reads the letter of a multiple-choice question; open questions are read by the authors'
    rules. With `guess`, a response without a letter counts as a letter drawn for the question. The
    companion score `no-answer` says how many responses gave no answer, guessed or not.
    """
    average = averages("accuracy")

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        response = after_reasoning(prediction.text)
        verdict = _verdict(parse, sample, response) if response else None
        return verdict or _unread(sample, prediction, guess=guess)

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        unread = sum(score.outcome is not Outcome.ANSWERED for score in scores)
        return [
            *average(scores),
            Score(metric="no-answer", value=float(unread), n=len(scores)),
        ]

    return Metric(name="accuracy", judge=judge, aggregate=aggregate, chance=chance)


def first_option(sample: Sample) -> Prediction:
    """Answer "A" whatever is asked."""
    return Prediction(sample_id=sample.id, text="A")


def _verdict(parse: Parser, sample: Sample, response: str) -> Verdict | None:
    """Return the verdict on the answer in a response, or None where it holds none."""
    if sample.choices:
        letter = parse(response, sample.choices)
        return Verdict(float(letter == sample.target), letter) if letter else None
    answers = parse_open(response) if response.strip() else ()
    if not answers:
        return None
    right = is_right(answers, sample.metadata["golds"])
    return Verdict(float(right), str(answers[0])[:_SHOWN])


def _unread(sample: Sample, prediction: Prediction, *, guess: bool) -> Verdict:
    cut = prediction.outcome is Outcome.TRUNCATED
    outcome = Outcome.TRUNCATED if cut else Outcome.UNPARSEABLE
    if guess and sample.choices:
        letter = guess_letter(sample.id, len(sample.choices))
        return Verdict(float(letter == sample.target), letter, outcome)
    return Verdict(0.0, outcome=outcome)
