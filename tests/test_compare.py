"""Comparisons against reference numbers on real outcomes, their laws, and what is refused."""

import csv
import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from compared_runs import (
    Type,
    column_of,
    rights,
    row,
    scored,
    table_of,
    type_with_clocks,
    values_of,
    x_ray,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import begin_run, clock, dials

import plugins
from registry import Prediction
from registry.compare import Comparison, Items, NotComparable, align, compare, pairs, sentence
from registry.importing.records import AliasFacts, Batch, ModelFacts
from registry.importing.storing import store_batch
from registry.store import SampleValue, Store

law = settings(deadline=None)
outcomes = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0]), st.integers(0, 4)),
    min_size=2,
    max_size=40,
)


@pytest.fixture(autouse=True)
def _nothing_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("registry.discovery.BUILT_IN_ROOMS", ())
    monkeypatch.setattr(plugins, "__path__", [])
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))


@pytest.fixture
def podium(tmp_path: Path) -> Type:
    return type_with_clocks(tmp_path)


# --- Real outcomes --------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 3, 10, 26])
@pytest.mark.parametrize("by_source", [False, True])
def test_neighbours_on_mmlu_pro_have_the_reference_comparison(
    place: int, by_source: bool, shared: Path, store: Store, podium: Type
) -> None:
    folder = shared / "mmlu_pro_items"
    expected = json.loads((folder / "reference_stats.json").read_text())["adjacent_pairs"][place]
    table = table_of(folder / "items.csv.gz")
    sources = dict(zip(table["question_id"], table["src"], strict=True)) if by_source else None
    for model in (expected["a"], expected["b"]):
        scored(store, model, column_of(table, model), clusters=sources)
    words = ("compare", expected["a"], expected["b"], "--intersect", "--format", "json")
    [found] = json.loads(podium(*words).stdout)["comparisons"]
    assert found["n"] == expected["n"]
    assert round(found["difference"], 6) == expected["diff"]
    assert (found["only_a"], found["only_b"]) == (expected["only_a"], expected["only_b"])
    assert found["n_flipped"] == expected["only_a"] + expected["only_b"]
    if by_source:
        assert round(found["stderr"], 6) == expected["se_paired_cluster_src"]
        assert (found["test"], found["clusters"]) == ("clustered t", len(set(table["src"])))
    else:
        assert round(found["stderr"], 6) == expected["se_paired"]
        assert float(f"{found['p_value']:.4g}") == expected["mcnemar_p_exact"]
        assert found["test"] == "exact McNemar"


# --- Laws -----------------------------------------------------------------------------------------


@law
@given(outcomes)
def test_b_against_a_is_the_mirror_of_a_against_b(items: list[tuple[float, float, int]]) -> None:
    a, b = values_of(items)
    there = compare(row(a), row(b, 2), align(a, b))
    back = compare(row(b, 2), row(a), align(b, a))
    assert back.difference == -there.difference
    assert back.p_value == there.p_value
    assert (back.only_a, back.only_b) == (there.only_b, there.only_a)
    assert (there.interval is None) == (back.interval is None)
    if there.interval and back.interval:
        assert (-back.interval.high, -back.interval.low) == pytest.approx(
            (there.interval.low, there.interval.high)
        )


@law
@given(outcomes, st.randoms(use_true_random=False))
def test_the_order_of_items_changes_nothing(
    items: list[tuple[float, float, int]], chance: random.Random
) -> None:
    a, b = values_of(items)
    order = list(a)
    chance.shuffle(order)
    shuffled = {sample: a[sample] for sample in order}
    assert compare(row(a), row(b, 2), align(shuffled, b)) == compare(row(a), row(b, 2), align(a, b))


@law
@given(outcomes)
def test_a_run_against_itself_never_differs(items: list[tuple[float, float, int]]) -> None:
    a, _ = values_of(items)
    found = compare(row(a), row(a, 2), align(a, a))
    assert (found.difference, found.n_flipped, found.only_a, found.only_b) == (0, 0, 0, 0)
    assert found.p_value == (None if found.clusters == 1 else 1)


@law
@given(outcomes, st.sets(st.integers(0, 39)), st.sets(st.integers(0, 39)))
def test_an_intersection_is_what_both_have(
    items: list[tuple[float, float, int]], lost_by_a: set[int], lost_by_b: set[int]
) -> None:
    a, b = values_of(items)
    a = {sample: value for sample, value in a.items() if int(sample) not in lost_by_a}
    b = {sample: value for sample, value in b.items() if int(sample) not in lost_by_b}
    if not a.keys() & b.keys():
        with pytest.raises(NotComparable, match="share no scored item"):
            align(a, b, intersect=True)
        return
    found = align(a, b, intersect=True)
    assert set(found.ids) == a.keys() & b.keys()
    assert len(found.ids) + found.only_in_a == len(a)
    assert len(found.ids) + found.only_in_b == len(b)
    made = compare(row(a), row(b, 2), found)
    assert made.by_items
    assert made.n == len(found.ids)


# --- How much -------------------------------------------------------------------------------------


def compared(a: str, b: str, **changes: Any) -> Comparison:
    ours, theirs = values_of([(float(x), float(y), 0) for x, y in zip(a, b, strict=True)])
    return compare(row(ours, **changes), row(theirs, 2, **changes), align(ours, theirs))


def test_the_sentence_claims_no_more_than_the_interval() -> None:
    apart = compared("1" * 30, "0" * 30)
    assert sentence(apart) == "model 1 is better than model 2 on clock (default) by 1.000."
    close = compared("10" * 15, "01" * 15)
    assert (
        sentence(close) == "No difference between model 1 and model 2 is shown on clock (default)."
    )


def test_where_less_is_better_the_lower_is_better() -> None:
    found = compared("1" * 30, "0" * 30, higher_is_better=False)
    assert (found.difference, found.gain) == (1, -1)
    assert sentence(found).startswith("model 2 is better than model 1")


def test_two_runs_of_one_model_are_told_by_their_ids() -> None:
    assert sentence(compared("1" * 30, "0" * 30, model="acme")).startswith(
        "run 1 is better than run 2"
    )


def test_values_that_are_no_zeros_and_ones_get_a_t_test_and_no_counts() -> None:
    ours, theirs = values_of([(0.5, 0.25, 0), (1.0, 0.25, 0), (0.0, 0.0, 0)])
    found = compare(row(ours), row(theirs, 2), align(ours, theirs))
    assert (found.test, found.only_a, found.only_b) == ("paired t", None, None)
    assert found.n_flipped == 2


def test_a_score_that_is_no_mean_is_compared_by_its_own_error() -> None:
    ours, theirs = values_of([(1.0, 0.0, 0), (1.0, 1.0, 0), (0.0, 1.0, 0)])
    a = row(ours, value=0.7, stderr=0.03, low=0.64, high=0.76)
    b = row(theirs, 2, value=0.6, stderr=0.04, low=0.52, high=0.68)
    found = compare(a, b, align(ours, theirs))
    assert not found.by_items
    assert (found.a_value, found.b_value, found.test) == (0.7, 0.6, "unpaired normal")
    assert found.stderr == pytest.approx(0.05)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.0, 0.2))
    assert found.n_flipped == 2
    wider = compare(a, b, align(ours, theirs), level=0.99)
    assert wider.interval is not None
    assert wider.interval.low < found.interval.low


def test_a_score_that_is_no_mean_and_has_no_error_shows_nothing() -> None:
    ours, theirs = values_of([(1.0, 0.0, 0), (1.0, 1.0, 0)])
    found = compare(row(ours, value=0.9), row(theirs, 2, value=0.1), align(ours, theirs))
    assert (found.interval, found.p_value) == (None, None)
    assert "cannot show a difference" in sentence(found)


# --- Which runs -----------------------------------------------------------------------------------


def test_the_newest_runs_of_the_same_group_are_paired() -> None:
    values = {"1": SampleValue(1.0, "", "", "")}
    a = [row(values, 1), row(values, 5), row(values, 9, variant="other")]
    b = [row(values, 2), row(values, 3), row(values, 4, benchmark_version="2")]
    assert [(pair.a.run_id, pair.b.run_id) for pair in pairs(a, b)] == [(5, 3)]


def test_of_scopes_that_both_ran_the_widest_is_compared() -> None:
    values = {"1": SampleValue(1.0, "", "", "")}
    a = [row(values, 1), row(values, 3, scope="sample")]
    b = [row(values, 2), row(values, 4, scope="sample")]
    assert [pair.a.scope for pair in pairs(a, b)] == ["full"]


def test_partial_runs_of_the_same_items_are_preferred_to_newer_ones() -> None:
    values = {"1": SampleValue(1.0, "", "", "")}
    a = [row(values, 1, scope="partial", items_hash="x")]
    a += [row(values, 7, scope="partial", items_hash="y")]
    b = [row(values, 2, scope="partial", items_hash="x")]
    assert [(pair.a.run_id, pair.b.run_id) for pair in pairs(a, b)] == [(1, 2)]


def test_no_run_is_compared_with_itself() -> None:
    values = {"1": SampleValue(1.0, "", "", "")}
    both = [row(values, 1), row(values, 2)]
    assert pairs(both[:1], both[:1]) == []
    assert {pair.b.run_id for pair in pairs(both[:1], both)} == {2}


def test_a_number_that_no_sample_stands_behind_is_not_compared() -> None:
    assert pairs([row({}, 1)], [row({}, 2)]) == []


# --- The command ----------------------------------------------------------------------------------


def test_two_models_are_compared_on_all_that_both_ran(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("1" * 20))
    scored(store, "acme/two", rights("0" * 20))
    for face in ("round", "square"):
        for model, pattern in (("acme/one", "1100"), ("acme/two", "1010")):
            variant = f"{face},arabic"
            scored(store, model, rights(pattern), benchmark=dials(), variant=variant)
    out = podium("compare", "acme/one", "acme/two").stdout
    assert "acme/one is better than acme/two on clock (default) by 1.000." in out
    lines = {tuple(line.split()[:2]): line for line in out.splitlines()}
    assert "<0.001" in lines["clock", "default"]
    assert lines["dials", "round,arabic"].split()[-8:-2] == ["1.000", "1.000", "1", "1", "2", "4"]
    assert "P (HOLM)" in out
    assert ("dials", "square,arabic") in lines


def test_one_benchmark_can_be_named(store: Store, podium: Type) -> None:
    for benchmark in (clock(), dials()):
        for model in ("acme/one", "acme/two"):
            scored(store, model, rights("10"), benchmark=benchmark)
    out = podium("compare", "acme/one", "acme/two", "dials", "--format", "csv").stdout
    [record] = csv.DictReader(io.StringIO(out))
    assert (record["benchmark"], record["difference"], record["n"]) == ("dials", "0.0", "2")
    assert "P (HOLM)" not in podium("compare", "acme/one", "acme/two", "dials").stdout


def test_a_run_is_compared_with_the_newest_run_of_a_model(store: Store, podium: Type) -> None:
    first = scored(store, "acme/one", rights("11"))
    scored(store, "acme/one", rights("10"))
    out = podium("compare", first, "acme/one", "--format", "json").stdout
    [found] = json.loads(out)["comparisons"]
    assert (found["a_run"], found["b_run"], found["difference"]) == (1, 2, 0.5)


def test_clusters_that_samples_declare_are_used(store: Store, podium: Type) -> None:
    patients = {str(place): f"p{place % 3}" for place in range(1, 13)}
    scored(store, "acme/one", rights("110110110111"), clusters=patients)
    scored(store, "acme/two", rights("010110010101"), clusters=patients)
    out = podium("compare", "acme/one", "acme/two", "--format", "json").stdout
    [found] = json.loads(out)["comparisons"]
    assert (found["clusters"], found["test"]) == (3, "clustered t")


def test_the_items_that_flipped_are_listed_with_both_answers(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("110"), answers={"2": "12", "3": "7"})
    scored(store, "acme/two", rights("101"), answers={"2": "3", "3": "12"})
    out = podium("compare", "acme/one", "acme/two", "--items", "--format", "json").stdout
    assert [
        (item["sample_id"], item["a_answer"], item["b_answer"], item["target"], item["better"])
        for item in json.loads(out)["items"]
    ] == [("2", "12", "3", "12", "A"), ("3", "7", "12", "12", "B")]
    assert "Items that flipped" not in podium("compare", "acme/one", "acme/two").stdout
    listed = podium("compare", "acme/one", "acme/two", "--items", "--format", "csv").stdout
    assert [line["sample_id"] for line in csv.DictReader(io.StringIO(listed))] == ["2", "3"]


@pytest.mark.parametrize("installed", [True, False])
def test_of_data_that_is_not_open_only_ids_are_listed(
    installed: bool, store: Store, podium: Type
) -> None:
    benchmark = x_ray() if installed else replace(clock(), name="gone")
    for model, pattern in (("acme/one", "10"), ("acme/two", "11")):
        answers = {"2": "PNEUMONIA"}
        scored(store, model, rights(pattern), benchmark=benchmark, answers=answers)
    for words in (("compare", "acme/one", "acme/two", "--items"), ("runs", "diff", 1, 2)):
        out = podium(*words, "--format", "json").stdout
        [item] = json.loads(out)["items"]
        assert {name: value for name, value in item.items() if value is not None} == {
            "benchmark": benchmark.name,
            "variant": "default",
            "sample_id": "2",
        }
        assert "PNEUMONIA" not in out + podium(*words).stdout


def test_other_items_are_refused_unless_they_are_intersected(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("1101"))
    scored(store, "acme/two", {"2": 1.0, "3": 1.0, "4": None, "9": 0.0})
    error = podium("compare", "acme/one", "acme/two", exit_code=1).stderr
    assert "2 only in the first, 1 only in the second" in error
    assert "Compare the 2 that they share with: --intersect" in error
    out = podium("compare", "acme/one", "acme/two", "--intersect").stdout
    assert "over the 2 items that both have; left out are 2 of A and 1 of B" in out


def test_other_variants_are_refused_by_name(store: Store, podium: Type) -> None:
    for model, variant in (("acme/one", "round,arabic"), ("acme/two", "round,roman")):
        scored(store, model, rights("11"), benchmark=dials(), variant=variant)
    for a, b in ((1, 2), ("acme/one", "acme/two"), (1, "acme/two")):
        error = podium("compare", a, b, exit_code=1).stderr
        assert "variant differs ('round,arabic' and 'round,roman')" in error
        assert "podium runs diff 1 2" in error


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        ({"scope": "sample"}, "scope differs ('full' and 'sample')"),
        ({"benchmark": clock(version="2")}, "benchmark version differs ('1' and '2')"),
    ],
)
def test_whatever_else_keeps_runs_off_one_board_is_named(
    plan: dict[str, Any], named: str, store: Store, podium: Type
) -> None:
    scored(store, "acme/one", rights("11"))
    scored(store, "acme/two", rights("11"), **plan)
    assert named in podium("compare", 1, 2, exit_code=1).stderr


def test_models_with_nothing_in_common_are_told_what_each_ran(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("11"))
    scored(store, "acme/two", rights("11"), benchmark=dials())
    error = podium("compare", "acme/one", "acme/two", exit_code=1).stderr
    assert "acme/one ran clock; acme/two ran dials" in error
    error = podium("compare", "acme/one", "acme/two", "dials", exit_code=1).stderr
    assert "acme/one ran nothing that fits" in error


def test_a_model_is_not_compared_with_itself(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("11"))
    assert "are the same run" in podium("compare", "acme/one", "acme/one", exit_code=1).stderr
    assert "are the same run" in podium("compare", 1, 1, exit_code=1).stderr
    assert "are the same run" in podium("compare", 1, "acme/one", exit_code=1).stderr


def test_misspelt_names_suggest_the_nearest(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("11"))
    scored(store, "acme/two", rights("11"))
    assert "Did you mean 'acme/one'" in podium("compare", "acme/on", 1, exit_code=2).stderr
    assert "no run named '77'" in podium("compare", 77, 1, exit_code=2).stderr
    error = podium("compare", "acme/one", "acme/two", "clok", exit_code=2).stderr
    assert "Did you mean 'clock'" in error


def test_a_model_goes_by_any_of_its_names_in_every_command(
    tmp_path: Path, store: Store, podium: Type
) -> None:
    for model, pattern in (("acme/one", "1110"), ("acme/two", "1101")):
        scored(store, model, rights(pattern))
    one = [
        ModelFacts(name="acme/one", title="Acme One"),
        AliasFacts(alias="one-api", model="acme/one"),
    ]
    assert store_batch(store, Batch(one)).stored
    policy = tmp_path / "policy.toml"
    for typed in ("acme/one", "ACME/One", "acme one", "One-API"):
        (run,) = json.loads(podium("runs", "--model", typed, "--format", "json").stdout)
        assert run["model"] == "acme/one"
        for command in (
            ("compare", typed, "acme/two"),
            ("plan", "clock", "--difference", 0.1, "--model", typed, "--model", "acme/two"),
            ("models", typed),
            ("leaderboard", "clock", "--around", typed),
            ("leaderboard", "clock", "--explain", typed),
        ):
            assert "acme/one" in podium(*command, "--format", "json").stdout
        policy.write_text(
            f'candidate = "acme/two"\nbaseline = "{typed}"\n[benchmarks.clock]\nmin_score = 0\n'
        )
        assert "GO" in podium("gate", policy, exit_code=0).stdout


def test_an_unfinished_run_says_how_to_finish_it(store: Store, podium: Type) -> None:
    run_id = begin_run(store, "acme/one")
    error = podium("compare", run_id, run_id, exit_code=1).stderr
    assert error.endswith(f"podium resume {run_id}\n")
    error = podium("compare", "acme/one", "acme/one", exit_code=1).stderr
    assert error.endswith("podium runs --model acme/one\n")


def test_a_hostile_name_or_answer_reaches_no_terminal_and_no_spreadsheet(
    store: Store, podium: Type
) -> None:
    hostile = "\x1b[31mevil\x07|`x`"
    formula = {"1": "=cmd()|'/c'!A0", "2": "\x1b]0;title\x07"}
    scored(store, hostile, rights("01"), answers=formula, variant="a\x1b[2Jb")
    scored(store, "acme/two", rights("10"), answers=formula, variant="a\x1b[2Jb")
    for words in (("compare", hostile, "acme/two", "--items"), ("runs", "diff", 1, 2, "--items")):
        for style in ("table", "json", "csv", "markdown"):
            out = podium(*words, "--format", style).output
            assert "\x1b" not in out
            assert "\x07" not in out
            assert ",=cmd" not in out
    assert "\\|\\`x\\`" in podium("compare", hostile, "acme/two", "--format", "markdown").stdout


# --- What differs ---------------------------------------------------------------------------------


def test_a_diff_names_each_part_of_the_identity_that_differs(store: Store, podium: Type) -> None:
    same: dict[str, Any] = {"benchmark": dials(), "dataset": "dials", "dataset_revision": "abc"}
    options = {"limit": 4, "sampling": {"seed": 1}, "words": ["roman"], "model": "echo:x"}
    scored(store, "acme/one", rights("11"), variant="round,arabic", options=options, **same)
    options = {"limit": 4, "sampling": {"seed": 2}, "words": [], "model": "echo:y"}
    scored(store, "acme/one", rights("10"), variant="round,roman", options=options, **same)
    item = json.loads(podium("runs", "diff", 1, 2, "--format", "json").stdout)
    assert item["differences"] == [
        {"part": "variant.digits", "a": "arabic", "b": "roman"},
        {"part": "options.sampling.seed", "a": 1, "b": 2},
    ]
    assert {"model", "dataset_revision", "engine", "variant.face"} <= set(item["same"])
    assert (item["metric"], item["n_items"], item["n_flipped"]) == ("accuracy", 2, 1)
    out = podium("runs", "diff", 1, 2).stdout
    assert "items by accuracy  1 of 2 flipped" in out


def test_a_diff_counts_prompts_that_were_not_sent_alike(store: Store, podium: Type) -> None:
    for last in ("x", "y"):
        run_id = scored(store, "acme/one", rights("11"))
        sent = {"1": "same", "2": last, "3": ""}
        store.append(
            [Prediction(run_id=run_id, sample_id=s, prompt_hash=h) for s, h in sent.items()]
        )
    out = podium("runs", "diff", 1, 2).stdout
    assert "prompts as sent    1 of 2 differ" in out
    assert "Nothing that identifies these runs differs." in out


def test_a_diff_lists_some_items_and_all_when_asked(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("1" * 30))
    scored(store, "acme/two", rights("0" * 30))
    out = podium("runs", "diff", 1, 2).stdout
    assert "10 more items flipped: --items lists all." in out
    assert "more items" not in podium("runs", "diff", 1, 2, "--items").stdout


def test_runs_that_are_not_finished_or_not_alike_differ_all_the_same(
    store: Store, podium: Type
) -> None:
    scored(store, "acme/one", rights("11"))
    begin_run(store, "acme/two")
    scored(store, "acme/two", rights("11"), benchmark=dials())
    for other in (2, 3):
        out = podium("runs", "diff", 1, other).stdout
        assert "acme/two" in out
        assert "They have no scored items in common." in out


@pytest.mark.parametrize(
    "words", [("diff",), ("diff", "1"), ("diff", "1", "2", "3"), ("1", "2"), ("one",)]
)
def test_runs_takes_an_id_or_a_diff_of_two(words: tuple[str, ...], podium: Type) -> None:
    assert "podium runs" in podium("runs", *words, exit_code=2).stderr


def test_a_diff_with_a_run_that_is_not_there_is_an_error(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("11"))
    assert "no run named '2'" in podium("runs", "diff", 1, 2, exit_code=2).stderr


def test_items_know_what_was_left_out() -> None:
    a, b = values_of([(1.0, 0.0, 0), (0.0, 0.0, 0)])
    found = align(a, b | {"9": SampleValue(1.0, "", "", "")}, intersect=True)
    assert isinstance(found, Items)
    assert (found.only_in_a, found.only_in_b) == (0, 1)
    assert (found.a_mean, found.b_mean) == (0.5, pytest.approx(1 / 3))
