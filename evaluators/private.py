"""Responses that must not enter the registry: kept in a file of their own, readable by its owner.

Credentialed and gated data forbid that texts spread; the registry keeps hashes, labels and answers.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from registry import Benchmark, Outcome, Prediction, SampleScore, Terms
from registry.benchmark import ANSWER, REPEAT

LONGEST_LABEL = 64
"""Characters; a longer answer is a text."""


class Responses:
    """Keeps the texts of one registry's private runs in a folder, one file a run."""

    def __init__(self, folder: Path) -> None:
        """Use the folder; it is made when there is something to keep."""
        self._folder = folder

    def split(self, benchmark: Benchmark, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Return the predictions as the registry may have them; private texts are written away."""
        if benchmark.terms is Terms.OPEN:
            return list(predictions)
        written = [p for p in predictions if _has_text(p)]
        for run_id, stage in {(p.run_id, p.stage) for p in written}:
            mine = [p for p in written if (p.run_id, p.stage) == (run_id, stage)]
            self._append(run_id, stage, mine)
        return [replace(p, text="") for p in predictions]

    def joined(
        self, benchmark: Benchmark, predictions: Iterable[Prediction]
    ) -> Iterator[Prediction]:
        """Yield stored predictions with their private texts again, for the metrics.

        One whose text is not here (the run was made on another machine) is failed: no number.
        """
        files: dict[Path, dict[str, str]] = {}
        for prediction in predictions:
            if benchmark.terms is Terms.OPEN:
                yield prediction
                continue
            file = self._file(prediction.run_id, prediction.stage)
            if file not in files:
                files[file] = dict(_texts(file)) if file.exists() else {}
            yield self._with_text(prediction, files[file])

    def copy(self, run_id: int, other: int) -> None:
        """Give another run the answers of the first, as the registry does when one is rescored."""
        for stage in (ANSWER, REPEAT):
            file = self._file(run_id, stage)
            if file.exists():
                shutil.copy(file, self._file(other, stage))

    def _with_text(self, prediction: Prediction, texts: Mapping[str, str]) -> Prediction:
        if not _has_text(prediction):
            return prediction
        if prediction.sample_id not in texts:
            reason = f"its text is private and not on this machine, in {self._folder}"
            return replace(prediction, outcome=Outcome.FAILED, reason=reason)
        return replace(prediction, text=texts[prediction.sample_id])

    def _file(self, run_id: int, stage: str) -> Path:
        return self._folder / f"run-{run_id}-{stage}.jsonl"

    def _append(self, run_id: int, stage: str, predictions: Iterable[Prediction]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with os.fdopen(
            os.open(self._file(run_id, stage), flags, 0o600), "a", encoding="utf-8"
        ) as file:
            for p in predictions:
                # The newline comes first: a line that a kill tore must not swallow this one.
                file.write("\n" + json.dumps({"id": p.sample_id, "response": p.text}))


def withheld(benchmark: Benchmark, scores: Iterable[SampleScore]) -> Iterable[SampleScore]:
    """Return the scores as the registry may have them: of private data labels only, no texts."""
    if benchmark.terms is Terms.OPEN:
        return scores
    return (replace(s, answer=_label(s.answer), target=_label(s.target)) for s in scores)


def _label(answer: str) -> str:
    """Return a label, or a JSON object of labels, as it is; of a text its digest."""
    if _is_short(answer):
        return answer
    return f"sha256:{hashlib.sha256(answer.encode()).hexdigest()[:16]}"


def _is_short(answer: str) -> bool:
    if len(answer) <= LONGEST_LABEL:
        return True
    try:
        labels = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(labels, dict) and all(
        len(str(word)) <= LONGEST_LABEL for pair in labels.items() for word in pair
    )


def _has_text(prediction: Prediction) -> bool:
    """Whether a model wrote it: a failed one has no text, and weighed choices need none."""
    if prediction.outcome is Outcome.FAILED:
        return False
    return bool(prediction.text) or not prediction.logprobs


def _texts(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the texts by sample; a torn line is of an answer that was never stored."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            yield record["id"], record["response"]
