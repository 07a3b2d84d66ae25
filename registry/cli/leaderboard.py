"""`podium leaderboard`: the rankings of one benchmark, and which comparable group they rank."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import click

from registry.cli.completion import complete_benchmark
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show, show_page
from registry.errors import RegistryError, UnknownName
from registry.leaderboard import SCOPES, Board, Group, Standing, leader_sentence
from registry.leaderboard import leaderboard as board_of

if TYPE_CHECKING:
    from registry.store import BoardRow

COLUMNS = (
    Column("rank", "rank"),
    Column("range", lambda s: _range(s["best_rank"], s["worst_rank"])),
    Column("model", lambda s: s["model"] or f"({s['baseline']}, a trivial baseline)"),
    Column("score", "value"),
    Column("95 % interval", lambda s: _interval(s["low"], s["high"])),
    Column("n", "n"),
    Column("runs", "runs"),
    Column("run", "run_id"),
    Column("finished", "finished_at"),
    Column("note", lambda s: "failures accepted" if s["failures_accepted"] else ""),
)
OTHERS = (
    Column("scope", "scope"),
    Column("variant", "variant"),
    Column("models", "n_models"),
    Column("to see it", "command"),
)
NO_BOARD: Record = {
    **dict.fromkeys([field.name for field in fields(Group)]),
    "higher_is_better": None,
    "leader": None,
    "n_models": 0,
    "standings": [],
    "baselines": [],
    "other_boards": [],
    "other_metrics": [],
}


@click.command(
    epilog=examples(
        "podium leaderboard mmlu",
        "podium leaderboard mmlu --top 10 --format markdown",
        "podium leaderboard mimic-cxr --scope sample --metric macro-f1",
    )
)
@click.argument("benchmark", shell_complete=complete_benchmark)
@click.option("--variant", default="", help="Rank this variant; some of its words are enough.")
@click.option("--scope", type=click.Choice(SCOPES), help="Rank runs of all questions, or of some.")
@click.option("--metric", default="", help="Rank by this metric in place of the headline.")
@click.option(
    "--benchmark-version", "version", default="", metavar="TEXT", help="Rank runs of this version."
)
@click.option("--items", default="", help="Rank partial runs whose items' hash begins like this.")
@click.option("--top", type=click.IntRange(min=1), help="Show this many rows.")
@format_option
@pass_podium
def leaderboard(
    podium: Podium,
    benchmark: str,
    variant: str,
    scope: str | None,
    metric: str,
    version: str,
    items: str,
    top: int | None,
    style: str,
) -> None:
    """Rank the models of one benchmark.

    A board ranks runs that may be compared: of one variant, scope and version. Shown is the widest
    scope that was run, and of its variants the one with most models; the other boards are named
    below the table. One row a model: its newest finished run. The range is how far up and down the
    95 % intervals allow its rank to be.
    """
    rows = podium.store.board(benchmark)
    board = None
    if rows:
        if metric:
            _check_metric(benchmark, metric, rows)
        board = board_of(
            rows,
            variant=variant and _variant(podium, benchmark, variant, rows),
            scope=scope or "",
            version=version,
            items=items,
            metric=metric,
            default_variant=lambda: _default_variant(podium, benchmark),
        )
    if board is None:
        click.echo(_why_empty(podium, benchmark, rows), err=True)
    item = _item(benchmark, board, metric, top)
    if style == "csv":
        show(Table(_rows(item), ()), style)
    elif board or style == "json":
        show_page(_page(board, item), item, style)


def _check_metric(benchmark: str, metric: str, rows: Sequence["BoardRow"]) -> None:
    known = {row.metric for row in rows if not row.baseline}
    if metric not in known:
        raise UnknownName(
            f"metric of {benchmark}", metric, known, f"podium leaderboard {benchmark}"
        )


def _variant(podium: Podium, benchmark: str, typed: str, rows: Sequence["BoardRow"]) -> str:
    """Return the full name of the variant; some of its words are enough. Raises UnknownName."""
    stored = {row.variant for row in rows}
    if typed in stored:
        return typed
    if benchmark not in podium.plugins.benchmarks:
        raise UnknownName(
            f"variant of {benchmark}", typed, stored, f"podium runs --benchmark {benchmark}"
        )
    return podium.plugins.benchmark(benchmark).variant(typed.split(",")).name


def _default_variant(podium: Podium, benchmark: str) -> str:
    """Return the variant that decides between boards of equal size, "" where no plugin says."""
    try:
        return podium.plugins.benchmark(benchmark).variant().name
    except RegistryError:
        return ""  # the scores are in the registry, whatever became of the plugin


def _why_empty(podium: Podium, benchmark: str, rows: Sequence["BoardRow"]) -> str:
    """Say why there is no board, and what to type. Raises UnknownName for a misspelt benchmark."""
    if rows:
        return (
            f"No finished run of {benchmark} fits these options. "
            f"See which boards there are with: podium leaderboard {benchmark}"
        )
    unfinished = podium.store.runs(benchmark=benchmark)
    if unfinished:
        return (
            f"No run of {benchmark} is finished yet. "
            f"Go on with: podium resume {unfinished[0].run.id}"
        )
    known = {*podium.plugins.benchmarks, *podium.store.benchmark_names()}
    if benchmark not in known:
        raise UnknownName("benchmark", benchmark, known, "podium benchmarks")
    return f"No run of {benchmark} yet. Start one with: podium run {benchmark} --model MODEL"


def _item(benchmark: str, board: Board | None, typed_metric: str, top: int | None) -> Record:
    """Return the board as JSON has it; one without a finished run has no standings."""
    if board is None:
        return {**NO_BOARD, "benchmark": benchmark}
    return {
        **asdict(board.group),
        "higher_is_better": board.higher_is_better,
        "leader": leader_sentence(board),
        "n_models": len(board.standings),
        "standings": [asdict(standing) for standing in board.standings[:top]],
        "baselines": [asdict(baseline) for baseline in board.baselines],
        "other_boards": [
            asdict(group) | {"n_models": n, "command": _command(group, board, typed_metric)}
            for group, n in board.others.items()
        ],
        "other_metrics": list(board.other_metrics),
    }


def _rows(item: Record) -> list[Record]:
    """Return standings, then baselines, each with the same fields, as CSV and people have them."""
    group = {field.name: item.get(field.name) for field in fields(Group)}
    standing = {field.name: None for field in fields(Standing)}
    return [
        *(group | s | {"baseline": ""} for s in item["standings"]),
        *(
            {name: b.get(name) for name in {**group, **standing}} | group | {"baseline": b["name"]}
            for b in item["baselines"]
        ),
    ]


def _page(board: Board | None, item: Record) -> Page:
    if board is None:
        return Page(heading=item["benchmark"])
    group = board.group
    better = "higher" if board.higher_is_better else "lower"
    items = f" · items {group.items_hash[:8]}" if group.items_hash else ""
    notes = []
    if len(item["standings"]) < len(board.standings):
        notes.append(f"{len(item['standings'])} of {len(board.standings)} models are shown.")
    if board.other_metrics:
        notes.append(
            f"Other metrics of these runs: {', '.join(board.other_metrics)} (--metric NAME)"
        )
    return Page(
        heading=item["leader"],
        text=f"{group.benchmark} version {group.benchmark_version} · {group.variant} · "
        f"{group.scope}{items} · by {group.metric}, {better} is better",
        tables=(
            Table(_rows(item), COLUMNS),
            Table(item["other_boards"], OTHERS, "Other boards; their scores do not compare"),
        ),
        notes=notes,
    )


def _command(group: Group, shown: Board, typed_metric: str) -> str:
    """Return what to type to see a board from beside another."""
    words = ["podium", "leaderboard", group.benchmark]
    words += ["--variant", group.variant, "--scope", group.scope]
    if len({g.benchmark_version for g in (shown.group, *shown.others)}) > 1:
        words += ["--benchmark-version", group.benchmark_version]
    if group.items_hash:
        words += ["--items", group.items_hash[:8]]
    if typed_metric or group.metric != shown.group.metric:
        words += ["--metric", group.metric]
    return shlex.join(words)


def _range(best: int | None, worst: int | None) -> str:
    if best is None or worst is None:
        return ""
    return str(best) if best == worst else f"{best}–{worst}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"
