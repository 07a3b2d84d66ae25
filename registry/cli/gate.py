"""`podium gate`: a release decision from a policy file, for people and for a pipeline."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.compare import comparable, interval_text, items_of
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Table, format_option, show, show_page

if TYPE_CHECKING:
    from registry.gate import Evidence, Finding, Policy, Rule

EXIT_CODES = {"GO": 0, "NO-GO": 3, "INCONCLUSIVE": 4}
COLUMNS = (
    Column("benchmark", "benchmark"),
    Column("rule", "rule"),
    Column("limit", "limit"),
    Column("value", "value"),
    Column("interval", lambda f: interval_text(f["low"], f["high"])),
    Column("confidence", "level"),
    Column("items", "n"),
    Column("decision", "decision"),
)


@click.command(
    epilog=examples("podium gate release.toml", "podium gate release.toml --format json")
)
@click.argument("policy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@format_option
@pass_podium
def gate(podium: Podium, policy: Path, style: str) -> None:
    """Decide by a policy file whether a model may replace another.

    \b
    candidate = "acme/new"        # a model, or a run's ID
    baseline = "acme/old"
    confidence = 0.95             # of all rules together (correction = "none": of each)
    intersect = false             # compare items that both have, where sets differ
    [benchmarks.mmlu]
    max_regression = 0.01         # in the metric's own units
    min_score = 0.6
    max_failure_share = 0.005
    variant = "5-shot"            # needed where both ran several; scope = "full" too

    A rule is decided by the interval of the paired difference: GO if it lies above the loss
    allowed, NO-GO if below, INCONCLUSIVE if it holds it. Over several rules the intervals are
    widened by Holm's steps. The exit code is 0 for GO, 3 for NO-GO, 4 for INCONCLUSIVE, 2 for a
    policy that cannot be meant.
    """  # noqa: D301  (click's \b keeps lines as they are)
    # Inside: statistics needs SciPy, which takes longer to import than help may take.
    from registry.gate import decide, overall, read_policy

    read = read_policy(_text(policy), policy.name)
    for rule in read.rules:
        _check_benchmark(podium, rule.benchmark)
    findings = decide(read, {rule.benchmark: _evidence(podium, read, rule) for rule in read.rules})
    decision = overall(findings)
    _show(read, findings, decision.value, style)
    raise SystemExit(EXIT_CODES[decision])


def _text(policy: Path) -> str:
    from registry.gate import HELP, PolicyError

    try:
        return policy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{policy.name} cannot be read: {error}. {HELP}") from error


def _check_benchmark(podium: Podium, name: str) -> None:
    """Raise UnknownName for a benchmark that is neither stored nor installed."""
    if name not in podium.store.benchmark_names():
        podium.plugins.benchmark(name)


def _evidence(podium: Podium, policy: "Policy", rule: "Rule") -> "Evidence | str":
    """Return the two runs that a rule is about, or why there are none to compare."""
    from registry.compare import NotComparable
    from registry.gate import Evidence, PolicyError

    try:
        found = comparable(
            podium,
            policy.candidate,
            policy.baseline,
            [rule.benchmark],
            variant=rule.variant,
            scope=rule.scope,
        )
        if len(found) > 1:
            variants = ", ".join(f"'{one.variant}'" for one, _ in found)
            raise PolicyError(
                f"[benchmarks.{rule.benchmark}]: both ran several variants ({variants}). "
                f"Say which with: variant = '{found[0].a.variant}'"
            )
        items = items_of(podium, found[0], intersect=policy.intersect)
    except NotComparable as error:
        return error.message
    return Evidence(*found[0], items, _failure_share(podium, found[0].a.run_id))


def _failure_share(podium: Podium, run_id: int) -> float:
    """Return how much of a run failed and was accepted."""
    view = podium.store.run(run_id)
    return view.outcomes.get("failed", 0) / max(view.run.n_samples, 1)


def _show(policy: "Policy", findings: "list[Finding]", decision: str, style: str) -> None:
    records = [asdict(finding) for finding in findings]
    if style == "csv":
        show(Table(records, ()), style)
        return
    item = {
        "decision": decision,
        "candidate": policy.candidate,
        "baseline": policy.baseline,
        "correction": policy.correction,
        "findings": records,
    }
    page = Page(
        heading=f"{decision}: {policy.candidate} in place of {policy.baseline}",
        text="\n".join(finding.sentence for finding in findings),
        tables=(Table(records, COLUMNS),),
    )
    show_page(page, item, style)
