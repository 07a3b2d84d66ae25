"""`podium import`: take published scores into the registry, and say what became of every row."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Record, Table, format_option, show_page
from registry.errors import ImportFailure
from registry.importing import BUILT_IN, FORMATS, read_path

if TYPE_CHECKING:
    from registry.importing.storing import ImportReport, Outcome

VERDICTS = ("added", "filled", "unchanged", "corrected", "conflicting", "refused")
COUNTS = (Column("kind", "kind"), *(Column(verdict, verdict) for verdict in VERDICTS))
ROWS = (
    Column("row", "where"),
    Column("kind", "kind"),
    Column("verdict", "verdict"),
    Column("reason", "reason"),
)
SHOWN = 20
"""How many rows that were not simply taken people are shown; JSON and CSV have all."""


@click.command(
    "import",
    epilog=examples(
        "podium import published/ --dry-run",
        "podium import scores.csv --correct",
        "podium import --builtin",
    ),
)
@click.argument("path", required=False, type=click.Path(path_type=Path), metavar="[FILE|DIR]")
@click.option("--builtin", is_flag=True, help="Import the catalogue that Podium ships.")
@click.option(
    "--from", "kind", type=click.Choice(list(FORMATS)), help="What it is, where that is not plain."
)
@click.option("--dry-run", is_flag=True, help="Say what would be stored, and store nothing.")
@click.option(
    "--correct",
    is_flag=True,
    help="A source now says another number: record it, and keep the old one as superseded.",
)
@format_option
@pass_podium
def import_(
    podium: Podium,
    path: Path | None,
    builtin: bool,
    kind: str | None,
    dry_run: bool,
    correct: bool,
    style: str,
) -> None:
    """Take published scores from a FILE or a DIR.

    All rows are stored or none: a row that is wrong, or a number that differs from what the same
    source said before, stops the import. What is known already stays as it is, so importing twice
    changes nothing.
    """
    if (path is None) != builtin:
        raise click.UsageError("Name a file or folder, or give --builtin.")
    # Inside: the store takes longer to import than `podium --help` may take.
    from registry.importing.storing import store_batch

    batch = read_path(path or BUILT_IN, kind or "")
    report = store_batch(podium.store, batch, correct=correct, dry_run=dry_run)
    show_page(_page(report), _item(report), style)
    if report.stops:
        raise ImportFailure(_what_stopped(report, path))


def _what_stopped(report: "ImportReport", path: Path | None) -> str:
    """Say why nothing was stored, and what to type."""
    refused = sum(outcome.verdict == "refused" for outcome in report.stops)
    where = shlex.quote(str(path)) if path else "--builtin"
    if refused:
        return (
            f"nothing was stored, {_count(refused, 'row')} cannot be taken. Mend what is named "
            f"above, then: podium import {where} --dry-run"
        )
    return (
        f"nothing was stored, {_count(len(report.stops), 'number')} differ from what the source "
        f"said before. If it corrected itself, keep both with: podium import {where} --correct"
    )


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _item(report: "ImportReport") -> dict[str, Any]:
    return {
        "stored": report.stored,
        "dry_run": report.dry_run,
        "counts": [
            {"kind": kind, **dict.fromkeys(VERDICTS, 0), **counts}
            for kind, counts in report.counts.items()
        ],
        "rows": [_row(outcome) for outcome in _notable(report)],
    }


def _notable(report: "ImportReport") -> Iterable["Outcome"]:
    """Return the rows that were not simply taken, those that stop the import first."""
    others = [outcome for outcome in report.outcomes if outcome.reason]
    return sorted(others, key=lambda outcome: outcome not in report.stops)


def _row(outcome: "Outcome") -> dict[str, str]:
    return {
        "where": outcome.where,
        "kind": outcome.kind,
        "verdict": outcome.verdict.value,
        "reason": outcome.reason,
    }


def _page(report: "ImportReport") -> Page:
    item = _item(report)
    changed = any(count[v] for count in item["counts"] for v in ("added", "filled", "corrected"))
    heading = "stored" if changed else "nothing to store: all of it is known"
    if report.stops:
        heading = "nothing is stored"
    elif report.dry_run and changed:
        heading = "this would be stored"
    rows: list[Record] = item["rows"]
    left = len(rows) - SHOWN
    return Page(
        heading=heading,
        tables=(
            Table([_without_zeros(count) for count in item["counts"]], COUNTS),
            Table(rows[:SHOWN], ROWS, "Not simply taken"),
        ),
        notes=(f"{left} more such rows: --format json has all.",) if left > 0 else (),
    )


def _without_zeros(count: Record) -> dict[str, Any]:
    """Return the counts with nothing where there is none, so that empty columns are left out."""
    return {name: value if value != 0 else None for name, value in count.items()}
