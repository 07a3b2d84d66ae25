"""`podium doctor`: whether the registry, the disk, the plugins and the installation are well."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Table, format_option, show

if TYPE_CHECKING:
    from registry.doctor import Finding

MARKS = {"ok": "✓ ok", "warning": "! warning", "problem": "✗ problem"}
COLUMNS = (
    Column("", lambda finding: MARKS[finding["level"]]),
    Column("check", "check"),
    Column("finding", "says"),
    Column("what to type", "do"),
)


@click.command(
    epilog=examples(
        "podium doctor",
        "podium --registry team.db doctor",
        "podium doctor --format json",
    )
)
@format_option
@click.pass_context
@pass_podium
def doctor(podium: Podium, context: click.Context, style: str) -> None:
    """Look over the registry and the installation.

    It looks at the database, the disks, the plugins, the engine and the GPUs. Nothing is changed or
    made. The exit status is 1 where something is a problem.
    """
    # Inside: the store takes longer to import than `podium --help` may take.
    from registry.doctor import Level, examine

    found = list(examine(podium.registry, lambda: podium.plugins))
    show(Table([_record(finding) for finding in found], COLUMNS), style)
    if any(finding.level is Level.PROBLEM for finding in found):
        context.exit(1)


def _record(finding: "Finding") -> dict[str, str]:
    return asdict(finding) | {"level": finding.level.value}
