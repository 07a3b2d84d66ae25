"""`podium models`: the models of the registry, what is known of each, and its runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from registry.cli.completion import complete_model
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show, show_page
from registry.cli.runs import COLUMNS as RUN_COLUMNS
from registry.cli.runs import listed_run
from registry.errors import UnknownName

if TYPE_CHECKING:
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
        "podium models --format csv",
    )
)
@click.argument("name", required=False, shell_complete=complete_model)
@format_option
@pass_podium
def models(podium: Podium, name: str | None, style: str) -> None:
    """List the models, or describe the one called NAME."""
    known = {row.name: row for row in podium.store.models()}
    if name is not None and name not in known:
        raise UnknownName("model", name, known, "podium models")
    views = [listed_run(view) for view in podium.store.runs()]
    items = {
        row.name: _item(row) | {"runs": sum(view["model"] == row.name for view in views)}
        for row in known.values()
    }
    if name is not None:
        own = [view for view in views if view["model"] == name]
        show_page(_page(items[name], own), {**items[name], "runs": own}, style)
        return
    if not items:
        click.echo("No model yet. Run one with: podium run BENCHMARK --model MODEL", err=True)
    show(Table(list(items.values()), COLUMNS), style)


def _item(row: "ModelRow") -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS}


def _page(item: Record, runs: Sequence[Record]) -> Page:
    return Page(
        heading=f"{item['name']}  {item['title']}".strip(),
        facts={
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
        tables=(Table(runs, [c for c in RUN_COLUMNS if c.heading != "model"], "Runs"),),
    )
