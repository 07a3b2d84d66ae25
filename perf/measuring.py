"""What the figures share: the questions both sides are asked, and the passes of each side.

Times on one machine are compared with each other only: the sides take turns (A B A B), and what
counts is the ratio of their medians.
"""

import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluators.evaluate import Run, requests_of
from evaluators.selection import Narrowing, Selection, select
from evaluators.serving import (
    blocks_for,
    engine_arguments,
    executor,
    find_model,
    has_gpu,
    worker_environment,
)
from registry import EngineOptions, Outcome, Prediction, Request
from registry.discovery import discover

if TYPE_CHECKING:
    from evaluators.cluster import Serving

PERF = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What both sides are asked: a benchmark, where its data is, and how much of it."""

    benchmark: str
    data: str = ""
    plugin: str = ""
    variant: str = ""
    limit: int = 0
    limit_per_subject: int = 0
    subjects: str = ""
    sample: bool = False

    @property
    def words(self) -> list[str]:
        """What is typed after `podium` to run them."""
        before = ["--plugin", self.plugin] if self.plugin else []
        options = {
            "--data": self.data,
            "--variant": self.variant,
            "--limit": self.limit,
            "--limit-per-subject": self.limit_per_subject,
            "--subjects": self.subjects,
        }
        typed = [str(word) for pair in options.items() if pair[1] for word in pair]
        return [*before, "run", self.benchmark, *typed, *["--sample"] * self.sample]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one side got for one question: the digest of what it was asked, and what it said."""

    digest: str
    logprobs: Mapping[str, float]
    text: str = ""
    output_tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0

    @property
    def best(self) -> frozenset[str]:
        """The most probable choices; more than one is a tie."""
        top = max(self.logprobs.values(), default=0.0)
        return frozenset(name for name, value in self.logprobs.items() if value == top)

    @property
    def said(self) -> str | frozenset[str]:
        """What was written, or the most probable choices."""
        return self.text or self.best


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side's pass over the questions, by their ids.

    `seconds` are of the engine, from the first request sent to the last answer, without loading
    it; `wall` are those of the whole process.
    """

    answers: Mapping[str, Answer]
    seconds: float
    wall: float

    @property
    def rate(self) -> float:
        """Questions a second of engine time."""
        return len(self.answers) / self.seconds

    @property
    def token_rate(self) -> float:
        """Tokens written a second of engine time."""
        return self.output_tokens / self.seconds

    @property
    def output_tokens(self) -> int:
        """Tokens written for all questions."""
        return sum(answer.output_tokens for answer in self.answers.values())

    @property
    def cached(self) -> float:
        """The share of the prompts' tokens that came from the prefix cache, 0 to 1."""
        answers = self.answers.values()
        asked = sum(answer.prompt_tokens for answer in answers)
        return sum(answer.cached_tokens for answer in answers) / asked if asked else 0.0

    @property
    def ties(self) -> int:
        """Questions with several most probable choices."""
        return sum(len(answer.best) > 1 for answer in self.answers.values())


def selected(questions: Questions) -> Selection:
    """Return the samples that Podium selects for the questions."""
    plugins = discover([Path(questions.plugin)] if questions.plugin else [])
    narrowing = Narrowing(
        limit=questions.limit or None,
        limit_per_subject=questions.limit_per_subject or None,
        subjects=_split(questions.subjects),
    )
    data = Path(questions.data) if questions.data else None
    benchmark = plugins.benchmark(questions.benchmark)
    words = _split(questions.variant)
    return select(benchmark, words, data, narrowing, sample=questions.sample)


def asked(questions: Questions) -> list[Request]:
    """Return the requests that Podium would send, in the dataset's order."""
    return list(requests_of(Run(0, selected(questions)), set()))


def _split(words: str) -> tuple[str, ...]:
    return tuple(filter(None, words.split(",")))


# --- The engine -----------------------------------------------------------------------------------


def engine_settings(model: Path, threads: int = 0) -> tuple[dict[str, Any], dict[str, str]]:
    """Return vLLM's arguments and environment as Podium's replicas have them on this machine.

    Threads are as many as there are cores, unless they are given.
    """
    spec = find_model(str(model))
    arguments = engine_arguments(spec, EngineOptions(device=device()))
    return arguments, worker_environment(spec, device(), threads or os.cpu_count() or 1)


def serving(model: Path, log_file: Path, replicas: int = 1, threads: int = 0) -> "Serving":
    """Return how Podium serves the model on this machine."""
    from evaluators.cluster import Serving  # Ray's second: only where it is used

    arguments, environment = engine_settings(model, threads)
    return Serving(
        model=str(model),
        arguments=executor(arguments, device()) | arguments,
        log_file=log_file,
        replicas=replicas,
        device=device(),
        environment=environment,
        **blocks_for(device()),
    )


def device() -> str:
    """Return what models are served on here."""
    return "gpu" if has_gpu() else "cpu"


def span(predictions: Sequence[Prediction]) -> float:
    """Return the seconds from the first request sent to the last answer, over all replicas."""
    failed = [p.reason for p in predictions if p.outcome is Outcome.FAILED]
    if failed:
        raise SystemExit(f"{len(failed)} requests failed, so there is no figure: {failed[0]}")
    return max(p.started + p.seconds for p in predictions) - min(p.started for p in predictions)


def driver_rss_mb() -> int:
    """Return the largest memory that this process has had."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


# --- The two sides --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ran:
    """A `podium run`: when it began, how long it took, its report, and the rows it stored."""

    began: float
    wall: float
    report: Mapping[str, Any]
    rows: Sequence[sqlite3.Row]


def run_podium(model: Path, questions: Questions) -> Ran:
    """Type `podium run` as a user would, in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        podium = Path(sys.executable).parent / "podium"
        registry = Path(home) / "registry.db"
        command = [str(podium), "--registry", str(registry), *questions.words]
        command += ["--model", str(model), "--format", "json"]
        environment = {**os.environ, "PODIUM_HOME": home}
        began = time.time()
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        wall = time.time() - began
        (run,) = json.loads(done.stdout)
        return Ran(began, wall, run, _stored(registry))


def _stored(registry: Path) -> list[sqlite3.Row]:
    with sqlite3.connect(registry) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM prediction").fetchall()
    failed = [row["reason"] for row in rows if row["outcome"] == "failed"]
    if failed:
        raise SystemExit(f"{len(failed)} samples failed, so there is no figure: {failed[0]}")
    return rows


def served(model: Path, questions: Questions) -> Side:
    """Run Podium, and return what it stored."""
    ran = run_podium(model, questions)
    answers = {
        row["sample_id"]: Answer(
            row["prompt_hash"],
            json.loads(row["logprobs"]),
            row["text"],
            row["output_tokens"],
            row["prompt_tokens"],
            row["cached_tokens"],
        )
        for row in ran.rows
    }
    # Not the run's engine seconds: those leave out the moments in which nothing was in flight.
    last = max(row["started"] + row["seconds"] for row in ran.rows)
    seconds = last - min(row["started"] for row in ran.rows)
    return Side(answers=answers, seconds=seconds, wall=ran.wall)


def bare(model: Path, questions: Questions) -> Side:
    """Ask `LLM.generate` the same, in a process of its own (perf/bare.py)."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "answers.json"
        words = [str(PERF / "bare.py"), str(model), json.dumps(asdict(questions)), str(written)]
        wall = timed([sys.executable, *words], {})
        content = json.loads(written.read_text())
    answers = {name: Answer(**answer) for name, answer in content["answers"].items()}
    return Side(answers=answers, seconds=content["seconds"], wall=wall)


def timed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command, whatever it prints going to the terminal, and return its seconds."""
    started = time.perf_counter()
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=sys.stderr)
    return time.perf_counter() - started


def compare(
    ours: Callable[[], Side],
    theirs: Callable[[], Side],
    rounds: int,
    rate: Callable[[Side], float] = attrgetter("rate"),
) -> tuple[float, dict[str, Any]]:
    """Let the sides take turns; return the ratio of their median rates, and what else was seen."""
    passes = [(ours(), theirs()) for _ in range(rounds)]
    mine, others = ([pair[side] for pair in passes] for side in (0, 1))
    medians = [statistics.median(map(rate, sides)) for sides in (mine, others)]
    (seen, *_) = [agreement(*pair) for pair in passes]
    seen |= {
        "a_second": [round(each, 4) for each in medians],
        "output_tokens": [mine[0].output_tokens, others[0].output_tokens],
        "cached": [round(side.cached, 4) for side in (mine[0], others[0])],
        "podium": spent(mine),
        "other": spent(others),
    }
    return round(medians[0] / medians[1], 3), seen


def agreement(ours: Side, theirs: Side) -> dict[str, Any]:
    """Return to how many questions both say the same, and how often each ties.

    Ends the program where they were not asked the same: then a ratio says nothing.
    """
    asked, theirs_asked = (
        {q: a.digest for q, a in each.answers.items()} for each in (ours, theirs)
    )
    if asked != theirs_asked:
        differ = [q for q in asked if theirs_asked.get(q) != asked[q]]
        raise SystemExit(
            f"the two were not asked the same: {len(asked)} and {len(theirs_asked)} questions, and "
            f"other token ids for {len(differ)} of them, first {differ[:1]}"
        )
    same = sum(ours.answers[q].said == theirs.answers[q].said for q in asked)
    return {
        "questions": len(asked),
        "same_token_ids": len(asked),
        "same_answer": same,
        "ties": [ours.ties, theirs.ties],
    }


def spent(sides: Sequence[Side]) -> dict[str, list[float]]:
    """Return the seconds of each pass of one side, by what they are of."""
    return {
        "engine_seconds": [round(side.seconds, 3) for side in sides],
        "process_seconds": [round(side.wall, 3) for side in sides],
    }
