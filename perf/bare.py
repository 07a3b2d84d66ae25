"""The ceiling: bare vLLM, asked the same token ids and pictures as Podium, with the same settings.

A process of its own, which the figures start. It renders everything before the clock starts, so
that what is timed is one call of `LLM.generate` and nothing else.
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Questions, asked, engine_settings

from evaluators.prompts import Branch, Encoded, Renderer, load_renderer
from registry import Request


def as_sent(encoded: Encoded) -> dict[str, Any]:
    """Return a prompt as vLLM takes it."""
    prompt: dict[str, Any] = {"prompt_token_ids": encoded.token_ids}
    if encoded.images:
        prompt["multi_modal_data"] = {"image": encoded.images}
    return prompt


def choices_of(renderer: Renderer, request: Request, encoded: Encoded) -> dict[int, str]:
    """Return the choices' names by their tokens, {} where the model is to write."""
    if not request.prompt.choices:
        return {}
    tree = renderer.choices(request.prompt, encoded.shots)
    if any(branch.next for branch in tree.next.values()):
        raise SystemExit("some choices are several tokens: the bare loop is for one pass")
    return {token: _name(branch) for token, branch in tree.next.items()}


def _name(branch: Branch) -> str:
    (name,) = branch.names
    return name


def weights(names: Mapping[int, str], output: Any) -> dict[str, float]:
    """Return the log-probability of each choice, over its tokens."""
    found = output.logprobs[0] if names else {}
    weighed: dict[str, float] = {}
    for token, name in names.items():
        value = found[token].logprob
        weighed[name] = float(np.logaddexp(weighed[name], value)) if name in weighed else value
    return weighed


def answers(
    requests: Sequence[Request],
    encoded: Sequence[Encoded],
    names: Sequence[Mapping[int, str]],
    outputs: Sequence[Any],
) -> dict[str, dict[str, Any]]:
    """Return what came back for each question."""
    return {
        request.sample_id: {
            "digest": each.digest,
            "logprobs": weights(choices, output.outputs[0]),
            "text": output.outputs[0].text if not choices else "",
            "output_tokens": len(output.outputs[0].token_ids),
            "prompt_tokens": len(output.prompt_token_ids),
            "cached_tokens": output.num_cached_tokens or 0,
        }
        for request, each, choices, output in zip(requests, encoded, names, outputs, strict=True)
    }


def main(model: str, questions: Questions, written: Path) -> None:
    """Load the model, ask everything in one call, and write down what came and when."""
    arguments, environment = engine_settings(Path(model))
    os.environ.update(environment)
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    # Only now: vLLM reads its environment as it is imported.
    from vllm import LLM

    from evaluators.vllm_engine import weighed
    from evaluators.vllm_engine import written as writing

    llm = LLM(model=model, **arguments)
    renderer = load_renderer(model, llm.llm_engine.model_config.max_model_len)
    requests = asked(questions)
    encoded = [renderer.encode(request.prompt) for request in requests]
    names = [choices_of(renderer, *pair) for pair in zip(requests, encoded, strict=True)]
    params = [
        weighed(list(choices)) if choices else writing(request.prompt.sampling)
        for request, choices in zip(requests, names, strict=True)
    ]
    since = time.perf_counter()
    outputs = llm.generate([as_sent(each) for each in encoded], params, use_tqdm=False)
    seconds = time.perf_counter() - since
    for each, output in zip(encoded, outputs, strict=True):
        if not each.images and list(output.prompt_token_ids) != each.token_ids:
            raise SystemExit("vLLM read other token ids than it was given")
    content = {"answers": answers(requests, encoded, names, outputs), "seconds": seconds}
    written.write_text(json.dumps(content))


if __name__ == "__main__":
    main(sys.argv[1], Questions(**json.loads(sys.argv[2])), Path(sys.argv[3]))
