"""Show how runs ended: the headline with its error, what it cost, and what went wrong."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evaluators.evaluate import Report
from evaluators.scoring import FLIP_RATE
from registry.cli.context import Podium
from registry.cli.output import Column, Table, show

COLUMNS = (
    Column("run", "id"),
    Column("benchmark", "benchmark"),
    Column("variant", "variant"),
    Column("scope", "scope"),
    Column("model", "model"),
    Column("metric", "metric"),
    Column("score", "score"),
    Column("± std. error", "stderr"),
    Column("n", "n"),
    Column("failed", "failed"),
    Column("ties", "ties"),
    Column("flip rate", "flip_rate"),
    Column("requests", lambda record: record["usage"]["requests"]),
    Column("engine s", lambda record: record["usage"]["engine_seconds"]),
)


def show_runs(podium: Podium, reports: Sequence[Report], style: str) -> None:
    """Print a row a run; JSON has everything that was measured."""
    show(Table([_record(podium, report) for report in reports], COLUMNS), style)


def _record(podium: Podium, report: Report) -> dict[str, Any]:
    view = podium.store.run(report.run_id)
    scores = [s for s in podium.store.scores(report.run_id) if not s.baseline]
    whole = {s.metric: s for s in scores if not s.part}
    headline = next((s for s in scores if s.headline), None)
    return {
        "id": report.run_id,
        "benchmark": view.benchmark,
        "variant": view.run.variant,
        "scope": view.run.scope,
        "scope_reason": view.run.scope_reason,
        "model": view.model,
        "status": view.status,
        "metric": headline.metric if headline else "",
        "score": headline.value if headline else None,
        "stderr": headline.stderr if headline else None,
        "low": headline.low if headline else None,
        "high": headline.high if headline else None,
        "n": headline.n if headline else 0,
        "failed": report.failed,
        "ties": int(whole["ties"].value) if "ties" in whole else None,
        "flip_rate": whole[FLIP_RATE].value if FLIP_RATE in whole else None,
        "scores": {name: score.value for name, score in whole.items()},
        "outcomes": view.outcomes,
        "excluded": view.run.excluded,
        "usage": asdict(podium.store.usage(report.run_id)),
    }
