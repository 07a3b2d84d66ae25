"""Podium's own JSON, as `podium export --as json` writes it: records by their fields' names."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from registry.errors import ImportFailure
from registry.importing.documents import object_of, read_json
from registry.importing.records import (
    AliasFacts,
    Batch,
    BenchmarkFacts,
    GroupFacts,
    ModelFacts,
    Record,
    Refusal,
    ReportedBaseline,
    ReportedScore,
    SourceFacts,
)

KINDS: dict[str, type[Any]] = {
    "sources": SourceFacts,
    "models": ModelFacts,
    "benchmarks": BenchmarkFacts,
    "aliases": AliasFacts,
    "groups": GroupFacts,
    "scores": ReportedScore,
    "baselines": ReportedBaseline,
}
"""The lists of a file and the record that each of their objects is."""

FORMAT = "podium-scores/"
VERSION = f"{FORMAT}1"


def recognises(path: Path) -> bool:
    """Whether the path is a file that says so of itself."""
    found = object_of(path) if path.is_file() and path.suffix.lower() == ".json" else None
    return found is not None and str(found.get("format", "")).startswith(FORMAT)


def read(path: Path) -> Batch:
    """Return all that the file holds; what is wrong with an object is refused."""
    document = read_json(path)
    said = document.get("format") if isinstance(document, Mapping) else None
    if said != VERSION:
        raise ImportFailure(
            f"{path} is of the format {said!r}, and this Podium reads {VERSION}. "
            "Upgrade with: pip install --upgrade podium"
        )
    records: list[Record] = []
    refused: list[Refusal] = []
    for name, kind in KINDS.items():
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        for number, values in enumerate(document.get(name) or ()):
            where = f"{path.name}:{name}[{number}]"
            try:
                records.append(adapter.validate_python(_given(kind, values, where)))
            except ValidationError as error:
                refused.append(Refusal(where, _reason(error)))
    return Batch(records, refused)


def _given(kind: type[Any], values: Any, where: str) -> Any:
    """Return the fields of the record; others are for people."""
    if not isinstance(values, Mapping):
        return values
    fields = {name: value for name, value in values.items() if name in kind.__slots__}
    days = {n: date.fromisoformat(v) for n, v in fields.items() if n in DAYS and _is_day(v)}
    return {**fields, **days, "where": where}


DAYS = ("valid_from", "release_date")


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _reason(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg'].lower()}"
        for fault in error.errors()
    )
