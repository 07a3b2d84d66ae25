"""Ready-made metrics and answer extractors: values in, verdicts and scores out."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from registry.benchmark import (
    Metric,
    Outcome,
    Prediction,
    Sample,
    SampleScore,
    Score,
    Verdict,
)

# Some models close a block that their template opened, some are cut off inside one; MedGemma's
# blocks lie between unused tokens.
_ENDS = re.compile(r"</think>|</thinking>|<unused95>")
_OPENS = re.compile(r"<think>|<thinking>|<unused94>")


def after_reasoning(text: str) -> str | None:
    """Return what follows a reply's reasoning, or None where the reasoning never ends.

    >>> after_reasoning("<think>A? No.</think>B")
    'B'
    >>> after_reasoning("<think>A? But then")
    """
    answer = _ENDS.split(text)[-1]
    return None if _OPENS.search(answer) else answer


def exact_match(
    extract: Callable[[str], str] = str.strip,
    *,
    name: str = "accuracy",
    chance: float | None = None,
    macro_over: str = "",
) -> Metric:
    """Return the share of replies whose extracted answer equals the target.

    `extract` takes the reply's text and returns the answer, or "" where it finds none. A reply
    without an answer and a truncated one count as wrong.
    """

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        if prediction.outcome is Outcome.TRUNCATED:
            return Verdict(0.0, outcome=Outcome.TRUNCATED)
        answer = extract(prediction.text)
        if not answer:
            return Verdict(0.0, outcome=Outcome.UNPARSEABLE)
        return Verdict(float(answer == sample.target), answer)

    return Metric(
        name=name, judge=judge, aggregate=averages(name, macro_over=macro_over), chance=chance
    )


def choice_accuracy(*, chance: float | None = None, macro_over: str = "") -> Metric:
    """Return the share of samples whose most probable choice is the target.

    Where several choices share the maximum, each is as good an answer: the sample counts 1/k if the
    target is among the k, and the companion score `ties` says how often that happened.
    """
    average = averages("accuracy", macro_over=macro_over)

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        best = most_probable(prediction.logprobs) if prediction.logprobs else []
        if not best:
            return Verdict(0.0, outcome=Outcome.UNPARSEABLE)
        value = 1 / len(best) if sample.target in best else 0.0
        return Verdict(value, "|".join(best), tied=len(best) > 1)

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        ties = Score(metric="ties", value=float(sum(s.tied for s in scores)), n=len(scores))
        return [*average(scores), ties]

    return Metric(name="accuracy", judge=judge, aggregate=aggregate, chance=chance)


def most_probable(logprobs: Mapping[str, float]) -> list[str]:
    """Return the names that share the highest log-probability, in their order; none for NaN."""
    if any(math.isnan(value) for value in logprobs.values()):
        return []
    top = max(logprobs.values())
    return [name for name, value in logprobs.items() if value == top]


def averages(
    metric: str, *, macro_over: str = ""
) -> Callable[[Sequence[SampleScore]], list[Score]]:
    """Return an aggregate: the mean over samples, then over each group of each kind.

    The mean over samples is the micro average. With `macro_over` ("subject") it is followed by
    `macro-<metric>`, the plain mean of that kind's group means. Samples without a value are left
    out.
    """

    def aggregate(scores: Sequence[SampleScore]) -> list[Score]:
        valued = [s for s in scores if s.value is not None]
        parts = [mean_score(metric, members, part) for part, members in by_group(valued).items()]
        whole = mean_score(metric, valued)
        if not macro_over:
            return [whole, *parts]
        means = [p.value for p in parts if p.part.startswith(f"{macro_over}=")]
        macro = Score(
            metric=f"macro-{metric}", value=sum(means) / max(len(means), 1), n=len(valued)
        )
        return [whole, macro, *parts]

    return aggregate


def mean_score(metric: str, scores: Sequence[SampleScore], part: str = "") -> Score:
    """Return the mean value with its standard error and 95 % interval.

    The interval is Wilson's for values that are all 0 or 1, else Student's; where samples share
    clusters, both error and interval are clustered. No samples give the value 0 with n = 0.
    """
    # Inside: statistics needs scipy, which takes a second to import and no query needs.
    from registry import statistics

    values = [s.value for s in scores if s.value is not None]
    if not values:
        return Score(metric=metric, value=0.0, n=0, part=part)
    clusters = [s.cluster for s in scores if s.value is not None]
    summary = statistics.summarise(values, clusters if any(clusters) else None)
    return Score(
        metric=metric,
        value=summary.mean,
        n=len(values),
        part=part,
        stderr=summary.stderr,
        low=summary.low,
        high=summary.high,
    )


def by_group(scores: Iterable[SampleScore]) -> dict[str, list[SampleScore]]:
    """Return the scores of each group as "kind=group", kinds in order of appearance."""
    groups: dict[tuple[str, str], list[SampleScore]] = defaultdict(list)
    for score in scores:
        for kind, group in score.groups.items():
            groups[kind, group].append(score)
    return {f"{kind}={group}": groups[kind, group] for kind, group in sorted(groups)}
