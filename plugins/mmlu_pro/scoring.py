"""MMLU-Pro's score: the letter each reply chose, and what becomes of replies without one.

The authors' guess is one stream of random numbers over a whole run, so the judge of a single reply
cannot make it: there an unanswered question counts 0, and the aggregate settles it.
"""

from collections.abc import Sequence
from dataclasses import replace

from plugins.mmlu_pro.extraction import PARSERS, UnansweredPolicy, podium, settle
from registry import Metric, Outcome, Prediction, Sample, SampleScore, Score, Verdict, averages


def accuracy(parser: str, policy: UnansweredPolicy, chance: float) -> Metric:
    """Return the share of questions whose letter is right, with each category's.

    `parser` is a key of `PARSERS`. A reply that was cut off is read as far as it goes, as the
    authors read it. The companion `unextractable` counts replies without a letter, whatever the
    policy makes of them.
    """
    average = averages("accuracy")

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        letter = chosen(prediction.text, parser, len(sample.choices))
        if letter or prediction.outcome is Outcome.TRUNCATED:
            return Verdict(float(letter == sample.target), letter, prediction.outcome)
        return Verdict(0.0, outcome=Outcome.UNPARSEABLE)

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        whole, *parts = average(settled(scores, policy))
        n_without = sum(not score.answer for score in scores)
        unextractable = Score(metric="unextractable", value=float(n_without), n=len(scores))
        return [whole, unextractable, *parts]

    return Metric(name="accuracy", judge=judge, aggregate=aggregate, chance=chance)


def chosen(text: str, parser: str, n_options: int) -> str:
    """Return the letter that the parser finds in a reply, or "" for none.

    Podium's own parser takes the letters offered only; the authors' rules take any of A to J.
    """
    found = podium(text, n_options) if parser == "podium" else PARSERS[parser](text)
    return found.letter or ""


def settled(scores: Sequence[SampleScore], policy: UnansweredPolicy) -> list[SampleScore]:
    """Return the scores with unanswered questions guessed or wrong, as the policy says.

    Guesses are drawn in the order of the question ids, which is that of the data set, whatever
    order the scores come in.
    """
    ordered = sorted(scores, key=lambda score: int(score.sample_id))
    options = {score.sample_id: int(score.groups["options"]) for score in ordered}
    letters = settle({s.sample_id: s.answer or None for s in ordered}, options, policy)
    return [replace(s, value=float(letters[s.sample_id] == s.target)) for s in ordered]


def oracle(sample: Sample) -> Prediction:
    """Return the reply of a model that knows the answer, as the worked examples end."""
    return Prediction(sample_id=sample.id, text=f"The answer is ({sample.target}).")
