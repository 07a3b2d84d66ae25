"""Verdicts of the judge as scores: accuracy over all questions, and calibration of the judged.

All numbers are shares, 0 to 1, as everywhere in the registry; the authors print percent.
"""

import json
from collections.abc import Sequence

from plugins.hle import calibration
from plugins.hle.calibration import Judged
from plugins.hle.judging import Unjudged, parse_judgement
from plugins.hle.prompts import JUDGE
from registry import Metric, Outcome, Prediction, Sample, SampleScore, Score, Verdict, averages

YES, NO = "yes", "no"


def verdict(_sample: Sample, prediction: Prediction) -> Verdict:
    """Return what the judge said: its word is the answer, the stated confidence the probability.

    Without a clear verdict (no reply, prose, verdicts that disagree) the question counts as wrong,
    and its answer is "".
    """
    reply = prediction.review.text if prediction.review else ""
    judgement = parse_judgement(reply)
    if isinstance(judgement, Unjudged):
        cut = prediction.outcome is Outcome.TRUNCATED
        return Verdict(0.0, outcome=Outcome.TRUNCATED if cut else Outcome.UNPARSEABLE)
    return Verdict(
        float(judgement.correct),
        YES if judgement.correct else NO,
        prediction.outcome,
        probability=judgement.confidence / 100,
    )


def confidence(sample: Sample, prediction: Prediction) -> Verdict:
    """Return the same verdict without a value: one answer has no calibration error."""
    whole = verdict(sample, prediction)
    return Verdict(None, whole.answer, whole.outcome, probability=whole.probability)


def accuracy() -> Metric:
    """Return the share of all questions that the judge calls correct, with each group's.

    Its companions are `half-width`, the authors' half of the 95 % interval, and `unjudged`, the
    number of questions without a verdict, all of which count as wrong.
    """
    average = averages("accuracy")

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        whole, *parts = average(scores)
        n, n_correct = len(scores), sum(score.answer == YES for score in scores)
        if not n:
            return [whole]
        half = calibration.half_width(calibration.accuracy(n_correct, n), n) / 100
        n_unjudged = sum(not score.answer for score in scores)
        return [
            whole,
            Score(metric="half-width", value=half, n=n),
            Score(metric="unjudged", value=float(n_unjudged), n=n),
            *parts,
        ]

    return Metric(name="accuracy", judge=verdict, aggregate=aggregate)


def calibration_error() -> Metric:
    """Return the authors' RMS calibration error over judged answers, less their last bin.

    The companion `calibration-error-all-bins` has every bin and is no number of the authors'
    leaderboard. Below 200 judged answers it stands alone, without any there is neither. Answers of
    equal confidence fall into bins in the order in which they come.
    """

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        judged = [
            Judged(score.answer == YES, round(100 * score.probability))
            for score in scores
            if score.probability is not None
        ]
        errors = {
            "calibration-error": calibration.calibration_error(judged),
            "calibration-error-all-bins": calibration.calibration_error_all_bins(judged),
        }
        return [
            Score(metric=name, value=percent / 100, n=len(judged))
            for name, percent in errors.items()
            if percent is not None
        ]

    return Metric(
        name="calibration-error", judge=confidence, aggregate=aggregate, higher_is_better=False
    )


def oracle(sample: Sample) -> Prediction:
    """Return a right answer, sure of itself, with the verdict that the judge gives on it."""
    answer = sample.metadata["answer"]
    judgement = {
        "extracted_final_answer": answer,
        "reasoning": "They are the same.",
        "correct": YES,
        "confidence": 100,
        "strict": True,
    }
    said = Prediction(sample_id=sample.id, stage=JUDGE.name, text=json.dumps(judgement))
    text = f"Explanation: known.\nAnswer: {answer}\nConfidence: 100%"
    return Prediction(sample_id=sample.id, text=text, review=said)
