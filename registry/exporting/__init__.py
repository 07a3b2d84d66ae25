"""Scores go out here: each format is a module that writes a `Snapshot` of the registry to a path.

A new format is a module with `write(snapshot, path)`, and one line in `FORMATS`. What is written
is written whole or not at all; it holds numbers and facts, and samples only where that is asked.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.errors import ExportFailure
from registry.exporting import catalog, eee, eval_results, podium_json
from registry.exporting.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what it is, how it is written, and whether it makes a folder or a file."""

    summary: str
    write: Callable[[Snapshot, Path], None]
    is_folder: Callable[[Path], bool]


FORMATS: dict[str, Format] = {
    "csv": Format(
        "a folder of CSV files that can be imported again, or one table (NAME.csv)",
        catalog.write,
        lambda path: path.suffix.lower() != ".csv",
    ),
    "json": Format("one JSON file that can be imported again", podium_json.write, lambda _: False),
    "eee": Format("a folder of Every Eval Ever 0.3 records", eee.write, lambda _: True),
    "eval-results": Format(
        "a folder with .eval_results/*.yaml for each model, as the hub reads them",
        eval_results.write,
        lambda _: True,
    ),
}


def export(snapshot: Snapshot, path: Path, format_name: str, *, force: bool = False) -> None:
    """Write the snapshot, all of it or nothing. Raises ExportFailure where it cannot be written."""
    chosen = FORMATS[format_name]
    is_folder = chosen.is_folder(path)
    _check(path, is_folder=is_folder, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            made = Path(folder) / path.name
            if is_folder:
                made.mkdir()
            chosen.write(snapshot, made)
            _put(made, path)
    except OSError as error:
        raise ExportFailure(
            f"{path} cannot be written: {error.strerror or error}. Look with: ls -ld {path.parent}"
        ) from error


def _check(path: Path, *, is_folder: bool, force: bool) -> None:
    """Refuse to write over what is there, and a folder where a file is to be."""
    if not path.exists():
        return
    if path.is_dir() != is_folder:
        kind = "a folder" if path.is_dir() else "a file"
        raise ExportFailure(f"{path} is {kind}. Name another path: podium export PATH")
    if not force and (path.is_file() or any(path.iterdir())):
        raise ExportFailure(
            f"{path} is there already. Name another path, or write over it with: --force"
        )


def _put(made: Path, path: Path) -> None:
    """Move what was made to its place; files of other names in a folder stay."""
    if not made.is_dir():
        made.replace(path)
        return
    for file in sorted(made.rglob("*")):
        if file.is_file():
            target = path / file.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, target)
    path.mkdir(exist_ok=True)
