"""Hold a plugin to the contract from its own tests, or from `podium check-benchmark`.

import pytest

from registry.testing import benchmark_contract


@pytest.mark.parametrize("rule", benchmark_contract("my-bench"))
def test_my_bench_keeps(rule):
rule()
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from registry.contract import RULES, DoesNotApply, Rule
from registry.errors import MissingExtra, RegistryError
from registry.subject import Subject, look_up


class ContractBroken(AssertionError):
    """A benchmark does not keep a rule; the message has the rule and each finding."""


@dataclass(frozen=True)
class Case:
    """One rule, and the benchmark that must keep it. Call it to check."""

    rule: Rule
    subject: Callable[[], Subject]

    @property
    def __name__(self) -> str:
        """The rule's name, by which pytest names the test."""
        return rule_name(self.rule)

    def __call__(self) -> None:
        """Raise ContractBroken with what is wrong, or DoesNotApply where there is nothing to see.

        What the plugin itself raises comes through, with its traceback.
        """
        findings = list(self.rule(self.subject()))
        if findings:
            raise ContractBroken("\n- ".join((sentence(self.rule), *findings)))


@dataclass(frozen=True, slots=True)
class Result:
    """How a rule ended: `holds` is None where it does not apply, for the reason in `findings`."""

    rule: str
    sentence: str
    holds: bool | None
    findings: tuple[str, ...] = ()


def benchmark_contract(
    name: str,
    *,
    variant: Sequence[str] = (),
    data: Path | None = None,
    plugins: Sequence[Path] = (),
) -> list[Case]:
    """Return the contract's rules as cases for `pytest.mark.parametrize`.

    The benchmark is looked up when the first of them runs: among all installed plugins, and in the
    files `plugins`. It is read from its offline sample, or from the folder `data`.
    """
    subject = cache(lambda: look_up(name, variant=variant, data=data, plugins=plugins))
    return [Case(rule, subject) for rule in RULES]


def check(subject: Subject) -> Iterator[Result]:
    """Yield how each rule ended. Where the samples cannot be loaded, the first says why."""
    first, *others = RULES
    loaded = _checked(first, subject)
    yield loaded
    for rule in others:
        if "everything" in vars(subject):
            yield _checked(rule, subject)
        else:
            reason = "the samples do not load"
            yield Result(rule_name(rule), sentence(rule), None, (reason,))


def _checked(rule: Rule, subject: Subject) -> Result:
    name, says = rule_name(rule), sentence(rule)
    try:
        findings = tuple(rule(subject))
    except DoesNotApply as reason:
        return Result(name, says, None, (str(reason),))
    except MissingExtra as reason:  # nothing can be said of it here
        return Result(name, says, None, (reason.format_message(),))
    except RegistryError as error:
        findings = (error.format_message(),)
    except Exception as error:  # whatever a plugin raises is a finding about the plugin
        findings = (f"it fails with {error!r}{_where(error)}",)
    return Result(name, says, not findings, findings)


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


def rule_name(rule: Rule) -> str:
    """Return a rule's name as it is typed and printed: "an-oracle-is-right"."""
    return rule.__name__.replace("_", "-")


def sentence(rule: Rule) -> str:
    """Return what a rule asks, in one sentence."""
    return (rule.__doc__ or "").partition("\n")[0]
