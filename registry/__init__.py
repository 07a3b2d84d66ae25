"""The front door for plugin authors: everything a benchmark plugin needs, from one import.

from registry import Benchmark, Dataset, Sample, exact_match, hookimpl
"""

from registry.benchmark import (
    Benchmark,
    Choice,
    Content,
    Dataset,
    Excluded,
    Image,
    Metric,
    Outcome,
    Prediction,
    Prompt,
    Review,
    Sample,
    SampleScore,
    Sampling,
    Score,
    Setting,
    Task,
    Terms,
    Variant,
    Verdict,
)
from registry.datasets import (
    csv_records,
    csv_rows,
    inside,
    json_lines,
    parquet_rows,
)
from registry.engines import Engine, EngineOptions, Identity, Request, Shared
from registry.errors import DatasetError, EngineError, MissingExtra, RegistryError, UnknownName
from registry.hookspecs import hookimpl
from registry.images import BadImage, open_image
from registry.metrics import (
    after_reasoning,
    averages,
    by_group,
    choice_accuracy,
    exact_match,
    mean_score,
    most_probable,
)
from registry.multiple_choice import multiple_choice

__all__ = [
    "BadImage",
    "Benchmark",
    "Choice",
    "Content",
    "Dataset",
    "DatasetError",
    "Engine",
    "EngineError",
    "EngineOptions",
    "Excluded",
    "Identity",
    "Image",
    "Metric",
    "MissingExtra",
    "Outcome",
    "Prediction",
    "Prompt",
    "RegistryError",
    "Request",
    "Review",
    "Sample",
    "SampleScore",
    "Sampling",
    "Score",
    "Setting",
    "Shared",
    "Task",
    "Terms",
    "UnknownName",
    "Variant",
    "Verdict",
    "after_reasoning",
    "averages",
    "by_group",
    "choice_accuracy",
    "csv_records",
    "csv_rows",
    "exact_match",
    "hookimpl",
    "inside",
    "json_lines",
    "mean_score",
    "most_probable",
    "multiple_choice",
    "open_image",
    "parquet_rows",
]
