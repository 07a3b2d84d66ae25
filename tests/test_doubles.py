"""The engines without a model: what echo says, and which recorded responses replay accepts."""

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from evaluators.doubles import EchoEngine, ReplayEngine
from evaluators.engines import open_engine, register_engines
from registry import (
    Choice,
    DatasetError,
    EngineError,
    EngineOptions,
    Image,
    Outcome,
    Prediction,
    Prompt,
    Request,
    UnknownName,
)

OPTIONS = EngineOptions()
LETTERS = (Choice("A", (" A",)), Choice("B", (" B",)))
Record = Callable[..., Path]


def asked(*ids: str, **prompt: Any) -> list[Request]:
    return [Request(7, name, Prompt(**{"question": f"{name}?"} | prompt)) for name in ids]


def replayed(file: Path, requests: Iterable[Request]) -> list[Prediction]:
    return list(ReplayEngine(str(file), OPTIONS).predict(requests))


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Write records as JSON lines; text lines are written as they are."""

    def record(*records: Any, name: str = "responses.jsonl") -> Path:
        lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
        data = "\n".join(lines).encode()
        file = tmp_path / name
        file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return file

    return record


def complaint(file: Path) -> str:
    with pytest.raises((EngineError, DatasetError)) as caught:
        ReplayEngine(str(file), OPTIONS)
    return caught.value.message


# --- Echo -----------------------------------------------------------------------------------------


def test_echo_says_its_text_to_every_question() -> None:
    engine = EchoEngine("noon", OPTIONS)
    assert [(p.run_id, p.sample_id, p.text) for p in engine.predict(asked("1", "2"))] == [
        (7, "1", "noon"),
        (7, "2", "noon"),
    ]
    assert engine.local
    assert engine.identity.model == "echo:noon"


def test_echo_without_a_text_says_the_question_with_its_pictures_marked() -> None:
    content = ("Where is ", Image("map.png"), "?")
    (prediction,) = EchoEngine("", OPTIONS).predict(asked("1", question=content))
    assert prediction.text == "Where is [image]?"


@pytest.mark.parametrize(("reply", "top"), [("B", "B"), ("A", "A"), ("", "A"), ("Z", "A")])
def test_echo_weighs_the_choice_of_its_name_highest(reply: str, top: str) -> None:
    (prediction,) = EchoEngine(reply, OPTIONS).predict(asked("1", choices=LETTERS))
    assert prediction.text == ""
    assert max(prediction.logprobs, key=prediction.logprobs.__getitem__) == top
    assert set(prediction.logprobs) == {"A", "B"}


# --- Replay ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["responses.jsonl", "responses.jsonl.gz"])
@pytest.mark.parametrize("key", ["id", "sample_id", "question_id", "pid"])
@pytest.mark.parametrize("field", ["response", "text", "output", "model_outputs", "prediction"])
def test_responses_are_read_under_the_names_they_are_published_with(
    record: Record, name: str, key: str, field: str
) -> None:
    file = record({key: 1, field: "noon"}, {key: "b", field: ""}, name=name)
    assert [(p.run_id, p.sample_id, p.text) for p in replayed(file, asked("b", "1"))] == [
        (7, "b", ""),
        (7, "1", "noon"),
    ]


def test_log_probabilities_are_replayed_as_weighed_choices(record: Record) -> None:
    file = record({"id": "1", "logprobs": {"A": -0.5, "B": -1}})
    (prediction,) = replayed(file, asked("1", choices=LETTERS))
    assert prediction.logprobs == {"A": -0.5, "B": -1}
    assert prediction.outcome is Outcome.ANSWERED


def test_a_sample_without_a_response_is_failed_not_empty(record: Record) -> None:
    file = record({"id": "1", "response": "noon"}, {"id": "2", "response": None})
    predictions = replayed(file, asked("1", "2", "3"))
    assert [p.outcome for p in predictions] == [Outcome.ANSWERED, Outcome.FAILED, Outcome.FAILED]
    assert predictions[2].reason == "responses.jsonl has no response for this sample"


def test_the_revision_is_that_of_the_content_packed_or_not(record: Record) -> None:
    def revision(*records: Any, name: str) -> str:
        return ReplayEngine(str(record(*records, name=name)), OPTIONS).identity.revision

    one = revision({"id": "1", "response": "noon"}, name="a.jsonl")
    assert revision({"id": "1", "response": "noon"}, name="b.jsonl.gz") == one
    assert revision({"id": "1", "response": "one"}, name="c.jsonl") != one


@pytest.mark.parametrize("spec", ["", "gone.jsonl", "/"])
def test_a_missing_file_says_how_one_is_named(spec: str) -> None:
    with pytest.raises(EngineError, match=r"no such file .*Name one: replay:FILE$"):
        ReplayEngine(spec, OPTIONS)


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_a_malformed_line_is_named_with_a_command_that_shows_it(record: Record, name: str) -> None:
    file = record({"id": "1", "response": "noon"}, '{"id": "2", "resp', name=name)
    show = "zcat" if name.endswith(".gz") else "cat"
    message = complaint(file)
    assert message.startswith(f"{file}, line 2: is no JSON")
    assert message.endswith(f"Look at it with: {show} {file} | sed -n 2p")


@pytest.mark.parametrize(
    ("line", "says", "ends"),
    [
        ({"uid": 1, "response": ""}, "has none of id, sample_id", '{"id": …, "response": …}'),
        ({"id": 1, "reply": ""}, "has none of response, text", '{"id": …, "response": …}'),
        ({}, "only nothing", '{"id": …, "response": …}'),
        ({"id": 1, "logprobs": {"A": "x"}}, "each choice to a number", '"B": -2.3}}'),
        ({"id": 1, "logprobs": {"A": None}}, "each choice to a number", '"B": -2.3}}'),
        ('{"id": 1, "logprobs": {"A": NaN}}', "each choice to a number", '"B": -2.3}}'),
    ],
)
def test_a_record_that_says_nothing_is_refused_before_anything_is_asked(
    record: Record, line: Any, says: str, ends: str
) -> None:
    file = record({"id": "0", "response": ""}, line)
    message = complaint(file)
    assert message.startswith(f"{file}, record 2: ")
    assert says in message
    assert message.endswith(ends)


def test_two_different_responses_to_one_sample_are_refused_equal_ones_are_not(
    record: Record,
) -> None:
    one = {"id": "1", "response": "noon"}
    assert len(replayed(record(one, one), asked("1"))) == 1
    file = record(one, {"id": 1, "response": "one"})
    message = complaint(file)
    assert "record 2: another response to '1'" in message
    assert message.endswith(f"See both with: cat {file} | grep -F '1'")


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl.gz"
    file.write_bytes(b"no gzip")
    assert complaint(file).startswith(f"{file} cannot be read: Not a gzipped file")


# --- Which engine a spec names --------------------------------------------------------------------


def test_a_prefix_names_the_engine_and_the_rest_is_its_own() -> None:
    engine = open_engine("echo:a:b", OPTIONS, register_engines())
    assert engine.identity.model == "echo:a:b"


def test_an_unknown_prefix_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        open_engine("ecco:B", OPTIONS, register_engines())
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith("no engine named 'ecco'. Did you mean 'echo'?")
    assert caught.value.message.endswith("with: podium plugins")


def test_without_a_prefix_and_for_a_folder_with_a_colon_vllm_is_opened(tmp_path: Path) -> None:
    opened = []

    def vllm(spec: str, options: EngineOptions) -> EchoEngine:
        opened.append(spec)
        return EchoEngine(spec, options)

    folder = tmp_path / "model:v2"
    folder.mkdir()
    for spec in ("acme/one", str(folder)):
        open_engine(spec, OPTIONS, {"vllm": vllm, "echo": EchoEngine})
    assert opened == ["acme/one", str(folder)]


def test_without_the_default_engine_the_message_says_which_there_are() -> None:
    with pytest.raises(UnknownName, match=r"no engine named 'vllm'.*podium plugins$"):
        open_engine("acme/one", OPTIONS, {"echo": EchoEngine})
