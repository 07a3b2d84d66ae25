"""Frontiers over release dates: what advances them, what is left out, and how they are drawn."""

import builtins
import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from registries import Backend, Holding
from stored_runs import add_run

from registry.charts import progress_chart, save_chart
from registry.cli import main
from registry.cli.text_chart import text_chart
from registry.errors import MissingExtra
from registry.leaderboard import Baseline, leaderboard
from registry.progress import Progress, frontier_sentence, open_weights_sentence, progress
from registry.store import BoardRow, Store
from registry.tables import ModelRow

Number = tuple[str, str, float, bool | None]


def row(model: str, value: float, **others: Any) -> BoardRow:
    plain = BoardRow(
        run_id=1,
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
    )
    return plain._replace(**others)


def found(*numbers: Number, **others: Any) -> Progress:
    """Return the progress over models given as (name, release date or "", value, open weights)."""
    rows = [row(name, value, **others) for name, _, value, _ in numbers]
    models = {
        name: ModelRow(
            name=name,
            release_date=date.fromisoformat(released) if released else None,
            open_weights=is_open,
        )
        for name, released, _, is_open in numbers
    }
    board = leaderboard(rows)
    assert board is not None
    return progress(board, models)


def steps(of: Progress, frontier: str = "overall") -> list[str]:
    return [step.point.standing.model for step in of.frontiers[frontier]]


FIVE: tuple[Number, ...] = (
    ("late", "2025-05-01", 0.9, False),
    ("first", "2023-01-01", 0.3, True),
    ("worse", "2024-02-01", 0.2, False),
    ("equal", "2024-06-01", 0.5, True),
    ("better", "2024-01-01", 0.5, False),
)


# --- Frontiers ------------------------------------------------------------------------------------


def test_a_frontier_runs_by_release_date_and_equal_values_do_not_advance_it() -> None:
    of = found(*FIVE)
    assert steps(of) == ["first", "better", "late"]
    gains = [step.gain for step in of.frontiers["overall"]]
    assert gains == [None, pytest.approx(0.2), pytest.approx(0.4)]


def test_open_and_closed_weights_have_frontiers_of_their_own() -> None:
    of = found(*FIVE)
    assert steps(of, "open") == ["first", "equal"]
    assert steps(of, "closed") == ["better", "late"]


def test_unknown_weights_count_for_the_overall_frontier_only() -> None:
    of = found(("a", "2024-01-01", 0.1, True), ("b", "2024-02-01", 0.2, None))
    assert [steps(of, name) for name in of.frontiers] == [["a", "b"], ["a"], []]


def test_where_less_is_better_the_frontier_falls() -> None:
    of = found(
        ("a", "2024-01-01", 0.5, True),
        ("b", "2024-02-01", 0.7, True),
        ("c", "2024-03-01", 0.4, True),
        higher_is_better=False,
    )
    assert steps(of) == ["a", "c"]
    assert of.frontiers["overall"][1].gain == pytest.approx(0.1)


def test_of_one_day_only_the_best_advances() -> None:
    of = found(("good", "2024-01-01", 0.5, True), ("best", "2024-01-01", 0.6, True))
    assert steps(of) == ["best"]


def test_a_model_without_a_release_date_is_counted_as_left_out() -> None:
    of = found(("a", "2024-01-01", 0.5, True), ("b", "", 0.9, True))
    assert steps(of) == ["a"]
    assert [standing.model for standing in of.undated] == ["b"]


def test_a_disputed_number_advances_nothing() -> None:
    rows = [row("a", 0.5), row("b", 0.9, disputed=True)]
    board = leaderboard(rows)
    assert board is not None
    models = {name: ModelRow(name=name, release_date=date(2024, 1, 1)) for name in "ab"}
    assert steps(progress(board, models)) == ["a"]


def test_a_step_within_the_intervals_says_so() -> None:
    bounds = {"a": (0.4, 0.6), "b": (0.5, 0.7), "c": (0.75, 0.85)}
    rows = [row(m, sum(b) / 2, low=b[0], high=b[1]) for m, b in bounds.items()]
    board = leaderboard([*rows, row("d", 0.9)])
    assert board is not None
    models = {m: ModelRow(name=m, release_date=date(2024, i, 1)) for i, m in enumerate("abcd", 1)}
    apart = [step.told_apart for step in progress(board, models).frontiers["overall"]]
    assert apart == [None, False, True, None]


days = st.dates(date(2020, 1, 1), date(2025, 12, 31)).map(str)


@given(st.lists(st.tuples(days, st.floats(0, 1), st.sampled_from([True, False, None]))))
def test_a_frontier_only_rises_and_ends_at_the_best(numbers: list[tuple[str, float, Any]]) -> None:
    if not numbers:
        return
    of = found(*((f"m{i:02}", *number) for i, number in enumerate(numbers)))
    overall = of.frontiers["overall"]
    values = [step.point.standing.value for step in overall]
    assert values == sorted(set(values))
    assert values[-1] == max(value for _, value, _ in numbers)
    released = [step.point.released for step in overall]
    assert released == sorted(set(released))
    assert len(of.on_frontiers) <= sum(len(own) for own in of.frontiers.values())


# --- Sentences ------------------------------------------------------------------------------------


def test_the_sentence_stays_true_with_one_model_and_with_none() -> None:
    assert frontier_sentence(found(("a", "2024-01-01", 0.5, True))) == (
        "a of 2024-01-01 is the only dated model of clock (default): 0.500."
    )
    assert frontier_sentence(found(("a", "", 0.5, True))) == (
        "No model of clock (default) has a release date."
    )
    assert frontier_sentence(found(*FIVE)) == (
        "late holds the frontier of clock (default) since 2025-05-01 with 0.900; "
        "it advanced twice over 5 models."
    )


def test_open_weights_are_behind_in_score_and_in_time() -> None:
    assert open_weights_sentence(found(*FIVE)) == (
        "The best with open weights is equal of 2024-06-01 with 0.500, 0.400 behind the frontier, "
        "which was as far 5 months before (better)."
    )
    ahead = found(("a", "2024-01-01", 0.1, False), ("b", "2024-02-01", 0.2, True))
    assert open_weights_sentence(ahead) == "The frontier is held by open weights."
    assert open_weights_sentence(found(("a", "2024-01-01", 0.1, False))) == ""


# --- Charts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 60, 80, 300])
def test_the_text_chart_keeps_to_the_width_and_marks_the_frontier(width: int) -> None:
    lines = text_chart(found(*FIVE), width).splitlines()
    plot = lines[:-1]
    assert max(map(len, plot)) <= max(40, min(width, 110))
    assert plot[0].endswith("●")  # the best is the newest, at the top right
    assert "".join(plot).count("○") == 2
    assert "".join(plot).count("●") == 2
    assert "".join(plot).count("·") == 1
    assert lines[-2].split()[0] == "2023-01"
    assert lines[-2].endswith("2025-05")


def test_the_text_chart_of_one_model_and_of_equal_ones_is_drawn() -> None:
    assert "○" in text_chart(found(("a", "2024-01-01", 0.5, True)), 60)
    same = found(("a", "2024-01-01", 0.5, True), ("b", "2024-02-01", 0.5, True))
    assert text_chart(same, 60).splitlines()[0].startswith("0.50 ┤○──")


def test_the_text_chart_falls_where_less_is_better() -> None:
    of = found(
        ("a", "2024-01-01", 0.9, True), ("b", "2024-06-01", 0.1, True), higher_is_better=False
    )
    lines = text_chart(of, 60).splitlines()
    assert "○───" in lines[0]
    assert lines[13].endswith("○")


def test_a_file_holds_points_labels_and_baselines(tmp_path: Path) -> None:
    of = found(*FIVE, low=0.1, high=0.95)
    board = replace(of.board, baselines=[Baseline(name="always noon", value=0.25)])
    of = replace(of, board=board)
    save_chart(of, tmp_path / "chart.json", "Clock: the frontier over time")
    text = (tmp_path / "chart.json").read_text()
    made = json.loads(text)
    assert made["title"]["text"] == "Clock: the frontier over time"
    assert made["title"]["subtitle"] == (
        "default · accuracy, higher is better · 5 models by release date"
    )
    assert made["description"] == frontier_sentence(of)
    assert "always noon 0.250" in text
    assert all(f'"model": "{name}"' in text for name, *_ in FIVE)


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!DOCTYPE html>")]
)
def test_each_format_is_what_its_suffix_says(tmp_path: Path, suffix: str, begins: bytes) -> None:
    path = tmp_path / f"chart{suffix}"
    save_chart(found(*FIVE), path, "Clock")
    content = path.read_bytes()
    assert content.lstrip().startswith(begins)
    if suffix != ".png":
        asked_for = re.findall(rb"""<(?:script|link|img)[^>]+(?:src|href)=["']\w""", content)
        assert asked_for == []  # the file shows without asking anybody


@pytest.mark.parametrize("suffix", [".svg", ".html", ".json", ".png"])
def test_a_hostile_name_is_but_a_name_in_a_chart(tmp_path: Path, suffix: str) -> None:
    name = "</script><script>alert(1)</script>\x1b[31m"
    of = found((name, "2024-01-01", 0.5, True), ("b", "2024-06-01", 0.7, True))
    path = tmp_path / f"chart{suffix}"
    save_chart(of, path, f"Clock by {name}")
    content = path.read_bytes()
    assert len(content) > 1000
    assert b"\x1b" not in content or suffix == ".png"
    if suffix in (".svg", ".html"):
        assert b"<script>alert" not in content
        assert b"alert(1)" in content


def test_weights_differ_by_shape_as_well_as_by_colour() -> None:
    made = progress_chart(found(*FIVE), "Clock").to_dict()
    scales = [
        layer["encoding"]["shape"]["scale"]
        for layer in made["layer"]
        if "shape" in layer.get("encoding", {})
    ]
    assert scales
    for scale in scales:
        assert scale["domain"] == ["open", "closed"]
        assert len(set(scale["range"])) == 2


def test_without_altair_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **others: Any) -> Any:
        if name == "altair":
            raise ImportError(name)
        return real(name, *rest, **others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match=r"pip install 'podium\[plot\]'"):
        progress_chart(found(*FIVE), "Clock")


# --- As it is typed -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue(backend: Backend, holding: Holding, shared: Path) -> str:
    """Return a registry that holds the whole shared catalogue."""
    return holding(backend, shared / "catalog")


def typed(registry: object, *words: object, exit_code: int = 0) -> Result:
    arguments = ["--registry", str(registry), "progress", *map(str, words)]
    result = CliRunner().invoke(main, arguments, prog_name="podium")
    assert result.exit_code == exit_code, result.output
    return result


def reference(shared: Path, benchmark: str, groups: set[str], until: str = "9") -> list[str]:
    """Return the frontier's values as the files have them, one number a model as on boards."""
    folder = shared / "catalog"

    def read(name: str) -> list[dict[str, str]]:
        text = (folder / name).read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    names = ("variant", "metric", "model_id", "source_id")
    own = [r for r in read("scores.csv") if r["benchmark"] == benchmark and r["date"] <= until]
    doubted = {
        tuple(r[n] for n in names) for r in read("suspect.csv") if r["benchmark"] == benchmark
    }
    variants = {
        r["variant"]
        for r in read("variant_groups.csv")
        if r["group"] in groups and r["benchmark"] == benchmark
    }
    released = {r["model_id"]: r["release_date"] for r in read("models.csv")}
    best: dict[str, dict[str, str]] = {}
    for each in sorted(own, key=lambda r: (r["date"], r["source_id"]), reverse=True):
        if each["variant"] in variants and tuple(each[n] for n in names) not in doubted:
            kept = best.get(each["model_id"])
            if kept is None or (kept["self_reported"], each["self_reported"]) == ("true", "false"):
                best[each["model_id"]] = each
    frontier: list[str] = []
    dated = [r for r in best.values() if released[r["model_id"]]]
    for each in sorted(dated, key=lambda r: (released[r["model_id"]], -float(r["value"]))):
        if not frontier or float(each["value"]) > float(frontier[-1]):
            frontier.append(f"{float(each['value']):g}")
    return frontier


@pytest.mark.parametrize(
    ("benchmark", "group"),
    [
        ("mmmu", "val"),
        ("mmmu", "test"),
        ("mathvista", "testmini"),
        ("mmlu", "full"),
        ("gpqa", "diamond"),
    ],
)
def test_frontiers_of_the_catalogue_are_those_of_its_files(
    catalogue: str, shared: Path, benchmark: str, group: str
) -> None:
    result = typed(catalogue, benchmark, "--group", group, "--format", "json")
    overall = json.loads(result.stdout)["frontiers"]["overall"]
    assert [f"{step['value']:g}" for step in overall] == reference(shared, benchmark, {group})


def test_as_of_a_day_the_frontier_is_what_it_was(catalogue: str, shared: Path) -> None:
    words = ("mmmu", "--group", "val", "--as-of", "2024-12-31", "--format", "json")
    overall = json.loads(typed(catalogue, *words).stdout)["frontiers"]["overall"]
    assert [f"{step['value']:g}" for step in overall] == reference(
        shared, "mmmu", {"val"}, "2024-12-31"
    )


def test_a_page_names_group_metric_and_what_is_left_out(catalogue: str) -> None:
    out = typed(catalogue, "gpqa").stdout
    assert "gpqa · group diamond · full · by accuracy, higher is better" in out
    assert "9 models without a release date, 2 disputed numbers" in out
    assert "── frontier" in out
    assert "── frontier" not in typed(catalogue, "gpqa", "--no-chart").stdout
    assert "\x1b" not in out


def test_csv_has_one_line_a_step_and_markdown_fences_the_chart(catalogue: str) -> None:
    out = typed(catalogue, "mmmu", "--format", "csv").stdout
    lines = list(csv.DictReader(io.StringIO(out)))
    assert {line["frontier"] for line in lines} == {"overall", "open", "closed"}
    assert [line["gain"] for line in lines].count("") == 3
    assert "```text\n" in typed(catalogue, "mmmu", "--format", "markdown").stdout


def test_a_chart_is_drawn_beside_the_table(catalogue: str, tmp_path: Path) -> None:
    path = tmp_path / "mmmu.svg"
    result = typed(catalogue, "mmmu", "--chart", path, "--format", "json")
    assert result.stderr == f"Drawn: {path}\n"
    svg = path.read_text(encoding="utf-8")
    assert "MMMU: the frontier over time" in svg
    assert "GPT-5.1" in svg


def test_what_cannot_be_drawn_is_said_with_what_to_type(catalogue: str, tmp_path: Path) -> None:
    assert "must end in .svg" in typed(catalogue, "mmmu", "--chart", "a.gif", exit_code=2).stderr
    nowhere = tmp_path / "nowhere" / "a.json"
    assert "cannot be written" in typed(catalogue, "mmmu", "--chart", nowhere, exit_code=1).stderr
    assert "Did you mean 'mmmu'" in typed(catalogue, "mmmuu", exit_code=2).stderr
    assert "Did you mean 'test'" in typed(catalogue, "mmmu", "--group", "tst", exit_code=2).stderr


def test_without_numbers_the_page_is_empty_and_the_reason_is_told(registry_url: str) -> None:
    result = typed(registry_url, "mmlu", "--format", "json")
    assert json.loads(result.stdout)["points"] == []
    assert "No run of mmlu yet" in result.stderr


def test_a_chart_without_a_dated_model_is_not_drawn_and_says_so(
    store: Store, registry_url: str, tmp_path: Path
) -> None:
    add_run(store, "acme/one", 0.5)
    path = tmp_path / "clock.png"
    result = typed(registry_url, "clock", "--chart", path)
    assert result.stderr == f"Not drawn, since no model has a release date: {path}\n"
    assert "No model of clock (default) has a release date." in result.stdout
    assert not path.exists()
