"""The commands that ask a model, `podium run` and `resume`, and `rescore`; added by a hook."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from registry import UnknownName, hookimpl
from registry.cli.completion import complete_benchmark, complete_run
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import format_option

accept_option = click.option(
    "--accept-failures", is_flag=True, help="Finish although samples failed."
)
judge_option = click.option(
    "--judge",
    default="",
    metavar="SPEC",
    help="The second model, for benchmarks whose answers a model grades or extracts.",
)
run_argument = click.argument("run_id", metavar="ID", type=int, shell_complete=complete_run)


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add the commands that need a model, or its stored responses."""
    for command in (run, resume, rescore):
        cli.add_command(command)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _comma(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return _words(value)


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


def _settings(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """Split KEY=VALUE words, of which each must have a key."""
    pairs = _pairs(context, parameter, values)
    if "" in pairs:
        raise click.BadParameter(
            f"'{pairs['']}' has no name. Write: --engine-arg KEY=VALUE", param=parameter
        )
    return pairs


def _each_once(
    _context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> tuple[str, ...]:
    """Return the words as they are. Raises BadParameter where one is given twice."""
    for value in values:
        if values.count(value) > 1:
            raise click.BadParameter(f"'{value}' is given twice.", param=parameter)
    return tuple(values)


@click.command(
    epilog=examples(
        "podium run mmlu --sample --model echo:B",
        "podium run mmlu mimic-cxr --sample --model ./gemma-3-4b-it",
        "podium run mmlu --model google/gemma-3-4b-pt --data mmlu=DIR --replicas 4",
        "podium run mmlu --model google/gemma-3-27b-pt --tensor-parallel-size 4 --address auto",
        "podium run mmlu --sample --model echo:A --model echo:B --side-by-side",
        "podium run mmlu --variant 0-shot --limit-per-subject 8 --model DIR --format json",
        "podium run mmlu --variant first-token --model replay:responses.jsonl.gz",
    )
)
@click.argument("benchmarks", nargs=-1, shell_complete=complete_benchmark)
@click.option("--all", "everything", is_flag=True, help="Every benchmark there is.")
@click.option(
    "--model",
    "models",
    required=True,
    multiple=True,
    callback=_each_once,
    metavar="SPEC",
    help="A folder or hub id (vLLM), openai:NAME, echo:TEXT, or replay:FILE; may be repeated.",
)
@judge_option
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
    "--subjects", default="", callback=_comma, metavar="NAME,NAME", help="Ask only these subjects."
)
@click.option(
    "--repeat-fraction",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="Ask this share twice, in another order, to learn how many answers flip by chance.",
)
@accept_option
@click.option("--judge-url", default="", metavar="URL", help="Where the second model is served.")
@click.option(
    "--judge-arg",
    "judge_arguments",
    multiple=True,
    callback=_settings,
    metavar="KEY=VALUE",
    help="A setting of the second model's engine, such as tensor_parallel_size=2; may be repeated.",
)
@click.option(
    "--allow-remote",
    is_flag=True,
    help="Send credentialed or gated data to an endpoint elsewhere; recorded in the run.",
)
@click.option("--replicas", type=click.IntRange(1), default=1, help="Copies of the model.")
@click.option(
    "--tensor-parallel-size",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Split each layer of a replica over N GPUs (or CPU processes).",
)
@click.option(
    "--pipeline-parallel-size",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Split the layers of a replica into N stages, which may be on several machines.",
)
@click.option(
    "--side-by-side",
    is_flag=True,
    help="Ask all models at the same time; what finds no room in the cluster waits for it.",
)
@click.option("--address", default="", metavar="HOST:PORT", help="A running Ray cluster.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="What replicas run on; auto takes GPUs where this machine, or the cluster, has any now.",
)
@click.option("--base-url", default="", metavar="URL", help="Where an endpoint is served.")
@click.option(
    "--engine-arg",
    "engine_arguments",
    multiple=True,
    callback=_settings,
    metavar="KEY=VALUE",
    help="Any setting of the engine, such as max_model_len=8192; may be repeated.",
)
@click.option("--fresh", is_flag=True, help="Begin new runs, also where this command was stopped.")
@format_option
@pass_podium
def run(
    podium: Podium,
    /,
    benchmarks: tuple[str, ...],
    models: tuple[str, ...],
    everything: bool,
    accept_failures: bool,
    side_by_side: bool,
    fresh: bool,
    style: str,
    data: dict[str, str],
    variant: dict[str, str],
    **typed: Any,
) -> None:
    """Evaluate models on benchmarks, store every response, and show the scores.

    All benchmarks of a command share one stream into the same replicas. Several models are asked
    one after the other in the same cluster; one that cannot be loaded does not stop the next.

    Whatever ends it early, answers that came back are kept. The same command again, or podium
    resume, goes on: only what has no response is asked.
    """
    from evaluators import planning, session
    from evaluators.carrying_out import carry_out

    if data and typed["sample"]:
        raise click.UsageError("--sample reads the built-in samples. Leave out --sample or --data")
    names = _names(podium, benchmarks, everything)
    folders = _by_name("--data", data, names)
    words = _by_name("--variant", variant, names)
    asked = {
        name: planning.Options(
            model=models[0],
            data=folders.get(name, ""),
            words=_words(words.get(name, "")),
            **typed,
        )
        for name in names
    }
    at_once = len(models) if side_by_side else 1
    with session.Command(podium) as command:
        prepared = [
            command.prepare(planned, leave_out=everything, models_at_once=at_once)
            for planned in planning.plan_all(podium, asked, models, leave_out=everything)
        ]
        evaluations = session.begin_all(command, prepared, fresh=fresh)
        carry_out(
            command,
            evaluations,
            accept_failures=accept_failures,
            style=style,
            at_once=side_by_side,
        )


@click.command(epilog=examples("podium resume 41", "podium resume 41 --accept-failures"))
@run_argument
@accept_option
@format_option
@pass_podium
def resume(podium: Podium, run_id: int, accept_failures: bool, style: str) -> None:
    """Go on with a run: send only samples that have no response, then score it.

    Failed samples are tried again, unless the failures of a complete run are accepted.
    """
    from evaluators import planning, session
    from evaluators.carrying_out import carry_out

    view = podium.store.run(run_id)
    planned = planning.plan(podium, view.benchmark, planning.Options.stored(view))
    session.check_unchanged(view, planned.selection)
    runs = [session.run_of(run_id, planned)]
    with session.Command(podium) as command:
        command.claims.demand(run_id)
        if accept_failures and view.complete and not planned.options.judge:
            evaluation = session.Evaluation(runs, None, None)
        else:
            prepared = command.prepare([planned])
            session.check_same_models(view, prepared)
            evaluation = session.Evaluation(runs, prepared.engine, prepared.judge)
        carry_out(command, [evaluation], accept_failures=accept_failures, style=style)


@click.command(
    epilog=examples(
        "podium rescore 41",
        "podium rescore 41 --variant podium",
        "podium rescore 41 --judge ./judge-model",
    )
)
@run_argument
@click.option(
    "--variant", default="", callback=_comma, metavar="WORD,WORD", help="Another parser or policy."
)
@judge_option
@accept_option
@format_option
@pass_podium
def rescore(
    podium: Podium,
    run_id: int,
    variant: tuple[str, ...],
    judge: str,
    accept_failures: bool,
    style: str,
) -> None:
    """Score a run's stored responses again, without the model.

    With another variant, judge or version of the benchmark the result is a run of its own beside
    the first. Only settings that leave the prompts as they were can be changed.
    """
    from evaluators import planning, session
    from evaluators.carrying_out import carry_out

    view = podium.store.run(run_id)
    before = planning.Options.stored(view)
    first = planning.plan(podium, view.benchmark, before)
    session.check_scorable(podium, view, first.selection)
    words = [*before.words, *variant]
    planned = planning.plan(podium, view.benchmark, planning.with_words(before, words, judge))
    session.check_same_prompts(run_id, first.selection, planned.selection)
    newer = planned.selection.benchmark.version != view.run.benchmark_version
    with session.Command(podium) as command:
        if not (variant or judge or newer):
            command.claims.demand(run_id)
            evaluation = session.Evaluation([session.run_of(run_id, planned)], None, None)
        else:
            opened = command.judge([planned])
            session.check_all([planned], None, opened)
            derived = session.derive(command, run_id, planned, opened)
            evaluation = session.Evaluation([derived], None, opened)
        carry_out(command, [evaluation], accept_failures=accept_failures, style=style)


def _names(podium: Podium, benchmarks: Sequence[str], everything: bool) -> list[str]:
    if everything == bool(benchmarks):
        raise click.UsageError("Name benchmarks, or give --all. See them with: podium benchmarks")
    wanted = dict.fromkeys(benchmarks or podium.plugins.benchmarks)
    return [podium.plugins.benchmark(name).name for name in wanted]


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
