"""The runs of a command from the first question to the report: ask, review, score, show."""

import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import click

from evaluators.evaluate import Report, Run, ask, conclude, review
from evaluators.progress import counted
from evaluators.report import show_runs
from evaluators.session import Command, Evaluation
from evaluators.side_by_side import side_by_side
from registry import Engine, Outcome, Prediction, RegistryError
from registry.benchmark import ANSWER, REPEAT
from registry.cli.context import Podium
from registry.errors import StoreError
from registry.tables import Scope


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
