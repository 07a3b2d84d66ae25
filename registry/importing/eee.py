"""Every Eval Ever (schema 0.2 and 0.3): a record, or a folder of records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.importing.documents import Fields, bounds, json_files, object_of, read_json, slug
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

WEIGHTS = {"open_weights": True, "closed_weights": False}


def recognises(path: Path) -> bool:
    """Whether the first JSON file is a record of it."""
    files = json_files(path)
    return bool(files) and _is_record(object_of(files[0]))


def _is_record(found: Mapping[str, Any] | None) -> bool:
    return found is not None and {"schema_version", "evaluation_results", "model_info"} <= {*found}


def read(path: Path) -> Batch:
    """Return all records; one that is wrong is refused as a whole."""
    named: dict[tuple[type, str], Record] = {}
    scores: list[ReportedScore] = []
    refused: list[Refusal] = []
    for file in json_files(path):
        where = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            facts, found = _record(where, read_json(file))
        except BadCell as error:
            refused.append(Refusal(where, str(error)))
            continue
        named.update({(type(fact), fact.name): fact for fact in facts})
        scores.extend(found)
    return Batch([*named.values(), *scores], refused)


Named = SourceFacts | ModelFacts | BenchmarkFacts


def _record(where: str, document: Any) -> tuple[list[Named], list[ReportedScore]]:
    if not _is_record(document if isinstance(document, Mapping) else None):
        raise BadCell("no record of Every Eval Ever")
    record = Fields(where, document)
    version = record.text("schema_version")
    if not version.startswith(("0.2", "0.3")):
        raise BadCell(f"schema_version: {version} is none that Podium reads (0.2, 0.3)")
    source, model = _source(record), _model(record)
    facts: list[Named] = [source, model]
    scores = []
    for result in record.objects("evaluation_results"):
        facts.append(_benchmark(result))
        scores.append(_score(record, result, source, model))
    return facts, scores


def _source(record: Fields) -> SourceFacts:
    said = record.object("source_metadata")
    details = said.object("additional_details")
    title = details.known("title") or said.known("source_name") or ""
    publisher = said.text("source_organization_name")
    return SourceFacts(
        where=record.where,
        name=details.known("podium_source") or slug(f"eee-{publisher}-{title}"),
        title="" if details.known("podium_source") and not details.known("title") else title,
        url=said.known("source_organization_url") or "",
        publisher="" if publisher == "unknown" else publisher,
        note=details.known("note") or "",
    )


def _model(record: Fields) -> ModelFacts:
    info = record.object("model_info")
    details = info.object("additional_details")
    name = info.text("id")
    title = details.known("title") or info.known("name") or ""
    return ModelFacts(
        where=record.where,
        name=name,
        title="" if title == name else title,
        organization=info.known("developer"),
        parameters_b=_number(details, "parameters_b"),
        active_parameters_b=_number(details, "active_parameters_b"),
        context_tokens=_whole(details, "context_tokens"),
        license=details.known("license"),
        open_weights=WEIGHTS.get(str(details.any("model_availability"))),
        modalities=details.known("modalities"),
        release_date=details.day_or_none("release_date"),
        price_input=_number(details, "price_input"),
        price_output=_number(details, "price_output"),
    )


def _number(details: Fields, name: str) -> float | None:
    """Return a number that is written as a text, as all details are."""
    text = details.known(name)
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise BadCell(f"{name}: no number: {text!r}") from error


def _whole(details: Fields, name: str) -> int | None:
    value = _number(details, name)
    return None if value is None else int(value)


def _benchmark(result: Fields) -> BenchmarkFacts:
    metric = result.object("metric_config")
    details = metric.object("additional_details")
    is_headline = details.any("is_headline") == "true"
    title = details.known("benchmark_title") or ""
    return BenchmarkFacts(
        where=result.where,
        name=_name(result),
        title=title,
        summary=details.known("benchmark_summary") or "",
        metric=_metric(metric) if is_headline else "",
        higher_is_better=not metric.flag("lower_is_better") if is_headline else None,
    )


def _name(result: Fields) -> str:
    """Return the benchmark's own name where Podium wrote the record, else how it would spell it."""
    details = result.object("metric_config").object("additional_details")
    return details.known("podium_benchmark") or slug(result.text("evaluation_name"))


def _metric(metric: Fields) -> str:
    return metric.known("metric_id") or metric.known("metric_name") or "score"


def _score(record: Fields, result: Fields, source: SourceFacts, model: ModelFacts) -> ReportedScore:
    metric, said = result.object("metric_config"), result.object("score_details")
    details, doubt = said.object("details"), said.object("uncertainty")
    name = _metric(metric)
    scale = 100.0 if _is_percent(metric) else 1.0
    dated = record if result.any("evaluation_timestamp") is None else result
    low, high = metric.number_or_none("min_score"), metric.number_or_none("max_score")
    least, most = bounds(name)
    stderr = doubt.object("standard_error").number_or_none("value")
    relationship = record.object("source_metadata").any("evaluator_relationship")
    return ReportedScore(
        where=result.where,
        benchmark=_name(result),
        variant=_variant(result, details),
        metric=name,
        model=model.name,
        source=source.name,
        value=said.number("score") / scale,
        self_reported=relationship == "first_party",
        valid_from=dated.day_or_none("evaluation_timestamp"),
        date_basis=details.known("date_basis") or "",
        higher_is_better=not metric.flag("lower_is_better"),
        raw_setting=details.known("raw_setting") or "",
        n=doubt.whole_or_none("num_samples"),
        stderr=None if stderr is None else stderr / scale,
        note=details.known("note") or "",
        disputed=bool(details.known("dispute")),
        dispute=details.known("dispute") or "",
        low=least if low is None else low / scale,
        high=most if high is None else high / scale,
    )


def _is_percent(metric: Fields) -> bool:
    """Whether it counts to a hundred; Podium's own records hold what its registry does."""
    if metric.object("additional_details").known("podium_benchmark"):
        return False
    is_hundred = (metric.any("min_score"), metric.any("max_score")) == (0, 100)
    return metric.any("metric_unit") == "percent" or is_hundred


def _variant(result: Fields, details: Fields) -> str:
    generation = result.object("generation_config").object("additional_details")
    return details.known("variant") or generation.known("variant") or "unspecified"
