"""`podium check-benchmark`: hold a benchmark to the contract, and say which rules it breaks."""

from pathlib import Path
from typing import Any

import click

from registry.cli.completion import complete_benchmark
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Table, format_option, show
from registry.errors import RegistryError

VERDICTS = {True: "✓ holds", False: "✗ broken", None: "– n/a"}
COLUMNS = (
    Column("", lambda result: VERDICTS[result["holds"]]),
    Column("rule", "rule"),
    Column("what it says", lambda result: "; ".join(result["findings"]) or result["sentence"]),
)


def words_of(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, ...]:
    """Split WORD,WORD."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


variant_option = click.option(
    "--variant",
    default="",
    callback=words_of,
    metavar="WORD,WORD",
    help="Settings other than the defaults (podium benchmarks NAME lists them).",
)
data_option = click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Where its files are. Default: its offline sample.",
)


@click.command(
    "check-benchmark",
    epilog=examples(
        "podium check-benchmark mmlu",
        "podium check-benchmark mmlu --variant 0-shot --data DIR",
        "podium --plugin clock.py check-benchmark clock --format json",
    ),
)
@click.argument("name", shell_complete=complete_benchmark)
@variant_option
@data_option
@format_option
@pass_podium
def check_benchmark(
    podium: Podium, name: str, variant: tuple[str, ...], data: Path | None, style: str
) -> None:
    """Check that a benchmark keeps the contract.

    Nothing is asked of a model: answers are made from the targets. The exit status is 1 where a
    rule is broken.
    """
    results = _results(podium, name, variant, data)
    show(Table(results, COLUMNS), style)
    broken = [result["rule"] for result in results if result["holds"] is False]
    if broken:
        raise RegistryError(
            f"{name} breaks {len(broken)} of {len(results)} rules. "
            f"See what it asks with: podium inspect {name}"
        )


def _results(
    podium: Podium, name: str, variant: tuple[str, ...], data: Path | None
) -> list[dict[str, Any]]:
    # Inside: `podium --help` needs none of it.
    from registry.subject import Subject
    from registry.testing import check

    benchmark = podium.plugins.benchmark(name)
    benchmark.variant(variant)
    subject = Subject(
        benchmark,
        variant,
        data,
        podium.plugins.plugin_of(name),
        tuple(podium.files),
        tuple(podium.without),
    )
    return [
        {
            "rule": result.rule,
            "holds": result.holds,
            "sentence": result.sentence,
            "findings": list(result.findings),
        }
        for result in check(subject)
    ]
