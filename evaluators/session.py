"""What one command holds until it ends: engines, their runs, and what they share."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import click

from evaluators.claims import Claims
from evaluators.engines import open_engine
from evaluators.evaluate import Run, check_fit, has_images
from evaluators.planning import PLACEMENT, Options, Planned
from evaluators.private import Responses
from evaluators.selection import Selection
from registry import (
    DatasetError,
    Engine,
    EngineOptions,
    RegistryError,
    Shared,
)
from registry.cli.context import Podium
from registry.database import default_url
from registry.datasets import podium_home
from registry.discovery import podium_version
from registry.store import RunPlan, RunView


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


def check_unchanged(view: RunView, selection: Selection) -> None:
    """Refuse to go on where the rest would not be asked what the first were asked."""
    if selection.items_hash != view.run.items_hash:
        raise DatasetError(_changed("the samples", view))
    if selection.benchmark.version != view.run.benchmark_version:
        raise RegistryError(_changed(f"the version of {view.benchmark}", view))


def check_same_models(view: RunView, prepared: Prepared) -> None:
    """Refuse to go on with another model, engine or judge than the run began with."""
    (planned,) = prepared.planned
    run, identity = view.run, prepared.engine.identity
    then_and_now = {
        "the model": (run.model_revision, identity.revision),
        "the chat template": (run.template_hash, identity.template_hash),
        "the engine": (
            f"{run.engine} {run.engine_version}".strip(),
            f"{identity.engine} {identity.engine_version}".strip(),
        ),
        "the dtype": (run.dtype, identity.dtype),
    }
    settings = run.identity.keys() | identity.settings.keys()
    then_and_now |= {
        f"the engine's {name}": (run.identity.get(name, ""), identity.settings.get(name, ""))
        for name in sorted(settings)
    }
    for what, (then, now) in then_and_now.items():
        if then != now:
            raise RegistryError(_changed(what, view, f" ({then or 'none'}, now {now or 'none'})"))
    if variant_name(planned.selection, prepared.judge) != view.run.variant:
        raise RegistryError(_changed("the second model, or what it is asked,", view))


def check_scorable(podium: Podium, view: RunView, selection: Selection) -> None:
    """Refuse to score stored responses against other samples."""
    answered = podium.store.answered(view.run.id or 0)
    samples = selection.samples
    if len(samples) != view.run.n_samples or not answered <= samples.keys():
        raise DatasetError(_changed("the samples", view))


def _changed(what: str, view: RunView, how: str = "") -> str:
    return (
        f"{what} of run {view.run.id} changed since it began{how}. "
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
