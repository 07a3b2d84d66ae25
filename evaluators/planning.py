"""From what was typed to what is going to be asked: a benchmark's samples, and who answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import click

from evaluators.selection import Narrowing, Selection, select
from evaluators.serving import PARALLEL
from registry import (
    MissingExtra,
    RegistryError,
)
from registry.cli.context import Podium
from registry.store import RunView


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


def _official(selection: Selection) -> str:
    step = selection.task.review
    return f" (the authors use {step.official})" if step and step.official else ""


def with_words(options: Options, words: Sequence[str], judge: str) -> Options:
    """Return the options of another scoring of the same responses."""
    return replace(options, words=words or options.words, judge=judge or options.judge)
