"""The table of the README: every figure against its target, from perf/results/*.json alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import RESULTS

ORDER = (
    "letters_lm_eval_vllm",
    "letters_lm_eval_hf",
    "letters_bare",
    "generation",
    "images",
    "harness_cost",
    "harness_pictures",
    "replicas",
    "two_replicas",
    "start",
)
"""The results that have a row, as the scripts name them."""

HEAD = "| figure | against | measured | to reach | |", "| --- | --- | --- | --- | --- |"


def rows(results: Path = RESULTS) -> Iterator[dict[str, Any]]:
    """Yield the figures of every result that is there, in the table's order."""
    for name in ORDER:
        file = results / f"{name}.json"
        if file.exists():
            yield from json.loads(file.read_text())["figures"]


def missing(results: Path = RESULTS) -> list[str]:
    """Return the results that nobody has measured yet."""
    return [name for name in ORDER if not (results / f"{name}.json").exists()]


def markdown(results: Path = RESULTS) -> str:
    """Return the table, and under it what was not measured."""
    lines = [*HEAD, *map(_line, rows(results))]
    if absent := missing(results):
        lines += ["", f"Not measured: {', '.join(absent)}."]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    bound = "at most" if row["at_most"] else "at least"
    verdict = "met" if row["met"] else "**missed**"
    cells = (
        row["figure"],
        row["against"],
        f"{row['value']:g} {row['unit']}",
        f"{bound} {row['target']:g}",
        verdict,
    )
    return f"| {' | '.join(cells)} |"
