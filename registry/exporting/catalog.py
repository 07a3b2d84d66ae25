"""CSV: a folder of the catalogue's files that can be imported again, or one table for people.

No name can start a formula in a spreadsheet; the importer takes the guard away again.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from registry.exporting.snapshot import Entry, Snapshot
from registry.importing.catalog import UNKNOWN
from registry.importing.tabular import guarded

Cells = dict[str, Any]


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the folder, or one table of all scores where the path is a CSV file."""
    if path.is_dir():
        for name, make in TABLES.items():
            _write(path / f"{name}.csv", list(make(snapshot)))
    else:
        _write(path, [_row(entry, snapshot) for entry in snapshot.entries])


def _write(path: Path, rows: Sequence[Cells]) -> None:
    if not rows:
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([[_cell(value) for value in row.values()] for row in rows])


def _cell(value: Any) -> Any:
    """Return a cell as the importer reads it; text cannot be a formula or move a terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return guarded("".join(c for c in value if c.isprintable() or c == "\n"))
    return value


def _key(entry: Entry) -> Cells:
    score = entry.score
    return {
        "benchmark": score.benchmark,
        "variant": score.variant,
        "metric": score.metric,
        "model_id": score.model,
        "source_id": score.source,
    }


def _number(entry: Entry) -> Cells:
    score = entry.score
    return _key(entry) | {
        "value": score.value,
        "self_reported": score.self_reported,
        "date": score.valid_from or UNKNOWN,
        "higher_is_better": score.higher_is_better,
        "lowest": score.low,
        "highest": score.high,
    }


def _details(entry: Entry) -> Cells:
    score = entry.score
    return {
        "raw_setting": score.raw_setting,
        "date_basis": score.date_basis,
        "stderr": score.stderr,
        "n_items": score.n,
        "comment": score.note,
    }


def _row(entry: Entry, snapshot: Snapshot) -> Cells:
    """Return a score with all that people want to see beside it."""
    low, high = entry.interval or (None, None)
    model = snapshot.models[entry.score.model]
    source = snapshot.sources[entry.score.source]
    return _number(entry) | {
        "kind": entry.kind.value,
        "run": entry.run.id if entry.run else None,
        "low": low,
        "high": high,
        **_details(entry),
        "model_title": model.title,
        "organization": model.organization,
        "source_title": source.title,
        "source_url": source.url,
        "disputed": entry.score.disputed,
        "dispute": entry.score.dispute,
    }


def _sources(snapshot: Snapshot) -> Iterable[Cells]:
    for fact in snapshot.sources.values():
        yield {
            "source_id": fact.name,
            "title": fact.title,
            "url": fact.url,
            "publisher": fact.publisher,
            "accessed_note": fact.note,
        }


def _models(snapshot: Snapshot) -> Iterable[Cells]:
    for fact in snapshot.models.values():
        yield {
            "model_id": fact.name,
            "name": fact.title,
            "organization": fact.organization,
            "parameters_b": fact.parameters_b,
            "active_parameters_b": fact.active_parameters_b,
            "context_length": fact.context_tokens,
            "license": fact.license,
            "open_weights": fact.open_weights,
            "modalities": _semicolons(fact.modalities),
            "release_date": fact.release_date,
            "price_input_per_mtok_usd": fact.price_input,
            "price_output_per_mtok_usd": fact.price_output,
        }


def _benchmarks(snapshot: Snapshot) -> Iterable[Cells]:
    for fact in snapshot.benchmarks.values():
        yield {
            "id": fact.name,
            "name": fact.title,
            "description": fact.summary,
            "metric": fact.metric,
            "higher_is_better": fact.higher_is_better,
            "max_score": fact.max_score,
            "categories": _semicolons(fact.categories),
            "modalities": _semicolons(fact.modalities),
            "languages": _semicolons(fact.languages),
            "paper_url": fact.paper,
            "homepage_url": fact.homepage,
            "data_url": fact.data,
            "licence": fact.license,
            "release_date": fact.release_date,
            "size": fact.size,
        }


def _semicolons(words: str | None) -> str | None:
    return words.replace(", ", ";") if words else words


def _aliases(snapshot: Snapshot) -> Iterable[Cells]:
    for fact in snapshot.aliases:
        yield {"alias": fact.alias, "model_id": fact.model, "alias_source": fact.kind}


def _groups(snapshot: Snapshot) -> Iterable[Cells]:
    for fact in snapshot.groups:
        yield {
            "benchmark": fact.benchmark,
            "variant": fact.variant,
            "group": fact.group,
            "in_default_leaderboard": fact.in_default,
        }


def _suspects(snapshot: Snapshot) -> Iterable[Cells]:
    for entry in snapshot.entries:
        if entry.score.disputed:
            yield _key(entry) | {"value": entry.score.value, "reason": entry.score.dispute}


def _baselines(snapshot: Snapshot) -> Iterable[Cells]:
    for fact in snapshot.baselines:
        yield {
            "benchmark": fact.benchmark,
            "variant": fact.variant,
            "metric": fact.metric,
            "name": fact.name,
            "value": fact.value,
            "source_id": fact.source,
        }


TABLES: dict[str, Callable[[Snapshot], Iterable[Cells]]] = {
    "sources": _sources,
    "models": _models,
    "benchmarks": _benchmarks,
    "model_aliases": _aliases,
    "variant_groups": _groups,
    "scores": lambda snapshot: map(_number, snapshot.entries),
    "score_details": lambda snapshot: (_key(e) | _details(e) for e in snapshot.entries),
    "suspect": _suspects,
    "baselines": _baselines,
}
"""The files of the folder, and what makes their rows."""
