"""`podium runs`: what was run and how far it is; of one run, everything that identifies it.

`podium runs diff A B` is words of the same command: options may then stand anywhere, as before.
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from registry.cli.completion import complete_benchmark, complete_model, complete_run
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.diff import show_diff
from registry.cli.output import (
    FORMATS,
    Column,
    Page,
    Record,
    Table,
    show,
    show_page,
    text_of,
)
from registry.cli.watch import watch_run
from registry.errors import MissingExtra
from registry.pace import percentage

if TYPE_CHECKING:
    from registry.store import RunView, Snapshot
    from registry.tables import ScoreRow

COLUMNS = (
    Column("run", "id"),
    Column("benchmark", "benchmark"),
    Column("variant", "variant"),
    Column("scope", "scope"),
    Column("model", "model"),
    Column("status", "status"),
    Column("samples", "n_samples"),
    Column("answered", "answered"),
    Column("failed", "failed"),
    Column("progress", lambda run: _progress(run)),
    Column("score", "score"),
    Column("started", "started_at"),
)
SCORES = (
    Column("metric", "metric"),
    Column("part", "part"),
    Column("baseline", "baseline"),
    Column("score", "value"),
    Column("low", "low"),
    Column("high", "high"),
    Column("std. error", "stderr"),
    Column("n", "n"),
)
USAGE = (
    Column("of", "of"),
    Column("requests", "requests"),
    Column("prompt tokens", "prompt_tokens"),
    Column("cached", "cached_tokens"),
    Column("output tokens", "output_tokens"),
    Column("engine seconds", "engine_seconds"),
)
IDENTITY = (
    "benchmark_version",
    "plugin",
    "plugin_version",
    "podium_version",
    "dataset",
    "dataset_revision",
    "items_hash",
    "scope_reason",
    "model_spec",
    "model_revision",
    "engine",
    "engine_version",
    "dtype",
    "template_hash",
    "identity",
    "options",
    "failures_accepted",
)
PROMETHEUS = "prometheus"
LOOPBACK = "127.0.0.1"
RECENT = timedelta(hours=1)
"""For how long a finished run is still told to Prometheus, so that its end is seen."""


def _address(
    _context: click.Context, parameter: click.Parameter, value: str
) -> tuple[str, int] | None:
    """Split HOST:PORT; without a host it is this machine's loopback."""
    if not value:
        return None
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter(f"'{value}' has no port. Write: {LOOPBACK}:9464", param=parameter)
    return host.strip("[]") or LOOPBACK, int(port)


@click.command(
    epilog=examples(
        "podium runs",
        "podium runs --benchmark mmlu --unfinished",
        "podium runs 41",
        "podium runs 41 --watch",
        "podium runs --serve-metrics 127.0.0.1:9464",
        "podium runs 41 --format json",
        "podium runs diff 41 42 --items",
    )
)
@click.argument("words", metavar="[ID | diff A B]", nargs=-1, shell_complete=complete_run)
@click.option(
    "--benchmark",
    default="",
    metavar="NAME",
    shell_complete=complete_benchmark,
    help="Only of this benchmark.",
)
@click.option(
    "--model", default="", metavar="NAME", shell_complete=complete_model, help="Only of this model."
)
@click.option("--unfinished", is_flag=True, help="Only those that can be resumed.")
@click.option("--items", is_flag=True, help="With diff: list all items that flipped.")
@click.option("--watch", is_flag=True, help="Show the run again and again until it is finished.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: how often.",
)
@click.option(
    "--serve-metrics",
    default="",
    metavar="HOST:PORT",
    callback=_address,
    help="Answer Prometheus there until Ctrl-C.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice((*FORMATS, PROMETHEUS)),
    default=FORMATS[0],
    show_default=True,
    help="How to print it.",
)
@pass_podium
def runs(
    podium: Podium,
    words: tuple[str, ...],
    benchmark: str,
    model: str,
    unfinished: bool,
    items: bool,
    watch: bool,
    every: float,
    serve_metrics: tuple[str, int] | None,
    style: str,
) -> None:
    """List the runs, show one, or say how two differ.

    To Prometheus go one run, or all that are unfinished or have finished within the last hour. With
    --watch, JSON is one line a look.
    """
    if watch:
        _watch(podium, words, every, style)
        return
    if serve_metrics or style == PROMETHEUS:
        _measure(podium, words, benchmark, model, serve_metrics)
        return
    match words:
        case ():
            _show_runs(podium, benchmark, model, unfinished=unfinished, style=style)
        case ("diff", a, b):
            show_diff(podium, _id(a), _id(b), style, everything=items)
        case (run_id,) if run_id != "diff":
            _show_run(podium, _id(run_id), style)
        case _:
            raise click.UsageError("Type one of: podium runs, podium runs ID, podium runs diff A B")


def _id(word: str) -> int:
    if not word.isdecimal():
        raise click.BadParameter(f"'{word}' is no run's ID. List the runs with: podium runs")
    return int(word)


def _watch(podium: Podium, words: Sequence[str], every: float, style: str) -> None:
    if len(words) != 1:
        raise click.UsageError("Say which run to watch: podium runs ID --watch")
    if style not in ("table", "json"):
        raise click.UsageError("What is watched is shown as it is, or with: --format json")
    watch_run(podium, _id(words[0]), every, style)


def _measure(
    podium: Podium,
    words: Sequence[str],
    benchmark: str,
    model: str,
    address: tuple[str, int] | None,
) -> None:
    """Print runs in Prometheus' format, or serve them at the address until Ctrl-C."""
    if len(words) > 1:
        raise click.UsageError("Prometheus gets runs: podium runs [ID] --format prometheus")
    try:
        from registry.cli import prometheus
    except ImportError as error:
        raise MissingExtra("metrics for Prometheus", "metrics") from error

    model = model and podium.model(model)

    def read() -> "Sequence[Snapshot]":
        if words:
            return [podium.store.snapshot(_id(words[0]))]
        found = podium.store.unfinished(datetime.now(UTC) - RECENT)
        return [r for r in found if benchmark in ("", r.benchmark) and model in ("", r.model)]

    _check(podium, benchmark)
    text = prometheus.text_of_runs(read())
    if address is None:
        click.echo(text, nl=False)
        return
    server = prometheus.serve(read, *address)
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    url = f"http://{host}:{server.server_port}/metrics"
    click.echo(f"Prometheus finds the runs at {url}; Ctrl-C ends it.", err=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _show_runs(podium: Podium, benchmark: str, model: str, *, unfinished: bool, style: str) -> None:
    model = model and podium.model(model)
    found = [
        listed_run(view)
        for view in podium.store.runs(benchmark=benchmark)
        if model in ("", view.model) and not (unfinished and view.run.finished_at)
    ]
    if not found:
        _check(podium, benchmark)
        click.echo("No such run. Start one with: podium run BENCHMARK --model MODEL", err=True)
    show(Table(found, COLUMNS), style)


def _check(podium: Podium, benchmark: str) -> None:
    """Raise UnknownName where an empty list is owed to a misspelt name."""
    if benchmark and benchmark not in podium.store.benchmark_names():
        podium.plugins.benchmark(benchmark)


def listed_run(view: "RunView") -> dict[str, Any]:
    """Return a run as lists have it."""
    run, outcomes = view.run, view.outcomes
    return {
        "id": run.id,
        "benchmark": view.benchmark,
        "variant": run.variant,
        "scope": run.scope,
        "model": view.model,
        "status": view.status,
        "n_samples": run.n_samples,
        "answered": sum(n for outcome, n in outcomes.items() if outcome != "failed"),
        "failed": outcomes.get("failed", 0),
        "progress": sum(outcomes.values()) / run.n_samples if run.n_samples else None,
        "metric": view.metric,
        "score": view.score,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _progress(run: Record) -> str:
    """Return how much of an unfinished run has come back; of others nobody asks."""
    returned, total = run["answered"] + run["failed"], run["n_samples"]
    return "" if run["finished_at"] or not total else percentage(returned, total)


def _show_run(podium: Podium, run_id: int, style: str) -> None:
    view = podium.store.run(run_id)
    item = listed_run(view) | {
        **{name: getattr(view.run, name) for name in IDENTITY},
        "outcomes": view.outcomes,
        "judged": podium.store.judged(run_id),
        "excluded": view.run.excluded,
        "usage": asdict(podium.store.usage(run_id)),
        "later_stages": {
            stage: asdict(podium.store.usage(run_id, stage))
            for stage in podium.store.later_stages(run_id)
        },
        "scores": [_score(score) for score in podium.store.scores(run_id)],
    }
    show_page(_page(item), item, style)


def _score(score: "ScoreRow") -> dict[str, Any]:
    names = ("metric", "part", "baseline", "headline", "higher_is_better", "value")
    return {name: getattr(score, name) for name in (*names, "stderr", "low", "high", "n")}


def _page(item: Record) -> Page:
    usage = {"answers": item["usage"], **item["later_stages"]}
    whole = [s for s in item["scores"] if not s["part"] and not s["baseline"]]
    parts = [s for s in item["scores"] if s["part"] and not s["baseline"]]
    baselines = [s for s in item["scores"] if s["baseline"] and not s["part"]]
    return Page(
        heading=f"run {item['id']}: {item['model']} on {item['benchmark']} ({item['variant']})",
        facts={
            "status": item["status"],
            "scope": ": ".join(filter(None, (item["scope"], item["scope_reason"]))),
            "started": item["started_at"],
            "finished": item["finished_at"],
            "benchmark version": item["benchmark_version"],
            "plugin": f"{item['plugin']} {item['plugin_version']}".strip(),
            "podium": item["podium_version"],
            "dataset": f"{item['dataset']} {item['dataset_revision']}".strip(),
            "items": item["items_hash"],
            "model": f"{item['model_spec']} {item['model_revision']}".strip(),
            "engine": f"{item['engine']} {item['engine_version']} {item['dtype']}".strip(),
            "template": item["template_hash"],
            "engine settings": _settings(item["identity"]),
            "options": _settings(item["options"]),
            "samples": item["n_samples"],
            "answers": _counts(item["outcomes"]),
            **{f"judged by {m}": _counts(counts) for m, counts in item["judged"].items()},
            "excluded": _counts(item["excluded"]),
            "failures accepted": item["failures_accepted"],
        },
        tables=(
            Table([{"of": stage, **used} for stage, used in usage.items()], USAGE, "Usage"),
            Table(whole, [c for c in SCORES if c.heading not in ("part", "baseline")], "Scores"),
            Table(parts, [c for c in SCORES if c.heading != "baseline"], "Breakdowns"),
            Table(baselines, [c for c in SCORES if c.heading != "part"], "Trivial baselines"),
        ),
        notes=()
        if item["finished_at"]
        else (f"This run does not rank yet. Go on with: podium resume {item['id']}",),
    )


def _settings(values: Record) -> str:
    """Return the settings that say something, as people read them."""
    said = {name: value for name, value in values.items() if value not in ("", None, [], {})}
    return ", ".join(f"{name}={text_of(value)}" for name, value in said.items())


def _counts(counts: Record) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())
