"""Start: seconds from `podium run` to its first answer, against those of bare vLLM.

    python perf/start.py MODEL_DIR [--rounds 3]

One question of MMLU's built-in sample, with the weights on this machine, in turn with a process
that imports vLLM, loads the same model with the same settings and generates one token. Then the
same start once more with its steps timed (perf/steps.py), to show where the difference goes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from figures import Figure, report
from measuring import PERF, Questions, engine_settings, run_podium

TO_REACH = 10.0
BARE = """
import json, sys, time

arguments, written = json.loads(sys.argv[1]), sys.argv[2]

if __name__ == "__main__":
    from vllm import LLM, SamplingParams

    llm = LLM(**arguments)
    llm.generate("A question", SamplingParams(temperature=0, max_tokens=1), use_tqdm=False)
    with open(written, "w") as file:
        json.dump(time.time(), file)
"""


def podium_start(model: Path, question: Questions) -> float:
    """Return the seconds from the start of `podium run` to its first answer."""
    ran = run_podium(model, question)
    return float(min(row["started"] + row["seconds"] for row in ran.rows)) - ran.began


def bare_start(model: Path) -> float:
    """Return the seconds from the start of a process to its first answer by `LLM.generate`."""
    arguments, environment = engine_settings(model)
    arguments |= {"model": str(model)}
    environment = {**os.environ, **environment, "VLLM_LOGGING_LEVEL": "ERROR"}
    with tempfile.TemporaryDirectory() as folder:
        # A file, not -c: vLLM's own processes import the program they belong to.
        program, written = Path(folder) / "bare_start.py", Path(folder) / "answered.json"
        program.write_text(BARE)
        words = [sys.executable, str(program), json.dumps(arguments), str(written)]
        started = time.time()
        subprocess.run(words, env=environment, check=True, stdout=sys.stderr)
        answered: float = json.loads(written.read_text())
    return answered - started


def steps(model: Path) -> dict[str, float]:
    """Return the seconds of each step of one start, in a process of its own (perf/steps.py)."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.time()
        words = [sys.executable, str(PERF / "steps.py"), str(model), folder]
        subprocess.run(words, check=True, stdout=sys.stderr)
        moments: dict[str, float] = {
            path.name: float(path.read_text()) for path in Path(folder).glob("*")
        }
    ordered = sorted(moments.items(), key=lambda moment: moment[1])
    since = [started, *(moment for _, moment in ordered)]
    return {
        name: round(moment - before, 2)
        for (name, moment), before in zip(ordered, since, strict=False)
    }


def main() -> None:
    """Measure both and report the difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    typed = parser.parse_args()
    question = Questions(benchmark="mmlu", sample=True, limit=1)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(typed.rounds):
        ours.append(podium_start(typed.model, question))
        theirs.append(bare_start(typed.model))
    figure = Figure(
        figure=f"start: `podium run` to its first answer, {typed.model.name}",
        against="bare vLLM to its first answer",
        value=round(median(ours) - median(theirs), 2),
        unit="seconds more",
        target=TO_REACH,
        at_most=True,
    )
    measured: dict[str, Any] = {
        "podium_seconds": [round(each, 2) for each in ours],
        "bare_seconds": [round(each, 2) for each in theirs],
        "seconds_by_step": steps(typed.model),
    }
    report("start", [figure], **measured)


if __name__ == "__main__":
    main()
