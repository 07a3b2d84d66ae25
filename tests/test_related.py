"""Links between benchmarks: declared, by category, and by rank correlation."""

import json
import math
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from registries import Backend, Holding
from scipy.stats import spearmanr

from registry.cli import main
from registry.filters import current
from registry.related import (
    Described,
    Pair,
    Relations,
    category_weights,
    correlations,
    relations,
    values_of,
    weighted_jaccard,
)
from registry.reported import board_rows
from registry.store import BoardRow, open_store
from registry.tables import Kind


def run(model: str, value: float, run_id: int = 1, **others: Any) -> BoardRow:
    plain = BoardRow(
        run_id=run_id,
        benchmark="clock",
        benchmark_version="1",
        variant="default",
        scope="full",
        items_hash="",
        finished_at=datetime(2026, 1, 2, tzinfo=UTC),
        failures_accepted=False,
        model=model,
        title="",
        metric="accuracy",
        baseline="",
        headline=True,
        higher_is_better=True,
        value=value,
        n=48,
        stderr=None,
        low=None,
        high=None,
        group="all",
        in_default=True,
    )
    return plain._replace(**others)


def report(model: str, value: float, source: str = "paper", **others: Any) -> BoardRow:
    published = {"kind": Kind.INDEPENDENT, "source": source, "valid_from": date(2025, 1, 1)}
    return run(model, value, run_id=0, finished_at=None, **(published | others))


def described(name: str, *categories: str, related: tuple[str, ...] = ()) -> Described:
    return Described(name=name, categories=frozenset(categories), related=related)


def linked(found: Relations, name: str, basis: str) -> list[str]:
    return [link.benchmark for link in found.links(name, basis)]


# --- One value a model ----------------------------------------------------------------------------


def test_our_newest_run_counts_else_the_median_of_what_is_published() -> None:
    rows = [
        run("ours", 0.4, 1),
        run("ours", 0.5, 2),
        report("ours", 0.9),
        report("theirs", 0.1, "a"),
        report("theirs", 0.2, "b"),
        report("theirs", 0.6, "c"),
    ]
    assert values_of(rows) == {"ours": 0.5, "theirs": 0.2}


def test_a_disputed_number_counts_only_where_all_are() -> None:
    rows = [
        report("some", 0.9, "a", disputed=True),
        report("some", 0.5, "b"),
        report("all", 0.2, "a", disputed=True),
        report("all", 0.4, "b", disputed=True),
    ]
    assert values_of(rows) == {"some": 0.5, "all": pytest.approx(0.3)}


def test_other_groups_metrics_samples_and_baselines_do_not_count() -> None:
    rows = [
        run("a", 0.5),
        run("b", 0.9, group="hard", in_default=False),
        run("c", 0.9, metric="f1", headline=False),
        run("d", 0.9, scope="sample", group="", in_default=False),
        run("a", 0.9, baseline="always noon"),
        report("e", 0.9, n=0),
    ]
    assert values_of(rows) == {"a": 0.5}


def test_a_benchmark_without_groups_is_read_from_its_default_board() -> None:
    alone = {"group": "", "in_default": False}
    rows = [
        run("a", 0.5, **alone),
        run("b", 0.6, **alone),
        run("c", 0.9, variant="other", **alone),
        run("d", 0.9, scope="partial", **alone),
    ]
    assert values_of(rows) == {"a": 0.5, "b": 0.6}
    assert values_of(rows[-1:]) == {}


def test_where_less_is_better_values_are_turned_round() -> None:
    rows = [run("a", 0.2, higher_is_better=False), run("b", 0.3, higher_is_better=False)]
    assert values_of(rows) == {"a": -0.2, "b": -0.3}


# --- Correlation ----------------------------------------------------------------------------------


def models(*values: float) -> dict[str, float]:
    return {f"m{i:02}": value for i, value in enumerate(values)}


def test_below_ten_shared_models_there_is_no_number() -> None:
    pairs = correlations({"a": models(*range(9)), "b": models(*range(30))})
    pair = pairs[frozenset("ab")]
    assert pair == Pair(n=9)
    assert pair.verdict == "not enough shared models (n = 9)"


def test_strong_takes_twenty_models_and_an_interval_beyond_the_limit() -> None:
    noisy = [i + 3 * (-1) ** i for i in range(24)]
    pairs = correlations({"a": models(*range(24)), "b": models(*noisy), "c": models(*noisy[:19])})
    assert pairs[frozenset("ab")].verdict == "strong"
    assert pairs[frozenset("ac")].verdict == "some"
    inverse = correlations({"a": models(*range(24)), "b": models(*(-n for n in noisy))})
    assert inverse[frozenset("ab")].verdict == "strong, inverse"


def test_a_benchmark_on_which_all_are_equal_correlates_with_none() -> None:
    pairs = correlations({"a": models(*[1.0] * 12), "b": models(*range(12))})
    assert pairs[frozenset("ab")].verdict == "no correlation: all values of one are equal"


def test_a_perfect_order_of_many_is_strong_and_has_no_interval() -> None:
    pair = correlations({"a": models(*range(20)), "b": models(*range(20))})[frozenset("ab")]
    assert (pair.value, pair.low, pair.p_value, pair.verdict) == (1.0, None, 0.0, "strong")


scores = st.lists(st.floats(0, 1).map(lambda x: round(x, 3)), min_size=12, max_size=12)


@given(scores, scores, scores)
def test_p_is_scipy_s_and_q_is_corrected_over_all_pairs(
    a: list[float], b: list[float], c: list[float]
) -> None:
    if min(len(set(a)), len(set(b)), len(set(c))) < 3:
        return
    pairs = correlations({"a": models(*a), "b": models(*b), "c": models(*c)})
    expected = spearmanr(a, b)
    pair = pairs[frozenset("ab")]
    assert pair.value == pytest.approx(expected.statistic)
    assert pair.p_value == pytest.approx(expected.pvalue, abs=1e-9)
    ordered = sorted(pairs.values(), key=lambda each: each.p_value or 0.0)
    least = 1.0
    for rank in (3, 2, 1):  # Benjamini and Hochberg: the largest p as it is, p * 3 / rank below
        least = min(least, (ordered[rank - 1].p_value or 0.0) * 3 / rank)
        assert ordered[rank - 1].q_value == pytest.approx(least, abs=1e-9)


# --- Categories and declared links ----------------------------------------------------------------


def test_a_category_that_all_have_counts_less_than_a_rare_one() -> None:
    known = [
        described("a", "reasoning", "chess"),
        described("b", "reasoning", "chess"),
        described("c", "reasoning", "law"),
        described("d", "reasoning"),
    ]
    weights = category_weights(known)
    assert weights == {"reasoning": 0.25, "chess": 0.5, "law": 1.0}
    overlap = [weighted_jaccard(known[0].categories, each.categories, weights) for each in known]
    assert overlap == pytest.approx([1.0, 1.0, 0.25 / 1.75, 0.25 / 0.75])
    assert weighted_jaccard(frozenset(), frozenset(), weights) == 0.0


def test_ties_of_category_go_by_number_of_models_then_by_id() -> None:
    rows = [
        run(m, 0.5, benchmark=b) for b, ms in {"b": "x", "c": "xy", "d": "x"}.items() for m in ms
    ]
    known = [described(name, "chess") for name in ("d", "c", "b", "a", "empty")]
    found = relations(known, rows)
    assert linked(found, "a", "category") == ["c", "b", "d"]  # nobody was evaluated on "empty"


def test_declared_links_hold_in_both_directions_and_may_name_what_is_not_here() -> None:
    known = [
        described("a", related=("b", "elsewhere")),
        described("b", related=("a",)),
        described("c", related=("a",)),
    ]
    links = relations(known, []).links("a", "declared")
    assert {link.benchmark: link.why for link in links} == {
        "b": "each names the other",
        "c": "it names a",
        "elsewhere": "a names it",
    }
    assert all(link.pair.verdict == "not enough shared models (n = 0)" for link in links)


# --- The whole catalogue --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue(backend: Backend, holding: Holding, shared: Path) -> str:
    """Return a registry that holds the whole shared catalogue."""
    return holding(backend, shared / "catalog")


@pytest.fixture(scope="module")
def whole(catalogue: str) -> Relations:
    with closing(open_store(catalogue)) as store:
        return relations([], current(board_rows(store)))


@pytest.mark.parametrize(
    ("a", "b", "rho", "n"),
    [
        ("mmmu", "mmmu-pro", 0.988, 52),
        ("mmlu", "mmlu-pro", 0.959, 148),
        ("gpqa", "mmmu", 0.952, 56),
        ("mathvista", "mmmu", 0.901, 63),
        ("mmlu", "mathvista", 0.538, 28),
        ("hellaswag", "winogrande", 0.969, 147),
        ("arc-challenge", "humaneval", 0.295, 32),
        ("mimic-cxr", "slake", 0.77, 11),
        ("mimic-cxr", "chexpert", 0.75, 10),
    ],
)
def test_correlations_of_the_catalogue_are_the_reference(
    whole: Relations, a: str, b: str, rho: float, n: int
) -> None:
    pair = whole.pairs[frozenset((a, b))]
    assert pair.n == n
    assert pair.value == pytest.approx(rho, abs=0.0006 if rho != round(rho, 2) else 0.006)


def test_so_many_pairs_of_the_catalogue_share_models(whole: Relations) -> None:
    counts = [sum(pair.n >= least for pair in whole.pairs.values()) for least in (5, 10, 20)]
    assert counts == [322, 215, 114]


def test_the_interval_is_bonett_and_wright_s(whole: Relations) -> None:
    pair = whole.pairs[frozenset(("mmmu", "mmmu-pro"))]
    assert pair.value is not None
    half = 1.959964 * math.sqrt((1 + pair.value**2 / 2) / (pair.n - 3))
    assert pair.low == pytest.approx(math.tanh(math.atanh(pair.value) - half))
    assert pair.high == pytest.approx(math.tanh(math.atanh(pair.value) + half))
    assert pair.verdict == "strong"


# --- As it is typed -------------------------------------------------------------------------------


def typed(*words: object, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, words)], prog_name="podium")
    assert result.exit_code == exit_code, result.output
    return result


def links_of(*words: object) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(typed(*words, "--format", "json").stdout)["links"]
    return made


def test_the_built_in_catalogue_relates_mimic_cxr_by_category_to_the_six_of_its_page() -> None:
    links = links_of("related", "mimic-cxr", "--by", "category")
    assert {link["title"] for link in links} == {
        *("MMLU-Pro", "MMLU", "Humanity's Last Exam", "MMMU", "MMMU-Pro", "MathVista")
    }
    assert all(link["basis"] == "category" for link in links)
    assert all(link["verdict"].startswith("not enough shared models (n = ") for link in links)


def test_by_correlation_mimic_cxr_has_not_enough_shared_models_there() -> None:
    out = typed("related", "mimic-cxr", "--by", "correlation").stdout
    assert "not enough shared models (n = 3)" in out
    assert "strong" not in out.split("A correlation needs")[0]


def test_each_link_says_its_basis_and_n(catalogue: str) -> None:
    words = ("--registry", catalogue, "related", "mmmu", "--top", 3)
    links = links_of(*words)
    assert [link["basis"] for link in links] == [
        *["declared"] * 3,
        *["category"] * 3,
        *["correlation"] * 3,
    ]
    assert all(isinstance(link["n"], int) for link in links)
    best = links[6]
    assert (best["benchmark"], best["n"], best["verdict"]) == ("mmmu-pro", 52, "strong")
    out = typed(*words).stdout
    assert "0.988" in out
    assert "52" in out


def test_a_misspelt_benchmark_suggests_the_nearest() -> None:
    assert "Did you mean 'mmmu'" in typed("related", "mmmuu", exit_code=2).stderr
