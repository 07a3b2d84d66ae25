"""Results on the hub: `.eval_results/*.yaml` of a model's folder, and `model-index` in a README.md.

Neither says which model it speaks of but by its place: ORGANISATION/MODEL/.eval_results/x.yaml.
Reading YAML needs the extra `hub`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from registry.errors import ImportFailure, MissingExtra
from registry.importing.documents import NAMES, Fields, as_proportion, bounds, slug
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

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
OWN_NOTES = re.compile(r"(?:^|; )(variant|metric|n|stderr|by|with|disputed): ")
FOLDER = ".eval_results"
HUB = "https://huggingface.co"


def recognises(path: Path) -> bool:
    """Whether there are such files at the path."""
    return bool(_files(path))


def _files(path: Path) -> list[Path]:
    """Return the files that hold results: cards with a `model-index`, and the folder's YAML."""
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    return [file for file in found if file.is_file() and (_is_yaml(file) or _is_card(file))]


def _is_yaml(file: Path) -> bool:
    return file.suffix in (".yaml", ".yml") and file.parent.name == FOLDER


def _is_card(file: Path) -> bool:
    if file.name != "README.md":
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    matter = FRONT_MATTER.match(text)
    return bool(matter and re.search(r"^model-index\s*:", matter.group(1), re.MULTILINE))


def read(path: Path) -> Batch:
    """Return all results; an entry that is wrong is refused."""
    named: dict[tuple[type, str], Record] = {}
    scores: list[ReportedScore] = []
    refused: list[Refusal] = []
    for file in _files(path):
        where = str(file.relative_to(path)) if path.is_dir() else file.name
        read_file = _card if file.name == "README.md" else _results
        for made in read_file(file, where):
            if isinstance(made, Refusal):
                refused.append(made)
                continue
            facts, score = made
            named.update({(type(fact), fact.name): fact for fact in facts})
            scores.append(score)
    return Batch([*named.values(), *scores], refused)


Facts = list[SourceFacts | ModelFacts | BenchmarkFacts]
Made = tuple[Facts, ReportedScore] | Refusal


def _yaml(text: str, file: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra(f"reading {file}", "hub") from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ImportFailure(
            f"{file} cannot be read as YAML: {error}. Look at it with: head {file}"
        ) from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFailure(
            f"{file} cannot be read: {error}. Look at it with: head {file}"
        ) from error


# .eval_results ------------------------------------------------------------------------------------


def _results(file: Path, where: str) -> Iterator[Made]:
    """Yield the entries of one file."""
    document = _yaml(_text(file), file)
    entries = document if isinstance(document, list) else [document]
    for number, entry in enumerate(entries):
        place = f"{where}[{number}]"
        try:
            if not isinstance(entry, Mapping):
                raise BadCell(f"no entry: {entry!r:.60}")
            yield _entry(Fields(place, entry), _repository(file.parent.parent))
        except BadCell as error:
            yield Refusal(place, str(error))


def _repository(folder: Path) -> str:
    """Return the model's id, which is the folder of its repository within its organisation's."""
    whole = folder.resolve()
    return f"{whole.parent.name}/{whole.name}"


def _entry(entry: Fields, model: str) -> tuple[Facts, ReportedScore]:
    dataset, source = entry.object("dataset"), entry.object("source")
    notes = _notes(entry.known("notes") or "")
    task = dataset.known("task_id") or "default"
    benchmark = slug(dataset.text("id"))
    metric = notes.get("metric", "accuracy")
    value, stderr = as_proportion(metric, entry.number("value"), _float(notes.get("stderr")))
    url = source.known("url") or f"{HUB}/{model}"
    # Podium's own notes say whose number it is; of others, what lies with a model is its maker's.
    is_its_maker_s = url.startswith(f"{HUB}/{model}")
    if "metric" in notes:
        is_its_maker_s = notes.get("by") == "its maker"
    made_by = SourceFacts(
        where=entry.where,
        name=slug(f"hub-{url.removeprefix('https://')}".replace("/", "-")),
        title=source.known("name") or f"Evaluation results of {model}",
        url=url,
        publisher=source.known("org") or source.known("user") or "",
    )
    low, high = bounds(metric)
    return [made_by, ModelFacts(where=entry.where, name=model), _benchmark(entry, dataset)], (
        ReportedScore(
            where=entry.where,
            benchmark=benchmark,
            variant=notes.get("variant") or _other(task, benchmark) or "unspecified",
            metric=metric,
            model=model,
            source=made_by.name,
            value=value,
            self_reported=is_its_maker_s,
            valid_from=entry.day_or_none("date"),
            date_basis="date of the entry",
            disputed="disputed" in notes,
            dispute=notes.get("disputed", ""),
            raw_setting="; ".join(filter(None, (f"task {task}", entry.known("notes")))),
            n=int(_float(notes.get("n")) or 0) or None,
            stderr=stderr,
            low=low,
            high=high,
        )
    )


def _benchmark(entry: Fields, dataset: Fields) -> BenchmarkFacts:
    address = f"{HUB}/datasets/{dataset.text('id')}"
    return BenchmarkFacts(where=entry.where, name=slug(dataset.text("id")), data=address)


def _notes(text: str) -> dict[str, str]:
    """Return what Podium's own exports say in the notes; of other notes, the variant."""
    if not text.startswith("variant: "):
        return {"variant": text} if text else {}
    _, *words = OWN_NOTES.split(text)
    return dict(zip(words[::2], words[1::2], strict=True))


def _other(task: str, benchmark: str) -> str:
    return "" if slug(task) in ("default", benchmark) else task


def _float(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise BadCell(f"notes: no number: {text!r}") from error


# model-index --------------------------------------------------------------------------------------


def _card(file: Path, where: str) -> Iterator[Made]:
    """Yield the metrics of a model card."""
    matter = FRONT_MATTER.match(_text(file))
    document = _yaml(matter.group(1), file) if matter else None
    models = document.get("model-index") if isinstance(document, Mapping) else None
    for place, model, result in _indexed(Fields(where, {"models": models or []}), file):
        try:
            metrics = list(result.objects("metrics"))
            for metric in metrics:
                yield _metric(model, result, metric)
        except BadCell as error:
            yield Refusal(place, str(error))


def _indexed(card: Fields, file: Path) -> Iterator[tuple[str, str, Fields]]:
    for entry in card.objects("models"):
        name = entry.text("name")
        folder = file.resolve().parent
        model = _repository(folder) if folder.name == name.rsplit("/", 1)[-1] else name
        for result in entry.objects("results"):
            yield result.where, model, result


def _metric(model: str, result: Fields, metric: Fields) -> tuple[Facts, ReportedScore]:
    dataset, source = result.object("dataset"), result.object("source")
    name = NAMES.get(metric.text("type"), metric.text("type"))
    given = metric.number("value")
    value, stderr = as_proportion(name, given, None)
    low, high = bounds(name)
    url = source.known("url") or f"{HUB}/{model}"
    made_by = SourceFacts(
        where=metric.where,
        name=slug(f"hub-{url.removeprefix('https://')}".replace("/", "-")),
        title=source.known("name") or f"Model card of {model}",
        url=url,
    )
    benchmark = BenchmarkFacts(where=metric.where, name=slug(_of_dataset(dataset)))
    is_verified = metric.flag("verified") or source.known("url") is not None
    return [made_by, ModelFacts(where=metric.where, name=model), benchmark], (
        ReportedScore(
            where=metric.where,
            benchmark=benchmark.name,
            variant=_variant(dataset),
            metric=name,
            model=model,
            source=made_by.name,
            value=value,
            self_reported=not is_verified,
            raw_setting=f"{metric.known('name') or name}: {given:g}",
            stderr=stderr,
            low=low,
            high=high,
        )
    )


def _of_dataset(dataset: Fields) -> str:
    """Return the benchmark's name: the dataset's own, without what it says of the setting."""
    return re.sub(r"\s*\(.*\)\s*$", "", dataset.known("name") or dataset.text("type"))


def _variant(dataset: Fields) -> str:
    arguments = dataset.object("args")
    shots = arguments.whole_or_none("num_few_shot")
    words = [f"{shots}-shot"] if shots is not None else []
    words += [w for w in (dataset.known("config"), dataset.known("split")) if w and w != "default"]
    return ", ".join(words) or "unspecified"
