"""Put requests to an OpenAI-compatible endpoint, and try again what may pass.

The only file that imports the `openai` library, which is told not to try again by itself.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

import openai
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random,
    wait_random_exponential,
)

from evaluators import wire
from evaluators.address import EXAMPLE, KEYS, Address, api_key
from evaluators.prompts import Unanswerable
from evaluators.reasons import cleaned
from evaluators.retrying import GAVE_UP
from registry import BadImage, EngineError, Outcome, Prediction, Request

TRANSIENT = frozenset({408, 409, 425, 429})
"""Statuses that may pass, like all from 500 on."""

LONGEST_WAIT = 600.0
"""Seconds; a server that says Retry-After: 3600 is asked a little more often."""

PATIENCE = 10
"""Requests given up in a row, with no answer between them: the server is gone, not the request."""

WAY_OUT = (
    "Ask for written answers instead, a variant of its own (mmlu: --variant first-token, mimic-cxr:"
    " --variant binary-cot); the others are listed by: podium benchmarks NAME"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an endpoint is asked; each can be set with `--engine-arg NAME=VALUE`."""

    concurrency: int = 16
    attempts: int = 6
    timeout: float = 600.0
    max_total_tokens: int = 0
    top_logprobs: int = 20
    max_tokens_field: str = "max_tokens"
    extra_body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What one request has cost so far, and when its last attempt began, on both clocks."""

    sent: int = 0
    started: float = 0.0
    began: float = 0.0

    def begin(self) -> None:
        """Start an attempt; durations are read from the clock that nobody sets."""
        self.started, self.began = time.time(), time.monotonic()


class Asker:
    """Puts requests to one endpoint, and tries again what may pass."""

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        model: str,
        settings: Settings,
        address: Address,
    ) -> None:
        """Use an open client; it does not try again by itself."""
        self._client = client
        self._dialect = wire.Dialect(
            model=model,
            max_tokens_field=settings.max_tokens_field,
            top_logprobs=settings.top_logprobs,
            extra=settings.extra_body,
        )
        self._settings = settings
        self._address = address
        self._given_up = 0

    async def answer(self, request: Request) -> Prediction:
        """Return the prediction; what only this request can be blamed for gives a failed one.

        Raises EngineError for what all requests would meet.
        """
        tally = Tally()
        tally.begin()
        try:
            prediction = await self._asked(request, tally)
        except (BadImage, Unanswerable) as error:
            prediction = _failed(request, str(error))
        except (openai.APIError, TimeoutError, wire.Malformed) as error:
            reason = self._reason(error, request)
            if problem := self._hopeless(error, request):
                raise EngineError(f"{self._address.name} ({reason}) {problem}") from None
            tried = f"{GAVE_UP}{tally.sent} attempts: " if _may_pass(error) else ""
            prediction = _failed(request, tried + reason)
        except wire.NoLogprobs as error:
            raise EngineError(
                f"{self._dialect.model} at {self._address.name} {error}. {WAY_OUT}"
            ) from None
        return replace(
            prediction,
            run_id=request.run_id,
            stage=request.stage,
            requests=tally.sent,
            started=tally.started,
            seconds=time.monotonic() - tally.began,
            replica=self._address.name,
        )

    async def _asked(self, request: Request, tally: Tally) -> Prediction:
        """Ask with as many worked examples as the server says that fit."""
        prompt = request.prompt
        shots = len(prompt.examples)
        while True:
            message = await asyncio.to_thread(wire.message, prompt, shots, self._dialect)
            try:
                reply = wire.read(await self._sent(message, tally))
            except openai.BadRequestError as error:
                if not shots or not _too_long(error):
                    raise
                shots -= 1
                continue
            self._given_up = 0
            return replace(_prediction(request, reply), shots=shots, prompt_hash=message.digest)

    async def _sent(self, message: wire.Message, tally: Tally) -> object:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            retry=retry_if_exception(_may_pass),
            wait=_pause,
            reraise=True,
        )
        return await retrying(self._sent_once, message, tally)

    async def _sent_once(self, message: wire.Message, tally: Tally) -> object:
        tally.sent += 1
        tally.begin()
        try:
            # The library's own limit starts anew with each byte that drips in.
            async with asyncio.timeout(self._settings.timeout):
                return await self._client.post(message.path, cast_to=object, body=message.body)
        except ValueError:
            raise wire.Malformed("the reply is not JSON") from None

    def _hopeless(self, error: Exception, request: Request) -> str:
        """Return what every other request would meet too, and what to type; "" for a lone error."""
        self._given_up += _may_pass(error) or isinstance(error, wire.Malformed)
        status = getattr(error, "status_code", 0)
        if self._given_up >= PATIENCE:
            url = f"{self._address.url}/models"
            return f"has answered none of {PATIENCE} requests in a row. See if it runs: curl {url}"
        if status in (401, 402) or _code(error) == "insufficient_quota":
            return f"refuses the key or its account. Set another with: export {KEYS[0]}=…"
        if status == 404:
            path = "chat/completions" if request.prompt.chat else "completions"
            return (
                f"has no model '{self._dialect.model}' under {self._address.path}/{path}. "
                f"See what it serves with: curl {self._address.url}/models"
            )
        if 300 <= status < 400:
            return f"sends elsewhere, which is not followed. Name the final address: {EXAMPLE}"
        if request.prompt.choices and "logprob" in _said(error).lower():
            fewer = f"Where it allows fewer than {self._dialect.top_logprobs}: "
            return f"refuses log-probabilities. {fewer}--engine-arg top_logprobs=5. {WAY_OUT}"
        return ""

    def _reason(self, error: Exception, request: Request) -> str:
        """Return why a request failed, without a word of the request's own."""
        if isinstance(error, wire.Malformed):
            return str(error)
        if isinstance(error, TimeoutError | openai.APITimeoutError):
            return f"{_kind(error)}: no answer within {self._settings.timeout:g} s"
        said = cleaned(_said(error), wire.text_of(request.prompt), api_key())
        return f"{_kind(error)}: {said}" if said and not _about_key(error) else _kind(error)


@asynccontextmanager
async def open_asker(model: str, settings: Settings, address: Address) -> AsyncIterator[Asker]:
    """Open the connections to an endpoint, and close them in the end."""
    # A proxy that the environment names would carry local questions to another machine.
    http_client = openai.DefaultAsyncHttpxClient(
        follow_redirects=False, trust_env=not address.local(), timeout=settings.timeout
    )
    async with openai.AsyncOpenAI(
        api_key=api_key() or "none",
        base_url=address.url,
        max_retries=0,
        http_client=http_client,
    ) as client:
        yield Asker(client, model, settings, address)


def server_version(address: Address) -> str:
    """Return the version that a local server tells, as vLLM does; "" for others.

    Raises EngineError where nothing answers.
    """
    try:
        with openai.OpenAI(
            api_key=api_key() or "none",
            base_url=address.root,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False, trust_env=False, timeout=10
            ),
        ) as client:
            told = client.get("/version", cast_to=object)
    except openai.APIConnectionError as error:
        raise EngineError(
            f"nothing answers at {address.url} ({type(error).__name__}). Start a server there, or "
            f"name another: {EXAMPLE}"
        ) from None
    except (openai.APIError, ValueError):
        return ""
    version = str(told.get("version", "")) if isinstance(told, dict) else ""
    return version if re.fullmatch(r"[\w.+-]{1,64}", version, re.ASCII) else ""


def _prediction(request: Request, reply: wire.Reply) -> Prediction:
    prediction = Prediction(
        sample_id=request.sample_id,
        prompt_tokens=reply.prompt_tokens,
        cached_tokens=reply.cached_tokens,
        output_tokens=reply.output_tokens,
    )
    if request.prompt.choices:
        weighed = wire.weigh(request.prompt.choices, reply)
        outcome = Outcome.ANSWERED if weighed else Outcome.UNPARSEABLE
        return replace(prediction, logprobs=weighed, outcome=outcome, finish_reason="choices")
    # A reply that may have one token only is whole with it.
    cut = reply.finish_reason == "length" and request.prompt.sampling.max_tokens > 1
    return replace(
        prediction,
        text=reply.text,
        finish_reason=reply.finish_reason,
        outcome=Outcome.TRUNCATED if cut else Outcome.ANSWERED,
    )


def _failed(request: Request, reason: str) -> Prediction:
    return Prediction(sample_id=request.sample_id, outcome=Outcome.FAILED, reason=reason)


def _may_pass(error: BaseException) -> bool:
    """Return whether another attempt can succeed where this one did not."""
    if isinstance(error, openai.APIStatusError):
        passing = error.status_code in TRANSIENT or error.status_code >= 500
        return passing and _code(error) != "insufficient_quota"
    return isinstance(error, openai.APIConnectionError | TimeoutError)


def _pause(state: RetryCallState) -> float:
    """Return how long to wait: what the server says, else ever longer; never all at one moment."""
    error = state.outcome.exception() if state.outcome else None
    told = _retry_after(error) if isinstance(error, openai.APIStatusError) else None
    if told is None:
        return wait_random_exponential(multiplier=1, max=60)(state)
    return min(told, LONGEST_WAIT) + wait_random(0, 0.5)(state)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Return the seconds of a Retry-After header, which may be a date, or nothing."""
    header = error.response.headers.get("retry-after")
    if not header:
        return None
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _kind(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    return " ".join(filter(None, (str(status or ""), type(error).__name__)))


def _about_key(error: Exception) -> bool:
    """Return whether the server's message may repeat the key, or half of it behind asterisks."""
    return getattr(error, "status_code", 0) in (401, 402, 403)


def _code(error: BaseException) -> str:
    return str(getattr(error, "code", None) or "")


def _said(error: Exception) -> str:
    """Return the server's own message, "" where its reply holds none (a proxy's page, say)."""
    body = getattr(error, "body", None)
    if not isinstance(body, dict):
        return ""
    return str(body.get("message") or body.get("detail") or body.get("error") or "")


def _too_long(error: openai.BadRequestError) -> bool:
    said = _said(error).lower()
    return _code(error) == "context_length_exceeded" or any(
        words in said for words in ("context length", "context size", "context window")
    )
