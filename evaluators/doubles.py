"""Engines without a model, public test doubles: `echo:TEXT`, and `replay:FILE` of responses."""

import gzip
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from registry import (
    EngineError,
    EngineOptions,
    Identity,
    Image,
    Outcome,
    Prediction,
    Prompt,
    Request,
    json_lines,
)

ID_FIELDS = ("id", "sample_id", "question_id", "pid")
TEXT_FIELDS = ("response", "text", "output", "model_outputs", "prediction")


class EchoEngine:
    """Answers every question with the same text, or with the question if none is given.

    `echo:B` writes "B", and weighs the choice named B highest: a plugin's test needs no model.
    """

    local = True

    def __init__(self, reply: str, _options: EngineOptions) -> None:
        """Answer with `reply`; "" echoes the question."""
        self._stopped = False
        self._reply = reply
        self.identity = Identity(model=f"echo:{reply}", engine="echo", engine_version="1")

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield an answer a request, in order."""
        for request in takewhile(lambda _: not self._stopped, requests):
            yield Prediction(
                run_id=request.run_id,
                stage=request.stage,
                sample_id=request.sample_id,
                text="" if request.prompt.choices else self._reply or question(request.prompt),
                logprobs=weights(request.prompt, self._reply),
                shots=len(request.prompt.examples),
                finish_reason="choices" if request.prompt.choices else "stop",
            )

    def stop(self) -> None:
        """End with the answer that is being given."""
        self._stopped = True

    def close(self) -> None:
        """Nothing is held."""


class ReplayEngine:
    """Answers from recorded responses: JSON lines, gzipped or not, one object a sample.

    An object has an id (`id`, `sample_id`, `question_id` or `pid`) and a response (`response`,
    `text`, `output` …), or `logprobs`, a mapping from choice to log-probability. A sample without
    a record, or with null for a response, is `failed`.
    """

    local = True

    def __init__(self, file: str, _options: EngineOptions) -> None:
        """Read the file.

        Raises EngineError without it or for a record that says nothing, DatasetError for a line
        that is no JSON.
        """
        self._stopped = False
        path = Path(file).expanduser()
        if not path.is_file():
            raise EngineError(f"no such file of recorded responses: {path}. Name one: replay:FILE")
        self._records = _by_id(path)
        self._path = path
        digest = hashlib.sha256(_content(path)).hexdigest()[:16]
        self.identity = Identity(model=f"replay:{path.name}", engine="replay", revision=digest)

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield the recorded response of each request, in order."""
        for request in takewhile(lambda _: not self._stopped, requests):
            yield self._recorded(request)

    def _recorded(self, request: Request) -> Prediction:
        prediction = Prediction(
            run_id=request.run_id, stage=request.stage, sample_id=request.sample_id
        )
        record = self._records.get(request.sample_id)
        if record is not None and isinstance(record.get("logprobs"), dict):
            return replace(prediction, logprobs=record["logprobs"])
        text = _first(record or {}, TEXT_FIELDS)
        if text is None:
            reason = f"{self._path.name} has no response for this sample"
            return replace(prediction, outcome=Outcome.FAILED, reason=reason)
        return replace(prediction, text=str(text))

    def stop(self) -> None:
        """End with the response that is being given."""
        self._stopped = True

    def close(self) -> None:
        """Nothing is held."""


def question(prompt: Prompt) -> str:
    """Return the question's text; a picture shows as [image]."""
    parts = (prompt.question,) if isinstance(prompt.question, str) else prompt.question
    return "".join("[image]" if isinstance(part, Image) else part for part in parts)


def weights(prompt: Prompt, favourite: str) -> dict[str, float]:
    """Return log-probabilities of the choices: the favourite's highest, else the first's."""
    names = [choice.name for choice in prompt.choices]
    top = favourite if favourite in names else next(iter(names), "")
    return {name: -0.1 if name == top else -3.0 for name in names}


def _by_id(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return the records by their ids. Raises EngineError for one that says nothing, or twice."""
    records: dict[str, Mapping[str, Any]] = {}
    for place, record in enumerate(json_lines(path), 1):
        _check(record, f"{path}, record {place}")
        name = str(_first(record, ID_FIELDS))
        if records.setdefault(name, record) != record:
            raise EngineError(
                f"{path}, record {place}: another response to '{name}'. "
                f"See both with: {_show(path)} | grep -F '{name}'"
            )
    return records


def _check(record: Mapping[str, Any], where: str) -> None:
    for names in (ID_FIELDS, (*TEXT_FIELDS, "logprobs")):
        if not any(name in record for name in names):
            raise EngineError(
                f"{where}: has none of {', '.join(names)}, only {', '.join(record) or 'nothing'}. "
                'Give each record both: {"id": …, "response": …}'
            )
    logprobs = record.get("logprobs")
    if isinstance(logprobs, dict) and not all(_is_number(value) for value in logprobs.values()):
        raise EngineError(
            f"{where}: logprobs must map each choice to a number. "
            'Write them as: {"id": …, "logprobs": {"A": -0.1, "B": -2.3}}'
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def _first(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first of the fields that is there and not null."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def _show(path: Path) -> str:
    return f"{'zcat' if path.suffix == '.gz' else 'cat'} {path}"


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
