"""`podium export`: write scores for others, as files that they and Podium can read."""

from collections.abc import Mapping
from pathlib import Path

import click

from registry.benchmark import Benchmark, Terms
from registry.cli.completion import complete_benchmark
from registry.cli.context import Podium, examples, pass_podium
from registry.discovery import podium_version
from registry.errors import ExportFailure

KINDS = ("csv", "json", "eee", "eval-results")


@click.command(
    epilog=examples(
        "podium export scores/ --as csv",
        "podium export mmlu.csv --as csv --benchmark mmlu",
        "podium export run-41.json --as json --run 41 --samples",
        "podium export records/ --as eee",
        "podium export cards/ --as eval-results --benchmark hle",
    )
)
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE|DIR")
@click.option("--as", "kind", type=click.Choice(KINDS), required=True, help="The format.")
@click.option(
    "--benchmark",
    default="",
    metavar="NAME",
    shell_complete=complete_benchmark,
    help="Only of this benchmark.",
)
@click.option("--run", "run_id", type=int, metavar="ID", help="Only of this run.")
@click.option(
    "--samples",
    is_flag=True,
    help="With json: also every answer of a run. Only where the data is open.",
)
@click.option("--force", is_flag=True, help="Write over what is there.")
@pass_podium
def export(
    podium: Podium,
    path: Path,
    kind: str,
    benchmark: str,
    run_id: int | None,
    samples: bool,
    force: bool,
) -> None:
    """Write scores, measured and published, to a FILE or a DIR.

    csv, json and eee can be imported again: measured scores are then published ones, whose source
    is the run. Of gated and credentialed data only whole-run numbers are ever written.
    """
    if samples and kind != "json":
        raise click.UsageError("--samples goes with --as json.")
    # Inside: the store takes longer to import than `podium --help` may take.
    from registry.exporting import export as write
    from registry.exporting.snapshot import take

    known = podium.plugins.benchmarks
    snapshot = take(
        podium.store,
        podium_version=podium_version(),
        benchmark=benchmark,
        run_id=run_id,
        datasets=_datasets(known),
        samples_of=_open(known) if samples else (),
    )
    if not snapshot.entries:
        raise ExportFailure("there is no score to export. List the runs with: podium runs")
    write(snapshot, path, kind, force=force)
    click.echo(f"{len(snapshot.entries):,} scores written to {path}", err=True)
    if samples:
        _say_what_was_kept(podium, snapshot.benchmarks, known)


def _datasets(known: Mapping[str, Benchmark]) -> dict[str, str]:
    """Return the hub's repository of each benchmark that is there."""
    tasks = {name: b.task_for(b.variant()) for name, b in known.items()}
    return {name: task.dataset.hub for name, task in tasks.items() if task.dataset.hub}


def _open(known: Mapping[str, Benchmark]) -> set[str]:
    """Return the benchmarks whose samples may be told; of an unknown plugin's none may."""
    return {name for name, benchmark in known.items() if benchmark.terms is Terms.OPEN}


def _say_what_was_kept(
    podium: Podium, named: Mapping[str, object], known: Mapping[str, Benchmark]
) -> None:
    measured = {view.benchmark for view in podium.store.runs() if view.run.finished_at}
    kept = sorted((measured & {*named}) - _open(known))
    if kept:
        click.echo(f"No samples of {', '.join(kept)}: their data is not open.", err=True)
