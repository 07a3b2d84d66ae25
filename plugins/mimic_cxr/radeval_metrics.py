"""RadGraph, CheXbert, RadCliQ and GREEN as RadEval computes them.

RadEval (https://github.com/jbdel/RadEval, MIT, EMNLP 2025) is the extra `radeval`. **It downloads
weights** from the Hugging Face hub when a metric is first used, whatever the data: RadGraph-XL and
`chexbert.pth` (StanfordAIMI/RRG_scorers), bert-base-uncased and distilroberta-base, and for GREEN a
model of 7 billion parameters (StanfordAIMI/GREEN-radllama2-7b, 14 GB). Reports stay on this
machine: nothing but the weights is asked for. Fetch them before, where there is no network.

CheXbert was trained on reports of MIMIC-CXR. As in RadEval and f1chexbert its *uncertain* counts as
present; MAIRA and LLaVA-Rad count it as absent. RadGraph F1 of papers is mostly the partial one.
"""

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

from plugins.mimic_cxr.report_metrics import Numbers, label_f1, mean_of
from plugins.mimic_cxr.reports import reference
from registry import Metric, MissingExtra, Sample

LIBRARIES, EXTRA = ("radeval",), "radeval"

LEVELS = {
    "radgraph-f1-partial": "radgraph_partial",
    "radgraph-f1-simple": "radgraph_simple",
    "radgraph-f1-complete": "radgraph_complete",
}


@cache
def scorer(metric: str) -> Any:
    """Return RadEval with one of its metrics, loaded once. Raises MissingExtra without it."""
    try:
        from radeval import RadEval
    except ImportError as error:
        raise MissingExtra(f"scoring reports by {metric}", EXTRA) from error
    # It silences all warnings of the process.
    with warnings.catch_warnings():
        return RadEval(metrics=[metric], per_sample=True, show_progress=False)


def radgraph(parts: Sequence[str]) -> Metric:
    """Return RadGraph F1 of entities with their relations (partial), then simple and complete."""
    return mean_of(_radgraph, "radgraph-f1-partial", parts)


def _radgraph(sample: Sample, reply: str) -> Numbers:
    if not reply:
        return dict.fromkeys(LEVELS, 0.0)
    scores = scorer("radgraph")(refs=[reference(sample)], hyps=[reply])
    return {name: float(scores[level][0]) for name, level in LEVELS.items()}


def chexbert(parts: Sequence[str]) -> Metric:
    """Return macro F1 over CheXbert's 14 conditions, and over five."""
    return label_f1("chexbert", _chexbert, parts)


def _chexbert(report: str) -> dict[str, bool]:
    labeler = scorer("f1chexbert").f1chexbert_scorer
    (row,) = labeler.get_labels([report])
    return {name: bool(value) for name, value in zip(labeler.TARGET_NAMES, row, strict=True)}


def radcliq(parts: Sequence[str]) -> Metric:
    """Return RadCliQ-v1, where less is better; boards that print 1/RadCliQ take it of the mean."""
    infinity = float("inf")
    return mean_of(
        _radcliq, "radcliq-v1", parts, higher_is_better=False, low=-infinity, high=infinity
    )


def _radcliq(sample: Sample, reply: str) -> Numbers:
    scores = scorer("radcliq")(refs=[reference(sample)], hyps=[reply])
    return {"radcliq-v1": float(scores["radcliq_v1"][0])}


def green(parts: Sequence[str]) -> Metric:
    """Return GREEN, in which a language model counts the errors that matter clinically."""
    return mean_of(_green, "green", parts)


def _green(sample: Sample, reply: str) -> Numbers:
    if not reply:
        return {"green": 0.0}
    return {"green": float(scorer("green")(refs=[reference(sample)], hyps=[reply])["green"][0])}
