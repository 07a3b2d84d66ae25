"""One progress line while a model is asked, on the error stream, so that results can be piped.

On a terminal it is redrawn in place. Elsewhere a plain line comes every half minute, so that the
log of an overnight run shows life, and shows since when there is none.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import click
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from registry import Outcome, Prediction
from registry.cli.output import clean
from registry.pace import Count, Pace, duration

LINE_SECONDS = 30.0
BAR_WIDTH = 12


class Counter:
    """Counts predictions as they come, and says how far that is and how fast it goes."""

    def __init__(self, label: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Count up to `total`; `clock` is a steady one."""
        self._label, self._total, self._clock = clean(label), total, clock
        self._count = Count()
        self._replicas: set[str] = set()
        self._began = clock()
        self._pace = Pace()
        self._pace.observe(self._began, self._count)

    def __call__(self, prediction: Prediction) -> None:
        """Count one prediction."""
        failed = prediction.outcome is Outcome.FAILED
        self._count += Count(
            not failed,
            failed,
            prediction.prompt_tokens,
            prediction.cached_tokens,
            prediction.output_tokens,
        )
        if prediction.replica:
            self._replicas.add(prediction.replica)

    @property
    def share(self) -> float:
        """How much of all has come back, from 0 to 1."""
        return self._count.returned / self._total if self._total else 1.0

    def line(self) -> str:
        """Return how far it is now, in one line; before the first answer the model is starting.

        It looks at the clock, and only one thread may ask.
        """
        now = self._clock()
        self._pace.observe(now, self._count)
        reading = self._pace.reading(self._total)
        elapsed = duration(now - self._began)
        if reading.silent_seconds is None and self._total:
            return f"{self._label}: starting ({elapsed}) · {self._total:,} to ask"
        words = [*reading.words(replicas=len(self._replicas)), f"{elapsed} elapsed"]
        return f"{self._label}: {' · '.join(words)}"


@contextmanager
def counted(label: str, total: int, every: float = LINE_SECONDS) -> Iterator[Counter]:
    """Show how far the block is while it runs and at its end; no terminal gets a line `every`."""
    counter = Counter(label, total)
    console = Console(stderr=True)
    # Rich also takes a stream for a terminal where colours are forced, as CI does for its logs.
    is_terminal = sys.stderr.isatty() and console.is_interactive
    with _redrawn(counter, console) if is_terminal else _written(counter, every):
        yield counter


def _redrawn(counter: Counter, console: Console) -> Live:
    def drawn() -> Table:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=BAR_WIDTH)
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_row(ProgressBar(total=1.0, completed=counter.share), Text(counter.line()))
        return line

    return Live(get_renderable=drawn, console=console)


@contextmanager
def _written(counter: Counter, every: float) -> Iterator[None]:
    done = threading.Event()

    def write_on() -> None:
        while not done.wait(every):
            _write(counter)

    # Of its own: while nothing comes, nothing else would run that could say so.
    thread = threading.Thread(target=write_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _write(counter)


def _write(counter: Counter) -> None:
    click.echo(f"{datetime.now():%Y-%m-%d %H:%M:%S} {counter.line()}", err=True)
