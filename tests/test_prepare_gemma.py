"""The small real model's folder appears whole, once, and where it is looked for."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "prepare_gemma.py"
PARTS = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture
def script() -> dict[str, Any]:
    """Return the script's functions by name."""
    return runpy.run_path(str(SCRIPT))


def make(folder: Path, mark: str) -> Path:
    """Make a folder that looks finished; every file holds the mark."""
    folder.mkdir()
    for part in PARTS:
        (folder / part).write_text(mark)
    return folder


def run(*args: object) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does."""
    command = [sys.executable, str(SCRIPT), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_finished_folder_is_left_as_it_is(tmp_path: Path) -> None:
    out = make(tmp_path / "gemma", "mine")
    done = run(out)
    assert (done.returncode, done.stdout) == (0, f"{out}\n")
    assert {path.read_text() for path in out.iterdir()} == {"mine"}


@pytest.mark.parametrize("missing", PARTS)
def test_a_folder_without_one_of_its_parts_is_refused_with_what_to_type(
    tmp_path: Path, missing: str
) -> None:
    out = make(tmp_path / "gemma", "mine")
    (out / missing).unlink()
    done = run(out)
    assert done.returncode == 1
    assert done.stderr == f"Error: {out} is no finished model. Make it anew with: rm -r {out}\n"


def test_the_slower_of_two_processes_keeps_what_the_faster_made(
    tmp_path: Path, script: dict[str, Any]
) -> None:
    out, late = make(tmp_path / "gemma", "first"), make(tmp_path / "late", "second")
    script["publish"](late, out)
    assert {path.read_text() for path in out.iterdir()} == {"first"}


def test_a_folder_in_the_way_is_an_error(tmp_path: Path, script: dict[str, Any]) -> None:
    out, made = tmp_path / "gemma", make(tmp_path / "made", "new")
    out.mkdir()
    (out / "notes.txt").write_text("someone's")
    with pytest.raises(OSError, match="not empty"):
        script["publish"](made, out)


def test_the_default_folder_lies_in_podium_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: dict[str, Any]
) -> None:
    monkeypatch.setenv("PODIUM_HOME", str(tmp_path))
    assert script["default_folder"]() == tmp_path / "models" / "gemma-3-270m"
    monkeypatch.delenv("PODIUM_HOME")
    assert script["default_folder"]().parts[-3:] == ("podium", "models", "gemma-3-270m")
