"""How a written report is judged against the reference: two texts in, numbers out.

The registry must not have a report's text, so none enters a score: what an aggregate needs (counts
of matching n-grams, hits and misses of each condition) is a score's answer, as a JSON object.

- ROUGE-L: F1 of the longest common subsequence, by Google's rouge-score without stemming, its
  tokens being runs of letters and digits in lower case. (coco-caption's has another beta.)
- CIDEr-D: 0 to 10, see `cider.py`; document frequencies are those of the whole test split's
  references, also where a run asks a part of it.
- BLEU-1 to BLEU-4: sacrebleu's, over the corpus, in lower case, tokenised as mteval's `13a`, which
  keeps punctuation as tokens, and without smoothing. Papers in the line of R2Gen use coco-caption's
  on text without punctuation: other numbers. Of one report it is the smoothed sentence BLEU.
- `rule-labeler` F1: what our own labeler reads in reply and reference, see `labeler.py`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

from plugins.mimic_cxr import labeler
from plugins.mimic_cxr.cider import cider_d
from plugins.mimic_cxr.labels import FIVE, FOURTEEN, Label
from plugins.mimic_cxr.reports import reference
from plugins.mimic_cxr.scoring import Call, Counts, mean_f1
from plugins.mimic_cxr.writing import written
from registry import (
    Metric,
    Outcome,
    Prediction,
    Sample,
    SampleScore,
    Score,
    Verdict,
    by_group,
    mean_score,
)

LIBRARIES, EXTRA = ("rouge_score", "sacrebleu"), "reports"

Numbers: TypeAlias = Mapping[str, float]
Measure: TypeAlias = Callable[[Sample, str], Numbers]
"""The numbers of one written report; the first is the metric's own."""

Labeler: TypeAlias = Callable[[str], Mapping[str, bool]]
"""Whether a report says that a condition is present; a condition may be left out."""

HIT, FALSE_ALARM, MISS, REJECTION = "hit", "false alarm", "miss", "rejection"
CALLED = {
    HIT: (True, True),
    FALSE_ALARM: (False, False),
    MISS: (True, False),
    REJECTION: (False, True),
}
"""What a reply did about a condition: whether the reference has it, whether that is right."""


# --- Numbers of one report, and their means -------------------------------------------------------


def mean_of(measure: Measure, name: str, parts: Sequence[str], **more: Any) -> Metric:
    """Return a metric whose numbers are means over reports; `measure` gives them for one report.

    The interval is clustered by patient. A reply that was cut off counts for what it says.
    """

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        reply = written(prediction.text, parts)
        numbers = measure(sample, reply)
        return Verdict(numbers[name], json.dumps(numbers), _outcome(prediction, reply))

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        numbers = [json.loads(score.answer) for score in scores]
        others = [other for other in (numbers[0] if numbers else {}) if other != name]
        means = [
            mean_score(other, [_valued(s, n[other]) for s, n in zip(scores, numbers, strict=True)])
            for other in others
        ]
        groups = [mean_score(name, members, part) for part, members in by_group(scores).items()]
        return [mean_score(name, scores), *means, *groups]

    return Metric(name=name, judge=judge, aggregate=aggregate, **more)


def _valued(score: SampleScore, value: float) -> SampleScore:
    return replace(score, value=value)


def _outcome(prediction: Prediction, reply: str) -> Outcome:
    if prediction.outcome is Outcome.TRUNCATED or prediction.finish_reason == "length":
        return Outcome.TRUNCATED
    return Outcome.ANSWERED if reply else Outcome.UNPARSEABLE


def rouge_l(parts: Sequence[str]) -> Metric:
    """Return ROUGE-L, with CIDEr-D as its companion."""
    return mean_of(_overlap, "rouge-l", parts)


def _overlap(sample: Sample, reply: str) -> Numbers:
    text = reference(sample)
    rarity = sample.metadata["references"].rarity
    return {
        "rouge-l": float(_rouge().score(text, reply)["rougeL"].fmeasure),
        "cider-d": cider_d(text, reply, rarity),
    }


@cache
def _rouge() -> Any:
    from rouge_score import rouge_scorer  # NLTK's import takes two seconds

    return rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)


# --- BLEU -----------------------------------------------------------------------------------------


def bleu(parts: Sequence[str]) -> Metric:
    """Return BLEU-4 of all reports together, with BLEU-1 to BLEU-3 and the brevity penalty."""

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        reply = written(prediction.text, parts)
        counted = _bleu().corpus_score([reply], [[reference(sample)]])
        counts = {
            "matches": counted.counts,
            "n-grams": counted.totals,
            "lengths": [counted.sys_len, counted.ref_len],
        }
        value = _bleu_of([counts], 4, smooth_method="exp", effective_order=True).score / 100
        return Verdict(min(value, 1.0), json.dumps(counts), _outcome(prediction, reply))

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        if not scores:
            return [Score(metric="bleu-4", value=0.0, n=0)]
        counts = [json.loads(score.answer) for score in scores]
        results = {order: _bleu_of(counts, order, smooth_method="none") for order in (4, 1, 2, 3)}
        numbers = {f"bleu-{order}": result.score / 100 for order, result in results.items()}
        numbers["brevity-penalty"] = results[4].bp
        return [
            Score(metric=name, value=min(value, 1.0), n=len(scores))
            for name, value in numbers.items()
        ]

    return Metric(name="bleu-4", judge=judge, aggregate=aggregate)


def _bleu_of(counts: Sequence[Mapping[str, Sequence[int]]], order: int, **settings: Any) -> Any:
    """Return sacrebleu's BLEU of the summed counts, up to n-grams of that order."""
    matches, ngrams, lengths = (
        [sum(column) for column in zip(*(each[name] for each in counts), strict=True)]
        for name in ("matches", "n-grams", "lengths")
    )
    return _bleu().compute_bleu(matches, ngrams, *lengths, max_ngram_order=order, **settings)


@cache
def _bleu() -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(lowercase=True, tokenize="13a", smooth_method="none")


# --- What is said of the conditions ---------------------------------------------------------------


def label_f1(name: str, labels_of: Labeler, parts: Sequence[str]) -> Metric:
    """Return macro F1 over the 14 conditions that a labeler reads in reply and reference.

    Its companions are macro F1 over the five and both micro F1. F1 is that of "present"; a
    condition that neither any reference nor any reply shows has none, and is left out of the mean.
    The intervals draw patients.
    """
    cached = cache(labels_of)

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        reply = written(prediction.text, parts)
        shown, said = cached(reference(sample)), labels_of(reply) if reply else {}
        answers = {
            each: _called(shown.get(each, False), said.get(each, False)) for each in FOURTEEN
        }
        right = [answer in (HIT, REJECTION) for answer in answers.values()]
        value = sum(right) / len(right)
        return Verdict(value, json.dumps(answers), _outcome(prediction, reply))

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        calls = [call for score in scores for call in _calls(score)]
        known = {call.condition for call in calls if call.present or not call.right}
        counted = [call for call in calls if call.condition in known]
        five = [call for call in counted if call.condition in FIVE]
        found = [
            mean_f1(f"{name}-macro-f1-14", counted),
            mean_f1(f"{name}-macro-f1-5", five),
            Score(metric=f"{name}-micro-f1-14", value=Counts.of(counted).f1, n=len(counted)),
            Score(metric=f"{name}-micro-f1-5", value=Counts.of(five).f1, n=len(five)),
            *(
                mean_f1(f"{name}-f1", [c for c in calls if c.condition == each], part)
                for each, part in ((each, f"condition={each}") for each in FOURTEEN)
                if each in known
            ),
        ]
        return [replace(score, n=len(scores)) for score in found]

    return Metric(name=f"{name}-macro-f1-14", judge=judge, aggregate=aggregate)


def _called(shown: bool, said: bool) -> str:
    if shown:
        return HIT if said else MISS
    return FALSE_ALARM if said else REJECTION


def _calls(score: SampleScore) -> Iterator[Call]:
    for condition, answer in json.loads(score.answer).items():
        present, right = CALLED[answer]
        yield Call(condition, present, right, score.cluster or score.sample_id)


def present(report: str) -> dict[str, bool]:
    """Return what `rule-labeler` reads; uncertain is not present, as in MAIRA's CheXbert F1."""
    return {name: label is Label.PRESENT for name, label in labeler.labels(report).items()}


def rule_labeler(parts: Sequence[str]) -> Metric:
    """Return macro F1 over the 14 conditions as our own labeler reads them, and over five."""
    return label_f1("rule-labeler", present, parts)
