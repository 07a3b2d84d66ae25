"""Answer requests with vLLM: sampling settings, one-pass choice weights, and what went wrong.

The only file that imports vLLM. It runs inside a replica; `cluster.py` brings the requests.
"""

import asyncio
import itertools
import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evaluators.prompts import Branch, Encoded, Renderer, Unanswerable, load_renderer
from registry import BadImage, Outcome, Prediction, Request, Sampling

if TYPE_CHECKING:
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.async_llm import AsyncLLM


@dataclass
class Usage:
    """What one request cost, summed over the passes it needed."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    def add(self, output: "RequestOutput") -> None:
        """Count one pass."""
        self.requests += 1
        self.prompt_tokens += len(output.prompt_token_ids or ())
        self.cached_tokens += output.num_cached_tokens or 0
        self.output_tokens += len(output.outputs[0].token_ids)


class Answerer:
    """Answers requests with one loaded copy of a model."""

    def __init__(self, engine: "AsyncLLM", renderer: Renderer, limit: asyncio.Semaphore) -> None:
        """Use a running engine; `limit` bounds how many requests it holds at once."""
        self._engine = engine
        self._renderer = renderer
        self._limit = limit
        self._ids = itertools.count()
        self._replica = f"{socket.gethostname()}:{os.getpid()}"

    async def answer(self, request: Request) -> Prediction:
        """Return the prediction; a prompt that cannot be put gives a failed one with the reason.

        Errors that mean that the engine is dead are raised: only a new one can answer.
        """
        started, began = time.time(), time.monotonic()
        try:
            encoded = await asyncio.to_thread(self._renderer.encode, request.prompt)
            prediction = await self._predict(request, encoded)
        except (BadImage, Unanswerable, ValueError) as error:
            # vLLM refuses a bad request (too long, too many images) with a ValueError.
            prediction = Prediction(
                sample_id=request.sample_id, outcome=Outcome.FAILED, reason=str(error)
            )
        seconds = time.monotonic() - began  # the other clock may be set meanwhile
        return _stamped(
            prediction, request, replica=self._replica, started=started, seconds=seconds
        )

    async def _predict(self, request: Request, encoded: Encoded) -> Prediction:
        if request.prompt.choices:
            return await self._weigh(request, encoded)
        return await self._write(request, encoded)

    async def _write(self, request: Request, encoded: Encoded) -> Prediction:
        usage = Usage()
        params = written(request.prompt.sampling)
        output = await self._generate(encoded, encoded.token_ids, params, usage)
        completion = output.outputs[0]
        # A reply that may have one token only is whole with it.
        cut = completion.finish_reason == "length" and params.max_tokens > 1
        return _prediction(
            request,
            encoded,
            usage,
            outcome=Outcome.TRUNCATED if cut else Outcome.ANSWERED,
            text=completion.text,
            finish_reason=completion.finish_reason or "",
        )

    async def _weigh(self, request: Request, encoded: Encoded) -> Prediction:
        """Read each choice's log-probability: one pass, or one a branch of their tokens."""
        usage = Usage()
        tree = self._renderer.choices(request.prompt, encoded.shots)
        spelled: dict[str, list[float]] = {choice.name: [] for choice in request.prompt.choices}
        await self._descend(encoded, tree, (), 0.0, spelled, usage)
        if any(math.isnan(value) for values in spelled.values() for value in values):
            raise ValueError("the model gives NaN for a choice's probability")
        return _prediction(
            request,
            encoded,
            usage,
            logprobs={name: _logsumexp(values) for name, values in spelled.items()},
            finish_reason="choices",
        )

    async def _descend(
        self,
        encoded: Encoded,
        branch: Branch,
        taken: tuple[int, ...],
        logprob: float,
        spelled: dict[str, list[float]],
        usage: Usage,
    ) -> None:
        for name in branch.names:
            spelled[name].append(logprob)
        if not branch.next:
            return
        token_ids = [*encoded.token_ids, *taken]
        output = await self._generate(encoded, token_ids, weighed(list(branch.next)), usage)
        found = (output.outputs[0].logprobs or [{}])[0]
        for token, following in branch.next.items():
            step = logprob + found[token].logprob
            await self._descend(encoded, following, (*taken, token), step, spelled, usage)

    async def _generate(
        self, encoded: Encoded, token_ids: list[int], params: Any, usage: Usage
    ) -> "RequestOutput":
        prompt: dict[str, Any] = {"prompt_token_ids": token_ids}
        if encoded.images:
            prompt["multi_modal_data"] = {"image": encoded.images}
        async with self._limit:
            stream = self._engine.generate(prompt, params, request_id=str(next(self._ids)))
            async for output in stream:
                if output.finished:
                    usage.add(output)
                    return output
        raise ValueError("the engine ended the request without an answer")


def written(sampling: Sampling) -> Any:
    """Return vLLM's settings for a written reply; every one that changes it is explicit.

    It comes whole: to be told of each token would cost a replica more than the token.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    schema = sampling.json_schema
    return SamplingParams(
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=0,
        min_p=0.0,
        repetition_penalty=1.0,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        seed=sampling.seed,
        stop=list(sampling.stop),
        structured_outputs=StructuredOutputsParams(json=dict(schema)) if schema else None,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def weighed(token_ids: Sequence[int]) -> Any:
    """Return vLLM's settings to read the log-probability of exactly these tokens at one position.

    Never `logprobs=k`: on vLLM's V1 runner these silently corrupt such requests in a batch.
    """
    from vllm import SamplingParams

    return SamplingParams(
        temperature=0.0, max_tokens=1, logprob_token_ids=list(token_ids), detokenize=False
    )


def fatal_errors() -> tuple[type[BaseException], ...]:
    """Return the errors that mean that an engine is dead."""
    from vllm.v1.engine.exceptions import EngineDeadError

    return (EngineDeadError,)


def with_batch_sizes(arguments: Mapping[str, Any], workers: int) -> dict[str, Any]:
    """Return vLLM's arguments with how large batches are on this machine, unless they say so.

    The sizes are those of vLLM's `LLM`. An engine made in any other way, as Ray Data LLM makes it,
    gets 128 sequences and 2,048 tokens: on an H200 an eighth of them.
    """
    from vllm import EngineArgs
    from vllm.usage.usage_lib import UsageContext

    defaults = EngineArgs.get_batch_defaults(workers)
    tokens, sequences = (sizes[UsageContext.LLM_CLASS] for sizes in defaults)
    tokens = arguments.get("max_num_batched_tokens", tokens)
    return {
        "max_num_batched_tokens": tokens,
        "max_num_seqs": min(sequences, tokens),
        **arguments,
    }


def open_answerer(engine: "AsyncLLM", model: str, limit: asyncio.Semaphore) -> Answerer:
    """Return an answerer for a running engine, with the context it was configured for."""
    renderer = load_renderer(model, engine.model_config.max_model_len)
    return Answerer(engine, renderer, limit)


def _prediction(request: Request, encoded: Encoded, usage: Usage, **answer: Any) -> Prediction:
    return Prediction(
        sample_id=request.sample_id,
        requests=usage.requests,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        prompt_hash=encoded.digest,
        shots=encoded.shots,
        **answer,
    )


def _stamped(prediction: Prediction, request: Request, **facts: Any) -> Prediction:
    return replace(prediction, run_id=request.run_id, stage=request.stage, **facts)


def _logsumexp(values: Sequence[float]) -> float:
    top = max(values)
    if math.isinf(top):
        return top
    return top + math.log(sum(math.exp(v - top) for v in values))
