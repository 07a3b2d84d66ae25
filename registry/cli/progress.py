"""`podium progress`: the frontier of one comparable group over the release dates of its models."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from registry.charts import SUFFIXES, save_chart
from registry.cli.completion import complete_benchmark
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.leaderboard import Asked, Boards, leaderboard
from registry.cli.output import Column, Page, Record, Table, format_option, show, show_page
from registry.cli.related import described
from registry.cli.text_chart import text_chart
from registry.leaderboard import Board
from registry.progress import (
    Point,
    Progress,
    Step,
    frontier_sentence,
    open_weights_sentence,
)
from registry.progress import progress as progress_of

COLUMNS = (
    Column("released", "released"),
    Column("model", lambda p: p["title"] or p["model"]),
    Column("organization", "organization"),
    Column("score", "value"),
    Column("95 % interval", lambda p: _interval(p)),
    Column("weights", "weights"),
    Column("kind", "kind"),
    Column("overall", lambda p: _gain(p, "overall")),
    Column("open", lambda p: _gain(p, "open")),
    Column("closed", lambda p: _gain(p, "closed")),
)
FIELDS = (
    *("model", "title", "organization", "value", "low", "high", "is_assumed", "n", "variant"),
    *("kind", "date", "source", "url", "run_id"),
)


def _chart_file(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in SUFFIXES:
        raise click.BadParameter(
            f"'{path.name}' must end in {', '.join(SUFFIXES)}, which say the format"
        )
    return path


@click.command(
    epilog=examples(
        "podium progress mmmu",
        "podium progress mmlu --as-of 2024-06-30 --no-chart",
        "podium progress mmmu --group test --chart mmmu.svg",
        "podium progress mathvista --format csv",
    )
)
@click.argument("benchmark", shell_complete=complete_benchmark)
@click.option("--variant", default="", help="Use this variant alone; some words are enough.")
@click.option("--group", default="", help="Use this group of comparable variants.")
@click.option("--metric", default="", help="Use this metric in place of the headline.")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=lambda _ctx, _param, typed: typed.date() if typed else None,
    metavar="DATE",
    help="The numbers that were public on that day.",
)
@click.option(
    "--chart",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_chart_file,
    metavar="FILE",
    help="Draw it as well, as .svg, .png, .html or Vega-Lite .json (extra: plot).",
)
@click.option("--no-chart", is_flag=True, help="Print no chart, only the table.")
@format_option
@pass_podium
def progress(
    podium: Podium,
    /,
    benchmark: str,
    chart: Path | None,
    no_chart: bool,
    style: str,
    **options: Any,
) -> None:
    """Show how the best score of a benchmark moved.

    A model is on the frontier when it beats all that were released before it; an equal score does
    not advance it. One comparable group is shown, as podium leaderboard has it: one number a model,
    disputed ones left out. Dates are the models' releases, not the days on which numbers were
    published; a model of unknown date is left out and counted. Open and closed weights have
    frontiers of their own beside the overall one; the numbers under them are what a step gained.
    """
    boards = _boards(podium, benchmark, options)
    board = boards.main
    if board is None:
        click.echo(boards.why_empty(), err=True)
        found = None
    else:
        found = progress_of(board, boards.models)
    if chart and found and found.points:
        _draw(boards, found, chart)
    elif chart:
        click.echo(f"Not drawn, since no model has a release date: {chart}", err=True)
    _show(benchmark, found, style, with_chart=not no_chart)


def _boards(podium: Podium, benchmark: str, options: Any) -> Boards:
    """Return the benchmark's boards as `podium leaderboard` has them for the same options."""
    asked = leaderboard.make_context("leaderboard", ["--", benchmark]).params | options
    return Boards(podium, benchmark, Asked(**_without(asked, "benchmark", "style")))


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _draw(boards: Boards, found: Progress, path: Path) -> None:
    title = described(boards.podium)[boards.benchmark].title
    save_chart(found, path, f"{title or boards.benchmark}: the frontier over time")
    click.echo(f"Drawn: {path}", err=True)


def _show(benchmark: str, found: Progress | None, style: str, *, with_chart: bool) -> None:
    if style == "csv":
        steps = [step for own in found.frontiers.values() for step in own] if found else []
        show(Table([_step(step) for step in steps], ()), style)
    elif found is None:
        if style == "json":
            show_page(Page(heading=""), _empty(benchmark), style)
    else:
        show_page(_page(found, style, with_chart=with_chart), _item(found), style)


# --- For programs ---------------------------------------------------------------------------------


def _empty(benchmark: str) -> Record:
    return {
        "benchmark": benchmark,
        "group": None,
        "metric": None,
        "higher_is_better": None,
        "sentence": None,
        "frontiers": {},
        "points": [],
        "baselines": [],
        "left_out": {},
    }


def _item(found: Progress) -> Record:
    group = found.board.group
    return {
        "benchmark": group.benchmark,
        "group": group.label,
        "metric": group.metric,
        "higher_is_better": found.board.higher_is_better,
        "sentence": frontier_sentence(found),
        "frontiers": {
            name: [_step(step) for step in steps] for name, steps in found.frontiers.items()
        },
        "points": [_point(point) for point in found.points],
        "baselines": [asdict(baseline) for baseline in found.board.baselines],
        "left_out": _left_out(found),
    }


def _step(step: Step) -> Record:
    change = {"frontier": step.frontier, "gain": step.gain, "told_apart": step.told_apart}
    return change | _point(step.point)


def _point(point: Point) -> dict[str, Any]:
    row = point.standing._asdict()
    return {"released": point.released, "weights": point.weights} | {n: row[n] for n in FIELDS}


def _left_out(found: Progress) -> dict[str, int]:
    """Return how many models, and numbers, no frontier counts, by reason."""
    reasons = {
        "models without a release date": len(found.undated),
        "disputed numbers": len(found.board.disputed),
        "numbers of other variants": found.board.other_rows.get("other variants", 0),
    }
    return {reason: n for reason, n in reasons.items() if n}


# --- For people -----------------------------------------------------------------------------------


def _page(found: Progress, style: str, *, with_chart: bool) -> Page:
    text = _what(found.board)
    if with_chart and found.points:
        text = f"{text}\n\n{_text_chart(found, style)}"
    gains = {
        name: {step.point.standing.model: step for step in steps}
        for name, steps in found.frontiers.items()
    }
    rows = [_row(point, gains) for point in found.on_frontiers]
    return Page(
        heading=frontier_sentence(found),
        text=text,
        tables=[Table(rows, COLUMNS)],
        notes=_notes(found),
    )


def _what(board: Board) -> str:
    better = "higher" if board.higher_is_better else "lower"
    label = f"group {board.group.name}" if board.group.name else board.group.variant
    return (
        f"{board.group.benchmark} · {label} · {board.group.scope} · "
        f"by {board.group.metric}, {better} is better"
    )


def _text_chart(found: Progress, style: str) -> str:
    chart = text_chart(found, shutil.get_terminal_size().columns)
    return f"```text\n{chart}\n```" if style == "markdown" else chart


def _row(point: Point, gains: dict[str, dict[str, Step]]) -> Record:
    steps = {name: own.get(point.standing.model) for name, own in gains.items()}
    return _point(point) | steps


def _gain(row: Record, frontier: str) -> str:
    """Return what a step gained, "first" for the first, and a ~ where the intervals overlap."""
    step = row[frontier]
    if step is None:
        return ""
    if step.gain is None:
        return "first"
    return f"+{step.gain:.3f}{'~' if step.told_apart is False else ''}"


def _interval(row: Record) -> str:
    if row["low"] is None or row["high"] is None:
        return ""
    return f"[{row['low']:.3f}, {row['high']:.3f}]{'*' if row['is_assumed'] else ''}"


def _notes(found: Progress) -> Sequence[str]:
    notes = [open_weights_sentence(found)]
    left = ", ".join(f"{n} {reason}" for reason, n in _left_out(found).items())
    notes.append(f"Left out: {left}." if left else "")
    unknown = sum(point.open_weights is None for point in found.points)
    if unknown:
        notes.append(f"Of unknown weights, on the overall frontier only: {unknown}.")
    steps = [step for own in found.frontiers.values() for step in own]
    if any(step.told_apart is False for step in steps):
        notes.append("~ its 95 % interval meets that of the step before.")
    if any(step.point.standing.is_assumed for step in steps):
        notes.append("* assumed: only the number of items is known, taken as independent.")
    return [note for note in notes if note]
