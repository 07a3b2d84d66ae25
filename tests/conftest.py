"""What tests share: the data beside the repository, a home of their own, and real engine runs.

A real engine takes a minute to start: each model is run once a session, by the command line.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.datasets import podium_home

pytest_plugins = ("postgres", "registries")

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
MODELS = podium_home() / "models"
"""Where prepared models stay between sessions; read before a test gets a home of its own."""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's registry and files."""
    monkeypatch.setenv("PODIUM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PODIUM_REGISTRY", raising=False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the genuine data beside the repository; in CI it must be there."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the shared data is missing: {SHARED}")
        pytest.skip(f"needs the shared data: {SHARED}")
    return SHARED


def script(name: str, *words: object) -> None:
    """Run a script of this repository."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / name), *map(str, words)], check=True)


@pytest.fixture(scope="session")
def gemma() -> Path:
    """Return the folder of Gemma 3 270M, converted once from its package."""
    folder = MODELS / "gemma-3-270m"
    script("prepare_gemma.py", folder)
    return folder


@pytest.fixture(scope="session")
def tiny_vision() -> Path:
    """Return the folder of the tiny image model, trained once on painted radiographs."""
    folder = MODELS / "tiny-vision"
    if not folder.exists():
        script("train_tiny_vision.py", folder)
    return folder


@dataclass(frozen=True)
class Ran:
    """What a `podium` command did: its exit status, its output, and the registry it wrote."""

    status: int
    output: str
    errors: str
    registry: Path
    home: Path

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Return the runs that the command reports with `--format json`."""
        reported: list[dict[str, Any]] = json.loads(self.output)
        return reported

    def run(self, benchmark: str) -> dict[str, Any]:
        """Return the report of the run of one benchmark."""
        return next(run for run in self.runs if run["benchmark"] == benchmark)


def podium(home: Path, *words: object, environment: Mapping[str, str] | None = None) -> Ran:
    """Run the installed command in a home of its own, as a user would."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "podium"), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PODIUM_HOME": str(home), **(environment or {})},
    )
    return Ran(done.returncode, done.stdout, done.stderr, home / "registry.db", home)


@pytest.fixture(scope="session")
def gemma_on_mmlu(gemma: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run Gemma 3 270M on eight genuine questions of each unpacked MMLU subject."""
    data = shared / "mmlu" / "data"
    words = ("--data", f"mmlu={data}", "--limit-per-subject", 8, "--format", "json")
    return podium(tmp_path_factory.mktemp("gemma"), "run", "mmlu", "--model", gemma, *words)


@pytest.fixture(scope="session")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return painted radiographs that the tiny image model has never seen: a sound tree."""
    from plugins.mimic_cxr.synthetic import write_tree

    root = tmp_path_factory.mktemp("radiographs")
    write_tree(root, patients=20, studies_per_patient=2, seed=11, awkward=False)
    return root


@pytest.fixture(scope="session")
def shuffled_radiographs(radiographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same radiographs with the pixels of each picture in random order."""
    import shutil

    import numpy as np
    from PIL import Image

    root = tmp_path_factory.mktemp("shuffled") / "tree"
    shutil.copytree(radiographs, root)
    generator = np.random.default_rng(0)
    for path in sorted(root.rglob("*.jpg")):
        pixels = np.asarray(Image.open(path)).copy()
        shape = pixels.shape
        Image.fromarray(generator.permutation(pixels.reshape(-1)).reshape(shape)).save(path)
    return root


@pytest.fixture(scope="session")
def tiny_on_samples(tiny_vision: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run the tiny image model on both built-in samples, broken pictures too, in one stream."""
    words = ("--sample", "--model", tiny_vision, "--format", "json")
    return podium(tmp_path_factory.mktemp("tiny"), "run", "mmlu", "mimic-cxr", *words)
