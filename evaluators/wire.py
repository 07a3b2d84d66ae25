"""What an OpenAI-compatible endpoint is sent, and what its replies say: JSON, no network."""

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluators.prompts import Unanswerable
from registry import Choice, Image, Prompt, Sampling, open_image

BLANKS = ("Ġ", "▁")
"""How tokens are shown that begin with a blank, where a server does not decode them."""


class Malformed(ValueError):
    """A reply that is not of the protocol's shape; the message says how."""


class NoLogprobs(ValueError):
    """A reply without the log-probabilities that were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one endpoint is asked, beyond what all of them understand the same way.

    `extra` are fields of the body: they replace ours, and null takes one away.
    """

    model: str
    max_tokens_field: str = "max_tokens"
    top_logprobs: int = 20
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One request's path and body, and the digest of its prompt with its pictures."""

    path: str
    body: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one reply says; `top` are the likeliest first tokens, each with its log-probability."""

    text: str
    finish_reason: str
    top: Sequence[tuple[str, float]] | None
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int


def message(prompt: Prompt, shots: int, dialect: Dialect) -> Message:
    """Return the request for a prompt with its first `shots` examples; pictures are opened here.

    Raises BadImage for a broken picture, and Unanswerable for one in a prompt that is no chat.
    """
    opening = prompt.header + "".join(prompt.examples[:shots])
    if prompt.chat:
        asked: dict[str, Any] = {"messages": list(_messages(prompt, opening))}
    else:
        asked = {"prompt": _plain(prompt, opening)}
    settings = _settings(prompt.sampling, dialect) | _weighing(prompt, dialect)
    body = asked | {"model": dialect.model} | settings | dict(dialect.extra)
    return Message(
        path="/chat/completions" if prompt.chat else "/completions",
        body={name: value for name, value in body.items() if value is not None},
        digest=hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16],
    )


def _settings(sampling: Sampling, dialect: Dialect) -> dict[str, Any]:
    schema = sampling.json_schema
    return {
        dialect.max_tokens_field: sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "seed": sampling.seed,
        # Not []: some servers want at least one.
        "stop": list(sampling.stop) or None,
        "n": 1,
        "stream": False,
        "response_format": schema
        and {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(schema), "strict": True},
        },
    }


def _weighing(prompt: Prompt, dialect: Dialect) -> dict[str, Any]:
    if not prompt.choices:
        return {}
    asked = (
        {"logprobs": True, "top_logprobs": dialect.top_logprobs}
        if prompt.chat
        else {"logprobs": dialect.top_logprobs}
    )
    return {dialect.max_tokens_field: 1, "temperature": 0.0, "top_p": 1.0, **asked}


def text_of(prompt: Prompt) -> str:
    """Return all that the prompt asks in words."""
    return " ".join((prompt.system, prompt.header, *prompt.examples, *_texts(prompt)))


def _texts(prompt: Prompt) -> Iterator[str]:
    return (part for part in _parts(prompt) if isinstance(part, str))


def _parts(prompt: Prompt) -> tuple[str | Image, ...]:
    return (prompt.question,) if isinstance(prompt.question, str) else prompt.question


def _plain(prompt: Prompt, opening: str) -> str:
    if any(isinstance(part, Image) for part in _parts(prompt)):
        raise Unanswerable("a picture has no place in a prompt that is no chat")
    system = f"{prompt.system}\n\n" if prompt.system else ""
    return system + opening + "".join(_texts(prompt))


def _messages(prompt: Prompt, opening: str) -> Iterator[dict[str, Any]]:
    """Yield the chat's messages; text stays a plain string where there are no pictures."""
    if prompt.system:
        yield {"role": "system", "content": prompt.system}
    parts = ((opening,) if opening else ()) + _parts(prompt)
    if all(isinstance(part, str) for part in parts):
        yield {"role": "user", "content": opening + "".join(_texts(prompt))}
    else:
        yield {"role": "user", "content": [_content(part) for part in parts]}


def _content(part: str | Image) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": data_uri(part)}}


def data_uri(image: Image) -> str:
    """Return the picture as a PNG in a data URI: without loss, so that all engines see the same."""
    file = io.BytesIO()
    open_image(image).save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def read(payload: Any) -> Reply:
    """Return what a reply says, of a chat or a completion. Raises Malformed for anything else."""
    try:
        choice = payload["choices"][0]
        usage = payload.get("usage") or {}
        return Reply(
            text=_text(choice),
            finish_reason=str(choice.get("finish_reason") or ""),
            top=_top(choice.get("logprobs")),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            cached_tokens=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # The error's own words could be those of the reply.
        raise Malformed("the reply is not what an OpenAI-compatible server sends") from None


def _text(choice: Any) -> str:
    """Return what was written; a refusal is a reply too."""
    if "message" in choice:
        said = choice["message"]
        return str(said.get("content") or said.get("refusal") or "")
    return str(choice["text"] or "")


def _top(logprobs: Any) -> list[tuple[str, float]] | None:
    """Return the likeliest first tokens, [] where no token came, None where none were given."""
    if not logprobs:
        return None
    if "content" in logprobs:
        tokens = logprobs["content"]
        if not tokens:
            return tokens if tokens is None else []
        first = [(str(t["token"]), float(t["logprob"])) for t in tokens[0]["top_logprobs"]]
    else:
        tokens = logprobs["top_logprobs"]
        if not tokens:
            return tokens if tokens is None else []
        first = [(str(token), float(logprob)) for token, logprob in tokens[0].items()]
    return first or None


def weigh(choices: Sequence[Choice], reply: Reply) -> dict[str, float]:
    """Return the log-probability of each choice that is among the likeliest tokens.

    A choice that is not among them has none. Some tokenizers never show the blank that a token
    begins with: where no token has one, spellings are compared without it.
    Raises NoLogprobs where the endpoint gives no log-probabilities at all.
    """
    if reply.top is None:
        raise NoLogprobs("gives no log-probabilities")
    top = [(_shown(token), logprob) for token, logprob in reply.top]
    blanks = any(token[:1].isspace() for token, _ in top)
    weighed = {}
    for choice in choices:
        spellings = {s if blanks else s.lstrip() for s in choice.spellings}
        found = [logprob for token, logprob in top if token in spellings]
        if found:
            weighed[choice.name] = float(np.logaddexp.reduce(found))
    return weighed


def _shown(token: str) -> str:
    return f" {token[1:]}" if token.startswith(BLANKS) else token
