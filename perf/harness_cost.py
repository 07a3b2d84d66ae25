"""Harness cost: what a question costs the driver, with a zero-latency engine and storage on.

    python perf/harness_cost.py                              50,000 questions
    python perf/harness_cost.py --samples 1000000 --pictures 1,000,000 of 100 kB each: 100 GB

The real path from reading samples to finished scores, in a process of its own, whose largest memory
is told. With --pictures each question has a picture, by reference as everywhere, and the engine
reads each picture's file. Peers, measured the same way elsewhere: lm-eval 0.3 to 0.5 ms, Inspect
8.7 ms a question.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from figures import Figure, report
from measuring import driver_rss_mb

from evaluators.doubles import EchoEngine
from evaluators.evaluate import Run, ask, conclude
from evaluators.private import Responses
from evaluators.selection import Narrowing, select
from registry import (
    Benchmark,
    Choice,
    Content,
    Dataset,
    EngineOptions,
    Image,
    Prediction,
    Prompt,
    Request,
    Sample,
    choice_accuracy,
)
from registry.store import RunPlan, Store, open_store

CHOICES = tuple(Choice(letter, (f" {letter}",)) for letter in "ABCD")
MOST_MS = 0.5
MOST_MB = 1000
PICTURES = 100
"""Files on disk, which the questions share in turn; each is read as often as it is asked about."""
PICTURE_BYTES = 100_000


class ReadingEngine(EchoEngine):
    """Answers at once, after it has read every picture of a request."""

    bytes_read = 0

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield an answer a request, in order."""
        return super().predict(map(self._looked_at, requests))

    def _looked_at(self, request: Request) -> Request:
        for part in request.prompt.question:
            if isinstance(part, Image):
                self.bytes_read += len(Path(part.path).read_bytes())
        return request


def questions(n: int, pictures: list[str]) -> Iterator[Sample]:
    """Yield questions of 57 subjects, as long as MMLU's, with a picture where there are any."""
    for i in range(n):
        subject = f"subject-{i % 57}"
        text = f"Question {i} of {subject}: " + "which of these is right? " * 12
        shown: Content = (Image(pictures[i % len(pictures)]), text) if pictures else text
        groups = {"subject": subject, "category": subject[-1]}
        yield Sample(id=str(i), input=shown, target="ABCD"[i % 4], groups=groups)


def prompt(sample: Sample) -> Prompt:
    """Ask for a letter behind the subject's worked examples."""
    examples = tuple(f"{sample.groups['subject']} example {i}\n" * 20 for i in range(5))
    return Prompt(question=sample.input, examples=examples, choices=CHOICES)


def paint(folder: Path) -> list[str]:
    """Write the pictures' files: their content does not matter, since nobody looks at it."""
    files = [folder / f"{number}.jpg" for number in range(PICTURES)]
    for file in files:
        file.write_bytes(os.urandom(PICTURE_BYTES))
    return list(map(str, files))


def begun(store: Store, benchmark: Benchmark, engine: EchoEngine) -> Run:
    """Read the samples and store a run that asks them, as `podium run` does."""
    selection = select(benchmark, (), None, Narrowing(), sample=False)
    plan = RunPlan(
        benchmark=benchmark,
        variant=selection.variant.name,
        identity=engine.identity,
        model_spec="echo:B",
        n_samples=len(selection.samples),
        items_hash=selection.items_hash,
        excluded={},
        options={},
    )
    return Run(store.begin(plan), selection)


def evaluated(n: int, with_pictures: bool) -> dict[str, Any]:
    """Evaluate so many questions in this process, and return what it cost."""
    engine = ReadingEngine("B", EngineOptions())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = paint(folder) if with_pictures else []
        benchmark = Benchmark(
            name="zero-latency",
            summary="Questions that cost nothing to answer.",
            dataset=Dataset("zero-latency", partial(questions, n, files)),
            metrics=(choice_accuracy(chance=0.25, macro_over="subject"),),
            prompt=prompt,
        )
        store = open_store(str(folder / "registry.db"))
        responses = Responses(folder / "private")
        wall, cpu = time.perf_counter(), time.process_time()
        run = begun(store, benchmark, engine)
        ask(store, engine, [run], responses, lambda _prediction: None)
        done = conclude(store, run, responses, accept_failures=False)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if not done.finished:
        raise SystemExit(f"the run did not finish: {done}")
    return {
        "samples": n,
        "picture_gb": round(engine.bytes_read / 1e9, 2),
        "cpu_ms_per_sample": round(1000 * cpu / n, 4),
        "wall_ms_per_sample": round(1000 * wall / n, 4),
        "peak_rss_mb": driver_rss_mb(),
    }


def main() -> None:
    """Evaluate in a process of its own, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--pictures", action="store_true", help="one a question, of 100 kB")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    typed = parser.parse_args()
    if typed.here:
        print(json.dumps(evaluated(typed.samples, typed.pictures)))
        return
    command = [sys.executable, *sys.argv, "--here"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    cost = json.loads(done.stdout)
    asked = f"{cost['samples']:,} samples"
    memory = Figure(
        figure=f"harness memory: {asked}"
        + f", {cost['picture_gb']:g} GB of pictures" * typed.pictures,
        against="a bound",
        value=cost["peak_rss_mb"],
        unit="MB, the driver at its largest",
        target=MOST_MB,
        at_most=True,
    )
    time_spent = Figure(
        figure=f"harness cost: zero-latency engine, {asked}, storage on",
        against="lm-eval 0.3-0.5 ms, Inspect 8.7 ms",
        value=cost["cpu_ms_per_sample"],
        unit="ms of driver time a sample",
        target=MOST_MS,
        at_most=True,
    )
    name = "harness_pictures" if typed.pictures else "harness_cost"
    report(name, [memory] if typed.pictures else [time_spent, memory], **cost)


if __name__ == "__main__":
    main()
