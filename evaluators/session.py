"""What `podium run`, `resume` and `rescore` share: from typed options to concluded runs."""

import hashlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import click

from evaluators.engines import open_engine
from evaluators.evaluate import Report, Run, ask, check_fit, conclude, has_images, review
from evaluators.private import Responses
from evaluators.progress import counted
from evaluators.report import show_runs
from evaluators.selection import Narrowing, Selection, select
from registry import DatasetError, Engine, EngineOptions, MissingExtra, RegistryError
from registry.benchmark import ANSWER
from registry.cli.context import Podium
from registry.database import default_url
from registry.datasets import podium_home
from registry.discovery import podium_version
from registry.store import RunPlan, RunView
from registry.tables import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed for one benchmark's run; stored with it, so that it can be asked again."""

    model: str
    judge: str = ""
    data: str = ""
    words: Sequence[str] = ()
    limit: int | None = None
    limit_per_subject: int | None = None
    subjects: Sequence[str] = ()
    sample: bool = False
    allow_remote: bool = False
    replicas: int = 1
    address: str = ""
    base_url: str = ""
    engine_arguments: Mapping[str, str]
    judge_url: str = ""
    judge_arguments: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def stored(cls, view: RunView) -> "Options":
        """Return the options as a run's row keeps them."""
        values = view.run.options
        if "model" not in values:
            raise RegistryError(
                f"run {view.run.id} was not made by this command, so it cannot go on. "
                f"Start another with: podium run {view.benchmark} --model SPEC"
            )
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**{"engine_arguments": {}} | known)


@dataclass(frozen=True, slots=True)
class Planned:
    """One benchmark that is about to be run."""

    options: Options
    selection: Selection


def plan(podium: Podium, benchmark: str, options: Options) -> Planned:
    """Read the samples that the options ask for."""
    narrowing = Narrowing(
        limit=options.limit,
        limit_per_subject=options.limit_per_subject,
        subjects=tuple(options.subjects),
    )
    selection = select(
        podium.plugins.benchmark(benchmark),
        options.words,
        Path(options.data).expanduser() if options.data else None,
        narrowing,
        sample=options.sample,
    )
    if selection.task.review and not options.judge:
        if not options.sample:
            raise RegistryError(
                f"{benchmark} ({selection.variant.name}) needs a second model, its "
                f"{selection.task.review.name}{_official(selection)}. Name one with: --judge SPEC"
            )
        # A sample only shows that all works; there the model may judge itself, and is named for it.
        options = replace(
            options,
            judge=options.model,
            judge_url=options.base_url,
            judge_arguments=options.engine_arguments,
        )
    return Planned(options, selection)


def plan_all(podium: Podium, asked: Mapping[str, Options], *, leave_out: bool) -> list[Planned]:
    """Read the samples of every benchmark; with `leave_out` not of one that lacks an extra."""
    planned = []
    for name, options in asked.items():
        try:
            planned.append(plan(podium, name, options))
        except MissingExtra as error:
            if not leave_out:
                raise
            click.echo(f"left out: {name}. {error.message}", err=True)
    return planned


def open_model(podium: Podium, options: Options) -> Engine:
    """Open the engine of the model that is evaluated."""
    serving = EngineOptions(
        replicas=options.replicas,
        address=options.address,
        base_url=options.base_url,
        arguments=options.engine_arguments,
    )
    return open_engine(options.model, serving, podium.plugins.engines)


def open_judge(podium: Podium, planned: Sequence[Planned]) -> Engine | None:
    """Open the engine of the second model, or None where nothing needs one."""
    reviewed = [each.options for each in planned if each.selection.task.review]
    if not reviewed:
        return None
    options = reviewed[0]
    serving = EngineOptions(
        replicas=options.replicas,
        address=options.address,
        base_url=options.judge_url,
        arguments=options.judge_arguments,
    )
    return open_engine(options.judge, serving, podium.plugins.engines)


def answerable(planned: Sequence[Planned], engine: Engine) -> list[Planned]:
    """Return what the model can be asked; a model without eyes is not asked about pictures."""
    kept = [
        each for each in planned if engine.identity.takes_images or not has_images(each.selection)
    ]
    for each in planned:
        if each not in kept:
            name = each.selection.benchmark.name
            click.echo(f"left out: {name} has pictures, and the model takes text only", err=True)
    return kept


def begin(podium: Podium, planned: Planned, engine: Engine, judge: Engine | None) -> Run:
    """Store a run that is about to be asked, with everything that identifies it."""
    selection, options = planned.selection, planned.options
    plugin = podium.plugins.plugin_of(selection.benchmark.name)
    run_plan = RunPlan(
        benchmark=selection.benchmark,
        variant=variant_name(selection, judge),
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
        options={each.name: getattr(options, each.name) for each in fields(options)},
    )
    return Run(podium.store.begin(run_plan), selection)


def variant_name(selection: Selection, judge: Engine | None) -> str:
    """Return the variant's name; who reviews, and with which words, is part of it."""
    step = selection.task.review
    if step is None or judge is None:
        return selection.variant.name
    identity = judge.identity
    who = "@".join(filter(None, (identity.model, identity.revision[:8])))
    wording = hashlib.sha256(step.prompt_text.encode()).hexdigest()[:8]
    return f"{selection.variant.name},{step.name}={who}#{wording}"


def carry_out(
    podium: Podium,
    runs: Sequence[Run],
    engine: Engine | None,
    judge: Engine | None,
    *,
    accept_failures: bool,
    style: str,
) -> None:
    """Ask the model, then the judge, score and report; exit 1 where a run stays unfinished.

    Without an engine only what is stored is reviewed and scored. On Ctrl-C all answers are kept.
    """
    responses = responses_of(podium)
    for run in runs:
        for line in _notes(run):
            click.echo(line, err=True)
    try:
        if engine is not None:
            _stage(ask, podium, engine, runs, responses)
        reviewed = [run for run in runs if run.selection.task.review]
        if judge is not None and reviewed:
            _stage(review, podium, judge, reviewed, responses)
        reports = [
            conclude(podium.store, run, responses, accept_failures=accept_failures) for run in runs
        ]
    except KeyboardInterrupt:
        click.echo(f"Stopped; all answers so far are kept. Go on with: {_resume(runs)}", err=True)
        raise SystemExit(130) from None
    except Exception:
        click.echo(f"\nAll answers so far are kept. Go on with: {_resume(runs)}", err=True)
        raise
    show_runs(podium, reports, style)
    for run in runs:
        click.echo(_spelled_out(podium, run), err=True, nl=False)
    unfinished = [report for report in reports if not report.finished]
    for report in unfinished:
        click.echo(_unfinished(report), err=True)
    if unfinished:
        raise SystemExit(1)


def check_all(planned: Sequence[Planned], engine: Engine | None, judge: Engine | None) -> None:
    """Refuse what engine or judge cannot or must not be asked, before anything is."""
    allowed = any(each.options.allow_remote for each in planned)
    selections = [each.selection for each in planned]
    if engine is not None:
        check_fit(selections, engine, allow_remote=allowed)
    if judge is not None:
        reviewed = [each for each in selections if each.task.review]
        check_fit(reviewed, judge, images=False, allow_remote=allowed)


def responses_of(podium: Podium) -> Responses:
    """Return where this registry's private texts are: in two registries, runs have equal ids."""
    file = (podium.registry or default_url()).removeprefix("sqlite:///")
    where = file if "://" in file else str(Path(file).resolve())
    return Responses(podium_home() / "private" / hashlib.sha256(where.encode()).hexdigest()[:16])


def _stage(
    step: Any, podium: Podium, engine: Engine, runs: Sequence[Run], responses: Responses
) -> None:
    total = sum(_outstanding(podium, run, step is review) for run in runs)
    try:
        with _stopping(engine), counted(engine.identity.model, total) as count:
            step(podium.store, engine, runs, responses, count)
    finally:
        engine.close()


def _outstanding(podium: Podium, run: Run, reviewing: bool) -> int:
    """Return how many samples have no response yet, or no review."""
    step = run.selection.task.review
    stage = step.name if reviewing and step else ANSWER
    return len(run.selection.samples) - len(podium.store.answered(run.id, stage))


@contextmanager
def _stopping(engine: Engine) -> Iterator[None]:
    """On the first Ctrl-C end with what is in flight, on the second at once."""
    calls = []

    def interrupt(_signal: int, _frame: object) -> None:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        click.echo("Waiting for the answers in flight; Ctrl-C again stops at once.", err=True)
        engine.stop()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if calls:
        raise KeyboardInterrupt


def _official(selection: Selection) -> str:
    step = selection.task.review
    return f" (the authors use {step.official})" if step and step.official else ""


def _resume(runs: Sequence[Run]) -> str:
    return " && ".join(f"podium resume {run.id}" for run in runs)


def _notes(run: Run) -> list[str]:
    """Return what the user should know before a run: which part it is, and what fell out."""
    selection = run.selection
    name = f"run {run.id}: {selection.benchmark.name} ({selection.variant.name})"
    lines = [f"{name}: {len(selection.samples):,} samples, {selection.scope}"]
    if selection.scope == Scope.PARTIAL:
        lines.append(f"  partial: {selection.scope_reason}; it has a board of its own")
    lines.extend(f"  left out: {n} {reason}" for reason, n in selection.excluded.items())
    return lines


def _spelled_out(podium: Podium, run: Run) -> str:
    """Return a note where choices took more than one pass, else nothing."""
    requests = podium.store.usage(run.id).requests
    samples = sum(podium.store.run(run.id).outcomes.values())
    if requests <= samples:
        return ""
    return (
        f"Run {run.id}: to this model's tokenizer some choices are several tokens, so they were "
        f"weighed token by token: {requests:,} requests for {samples:,} samples.\n"
    )


def _unfinished(report: Report) -> str:
    counts = []
    if report.failed:
        counts.append(f"{report.failed:,} failed (first: {report.first_failure})")
    if report.missing:
        counts.append(f"{report.missing:,} have no answer")
    resume = f"podium resume {report.run_id}"
    can_accept = report.failed and report.answered and not report.missing
    accept = f", or accept them with: {resume} --accept-failures" if can_accept else ""
    return f"Run {report.run_id} is unfinished: {', '.join(counts)}. Go on with: {resume}{accept}"


def check_unchanged(view: RunView, selection: Selection) -> None:
    """Refuse to go on where the rest would not be asked what the first were asked."""
    if selection.items_hash != view.run.items_hash:
        raise DatasetError(_changed("the samples", view))
    if selection.benchmark.version != view.run.benchmark_version:
        raise RegistryError(_changed(f"the version of {view.benchmark}", view))


def check_same_models(
    view: RunView, selection: Selection, engine: Engine, judge: Engine | None
) -> None:
    """Refuse to go on with another model or judge than the run began with."""
    if engine.identity.revision != view.run.model_revision:
        raise RegistryError(_changed("the model", view))
    if variant_name(selection, judge) != view.run.variant:
        raise RegistryError(_changed("the second model, or what it is asked,", view))


def check_scorable(podium: Podium, view: RunView, selection: Selection) -> None:
    """Refuse to score stored responses against other samples."""
    answered = podium.store.answered(view.run.id or 0)
    samples = selection.samples
    if len(samples) != view.run.n_samples or not answered <= samples.keys():
        raise DatasetError(_changed("the samples", view))


def _changed(what: str, view: RunView) -> str:
    return (
        f"{what} of run {view.run.id} changed since it began. "
        f"Start another with: podium run {view.benchmark} --model {view.run.model_spec}"
    )


def check_same_prompts(run_id: int, before: Selection, after: Selection) -> None:
    """Refuse another variant whose prompts differ: the stored responses answer other questions."""
    ids = list(before.samples)
    if ids != list(after.samples) or any(
        before.task.prompt(before.samples[each]) != after.task.prompt(after.samples[each])
        for each in ids
    ):
        raise RegistryError(
            f"{after.variant.name} asks other prompts than run {run_id} did, so its responses "
            f"cannot be used. Ask them with: podium run {after.benchmark.name} "
            f"--variant {after.variant.name}"
        )


def derive(podium: Podium, run_id: int, planned: Planned, judge: Engine | None) -> Run:
    """Store a run of another variant or judge over the responses of the first."""
    selection, options = planned.selection, planned.options
    derived = podium.store.derive(
        run_id,
        variant=variant_name(selection, judge),
        items_hash=selection.items_hash,
        benchmark_version=selection.benchmark.version,
        options={each.name: getattr(options, each.name) for each in fields(options)},
    )
    responses_of(podium).copy(run_id, derived)
    return Run(derived, selection)


def with_words(options: Options, words: Sequence[str], judge: str) -> Options:
    """Return the options of another scoring of the same responses."""
    return replace(options, words=words or options.words, judge=judge or options.judge)
