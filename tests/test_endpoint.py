"""An endpoint answers over a real connection: bounded, patient, exact, and silent about secrets."""

import base64
import io
import json
import math
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import podium

pytest.importorskip("openai")
pytest.importorskip("tenacity")

from evaluators.endpoint import EndpointEngine
from evaluators.engines import open_engine, register_engines
from evaluators.reasons import ERROR_WORDS, cleaned
from registry import (
    Choice,
    EngineError,
    EngineOptions,
    Image,
    MissingExtra,
    Outcome,
    Prediction,
    Prompt,
    Request,
    Sampling,
)
from registry.cli import main

KEY = "sk-test-0123456789abcdef"
LETTERS = tuple(Choice(letter, (f" {letter}",)) for letter in "ABCD")
YES_NO = (Choice("yes", ("yes", "Yes")), Choice("no", ("no", "No")))
TOP = {" B": -0.5, " A": -1.5, "B": -2.0, " x": -3.0}


@dataclass(frozen=True)
class Received:
    """One request as the server saw it."""

    path: str
    body: dict[str, Any]
    key: str

    @property
    def asked(self) -> str:
        if "prompt" in self.body:
            return str(self.body["prompt"])
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else str(content[-1]["text"])


@dataclass
class Seen:
    """What the server saw: every request, and how many were with it at the same time."""

    requests: list[Received] = field(default_factory=list)
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)
    elsewhere: str = ""
    top: dict[str, float] | None = field(default_factory=lambda: dict(TOP))
    usage: bool = True
    version: str = ""

    def times(self, asked: str) -> int:
        return sum(request.asked == asked for request in self.requests)


class Handler(BaseHTTPRequestHandler):
    """Answers by the first word of the question."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        version = self.server.seen.version
        self._send(200 if version else 404, {"version": version} if version else {})

    def do_POST(self) -> None:
        seen = self.server.seen
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        received = Received(self.path, body, self.headers.get("Authorization", ""))
        with seen.lock:
            seen.requests.append(received)
            seen.now += 1
            seen.most = max(seen.most, seen.now)
            before = seen.times(received.asked) - 1
        try:
            behaviour = getattr(
                self, f"_{received.asked.split()[0].strip(':').lower()}", self._right
            )
            behaviour(received, before)
        finally:
            with seen.lock:
                seen.now -= 1

    def _right(self, received: Received, _before: int) -> None:
        weighed = "logprobs" in received.body
        top = self.server.seen.top if weighed else None
        usage = {"prompt_tokens": 30, "completion_tokens": 10}
        usage["prompt_tokens_details"] = {"cached_tokens": 20}  # type: ignore[assignment]
        said = f"said {received.asked}"
        if received.path.endswith("/chat/completions"):
            tokens = [{"token": token, "logprob": value} for token, value in (top or {}).items()]
            first = top and {"content": [{"token": "?", "logprob": 0, "top_logprobs": tokens}]}
            choice = {"message": {"role": "assistant", "content": said}, "logprobs": first}
        else:
            choice = {"text": said, "logprobs": top and {"top_logprobs": [top]}}
        finish = {"finish_reason": "length" if "long" in received.asked else "stop", "index": 0}
        reply: dict[str, Any] = {"choices": [choice | finish]}
        self._send(200, reply | ({"usage": usage} if self.server.seen.usage else {}))

    def _slow(self, received: Received, before: int) -> None:
        time.sleep(0.1)
        self._right(received, before)

    def _busy(self, received: Received, before: int) -> None:
        if before:
            self._right(received, before)
        else:
            self._send(429, _error("slow down"), {"Retry-After": "1"})

    def _shaky(self, received: Received, before: int) -> None:
        if before < 2:
            self._send(500, _error("oh"))
        else:
            self._right(received, before)

    def _broken(self, _received: Received, _before: int) -> None:
        self._send(500, _error("oh"))

    def _malformed(self, _received: Received, _before: int) -> None:
        self._send_bytes(200, b'{"choices": [{', "application/json")

    def _page(self, _received: Received, _before: int) -> None:
        self._send_bytes(200, b"<html>Please log in</html>", "text/html")

    def _shapeless(self, _received: Received, _before: int) -> None:
        self._send(200, {"choices": [{"message": "what?"}]})

    def _hanging(self, _received: Received, _before: int) -> None:
        self.server.seen.released.wait(20)
        self.close_connection = True

    def _dripping(self, _received: Received, _before: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        while not self.server.seen.released.wait(0.1):
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    def _dropping(self, received: Received, before: int) -> None:
        if before:
            self._right(received, before)
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def _redirected(self, _received: Received, _before: int) -> None:
        self._send(307, {}, {"Location": f"{self.server.seen.elsewhere}{self.path}"})

    def _echoing(self, received: Received, _before: int) -> None:
        asked = received.key + json.dumps(received.body)
        self._send(400, _error(f"Invalid 'prompt' (at most 64 tokens): {asked}"))

    def _locked(self, received: Received, _before: int) -> None:
        self._send(401, _error(f"Incorrect API key provided: {received.key[7:20]}****"))

    def _late(self, received: Received, before: int) -> None:
        time.sleep(0.2)
        self._locked(received, before)

    def _later(self, received: Received, before: int) -> None:
        time.sleep(0.4)
        self._right(received, before)

    def _poor(self, _received: Received, _before: int) -> None:
        self._send(429, _error("You exceeded your quota", "insufficient_quota"))

    def _unknown(self, _received: Received, _before: int) -> None:
        self._send(404, _error("The model does not exist"))

    def _greedy(self, _received: Received, _before: int) -> None:
        self._send(400, _error("logprobs must be at most 5"))

    def _crowded(self, received: Received, before: int) -> None:
        if "example" in received.asked:
            self._send(400, _error("This model's maximum context length is 64 tokens."))
        else:
            self._right(received, before)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), "application/json", headers)

    def _send_bytes(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A real server on the loopback interface."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = Seen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that went away is what some tests are about."""


def _error(message: str, code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "code": code or None}}


def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.seen.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    yield from serving()


@pytest.fixture(name="other")
def _other() -> Iterator[Server]:
    yield from serving()


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "PODIUM_API_KEY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name resolve to a public address; nothing can be sent there."""
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_words: answer)


def engine(server: Server, **arguments: object) -> EndpointEngine:
    typed = {name: str(value) for name, value in arguments.items()}
    return EndpointEngine("m", EngineOptions(base_url=f"{server.url}/v1", arguments=typed))


def chat(*questions: str, **settings: Any) -> list[Request]:
    return [
        Request(7, str(index), Prompt(question=question, chat=True, **settings))
        for index, question in enumerate(questions)
    ]


def ask(server: Server, *questions: str, **arguments: object) -> list[Prediction]:
    """Return the predictions in the order of the questions."""
    found = engine(server, **arguments).predict(chat(*questions))
    return sorted(found, key=lambda prediction: int(prediction.sample_id))


def type_in(*words: object, status: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], prog_name="podium")
    assert result.exit_code == status, result.output
    return result


# --- Answers --------------------------------------------------------------------------------------


def test_an_answer_says_what_was_said_and_what_it_cost(server: Server) -> None:
    (prediction,) = ask(server, "Right or wrong?")
    assert prediction.text == "said Right or wrong?"
    assert prediction.outcome is Outcome.ANSWERED
    assert (prediction.run_id, prediction.requests, prediction.finish_reason) == (7, 1, "stop")
    assert (prediction.prompt_tokens, prediction.cached_tokens) == (30, 20)
    assert prediction.output_tokens == 10
    assert prediction.replica == server.url.removeprefix("http://")
    assert 0 < prediction.seconds < 5
    assert len(prediction.prompt_hash) == 16


def test_every_request_is_sent_once_and_its_answer_is_its_own(server: Server) -> None:
    questions = [f"{'Slow' if index % 3 else 'Right'} {index}" for index in range(40)]
    predictions = ask(server, *questions)
    assert [p.text for p in predictions] == [f"said {question}" for question in questions]
    assert Counter(r.asked for r in server.seen.requests) == Counter(questions)


def test_the_order_of_requests_changes_nothing(server: Server) -> None:
    requests = chat(*(f"Right {index}" for index in range(12)))

    def answers(order: Sequence[Request]) -> set[tuple[str, str, str]]:
        found = engine(server, concurrency=3).predict(order)
        return {(p.sample_id, p.text, p.prompt_hash) for p in found}

    assert answers(requests) == answers(requests[::-1])


def test_concurrency_is_used_and_never_exceeded(server: Server) -> None:
    ask(server, *(f"Slow {index}" for index in range(24)), concurrency=4)
    assert server.seen.most == 4


def test_requests_are_taken_only_when_there_is_a_slot_for_them(server: Server) -> None:
    taken = []

    def requests() -> Iterator[Request]:
        for request in chat(*(f"Right {index}" for index in range(50))):
            taken.append(request)
            yield request

    predictions = engine(server, concurrency=2).predict(requests())
    for yielded, _ in enumerate(predictions, 1):
        assert len(taken) <= yielded + 2
    assert len(taken) == 50


def test_chats_and_completions_go_to_their_own_paths_with_every_setting(server: Server) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}}
    sampling = Sampling(max_tokens=5, temperature=0.3, stop=("\n",), seed=3, json_schema=schema)
    asked = Prompt(question="Q", system="S", header="H\n", examples=("E\n",), sampling=sampling)
    plain = Request(7, "0", asked)
    talk = Request(7, "1", Prompt(question="Q", system="S", header="H\n", chat=True))
    list(engine(server).predict([plain, talk]))
    first, second = sorted(server.seen.requests, key=lambda r: r.path, reverse=True)
    assert (first.path, second.path) == ("/v1/completions", "/v1/chat/completions")
    assert first.body.pop("response_format")["json_schema"]["schema"] == schema
    assert first.body == {
        "model": "m",
        "prompt": "S\n\nH\nE\nQ",
        "max_tokens": 5,
        "temperature": 0.3,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "seed": 3,
        "stop": ["\n"],
        "n": 1,
        "stream": False,
    }
    assert second.body["messages"] == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "H\nQ"},
    ]


def test_a_vllm_server_gets_the_settings_that_it_would_take_from_the_model(server: Server) -> None:
    server.seen.version = "0.29.0"
    opened = engine(server, extra_body='{"top_k": 5, "temperature": null}')
    list(opened.predict(chat("Right")))
    (received,) = server.seen.requests
    assert (received.body["top_k"], received.body["min_p"]) == (5, 0.0)
    assert received.body["repetition_penalty"] == 1.0
    assert "temperature" not in received.body
    assert opened.identity.engine_version == "0.29.0"
    assert json.loads(opened.identity.settings["extra_body"])["top_k"] == 5


def test_the_identity_names_model_host_and_settings(server: Server) -> None:
    identity = engine(server, timeout=9).identity
    assert (identity.model, identity.engine, identity.engine_version) == ("m", "openai", "")
    assert identity.settings["host"] == server.url.removeprefix("http://")
    assert (identity.settings["timeout"], identity.settings["attempts"]) == ("9.0", "6")


def test_pictures_travel_as_png_without_loss_and_broken_ones_fail_alone(
    server: Server, tmp_path: Path
) -> None:
    from PIL import Image as pillow

    picture = pillow.radial_gradient("L").convert("RGB")
    picture.save(tmp_path / "x.png")
    whole = Prompt(question=(Image(str(tmp_path / "x.png")), "Right?"), header="H", chat=True)
    broken = Prompt(question=(Image(str(tmp_path / "gone.png")), "Right?"), chat=True)
    nowhere = Prompt(question=(Image(str(tmp_path / "x.png")), "Right?"))
    requests = [Request(7, str(i), prompt) for i, prompt in enumerate((whole, broken, nowhere))]
    found = sorted(engine(server).predict(requests), key=lambda p: p.sample_id)
    assert [p.outcome for p in found] == ["answered", "failed", "failed"]
    assert [p.requests for p in found] == [1, 0, 0]
    assert "gone.png cannot be read" in found[1].reason
    (received,) = server.seen.requests
    header, image, text = received.body["messages"][0]["content"]
    assert (header["text"], text["text"]) == ("H", "Right?")
    data = image["image_url"]["url"].removeprefix("data:image/png;base64,")
    sent = pillow.open(io.BytesIO(base64.b64decode(data)))
    assert sent.tobytes() == picture.tobytes()


def test_a_reply_that_is_cut_off_is_truncated_unless_one_token_was_all(server: Server) -> None:
    requests = chat("Right long") + chat("Right long", sampling=Sampling(max_tokens=1))
    found = engine(server, concurrency=1).predict(requests)
    assert [p.outcome for p in found] == [Outcome.TRUNCATED, Outcome.ANSWERED]


def test_examples_are_dropped_one_by_one_where_the_server_says_it_is_too_much(
    server: Server,
) -> None:
    asked = Prompt(question="Q", header="Crowded ", examples=("example ", "example "), chat=True)
    (prediction,) = engine(server).predict([Request(7, "0", asked)])
    assert (prediction.outcome, prediction.shots, prediction.requests) == ("answered", 0, 3)
    assert prediction.text == "said Crowded Q"


# --- Letters --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_chat", [True, False])
def test_choices_are_weighed_by_the_spellings_among_the_likeliest_tokens(
    server: Server, is_chat: bool
) -> None:
    asked = Prompt(question="Right?", choices=LETTERS, chat=is_chat)
    (prediction,) = engine(server).predict([Request(7, "0", asked)])
    assert prediction.logprobs == {"A": -1.5, "B": -0.5}
    assert (prediction.text, prediction.finish_reason) == ("", "choices")
    (received,) = server.seen.requests
    assert received.body["max_tokens"] == 1
    number = received.body["top_logprobs" if is_chat else "logprobs"]
    assert number == 20


def test_the_spellings_of_a_choice_add_up(server: Server) -> None:
    server.seen.top = {"yes": math.log(0.3), "Yes": math.log(0.2), "no": math.log(0.1), " q": -9.0}
    (prediction,) = engine(server).predict(chat("Right?", choices=YES_NO))
    assert math.exp(prediction.logprobs["yes"]) == pytest.approx(0.5)
    assert math.exp(prediction.logprobs["no"]) == pytest.approx(0.1)


@pytest.mark.parametrize("top", [{"A": -1.0, "B": -2.0}, {"ĠA": -1.0, "B": -3.0, "▁B": -2.0}])
def test_blanks_that_a_tokenizer_hides_or_marks_are_understood(
    server: Server, top: dict[str, float]
) -> None:
    server.seen.top = top
    (prediction,) = engine(server).predict(chat("Right?", choices=LETTERS))
    assert prediction.logprobs == {"A": -1.0, "B": -2.0}


def test_no_choice_among_the_likeliest_tokens_is_unparseable(server: Server) -> None:
    server.seen.top = {" The": -0.1, "A": -4.0}
    (prediction,) = engine(server).predict(chat("Right?", choices=LETTERS))
    assert (prediction.outcome, prediction.logprobs) == (Outcome.UNPARSEABLE, {})


def test_an_endpoint_without_logprobs_is_refused_with_the_way_out(server: Server) -> None:
    server.seen.top = None
    with pytest.raises(EngineError, match=r"no log-probabilities.*--variant first-token"):
        list(engine(server).predict(chat("Right?", choices=LETTERS)))


def test_an_endpoint_that_allows_fewer_logprobs_says_what_to_type(server: Server) -> None:
    with pytest.raises(EngineError, match=r"top_logprobs=5.*--variant first-token"):
        list(engine(server).predict(chat("Greedy", choices=LETTERS)))


# --- Patience -------------------------------------------------------------------------------------


def test_a_busy_server_is_asked_again_when_it_says(server: Server) -> None:
    began = time.monotonic()
    (prediction,) = ask(server, "Busy")
    assert (prediction.outcome, prediction.requests) == (Outcome.ANSWERED, 2)
    assert 1.0 <= time.monotonic() - began < 5.0
    assert prediction.seconds < 1.0, "its latency is that of the attempt that was answered"


@pytest.mark.parametrize(("question", "sent"), [("Shaky", 3), ("Dropping", 2)])
def test_errors_that_pass_are_tried_again_and_counted(
    server: Server, question: str, sent: int
) -> None:
    (prediction,) = ask(server, question)
    assert (prediction.outcome, prediction.requests) == (Outcome.ANSWERED, sent)
    assert server.seen.times(question) == sent


def test_attempts_are_bounded_and_the_others_go_on(server: Server) -> None:
    predictions = ask(server, "Broken", "Right", attempts=2)
    assert [p.outcome for p in predictions] == [Outcome.FAILED, Outcome.ANSWERED]
    assert predictions[0].requests == server.seen.times("Broken") == 2
    assert predictions[0].reason == "gave up after 2 attempts: 500 InternalServerError: oh"


@pytest.mark.parametrize("question", ["Hanging", "Dripping"])
def test_a_request_that_takes_too_long_fails_alone(server: Server, question: str) -> None:
    predictions = ask(server, question, "Right", attempts=2, timeout=0.5)
    assert [p.outcome for p in predictions] == [Outcome.FAILED, Outcome.ANSWERED]
    assert predictions[0].requests == 2
    assert predictions[0].reason.endswith("no answer within 0.5 s")


@pytest.mark.parametrize("question", ["Malformed", "Page", "Shapeless"])
def test_a_reply_that_is_no_reply_fails_alone_and_is_not_repeated(
    server: Server, question: str
) -> None:
    predictions = ask(server, question, "Right")
    assert [p.outcome for p in predictions] == [Outcome.FAILED, Outcome.ANSWERED]
    assert predictions[0].requests == 1
    assert predictions[0].reason.startswith("the reply is not")


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("Locked", "export PODIUM_API_KEY"),
        ("Poor", "export PODIUM_API_KEY"),
        ("Unknown", "no model 'm' under /v1/chat/completions"),
        ("Redirected", "not followed"),
    ],
)
def test_what_every_request_would_meet_ends_the_run_at_once(
    server: Server, other: Server, question: str, message: str
) -> None:
    server.seen.elsewhere = other.url
    with pytest.raises(EngineError, match=message):
        list(engine(server, concurrency=1).predict(chat(question, "Right", "Right")))
    assert len(server.seen.requests) == 1
    assert not other.seen.requests


def test_answers_that_came_back_are_kept_where_the_run_ends_early(server: Server) -> None:
    found: list[str] = []

    def slowly() -> Iterator[str]:
        for prediction in engine(server).predict(chat("Right", "Late", "Later")):
            yield prediction.text
            time.sleep(0.8)

    with pytest.raises(EngineError, match="refuses the key"):
        found.extend(slowly())
    assert found == ["said Right", "said Later"]


def test_a_server_that_is_gone_ends_the_run_after_some_requests(server: Server) -> None:
    questions = [f"Broken {index}" for index in range(40)]
    with pytest.raises(EngineError, match="none of 10 requests in a row"):
        list(engine(server, attempts=1, concurrency=2).predict(chat(*questions)))
    assert len(server.seen.requests) <= 12


def test_nothing_at_the_address_is_said_before_a_run_is_begun() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(EngineError, match="nothing answers at"):
        _ = EndpointEngine("m", EngineOptions(base_url=url)).identity


# --- Ends -----------------------------------------------------------------------------------------


def test_closing_early_cancels_what_is_in_flight(server: Server) -> None:
    predictions = engine(server).predict(chat("Right", *["Hanging"] * 5))
    assert next(predictions).sample_id == "0"
    began = time.monotonic()
    predictions.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 3
    assert not [t.name for t in threading.enumerate() if "portal" in t.name]


def test_an_interrupt_ends_the_waiting_at_once(server: Server) -> None:
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    timer = threading.Timer(0.7, signal.pthread_kill, (main_thread, signal.SIGINT))
    found = []
    began = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        found.extend(engine(server).predict(chat(*["Hanging"] * 5)))
    assert time.monotonic() - began < 4
    assert not [t.name for t in threading.enumerate() if "portal" in t.name]


def test_stopping_waits_for_what_is_in_flight_and_sends_nothing_more(server: Server) -> None:
    opened = engine(server, concurrency=2)
    found = []
    for prediction in opened.predict(chat(*(f"Slow {index}" for index in range(20)))):
        found.append(prediction)
        opened.stop()
    assert len(found) == len(server.seen.requests) <= 3
    assert all(p.outcome is Outcome.ANSWERED for p in found)


def test_the_token_budget_ends_the_asking_and_says_so(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = engine(server, max_total_tokens=200, concurrency=3)
    found = list(opened.predict(chat(*(f"Slow {index}" for index in range(30)))))
    assert 5 <= len(found) == len(server.seen.requests) <= 7  # 40 tokens each
    assert "budget of 200 tokens is used up" in capsys.readouterr().err


def test_a_budget_that_is_enough_is_not_mentioned(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(ask(server, "Right 1", "Right 2", max_total_tokens=80, concurrency=1)) == 2
    assert capsys.readouterr().err == ""


def test_a_budget_cannot_be_kept_where_usage_is_not_told(server: Server) -> None:
    server.seen.usage = False
    with pytest.raises(EngineError, match="does not say how many tokens"):
        ask(server, "Right", max_total_tokens=80)


def test_a_run_that_spent_its_budget_is_unfinished_and_resumed(server: Server) -> None:
    words = ("--model", "openai:m", "--base-url", f"{server.url}/v1", "--format", "json")
    budget = ("--engine-arg", "max_total_tokens=1500", "--engine-arg", "concurrency=2")
    ran = type_in("run", "mmlu", "--sample", *words, *budget, status=1)
    sent = len(server.seen.requests)
    assert "budget of 1,500 tokens is used up" in ran.stderr
    assert re.search(
        r"Run 1 is unfinished: \d+ have no answer. Go on with: podium resume 1", ran.stderr
    )
    samples = json.loads(ran.stdout)[0]["n"] or 60
    for _ in range(samples):
        resumed = CliRunner().invoke(main, ["resume", "1", "--format", "json"])
        if resumed.exit_code == 0:
            break
    run = json.loads(resumed.stdout)[0]
    assert run["status"] == "finished"
    assert run["n"] == len(server.seen.requests) > sent


# --- Secrets --------------------------------------------------------------------------------------


def test_the_key_is_sent_and_is_nowhere_else(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    words = ("--model", "openai:m", "--base-url", f"{server.url}/v1")
    ran = type_in("run", "mmlu", "--sample", "--limit", 3, *words)
    assert {r.key for r in server.seen.requests} == {f"Bearer {KEY}"}
    shown = type_in("runs", 1, "--format", "json")
    assert KEY not in ran.output + shown.output
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("question", ["Locked", "Echoing", "Broken", "Dropping"])
def test_no_error_holds_the_key(
    server: Server, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    import traceback

    monkeypatch.setenv("PODIUM_API_KEY", KEY)
    said = ""
    try:
        said = ask(server, question, attempts=1)[0].reason
    except EngineError:
        said = traceback.format_exc()
    assert said
    assert KEY not in said
    assert KEY[:10] not in said


def test_the_other_variable_goes_first_and_a_bad_key_is_not_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "public")
    monkeypatch.setenv("PODIUM_API_KEY", f"{KEY}\n")
    ask(server, "Right")
    assert server.seen.requests[0].key == f"Bearer {KEY}"
    monkeypatch.setenv("PODIUM_API_KEY", f"{KEY} {KEY}")
    with pytest.raises(EngineError, match="PODIUM_API_KEY holds no key") as caught:
        ask(server, "Right")
    assert KEY not in str(caught.value)


def test_a_server_that_echoes_the_prompt_leaves_nothing_telling_of_it(
    server: Server, tmp_path: Path
) -> None:
    from PIL import Image as pillow

    pillow.radial_gradient("L").save(tmp_path / "x.png")
    question = 'Echoing: does Ms "Ann O\'Neill-Übel", 67,\nhave\teffusions?'
    asked = Prompt(question=(Image(str(tmp_path / "x.png")), question), chat=True)
    (prediction,) = engine(server).predict([Request(7, "0", asked)])
    assert prediction.outcome is Outcome.FAILED
    assert prediction.reason.startswith("400 BadRequestError: Invalid 'prompt' (at most 64 tokens)")
    for word in ("Ann", "Neill", "bel", "67", "effusion", "nhave", "Ms", "iVBOR"):
        assert word not in prediction.reason


def test_no_picture_survives_in_an_error() -> None:
    picture = base64.b64encode(bytes(range(40))).decode()
    for echo in (f"data:image/png;base64,{picture[:8]}", picture, picture[3:]):
        assert cleaned(f"bad image: {echo}", "What is this?") == "bad image: …"


def test_no_telling_word_of_a_request_survives_however_it_is_echoed() -> None:
    from hypothesis import given
    from hypothesis import strategies as st

    words = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), max_size=8)

    @given(words, st.integers(0, 60), st.integers(0, 60))
    def no_word_survives(asked: list[str], start: int, length: int) -> None:
        text = " ".join(asked)
        echo = text[start : start + length]
        for message in (f"Bad: {echo}", json.dumps({"m": echo}), repr(echo), echo.upper()):
            kept = re.findall(r"[A-Za-z0-9]+(?:'[a-z]+)?", cleaned(message, text))
            assert not [
                word
                for word in kept
                if word.casefold() in text.casefold() and word.casefold() not in ERROR_WORDS
            ]

    no_word_survives()


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{KEY}@host/v1",
        f"https://{KEY}@host/v1",
        f"https://host/v1?key={KEY}",
        f"https://host/v1#{KEY}",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(EngineError, match="no user, password or query") as caught:
        EndpointEngine("m", EngineOptions(base_url=url))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://h", "http:///v1", "http://h:x/v1", "http://[::1"]
)
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(EngineError, match="--base-url http://127"):
        EndpointEngine("m", EngineOptions(base_url=url))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", "0"),
        ("attempts", "many"),
        ("timeout", "inf"),
        ("max_total_tokens", "-1"),
        ("extra_body", "[]"),
        ("extra_body", '{"model": "x"}'),
        ("max_tokens_field", "n"),
        ("api_key", KEY),
    ],
)
def test_a_wrong_setting_is_refused_and_its_value_not_repeated(
    server: Server, name: str, value: str
) -> None:
    with pytest.raises(EngineError, match=name) as caught:
        engine(server, **{name: value})
    assert KEY not in str(caught.value)


# --- Where the data goes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "local"),
    [
        (["127.0.0.1"], True),
        (["::1"], True),
        (["10.1.2.3", "192.168.0.9", "fd00::1"], True),
        (["::ffff:10.0.0.1"], True),
        (["8.8.8.8"], False),
        (["127.0.0.1", "8.8.8.8"], False),
        (["::ffff:8.8.8.8"], False),
        (["169.254.169.254"], False),
        (["fe80::1"], False),
        (["0.0.0.0"], False),
        (["100.64.0.1"], False),
        (["2001:4860:4860::8888"], False),
    ],
)
def test_only_loopback_and_private_addresses_are_local(
    addresses: list[str], local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(0, 0, 0, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_words: found)
    monkeypatch.setenv("PODIUM_API_KEY", KEY)
    opened = EndpointEngine("m", EngineOptions(base_url="https://model.example/v1"))
    assert opened.local is local


def test_a_name_that_resolves_to_nothing_is_not_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_API_KEY", KEY)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_words: [])
    assert not EndpointEngine("m", EngineOptions(base_url="https://model.example")).local


@pytest.mark.usefixtures("public")
def test_a_public_endpoint_needs_https_and_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="export PODIUM_API_KEY"):
        EndpointEngine("m", EngineOptions(base_url="https://model.example/v1"))
    monkeypatch.setenv("PODIUM_API_KEY", KEY)
    with pytest.raises(EngineError, match="--base-url https"):
        EndpointEngine("m", EngineOptions(base_url="http://model.example/v1"))


@pytest.mark.usefixtures("public")
def test_credentialed_data_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("something was sent")

    monkeypatch.setenv("PODIUM_API_KEY", KEY)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    words = ("--model", "openai:m", "--base-url", "https://model.example/v1")
    refused = type_in("run", "mimic-cxr", "--sample", *words, status=1)
    assert "must not be sent" in refused.stderr
    registry = tmp_path / "home" / "registry.db"
    if registry.exists():
        with sqlite3.connect(registry) as connection:
            assert connection.execute("SELECT count(*) FROM run").fetchone() == (0,)


def test_a_proxy_of_the_environment_never_sees_local_requests(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", other.url)
    monkeypatch.setenv("http_proxy", other.url)
    (prediction,) = ask(server, "Right")
    assert prediction.outcome is Outcome.ANSWERED
    assert not other.seen.requests


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("evaluators.endpoint", "evaluators.asking"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"pip install 'podium\[openai\]'"):
        open_engine("openai:m", EngineOptions(), register_engines())


# --- The real thing -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vllm_url(tiny_vision: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the tiny image model with vLLM's own server."""
    import os
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("vllm") / "log"
    words = ("--model", tiny_vision, "--served-model-name", "tiny", "--host", "127.0.0.1")
    words += ("--port", port, "--enforce-eager", "--max-num-seqs", 16)
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    quiet |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *map(str, words)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **quiet})
    try:
        for _ in range(300):
            if process.poll() is not None:
                pytest.fail(log.read_text()[-3000:])
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.engine
def test_a_real_vllm_server_weighs_letters_and_sees_pictures(vllm_url: str, tmp_path: Path) -> None:
    words = ("--sample", "--model", "openai:tiny", "--base-url", vllm_url, "--format", "json")
    ran = podium(tmp_path, "run", "mimic-cxr", "mmlu", *words, "--accept-failures")
    assert ran.status == 0, ran.errors
    pictures, letters = ran.run("mimic-cxr"), ran.run("mmlu")
    assert (pictures["outcomes"], pictures["status"]) == (
        {"answered": 205, "failed": 10},
        "finished",
    )
    assert letters["status"] == "finished"
    with sqlite3.connect(ran.registry) as connection:
        weighed = connection.execute("SELECT logprobs FROM prediction WHERE outcome = 'answered'")
        assert all(json.loads(logprobs) for (logprobs,) in weighed)
        texts = connection.execute("SELECT DISTINCT text FROM prediction WHERE run_id = 1")
        assert texts.fetchall() == [("",)]
        engines = connection.execute("SELECT DISTINCT engine, engine_version FROM run").fetchall()
    assert len(engines) == 1
    assert engines[0][0] == "openai"
    assert engines[0][1].startswith("0.29")
