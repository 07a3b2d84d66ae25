"""Logs of Inspect (.eval and .json), read by Inspect itself: the extra `inspect`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from registry.errors import ImportFailure, MissingExtra
from registry.importing.documents import Fields, bounds, object_of, slug
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

ERRORS = ("stderr", "bootstrap_stderr")
"""Metrics of Inspect that are the standard error of the metric beside them."""


def recognises(path: Path) -> bool:
    """Whether the path is a log, or a folder that holds one."""
    files = _logs(path)
    return bool(files) and (files[0].suffix == ".eval" or _is_log(files[0]))


def _is_log(file: Path) -> bool:
    found = object_of(file) or {}
    return {"version", "status", "eval"} <= {*found}


def _logs(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix in (".eval", ".json") else []
    found = [*path.rglob("*.eval"), *(f for f in path.rglob("*.json") if _is_log(f))]
    return sorted(file for file in found if file.is_file())


def read(path: Path) -> Batch:
    """Return the scores of every log; one that did not end well is refused."""
    records: dict[tuple[type, str], Record] = {}
    scores: list[ReportedScore] = []
    refused: list[Refusal] = []
    for file in _logs(path):
        where = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            log = _read(file, where)
            facts, found = _facts(log), list(_scores(log))
        except BadCell as error:
            refused.append(Refusal(where, str(error)))
            continue
        records.update({(type(fact), fact.name): fact for fact in facts})
        scores.extend(found)
    return Batch([*records.values(), *scores], refused)


def _read(file: Path, where: str) -> Fields:
    """Return a log's header, without its samples."""
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as error:
        raise MissingExtra(f"reading {file}", "inspect") from error
    try:
        log = read_eval_log(str(file), header_only=True)
        values: dict[str, Any] = log.model_dump(mode="json")
    except Exception as error:  # Inspect also asserts, and passes on what its decoders raise
        raise ImportFailure(
            f"{file} cannot be read as a log of Inspect: {error}. "
            f"Look at it with: inspect log dump {file}"
        ) from error
    found = Fields(where, values)
    if found.any("status") != "success":
        raise BadCell(f"the evaluation did not end well: status {found.any('status')!r}")
    return found


def _source_name(log: Fields) -> str:
    said = log.object("eval")
    return f"inspect-{said.known('eval_id') or said.text('task_id')}"


def _facts(log: Fields) -> list[SourceFacts | ModelFacts | BenchmarkFacts]:
    said = log.object("eval")
    version = said.object("packages").known("inspect_ai") or ""
    source = SourceFacts(
        where=log.where,
        name=_source_name(log),
        title=f"Inspect {version}: {said.text('task')} by {said.text('model')}".replace(" :", ":"),
        url="https://inspect.aisi.org.uk",
    )
    return [
        source,
        ModelFacts(where=log.where, name=said.text("model")),
        BenchmarkFacts(where=log.where, name=slug(said.text("task"))),
    ]


def _scores(log: Fields) -> Iterator[ReportedScore]:
    results = log.object("results")
    scorers = list(results.objects("scores"))
    for scorer in scorers:
        metrics = scorer.object("metrics")
        error = next((e for e in ERRORS if e in metrics.values), None)
        for name in sorted(metrics.values):
            if name not in ERRORS:
                found = metrics.object(name)
                stderr = metrics.object(error).number_or_none("value") if error else None
                yield _score(log, scorer, found, stderr, one_of_many=len(scorers) > 1)


def _score(
    log: Fields, scorer: Fields, metric: Fields, stderr: float | None, *, one_of_many: bool
) -> ReportedScore:
    said = log.object("eval")
    name = metric.text("name").rsplit("/", 1)[-1]
    low, high = bounds(name)
    return ReportedScore(
        where=f"{scorer.where}.{name}",
        benchmark=slug(said.text("task")),
        variant=_variant(log, scorer, one_of_many=one_of_many),
        metric=name,
        model=said.text("model"),
        source=_source_name(log),
        value=metric.number("value"),
        self_reported=False,
        valid_from=said.day_or_none("created"),
        date_basis="day of the evaluation",
        raw_setting=_setting(said, scorer),
        n=_asked(log, scorer),
        stderr=stderr,
        low=low,
        high=high,
        disputed=log.flag("invalidated"),
        dispute="the log is marked as invalid" if log.flag("invalidated") else "",
    )


def _asked(log: Fields, scorer: Fields) -> int | None:
    """Return how many questions were scored: each once, however many epochs repeated it.

    That is what Inspect's standard error is of. Older logs count the repetitions alone.
    """
    scored = scorer.whole_or_none("scored_samples")
    repeated = log.object("results").whole_or_none("completed_samples")
    if scored is not None or repeated is None:
        return scored
    return repeated // _epochs(log)


def _epochs(log: Fields) -> int:
    return log.object("eval").object("config").whole_or_none("epochs") or 1


def _variant(log: Fields, scorer: Fields, *, one_of_many: bool) -> str:
    said = log.object("eval")
    arguments = said.object("task_args")
    words = [f"{name}={value}" for name, value in sorted(arguments.values.items()) if value]
    words += [scorer.text("name")] if one_of_many else []
    variant = ", ".join(words) or "unspecified"
    asked = _asked(log, scorer)
    whole = said.object("dataset").whole_or_none("samples")
    is_less = asked is not None and whole is not None and asked < whole
    if is_less or said.object("config").any("limit") is not None:
        return f"{variant} [partial: {asked} asked]"
    return variant


def _setting(said: Fields, scorer: Fields) -> str:
    parts = {
        "task": said.text("task"),
        "task version": said.any("task_version"),
        "scorer": scorer.any("name"),
        "epochs": said.object("config").any("epochs"),
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
