"""What the harness itself costs a question: a zero-latency engine, storage on.

    python perf/harness_cost.py [--samples 50000]

Prints the driver's CPU and wall time a sample and its largest memory, and writes them as JSON.
Peers, measured the same way elsewhere: lm-eval 0.3 to 0.5 ms, Inspect 8.7 ms a question.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from evaluators.doubles import EchoEngine
from evaluators.evaluate import Run, ask, conclude
from evaluators.private import Responses
from evaluators.selection import Narrowing, select
from registry import Benchmark, Choice, Dataset, EngineOptions, Prompt, Sample, choice_accuracy
from registry.store import RunPlan, open_store

RESULTS = Path(__file__).parent / "results"
CHOICES = tuple(Choice(letter, (f" {letter}",)) for letter in "ABCD")


def questions(n: int) -> Iterator[Sample]:
    """Yield questions of 57 subjects, as long as MMLU's."""
    for i in range(n):
        subject = f"subject-{i % 57}"
        text = f"Question {i} of {subject}: " + "which of these is right? " * 12
        groups = {"subject": subject, "category": subject[-1]}
        yield Sample(id=str(i), input=text, target="ABCD"[i % 4], groups=groups)


def prompt(sample: Sample) -> Prompt:
    """Ask for a letter behind the subject's worked examples."""
    examples = tuple(f"{sample.groups['subject']} example {i}\n" * 20 for i in range(5))
    return Prompt(question=sample.input, examples=examples, choices=CHOICES)


def main() -> None:
    """Run the benchmark and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    n = parser.parse_args().samples
    benchmark = Benchmark(
        name="zero-latency",
        summary="Questions that cost nothing to answer.",
        dataset=Dataset("zero-latency", lambda: questions(n)),
        metrics=(choice_accuracy(chance=0.25, macro_over="subject"),),
        prompt=prompt,
    )
    engine = EchoEngine("B", EngineOptions())
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(str(Path(folder) / "registry.db"))
        wall, cpu = time.perf_counter(), time.process_time()
        selection = select(benchmark, (), None, Narrowing(), sample=False)
        plan = RunPlan(
            benchmark=benchmark,
            variant=selection.variant.name,
            identity=engine.identity,
            model_spec="echo:B",
            n_samples=n,
            items_hash=selection.items_hash,
            excluded={},
            options={},
        )
        run = Run(store.begin(plan), selection)
        responses = Responses(Path(folder) / "private")
        ask(store, engine, [run], responses, lambda _prediction: None)
        report = conclude(store, run, responses, accept_failures=False)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert report.finished, report
    result = {
        "samples": n,
        "cpu_ms_per_sample": round(1000 * cpu / n, 4),
        "wall_ms_per_sample": round(1000 * wall / n, 4),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "target_ms": 0.5,
    }
    print(json.dumps(result, indent=2))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "harness_cost.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
