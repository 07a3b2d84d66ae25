"""Clock arithmetic: what hour will it be, some hours from now?

Forty-eight generated questions on a 12-hour clock. Needs no download.

    It is 11:00 on a 12-hour clock. What hour will it be 5 hours later?
    -> 4
"""

import re
from collections.abc import Iterator

import click

from registry import Benchmark, Dataset, Sample, exact_match, hookimpl

QUESTION = "It is {hour}:00 on a 12-hour clock. What hour will it be {later} hours later?"


def questions() -> Iterator[Sample]:
    """Yield every start hour with each of four offsets."""
    for hour in range(1, 13):
        for later in (1, 5, 11, 25):
            yield Sample(
                id=f"{hour}+{later}",
                input=QUESTION.format(hour=hour, later=later),
                target=str((hour + later - 1) % 12 + 1),
            )


def last_number(text: str) -> str:
    """Return the last whole number in the text, or nothing."""
    numbers: list[str] = re.findall(r"\d+", text)
    return numbers[-1] if numbers else ""


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="clock",
            summary="Modular arithmetic on a 12-hour clock.",
            dataset=Dataset("clock", questions),
            metrics=(exact_match(extract=last_number, chance=1 / 12),),
            license="CC0-1.0",
            size="48 questions",
            tags=frozenset({"arithmetic", "synthetic"}),
        )
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    cli.add_command(tick)


@click.command()
def tick() -> None:
    """Say what a clock says."""
    click.echo("tock")
