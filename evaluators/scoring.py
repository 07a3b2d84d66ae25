"""From predictions to scores: metrics on samples, their aggregates, baselines, and the noise floor.

Predictions come in any order and are seen once; what is kept of a sample is its scores.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from evaluators.samples import Samples
from registry import Metric, Outcome, Prediction, SampleScore, Score, Task
from registry.store import Measured

FLIP_RATE = "flip-rate"


def sample_scores(
    metrics: Sequence[Metric], samples: Samples, predictions: Iterable[Prediction]
) -> list[list[SampleScore]]:
    """Return each metric's verdicts on the predictions, in the dataset's order.

    A failed prediction has none. The order is one everywhere: official metrics depend on it, and so
    does what a seeded resampling draws.
    """
    verdicts: list[list[SampleScore]] = [[] for _ in metrics]
    for prediction in predictions:
        if prediction.outcome is not Outcome.FAILED:
            sample = samples[prediction.sample_id]
            for metric, mine in zip(metrics, verdicts, strict=True):
                mine.append(metric.sample_score(sample, prediction))
    for mine in verdicts:
        mine.sort(key=lambda each: samples.place(each.sample_id))
    return verdicts


def score(
    task: Task,
    samples: Samples,
    predictions: Iterable[Prediction],
    repeated: Iterable[Prediction] = (),
) -> tuple[list[list[SampleScore]], list[Measured]]:
    """Return the sample scores of each metric and all scores of a run, the headline first.

    A baseline answers the samples that the model answered, so that both are over the same items.
    """
    verdicts = sample_scores(task.metrics, samples, predictions)
    measured: list[Measured] = []
    for metric, judged in zip(task.metrics, verdicts, strict=True):
        for place, each in enumerate(metric.aggregate(judged)):
            headline = metric is task.headline and place == 0
            measured.append(Measured(each, metric, headline=headline))
    measured.extend(_flips(task.headline, samples, verdicts[0], repeated))
    answered = [each.sample_id for each in verdicts[0]]
    for name, answer in task.baselines.items():
        trivial = (answer(samples[sample_id]) for sample_id in answered)
        (judged,) = sample_scores([task.headline], samples, trivial)
        scores = task.headline.aggregate(judged)
        measured.extend(Measured(each, task.headline, name) for each in scores if not each.part)
    return verdicts, measured


def _flips(
    metric: Metric,
    samples: Samples,
    verdicts: Sequence[SampleScore],
    repeated: Iterable[Prediction],
) -> list[Measured]:
    """Return the share of repeated samples of which the metric then understood another answer."""
    (again,) = sample_scores([metric], samples, repeated)
    if not again:
        return []
    from registry import statistics  # SciPy's second: only where something was repeated

    first = {each.sample_id: each for each in verdicts}
    pairs = [(first[each.sample_id], each) for each in again if each.sample_id in first]
    flips = sum((a.answer, a.value) != (b.answer, b.value) for a, b in pairs)
    rate, n = flips / len(pairs), len(pairs)
    within = statistics.wilson_interval(rate, n)
    flip_rate = Score(metric=FLIP_RATE, value=rate, n=n, low=within.low, high=within.high)
    return [Measured(flip_rate, replace(metric, name=FLIP_RATE, higher_is_better=False))]
