"""Models that answer without looking; each answers every request mode, as a sure model would."""

import json
import random
from collections.abc import Callable, Mapping

from plugins.mimic_cxr.labels import NO, YES
from registry import Prediction, Sample


def always(answer: str) -> Callable[[Sample], Prediction]:
    """Return the model that gives one answer to every question."""

    def predict(sample: Sample) -> Prediction:
        return said(sample, dict.fromkeys(sample.metadata["prevalence"], answer))

    return predict


def prevalence_random(sample: Sample) -> Prediction:
    """Say yes as often as it is right for the condition, by lots that the sample's id decides."""
    lots = random.Random(sample.id)
    shares: Mapping[str, float] = sample.metadata["prevalence"]
    return said(
        sample, {name: YES if lots.random() < share else NO for name, share in shares.items()}
    )


def oracle(sample: Sample) -> Prediction:
    """Say what is right; the contract holds the metrics against it."""
    condition = sample.groups.get("condition", "")
    return said(sample, {condition: sample.target} if condition else json.loads(sample.target))


def said(sample: Sample, answers: Mapping[str, str]) -> Prediction:
    """Return the prediction that gives the answers: JSON for a study, else text and weight."""
    condition = sample.groups.get("condition", "")
    if not condition:
        objects = {name: answer == YES for name, answer in answers.items()}
        return Prediction(sample_id=sample.id, text=json.dumps(objects))
    answer = answers[condition]
    return Prediction(sample_id=sample.id, text=f"Final Answer: {answer}", logprobs={answer: 0.0})


BASELINES: Mapping[str, Callable[[Sample], Prediction]] = {
    "always-yes": always(YES),
    "always-no": always(NO),
    "prevalence-random": prevalence_random,
}
