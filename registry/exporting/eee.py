"""Every Eval Ever 0.3: one JSON record for each benchmark, model and source, in its folders.

The schema is that of the package `every_eval_ever` (MIT). What it has no field for goes into the
`details` that it provides, all of whose values are texts.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from registry.exporting import places
from registry.exporting.snapshot import Entry, Snapshot
from registry.importing.records import BenchmarkFacts, ModelFacts, ReportedScore, SourceFacts

SCHEMA = "0.3.0"

MODEL_DETAILS = (
    "title",
    "parameters_b",
    "active_parameters_b",
    "context_tokens",
    "license",
    "modalities",
    "release_date",
    "price_input",
    "price_output",
)
SCORE_DETAILS = ("variant", "raw_setting", "date_basis", "note", "dispute")


def write(snapshot: Snapshot, path: Path) -> None:
    """Write a record a file: data/BENCHMARK/ORGANISATION/MODEL/UUID.json."""
    entries = sorted(snapshot.entries, key=_names)
    for names, group in groupby(entries, _names):
        benchmark, model, *_ = names
        folder = path / "data" / places.part(benchmark) / places.of_model(model)
        folder.mkdir(parents=True, exist_ok=True)
        record = _record(list(group), snapshot)
        text = json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False)
        (folder / f"{_uuid(names)}.json").write_text(f"{text}\n", encoding="utf-8")


def _names(entry: Entry) -> tuple[str, str, str, str]:
    """Return what a record is of; the numbers of one have one evaluator."""
    score = entry.score
    return score.benchmark, score.model, score.source, _relationship(score)


def _relationship(score: ReportedScore) -> str:
    return "first_party" if score.self_reported else "third_party"


def _uuid(names: Iterable[str]) -> uuid.UUID:
    """Return the same name for the same record, in the form that the collection asks for."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return uuid.UUID(bytes=digest[:16], version=4)


def _record(entries: list[Entry], snapshot: Snapshot) -> dict[str, Any]:
    first = entries[0]
    benchmark = snapshot.benchmarks[first.score.benchmark]
    retrieved = str(int(_recorded(first).timestamp()))
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{benchmark.name}/{first.score.model}/{retrieved}",
        "evaluation_timestamp": _day(first.score),
        "retrieved_timestamp": retrieved,
        "source_metadata": _source(first, snapshot.sources[first.score.source]),
        "eval_library": {
            "name": "podium" if first.run else "unknown",
            "version": (first.run.podium_version if first.run else "") or "unknown",
        },
        "model_info": _model(first, snapshot.models[first.score.model]),
        "evaluation_results": [
            _result(entry, benchmark, snapshot.datasets.get(benchmark.name, ""))
            for entry in entries
        ],
    }


def _recorded(entry: Entry) -> datetime:
    moment = entry.recorded_at or datetime.fromtimestamp(0, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _day(score: ReportedScore) -> str:
    return score.valid_from.isoformat() if score.valid_from else "unknown"


def _source(entry: Entry, source: SourceFacts) -> dict[str, Any]:
    known = {"source_organization_url": source.url} if source.url else {}
    return {
        "source_name": source.title or source.name,
        "source_type": "evaluation_run" if entry.run else "documentation",
        "source_organization_name": source.publisher or "unknown",
        **known,
        "evaluator_relationship": _relationship(entry.score),
        "additional_details": _texts(
            {"podium_source": source.name, "title": source.title, "note": source.note}
            | {"publisher": source.publisher}
        ),
    }


def _model(entry: Entry, model: ModelFacts) -> dict[str, Any]:
    weights = {True: "open_weights", False: "closed_weights", None: "unknown"}
    info: dict[str, Any] = {"name": model.title or model.name, "id": model.name}
    if model.organization:
        info["developer"] = model.organization
    if entry.run and entry.run.engine:
        engine = {"name": entry.run.engine, "version": entry.run.engine_version or "unknown"}
        info["inference_engine"] = engine
    return info | {
        "additional_details": {
            "deployment_type": "self_deployed" if _is_local(entry) else "unknown",
            "model_availability": weights[model.open_weights],
            **_texts({name: getattr(model, name) for name in MODEL_DETAILS}),
        }
    }


def _is_local(entry: Entry) -> bool:
    return entry.run is not None and entry.run.engine == "vllm"


def _result(entry: Entry, benchmark: BenchmarkFacts, dataset: str) -> dict[str, Any]:
    score = entry.score
    return {
        "evaluation_result_id": str(
            _uuid((score.benchmark, score.model, score.source, score.variant, score.metric))
        ),
        "evaluation_name": benchmark.name,
        "source_data": _data(benchmark, dataset),
        "evaluation_timestamp": _day(score),
        "metric_config": {
            "evaluation_description": benchmark.summary or benchmark.title or benchmark.name,
            "metric_id": score.metric,
            "metric_name": score.metric,
            "lower_is_better": not score.higher_is_better,
            "score_type": "continuous",
            "min_score": score.low,
            "max_score": score.high,
            "additional_details": _texts(
                {"is_headline": score.metric == benchmark.metric or entry.headline}
                | {"podium_benchmark": benchmark.name, "benchmark_title": benchmark.title}
                | {"benchmark_summary": benchmark.summary}
            ),
        },
        "score_details": {
            "score": score.value,
            "details": _texts({name: getattr(score, name) for name in SCORE_DETAILS}),
            **_uncertainty(entry),
        },
        "generation_config": {"additional_details": {"variant": score.variant}},
    }


def _uncertainty(entry: Entry) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if entry.score.stderr is not None:
        said["standard_error"] = {"value": entry.score.stderr}
    if entry.interval is not None:
        low, high = entry.interval
        said["confidence_interval"] = {"lower": low, "upper": high, "confidence_level": 0.95}
    if entry.score.n is not None:
        said["num_samples"] = entry.score.n
    return {"uncertainty": said} if said else {}


def _data(benchmark: BenchmarkFacts, dataset: str) -> dict[str, Any]:
    name = benchmark.title or benchmark.name
    if dataset:
        return {"dataset_name": name, "source_type": "hf_dataset", "hf_repo": dataset}
    address = benchmark.data or benchmark.homepage
    if address:
        return {"dataset_name": name, "source_type": "url", "url": [address]}
    return {"dataset_name": name, "source_type": "other", "source_id": benchmark.name}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known, as texts: the schema's details hold nothing else."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value not in (None, "")
    }
