"""The engine of a model behind an OpenAI-compatible address: `openai:NAME --base-url URL`."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import asdict, replace
from functools import cached_property, partial
from queue import SimpleQueue
from typing import Any

import click
from anyio.from_thread import start_blocking_portal

from evaluators.address import EXAMPLE, KEYS, Address, api_key
from evaluators.asking import Settings, open_asker, server_version
from registry import EngineError, EngineOptions, Identity, Outcome, Prediction, Request

VLLM_SAMPLING = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""Settings that only some servers know; vLLM would take them from the model's own defaults."""

NOT_EXTRA = frozenset(
    {"model", "messages", "prompt", "logprobs", "top_logprobs", "response_format", "n", "stream"}
)
"""Fields of a request's body that cannot be replaced: they are the question."""


class EndpointEngine:
    """Asks a model that is served elsewhere, through the OpenAI interface."""

    def __init__(self, model: str, options: EngineOptions) -> None:
        """Check the address, the settings and that there is a key; nothing is sent yet.

        Raises EngineError for an address or a setting that cannot be used.
        """
        if not model:
            raise EngineError(f"name the model that is served: --model openai:NAME {EXAMPLE}")
        self._model = model
        self._address = Address.typed(options.base_url)
        self._typed = typed_settings(options.arguments)
        self._spent = self._answered = 0
        self._stopped = False
        if not self.local:
            self._check_public()

    @property
    def local(self) -> bool:
        """Whether every address of the host is of this machine or its private network."""
        return self._address.local()

    @property
    def identity(self) -> Identity:
        """The model's name, the server's version where it tells one, and how it is asked."""
        shown = {name: json.dumps(value) for name, value in asdict(self._settings).items()}
        return Identity(
            model=self._model,
            engine="openai",
            engine_version=self._version,
            settings={"host": self._address.name} | shown,
        )

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield predictions as they come; requests are taken as slots free up.

        Where the token budget is used up, the rest is left unasked. Raises EngineError where no
        request can be answered: a wrong key, an unknown model, a server that is gone.
        """
        waiting = iter(requests)
        opened = open_asker(self._model, self._settings, self._address)
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened) as asker:
            yield from self._answers(waiting, partial(portal.start_task_soon, asker.answer))
        if not self._stopped and not self._may_send(0) and next(waiting, None):
            self._say_spent()

    def stop(self) -> None:
        """Send nothing more; what was sent still comes back."""
        self._stopped = True

    def close(self) -> None:
        """Nothing is held between calls: connections end with the last prediction."""

    def _answers(
        self, waiting: Iterator[Request], send: Callable[[Request], Future[Prediction]]
    ) -> Iterator[Prediction]:
        """Keep the slots full and yield what comes back; cancel the rest where it ends early."""
        done: SimpleQueue[Future[Prediction]] = SimpleQueue()
        flying: set[Future[Prediction]] = set()
        try:
            while True:
                while self._may_send(len(flying)) and (request := next(waiting, None)):
                    future = send(request)
                    flying.add(future)
                    future.add_done_callback(done.put)
                if not flying:
                    return
                future = done.get()
                flying.remove(future)
                yield self._counted(future.result())
        except EngineError:
            yield from [f.result() for f in flying if f.done() and not f.exception()]
            raise
        finally:
            for future in flying:
                future.cancel()

    def _check_public(self) -> None:
        if self._address.scheme == "http":
            raise EngineError(
                f"{self._address.name} is not on this machine or its private network, and http "
                "would show the key and the questions on the way. Type: --base-url https://…"
            )
        if not api_key():
            raise EngineError(
                f"{self._address.name} needs a key, which is read from the environment only. "
                f"Type: export {KEYS[0]}=…"
            )

    @cached_property
    def _version(self) -> str:
        """The server's version; only a local one is asked, nothing is sent elsewhere so early."""
        return server_version(self._address) if self.local else ""

    @property
    def _settings(self) -> Settings:
        extra = (VLLM_SAMPLING if self._version else {}) | dict(self._typed.extra_body)
        return replace(self._typed, extra_body=extra)

    def _may_send(self, flying: int) -> bool:
        """Return whether there is a slot, and budget left for it at the mean cost so far."""
        if self._stopped or flying >= self._typed.concurrency:
            return False
        budget = self._typed.max_total_tokens
        mean = self._spent / max(self._answered, 1)
        return not budget or self._spent + flying * mean < budget

    def _counted(self, prediction: Prediction) -> Prediction:
        tokens = prediction.prompt_tokens + prediction.output_tokens
        answered = prediction.outcome is not Outcome.FAILED
        if self._typed.max_total_tokens and answered and not tokens:
            raise EngineError(
                f"{self._address.name} does not say how many tokens it uses, so max_total_tokens "
                "cannot be kept. Leave it out, and bound the run with: --limit N"
            )
        self._spent += tokens
        self._answered += answered
        return prediction

    def _say_spent(self) -> None:
        click.echo(
            f"The budget of {self._typed.max_total_tokens:,} tokens is used up ({self._spent:,}): "
            "the rest was not asked. podium resume goes on, with as many again.",
            err=True,
        )


def typed_settings(arguments: Mapping[str, str]) -> Settings:
    """Return the settings as typed. Raises EngineError for one that is unknown or malformed."""
    values: dict[str, Any] = {}
    for name, text in arguments.items():
        if name not in READERS:
            raise EngineError(
                f"an endpoint has no setting '{name}'; it has {', '.join(READERS)}. A key is read "
                f"from the environment only: export {KEYS[0]}=…"
            )
        reader, meaning, example = READERS[name]
        try:
            values[name] = reader(text)
        except ValueError:
            raise EngineError(f"{name} is {meaning}. Type: --engine-arg {name}={example}") from None
    return Settings(**values)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _field(text: str) -> str:
    if text not in ("max_tokens", "max_completion_tokens"):
        raise ValueError(text)
    return text


def _extra(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict) or value.keys() & NOT_EXTRA:
        raise ValueError(text)
    return value


COUNT = "a whole number from 1 on"
READERS: Mapping[str, tuple[Callable[[str], Any], str, str]] = {
    "concurrency": (_count, COUNT, "16"),
    "attempts": (_count, COUNT, "6"),
    "timeout": (_seconds, "a number of seconds", "600"),
    "max_total_tokens": (_count, COUNT, "1000000"),
    "top_logprobs": (_count, COUNT, "20"),
    "max_tokens_field": (_field, "max_tokens or max_completion_tokens", "max_tokens"),
    "extra_body": (_extra, "a JSON object of sampling settings", """'{"top_k": 0}'"""),
}
"""How each setting is read from the command line, what it is, and an example."""
