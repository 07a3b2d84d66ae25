"""How answers become macro F1 and what belongs beside it.

F1 alone proves little here: a model that always says yes scores 0.80 where only explicit labels
count and 0.26 where blanks are negatives. So every score comes with specificity, balanced accuracy,
MCC and AUROC of each condition, and with trivial baselines.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from plugins.mimic_cxr.answers import Judge, right
from plugins.mimic_cxr.labels import YES
from registry import Metric, Outcome, SampleScore, Score


@dataclass(frozen=True, slots=True)
class Call:
    """One condition of one study, called present or absent, rightly or wrongly."""

    condition: str
    present: bool
    right: bool
    patient: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """True and false positives and negatives; rates are None where they would divide by zero."""

    tp: int
    fp: int
    fn: int
    tn: int

    @classmethod
    def of(cls, calls: Iterable[Call]) -> "Counts":
        """Count the calls."""
        tally = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
        for call in calls:
            tally[call.present, call.right] += 1
        return cls(
            tp=tally[True, True],
            fp=tally[False, False],
            fn=tally[True, False],
            tn=tally[False, True],
        )

    @property
    def n(self) -> int:
        """How many there are."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); 0 where there is nothing positive, neither shown nor said."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn) or 0.0

    @property
    def precision(self) -> float | None:
        """The share of those called present that are."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """The share of the present that were found (sensitivity)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float | None:
        """The share of the absent that were called so."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of recall and specificity; one half for any constant answer."""
        if self.recall is None or self.specificity is None:
            return None
        return (self.recall + self.specificity) / 2

    @property
    def mcc(self) -> float | None:
        """Matthews' correlation, within -1..1; 0 for a constant answer, as is usual."""
        present, absent = self.tp + self.fn, self.tn + self.fp
        if not present or not absent:
            return None
        size = math.sqrt((self.tp + self.fp) * (self.tn + self.fn) * present * absent)
        return _ratio(self.tp * self.tn - self.fp * self.fn, size) or 0.0


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def macro_f1(judge: Judge, unparseable: str) -> Metric:
    """Return the plain mean of the conditions' F1, over the conditions that have answers.

    F1 is 0 where a condition is neither shown nor said. The interval draws patients, whose studies
    look alike. `unparseable` is the judge's own policy.
    """

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        known = [score for score in scores if score.outcome is not Outcome.FAILED]
        return summarise(known, (call for score in known for call in called(score, unparseable)))

    return Metric(name="macro-f1", judge=judge, aggregate=aggregate)


def called(score: SampleScore, unparseable: str) -> Iterator[Call]:
    """Yield what was called in one reply: about one condition, or about all of a study."""
    condition = score.groups.get("condition", "")
    targets = {condition: score.target} if condition else json.loads(score.target)
    answers = {condition: score.answer} if condition else json.loads(score.answer or "{}")
    for name, target in targets.items():
        correct = right(target, answers.get(name, ""), unparseable)
        if correct is not None:
            patient = score.cluster or score.sample_id
            yield Call(name, target == YES, correct, patient, score.probability)


def summarise(scores: Sequence[SampleScore], calls: Iterable[Call]) -> list[Score]:
    """Return all the numbers of a run; the order of the calls changes none of them."""
    ordered = sorted(calls, key=lambda call: (call.condition, call.patient))
    parts: dict[str, list[Call]] = {}
    for call in ordered:
        parts.setdefault(call.condition, []).append(call)
    return [
        mean_f1("macro-f1", ordered),
        *_companions(ordered, parts),
        *_rates(scores),
        *(score for name, members in parts.items() for score in _condition(name, members)),
    ]


def _companions(calls: Sequence[Call], parts: Mapping[str, Sequence[Call]]) -> list[Score]:
    """Return micro F1, and the means over the conditions that have both classes."""
    micro = Score(metric="micro-f1", value=Counts.of(calls).f1, n=len(calls))
    areas = [auroc(members) for members in parts.values()]
    balanced = [Counts.of(members).balanced_accuracy for members in parts.values()]
    found = [
        *_mean("macro-auroc", areas, sum(call.probability is not None for call in calls)),
        *_mean("macro-balanced-accuracy", balanced, len(calls)),
    ]
    return [micro, *found]


def _mean(metric: str, values: Iterable[float | None], n: int) -> list[Score]:
    """Return the mean of the values that there are, or nothing."""
    known = [value for value in values if value is not None]
    return [Score(metric=metric, value=sum(known) / len(known), n=n)] if known else []


def _rates(scores: Sequence[SampleScore]) -> list[Score]:
    """Return how often there was no answer, the reply was cut off, or yes and no tied."""
    n = len(scores)
    events = {
        "unparseable-rate": sum(s.outcome is Outcome.UNPARSEABLE for s in scores),
        "truncated-rate": sum(s.outcome is Outcome.TRUNCATED for s in scores),
        "tie-rate": sum(s.tied for s in scores),
    }
    return [Score(metric=name, value=count / max(n, 1), n=n) for name, count in events.items()]


def _condition(name: str, calls: Sequence[Call]) -> list[Score]:
    """Return the numbers of one condition; what it cannot have is left out."""
    counts, part, n = Counts.of(calls), f"condition={name}", len(calls)
    values = {
        "precision": counts.precision,
        "recall": counts.recall,
        "specificity": counts.specificity,
        "balanced-accuracy": counts.balanced_accuracy,
        "mcc": counts.mcc,
        "auroc": auroc(calls),
        "n-positive": counts.tp + counts.fn,
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "tn": counts.tn,
    }
    rest = [
        Score(metric=metric, value=float(value), n=n, part=part)
        for metric, value in values.items()
        if value is not None
    ]
    return [mean_f1("f1", calls, part), *rest]


def auroc(calls: Sequence[Call]) -> float | None:
    """Return the chance that a shown condition is given a higher probability than an absent one.

    Equal probabilities count one half (Mann and Whitney's U). Calls without a probability are left
    out; None where a class is absent.
    """
    from scipy import stats  # takes 0.8 s, and no query needs it

    ranked = [call for call in calls if call.probability is not None]
    present = [call.present for call in ranked]
    positives, negatives = present.count(True), present.count(False)
    if not positives or not negatives:
        return None
    ranks = stats.rankdata([call.probability for call in ranked])
    total = sum(rank for rank, shown in zip(ranks, present, strict=True) if shown)
    return float(total - positives * (positives + 1) / 2) / (positives * negatives)


def mean_f1(metric: str, calls: Sequence[Call], part: str = "") -> Score:
    """Return the mean F1 over the calls' conditions, with its bootstrap interval over patients."""
    if not calls:
        return Score(metric=metric, value=0.0, n=0, part=part)
    # Inside: numpy and scipy take a second to import, and listing benchmarks needs neither.
    import numpy as np

    from registry import statistics

    conditions = sorted({call.condition for call in calls})
    tallies = np.zeros((len(calls), len(conditions), 2))
    for row, call in enumerate(calls):
        # Numerator and denominator of F1: 2 TP, and 2 TP + FP + FN.
        hit, missed = call.present and call.right, not call.right
        tallies[row, conditions.index(call.condition)] = 2 * hit, 2 * hit + missed
    totals = statistics.sum_by_cluster(tallies, [call.patient for call in calls])

    def mean_f1(times: statistics.Floats) -> statistics.Floats:
        hits, whole = np.moveaxis(np.tensordot(times, totals, axes=1), -1, 0)
        ratios = np.divide(hits, whole, out=np.zeros_like(hits), where=whole > 0)
        means: statistics.Floats = ratios.mean(axis=1)
        return means

    drawn = statistics.bootstrap(mean_f1, len(totals))
    # Resamples that never differ (always no: 0) know nothing of the error: it is not 0.
    interval = drawn.interval if drawn.stderr else None
    return Score(
        metric=metric,
        value=drawn.value,
        n=len(calls),
        part=part,
        stderr=drawn.stderr or None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )
