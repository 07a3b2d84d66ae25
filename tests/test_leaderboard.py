"""Standings of hand-made runs, of real outcomes, and which runs may stand on one board."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.leaderboard import SCOPES, Board, leader_sentence, leaderboard, standings
from registry.store import BoardRow
from registry.tables import Scope

REFERENCE = (
    Path(__file__).parents[2] / "shared" / "data" / "mmlu_pro_items" / "reference_stats.json"
)


def row(
    model: str, value: float, interval: tuple[float, float] | None = None, **others: Any
) -> BoardRow:
    low, high = interval or (None, None)
    plain = BoardRow(
        run_id=1,
        benchmark="clock",
        benchmark_version="1",
        variant="default",
        scope="full",
        items_hash="aaaa",
        finished_at=datetime(2025, 1, 2, tzinfo=UTC),
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
        low=low,
        high=high,
    )
    return replace(plain, **others)


def board(*rows: BoardRow, **options: Any) -> Board:
    found = leaderboard(rows, **options)
    assert found is not None
    return found


def models(found: Board) -> list[str]:
    return [standing.model for standing in found.standings]


# --- Ranks ----------------------------------------------------------------------------------------


def test_equal_values_share_a_rank_and_the_next_is_skipped() -> None:
    rows = [row("a", 0.5), row("b", 0.7), row("c", 0.5), row("d", 0.9), row("e", 0.1)]
    assert [(s.model, s.rank) for s in standings(rows)] == [
        ("d", 1),
        ("b", 2),
        ("a", 3),
        ("c", 3),
        ("e", 5),
    ]


def test_a_rank_may_be_anything_that_the_intervals_allow() -> None:
    rows = [
        row("best", 0.9, (0.85, 0.95)),
        row("second", 0.7, (0.6, 0.8)),
        row("third", 0.65, (0.55, 0.75)),
        row("last", 0.2, (0.1, 0.3)),
    ]
    ranges = {s.model: (s.best_rank, s.worst_rank) for s in standings(rows)}
    assert ranges == {"best": (1, 1), "second": (2, 3), "third": (2, 3), "last": (4, 4)}


def test_overlap_is_no_equivalence_so_ranges_are_not_merged() -> None:
    rows = [row("a", 0.6, (0.5, 0.7)), row("b", 0.5, (0.4, 0.6)), row("c", 0.39, (0.3, 0.49))]
    ranges = {s.model: (s.best_rank, s.worst_rank) for s in standings(rows)}
    assert ranges == {"a": (1, 2), "b": (1, 3), "c": (2, 3)}


def test_where_less_is_better_the_least_leads_and_ranges_are_mirrored() -> None:
    rows = [
        row("worst", 0.9, (0.8, 1.0), higher_is_better=False),
        row("best", 0.1, (0.0, 0.2), higher_is_better=False),
        row("good", 0.15, (0.05, 0.25), higher_is_better=False),
    ]
    found = [(s.model, s.rank, s.best_rank, s.worst_rank) for s in standings(rows)]
    assert found == [("best", 1, 1, 2), ("good", 2, 1, 2), ("worst", 3, 3, 3)]


def test_without_an_interval_a_rank_has_no_range_and_counts_by_its_value() -> None:
    rows = [row("sure", 0.9, (0.85, 0.95)), row("bare", 0.5), row("low", 0.1, (0.05, 0.15))]
    ranges = {s.model: (s.best_rank, s.worst_rank) for s in standings(rows)}
    assert ranges == {"sure": (1, 1), "bare": (None, None), "low": (3, 3)}
    rows = [row("wide", 0.6, (0.4, 0.8)), row("bare", 0.5)]
    assert [(s.best_rank, s.worst_rank) for s in standings(rows)] == [(1, 2), (None, None)]


def test_ranges_of_28_models_agree_with_the_reference() -> None:
    if not REFERENCE.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{REFERENCE.name} is missing from the shared data")
        pytest.skip(f"{REFERENCE.name} is not here")
    reference = json.loads(REFERENCE.read_text())
    rows = [
        row(model, numbers["accuracy"], tuple(numbers["wilson95"]))
        for model, numbers in reference["models"].items()
    ]
    found = standings(rows)
    assert len(found) == 28
    assert [s.model for s in found] == reference["rank_by_accuracy"]
    assert {s.model: [s.best_rank, s.worst_rank] for s in found} == reference[
        "rank_interval_from_wilson95"
    ]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.3)), min_size=1, max_size=30))
def test_a_range_holds_the_rank_and_mirrors_when_the_direction_turns(
    pairs: list[tuple[float, float]],
) -> None:
    rows = [row(f"m{i:02}", v, (v - width, v + width)) for i, (v, width) in enumerate(pairs)]
    up = {s.model: s for s in standings(rows)}
    down = {s.model: s for s in standings([replace(r, higher_is_better=False) for r in rows])}
    for model, standing in up.items():
        assert standing.best_rank is not None
        assert standing.worst_rank is not None
        assert 1 <= standing.best_rank <= standing.rank <= standing.worst_rank <= len(rows)
        assert down[model].best_rank == len(rows) + 1 - standing.worst_rank


# --- One row a model ------------------------------------------------------------------------------


def test_a_model_stands_with_its_newest_run_even_if_an_older_was_better() -> None:
    rows = [row("a", 0.9, run_id=1), row("a", 0.4, run_id=7), row("a", 0.8, run_id=3)]
    (only,) = standings(rows)
    assert (only.value, only.run_id, only.runs) == (0.4, 7, 3)


def test_a_number_that_no_sample_stands_behind_does_not_rank() -> None:
    assert leaderboard([row("a", 0.0, n=0)]) is None
    assert models(board(row("a", 0.0, n=0), row("b", 0.3))) == ["b"]


def test_a_baseline_is_shown_without_a_rank() -> None:
    found = board(
        row("a", 0.5, run_id=1),
        row("", 0.2, baseline="always-12", run_id=1),
        row("", 0.3, baseline="always-12", run_id=2),
        row("", 9.0, baseline="always-12", metric="ties", headline=False),
        row("b", 0.4, run_id=2),
    )
    assert models(found) == ["a", "b"]
    assert [(b.name, b.value) for b in found.baselines] == [("always-12", 0.3)]


# --- What may be compared -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"variant": "roman"},
        {"benchmark_version": "2"},
        {"scope": "sample"},
        {"scope": "partial"},
        {"metric": "macro-f1"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_runs_that_differ_in_what_makes_a_score_never_share_a_board(other: dict[str, Any]) -> None:
    found = board(row("a", 0.5, run_id=2), row("b", 0.9, run_id=1, **other))
    assert models(found) in (["a"], ["b"])
    assert list(found.others.values()) == [1]


def test_partial_runs_share_a_board_only_where_they_asked_the_same_items() -> None:
    part: dict[str, Any] = {"scope": "partial"}
    found = board(
        row("a", 0.5, items_hash="aaaa", **part),
        row("b", 0.6, items_hash="aaaa", **part),
        row("c", 0.9, items_hash="bbbb", **part),
    )
    assert models(found) == ["b", "a"]
    assert [group.items_hash for group in found.others] == ["bbbb"]
    assert models(board(*[row("c", 0.9, items_hash="bbbb", **part)], items="bb")) == ["c"]


def test_full_runs_share_a_board_whatever_digest_their_items_have() -> None:
    assert models(board(row("a", 0.5, items_hash="aaaa"), row("b", 0.4, items_hash="b"))) == [
        "a",
        "b",
    ]


def test_the_scopes_are_those_of_the_table() -> None:
    assert list(Scope) == list(SCOPES)


@pytest.mark.parametrize(
    ("scopes", "shown"),
    [
        (("sample", "sample", "partial", "full"), "full"),
        (("sample", "sample", "partial"), "partial"),
        (("sample",), "sample"),
    ],
)
def test_the_widest_scope_is_shown_however_few_ran_it(scopes: tuple[str, ...], shown: str) -> None:
    rows = [row(f"m{i}", 0.5, scope=scope) for i, scope in enumerate(scopes)]
    assert board(*rows).group.scope == shown


def test_the_variant_with_most_models_is_shown() -> None:
    rows = [
        row("a", 0.5, variant="roman"),
        row("a", 0.5, variant="roman", run_id=2),
        row("a", 0.5, variant="roman", run_id=9),
        row("a", 0.5, variant="arabic", run_id=3),
        row("b", 0.5, variant="arabic", run_id=4),
    ]
    assert board(*rows).group.variant == "arabic"


def test_of_variants_with_as_many_models_the_default_is_shown_else_the_one_run_last() -> None:
    rows = [
        row("a", 0.5, variant="arabic", run_id=1),
        row("a", 0.5, variant="roman", run_id=2),
    ]
    assert board(*rows, default_variant=lambda: "arabic").group.variant == "arabic"
    assert board(*rows).group.variant == "roman"


def test_the_default_variant_is_asked_for_only_to_decide() -> None:
    def nobody_asks() -> str:
        raise AssertionError("asked")

    assert models(board(row("a", 0.5), default_variant=nobody_asks)) == ["a"]


def test_a_new_version_of_a_benchmark_starts_a_new_board() -> None:
    rows = [row("a", 0.5, run_id=1), row("b", 0.6, run_id=2)]
    newer = row("a", 0.4, run_id=3, benchmark_version="2")
    found = board(*rows, newer)
    assert (found.group.benchmark_version, models(found)) == ("2", ["a"])
    assert models(board(*rows, newer, version="1")) == ["b", "a"]


def test_options_that_no_finished_run_fits_give_no_board() -> None:
    assert leaderboard([row("a", 0.5)], scope="sample") is None
    assert leaderboard([], scope="full") is None


def test_another_metric_is_another_board_of_the_same_runs() -> None:
    rows = [
        row("a", 0.5),
        row("b", 0.6),
        row("a", 0.9, metric="ties", headline=False, higher_is_better=False),
        row("b", 0.8, metric="ties", headline=False, higher_is_better=False),
    ]
    assert models(board(*rows)) == ["b", "a"]
    assert board(*rows).other_metrics == ["ties"]
    by_ties = board(*rows, metric="ties")
    assert (models(by_ties), by_ties.higher_is_better) == (["b", "a"], False)


# --- The sentence ---------------------------------------------------------------------------------


def test_one_model_leads_alone_and_the_sentence_says_so() -> None:
    only = row("acme/one", 0.412, (0.372, 0.452), title="Acme One")
    assert leader_sentence(board(only)) == (
        "Acme One leads clock (default) with 0.412 ± 0.040; one model evaluated."
    )


def test_a_leader_apart_from_the_others_leads() -> None:
    rows = [row("a", 0.9, (0.8, 1.0)), row("b", 0.5, (0.4, 0.6))]
    assert leader_sentence(board(*rows)) == (
        "a leads clock (default) with 0.900 ± 0.100; 2 models evaluated."
    )


def test_a_leader_whose_interval_meets_others_only_ties() -> None:
    rows = [row("a", 0.9, (0.8, 1.0)), row("b", 0.8, (0.7, 0.9)), row("c", 0.75, (0.65, 0.85))]
    sentence = leader_sentence(board(*rows, row("d", 0.1, (0.0, 0.2))))
    assert sentence == (
        "a ties with 2 others for the lead of clock (default) with 0.900 ± 0.100; "
        "4 models evaluated."
    )


def test_equal_values_tie_even_without_intervals() -> None:
    assert leader_sentence(board(row("a", 0.5), row("b", 0.5))) == (
        "a ties with 1 other for the lead of clock (default) with 0.500; 2 models evaluated."
    )


@pytest.mark.parametrize(
    ("scope", "words"), [("sample", "the sample of clock"), ("partial", "a part of clock")]
)
def test_a_sentence_about_less_than_the_whole_says_so(scope: str, words: str) -> None:
    assert f"a leads {words} (default)" in leader_sentence(board(row("a", 0.5, scope=scope)))


def test_a_leader_that_does_not_beat_a_trivial_baseline_is_not_praised() -> None:
    trivial = row("", 0.6, baseline="always-12")
    assert leader_sentence(board(row("a", 0.5), trivial)).endswith(
        "; one model evaluated; the trivial baseline 'always-12' gets 0.600."
    )
    assert "always-12" not in leader_sentence(board(row("a", 0.7), trivial))
