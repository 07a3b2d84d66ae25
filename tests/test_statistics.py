"""The statistics against published values, reference results on real outcomes, and their laws."""

import csv
import gzip
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from registry import statistics
from registry.statistics import Estimate, Interval, RankRange

DATA = Path(__file__).parents[2] / "shared" / "data" / "mmlu_pro_items"
NEIGHBOURS = range(27)

real = pytest.mark.usefixtures("shared")
law = settings(deadline=None)  # the first example loads scipy
binary = st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=60)
scores = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=60)
clustered = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 8)), min_size=2, max_size=60
)


# --- Real outcomes: 28 models on 12,032 questions -------------------------------------------------


@cache
def reference() -> dict[str, Any]:
    contents: dict[str, Any] = json.loads((DATA / "reference_stats.json").read_text())
    return contents


@cache
def outcomes() -> dict[str, NDArray[Any]]:
    """Return each column; of models 1 for right, 0 for wrong or no answer, NaN for not run."""
    with gzip.open(DATA / "items.csv.gz", "rt", newline="") as file:
        header, *rows = csv.reader(file)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    labels = {name: np.array(columns[name]) for name in ("src", "category")}
    right = {"1": 1.0, "0": 0.0, "n": 0.0, "": math.nan}
    return labels | {m: np.array([right[cell] for cell in columns[m]]) for m in models()}


def models() -> list[str]:
    return list(reference()["models"])


def run_by(*names: str) -> tuple[NDArray[Any], ...]:
    """Return the outcomes of the models on the items that all of them ran, then their origins."""
    table = outcomes()
    ran = np.logical_and.reduce([~np.isnan(table[name]) for name in names])
    return (*(table[name][ran] for name in names), table["src"][ran])


def printed(value: float | None, places: int = 6) -> float:
    """Return what the reference file holds, which is rounded: nothing finer can be compared."""
    assert value is not None
    return round(value, places)


@pytest.fixture
def shared() -> None:
    """Skip where the shared data is missing, except where it must not be."""
    if not DATA.exists():
        assert not os.environ.get("CI"), f"the shared data is missing: {DATA}"
        pytest.skip("needs the shared data")


@real
def test_every_model_has_the_reference_errors_and_intervals() -> None:
    for model, expected in reference()["models"].items():
        values, origins = run_by(model)
        ran = ~np.isnan(outcomes()[model])
        categories = outcomes()["category"][ran]
        estimate = statistics.summarise(values)
        by_origin = statistics.clustered_standard_error(values, origins)
        by_category = statistics.clustered_standard_error(values, categories)
        assert estimate.n == expected["n"]
        assert values.sum() == expected["correct"]
        assert printed(estimate.mean) == expected["accuracy"]
        assert printed(estimate.stderr) == expected["se_iid"]
        assert printed(by_origin) == expected["se_cluster_src"]
        assert printed(by_category) == expected["se_cluster_category"]
        assert [printed(estimate.low), printed(estimate.high)] == expected["wilson95"]


@real
@pytest.mark.parametrize("pair", NEIGHBOURS)
def test_neighbours_in_the_ranking_have_the_reference_comparison(pair: int) -> None:
    expected = reference()["adjacent_pairs"][pair]
    a, b, origins = run_by(expected["a"], expected["b"])
    paired = statistics.paired_difference(a, b)
    by_origin = statistics.paired_difference(a, b, origins)
    unpaired = statistics.unpaired_difference(statistics.summarise(a), statistics.summarise(b))
    assert paired.mcnemar is not None
    assert paired.n == expected["n"]
    assert printed(paired.difference) == expected["diff"]
    assert printed(paired.stderr) == expected["se_paired"]
    assert printed(by_origin.stderr) == expected["se_paired_cluster_src"]
    assert printed(unpaired.stderr) == expected["se_unpaired"]
    assert paired.mcnemar.only_a == expected["only_a"]
    assert paired.mcnemar.only_b == expected["only_b"]
    assert float(f"{paired.p_value:.4g}") == expected["mcnemar_p_exact"]


@real
def test_ranges_of_ranks_are_the_reference_ones() -> None:
    names = reference()["rank_by_accuracy"]
    estimates = [statistics.summarise(run_by(name)[0]) for name in names]
    ranges = statistics.rank_ranges([estimate.interval for estimate in estimates])
    expected = reference()["rank_interval_from_wilson95"]
    assert [[r.best, r.worst] for r in ranges] == [expected[name] for name in names]
    assert statistics.competition_ranks([e.mean for e in estimates]) == list(range(1, 29))


@real
def test_every_accuracy_by_category_is_the_reference_one() -> None:
    categories = outcomes()["category"]
    for model, expected in reference()["accuracy_by_category"].items():
        values = outcomes()[model]
        for category, accuracy in expected.items():
            chosen = (categories == category) & ~np.isnan(values)
            assert printed(statistics.summarise(values[chosen]).mean) == accuracy


@real
def test_fifteen_of_27_neighbours_differ_and_ten_once_clustered() -> None:
    pairs = [(p["a"], p["b"]) for p in reference()["adjacent_pairs"]]
    single = [statistics.paired_difference(*run_by(a, b)[:2]).p_value for a, b in pairs]
    grouped = [statistics.paired_difference(*run_by(a, b)).p_value for a, b in pairs]
    assert sum(p < 0.05 for p in single if p is not None) == 15
    assert sum(p < 0.05 for p in grouped if p is not None) == 10


@real
def test_the_bootstrap_gives_the_reference_intervals() -> None:
    values, origins = run_by("meta/llama-3.1-70b-instruct")
    single = statistics.bootstrap_mean(values, resamples=4000).interval
    grouped = statistics.bootstrap_mean(values, origins).interval
    assert single is not None
    assert grouped is not None
    # The reference gives four decimals of another generator's draws.
    assert (single.low, single.high) == pytest.approx((0.6195, 0.6368), abs=5e-4)
    assert (grouped.low, grouped.high) == pytest.approx((0.5818, 0.6742), abs=2e-3)


@real
def test_three_points_on_mmlu_pro_take_about_2500_items() -> None:
    a, b, _ = run_by("meta/llama-3-8b", "google/gemma-7b")
    assert (a - b).std(ddof=1) == pytest.approx(0.53, abs=0.06)
    assert statistics.required_items(0.03, 0.53) == 2450


# --- One score ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [  # Newcombe 1998, Stat. Med. 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_newcombes_published_intervals(
    right: int, n: int, low: float, high: float
) -> None:
    interval = statistics.wilson_interval(right / n, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@law
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_proportion_within_0_and_1_as_scipy_says(counts: tuple[int, int]) -> None:
    right, n = counts
    ours = statistics.wilson_interval(right / n, n, level=0.9)
    theirs = scipy.stats.binomtest(right, n).proportion_ci(0.9, "wilson")
    assert 0 <= ours.low <= right / n <= ours.high <= 1
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("proportion", "n"), [(88.9, 10), (-0.1, 10), (math.nan, 10), (0.5, 0)])
def test_wilson_refuses_what_is_no_proportion(proportion: float, n: int) -> None:
    with pytest.raises(ValueError, match="a proportion"):
        statistics.wilson_interval(proportion, n)


@law
@given(scores)
def test_the_standard_error_is_the_textbook_sum(values: list[float]) -> None:
    n, mean = len(values), sum(map(Fraction, values)) / len(values)
    squares = sum((Fraction(value) - mean) ** 2 for value in values)
    error = math.sqrt(squares / (n * (n - 1)))
    assert statistics.standard_error(values) == pytest.approx(error, rel=1e-9, abs=1e-12)


@law
@given(clustered)
def test_the_clustered_error_is_the_textbook_sum(items: list[tuple[float, int]]) -> None:
    n, mean = len(items), sum(Fraction(value) for value, _ in items) / len(items)
    labels = {label for _, label in items}
    sums = [sum(Fraction(v) - mean for v, label in items if label == own) for own in labels]
    error = math.sqrt(sum(total**2 for total in sums)) / n if len(labels) > 1 else None
    ours = statistics.clustered_standard_error(*zip(*items, strict=True))
    assert ours == (None if error is None else pytest.approx(error, rel=1e-9, abs=1e-12))


@law
@given(scores)
def test_clusters_of_one_item_have_the_independent_error_up_to_the_known_factor(
    values: list[float],
) -> None:
    n = len(values)
    alone = statistics.clustered_standard_error(values, range(n))
    single = statistics.standard_error(values)
    assert alone is not None
    assert single is not None
    assert alone == pytest.approx(single * math.sqrt((n - 1) / n), abs=1e-12)
    assert statistics.summarise(values, range(n)) == statistics.summarise(values)


@law
@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=20))
def test_asking_each_item_twice_adds_no_certainty_once_clustered(values: list[float]) -> None:
    once = statistics.clustered_standard_error(values, range(len(values)))
    twice = statistics.clustered_standard_error(values * 2, [*range(len(values))] * 2)
    assert twice == pytest.approx(once, abs=1e-12)


@law
@given(clustered, st.randoms(use_true_random=False))
def test_the_order_of_items_changes_nothing(items: list[tuple[float, int]], random: Any) -> None:
    shuffled = random.sample(items, len(items))
    first = statistics.summarise(*zip(*items, strict=True))
    second = statistics.summarise(*zip(*shuffled, strict=True))
    assert (first.mean, first.n, first.clusters) == (second.mean, second.n, second.clusters)
    assert second.stderr == pytest.approx(first.stderr, abs=1e-12)
    assert second.low == pytest.approx(first.low, abs=1e-9)
    assert second.high == pytest.approx(first.high, abs=1e-9)


@law
@given(clustered)
def test_an_interval_of_an_accuracy_holds_it_and_stays_within_0_and_1(
    items: list[tuple[float, int]],
) -> None:
    estimate = statistics.summarise(*zip(*items, strict=True))
    if estimate.interval is None:
        assert estimate.clusters == 1
    else:
        assert 0 <= estimate.interval.low <= estimate.mean <= estimate.interval.high <= 1


@pytest.mark.parametrize(
    ("values", "clusters", "expected"),
    [
        ([1], None, (1.0, None, "Wilson")),
        ([0.5], None, (0.5, None, None)),
        ([1] * 20, None, (1.0, 0.0, "Wilson")),
        ([0] * 20, None, (0.0, 0.0, "Wilson")),
        ([0.1] * 20, None, (0.1, 0.0, None)),
        ([1, 0, 1, 0], "aaaa", (0.5, None, None)),
        ([1, 0, 1, 0], "aabb", (0.5, 0.0, "Wilson")),
        ([1, 1, 0, 0], "aabb", (0.5, math.sqrt(1 / 8), "t")),
        ([1, 1, 0], ["", "", ""], (2 / 3, 1 / 3, "Wilson")),
        ([1, 1, 0], [None, math.nan, math.nan], (2 / 3, 1 / 3, "Wilson")),
        ([0.2, 0.4], None, (0.3, 0.1, "t")),
    ],
)
def test_what_the_data_cannot_say_is_none(
    values: list[float],
    clusters: list[str] | None,
    expected: tuple[float, float | None, str | None],
) -> None:
    estimate = statistics.summarise(values, clusters)
    method = estimate.interval.method if estimate.interval else None
    assert estimate.mean == pytest.approx(expected[0])
    assert method == expected[2]
    assert estimate.stderr == (None if expected[1] is None else pytest.approx(expected[1]))
    assert (estimate.low is None) == (estimate.high is None) == (method is None)


def test_clusters_that_are_all_right_count_once_each() -> None:
    by_patient = statistics.summarise([1] * 20, [patient for patient in "abcd" for _ in range(5)])
    assert by_patient.interval == statistics.wilson_interval(1, 4)
    assert (by_patient.n, by_patient.clusters, by_patient.stderr) == (20, 4, 0.0)


def test_few_clusters_use_students_t() -> None:
    values, clusters = [0.2, 0.3, 0.9, 0.6, 0.4, 0.5], list("aabbcc")
    error = statistics.clustered_standard_error(values, clusters)
    low, high = scipy.stats.t.interval(0.95, 2, np.mean(values), error)
    estimate = statistics.summarise(values, clusters, bounds=(-math.inf, math.inf))
    assert (estimate.low, estimate.high) == pytest.approx((low, high))
    assert low < 0
    assert statistics.summarise(values, clusters).low == 0


def test_ratings_of_0_to_5_are_not_taken_for_right_and_wrong() -> None:
    ratings = [0, 1, 1, 0, 1, 1, 1]
    assert statistics.summarise(ratings).interval == statistics.wilson_interval(5 / 7, 7)
    rated = statistics.summarise(ratings, bounds=(0, 5)).interval
    assert rated is not None
    assert (rated.method, rated.high > 1) == ("t", True)


def test_values_out_of_their_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values of 0 to 7 are not within 0\.\.5"):
        statistics.summarise([0, 7], bounds=(0, 5))


def test_repeats_are_averaged_by_item_in_order_of_appearance() -> None:
    means, rows = statistics.average_repeats([1, 0, 1, 1, 0.5], ["q2", "q1", "q2", "q1", "q3"])
    assert means.tolist() == [1, 0.5, 0.5]
    assert rows.tolist() == [0, 1, 4]


@law
@given(st.integers(2, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_assumed_error_is_that_of_right_and_wrong_items(counts: tuple[int, int]) -> None:
    right, n = counts
    measured = statistics.summarise([1.0] * right + [0.0] * (n - right))
    assumed = statistics.assumed_estimate(right / n, n)
    assert assumed.stderr == pytest.approx(measured.stderr, abs=1e-12)
    assert (assumed.low, assumed.high, assumed.n) == (measured.low, measured.high, n)
    assert assumed.interval is not None
    assert assumed.interval.method == "assumed binomial"


def test_one_item_has_an_assumed_interval_but_no_error() -> None:
    assert statistics.assumed_estimate(1, 1).stderr is None
    assert statistics.assumed_estimate(1, 1).low == pytest.approx(0.2065, abs=1e-4)


def test_a_published_error_gives_a_normal_interval_within_the_bounds() -> None:
    accuracy = statistics.normal_interval(0.99, 0.01)
    assert accuracy.low == pytest.approx(0.97040, abs=1e-5)
    assert (accuracy.high, accuracy.method) == (1, "normal")
    assert statistics.normal_interval(1200, 10).high == pytest.approx(1219.6, abs=0.01)
    with pytest.raises(ValueError, match="above 0"):
        statistics.normal_interval(0.5, 0)


# --- Resampling -----------------------------------------------------------------------------------


def test_sums_by_cluster_keep_the_shape_of_a_row() -> None:
    counts = np.arange(24.0).reshape(4, 3, 2)
    sums = statistics.sum_by_cluster(counts, ["p2", "p1", "p2", ""])
    assert sums.tolist() == [(counts[0] + counts[2]).tolist(), *counts[[1, 3]].tolist()]


def macro_f1(hits: Any, false_alarms: Any, misses: Any) -> Any:
    return np.mean(2 * hits / (2 * hits + false_alarms + misses), axis=-1)


def test_macro_f1_by_patient_is_that_of_the_patients_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(3)
    patients = generator.integers(0, 40, 300)
    truth, answer = generator.integers(0, 3, (2, 300))
    truth_is, answer_is = truth[:, None] == range(3), answer[:, None] == range(3)
    kinds = np.stack([truth_is & answer_is, ~truth_is & answer_is, truth_is & ~answer_is], axis=1)
    totals = statistics.sum_by_cluster(kinds, patients)
    seen: list[NDArray[np.float64]] = []

    def statistic(times: NDArray[np.float64]) -> NDArray[np.float64]:
        seen.append(times)
        return np.asarray(macro_f1(*np.moveaxis(np.tensordot(times, totals, 1), 1, 0)))

    result = statistics.bootstrap(statistic, len(totals), resamples=300, seed=7)
    assert result.value == pytest.approx(macro_f1(*kinds.sum(axis=0)))
    order = list(dict.fromkeys(patients.tolist()))
    rows = {patient: np.flatnonzero(patients == patient) for patient in order}
    values = []
    for times in np.concatenate(seen[1:]).astype(int):
        drawn = np.concatenate(
            [np.tile(rows[p], t) for p, t in zip(order, times, strict=True)]
        ).astype(int)
        assert times.sum() == len(order)
        values.append(macro_f1(*kinds[drawn].sum(axis=0)))
    assert result.stderr == pytest.approx(np.std(values, ddof=1))
    assert result.interval is not None
    assert result.interval.low == pytest.approx(np.quantile(values, 0.025))
    monkeypatch.setattr(statistics, "CELLS_AT_ONCE", 101)
    assert statistics.bootstrap(statistic, len(totals), resamples=300, seed=7) == result


@law
@given(clustered, st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_bootstrap(items: list[tuple[float, int]], seed: int) -> None:
    values, clusters = zip(*items, strict=True)
    first = statistics.bootstrap_mean(values, clusters, resamples=50, seed=seed)
    assert statistics.bootstrap_mean(values, clusters, resamples=50, seed=seed) == first
    assert first.seed == seed
    assert first.units == len(set(clusters))


def test_the_bootstrap_agrees_with_the_formulas() -> None:
    generator = np.random.default_rng(1)
    clusters = np.repeat(np.arange(60), 5)
    values = (generator.random(300) < np.repeat(generator.random(60), 5)).astype(float)
    drawn = statistics.bootstrap_mean(values, clusters)
    assert drawn.stderr == pytest.approx(
        statistics.clustered_standard_error(values, clusters), rel=0.03
    )
    alone = statistics.bootstrap_mean(values)
    assert alone.stderr == pytest.approx(statistics.standard_error(values), rel=0.03)


def test_one_unit_has_a_value_and_nothing_more() -> None:
    result = statistics.bootstrap_mean([1, 0, 1, 1], "aaaa")
    assert (result.value, result.stderr, result.interval) == (0.75, None, None)


def test_equal_units_leave_the_bootstrap_without_width() -> None:
    result = statistics.bootstrap_mean([1, 1, 1], resamples=20)
    assert result.interval == Interval(1, 1, 0.95, "bootstrap")


@pytest.mark.parametrize(
    ("statistic", "message"),
    [
        (lambda times: times, r"must return shape \(1,\)"),
        (lambda times: float(times.sum()), r"must return shape \(1,\)"),
        (lambda times: times[:, 0] / 0, "not finite"),
        (lambda times: 1 / times.min(axis=1), "not finite for a resample"),
    ],
)
def test_a_statistic_without_one_number_a_resample_is_refused(
    statistic: Callable[[Any], Any], message: str
) -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        statistics.bootstrap(statistic, 5, resamples=20)


# --- Two scores -----------------------------------------------------------------------------------


@law
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_symmetric_and_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    n = only_a + only_b
    tail = sum(math.comb(n, count) for count in range(min(only_a, only_b) + 1))
    exact = min(1.0, float(Fraction(2 * tail, 2**n)))
    assert statistics.mcnemar(only_a, only_b).p_value == pytest.approx(exact, rel=1e-9)
    assert statistics.mcnemar(only_b, only_a).p_value == statistics.mcnemar(only_a, only_b).p_value


def test_mcnemar_without_discordant_items_says_nothing() -> None:
    assert statistics.mcnemar(0, 0).p_value == 1
    with pytest.raises(ValueError, match="negative"):
        statistics.mcnemar(-1, 3)


def test_bonett_and_price_give_the_published_interval() -> None:
    # R's statpsych: ci.prop.ps(.05, 12, 4, 26, 6)
    interval = statistics.bonett_price_interval(26, 4, 48)
    assert (interval.low, interval.high) == pytest.approx((0.2548067, 0.6251933), abs=1e-7)


def trinomial_coverage(n: int, p_a: float, p_b: float) -> float:
    """Return how often the interval holds p_a - p_b, over all outcomes of n items."""
    covered = 0.0
    for only_a in range(n + 1):
        for only_b in range(n + 1 - only_a):
            interval = statistics.bonett_price_interval(only_a, only_b, n)
            if interval.low <= p_a - p_b <= interval.high:
                counts = [only_a, only_b, n - only_a - only_b]
                covered += scipy.stats.multinomial.pmf(counts, n, [p_a, p_b, 1 - p_a - p_b])
    return covered


@pytest.mark.parametrize(("p_a", "p_b"), [(0.05, 0.01), (0.1, 0.02), (0.3, 0.1), (0.3, 0.3)])
def test_the_paired_interval_keeps_its_level_for_20_items(p_a: float, p_b: float) -> None:
    # The t interval of the same items covers 0.71, 0.88, 0.94 and 0.95.
    assert trinomial_coverage(20, p_a, p_b) > 0.94


@law
@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0])] * 2, st.integers(0, 6)), min_size=1))
def test_swapping_the_models_turns_the_comparison_around(
    items: list[tuple[float, float, int]],
) -> None:
    a, b, clusters = zip(*items, strict=True)
    for labels in (None, clusters):
        forth = statistics.paired_difference(a, b, labels)
        back = statistics.paired_difference(b, a, labels)
        assert forth.difference == -back.difference
        assert (forth.stderr, forth.p_value) == (back.stderr, back.p_value)
        assert (forth.interval is None) == (back.interval is None)
        if forth.interval and back.interval:
            assert forth.interval.low == pytest.approx(-back.interval.high, abs=1e-12)
            assert -1 <= forth.interval.low <= forth.interval.high <= 1
        assert forth.mcnemar is not None
        assert back.mcnemar is not None
        assert forth.mcnemar.only_a == back.mcnemar.only_b


def test_other_values_get_the_paired_t_test() -> None:
    a, b = [0.9, 0.4, 0.7, 0.8, 0.35], [0.5, 0.45, 0.6, 0.5, 0.3]
    theirs = scipy.stats.ttest_rel(a, b)
    ours = statistics.paired_difference(a, b)
    expected = theirs.confidence_interval()
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.interval is not None
    assert (ours.interval.low, ours.interval.high) == pytest.approx((expected.low, expected.high))
    assert (ours.test, ours.mcnemar, ours.clusters, ours.n) == ("paired t", None, None, 5)


def test_clusters_replace_the_test_but_keep_the_counts() -> None:
    a, b, patients = [1, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1], list("aaaabc")
    paired = statistics.paired_difference(a, b, patients)
    error = statistics.clustered_standard_error(np.subtract(a, b), patients)
    assert error is not None
    assert paired.mcnemar == statistics.mcnemar(4, 1)
    assert (paired.test, paired.clusters) == ("clustered t", 3)
    assert paired.p_value == pytest.approx(2 * scipy.stats.t.sf(0.5 / error, 2))


def test_models_that_never_differ_have_an_interval_with_a_width() -> None:
    same = statistics.paired_difference([1, 0, 1, 1], [1, 0, 1, 1])
    assert (same.difference, same.stderr, same.p_value) == (0, 0, 1)
    assert same.interval == statistics.bonett_price_interval(0, 0, 4)
    by_pair = statistics.paired_difference([1, 0, 1, 1], [1, 0, 1, 1], "aabb")
    assert (by_pair.stderr, by_pair.p_value, by_pair.test) == (0, 1, "clustered t")
    assert by_pair.interval == statistics.bonett_price_interval(0, 0, 2)


def test_one_model_all_right_and_one_all_wrong_differ_by_one() -> None:
    paired = statistics.paired_difference([1] * 3, [0] * 3)
    assert (paired.difference, paired.stderr, paired.p_value) == (1, 0, 0.25)
    by_pair = statistics.paired_difference([1] * 6, [0] * 6, "aabbcc")
    assert by_pair.p_value is None
    assert by_pair.interval == paired.interval == statistics.bonett_price_interval(3, 0, 3)


def test_a_single_item_or_cluster_compares_without_an_error() -> None:
    item = statistics.paired_difference([0.7], [0.5])
    assert item.difference == pytest.approx(0.2)
    assert (item.stderr, item.interval, item.p_value) == (None, None, None)
    cluster = statistics.paired_difference([1, 1, 0], [0, 1, 0], "aaa")
    assert (cluster.stderr, cluster.interval, cluster.p_value) == (None, None, None)
    assert cluster.mcnemar == statistics.mcnemar(1, 0)


def test_unpaired_proportions_give_newcombes_published_interval() -> None:
    # Newcombe 1998, Stat. Med. 17, 873-890, table II: 56/70 - 48/80, method 10
    a, b = statistics.assumed_estimate(56 / 70, 70), statistics.assumed_estimate(48 / 80, 80)
    unpaired = statistics.unpaired_difference(a, b)
    assert unpaired.interval is not None
    assert (round(unpaired.interval.low, 4), round(unpaired.interval.high, 4)) == (0.0524, 0.3339)
    assert unpaired.difference == pytest.approx(0.2)
    assert unpaired.p_value == pytest.approx(0.0066, abs=5e-4)


@law
@given(scores)
def test_pairing_helps_where_models_agree_and_never_changes_the_difference(
    values: list[float],
) -> None:
    shifted = [value / 2 for value in values]
    paired = statistics.paired_difference(values, shifted)
    unpaired = statistics.unpaired_difference(
        statistics.summarise(values), statistics.summarise(shifted)
    )
    assert paired.stderr is not None
    assert unpaired.stderr is not None
    assert paired.difference == pytest.approx(unpaired.difference, abs=1e-12)
    assert paired.stderr <= unpaired.stderr + 1e-12


def test_a_score_without_an_error_has_no_interval_to_another() -> None:
    known = statistics.assumed_estimate(0.8, 100)
    unknown = Estimate(0.7, None, None, 100)
    unpaired = statistics.unpaired_difference(known, unknown)
    assert unpaired.difference == pytest.approx(0.1)
    assert (unpaired.stderr, unpaired.interval, unpaired.p_value) == (None, None, None)


def test_intervals_of_two_levels_do_not_combine() -> None:
    a, b = statistics.assumed_estimate(0.8, 9), statistics.assumed_estimate(0.8, 9, level=0.9)
    with pytest.raises(ValueError, match=r"0\.95 and 0\.9 do not combine"):
        statistics.unpaired_difference(a, b)


def test_the_required_items_have_the_power_asked_for() -> None:
    n = statistics.required_items(0.2, 1.0, power=0.9)
    assert n == 263
    sums = np.random.default_rng(5).normal(0.2, 1 / math.sqrt(n), 40_000) * math.sqrt(n)
    assert np.mean(np.abs(sums) > 1.959964) == pytest.approx(0.9, abs=0.006)


@pytest.mark.parametrize(
    ("difference", "deviation", "power"),
    [(0, 0.5, 0.8), (0.1, 0, 0.8), (math.nan, 0.5, 0.8), (0.1, 0.5, 1), (0.1, 0.5, 0.4)],
)
def test_a_difference_that_no_number_shows_is_refused(
    difference: float, deviation: float, power: float
) -> None:
    with pytest.raises(ValueError, match=r"no number of items|a power"):
        statistics.required_items(difference, deviation, power=power)


# --- Many scores ----------------------------------------------------------------------------------


def test_equal_scores_share_a_rank_and_the_next_one_is_skipped() -> None:
    assert statistics.competition_ranks([0.9, 0.8, 0.8, 0.7]) == [1, 2, 2, 4]
    assert statistics.competition_ranks([0.9, 0.8, 0.8, 0.7], higher_is_better=False) == [
        4,
        2,
        2,
        1,
    ]
    assert statistics.competition_ranks([0.8891, 0.8894, 0.8], decimals=3) == [1, 1, 3]
    assert statistics.competition_ranks([]) == []


@law
@given(st.lists(st.floats(-5, 5)), st.booleans())
def test_competition_ranks_are_scipys(values: list[float], higher: bool) -> None:
    losses = [-value if higher else value for value in values]
    expected = scipy.stats.rankdata(losses, "min").tolist()
    assert statistics.competition_ranks(values, higher_is_better=higher) == expected


@law
@given(
    st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3).map(sorted)),
    st.sets(st.integers(0, 20)),
    st.booleans(),
)
def test_a_range_holds_the_competition_rank_and_counts_as_the_rule_says(
    rows: list[list[int]], unknown: set[int], higher: bool
) -> None:
    known = [
        None if at in unknown else Interval(low, high, 0.95, "t")
        for at, (low, _, high) in enumerate(rows)
    ]
    ranges = statistics.rank_ranges(known, higher_is_better=higher)
    ranks = statistics.competition_ranks([row[1] for row in rows], higher_is_better=higher)
    assert all(r.best <= rank <= r.worst for r, rank in zip(ranges, ranks, strict=True))
    for mine, found in zip(known, ranges, strict=True):
        others = [row for row in known if row and mine]
        above = sum(row.low > mine.high for row in others if mine)
        below = sum(row.high < mine.low for row in others if mine)
        if not higher:
            above, below = below, above
        assert found == RankRange(1 + above, len(known) - below)


def test_ranges_of_ranks_are_not_transitive() -> None:
    rows = [Interval(low, low + 3, 0.95, "t") for low in (4, 2, 0)]
    ranges = statistics.rank_ranges(rows)
    assert [(r.best, r.worst) for r in ranges] == [(1, 2), (1, 3), (2, 3)]


def test_a_row_without_an_interval_may_have_any_rank_and_excludes_none() -> None:
    ranges = statistics.rank_ranges([Interval(8, 9, 0.95, "t"), None, Interval(1, 2, 0.95, "t")])
    assert [(r.best, r.worst) for r in ranges] == [(1, 2), (1, 3), (2, 3)]
    assert statistics.rank_ranges([]) == []


def test_an_interval_cannot_run_backwards() -> None:
    with pytest.raises(ValueError, match=r"from 0\.9 to 0\.1"):
        Interval(0.9, 0.1, 0.95, "t")


def test_holm_gives_the_values_of_p_adjust_in_r() -> None:
    corrected = statistics.holm([0.01, 0.04, 0.03, 0.005])
    assert corrected.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.4, 0.9]).tolist() == pytest.approx([0.8, 0.9])
    assert statistics.holm([]).tolist() == []
    with pytest.raises(ValueError, match=r"within 0\.\.1, not 0\.2\.\.1\.5"):
        statistics.holm([0.2, 1.5])


@law
@given(st.lists(st.floats(0, 1), min_size=1), st.randoms(use_true_random=False))
def test_holm_keeps_order_and_lies_between_the_value_and_bonferroni(
    p_values: list[float], random: Any
) -> None:
    corrected = statistics.holm(p_values).tolist()
    for raw, new in zip(p_values, corrected, strict=True):
        assert raw <= new <= min(1, raw * len(p_values))
    for (raw, new), (other_raw, other_new) in itertools.combinations(
        zip(p_values, corrected, strict=True), 2
    ):
        assert (raw < other_raw) <= (new <= other_new)
    order = random.sample(range(len(p_values)), len(p_values))
    assert statistics.holm([p_values[at] for at in order]).tolist() == [corrected[a] for a in order]


def test_spearman_has_the_bonett_wright_interval() -> None:
    x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    y = [2, 1, 4, 3, 9, 6, 10, 5, 7, 8]
    correlation = statistics.spearman(x, y)
    assert correlation is not None
    squares = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    assert correlation.value == pytest.approx(1 - 6 * squares / 990)
    assert correlation.interval is not None
    z, error = math.atanh(correlation.value), math.sqrt((1 + correlation.value**2 / 2) / 7)
    low, high = math.tanh(z - 1.959964 * error), math.tanh(z + 1.959964 * error)
    assert (correlation.interval.low, correlation.interval.high) == pytest.approx((low, high))


@law
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1))
def test_spearman_sees_only_the_order_of_values(pairs: list[tuple[int, int]]) -> None:
    x, y = zip(*pairs, strict=True)
    correlation = statistics.spearman(x, y)
    assert (correlation is None) == (len(set(x)) == 1 or len(set(y)) == 1)
    if correlation is not None:
        assert -1 <= correlation.value <= 1
        cubed = statistics.spearman(y, [value**3 for value in x])
        assert cubed is not None
        assert cubed.value == pytest.approx(correlation.value, abs=1e-12)
        assert (cubed.interval is None) == (correlation.interval is None)
        if correlation.interval is not None:
            assert correlation.interval.low < correlation.value < correlation.interval.high


def test_a_perfect_order_and_three_pairs_have_no_interval() -> None:
    perfect = statistics.spearman([1, 2, 3, 4, 5], [2, 4, 6, 8, 9])
    assert perfect == statistics.Correlation(1, None, 5)
    three = statistics.spearman([1, 2, 3], [1, 3, 2])
    assert three is not None
    assert three.value == pytest.approx(0.5)
    assert three.interval is None


# --- What all refuse ------------------------------------------------------------------------------

OF_ONE_ARRAY: list[Callable[[Any], object]] = [
    statistics.standard_error,
    statistics.summarise,
    statistics.bootstrap_mean,
    lambda values: statistics.average_repeats(values, range(len(values))),
    lambda values: statistics.clustered_standard_error(values, range(len(values))),
    lambda values: statistics.sum_by_cluster(values, range(len(values))),
    lambda values: statistics.paired_difference(values, values),
    lambda values: statistics.spearman(values, values),
]


@pytest.mark.parametrize("function", OF_ONE_ARRAY)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "is empty"),
        ([0.5, math.nan], r"\[1\] is nan: leave out"),
        ([math.inf, 0.5], r"\[0\] is inf: leave out"),
        ([0.5, None], r"\[1\] is nan: leave out"),
    ],
)
def test_values_that_are_none_or_not_finite_are_refused(
    function: Callable[[Any], object], values: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(values)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 3 values do not pair"):
        statistics.paired_difference([1, 0], [1, 0, 1])
    with pytest.raises(ValueError, match="1 labels do not fit 2 values"):
        statistics.summarise([1, 0], ["a"])
    with pytest.raises(ValueError, match=r"not the shape \(1, 2\)"):
        statistics.summarise([[1, 0]])
    with pytest.raises(ValueError, match="10 and 3 discordant items of 9"):
        statistics.bonett_price_interval(10, 3, 9)
    with pytest.raises(ValueError, match="cannot draw 1 resamples of 4 units"):
        statistics.bootstrap(lambda times: times[:, 0], 4, resamples=1)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_a_level_is_a_share(level: float) -> None:
    for function in (statistics.summarise, statistics.bootstrap_mean):
        with pytest.raises(ValueError, match="a level is between 0 and 1"):
            function([0.2, 0.4], level=level)


def test_ranking_does_not_load_scipy_stats() -> None:
    program = (
        "import sys; from registry import statistics as s;"
        "s.rank_ranges([s.summarise([1, 0]).interval]); s.paired_difference([1, 0], [0, 0]);"
        "print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
