"""Letters of genuine MMLU questions: Podium against a bare one-pass vLLM loop, the ceiling.

    python perf/letters.py MODEL_DIR MMLU_DIR [--limit-per-subject 8]

Both score the same token ids, proven by their digests, with the same engine settings on the same
machine, one after the other. Prints questions a second of engine time, their ratio, and on how many
questions both prefer the same letter.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evaluators.prompts import load_renderer
from evaluators.selection import Narrowing, select
from evaluators.serving import engine_arguments, find_model, has_gpu, worker_environment
from registry import EngineOptions
from registry.discovery import discover

RESULTS = Path(__file__).parent / "results"
LETTERS = "ABCD"


def served(model: Path, data: Path, limit: int) -> dict[str, Any]:
    """Run `podium run mmlu` and return its engine seconds and what it stored."""
    with tempfile.TemporaryDirectory() as home:
        command = [
            *(str(Path(sys.executable).parent / "podium"), "run", "mmlu", "--model", str(model)),
            *("--data", f"mmlu={data}", "--limit-per-subject", str(limit), "--format", "json"),
        ]
        environment = {**os.environ, "PODIUM_HOME": home}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        (run,) = json.loads(done.stdout)
        with sqlite3.connect(Path(home) / "registry.db") as connection:
            query = "SELECT sample_id, prompt_hash, logprobs FROM prediction"
            rows = connection.execute(query).fetchall()
    return {
        "seconds": run["usage"]["engine_seconds"],
        "ties": run["ties"],
        "digests": {sample: digest for sample, digest, _ in rows},
        "best": {sample: best(json.loads(logprobs)) for sample, _, logprobs in rows},
    }


def bare(model: Path, data: Path, limit: int) -> dict[str, Any]:
    """Weigh the same letters with `LLM.generate`, in order of their prefixes."""
    spec = find_model(str(model))
    device = "gpu" if has_gpu() else "cpu"
    arguments = engine_arguments(spec, EngineOptions(device=device))
    os.environ.update(worker_environment(spec, device, os.cpu_count() or 1))
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    from vllm import LLM, SamplingParams

    renderer = load_renderer(str(model), int(arguments["max_model_len"]))
    benchmark = discover().benchmark("mmlu")
    selection = select(benchmark, (), data, Narrowing(limit_per_subject=limit), sample=False)
    prompts = {s.id: selection.task.prompt(s) for s in selection.samples}
    encoded = {sample: renderer.encode(prompt) for sample, prompt in prompts.items()}
    first = next(iter(prompts))
    tree = renderer.choices(prompts[first], encoded[first].shots)
    tokens = {branch.names[0]: token for token, branch in tree.next.items()}
    params = SamplingParams(
        temperature=0, max_tokens=1, logprob_token_ids=[tokens[letter] for letter in LETTERS]
    )
    llm = LLM(model=str(model), **arguments)
    since = time.perf_counter()
    outputs = llm.generate(
        [{"prompt_token_ids": each.token_ids} for each in encoded.values()], params, use_tqdm=False
    )
    seconds = time.perf_counter() - since
    weighed = [output.outputs[0].logprobs[0] for output in outputs]
    return {
        "seconds": seconds,
        "digests": {sample: each.digest for sample, each in encoded.items()},
        "best": {
            sample: best({letter: found[tokens[letter]].logprob for letter in LETTERS})
            for sample, found in zip(encoded, weighed, strict=True)
        },
    }


def best(logprobs: dict[str, float]) -> str:
    """Return the letter with the highest log-probability."""
    return max(logprobs, key=lambda letter: logprobs[letter])


def main() -> None:
    """Measure both and report their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit-per-subject", type=int, default=8)
    typed = parser.parse_args()
    ours = served(typed.model, typed.data, typed.limit_per_subject)
    ceiling = bare(typed.model, typed.data, typed.limit_per_subject)
    if ours["digests"] != ceiling["digests"]:
        raise SystemExit("the two did not score the same token ids")
    n = len(ours["best"])
    same = sum(ours["best"][sample] == ceiling["best"][sample] for sample in ours["best"])
    result = {
        "questions": n,
        "podium_questions_per_second": round(n / ours["seconds"], 3),
        "bare_questions_per_second": round(n / ceiling["seconds"], 3),
        "ratio": round(ceiling["seconds"] / ours["seconds"], 3),
        "target_ratio": 0.95,
        "same_letter": same,
        "ties": ours["ties"],
    }
    print(json.dumps(result, indent=2))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "letters.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
