"""A release decision: a policy's rules, each decided by the interval of what it limits.

An interval that holds the limit decides nothing: the answer is then INCONCLUSIVE, never a guess.
"""

import math
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from registry import statistics
from registry.compare import Comparison, Items, compare, estimate
from registry.errors import RegistryError
from registry.statistics import Estimate, Interval

if TYPE_CHECKING:
    from registry.store import BoardRow

CORRECTIONS = ("holm", "none")
HELP = "See what a policy holds with: podium gate --help"


class PolicyError(RegistryError):
    """A policy that cannot be meant as it is written; the message names the file and the key."""

    exit_code = 2


class Decision(StrEnum):
    """What the data say of a rule, and of a release."""

    GO = "GO"
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one benchmark asks of the candidate; limits are in the metric's own units.

    `min_score` is the worst score allowed: the most, where less is better.
    """

    benchmark: str
    max_regression: float | None = None
    min_score: float | None = None
    max_failure_share: float | None = None
    confidence: float = 0.95
    variant: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who is to replace whom, and the rules; `correction` is for the number of rules."""

    candidate: str
    baseline: str
    rules: tuple[Rule, ...]
    intersect: bool = False
    correction: str = "holm"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The two runs that a rule is about, item by item, and how much of the candidate's failed."""

    candidate: "BoardRow"
    baseline: "BoardRow"
    items: Items
    failure_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one limit; `value` and its interval are None where there are no runs."""

    benchmark: str
    rule: str
    decision: Decision
    limit: float
    sentence: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n: int | None = None


# --- The policy -----------------------------------------------------------------------------------


def read_policy(text: str, file: str) -> Policy:
    """Return the policy that a TOML text holds. Raises PolicyError, naming the file and the key."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{file} is not valid TOML: {error}. {HELP}") from error
    page = _Table(file, "", content)
    page.only({"candidate", "baseline", "confidence", "intersect", "correction", "benchmarks"})
    benchmarks = page.tables("benchmarks")
    confidence = page.number("confidence", 0.5, 1, default=0.95)
    correction = page.word("correction", default=CORRECTIONS[0])
    if correction not in CORRECTIONS:
        page.refuse("correction", f"is 'holm' or 'none', not '{correction}'")
    return Policy(
        candidate=page.word("candidate"),
        baseline=page.word("baseline"),
        rules=tuple(_rule(each, name, confidence) for name, each in benchmarks.items()),
        intersect=page.flag("intersect"),
        correction=correction,
    )


def _rule(table: "_Table", benchmark: str, confidence: float | None) -> Rule:
    table.only({field.name for field in fields(Rule)} - {"benchmark"})
    limits = {
        "max_regression": table.number("max_regression", 0, math.inf),
        "min_score": table.number("min_score", -math.inf, math.inf),
        "max_failure_share": table.number("max_failure_share", 0, 1),
    }
    if not any(limit is not None for limit in limits.values()):
        raise PolicyError(f"{table.where} limits nothing. Give it one of: {', '.join(limits)}")
    return Rule(
        benchmark=benchmark,
        **limits,
        confidence=table.number("confidence", 0.5, 1, default=confidence) or 0.95,
        variant=table.word("variant", default=""),
        scope=table.word("scope", default=""),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of a policy, which knows what to call itself in a message."""

    file: str
    name: str
    content: Mapping[str, Any]

    @property
    def where(self) -> str:
        return f"{self.file}, [{self.name}]:" if self.name else f"{self.file}:"

    def refuse(self, key: str, why: str) -> None:
        raise PolicyError(f"{self.where} '{key}' {why}. {HELP}")

    def only(self, known: Collection[str]) -> None:
        """Refuse a key that means nothing: a misspelt limit would let anything pass."""
        for key in self.content:
            if key not in known:
                near = get_close_matches(key, sorted(known), n=1, cutoff=0.5)
                hint = f". Did you mean '{near[0]}'?" if near else "."
                raise PolicyError(f"{self.where} unknown key '{key}'{hint} {HELP}")

    def word(self, key: str, *, default: str | None = None) -> str:
        value = self.content.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # a run's ID
        if not isinstance(value, str) or (default is None and not value):
            self.refuse(key, "must be a text" if key in self.content else "is missing")
        return str(value)

    def flag(self, key: str) -> bool:
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, f"is true or false, not {value!r}")
        return bool(value)

    def number(
        self, key: str, low: float, high: float, *, default: float | None = None
    ) -> float | None:
        value = self.content.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, f"must be a number, not {value!r}")
        top = value < high or (key != "confidence" and value == high)
        if not (math.isfinite(value) and low <= value and top):
            self.refuse(key, f"must be within {low:g}..{high:g}, not {value:g}")
        return float(value)

    def tables(self, key: str) -> "dict[str, _Table]":
        found = self.content.get(key)
        if not isinstance(found, Mapping) or not found:
            self.refuse(key, "is missing: give each benchmark a table, [benchmarks.NAME]")
            return {}
        for name, table in found.items():
            if not isinstance(table, Mapping):
                self.refuse(f"{key}.{name}", "must be a table of limits")
        return {name: _Table(self.file, f"{key}.{name}", table) for name, table in found.items()}


# --- The decision ---------------------------------------------------------------------------------


def decide(policy: Policy, evidence: Mapping[str, Evidence | str]) -> list[Finding]:
    """Return a finding for each limit; `evidence` by benchmark is the runs, or why there are none.

    Intervals are made for the number of limits that they decide, by Holm's steps: all k of them
    first, each with a kth of the error allowed; once some are decided, those left share it anew.
    So all findings hold together with the confidence asked for.
    """
    findings: list[Finding] = []
    checks: list[_Check] = []
    for rule in policy.rules:
        found = evidence[rule.benchmark]
        if isinstance(found, str):
            findings.extend(_missing(rule, found))
        else:
            checks.extend(_checks(rule, found))
            findings.extend(_failures(rule, found))
    findings.extend(_in_steps(checks, corrected=policy.correction == "holm"))
    order = [rule.benchmark for rule in policy.rules]
    return sorted(findings, key=lambda finding: order.index(finding.benchmark))


def overall(findings: Iterable[Finding]) -> Decision:
    """Return the decision of all: NO-GO if any is, GO only if every one is."""
    decisions = {finding.decision for finding in findings}
    if Decision.NO_GO in decisions:
        return Decision.NO_GO
    return Decision.INCONCLUSIVE if Decision.INCONCLUSIVE in decisions else Decision.GO


@dataclass(frozen=True, slots=True, eq=False)
class _Check:
    """One limit that an interval decides; `measure` returns what is limited, at a level.

    `limit` and `sign` are turned so that more is better; `words` say each decision.
    """

    rule: Rule
    name: str
    limit: float
    sign: int
    n: int
    measure: Callable[[float], tuple[float, Interval | None]]
    subject: str
    words: Mapping[Decision, str]

    def finding(self, level: float) -> Finding:
        value, interval = self.measure(level)
        decision = self._decision(interval)
        return Finding(
            benchmark=self.rule.benchmark,
            rule=self.name,
            decision=decision,
            limit=getattr(self.rule, self.name),
            sentence=f"{self.rule.benchmark}: {self.subject} {_with_interval(value, interval)}, "
            f"which {self.words[decision]}",
            value=value,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            level=level,
            n=self.n,
        )

    def _decision(self, interval: Interval | None) -> Decision:
        if interval is None:
            return Decision.INCONCLUSIVE
        low, high = sorted((self.sign * interval.low, self.sign * interval.high))
        if low > self.limit:
            return Decision.GO
        return Decision.NO_GO if high < self.limit else Decision.INCONCLUSIVE


def _checks(rule: Rule, found: Evidence) -> list[_Check]:
    _check_units(rule, found.items)
    return [*_regression(rule, found), *_floor(rule, found)]


def _regression(rule: Rule, found: Evidence) -> list[_Check]:
    """Return the check that the candidate does not lose too much, if the rule has one."""
    if rule.max_regression is None:
        return []
    loss = f"a loss of {rule.max_regression:g}"
    words = {
        Decision.GO: f"rules out {loss}",
        Decision.NO_GO: f"shows more than {loss}",
        Decision.INCONCLUSIVE: f"leaves {loss} open (how many items would tell: podium plan)",
    }
    return [
        _Check(
            rule=rule,
            name="max_regression",
            limit=-rule.max_regression,
            sign=1 if found.candidate.higher_is_better else -1,
            n=len(found.items.ids),
            measure=_difference(found),
            subject="candidate minus baseline is",
            words=words,
        )
    ]


def _floor(rule: Rule, found: Evidence) -> list[_Check]:
    """Return the check that the candidate is good enough by itself, if the rule has one."""
    if rule.min_score is None:
        return []
    sign = 1 if found.candidate.higher_is_better else -1
    better, worse = ("above", "below")[::sign]
    words = {
        Decision.GO: f"is {better} {rule.min_score:g}",
        Decision.NO_GO: f"is {worse} {rule.min_score:g}",
        Decision.INCONCLUSIVE: f"may be on either side of {rule.min_score:g}",
    }
    return [
        _Check(
            rule=rule,
            name="min_score",
            limit=sign * rule.min_score,
            sign=sign,
            n=len(found.items.ids),
            measure=_score(found),
            subject="the candidate's score is",
            words=words,
        )
    ]


def _check_units(rule: Rule, items: Items) -> None:
    """Refuse a regression in percent, which would let anything pass."""
    unit = all(0 <= each.value <= 1 for each in (*items.a, *items.b))
    if unit and rule.max_regression is not None and rule.max_regression >= 1:
        raise PolicyError(
            f"[benchmarks.{rule.benchmark}]: a max_regression of {rule.max_regression:g} lets "
            "anything pass, since the metric runs from 0 to 1. One point is: max_regression = 0.01"
        )


def _difference(found: Evidence) -> Callable[[float], tuple[float, Interval | None]]:
    def measure(level: float) -> tuple[float, Interval | None]:
        made: Comparison = compare(found.candidate, found.baseline, found.items, level=level)
        return made.difference, made.interval

    return measure


def _score(found: Evidence) -> Callable[[float], tuple[float, Interval | None]]:
    """Return the candidate's score over the items compared, or its own where it is no mean."""
    by_items = compare(found.candidate, found.baseline, found.items).by_items
    values = [each.value for each in found.items.a]

    def measure(level: float) -> tuple[float, Interval | None]:
        made: Estimate = (
            statistics.summarise(values, found.items.clusters, level=level)
            if by_items
            else estimate(found.candidate, level)
        )
        return made.mean, made.interval

    return measure


def _in_steps(checks: Sequence[_Check], *, corrected: bool) -> list[Finding]:
    """Decide the checks at the level of how many are open, until no more can be."""
    waiting = list(checks)
    found: dict[_Check, Finding] = {}
    while waiting:
        share = len(waiting) if corrected else 1
        found |= {c: c.finding(_level(c.rule.confidence, share)) for c in waiting}
        still = [c for c in waiting if found[c].decision is Decision.INCONCLUSIVE]
        if len(still) == len(waiting):
            break
        waiting = still
    return [found[check] for check in checks]


def _level(confidence: float, share: int) -> float:
    """Return the level at which so many intervals hold together with the confidence."""
    return confidence if share == 1 else 1 - (1 - confidence) / share


def _failures(rule: Rule, found: Evidence) -> list[Finding]:
    """Decide by the count of failed samples: it is known, and needs no interval."""
    limit, share = rule.max_failure_share, found.failure_share
    if limit is None:
        return []
    decision = Decision.GO if share <= limit else Decision.NO_GO
    within = "within" if decision is Decision.GO else "more than"
    return [
        Finding(
            benchmark=rule.benchmark,
            rule="max_failure_share",
            decision=decision,
            limit=limit,
            sentence=f"{rule.benchmark}: {share:.1%} of the candidate's samples failed, "
            f"{within} the {limit:.1%} allowed",
            value=share,
        )
    ]


def _missing(rule: Rule, why: str) -> list[Finding]:
    names = ("max_regression", "min_score", "max_failure_share")
    limits = {name: getattr(rule, name) for name in names}
    return [
        Finding(
            benchmark=rule.benchmark,
            rule=name,
            decision=Decision.INCONCLUSIVE,
            limit=limit,
            sentence=f"{rule.benchmark}: {why}",
        )
        for name, limit in limits.items()
        if limit is not None
    ]


def _with_interval(value: float, interval: Interval | None) -> str:
    if interval is None:
        return f"{value:.3f} without an interval"
    return f"{value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
