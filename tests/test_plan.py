"""Plans: the items that a difference takes, by runs at hand or by an assumption that is said."""

import json
from pathlib import Path
from statistics import pstdev

import pytest
from compared_runs import Type, column_of, rights, scored, table_of, type_with_clocks, values_of
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import dials

import plugins
from registry.compare import align
from registry.plan import ASSUMED_DEVIATION, detectable_difference, plan, spread
from registry.statistics import required_items
from registry.store import Store


@pytest.fixture(autouse=True)
def _nothing_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("registry.discovery.BUILT_IN_ROOMS", ())
    monkeypatch.setattr(plugins, "__path__", [])
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))


@pytest.fixture
def podium(tmp_path: Path) -> Type:
    return type_with_clocks(tmp_path)


def test_the_spread_is_the_deviation_of_the_differences() -> None:
    a, b = values_of([(1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0), (0, 0, 0)])
    found = spread("a", "b", align(a, b))
    assert found is not None
    assert found.deviation == pytest.approx(pstdev([1, -1, 0, 1, 0]) * (5 / 4) ** 0.5)
    assert spread("a", "a", align(a, a)) is None


def test_clusters_that_move_together_take_more_items() -> None:
    changes = [(1, 0), (1, 0), (0, 1), (0, 1), (1, 0), (1, 0), (0, 1), (0, 1)]
    alone = spread("a", "b", align(*values_of([(x, y, 0) for x, y in changes])))
    pairs = [(x, y, 1 + place // 2) for place, (x, y) in enumerate(changes)]
    together = spread("a", "b", align(*values_of(pairs)))
    assert alone is not None
    assert together is not None
    assert together.deviation > 1.3 * alone.deviation


@settings(deadline=None)
@given(st.floats(0.001, 0.5), st.floats(0.05, 1), st.floats(0.5, 0.99), st.floats(0.5, 0.999))
def test_the_items_a_difference_takes_show_that_difference_and_one_fewer_does_not(
    difference: float, deviation: float, power: float, confidence: float
) -> None:
    n = required_items(difference, deviation, power=power, level=confidence)
    shown = detectable_difference(n, deviation, power=power, confidence=confidence)
    assert shown <= difference * (1 + 1e-9)
    if n > 1:
        fewer = detectable_difference(n - 1, deviation, power=power, confidence=confidence)
        assert fewer >= difference * (1 - 1e-9)


def test_three_points_on_mmlu_pro_take_2450_items() -> None:
    made = plan(0.03, size=12_032)
    assert (made.items, made.deviation, made.enough) == (2450, ASSUMED_DEVIATION, True)
    assert made.detectable == pytest.approx(0.01354, abs=1e-5)
    assert plan(0.01, size=12_032).enough is False
    assert plan(0.01).enough is None


def test_the_spread_of_real_runs_decides(shared: Path, store: Store, podium: Type) -> None:
    folder = shared / "mmlu_pro_items"
    expected = json.loads((folder / "reference_stats.json").read_text())["adjacent_pairs"][3]
    table = table_of(folder / "items.csv.gz")
    for model in (expected["a"], expected["b"]):
        scored(store, model, column_of(table, model))
    words = ("plan", "clock", "--difference", 0.03, "--format", "json")
    item = json.loads(podium(*words).stdout)
    assert item["deviation"] == pytest.approx(
        expected["se_paired"] * expected["n"] ** 0.5, rel=1e-3
    )
    assert (item["items"], item["size"], item["assumed"]) == (1507, 12_032, False)
    assert item["detectable"] == pytest.approx(0.0106, abs=1e-4)


def test_without_runs_the_assumption_is_said(podium: Type) -> None:
    out = podium("plan", "clock", "--difference", 0.03).stdout
    assert "2,450 items show a difference of 0.03 on clock" in out
    assert "0.530, assumed: the median of 28 models on MMLU-Pro" in out
    assert "smallest difference" not in out


def test_one_run_gives_the_size_and_still_an_assumption(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("1100"))
    item = json.loads(podium("plan", "clock", "--difference", 0.1, "--format", "json").stdout)
    assert (item["assumed"], item["size"], item["enough"]) == (True, 4, False)


def test_models_that_never_differ_leave_the_assumption(store: Store, podium: Type) -> None:
    for model in ("acme/one", "acme/two"):
        scored(store, model, rights("1100"))
    item = json.loads(podium("plan", "clock", "--difference", 0.1, "--format", "json").stdout)
    assert (item["assumed"], item["pairs"]) == (True, [])


def test_named_models_are_the_pair_that_counts(store: Store, podium: Type) -> None:
    for model, pattern in (("a", "110010"), ("b", "101001"), ("c", "110011")):
        scored(store, f"acme/{model}", rights(pattern))
    words = ("plan", "clock", "--difference", 0.1, "--format", "json")
    assert len(json.loads(podium(*words).stdout)["pairs"]) == 3
    chosen = ("--model", "acme/a", "--model", "acme/c")
    [pair] = json.loads(podium(*words, *chosen).stdout)["pairs"]
    assert {pair["a"], pair["b"]} == {"acme/a", "acme/c"}
    assert "of the one pair at hand" in podium(*words[:-2], *chosen).stdout


def test_a_metric_that_is_no_mean_is_said_to_be_none(store: Store, podium: Type) -> None:
    for model, pattern in (("acme/one", "1100"), ("acme/two", "1010")):
        scored(store, model, rights(pattern), score=0.9)
    out = podium("plan", "clock", "--difference", 0.1).stdout
    assert "accuracy is not the mean of its items" in out


def test_what_cannot_be_planned_is_refused(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("11"))
    for model, variant in (("acme/one", "round,arabic"), ("acme/two", "round,roman")):
        scored(store, model, rights("11"), benchmark=dials(), variant=variant)
    words = ("plan", "clock", "--difference")
    for bad in ("0", "-0.1", "nan"):
        podium(*words, bad, exit_code=2)
    assert "Name two models" in podium(*words, 0.1, "--model", "acme/one", exit_code=2).stderr
    models = ("--model", "acme/one", "--model", "acme/too")
    error = podium("plan", "dials", "--difference", 0.1, *models, exit_code=2).stderr
    assert "Did you mean 'acme/two'" in error
    models = ("--model", "acme/one", "--model", "acme/two")
    error = podium("plan", "dials", "--difference", 0.1, *models, exit_code=1).stderr
    assert "share no board of dials" in error
    error = podium(*words, 0.1, "--scope", "sample", exit_code=1).stderr
    assert "no finished run of clock fits" in error
    assert "Did you mean 'clock'" in podium("plan", "clok", "--difference", 0.1, exit_code=2).stderr
