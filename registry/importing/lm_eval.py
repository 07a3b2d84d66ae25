"""Results of lm-evaluation-harness: results_*.json, checked against samples_*.jsonl beside it.

A task of a group is a part of the group's number and is left out. What was asked only in part says
so in its variant, and never stands beside whole numbers.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from registry.errors import ImportFailure
from registry.importing.documents import (
    NAMES,
    Fields,
    bounds,
    json_files,
    object_of,
    read_json,
    slug,
)
from registry.importing.records import (
    Batch,
    BenchmarkFacts,
    ModelFacts,
    Record,
    Refusal,
    ReportedScore,
    SourceFacts,
)
from registry.importing.tabular import BadCell

TOLERANCE = 1e-6
"""How far the mean of the samples may be from the number beside them."""


def recognises(path: Path) -> bool:
    """Whether the path is a results file, or a folder that holds one."""
    files = json_files(path, pattern="results*.json")
    return bool(files) and _is_results(object_of(files[0]))


def _is_results(found: Mapping[str, Any] | None) -> bool:
    return (
        found is not None
        and isinstance(found.get("results"), Mapping)
        and bool({"n-shot", "configs", "config"} & {*found})
        and "versions" in found
    )


def read(path: Path) -> Batch:
    """Return the numbers of every results file; a file that is wrong is refused as a whole."""
    records: dict[tuple[type, str], Record] = {}
    scores: list[ReportedScore] = []
    refused: list[Refusal] = []
    for file in json_files(path, pattern="results*.json"):
        where = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            reader = _File(file, where)
            facts, found = reader.facts(), list(reader.scores())
        except BadCell as error:
            refused.append(Refusal(where, str(error)))
            continue
        records.update({(type(fact), fact.name): fact for fact in facts})
        scores.extend(found)
    return Batch([*records.values(), *scores], refused)


class _File:
    """One results file."""

    def __init__(self, path: Path, where: str) -> None:
        document = read_json(path)
        if not _is_results(document if isinstance(document, Mapping) else None):
            raise BadCell("no results of lm-evaluation-harness")
        self._path = path
        self._all = Fields(where, document)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        self._source = f"lm-eval-{digest}"
        self._model = _model(self._all)
        children = self._all.object("group_subtasks").values.values()
        parts = {task for tasks in children if isinstance(tasks, list) for task in tasks}
        results = self._all.object("results")
        self._tasks = {
            task: results.object(task) for task in sorted(results.values) if task not in parts
        }

    def facts(self) -> list[SourceFacts | ModelFacts | BenchmarkFacts]:
        where = self._all.where
        version = self._all.known("lm_eval_version") or self._all.known("git_hash") or ""
        source = SourceFacts(
            where=where,
            name=self._source,
            title=f"lm-evaluation-harness {version}, {self._path.name}".replace(" ,", ","),
            url="https://github.com/EleutherAI/lm-evaluation-harness",
        )
        benchmarks = [BenchmarkFacts(where=where, name=slug(task)) for task in self._tasks]
        return [source, ModelFacts(where=where, name=self._model), *benchmarks]

    def scores(self) -> Iterator[ReportedScore]:
        for task, result in self._tasks.items():
            for key in sorted(result.values):
                metric, comma, kept = key.partition(",")
                if comma and not metric.endswith("_stderr"):
                    yield self._score(task, result, metric, kept)

    def _score(self, task: str, result: Fields, metric: str, kept: str) -> ReportedScore:
        """Return one number; `kept` is the filter that the answers went through."""
        asked, whole = self._counts(task)
        value = result.number(f"{metric},{kept}")
        stderr = result.number_or_none(f"{metric}_stderr,{kept}")
        judged = self._judged(task, metric, kept)
        if judged:
            mean = sum(judged) / len(judged)
            if abs(mean - value) > TOLERANCE:
                raise BadCell(
                    f"{task}: {metric} is {value:g}, but its {len(judged)} samples give {mean:g}"
                )
            asked = len(judged)
            stderr = _standard_error(judged) if stderr is None else stderr
        direction = self._all.object("higher_is_better").object(task)
        name = metric if f"acc,{kept}" in result.values and metric != "acc" else _name(metric)
        low, high = bounds(name)
        return ReportedScore(
            where=f"{result.where}.{metric},{kept}",
            benchmark=slug(task),
            variant=self._variant(task, kept, asked, whole),
            metric=name,
            model=self._model,
            source=self._source,
            value=value,
            self_reported=False,
            valid_from=self._all.day_or_none("date"),
            date_basis="day of the evaluation",
            higher_is_better=direction.flag(metric, otherwise=True),
            raw_setting=self._setting(task, metric, kept),
            n=asked,
            stderr=stderr,
            low=low,
            high=high,
        )

    def _counts(self, task: str) -> tuple[int | None, int | None]:
        """Return how many samples were asked, and how many there are; of a group, all parts'."""
        counts = self._all.object("n-samples")
        parts = self._all.object("group_subtasks").any(task)
        names = parts if isinstance(parts, list) and parts else [task]
        asked = [counts.object(name).whole_or_none("effective") for name in names]
        whole = [counts.object(name).whole_or_none("original") for name in names]
        return _sum(asked), _sum(whole)

    def _variant(self, task: str, kept: str, asked: int | None, whole: int | None) -> str:
        shots = self._all.object("n-shot").any(task)
        words = [f"{shots}-shot"] if isinstance(shots, int) else []
        words += [kept] if kept != "none" else []
        variant = ", ".join(words) or "unspecified"
        limit = self._all.object("config").any("limit")
        if (asked and whole and asked < whole) or limit is not None:
            return f"{variant} [partial: {asked if asked is not None else limit} asked]"
        return variant

    def _setting(self, task: str, metric: str, kept: str) -> str:
        config = self._all.object("config")
        said = {
            "task": task,
            "task version": self._all.object("versions").any(task),
            "metric": f"{metric},{kept}",
            "model": config.any("model"),
            "chat template": bool(self._all.any("chat_template")),
        }
        return "; ".join(f"{name} {value}" for name, value in said.items() if value is not None)

    def _judged(self, task: str, metric: str, kept: str) -> list[float]:
        """Return the metric of each sample in the file beside, nothing where there is none."""
        stamp = self._path.stem.removeprefix("results")
        file = self._path.with_name(f"samples_{task}{stamp}.jsonl")
        if not file.exists():
            return []
        rows = [row for row in _lines(file) if row.get("filter", kept) == kept]
        values = [row.get(metric) for row in rows]
        numbers = [float(v) for v in values if isinstance(v, int | float)]
        return numbers if len(numbers) == len(rows) else []


def _name(metric: str) -> str:
    return NAMES.get(metric, metric)


def _model(document: Fields) -> str:
    """Return the model's hub id; of a folder on somebody's disk, the folder's own name."""
    arguments = document.object("config").any("model_args")
    if isinstance(arguments, Mapping):
        arguments = ",".join(f"{name}={value}" for name, value in arguments.items())
    found = re.search(r"(?:^|,)(?:pretrained|model)=([^,]+)", str(arguments or ""))
    name = document.known("model_name") or (found.group(1) if found else "")
    if not name:
        raise BadCell("model_name is missing")
    is_folder = name.startswith(("/", "./", "../", "~")) or name.count("/") > 1
    return name.rstrip("/").rsplit("/", 1)[-1] if is_folder else name


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _standard_error(values: Sequence[float]) -> float | None:
    n = len(values)
    if n < 2:
        return None
    mean = sum(values) / n
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)


def _lines(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if isinstance(row, Mapping):
                yield row
    except (OSError, ValueError) as error:
        raise ImportFailure(
            f"{file} cannot be read as JSON lines: {error}. Look at it with: head {file}"
        ) from error
