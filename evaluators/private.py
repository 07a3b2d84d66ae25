"""Responses that must not enter the registry: kept in a file of their own, readable by its owner.

Credentialed and gated data forbid that texts spread; the registry keeps hashes, labels and answers.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from registry import Benchmark, Prediction, Terms, json_lines


class Responses:
    """Keeps the texts of one registry's private runs in a folder, one file a run."""

    def __init__(self, folder: Path) -> None:
        """Use the folder; it is made when there is something to keep."""
        self._folder = folder

    def split(self, benchmark: Benchmark, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Return the predictions as the registry may have them; private texts are written away."""
        if benchmark.terms is Terms.OPEN:
            return list(predictions)
        written = [p for p in predictions if p.text]
        for run_id, stage in {(p.run_id, p.stage) for p in written}:
            mine = [p for p in written if (p.run_id, p.stage) == (run_id, stage)]
            self._append(run_id, stage, mine)
        return [replace(p, text="") for p in predictions]

    def joined(self, benchmark: Benchmark, predictions: Iterable[Prediction]) -> list[Prediction]:
        """Return stored predictions with their private texts again, for the metrics."""
        stored = list(predictions)
        if benchmark.terms is Terms.OPEN or not stored:
            return stored
        file = self._file(stored[0].run_id, stored[0].stage)
        texts = {r["id"]: r["response"] for r in json_lines(file)} if file.exists() else {}
        return [replace(p, text=texts.get(p.sample_id, p.text)) for p in stored]

    def _file(self, run_id: int, stage: str) -> Path:
        return self._folder / f"run-{run_id}-{stage}.jsonl"

    def _append(self, run_id: int, stage: str, predictions: Iterable[Prediction]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(
            os.open(self._file(run_id, stage), flags, 0o600), "a", encoding="utf-8"
        ) as file:
            for p in predictions:
                file.write(json.dumps({"id": p.sample_id, "response": p.text}) + "\n")
