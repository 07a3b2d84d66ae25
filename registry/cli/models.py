"""`podium models`: the models of the registry; of one, its standings, runs and published scores."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from registry.cli.completion import complete_model
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show, show_page
from registry.cli.runs import COLUMNS as RUN_COLUMNS
from registry.cli.runs import listed_run
from registry.filters import current
from registry.leaderboard import Board, leaderboard

if TYPE_CHECKING:
    from registry.store import BoardRow, Store
    from registry.tables import ModelRow

COLUMNS = (
    Column("model", "name"),
    Column("organization", "organization"),
    Column("parameters (B)", "parameters_b"),
    Column("context", "context_tokens"),
    Column("license", "license"),
    Column("open weights", "open_weights"),
    Column("modalities", "modalities"),
    Column("released", "release_date"),
    Column("runs", "runs"),
)
STANDINGS = (
    Column("benchmark", "benchmark"),
    Column("group or variant", "group"),
    Column("metric", "metric"),
    Column("rank", lambda s: f"{s['rank']} of {s['n_models']}"),
    Column("score", "value"),
    Column("low", "low"),
    Column("high", "high"),
    Column("kind", "kind"),
    Column("date", "date"),
    Column("source", lambda s: f"run {s['run_id']}" if s["run_id"] else s["source"]),
)
GAPS = (
    Column("benchmark", "benchmark"),
    Column("group", "group"),
    Column("metric", "metric"),
    Column("published", "published"),
    Column("kind", "kind"),
    Column("source", "source"),
    Column("measured", "measured"),
    Column("run", "run_id"),
    Column("gap", lambda g: f"{g['gap']:+.3f}"),
    Column("95 % interval", lambda g: _interval(g)),
)
FIELDS = (
    "name",
    "title",
    "organization",
    "parameters_b",
    "active_parameters_b",
    "context_tokens",
    "license",
    "open_weights",
    "modalities",
    "release_date",
    "price_input",
    "price_output",
)


@click.command(
    epilog=examples(
        "podium models",
        "podium models google/medgemma-4b-it",
        "podium models 'MedGemma 4B IT' --format json",
        "podium models --format csv",
    )
)
@click.argument("name", required=False, shell_complete=complete_model)
@format_option
@pass_podium
def models(podium: Podium, name: str | None, style: str) -> None:
    """List the models, or describe the one called NAME.

    NAME may be any of its names: a hub id, a title, a leaderboard's spelling.
    """
    if name is not None:
        _show_model(podium, name, style)
        return
    views = [listed_run(view) for view in podium.store.runs()]
    items = [
        _item(row) | {"runs": sum(view["model"] == row.name for view in views)}
        for row in podium.store.models()
    ]
    if not items:
        click.echo("No model yet. Run one with: podium run BENCHMARK --model MODEL", err=True)
    show(Table(items, COLUMNS), style)


def _show_model(podium: Podium, typed: str, style: str) -> None:
    """Print a model by any of its names. Raises UnknownName, or AmbiguousName for several."""
    # Inside: the store takes longer to import than `podium --help` may take.
    from registry.replication import gaps
    from registry.reported import aliases_of, board_rows

    store = podium.store
    name = podium.model(typed)
    row = next(row for row in store.models() if row.name == name)
    numbers = current(board_rows(store, model=name))
    item = _item(row) | {
        "aliases": aliases_of(store, name),
        "standings": list(_standings(store, numbers)),
        "gaps": [asdict(gap) for gap in gaps(numbers)],
        "runs": [view for view in map(listed_run, store.runs()) if view["model"] == name],
    }
    show_page(_page(item), item, style)


def _standings(store: "Store", numbers: Sequence["BoardRow"]) -> Iterator[Record]:
    """Yield where a model stands on each board of each benchmark that it has a number of."""
    # Inside: see `_show_model`.
    from registry.reported import board_rows

    model = numbers[0].model if numbers else ""
    for benchmark in sorted({row.benchmark for row in numbers}):
        rows = current(board_rows(store, benchmark))
        for board in _boards(rows):
            for standing in board.standings:
                if standing.model == model:
                    group = {"benchmark": benchmark, "group": board.group.label}
                    group |= {"metric": board.group.metric, "scope": board.group.scope}
                    yield group | {"n_models": len(board.standings)} | standing._asdict()


def _boards(rows: Sequence["BoardRow"]) -> Iterator[Board]:
    """Yield every board that the numbers of a benchmark make, the default one first."""
    first = leaderboard(rows)
    if first is None:
        return
    yield first
    for group in first.others:
        board = leaderboard(
            rows,
            variant=group.variant,
            name=group.name,
            scope=group.scope,
            version=group.benchmark_version,
            items=group.items_hash,
            metric=group.metric,
        )
        if board:
            yield board


def _item(row: "ModelRow") -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS}


def _interval(gap: Record) -> str:
    if gap["low"] is None:
        return ""
    return f"[{gap['low']:+.3f}, {gap['high']:+.3f}]{'*' if gap['is_partial'] else ''}"


def _page(item: Record) -> Page:
    note = "* the source gives no error of its own number, so the true interval is wider"
    return Page(
        heading=f"{item['name']}  {item['title']}".strip(),
        facts={
            "also known as": item["aliases"],
            "organization": item["organization"],
            "parameters (B)": item["parameters_b"],
            "active parameters (B)": item["active_parameters_b"],
            "context tokens": item["context_tokens"],
            "license": item["license"],
            "open weights": item["open_weights"],
            "modalities": item["modalities"],
            "released": item["release_date"],
            "USD per million input tokens": item["price_input"],
            "USD per million output tokens": item["price_output"],
        },
        tables=(
            Table(item["standings"], STANDINGS, "Standings"),
            Table(item["gaps"], GAPS, "Measured here minus published"),
            Table(item["runs"], [c for c in RUN_COLUMNS if c.heading != "model"], "Runs"),
        ),
        notes=(note,) if any(gap["is_partial"] for gap in item["gaps"]) else (),
    )
