"""`podium plan`: how many items it takes to tell two models apart on a benchmark."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING

import click

from registry.cli.compare import Within
from registry.cli.completion import complete_benchmark, complete_model
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show_page
from registry.errors import RegistryError, UnknownName
from registry.leaderboard import SCOPES, Board, Standing, leaderboard

if TYPE_CHECKING:
    from registry.plan import Plan, Spread

MOST_MODELS = 12
"""So many of a board's best make 66 pairs, which take about a second."""

SPREADS = (
    Column("A", "a"),
    Column("B", "b"),
    Column("items", "n"),
    Column("deviation of A − B", "deviation"),
)


@click.command(
    epilog=examples(
        "podium plan mmlu --difference 0.03",
        "podium plan mmlu-pro --difference 0.01 --power 0.9 --level 0.01",
        "podium plan mmlu --difference 0.02 --model acme/new --model acme/old",
    )
)
@click.argument("benchmark", shell_complete=complete_benchmark)
@click.option(
    "--difference",
    type=Within(1e-9),
    required=True,
    help="What should be seen, in the metric's own units: 0.03 is three points of accuracy.",
)
@click.option(
    "--power",
    type=Within(0.5, 1, max_open=True),
    default=0.8,
    show_default=True,
    help="How probable it should be to see it.",
)
@click.option(
    "--level",
    type=Within(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="How often a difference may be seen where there is none.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_model,
    help="Plan for these models, by their runs; give two or more.",
)
@click.option("--variant", default="", help="Only runs of this variant.")
@click.option("--scope", type=click.Choice(SCOPES), help="Only runs of all questions, or of some.")
@format_option
@pass_podium
def plan(
    podium: Podium,
    benchmark: str,
    difference: float,
    power: float,
    level: float,
    models: tuple[str, ...],
    variant: str,
    scope: str | None,
    style: str,
) -> None:
    """Say how many items a difference between models takes.

    Models that fail on the same items are told apart by fewer of them, so the answer comes from
    runs at hand: the deviation of their item by item differences, the median over pairs of models.
    Without two runs that can be compared a deviation is assumed, and the answer says so.
    """
    # Inside: statistics needs SciPy, which takes longer to import than help may take.
    from registry.plan import plan as planned

    named = [podium.model(name) for name in models]
    board = _board(podium, benchmark, named, variant, scope or "")
    spreads = _spreads(podium, board) if board else []
    made = planned(difference, spreads, size=_size(board), power=power, confidence=1 - level)
    by_items = not board or _by_items(podium, board.standings[0], board.group.metric)
    item = _item(benchmark, board, made, level) | {"by_items": by_items}
    show_page(_page(item), item, style)


def _board(
    podium: Podium, benchmark: str, models: Sequence[str], variant: str, scope: str
) -> Board | None:
    """Return the board whose models are to be told apart, None where nothing was run.

    Raises UnknownName for a benchmark or model that is not there, RegistryError for models that
    share no board.
    """
    if len(models) == 1:
        raise click.UsageError("Name two models or more, or none: --model NAME --model NAME")
    rows = podium.store.headlines(benchmark=benchmark)
    if not rows and benchmark not in podium.store.benchmark_names():
        podium.plugins.benchmark(benchmark)
    known = {row.model for row in rows}
    for name in models:
        if name not in known:
            listing = f"podium runs --benchmark {benchmark}"
            raise UnknownName(f"model with a finished run of {benchmark}", name, known, listing)
    chosen = [row for row in rows if not models or row.model in models]
    board = leaderboard(chosen, variant=variant, scope=scope)
    if rows and board is None:
        raise RegistryError(
            f"no finished run of {benchmark} fits these options. "
            f"See its runs with: podium runs --benchmark {benchmark}"
        )
    if board and models and len(board.standings) < len(set(models)):
        raise RegistryError(
            f"these models share no board of {benchmark}. "
            f"See which boards there are with: podium leaderboard {benchmark}"
        )
    return board


def _spreads(podium: Podium, board: Board) -> "list[Spread]":
    """Return the spread of each pair of the board's best models, over the items both have."""
    from registry.compare import NotComparable, align
    from registry.plan import spread

    best = board.standings[:MOST_MODELS]
    values = {
        each.model: podium.store.sample_values(each.run_id, board.group.metric) for each in best
    }
    found = []
    for (a, ours), (b, theirs) in combinations(values.items(), 2):
        try:
            found.append(spread(a, b, align(ours, theirs, intersect=True)))
        except NotComparable:
            continue  # no item in common says nothing of their differences
    return [each for each in found if each]


def _by_items(podium: Podium, standing: Standing, metric: str) -> bool:
    """Whether the metric is the mean of its items, as what is planned for is."""
    from registry.compare import is_mean, mean

    values = podium.store.sample_values(standing.run_id, metric)
    return bool(values) and is_mean(standing.value, mean(values.values()))


def _size(board: Board | None) -> int | None:
    """Return how many items the board's runs were scored on."""
    return max((each.n or 0 for each in board.standings), default=0) or None if board else None


def _item(benchmark: str, board: Board | None, made: "Plan", level: float) -> dict[str, object]:
    group = board.group if board else None
    return {
        "benchmark": benchmark,
        "variant": group.variant if group else None,
        "scope": group.scope if group else None,
        "metric": group.metric if group else None,
        "difference": made.difference,
        "power": made.power,
        "level": level,
        "deviation": made.deviation,
        "assumed": not made.spreads,
        "items": made.items,
        "size": made.size,
        "enough": made.enough,
        "detectable": made.detectable,
        "pairs": [asdict(each) for each in made.spreads],
    }


def _page(item: Record) -> Page:
    where = f"{item['benchmark']} ({item['variant']})" if item["variant"] else item["benchmark"]
    pairs = len(item["pairs"])
    basis = f"the median of {pairs} pairs" if pairs > 1 else "of the one pair at hand"
    if item["assumed"]:
        basis = "assumed: the median of 28 models on MMLU-Pro, since no two runs can be compared"
    notes = [f"{pairs - 10} more pairs are in --format json."] if pairs > 10 else []
    if not item["by_items"]:
        notes.append(
            f"{item['metric']} is not the mean of its items; this plans for the mean of the items."
        )
    return Page(
        heading=f"{item['items']:,} items show a difference of {item['difference']:g} on {where}",
        facts={
            "power": item["power"],
            "level": item["level"],
            "deviation": f"{item['deviation']:.3f}, {basis}",
            "items of the benchmark": item["size"] and f"{item['size']:,}",
            "enough": item["enough"],
            "smallest difference these show": item["detectable"],
        },
        tables=(Table(item["pairs"][:10], SPREADS, "Pairs it is based on"),),
        notes=notes,
    )
