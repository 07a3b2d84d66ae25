"""Letters: questions a second on genuine 5-shot MMLU, against one of three.

    python perf/letters.py bare         MODEL_DIR MMLU_DIR    a bare one-pass vLLM loop, the ceiling
    python perf/letters.py lm-eval-vllm MODEL_DIR MMLU_DIR    lm-eval's vLLM back end
    python perf/letters.py lm-eval-hf   MODEL_DIR MMLU_DIR    lm-eval's hf back end, in batches of 8

Both sides read the questions, show the examples and make the token ids by their own code; that the
ids are equal, the BOS and the letters' included, is proven by their digests, or there is no figure.
Engine time on both sides goes from the first request sent to the last answer, without loading the
model. The sides take turns, and the ratio is that of their medians. lm-eval, which is slow, is
given few subjects rather than few questions of each: all of MMLU has 246 that share a prefix.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from figures import Figure, report
from measuring import (
    PERF,
    Answer,
    Questions,
    Side,
    asked,
    bare,
    compare,
    device,
    engine_settings,
    selected,
    served,
    timed,
)
from peers import PEERS

from evaluators.prompts import load_renderer
from registry import Sample

LM_EVAL_PROMPT = "one-blank-header"
"""The variant of Podium's MMLU whose prompt is lm-eval's, byte for byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """Another evaluator: what it is, what to reach, and how much of MMLU it can bear."""

    name: str
    to_reach: float
    rounds: int = 1
    per_subject: int = 0
    subjects: str = ""
    variant: str = ""
    back_end: str = ""


OTHERS = {
    "bare": Against(
        name="a bare one-pass vLLM loop over the same token ids",
        to_reach=0.95,
        rounds=2,
        per_subject=8,
    ),
    "lm-eval-vllm": Against(
        name="lm-eval 0.4.13 --model vllm",
        to_reach=25,
        per_subject=17,
        subjects="anatomy,global_facts",
        variant=LM_EVAL_PROMPT,
        back_end="vllm",
    ),
    "lm-eval-hf": Against(
        name="lm-eval 0.4.13 --model hf --batch_size 8",
        to_reach=5,
        subjects="anatomy",
        variant=LM_EVAL_PROMPT,
        back_end="hf",
    ),
}

# lm-eval's own tasks/mmlu/default/_default_template_yaml, with the questions from local files.
TEMPLATE = {
    "dataset_path": "json",
    "test_split": "test",
    "fewshot_split": "dev",
    "fewshot_config": {"sampler": "first_n"},
    "output_type": "multiple_choice",
    "doc_to_text": (
        "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\n"
        "D. {{choices[3]}}\nAnswer:"
    ),
    "doc_to_choice": ["A", "B", "C", "D"],
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}


def lm_eval(back_end: str, peers: Path, model: Path, questions: Questions) -> Side:
    """Run `lm_eval` on the same questions, and return what it scored."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = list(write_tasks(folder, selected(questions).samples.values()))
        written = folder / "scored.json"
        command = [
            *(str(peers / "bin" / "python"), str(PERF / "witness.py"), str(written), "run"),
            *("--tasks", ",".join(tasks), "--include_path", name, "--num_fewshot", "5"),
            *back_end_words(back_end, model),
        ]
        # The engine's threads and memory as Podium's workers have them; and no hub.
        _, environment = engine_settings(model)
        wall = timed(command, environment | {"HF_HUB_OFFLINE": "1", "HF_HOME": name})
        content = json.loads(written.read_text())
    return Side(
        answers=by_question(content["contexts"], model, questions),
        seconds=content["seconds"],
        wall=wall,
    )


def write_tasks(folder: Path, samples: Iterable[Sample]) -> Iterator[str]:
    """Write each subject as a task of lm-eval, and yield the tasks' names."""
    subjects: dict[str, list[Sample]] = {}
    for sample in samples:
        subjects.setdefault(sample.groups["subject"], []).append(sample)
    for subject, mine in subjects.items():
        files = {split: str(folder / f"{subject}_{split}.jsonl") for split in ("dev", "test")}
        write_rows(files["dev"], mine[0].metadata["examples"])
        write_rows(files["test"], mine)
        words = subject.replace("_", " ")
        head = f"The following are multiple choice questions (with answers) about {words}.\n\n"
        task = TEMPLATE | {
            "task": f"local_{subject}",
            "description": head,
            "dataset_kwargs": {"data_files": files},
        }
        (folder / f"{subject}.yaml").write_text(json.dumps(task))  # JSON is YAML
        yield f"local_{subject}"


def write_rows(file: str, samples: Iterable[Sample]) -> None:
    """Write questions as lm-eval reads them; an answer is a place from 0."""
    with open(file, "w", encoding="utf-8") as lines:
        for sample in samples:
            row = {
                "question": sample.input,
                "choices": list(sample.choices),
                "answer": "ABCD".index(sample.target),
            }
            lines.write(json.dumps(row) + "\n")


def back_end_words(back_end: str, model: Path) -> list[str]:
    """Return how each back end is told to serve the model; as fast as it goes on this machine."""
    ours, _ = engine_settings(model)
    arguments = {"pretrained": str(model), "dtype": ours["dtype"], "add_bos_token": True}
    if back_end == "hf":
        return [
            *("--model", "hf", "--batch_size", "8"),
            *("--device", "cuda" if device() == "gpu" else "cpu"),
            *("--model_args", joined(arguments)),
        ]
    kept = ("max_model_len", "max_num_seqs", "enforce_eager", "enable_prefix_caching")
    arguments |= {name: ours[name] for name in kept if name in ours}
    return ["--model", "vllm", "--batch_size", "auto", "--model_args", joined(arguments)]


def joined(arguments: Mapping[str, Any]) -> str:
    """Return settings as lm-eval reads them: a=1,b=2."""
    return ",".join(f"{name}={value}" for name, value in arguments.items())


def by_question(
    contexts: Mapping[str, Mapping[str, Any]], model: Path, questions: Questions
) -> dict[str, Answer]:
    """Return what was scored by the questions of Podium, which names contexts by the same digest.

    A context that none of the questions has, or a letter of other tokens, is shown by a digest that
    agrees with nothing.
    """
    arguments, _ = engine_settings(model)
    renderer = load_renderer(str(model), arguments["max_model_len"])
    answers: dict[str, Answer] = {}
    for request in asked(questions):
        encoded = renderer.encode(request.prompt)
        tree = renderer.choices(request.prompt, encoded.shots)
        letters = {branch.names[0]: [token] for token, branch in tree.next.items()}
        scored = contexts.get(encoded.digest, {"tokens": {}, "logprobs": {}})
        digest = encoded.digest if scored["tokens"] == letters else ""
        answers[request.sample_id] = Answer(digest, scored["logprobs"])
    for extra in contexts.keys() - {answer.digest for answer in answers.values()}:
        answers[extra] = Answer(extra, contexts[extra]["logprobs"])
    return answers


def main() -> None:
    """Measure both sides and report their ratio."""
    typed = parsed()
    against = OTHERS[typed.against]
    questions = Questions(
        benchmark="mmlu",
        data=str(typed.data),
        variant=against.variant,
        subjects=against.subjects if typed.subjects is None else typed.subjects,
        limit_per_subject=(
            against.per_subject if typed.limit_per_subject is None else typed.limit_per_subject
        ),
    )
    other = (
        partial(lm_eval, against.back_end, typed.peers, typed.model, questions)
        if against.back_end
        else partial(bare, typed.model, questions)
    )
    ours = partial(served, typed.model, questions)
    ratio, seen = compare(ours, other, typed.rounds or against.rounds)
    figure = Figure(
        figure=f"letters: {seen['questions']} genuine 5-shot MMLU questions, {typed.model.name}",
        against=against.name,
        value=ratio,
        unit="times its questions a second",
        target=against.to_reach,
    )
    report(f"letters_{typed.against.replace('-', '_')}", [figure], **seen)


def parsed() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("against", choices=OTHERS)
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("data", type=Path, metavar="MMLU_DIR")
    parser.add_argument("--limit-per-subject", type=int, metavar="N", help="0: whole subjects")
    parser.add_argument("--subjects", metavar="NAME,NAME", help='"": all of them')
    parser.add_argument("--rounds", type=int, help="turns of each side")
    parser.add_argument(
        "--peers", type=Path, default=PEERS, help="lm-eval's environment (perf/peers.py)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
