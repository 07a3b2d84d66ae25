"""Engines without a model, public test doubles: `echo:TEXT`, and `replay:FILE` of responses."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
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
        self._reply = reply
        self.identity = Identity(model=f"echo:{reply}", engine="echo", engine_version="1")

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield an answer a request, in order."""
        for request in requests:
            yield Prediction(
                run_id=request.run_id,
                stage=request.stage,
                sample_id=request.sample_id,
                text="" if request.prompt.choices else self._reply or question(request.prompt),
                logprobs=weights(request.prompt, self._reply),
                shots=len(request.prompt.examples),
                finish_reason="choices" if request.prompt.choices else "stop",
            )

    def close(self) -> None:
        """Nothing is held."""


class ReplayEngine:
    """Answers from recorded responses: JSON lines, gzipped or not, one object a sample.

    An object has an id (`id`, `sample_id`, `question_id` or `pid`) and a response (`response`,
    `text`, `output` …), or `logprobs`, a mapping from choice to log-probability. A sample without
    a record is `failed`.
    """

    local = True

    def __init__(self, file: str, _options: EngineOptions) -> None:
        """Read the file. Raises EngineError without it, DatasetError where it is malformed."""
        path = Path(file).expanduser()
        if not path.is_file():
            raise EngineError(f"no such file of recorded responses: {path}. Name one: replay:FILE")
        self._records = {_field(record, ID_FIELDS, path): record for record in json_lines(path)}
        self._path = path
        digest = hashlib.sha256(_content(path)).hexdigest()[:16]
        self.identity = Identity(model=f"replay:{path.name}", engine="replay", revision=digest)

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield the recorded response of each request, in order."""
        for request in requests:
            yield self._recorded(request)

    def _recorded(self, request: Request) -> Prediction:
        prediction = Prediction(
            run_id=request.run_id, stage=request.stage, sample_id=request.sample_id
        )
        record = self._records.get(request.sample_id)
        if record is None:
            reason = f"{self._path.name} has no response for this sample"
            return replace(prediction, outcome=Outcome.FAILED, reason=reason)
        if isinstance(record.get("logprobs"), dict):
            weighed = {str(name): float(value) for name, value in record["logprobs"].items()}
            return replace(prediction, logprobs=weighed)
        return replace(prediction, text=_field(record, TEXT_FIELDS, self._path))

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


def _field(record: Mapping[str, Any], names: tuple[str, ...], path: Path) -> str:
    for name in names:
        if record.get(name) is not None:
            return str(record[name])
    raise EngineError(
        f"{path}: a record has none of {', '.join(names)}, only {', '.join(record) or 'nothing'}. "
        "See: podium run --help"
    )


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
