"""`podium runs ID --watch`: a run as it goes on, from any terminal that reaches the registry.

A terminal is drawn anew in place. Elsewhere each look is one line of text, or of JSON.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import click

from registry.cli.context import Podium
from registry.cli.output import clean, print_json_line, rich_table
from registry.errors import StoreError
from registry.pace import duration, percentage

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.watch import Replica, View, Watch

PATIENCE = 120.0
"""Seconds for which the registry may be out of reach in mid-watch; a run waits as long for it."""

MOST_REPLICAS = 20
"""Replicas that a terminal shows: the last that answered."""

HEADINGS = ("replica", "answered", "failed", "tokens/s", "cached", "last answer")

Show: TypeAlias = "Callable[[View], None]"


def watch_run(podium: Podium, run_id: int, every: float, style: str) -> None:
    """Show a run again and again until it is finished, or until Ctrl-C.

    Raises UnknownName where there is none of that id.
    """
    # Inside: the store takes longer to import than `podium --help` may take.
    from registry.watch import Watch

    try:
        with _screen(style) as show:
            for view in _views(Watch(podium.store, run_id), every):
                show(view)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _views(watch: "Watch", every: float) -> "Iterator[View]":
    """Yield a view every so often, the last of a finished run; rest longer where looking is slow.

    Raises StoreError where the registry cannot be read at first, or not for `PATIENCE` seconds.
    """
    # Inside: see watch_run.
    from registry.watch import REST, State

    give_up = -float("inf")
    while True:
        began = time.monotonic()
        try:
            view = watch.look(began, datetime.now(UTC))
        except StoreError as error:
            if began >= give_up:
                raise
            click.echo(f"{clean(error.message)} (trying again)", err=True)
            time.sleep(every)
            continue
        took = time.monotonic() - began
        give_up = began + PATIENCE
        yield view
        if view.state is State.FINISHED:
            return
        time.sleep(max(every, REST * took))


@contextmanager
def _screen(style: str) -> Iterator[Show]:
    """Give what shows a view, in the style and as the output can take it."""
    if style == "json":
        yield lambda view: print_json_line(view.record())
    elif sys.stdout.isatty():
        with _drawn() as show:
            yield show
    else:
        yield _Lines()


class _Lines:
    """Prints one line a look; a failure's reason on one more, whenever it is another."""

    def __init__(self) -> None:
        self._failure = ""

    def __call__(self, view: "View") -> None:
        """Print a view."""
        stage = view.stages[-1]
        name = f"{clean(stage.name)} " if len(view.stages) > 1 else ""
        words = " · ".join((view.state.value, f"{name}{stage.words()[0]}", *stage.words()[1:]))
        click.echo(f"{datetime.now():%Y-%m-%d %H:%M:%S} run {view.snapshot.run_id}: {words}")
        if view.first_failure not in ("", self._failure):
            click.echo(_failure(view))
        self._failure = view.first_failure


def _failure(view: "View") -> str:
    return f"first failure: {clean(view.first_failure)}"


@contextmanager
def _drawn() -> Iterator[Show]:
    # Inside: only a terminal needs it, and `podium --help` must not wait for it.
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(), auto_refresh=False) as live:
        yield lambda view: live.update(_picture(view), refresh=True)


def _picture(view: "View") -> "RenderableType":
    # Inside: see _drawn.
    from rich.console import Group
    from rich.text import Text

    run = view.snapshot
    heading = f"run {run.run_id}: {run.model} on {run.benchmark} ({run.variant}), {run.scope}"
    parts: list[RenderableType] = [
        Text(clean(heading), style="bold"),
        Text(f"{view.state.value}, {duration(view.elapsed_seconds)} after it began"),
    ]
    for stage in view.stages:
        parts.append(Text(f"\n{clean(stage.name)}: {' · '.join(stage.words())}"))
        if any(replica.name for replica in stage.replicas):
            parts.extend(_replicas(stage.replicas))
    if view.first_failure:
        parts.append(Text(f"\n{_failure(view)}"))
    return Group(*parts)


def _replicas(replicas: "Sequence[Replica]") -> "Iterator[RenderableType]":
    """Yield a table of the last to answer, by name so that none jumps about, and how many more."""
    # Inside: see _drawn.
    from rich.text import Text

    shown = sorted(replicas[:MOST_REPLICAS], key=lambda replica: replica.name)
    right = [heading != HEADINGS[0] for heading in HEADINGS]
    yield rich_table(HEADINGS, [_cells(replica) for replica in shown], right)
    if len(replicas) > len(shown):
        yield Text(f"and {len(replicas) - len(shown)} that answered before these")


def _cells(replica: "Replica") -> list[str]:
    reading, count = replica.reading, replica.reading.count
    speed, age = reading.tokens_per_second, reading.silent_seconds
    return [
        clean(replica.name),
        f"{count.answered:,}",
        f"{count.failed:,}",
        "" if speed is None else f"{speed:,.0f}",
        percentage(count.cached_tokens, count.prompt_tokens) if count.prompt_tokens else "",
        "" if age is None else f"{duration(age)} ago",
    ]
