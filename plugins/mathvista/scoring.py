"""Accuracy of MathVista: what is extracted from a response, and whether it is the answer.

Rules extract first; what they leave, an extractor (a second model) reads, or nobody.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from plugins.mathvista.extraction import extract_by_rule
from plugins.mathvista.extraction_prompt import extraction_prompt
from plugins.mathvista.normalise import is_right, normalise
from plugins.mathvista.reading import JOINT, SKILLS
from registry import (
    Metric,
    Outcome,
    Prediction,
    Prompt,
    Review,
    Sample,
    SampleScore,
    Sampling,
    Score,
    Verdict,
    after_reasoning,
    averages,
    mean_score,
)

_SHOWN = 200  # characters of an extraction that are stored


def accuracy(*, quick: bool = False, empty_is_wrong: bool = False) -> Metric:
    """Return the share of right answers over all questions, then of each group.

    `quick` adds the authors' pattern to the rules. An empty extraction counts as the choice nearest
    to it, as the authors count it, unless `empty_is_wrong`. The companion score `no-answer` says
    how many responses nothing was extracted from.
    """

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        extraction = extracted(sample, prediction, quick=quick)
        predicted = normalise(
            extraction,
            **_kind(sample),
            precision=sample.metadata["precision"],
            choices=sample.choices,
            empty_is_none=empty_is_wrong,
        )
        shown = extraction if predicted is None else predicted
        outcome = Outcome.ANSWERED if extraction.strip() else _unread(prediction)
        return Verdict(float(is_right(predicted, sample.target)), shown[:_SHOWN], outcome)

    return Metric(name="accuracy", judge=judge, aggregate=aggregate)


def extracted(sample: Sample, prediction: Prediction, *, quick: bool = False) -> str:
    """Return what the rules or else the extractor found in a response; "" for nothing."""
    response = after_reasoning(prediction.text)
    if response is None:
        return ""
    found = extract_by_rule(response, **_kind(sample), choices=sample.choices, quick=quick)
    if found is None and prediction.review is not None:
        return prediction.review.text.strip()
    return found or ""


def extractor() -> Review:
    """Return the pass of a second model over the responses that the rules leave."""
    return Review(
        name="extractor",
        prompt=ask_extractor,
        prompt_text=extraction_prompt("{query}", "{response}"),
        official="gpt-4-0613",
    )


def ask_extractor(sample: Sample, prediction: Prediction) -> Prompt | None:
    """Return the authors' prompt, or None where the rules found something or nothing is left."""
    response = after_reasoning(prediction.text)
    if response is None:
        return None
    if extract_by_rule(response, **_kind(sample), choices=sample.choices) is not None:
        return None
    asked = extraction_prompt(_query(sample), response)
    return Prompt(question=asked, chat=True, sampling=Sampling(max_tokens=256))


def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
    """Return the mean over all, over each group, over each skill, and the count of no answers."""
    unread = sum(score.outcome is not Outcome.ANSWERED for score in scores)
    return [
        *averages("accuracy")([_without_skills(score) for score in scores]),
        *_by_skill(scores),
        Score(metric="no-answer", value=float(unread), n=len(scores)),
    ]


def empty(sample: Sample) -> Prediction:
    """Answer nothing: what a dead extractor, or a model that is not running, scores."""
    return Prediction(sample_id=sample.id)


def oracle(sample: Sample) -> Prediction:
    """Answer the target alone, and have it extracted where the rules take none (a list)."""
    extraction = Prediction(sample_id=sample.id, stage="extractor", text=sample.target)
    return Prediction(sample_id=sample.id, text=sample.target, review=extraction)


def _by_skill(scores: Sequence[SampleScore]) -> list[Score]:
    """Return the mean over the questions of each skill; a question of two counts in both."""
    members: dict[str, list[SampleScore]] = defaultdict(list)
    for score in scores:
        for skill in score.groups.get(SKILLS, "").split(JOINT):
            members[skill].append(score)
    members.pop("", None)
    return [
        mean_score("accuracy", members[skill], f"{SKILLS}={skill}") for skill in sorted(members)
    ]


def _without_skills(score: SampleScore) -> SampleScore:
    groups = {kind: group for kind, group in score.groups.items() if kind != SKILLS}
    return replace(score, groups=groups)


def _unread(prediction: Prediction) -> Outcome:
    cut = prediction.outcome is Outcome.TRUNCATED
    return Outcome.TRUNCATED if cut else Outcome.UNPARSEABLE


def _kind(sample: Sample) -> dict[str, Any]:
    return {kind: sample.groups[kind] for kind in ("question_type", "answer_type")}


def _query(sample: Sample) -> str:
    return "".join(part for part in sample.input if isinstance(part, str))
