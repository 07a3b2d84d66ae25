"""Podium's own JSON: everything that a snapshot holds, by the names of the records' fields."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from registry.exporting.snapshot import Entry, Snapshot

FORMAT = "podium-scores/1"


def write(snapshot: Snapshot, path: Path) -> None:
    """Write one file; the importer of the same name reads it."""
    written: dict[str, Any] = {
        "format": FORMAT,
        "podium": snapshot.podium_version,
        "sources": [_plain(asdict(fact)) for fact in snapshot.sources.values()],
        "models": [_plain(asdict(fact)) for fact in snapshot.models.values()],
        "benchmarks": [_plain(asdict(fact)) for fact in snapshot.benchmarks.values()],
        "aliases": [_plain(asdict(fact)) for fact in snapshot.aliases],
        "groups": [_plain(asdict(fact)) for fact in snapshot.groups],
        "scores": [_score(entry, snapshot) for entry in snapshot.entries],
        "baselines": [_plain(asdict(fact)) for fact in snapshot.baselines],
    }
    text = json.dumps(written, ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _score(entry: Entry, snapshot: Snapshot) -> dict[str, Any]:
    """Return a score's record, and what is known of it here beyond that."""
    low, high = entry.interval or (None, None)
    more: dict[str, Any] = {"kind": entry.kind.value, "interval": {"low": low, "high": high}}
    if entry.run is not None:
        more["run"] = entry.run.id
        samples = snapshot.samples.get(entry.run.id or 0)
        if samples is not None and entry.headline:
            more["samples"] = [asdict(sample) for sample in samples]
    return _plain(asdict(entry.score)) | more


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON can hold; where a record was read is no part of it."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
        if name != "where"
    }
