"""Run lm_eval as it is typed, and write down what it scored and how long it took.

    PEERS/bin/python perf/witness.py FILE run --model vllm …

Runs in lm-eval's own environment and changes nothing of what it does: it looks on where both back
ends get token ids and give back log-probabilities. A context is named by the digest by which Podium
names a prompt (evaluators/prompts.py), so equal names are equal token ids, BOS included.
"""

import functools
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lm_eval.__main__ import cli_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.models.vllm_causallms import VLLM


class Witness:
    """What went through `_loglikelihood_tokens`: contexts by digest, and the seconds it took."""

    def __init__(self) -> None:
        """Nothing has gone through."""
        self.seconds = 0.0
        self.contexts: dict[str, dict[str, Any]] = {}

    def watch(self, scoring: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same method, watched."""

        @functools.wraps(scoring)
        def watched(model: Any, requests: Any, *words: Any, **settings: Any) -> Any:
            since = time.perf_counter()
            scores = scoring(model, requests, *words, **settings)
            self.seconds += time.perf_counter() - since
            for ((_, continuation), context, tokens), (logprob, _) in zip(
                requests, scores, strict=True
            ):
                self._note(context, continuation, tokens, logprob)
            return scores

        return watched

    def _note(self, context: list[int], continuation: str, tokens: list[int], value: float) -> None:
        digest = hashlib.sha256(json.dumps(list(context)).encode()).hexdigest()[:16]
        seen = self.contexts.setdefault(digest, {"logprobs": {}, "tokens": {}})
        seen["logprobs"][continuation.strip()] = float(value)
        seen["tokens"][continuation.strip()] = list(tokens)


def main() -> None:
    """Watch both back ends through one command."""
    written, *sys.argv[1:] = sys.argv[1:]
    witness = Witness()
    for back_end in (HFLM, VLLM):
        watched = witness.watch(back_end._loglikelihood_tokens)
        back_end._loglikelihood_tokens = watched
    cli_evaluate()
    content = {"seconds": witness.seconds, "contexts": witness.contexts}
    Path(written).write_text(json.dumps(content))


if __name__ == "__main__":
    main()
