"""One progress line for a run, on the terminal's error stream, so that results can be piped."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry import Outcome, Prediction

if TYPE_CHECKING:
    from rich.progress import Progress


class Counter:
    """Counts answers and failures as they come, and shows them."""

    def __init__(self, progress: "Progress", label: str, total: int) -> None:
        """Show `label` and a bar of `total` samples."""
        self._progress = progress
        self._task = progress.add_task(label, total=total, failed=0, tokens=0)
        self._failed = self._tokens = 0

    def __call__(self, prediction: Prediction) -> None:
        """Count one prediction."""
        self._failed += prediction.outcome is Outcome.FAILED
        self._tokens += prediction.prompt_tokens + prediction.output_tokens
        self._progress.update(self._task, advance=1, failed=self._failed, tokens=self._tokens)


@contextmanager
def counted(label: str, total: int) -> Iterator[Counter]:
    """Show a progress line while the block runs; nothing moves where the stream is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed · {task.fields[tokens]:,} tokens"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Counter(progress, label, total)
