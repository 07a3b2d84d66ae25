"""Runs with values item by item, as comparisons read them, and a command line to compare them."""

import csv
import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from stored_runs import ACCURACY, begin_run, clock

from registry import Benchmark, Outcome, SampleScore, Terms, mean_score
from registry.cli import main
from registry.store import BoardRow, Measured, SampleValue, Store

Type = Callable[..., Result]

PLUGIN = """
from compared_runs import x_ray
from registry import hookimpl
from stored_runs import clock, dials

@hookimpl
def register_benchmarks():
    return [clock(), dials(), x_ray()]
"""


def type_with_clocks(folder: Path) -> Type:
    """Return what types a command, with a plugin for clocks and for an x-ray; it must succeed."""
    plugin = folder / "clocks.py"
    plugin.write_text(PLUGIN)

    def podium(*words: object, exit_code: int = 0) -> Result:
        arguments = ["--plugin", str(plugin), *map(str, words)]
        result = CliRunner().invoke(main, arguments, prog_name="podium")
        assert result.exit_code == exit_code, result.output
        return result

    return podium


def x_ray() -> Benchmark:
    """Return a benchmark whose data only some may see."""
    return replace(clock(), name="x-ray", terms=Terms.CREDENTIALED)


def scored(
    store: Store,
    model: str,
    values: Mapping[str, float | None],
    *,
    clusters: Mapping[str, str] | None = None,
    answers: Mapping[str, str] | None = None,
    score: float | None = None,
    higher_is_better: bool = True,
    **plan: Any,
) -> int:
    """Store a finished run with these values; its score is their mean unless another is given."""
    run_id = begin_run(store, model, n_samples=len(values), **plan)
    details = [
        SampleScore(
            sample_id=sample,
            metric="accuracy",
            value=value,
            answer=(answers or {}).get(sample, "12"),
            target="12",
            outcome=Outcome.ANSWERED,
            cluster=(clusters or {}).get(sample, ""),
        )
        for sample, value in values.items()
    ]
    headline = mean_score("accuracy", details)
    headline = headline if score is None else replace(headline, value=score)
    metric = replace(ACCURACY, higher_is_better=higher_is_better)
    store.finish(run_id, details, [Measured(headline, metric, headline=True)])
    return run_id


def rights(pattern: str) -> dict[str, float]:
    """Return the values that a pattern of 0 and 1 spells, by the ids 1, 2, 3 …."""
    return {str(place): float(value) for place, value in enumerate(pattern, 1)}


def row(values: Mapping[str, SampleValue], run_id: int = 1, **changes: Any) -> BoardRow:
    """Return the headline of a run with these values."""
    numbers = [each.value for each in values.values()]
    fields: dict[str, Any] = dict.fromkeys(BoardRow._fields) | {
        "run_id": run_id,
        "benchmark": "clock",
        "benchmark_version": "1",
        "variant": "default",
        "scope": "full",
        "items_hash": "",
        "model": f"model {run_id}",
        "metric": "accuracy",
        "higher_is_better": True,
        "value": sum(numbers) / len(numbers) if numbers else 0.0,
        "n": len(numbers),
    }
    return BoardRow(**fields | changes)


def values_of(items: list[tuple[float, float, int]]) -> tuple[dict[str, SampleValue], ...]:
    def side(which: int) -> dict[str, SampleValue]:
        return {
            str(place): SampleValue(item[which], str(item[2] or ""), "a", "b")
            for place, item in enumerate(items)
        }

    return side(0), side(1)


@cache
def table_of(file: Path) -> dict[str, tuple[str, ...]]:
    with gzip.open(file, "rt", newline="") as text:
        header, *rows = csv.reader(text)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def column_of(table: Mapping[str, tuple[str, ...]], model: str) -> dict[str, float]:
    """Return 1 for right, 0 for wrong and for no answer; what was not run is left out."""
    return {
        item: float(cell == "1")
        for item, cell in zip(table["question_id"], table[model], strict=True)
        if cell
    }
