"""The commands that ask a model, `podium run` and `podium resume`; added by a hook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry import DatasetError, EngineOptions, RegistryError, hookimpl
from registry.cli.completion import complete_benchmark, complete_run
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import format_option
from registry.errors import UnknownName

if TYPE_CHECKING:
    from evaluators.evaluate import Report, Run
    from evaluators.selection import Selection
    from registry import Engine


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add the commands that need a model."""
    cli.add_command(run)
    cli.add_command(resume)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed for a run; stored with it, so that `resume` asks the same again."""

    model: str
    data: Mapping[str, str]
    words: Mapping[str, Sequence[str]]
    limit: int | None
    limit_per_subject: int | None
    subjects: Sequence[str]
    sample: bool
    replicas: int
    address: str
    base_url: str
    engine_arguments: Mapping[str, str]

    def stored(self, benchmark: str) -> dict[str, Any]:
        """Return the options of one benchmark's run as the store keeps them."""
        return {
            "data": self.data.get(benchmark, ""),
            "words": list(self.words.get(benchmark, ())),
            "limit": self.limit,
            "limit_per_subject": self.limit_per_subject,
            "subjects": list(self.subjects),
            "sample": self.sample,
            "replicas": self.replicas,
            "address": self.address,
            "base_url": self.base_url,
            "engine_arguments": dict(self.engine_arguments),
        }


def _pairs(
    _context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """Split NAME=VALUE words; a word without a name stands under ""."""
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        key, content = (name, rest) if equals else ("", value)
        if key in pairs:
            raise click.BadParameter(f"'{key}' is given twice.", param=parameter)
        pairs[key] = content
    return pairs


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


@click.command(
    epilog=examples(
        "podium run clock --model echo:",
        "podium run mmlu mimic-cxr --sample --model ./gemma-3-270m",
        "podium run mmlu --model google/gemma-3-4b-pt --data mmlu=DIR --replicas 4",
        "podium run mmlu --variant 0-shot --limit-per-subject 8 --model DIR --format json",
        "podium run mmlu --model replay:responses.jsonl.gz",
    )
)
@click.argument("benchmarks", nargs=-1, shell_complete=complete_benchmark)
@click.option("--all", "everything", is_flag=True, help="Every benchmark there is.")
@click.option(
    "--model",
    required=True,
    metavar="SPEC",
    help="A folder or hub id (vLLM), echo:TEXT, or replay:FILE.",
)
@click.option(
    "--data",
    multiple=True,
    callback=_pairs,
    metavar="[NAME=]DIR",
    help="Where a benchmark's files are; may be repeated. Default: its hub repository.",
)
@click.option("--sample", is_flag=True, help="Use the built-in offline samples; needs no data.")
@click.option(
    "--variant",
    multiple=True,
    callback=_pairs,
    metavar="[NAME=]WORD,WORD",
    help="Settings that change the number (podium benchmarks NAME lists them).",
)
@click.option("--limit", type=click.IntRange(1), help="Ask only the first N samples of each.")
@click.option("--limit-per-subject", type=click.IntRange(1), help="Only the first N a subject.")
@click.option(
    "--subjects",
    default="",
    callback=lambda _context, _parameter, value: _words(value),
    metavar="NAME,NAME",
    help="Ask only these subjects.",
)
@click.option("--accept-failures", is_flag=True, help="Finish although samples failed.")
@click.option("--replicas", type=click.IntRange(1), default=1, help="Copies of the model.")
@click.option("--address", default="", metavar="HOST:PORT", help="A running Ray cluster.")
@click.option("--base-url", default="", metavar="URL", help="Where an endpoint is served.")
@click.option(
    "--engine-arg",
    "engine_arguments",
    multiple=True,
    callback=_pairs,
    metavar="KEY=VALUE",
    help="Any setting of the engine, such as max_model_len=8192; may be repeated.",
)
@format_option
@pass_podium
def run(
    podium: Podium,
    /,
    benchmarks: tuple[str, ...],
    everything: bool,
    accept_failures: bool,
    style: str,
    data: dict[str, str],
    variant: dict[str, str],
    **typed: Any,
) -> None:
    """Evaluate a model on benchmarks, store every response, and show the scores.

    All benchmarks of a command share one stream into the same replicas. Whatever ends it early,
    answers that came back are kept: podium resume goes on.
    """
    names = _names(podium, benchmarks, everything)
    words = {name: _words(text) for name, text in _by_name("--variant", variant, names).items()}
    options = Options(data=_by_name("--data", data, names), words=words, **typed)
    selections = [_select(podium, name, options.stored(name)) for name in names]
    engine = _open(podium, options.model, options.stored(""))
    runs = _begin(podium, engine, selections, options)
    _carry_out(podium, engine, runs, accept_failures, style)


@click.command(epilog=examples("podium resume 41", "podium resume 41 --accept-failures"))
@click.argument("run_id", metavar="ID", type=int, shell_complete=complete_run)
@click.option("--accept-failures", is_flag=True, help="Finish although samples failed.")
@format_option
@pass_podium
def resume(podium: Podium, run_id: int, accept_failures: bool, style: str) -> None:
    """Go on with a run: send only samples that have no response, then score it."""
    from evaluators.evaluate import Run

    view = podium.store.run(run_id)
    selection = _select(podium, view.benchmark, view.run.options)
    if selection.items_hash != view.run.items_hash:
        raise DatasetError(
            f"the samples of run {run_id} have changed since it began. "
            f"Start another with: podium run {view.benchmark} --model {view.run.model_spec}"
        )
    engine = _open(podium, view.run.model_spec, view.run.options)
    if engine.identity.revision != view.run.model_revision:
        raise RegistryError(
            f"the model of run {run_id} has changed since it began. "
            f"Start another with: podium run {view.benchmark} --model {view.run.model_spec}"
        )
    _carry_out(podium, engine, [Run(run_id, selection)], accept_failures, style)


def _names(podium: Podium, benchmarks: Sequence[str], everything: bool) -> list[str]:
    if everything == bool(benchmarks):
        raise click.UsageError("Name benchmarks, or give --all. See them with: podium benchmarks")
    return [
        podium.plugins.benchmark(n).name
        for n in dict.fromkeys(benchmarks or podium.plugins.benchmarks)
    ]


def _by_name(option: str, pairs: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Give a value without a name to the only benchmark, and refuse names that are not run."""
    for name in pairs:
        if name and name not in names:
            raise UnknownName("benchmark in this run", name, names, f"podium run … {option} NAME=…")
    if "" in pairs and len(names) > 1:
        raise click.UsageError(
            f"Say which benchmark {option} is for: {option} {names[0]}={pairs['']}"
        )
    return {name or names[0]: value for name, value in pairs.items()}


def _select(podium: Podium, name: str, options: Mapping[str, Any]) -> "Selection":
    from evaluators.selection import Narrowing, select

    return select(
        podium.plugins.benchmark(name),
        options["words"],
        Path(options["data"]) if options["data"] else None,
        Narrowing(
            limit=options["limit"],
            limit_per_subject=options["limit_per_subject"],
            subjects=tuple(options["subjects"]),
        ),
        sample=options["sample"],
    )


def _open(podium: Podium, spec: str, options: Mapping[str, Any]) -> "Engine":
    from evaluators.engines import open_engine

    serving = EngineOptions(
        replicas=options["replicas"],
        address=options["address"],
        base_url=options["base_url"],
        arguments=options["engine_arguments"],
    )
    return open_engine(spec, serving, podium.plugins.engines)


def _begin(
    podium: Podium, engine: "Engine", selections: Sequence["Selection"], options: Options
) -> list["Run"]:
    from evaluators.evaluate import begin, check_fit
    from registry.discovery import podium_version
    from registry.store import RunPlan

    check_fit(selections, engine)
    runs = []
    for selection in selections:
        benchmark = selection.benchmark
        plugin = podium.plugins.plugin_of(benchmark.name)
        plan = RunPlan(
            benchmark=benchmark,
            variant=selection.variant.name,
            identity=engine.identity,
            model_spec=options.model,
            scope=selection.scope,
            scope_reason=selection.scope_reason,
            plugin=plugin.name,
            plugin_version=plugin.version,
            podium_version=podium_version(),
            dataset=selection.dataset,
            dataset_revision=selection.revision,
            items_hash=selection.items_hash,
            n_samples=len(selection.samples),
            excluded=selection.excluded,
            options=options.stored(benchmark.name),
        )
        runs.append(begin(podium.store, plan, selection))
    return runs


def _carry_out(
    podium: Podium, engine: "Engine", runs: Sequence["Run"], accept_failures: bool, style: str
) -> None:
    """Ask, score and report; on Ctrl-C say what is kept and how to go on."""
    from evaluators.evaluate import ask, conclude
    from evaluators.private import Responses
    from evaluators.progress import counted
    from evaluators.report import show_runs
    from registry.datasets import podium_home

    for each in runs:
        for line in _notes(each):
            click.echo(line, err=True)
    responses = Responses(podium_home() / "private")
    total = sum(len(each.selection.samples) for each in runs)
    try:
        with counted(engine.identity.model, total) as count:
            ask(podium.store, engine, runs, responses, count)
    except KeyboardInterrupt:
        ids = " ".join(str(each.id) for each in runs)
        click.echo(
            f"\nStopped; all answers so far are kept. Go on with: podium resume {ids}", err=True
        )
        raise SystemExit(130) from None
    finally:
        engine.close()
    reports = [
        conclude(podium.store, each, responses, accept_failures=accept_failures) for each in runs
    ]
    show_runs(podium, reports, style)
    unfinished = [report for report in reports if not report.finished]
    for report in unfinished:
        click.echo(_unfinished(report), err=True)
    if unfinished:
        raise SystemExit(1)


def _notes(run: "Run") -> list[str]:
    """Return what the user should know before a run: which part it is, and what fell out."""
    from registry.tables import Scope

    selection = run.selection
    name = f"run {run.id}: {selection.benchmark.name} ({selection.variant.name})"
    lines = [f"{name}: {len(selection.samples):,} samples, {selection.scope}"]
    if selection.scope == Scope.PARTIAL:
        lines.append(f"  partial: {selection.scope_reason}; it has a board of its own")
    lines.extend(f"  left out: {n} {reason}" for reason, n in selection.excluded.items())
    return lines


def _unfinished(report: "Report") -> str:
    counts = []
    if report.failed:
        counts.append(f"{report.failed:,} failed (first: {report.first_failure})")
    if report.missing:
        counts.append(f"{report.missing:,} have no answer")
    return (
        f"Run {report.run_id} is unfinished: {', '.join(counts)}. Go on with: podium resume "
        f"{report.run_id}" + (", or add --accept-failures" if report.failed else "")
    )
