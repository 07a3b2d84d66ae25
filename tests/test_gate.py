"""Release decisions: what the intervals decide, how many rules widen them, and policies refused."""

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from compared_runs import Type, rights, row, scored, type_with_clocks, values_of
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import answer, begin_run, dials

import plugins
from registry import Outcome
from registry.compare import align
from registry.gate import (
    Decision,
    Evidence,
    Policy,
    PolicyError,
    Rule,
    decide,
    overall,
    read_policy,
)
from registry.statistics import bonett_price_interval
from registry.store import Store

HEAD = 'candidate = "acme/new"\nbaseline = "acme/old"\n'
CODES = {"GO": 0, "NO-GO": 3, "INCONCLUSIVE": 4}


@pytest.fixture(autouse=True)
def _nothing_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("registry.discovery.BUILT_IN_ROOMS", ())
    monkeypatch.setattr(plugins, "__path__", [])
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))


@pytest.fixture
def podium(tmp_path: Path) -> Type:
    return type_with_clocks(tmp_path)


def pattern(n: int, right: int) -> str:
    return "1" * right + "0" * (n - right)


def evidence(candidate: str, baseline: str, **changes: Any) -> Evidence:
    ours, theirs = values_of(
        [(float(x), float(y), 0) for x, y in zip(candidate, baseline, strict=True)]
    )
    a, b = row(ours, 1, **changes), row(theirs, 2, **changes)
    return Evidence(a, b, align(ours, theirs), failure_share=0.0)


def decision_on(found: Evidence, **rule: Any) -> Decision:
    policy = Policy(candidate="a", baseline="b", rules=(Rule(benchmark="clock", **rule),))
    [finding] = decide(policy, {"clock": found})
    return finding.decision


# --- One rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "baseline", "decision"),
    [
        (pattern(400, 300), pattern(400, 300), Decision.GO),
        (pattern(400, 200), pattern(400, 300), Decision.NO_GO),
        (pattern(400, 290), pattern(400, 300), Decision.INCONCLUSIVE),
        ("1", "1", Decision.INCONCLUSIVE),
    ],
)
def test_a_regression_is_decided_by_the_interval_of_the_difference(
    candidate: str, baseline: str, decision: Decision
) -> None:
    assert decision_on(evidence(candidate, baseline), max_regression=0.03) is decision


def test_where_less_is_better_more_is_a_regression() -> None:
    found = evidence(pattern(400, 200), pattern(400, 300), higher_is_better=False)
    assert decision_on(found, max_regression=0.03) is Decision.GO
    found = evidence(pattern(400, 300), pattern(400, 200), higher_is_better=False)
    assert decision_on(found, max_regression=0.03) is Decision.NO_GO


def test_a_floor_is_decided_by_the_interval_of_the_candidate_s_score() -> None:
    found = evidence(pattern(400, 300), pattern(400, 300))
    assert decision_on(found, min_score=0.7) is Decision.GO
    assert decision_on(found, min_score=0.75) is Decision.INCONCLUSIVE
    assert decision_on(found, min_score=0.8) is Decision.NO_GO


def test_a_floor_where_less_is_better_is_a_ceiling() -> None:
    found = evidence(pattern(400, 300), pattern(400, 300), higher_is_better=False)
    assert decision_on(found, min_score=0.8) is Decision.GO
    assert decision_on(found, min_score=0.7) is Decision.NO_GO


def test_a_metric_that_is_no_mean_is_decided_by_its_own_errors() -> None:
    found = evidence(pattern(400, 300), pattern(400, 300), value=0.6, stderr=0.01)
    assert decision_on(found, max_regression=0.05) is Decision.GO
    assert decision_on(found, max_regression=0.02) is Decision.INCONCLUSIVE
    assert decision_on(found, min_score=0.57) is Decision.GO
    assert decision_on(found, min_score=0.59) is Decision.INCONCLUSIVE


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 0.9), st.floats(0.5, 0.99))
def test_a_decision_is_what_the_interval_of_the_difference_says(
    only_a: int, only_b: int, allowed: float, confidence: float
) -> None:
    shared = "1" * 40
    found = evidence(shared + "1" * only_a + "0" * only_b, shared + "0" * only_a + "1" * only_b)
    n = 40 + only_a + only_b
    interval = bonett_price_interval(only_a, only_b, n, level=confidence)
    made = decision_on(found, max_regression=allowed, confidence=confidence)
    if interval.low > -allowed:
        assert made is Decision.GO
    elif interval.high < -allowed:
        assert made is Decision.NO_GO
    else:
        assert made is Decision.INCONCLUSIVE


# --- Many rules -----------------------------------------------------------------------------------


def several(decided: int, open_: int, correction: str = "holm") -> list[Any]:
    """Decide on clear benchmarks and on one that 95 % decide and 97.5 % do not."""
    clear, close = evidence(pattern(400, 390), pattern(400, 390)), evidence("1" * 200, "1" * 200)
    names = [f"clear{i}" for i in range(decided)] + [f"close{i}" for i in range(open_)]
    rules = tuple(
        Rule(benchmark=name, max_regression=0.03 if name.startswith("clear") else 0.0145)
        for name in names
    )
    policy = Policy(candidate="a", baseline="b", rules=rules, correction=correction)
    return decide(policy, {n: clear if n.startswith("clear") else close for n in names})


def test_the_close_rule_is_decided_at_95_and_not_at_97_percent() -> None:
    assert bonett_price_interval(0, 0, 200, level=0.95).low > -0.0145
    assert bonett_price_interval(0, 0, 200, level=0.975).low < -0.0145


def test_rules_that_are_decided_leave_their_share_of_the_error_to_the_others() -> None:
    findings = several(decided=2, open_=1)
    assert [f.decision for f in findings] == [Decision.GO] * 3
    assert [f.level for f in findings] == pytest.approx([1 - 0.05 / 3] * 2 + [0.95])


def test_rules_that_stay_open_share_what_is_left() -> None:
    findings = several(decided=1, open_=2)
    assert [f.decision for f in findings] == [Decision.GO] + [Decision.INCONCLUSIVE] * 2
    assert [f.level for f in findings] == pytest.approx([1 - 0.05 / 3] + [0.975] * 2)


def test_without_correction_each_rule_has_the_whole_level() -> None:
    findings = several(decided=1, open_=2, correction="none")
    assert [f.decision for f in findings] == [Decision.GO] * 3
    assert {f.level for f in findings} == {0.95}


@pytest.mark.slow
def test_a_release_that_is_no_worse_is_seldom_refused() -> None:
    generator = random.Random(0)
    refused = 0
    for _ in range(300):
        rules, found = [], {}
        for place in range(5):
            items = [generator.random() for _ in range(200)]
            a = "".join(str(int(generator.random() < item)) for item in items)
            b = "".join(str(int(generator.random() < item)) for item in items)
            rules.append(Rule(benchmark=f"b{place}", max_regression=0.0))
            found[f"b{place}"] = evidence(a, b)
        findings = decide(Policy(candidate="a", baseline="b", rules=tuple(rules)), found)
        refused += overall(findings) is Decision.NO_GO
    assert refused / 300 <= 0.05


def test_a_release_goes_only_where_every_rule_says_so() -> None:
    go = several(1, 0)
    maybe = several(0, 2)
    missing = decide(
        Policy(candidate="a", baseline="b", rules=(Rule(benchmark="x", max_failure_share=0.1),)),
        {"x": "no runs"},
    )
    assert overall(go) is Decision.GO
    assert overall([*go, *maybe]) is Decision.INCONCLUSIVE
    assert overall([*go, *missing]) is Decision.INCONCLUSIVE
    worse = decide(
        Policy(candidate="a", baseline="b", rules=(Rule(benchmark="x", max_regression=0.01),)),
        {"x": evidence(pattern(400, 100), pattern(400, 300))},
    )
    assert overall([*go, *maybe, *worse]) is Decision.NO_GO


# --- The policy -----------------------------------------------------------------------------------


def test_a_policy_is_read_with_its_defaults() -> None:
    text = f"""{HEAD}confidence = 0.9
[benchmarks.mmlu]
max_regression = 0.01
[benchmarks."mmlu-pro"]
min_score = 1
confidence = 0.99
variant = "5-shot"
"""
    assert read_policy(text, "release.toml") == Policy(
        candidate="acme/new",
        baseline="acme/old",
        rules=(
            Rule(benchmark="mmlu", max_regression=0.01, confidence=0.9),
            Rule(benchmark="mmlu-pro", min_score=1.0, confidence=0.99, variant="5-shot"),
        ),
    )


def test_runs_may_be_named_by_their_numbers() -> None:
    policy = read_policy("candidate = 41\nbaseline = 7\n[benchmarks.x]\nmin_score = 0", "p")
    assert (policy.candidate, policy.baseline) == ("41", "7")


RULE = "[benchmarks.mmlu]\nmax_regression = 0.01\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("candidate = ", "is not valid TOML"),
        (f'baseline = "x"\n{RULE}', "'candidate' is missing"),
        (HEAD, "'benchmarks' is missing"),
        (HEAD + "[benchmarks]\nmmlu = 3", "'benchmarks.mmlu' must be a table"),
        (HEAD + "[benchmarks.mmlu]", "[benchmarks.mmlu]: limits nothing"),
        (HEAD + RULE + "max_regresion = 1", "'max_regresion'. Did you mean 'max_regression'?"),
        (HEAD + "candidat = 1\n" + RULE, "unknown key 'candidat'. Did you mean 'candidate'?"),
        (HEAD + "zzz = 1\n" + RULE, "unknown key 'zzz'. See"),
        (HEAD + "confidence = 95\n" + RULE, "'confidence' must be within 0.5..1, not 95"),
        (HEAD + "confidence = 1\n" + RULE, "'confidence' must be within 0.5..1, not 1"),
        (HEAD + "correction = 'bonferroni'\n" + RULE, "is 'holm' or 'none', not 'bonferroni'"),
        (HEAD + "intersect = 'yes'\n" + RULE, "'intersect' is true or false"),
        (HEAD + "[benchmarks.x]\nmax_regression = true", "must be a number, not True"),
        (HEAD + "[benchmarks.x]\nmax_regression = '1'", "must be a number, not '1'"),
        (HEAD + "[benchmarks.x]\nmax_regression = nan", "'max_regression' must be within"),
        (HEAD + "[benchmarks.x]\nmax_regression = -0.1", "'max_regression' must be within"),
        (HEAD + "[benchmarks.x]\nmax_failure_share = 5", "must be within 0..1, not 5"),
        (HEAD + "[benchmarks.x]\nmin_score = inf", "'min_score' must be within"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_by_its_key(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as raised:
        read_policy(text, "release.toml")
    assert said in raised.value.message
    assert raised.value.message.startswith("release.toml")
    assert "podium gate --help" in raised.value.message or "limits nothing" in said


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def gate(tmp_path: Path, podium: Type) -> Type:
    """Write a policy and type the command."""

    def gate(rules: str, *words: object, exit_code: int, head: str = HEAD) -> Result:
        file = tmp_path / "release.toml"
        file.write_text(head + rules)
        return podium("gate", file, *words, exit_code=exit_code)

    return gate


@pytest.mark.parametrize(
    ("right", "decision", "words"),
    [
        (300, "GO", "rules out a loss of 0.03"),
        (200, "NO-GO", "shows more than a loss of 0.03"),
        (290, "INCONCLUSIVE", "leaves a loss of 0.03 open"),
    ],
)
def test_the_exit_code_is_the_decision(
    right: int,
    decision: str,
    words: str,
    store: Store,
    gate: Type,
) -> None:
    scored(store, "acme/old", rights(pattern(400, 300)))
    scored(store, "acme/new", rights(pattern(400, right)))
    rule = "[benchmarks.clock]\nmax_regression = 0.03\n"
    out = gate(rule, exit_code=CODES[decision]).stdout
    assert out.startswith(f"{decision}: acme/new in place of acme/old")
    assert words in out
    item = json.loads(gate(rule, "--format", "json", exit_code=CODES[decision]).stdout)
    assert (item["decision"], len(item["findings"])) == (decision, 1)
    table = gate(rule, "--format", "csv", exit_code=CODES[decision]).stdout
    assert [line["decision"] for line in csv.DictReader(io.StringIO(table))] == [decision]


def test_failures_are_counted_against_the_samples(store: Store, gate: Type) -> None:
    scored(store, "acme/old", rights("1" * 50))
    run_id = scored(store, "acme/new", rights("1" * 50))
    outcomes = [Outcome.ANSWERED] * 48 + [Outcome.FAILED] * 2
    store.append([answer(run_id, str(i), outcome) for i, outcome in enumerate(outcomes)])
    out = gate("[benchmarks.clock]\nmax_failure_share = 0.05", exit_code=0).stdout
    assert "4.0% of the candidate's samples failed, within the 5.0% allowed" in out
    out = gate("[benchmarks.clock]\nmax_failure_share = 0.03", exit_code=3).stdout
    assert "more than the 3.0% allowed" in out


def test_missing_evidence_is_inconclusive_and_says_why(store: Store, gate: Type) -> None:
    scored(store, "acme/old", rights("1111"))
    scored(store, "acme/new", rights("1110"), benchmark=dials())
    rules = "[benchmarks.clock]\nmax_regression = 0.9\nmin_score = 0\n"
    out = gate(rules, exit_code=4).stdout
    assert "acme/new ran nothing that fits; acme/old ran clock" in out
    scored(store, "acme/new", rights("11111"))
    assert "only in the first" in gate(rules, exit_code=4).stdout
    scored(store, "acme/old", rights("1" * 90))
    scored(store, "acme/new", rights("1" * 99))
    out = gate(rules, head=HEAD + "intersect = true\n", exit_code=0).stdout
    assert out.startswith("GO")


def test_of_several_variants_the_policy_must_say_which(store: Store, gate: Type) -> None:
    for variant in ("round,arabic", "round,roman"):
        for model in ("acme/old", "acme/new"):
            scored(store, model, rights("1" * 99), benchmark=dials(), variant=variant)
    rules = "[benchmarks.dials]\nmax_regression = 0.1\n"
    error = gate(rules, exit_code=2).stderr
    assert "variant = 'round,arabic'" in error
    gate(rules + 'variant = "round,roman"', exit_code=0)


def test_what_is_misspelt_is_wrong_usage(store: Store, gate: Type, podium: Type) -> None:
    scored(store, "acme/old", rights("11"))
    scored(store, "acme/new", rights("11"))
    error = gate("[benchmarks.clok]\nmin_score = 0", exit_code=2).stderr
    assert "Did you mean 'clock'" in error
    head = 'candidate = "acme/nwe"\nbaseline = "acme/old"\n'
    error = gate("[benchmarks.clock]\nmin_score = 0", head=head, exit_code=2).stderr
    assert "Did you mean 'acme/new'" in error
    error = gate("[benchmarks.clock]\nmax_regression = 2", exit_code=2).stderr
    assert "max_regression = 0.01" in error
    podium("gate", "nowhere.toml", exit_code=2)


def test_a_policy_that_is_no_text_is_an_error_without_a_traceback(
    tmp_path: Path,
    podium: Type,
) -> None:
    file = tmp_path / "release.toml"
    file.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in podium("gate", file, exit_code=2).stderr


def test_a_hostile_policy_reaches_no_terminal(store: Store, gate: Type) -> None:
    begin_run(store, "acme/new")
    head = 'candidate = "\\u001b[31mx\\u0007"\nbaseline = "acme/old"\n'
    error = gate("[benchmarks.clock]\nmin_score = 0", head=head, exit_code=2)
    assert "\x1b" not in error.output
    error = gate('[benchmarks.clock]\n"\\u001b[2Jk" = 0', exit_code=2)
    assert "\x1b" not in error.output
