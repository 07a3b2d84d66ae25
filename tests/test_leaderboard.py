"""Standings of hand-made runs, of real outcomes, and which runs may stand on one board."""

import json
import math
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import filters, statistics
from registry.leaderboard import KINDS, SCOPES, Board, leader_sentence, leaderboard, standings
from registry.replication import gaps
from registry.store import BoardRow
from registry.tables import Kind, ModelRow, Scope

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
    return plain._replace(**others)


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
    down = {s.model: s for s in standings([r._replace(higher_is_better=False) for r in rows])}
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
    assert list(Kind) == list(KINDS)


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


# --- Published beside measured --------------------------------------------------------------------


def report(model: str, value: float, source: str = "card", **others: Any) -> BoardRow:
    """Return a published number of the group "full"."""
    defaults: dict[str, Any] = {
        "run_id": 0,
        "benchmark_version": "",
        "finished_at": None,
        "variant": "5-shot",
        "kind": Kind.SELF_REPORTED,
        "group": "full",
        "in_default": True,
        "source": source,
        "valid_from": date(2025, 5, 20),
        "recorded_at": datetime(2025, 6, 1, tzinfo=UTC),
        "items_hash": "",
        "n": None,
    }
    return row(model, value, **(defaults | others))


def run(
    model: str, value: float, interval: tuple[float, float] | None = None, **others: Any
) -> BoardRow:
    """Return a measured number of the group "full"."""
    return row(model, value, interval, **({"group": "full", "variant": "5-shot,letters"} | others))


def test_measured_and_published_numbers_of_a_group_rank_together() -> None:
    found = board(run("a", 0.7, (0.6, 0.8)), report("b", 0.9), report("c", 0.5))
    assert [(s.model, s.rank, s.kind) for s in found.standings] == [
        ("b", 1, "self-reported"),
        ("a", 2, "measured"),
        ("c", 3, "self-reported"),
    ]
    assert (found.group.name, found.group.label, found.group.variant) == ("full", "full", "")
    assert found.group.benchmark_version == "1"


def test_our_own_run_stands_before_what_others_measured_before_what_the_maker_says() -> None:
    own = run("a", 0.5, run_id=3)
    other = report("a", 0.6, "lab", kind=Kind.INDEPENDENT, valid_from=date(2024, 1, 1))
    newer = report("a", 0.65, "post", valid_from=date(2025, 9, 1))
    said = report("a", 0.7, "card")
    for rows, value, reports in (
        ([said, newer, other, own], 0.5, 3),
        ([said, newer, other], 0.6, 2),
        ([said, newer], 0.65, 1),
        ([said], 0.7, 0),
    ):
        (only,) = standings(rows)
        assert (only.value, only.reports) == (value, reports)


@pytest.mark.parametrize(
    "other",
    [{"group": "subset"}, {"metric": "f1-macro", "headline": False}, {"group": ""}],
    ids=["another group", "another metric", "no group"],
)
def test_numbers_of_another_group_or_metric_never_stand_beside(other: dict[str, Any]) -> None:
    found = board(report("a", 0.5), report("b", 0.4), report("c", 0.9, **other))
    assert models(found) == ["a", "b"]
    assert sum(found.other_rows.values()) == 1


def test_partial_and_sample_runs_never_stand_beside_published_numbers() -> None:
    rows = [report("a", 0.5)]
    rows += [run(scope, 0.9, scope=scope, group="") for scope in ("sample", "partial")]
    assert models(board(*rows)) == ["a"]


def test_what_is_disputed_is_counted_and_does_not_rank() -> None:
    found = board(report("a", 0.9, disputed=True, dispute="below chance"), report("b", 0.4))
    assert models(found) == ["b"]
    assert [(r.model, r.dispute) for r in found.disputed] == [("a", "below chance")]
    assert leaderboard([report("a", 0.9, disputed=True)]) is None


def test_a_group_that_no_default_board_may_rank_waits_to_be_asked_for() -> None:
    rows = [report(f"m{i}", 0.5, group="tools", in_default=False) for i in range(9)]
    rows.append(report("a", 0.4))
    assert board(*rows).group.name == "full"
    assert board(*rows, name="tools").group.name == "tools"


def test_a_variant_can_be_taken_out_of_its_group() -> None:
    rows = [report("a", 0.5), report("b", 0.6, variant="0-shot"), run("c", 0.4)]
    alone = board(*rows, variant="0-shot")
    assert (models(alone), alone.group.label) == (["b"], "0-shot")
    assert models(board(*rows, variant="5-shot,letters")) == ["c"]


def test_a_group_without_the_headline_is_ranked_by_the_metric_most_models_have() -> None:
    other: dict[str, Any] = {"group": "reports", "headline": False, "in_default": False}
    rows = [report("a", 0.5)]
    rows += [report(m, 0.3, metric="bleu", **other) for m in ("a", "b")]
    rows += [report("a", 0.2, metric="green", **other)]
    found = board(*rows, name="reports")
    assert (found.group.metric, found.other_metrics) == ("bleu", ["green"])


def test_a_published_number_has_an_interval_only_where_the_source_allows_one() -> None:
    (bare,) = standings([report("a", 0.9)])
    assert (bare.low, bare.high, bare.best_rank) == (None, None, None)
    (sure,) = standings([report("a", 0.9, stderr=0.02, n=400)])
    assert (sure.low, sure.high, sure.is_assumed) == (
        *(pytest.approx(0.9 - 1.959964 * 0.02), pytest.approx(0.9 + 1.959964 * 0.02)),
        False,
    )
    (counted,) = standings([report("a", 0.9, n=400)])
    reference = statistics.wilson_interval(0.9, 400)
    assert (counted.low, counted.high) == pytest.approx((reference.low, reference.high))
    assert counted.is_assumed
    (f1,) = standings([report("a", 0.9, n=400, metric="f1-macro")])
    assert f1.low is None


def test_the_sentence_names_the_maker_and_says_who_reported() -> None:
    first = report("m", 0.889, title="MedGemma 4B IT", organization="Google")
    assert leader_sentence(board(first)) == (
        "MedGemma 4B IT (Google) leads the self-reported scores of clock (full) with 0.889; "
        "one model reported."
    )
    third = report("o", 0.5, kind=Kind.INDEPENDENT)
    assert leader_sentence(board(first, third)) == (
        "MedGemma 4B IT (Google) leads clock (full) with 0.889, self-reported; 2 models reported."
    )
    assert leader_sentence(board(first, run("p", 0.7))).endswith(
        "2 models, 1 of them measured here."
    )
    tied = report("q", 0.889, kind=Kind.INDEPENDENT)
    assert "ties with 1 other for the lead of clock (full)" in leader_sentence(board(first, tied))


def test_no_model_that_fits_is_said_and_not_an_error() -> None:
    found = board(report("a", 0.5), keep=lambda row: False)
    assert found.standings == []
    assert leader_sentence(found) == "No model of clock (full) fits."


# --- Filters --------------------------------------------------------------------------------------


KNOWN = ModelRow(
    name="known",
    organization="Acme",
    parameters_b=7.0,
    context_tokens=128_000,
    license="Apache-2.0",
    open_weights=True,
    modalities="image, text",
    price_input=1.0,
    price_output=5.0,
)
BLANK = ModelRow(name="blank")


@pytest.mark.parametrize(
    ("fits", "fails"),
    [
        (filters.has_open_weights(True), filters.has_open_weights(False)),
        (filters.has_license(["apache-2.0"]), filters.has_license(["mit"])),
        (filters.is_by(["ACME"]), filters.is_by(["Other"])),
        (filters.has_at_most(7), filters.has_at_most(6.9)),
        (filters.reads_at_least(128_000), filters.reads_at_least(128_001)),
        (filters.costs_at_most(2.0), filters.costs_at_most(1.99)),
        (filters.takes("image"), filters.takes("audio")),
    ],
    ids=lambda condition: condition.option,
)
def test_what_is_not_known_neither_fits_nor_fails(
    fits: filters.Condition, fails: filters.Condition
) -> None:
    rows = [report("known", 0.5), report("blank", 0.4), report("nobody", 0.3)]
    facts = {"known": KNOWN, "blank": BLANK}
    for condition, kept in ((fits, ["known"]), (fails, [])):
        sieve = filters.Sieve(facts, [condition])
        assert [r.model for r in rows if sieve.keep(r)] == kept
        assert sieve.dropped[f"of unknown {condition.option}"] == 2
        lenient = filters.Sieve(facts, [condition], include_unknown=True)
        assert [r.model for r in rows if lenient.keep(r)] == [*kept, "blank", "nobody"]


def test_since_a_day_asks_for_the_number_s_own_date() -> None:
    since = filters.is_since(date(2025, 5, 20))
    assert since.holds(report("a", 0.5), None) is True
    assert since.holds(report("a", 0.5, valid_from=date(2025, 5, 19)), None) is False
    assert since.holds(report("a", 0.5, valid_from=None), None) is None


@pytest.mark.parametrize("typed", ["128 k", "k", "", "-1", "1g"])
def test_what_is_no_number_of_tokens_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="is no number of tokens"):
        filters.tokens(typed)


# --- Published against measured -------------------------------------------------------------------


def test_a_gap_is_measured_within_one_group_and_metric_only() -> None:
    rows = [
        run("a", 0.8, (0.75, 0.85), run_id=1),
        run("a", 0.7, (0.65, 0.75), run_id=2),
        report("a", 0.889),
        report("a", 0.72, "lab", stderr=0.02, kind=Kind.INDEPENDENT),
        report("a", 0.1, "odd", disputed=True),
        report("a", 0.405, group="subset"),
    ]
    said, lab = gaps(rows)
    assert (said.gap, said.run_id, said.is_partial) == (pytest.approx(-0.189), 2, True)
    assert (said.low, said.high) == (pytest.approx(-0.239), pytest.approx(-0.139))
    half = math.hypot(0.05, 1.959964 * 0.02)
    assert (lab.gap, lab.is_partial) == (pytest.approx(-0.02), False)
    assert (lab.low, lab.high) == (pytest.approx(-0.02 - half), pytest.approx(-0.02 + half))
    assert gaps(rows[2:]) == []
