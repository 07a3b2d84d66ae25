"""The hub's evaluation results: MODEL/.eval_results/BENCHMARK.yaml, to be added to model repos.

Each file is a list of entries. Only benchmarks whose dataset is on the hub can be named there, and
only headline scores, since an entry has one number.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from registry.errors import ExportFailure
from registry.exporting import places
from registry.exporting.snapshot import Entry, Snapshot


def write(snapshot: Snapshot, path: Path) -> None:
    """Write a file for each model and benchmark."""
    entries = sorted(filter(lambda e: _can_be_told(e, snapshot), snapshot.entries), key=_names)
    if not entries:
        raise ExportFailure(
            "no score here is of a benchmark whose dataset is on the hub. "
            "Export it with: podium export DIR --as eee"
        )
    for (model, benchmark), group in groupby(entries, _names):
        folder = path / places.of_model(model) / ".eval_results"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for entry in group for line in _lines(_entry(entry, snapshot))]
        text = "".join(f"{line}\n" for line in lines)
        (folder / f"{places.part(benchmark)}.yaml").write_text(text, encoding="utf-8")


def _can_be_told(entry: Entry, snapshot: Snapshot) -> bool:
    benchmark = snapshot.benchmarks[entry.score.benchmark]
    is_headline = entry.headline or entry.score.metric == benchmark.metric
    return is_headline and bool(snapshot.datasets.get(benchmark.name))


def _names(entry: Entry) -> tuple[str, str]:
    return entry.score.model, entry.score.benchmark


def _entry(entry: Entry, snapshot: Snapshot) -> dict[str, Any]:
    score, source = entry.score, snapshot.sources[entry.score.source]
    made: dict[str, Any] = {
        "dataset": {"id": snapshot.datasets[score.benchmark], "task_id": score.benchmark},
        "value": score.value,
    }
    if score.valid_from:
        made["date"] = score.valid_from.isoformat()
    if source.url:
        made["source"] = {"url": source.url, "name": source.title or source.name}
    return made | {"notes": _notes(entry)}


def _notes(entry: Entry) -> str:
    score = entry.score
    parts = {
        "variant": score.variant,
        "metric": score.metric,
        "n": score.n,
        "stderr": score.stderr,
        "by": "its maker" if score.self_reported else "",
        "with": f"Podium {entry.run.podium_version}" if entry.run else "",
        "disputed": score.dispute,
    }
    return "; ".join(f"{name}: {value}" for name, value in parts.items() if value not in (None, ""))


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    """Yield an entry as YAML, whose quoted texts and numbers are those of JSON."""
    start = "- "
    for name, value in entry.items():
        if isinstance(value, dict):
            yield f"{start}{name}:"
            for inner, leaf in value.items():
                yield f"    {inner}: {json.dumps(leaf)}"
        else:
            yield f"{start}{name}: {json.dumps(value)}"
        start = "  "
