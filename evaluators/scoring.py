"""From predictions to scores: metrics on samples, their aggregates, and trivial baselines."""

from collections.abc import Iterable, Mapping

from registry import Metric, Outcome, Prediction, Sample, SampleScore, Task
from registry.store import Measured


def sample_scores(
    metric: Metric, samples: Mapping[str, Sample], predictions: Iterable[Prediction]
) -> list[SampleScore]:
    """Return the metric's verdict on each prediction; a failed one has none."""
    return [
        metric.sample_score(samples[prediction.sample_id], prediction)
        for prediction in predictions
        if prediction.outcome is not Outcome.FAILED
    ]


def score(
    task: Task, samples: Mapping[str, Sample], predictions: Iterable[Prediction]
) -> tuple[list[SampleScore], list[Measured]]:
    """Return all sample scores and all scores of a run, the headline first, baselines last.

    A baseline answers the samples that the model answered, so that both are over the same items.
    """
    answered = [p for p in predictions if p.outcome is not Outcome.FAILED]
    details: list[SampleScore] = []
    measured: list[Measured] = []
    for metric in task.metrics:
        judged = sample_scores(metric, samples, answered)
        details.extend(judged)
        headline = metric is task.headline
        for place, each in enumerate(metric.aggregate(judged)):
            measured.append(Measured(each, metric, headline=headline and place == 0))
    for name, answer in task.baselines.items():
        trivial = [answer(samples[p.sample_id]) for p in answered]
        scores = task.headline.aggregate(sample_scores(task.headline, samples, trivial))
        measured.extend(Measured(each, task.headline, name) for each in scores if not each.part)
    return details, measured
