"""What `podium run`, `resume` and `rescore` share: from typed options to concluded runs."""

import hashlib
import signal
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import click

from evaluators.claims import Claims
from evaluators.engines import open_engine
from evaluators.evaluate import Report, Run, ask, check_fit, conclude, has_images, review
from evaluators.private import Responses
from evaluators.progress import counted
from evaluators.report import show_runs
from evaluators.selection import Narrowing, Selection, select
from evaluators.serving import PARALLEL
from evaluators.side_by_side import side_by_side
from registry import (
    DatasetError,
    Engine,
    EngineOptions,
    MissingExtra,
    Outcome,
    Prediction,
    RegistryError,
    Shared,
)
from registry.benchmark import ANSWER, REPEAT
from registry.cli.context import Podium
from registry.database import default_url
from registry.datasets import podium_home
from registry.discovery import podium_version
from registry.errors import StoreError
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
    repeat_fraction: float = 0.0
    allow_remote: bool = False
    replicas: int = 1
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    device: str = "auto"
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


PLACEMENT = frozenset({"replicas", "address"})
"""Options that say where a model is asked, and change no answer."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One benchmark that is about to be run."""

    options: Options
    selection: Selection


@dataclass(frozen=True, slots=True)
class Prepared:
    """One model of a command before its runs are begun: what it is asked, and by whom."""

    planned: Sequence[Planned]
    engine: Engine
    judge: Engine | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model of a command and its runs; without an engine only what is stored is scored.

    `kept` are runs that the same command has finished before; they are only shown.
    """

    runs: Sequence[Run]
    engine: Engine | None
    judge: Engine | None
    kept: Sequence[int] = ()


class Command:
    """What one command holds until it ends: engines, what they share, and the runs it works on."""

    def __init__(self, podium: Podium) -> None:
        """Hold nothing yet."""
        self.podium = podium
        self.shared = Shared()
        self._judges: dict[str, Engine] = {}

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *_error: object) -> None:
        self.shared.close()
        self.claims.release()

    @cached_property
    def claims(self) -> Claims:
        """The runs of this registry that no other process must work on meanwhile."""
        return Claims(_folder_of(self.podium, "claims"))

    @cached_property
    def responses(self) -> Responses:
        """Where this registry's private texts are."""
        return Responses(_folder_of(self.podium, "private"))

    def prepare(
        self, planned: Sequence[Planned], *, leave_out: bool = False, models_at_once: int = 1
    ) -> Prepared:
        """Open who answers and who reviews, and check that they can be asked all of it.

        With `leave_out`, questions with pictures are left out for a model without eyes.
        """
        engine = self._model(planned[0].options, models_at_once)
        if leave_out:
            planned = _answerable(planned, engine)
        judge = self.judge(planned)
        check_all(planned, engine, judge)
        return Prepared(planned, engine, judge)

    def _model(self, options: Options, models_at_once: int) -> Engine:
        serving = replace(
            self._serving(options),
            tensor_parallel_size=options.tensor_parallel_size,
            pipeline_parallel_size=options.pipeline_parallel_size,
            models_at_once=models_at_once,
            base_url=options.base_url,
            arguments=options.engine_arguments,
        )
        return open_engine(options.model, serving, self.podium.plugins.engines)

    def judge(self, planned: Sequence[Planned]) -> Engine | None:
        """Open the engine of the second model, once for all whom it reviews.

        Returns None where nothing needs one.
        """
        reviewed = [each.options for each in planned if each.selection.task.review]
        if not reviewed:
            return None
        options = reviewed[0]
        serving = replace(
            self._serving(options),
            base_url=options.judge_url,
            arguments=options.judge_arguments,
        )
        key = repr((options.judge, serving))
        if key not in self._judges:
            engines = self.podium.plugins.engines
            self._judges[key] = open_engine(options.judge, serving, engines)
        return self._judges[key]

    def _serving(self, options: Options) -> EngineOptions:
        return EngineOptions(
            replicas=options.replicas,
            device=options.device,
            address=options.address,
            shared=self.shared,
        )


def plan(podium: Podium, benchmark: str, options: Options) -> Planned:
    """Read the samples that the options ask for."""
    return _judged(options, _selection(podium, benchmark, options))


def plan_all(
    podium: Podium, asked: Mapping[str, Options], models: Sequence[str], *, leave_out: bool
) -> list[list[Planned]]:
    """Read the samples of every benchmark, to ask them each of the models.

    With `leave_out`, a benchmark that lacks an extra is left out.
    """
    selections = {}
    for name, options in asked.items():
        try:
            selections[name] = _selection(podium, name, options)
        except MissingExtra as error:
            if not leave_out:
                raise
            click.echo(f"left out: {name}. {error.message}", err=True)
    return [
        [_judged(replace(asked[name], model=model), read) for name, read in selections.items()]
        for model in models
    ]


def _selection(podium: Podium, benchmark: str, options: Options) -> Selection:
    narrowing = Narrowing(
        limit=options.limit,
        limit_per_subject=options.limit_per_subject,
        subjects=tuple(options.subjects),
    )
    return select(
        podium.plugins.benchmark(benchmark),
        options.words,
        Path(options.data).expanduser() if options.data else None,
        narrowing,
        sample=options.sample,
    )


def _judged(options: Options, selection: Selection) -> Planned:
    """Plan to ask the samples; a benchmark that needs a second model must have one.

    A sample only shows that all works; there the model may judge itself, and is named for it.
    """
    if options.repeat_fraction and selection.task.review:
        raise RegistryError(
            f"{selection.benchmark.name}: what a second model reads cannot be repeated alone. "
            "Leave out --repeat-fraction, or run it by itself"
        )
    if not selection.task.review or options.judge:
        return Planned(options, selection)
    if not options.sample:
        raise RegistryError(
            f"{selection.benchmark.name} ({selection.variant.name}) needs a second model, its "
            f"{selection.task.review.name}{_official(selection)}. Name one with: --judge SPEC"
        )
    sizes = {name: getattr(options, name) for name in PARALLEL}
    parallel = {name: str(size) for name, size in sizes.items() if size > 1}
    itself = replace(
        options,
        judge=options.model,
        judge_url=options.base_url,
        judge_arguments=parallel | dict(options.engine_arguments),
    )
    return Planned(itself, selection)


def _answerable(planned: Sequence[Planned], engine: Engine) -> list[Planned]:
    """Return what the model can be asked; a model without eyes is not asked about pictures."""
    kept = [
        each for each in planned if engine.identity.takes_images or not has_images(each.selection)
    ]
    for each in planned:
        if each not in kept:
            name = each.selection.benchmark.name
            click.echo(
                f"left out: {name} has pictures, and {engine.identity.model} takes text only",
                err=True,
            )
    return kept


def begin_all(command: Command, prepared: Sequence[Prepared], *, fresh: bool) -> list[Evaluation]:
    """Store the runs that are about to be asked, with everything that identifies them.

    Where the same command was stopped before, go on with it instead (unless it shall be `fresh`):
    with its unfinished runs, beside which the finished ones are kept as they are.
    """
    store = command.podium.store
    plans = [[_plan_of(command.podium, planned, e) for planned in e.planned] for e in prepared]
    with command.claims.choosing():
        before = [
            [None if fresh else store.newest_like(each, PLACEMENT) for each in some]
            for some in plans
        ]
        stopped = any(_is_left(command, view) for views in before for view in views)
        return [
            _begun(command, each, some, views if stopped else [None] * len(some))
            for each, some, views in zip(prepared, plans, before, strict=True)
        ]


def _begun(
    command: Command,
    prepared: Prepared,
    plans: Sequence[RunPlan],
    before: Sequence[RunView | None],
) -> Evaluation:
    """Return the model with a run for each plan: that of before, or another."""
    runs, kept = [], []
    for planned, run_plan, view in zip(prepared.planned, plans, before, strict=True):
        if view is not None and view.run.finished_at:
            kept.append(view.key)
            click.echo(
                f"run {view.key} ({view.benchmark}) is finished, and kept. "
                "To ask all again, add: --fresh",
                err=True,
            )
            continue
        if view is not None and _is_left(command, view):
            run_id = view.key
            click.echo(f"going on with run {run_id}. To begin another, add: --fresh", err=True)
        else:
            run_id = command.podium.store.begin(run_plan)
            command.claims.demand(run_id)
        runs.append(run_of(run_id, planned))
    return Evaluation(runs, prepared.engine, prepared.judge, kept)


def _is_left(command: Command, view: RunView | None) -> bool:
    """Return whether it is an unfinished run that no process works on; this one claims it."""
    return view is not None and not view.run.finished_at and command.claims.take(view.key)


def _plan_of(podium: Podium, planned: Planned, prepared: Prepared) -> RunPlan:
    """Return everything that identifies a run."""
    selection, options = planned.selection, planned.options
    plugin = podium.plugins.plugin_of(selection.benchmark.name)
    return RunPlan(
        benchmark=selection.benchmark,
        variant=variant_name(selection, prepared.judge),
        identity=prepared.engine.identity,
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


def run_of(run_id: int, planned: Planned) -> Run:
    """Return a stored run with what it asks."""
    return Run(run_id, planned.selection, planned.options.repeat_fraction)


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
    command: Command,
    evaluations: Sequence[Evaluation],
    *,
    accept_failures: bool,
    style: str,
    at_once: bool = False,
) -> None:
    """Ask the models, then the judges, score and report; exit 1 where a run stays unfinished.

    Without an engine only what is stored is reviewed and scored. On Ctrl-C all answers are kept.
    """
    runs = [run for each in evaluations for run in each.runs]
    for run in runs:
        for line in _notes(run):
            click.echo(line, err=True)
    try:
        # Closed before anything is scored or said: libraries print to a log until then.
        with command.shared:
            answered = (_ask_at_once if at_once else _ask_in_turn)(command, evaluations)
            _review_all(command, answered)
        reports = [_conclude(command, run, accept_failures=accept_failures) for run in runs]
    except KeyboardInterrupt:
        click.echo(f"Stopped; all answers so far are kept. Go on with: {_resume(runs)}", err=True)
        raise SystemExit(130) from None
    except Exception:
        click.echo(f"\nAll answers so far are kept. Go on with: {_resume(runs)}", err=True)
        raise
    _show(command, evaluations, reports, style)


def _show(
    command: Command, evaluations: Sequence[Evaluation], reports: Sequence[Report], style: str
) -> None:
    """Print a row a run, and what is left to do; exit 1 where that is anything."""
    podium = command.podium
    kept = [_kept(podium, run_id) for each in evaluations for run_id in each.kept]
    show_runs(podium, sorted([*kept, *reports], key=lambda report: report.run_id), style)
    for report in reports:
        click.echo(_spelled_out(podium, report.run_id), err=True, nl=False)
    unfinished = [report for report in reports if not report.finished]
    for report in unfinished:
        click.echo(_unfinished(report), err=True)
    if unfinished:
        raise SystemExit(1)


def _conclude(command: Command, run: Run, *, accept_failures: bool) -> Report:
    return conclude(command.podium.store, run, command.responses, accept_failures=accept_failures)


def _kept(podium: Podium, run_id: int) -> Report:
    """Return the report of a run that was finished before."""
    outcomes = podium.store.run(run_id).outcomes
    failed = outcomes.get(Outcome.FAILED.value, 0)
    return Report(run_id, True, sum(outcomes.values()) - failed, 0, failed)


def check_all(planned: Sequence[Planned], engine: Engine | None, judge: Engine | None) -> None:
    """Refuse what engine or judge cannot or must not be asked, before anything is."""
    allowed = any(each.options.allow_remote for each in planned)
    selections = [each.selection for each in planned]
    if engine is not None:
        check_fit(selections, engine, allow_remote=allowed)
    if judge is not None:
        reviewed = [each for each in selections if each.task.review]
        check_fit(reviewed, judge, images=False, allow_remote=allowed)


def _folder_of(podium: Podium, purpose: str) -> Path:
    """Return this registry's own folder for a purpose: in two registries, runs have equal ids."""
    file = (podium.registry or default_url()).removeprefix("sqlite:///")
    where = file if "://" in file else str(Path(file).resolve())
    return podium_home() / purpose / hashlib.sha256(where.encode()).hexdigest()[:16]


def _ask_in_turn(command: Command, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Ask one model after the other; one that cannot answer does not stop the next.

    Returns those that answered, be it without an engine. The only model's error is raised.
    """
    answered = []
    for each in evaluations:
        if each.engine is None:
            answered.append(each)
            continue
        try:
            _stage(ask, command, each.engine, each.runs)
        except StoreError:
            raise  # the next model's answers could not be stored either
        except Exception as error:
            if len(evaluations) == 1:
                raise
            _say_failed(each.engine, error)
        else:
            answered.append(each)
    return answered


def _ask_at_once(command: Command, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Ask the models side by side; returns those that answered, as `_ask_in_turn` does."""
    engines = [each.engine for each in evaluations if each.engine is not None]
    total = sum(_outstanding(command.podium, run) for each in evaluations for run in each.runs)
    one_at_a_time = Lock()
    try:
        with _stopping(*engines), counted(f"{len(engines)} models", total) as count:

            def on_answer(prediction: Prediction) -> None:
                with one_at_a_time:
                    count(prediction)

            def ask_one(place: int, engine: Engine) -> None:
                runs = evaluations[place].runs
                ask(command.podium.store, engine, runs, command.responses, on_answer)

            errors = side_by_side(engines, ask_one)
    finally:
        for engine in engines:
            engine.close()
    for engine, error in zip(engines, errors, strict=True):
        if isinstance(error, Exception) and not isinstance(error, StoreError):
            _say_failed(engine, error)
        elif error is not None:
            raise error
    return [each for each, error in zip(evaluations, errors, strict=True) if error is None]


def _say_failed(engine: Engine, error: Exception) -> None:
    """Say why one of several models could not be asked; in full what is no error of a user's."""
    model = engine.identity.model
    if isinstance(error, RegistryError):
        click.echo(f"Error: {model}: {error.message}", err=True)
    else:
        click.echo(f"Error: {model}:", err=True)
        click.echo("".join(traceback.format_exception(error)), err=True)


def _review_all(command: Command, evaluations: Sequence[Evaluation]) -> None:
    """Have each judge review the runs of all models that have it, in one stream."""
    judges = {id(each.judge): each.judge for each in evaluations if each.judge is not None}
    for judge in judges.values():
        runs = [run for each in evaluations if each.judge is judge for run in each.runs]
        reviewed = [run for run in runs if run.selection.task.review]
        if reviewed:
            _stage(review, command, judge, reviewed)


def _stage(step: Any, command: Command, engine: Engine, runs: Sequence[Run]) -> None:
    """Put runs to one engine: all samples that have no response yet, or no review."""
    total = sum(_outstanding(command.podium, run, step is review) for run in runs)
    try:
        with _stopping(engine), counted(engine.identity.model, total) as count:
            step(command.podium.store, engine, runs, command.responses, count)
    finally:
        engine.close()


def _outstanding(podium: Podium, run: Run, reviewing: bool = False) -> int:
    """Return how many answers are missing: first ones and repeated ones, or else reviews."""
    step = run.selection.task.review
    stage = step.name if reviewing and step else ANSWER
    missing = len(run.selection.samples) - len(podium.store.answered(run.id, stage))
    if reviewing or not run.repeat_fraction:
        return missing
    return missing + len(run.repeated) - len(podium.store.answered(run.id, REPEAT))


@contextmanager
def _stopping(*engines: Engine) -> Iterator[None]:
    """On the first Ctrl-C end with what is in flight, on the second at once."""
    calls = []

    def interrupt(_signal: int, _frame: object) -> None:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        click.echo("Waiting for the answers in flight; Ctrl-C again stops at once.", err=True)
        for engine in engines:
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


def _spelled_out(podium: Podium, run_id: int) -> str:
    """Return a note where choices took more than one pass, else nothing."""
    requests = podium.store.usage(run_id).requests
    samples = sum(podium.store.run(run_id).outcomes.values())
    if requests <= samples:
        return ""
    return (
        f"Run {run_id}: to this model's tokenizer some choices are several tokens, so they were "
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


def check_same_models(view: RunView, prepared: Prepared) -> None:
    """Refuse to go on with another model or judge than the run began with."""
    (planned,) = prepared.planned
    if prepared.engine.identity.revision != view.run.model_revision:
        raise RegistryError(_changed("the model", view))
    if variant_name(planned.selection, prepared.judge) != view.run.variant:
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


def derive(command: Command, run_id: int, planned: Planned, judge: Engine | None) -> Run:
    """Store a run of another variant or judge over the responses of the first."""
    selection, options = planned.selection, planned.options
    derived = command.podium.store.derive(
        run_id,
        variant=variant_name(selection, judge),
        items_hash=selection.items_hash,
        benchmark_version=selection.benchmark.version,
        options={each.name: getattr(options, each.name) for each in fields(options)},
    )
    command.claims.demand(derived)
    command.responses.copy(run_id, derived)
    return Run(derived, selection)


def with_words(options: Options, words: Sequence[str], judge: str) -> Options:
    """Return the options of another scoring of the same responses."""
    return replace(options, words=words or options.words, judge=judge or options.judge)
