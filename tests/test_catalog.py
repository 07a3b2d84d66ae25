"""The catalogue that Podium ships: what it holds, what it leaves apart, and how it is loaded."""

import csv
import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from registries import Backend, Copied, Holding
from stored_runs import add_run

from plugins import mmlu, mmlu_pro
from registry import Benchmark
from registry.cli import main
from registry.filters import current
from registry.importing import BUILT_IN, read_path
from registry.importing.records import GroupFacts
from registry.leaderboard import Board, leaderboard
from registry.reported import board_rows, known_by, reported_baselines
from registry.store import Store, open_store

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def catalogue(backend: Backend, holding: Holding) -> str:
    """Return a registry that holds what Podium ships."""
    return holding(backend, BUILT_IN)


@pytest.fixture
def store(catalogue: str) -> Iterator[Store]:
    with closing(open_store(catalogue)) as store:
        yield store


@pytest.fixture
def podium(catalogue: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command that reads that registry."""
    monkeypatch.setenv("PODIUM_REGISTRY", catalogue)

    def podium(*words: object) -> Result:
        result = CliRunner().invoke(main, [*map(str, words)], prog_name="podium")
        assert result.exit_code == 0, result.output
        return result

    return podium


def board(store: Store, benchmark: str, **options: Any) -> Board:
    found = leaderboard(current(board_rows(store, benchmark)), **options)
    assert found is not None
    return found


def test_the_seven_benchmarks_have_their_published_scores(store: Store) -> None:
    names = ["hle", "mathvista", "mimic-cxr", "mmlu", "mmlu-pro", "mmmu", "mmmu-pro"]
    assert store.benchmark_names() == names
    assert sum(len(board_rows(store, name)) for name in names) == 1480
    assert len(store.models()) == 553


def test_medgemma_stands_with_its_own_label_set_and_never_beside_the_other(store: Store) -> None:
    found = board(store, "mimic-cxr")
    assert found.group.label == "classification-top5, adjudicated labels"
    assert found.group.metric == "f1-macro"
    (standing,) = (s for s in found.standings if s.model == "google/medgemma-4b-it")
    assert (standing.title, standing.organization) == ("MedGemma 4B IT", "Google")
    assert (standing.value, standing.rank, standing.kind) == (0.889, 4, "self-reported")
    assert standing.url == "https://arxiv.org/abs/2604.05081"
    assert 0.405 not in {row.value for rows in found.numbers.values() for row in rows}
    public = board(store, "mimic-cxr", name="classification-top5, public labels")
    assert {s.value for s in public.standings if s.model == "google/medgemma-4b-it"} == {0.405}


def test_the_default_board_is_that_of_the_default_group_with_most_models(store: Store) -> None:
    labels = {name: board(store, name).group.label for name in store.benchmark_names()}
    assert labels == {
        "hle": "full, no tools",
        "mathvista": "testmini",
        "mimic-cxr": "classification-top5, adjudicated labels",
        "mmlu": "full",
        "mmlu-pro": "full",
        "mmmu": "val",
        "mmmu-pro": "overall",
    }


def test_what_is_doubted_is_counted_and_does_not_rank(store: Store) -> None:
    found = board(store, "mmlu")
    doubted = {(row.model, row.value) for row in found.disputed}
    assert doubted == {
        ("mistral/mistral-7b-instruct-v0.3", 0.599),
        ("mistral/mistral-7b-instruct-v0.3", 0.309),
    }
    assert all(row.dispute.startswith("sources for this model") for row in found.disputed)
    assert "mistral/mistral-7b-instruct-v0.3" not in {s.model for s in found.standings}


def test_humans_and_guesses_are_baselines_of_their_group(store: Store) -> None:
    found = {
        (b.group, b.baseline.name): b.baseline.value for b in reported_baselines(store, "mmmu")
    }
    assert found["val", "Human Expert (High)"] == 0.886
    assert found["test", "Random Choice"] == 0.258


def test_a_model_is_known_by_its_hub_id_its_title_and_a_leaderboard_s_name(store: Store) -> None:
    for name in ("google/medgemma-4b-it", "medgemma 4b it", "medgemma-4b-it"):
        assert known_by(store, name) == ["google/medgemma-4b-it"]
    assert known_by(store, "meta-llama/Llama-3.1-8B-Instruct") == ["meta/llama-3.1-8b-instruct"]
    assert known_by(store, "no such model") == []


def test_a_new_registry_begins_with_the_catalogue_and_an_old_one_is_left_alone(
    podium: Callable[..., Result], registry_url: str, tmp_path: Path
) -> None:
    new = ("--registry", tmp_path / "new.db")
    first = podium(*new, "leaderboard", "mimic-cxr").stdout
    assert first.startswith("Med-Gemini (Yang et al. 2024) (Google) leads mimic-cxr")
    assert "MedGemma 4B IT" in first
    assert podium(*new, "leaderboard", "mimic-cxr").stdout == first
    old = ("--registry", registry_url)
    assert "medgemma" not in podium(*old, "models").stdout
    podium(*old, "import", "--builtin")
    assert "medgemma" in podium(*old, "models").stdout


def test_the_catalogue_is_small_and_says_whose_numbers_it_has() -> None:
    assert sum(file.stat().st_size for file in BUILT_IN.iterdir()) < 600_000
    said = (BUILT_IN / "ATTRIBUTION.md").read_text()
    assert "Data from llm-stats.com / JonathanChavezTamales/llm-leaderboard, CC BY 4.0" in said
    assert "CC BY-SA 4.0" in said


@pytest.mark.parametrize("plugin", [mmlu, mmlu_pro], ids=lambda plugin: plugin.__name__)
def test_a_plugin_s_groups_are_of_variants_that_it_has_and_of_groups_that_are_published(
    plugin: Any,
) -> None:
    (benchmark,) = plugin.register_benchmarks()
    assert isinstance(benchmark, Benchmark)
    assert benchmark.groups.keys() <= {variant.name for variant in benchmark.variants()}
    published = {
        fact.group
        for fact in read_path(BUILT_IN).records
        if isinstance(fact, GroupFacts) and fact.benchmark == benchmark.name
    }
    assert set(benchmark.groups.values()) <= published


def test_the_script_builds_the_catalogue_that_is_here(shared: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("build", ROOT / "scripts" / "build_catalog.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.build(shared / "catalog", tmp_path)
    built = sorted(tmp_path.glob("*.csv"))
    assert len(built) == 9
    for file in built:
        assert file.read_bytes() == (BUILT_IN / file.name).read_bytes(), file.name


def test_every_number_s_source_has_an_address(store: Store) -> None:
    with (BUILT_IN / "sources.csv").open(newline="", encoding="utf-8") as file:
        assert all(row["url"].startswith("https://") for row in csv.DictReader(file))
    assert all(row.url for row in board_rows(store, "mmlu"))


# --- As it is typed -------------------------------------------------------------------------------


def shown(podium: Callable[..., Result], *words: object) -> dict[str, Any]:
    item: dict[str, Any] = json.loads(podium("leaderboard", *words, "--format", "json").stdout)
    return item


def test_filters_narrow_a_board_and_say_what_fell_through(podium: Callable[..., Result]) -> None:
    whole = shown(podium, "mmlu")
    words = ("--open-weights", "--max-params", 8, "--min-context", "128k", "--license", "llama-3.1")
    small = shown(podium, "mmlu", *words)
    assert [s["model"] for s in small["standings"]] == ["meta/llama-3.1-8b-instruct"]
    fallen = {k: n for k, n in small["left_out"].items() if "fit" in k or "unknown" in k}
    assert fallen["of unknown license"] > 0
    rows = sum(s["runs"] + s["reports"] + 1 for s in whole["standings"])
    kept = sum(s["runs"] + s["reports"] + 1 for s in small["standings"])
    assert kept + sum(fallen.values()) == rows
    lenient = shown(podium, "mmlu", *words, "--include-unknown")
    assert len(lenient["standings"]) > 1


def test_only_independent_numbers(podium: Callable[..., Result]) -> None:
    board = shown(podium, "mmmu", "--group", "test", "--independent")
    assert {s["kind"] for s in board["standings"]} == {"independent"}
    assert podium("leaderboard", "mmmu", "--measured").stderr.startswith("No score of mmmu fits")


def test_a_board_as_of_a_day_has_nothing_later(podium: Callable[..., Result]) -> None:
    board = shown(podium, "mmmu", "--as-of", "2024-06-01")
    assert board["n_models"] == 51
    assert max(s["date"] for s in board["standings"]) <= "2024-06-01"
    since = shown(podium, "mmmu", "--since", "2025-01-01")
    assert min(s["date"] for s in since["standings"]) >= "2025-01-01"
    # This registry was made today, so it held nothing then.
    assert shown(podium, "mmmu", "--recorded-by", "2024-06-01")["standings"] == []


def test_the_neighbours_of_a_model_by_any_of_its_names(podium: Callable[..., Result]) -> None:
    board = shown(podium, "mimic-cxr", "--around", "medgemma 4b it")
    assert [s["rank"] for s in board["standings"]] == [1, 2, 3, 4, 5, 6, 7]
    assert board["n_models"] == 11


def test_columns_and_order_are_chosen(podium: Callable[..., Result]) -> None:
    words = ("--columns", "model,price,license", "--sort=-released", "--top", 3)
    lines = podium("leaderboard", "mmlu", *words).stdout.splitlines()
    assert lines[4].split() == ["MODEL", "USD/M", "IN,", "OUT", "LICENSE"]
    assert lines[5].startswith("Kimi K2 0905")
    sorted_by_size = shown(podium, "mmlu", "--sort", "parameters")["standings"]
    sizes = [s["parameters_b"] for s in sorted_by_size if s["parameters_b"] is not None]
    assert sizes == sorted(sizes)
    assert sorted_by_size[-1]["parameters_b"] is None


def test_every_board_of_a_benchmark_has_ranks_of_its_own(podium: Callable[..., Result]) -> None:
    boards = shown(podium, "mimic-cxr", "--all-variants")["boards"]
    assert len(boards) == 6
    assert all(board["standings"][0]["rank"] == 1 for board in boards)
    assert len({(board["group"], board["metric"]) for board in boards}) == 6


def test_a_ranking_across_groups_is_refused_with_what_differs(
    podium: Callable[..., Result],
) -> None:
    groups = [f"classification-top5, {labels} labels" for labels in ("adjudicated", "public")]
    words = ("mimic-cxr", "--variant", "classification, top-5 conditions", "--group")
    own = shown(podium, *words, groups[0])
    assert (own["variant"], own["n_models"]) == (words[2], 11)
    refused = CliRunner().invoke(main, ["leaderboard", *words, groups[1]], prog_name="podium")
    assert refused.exit_code == 1
    assert f"the group differs: '{words[2]}' is of the group '{groups[0]}'" in refused.stderr
    assert "--variant 'classification, top-5 conditions'" in refused.stderr


def test_a_rank_is_explained_by_its_number_and_those_it_hides(
    podium: Callable[..., Result],
) -> None:
    page = podium("leaderboard", "mimic-cxr", "--explain", "MedGemma 4B IT").stdout
    assert page.startswith("MedGemma 4B IT (Google) is number 4 of 11 on mimic-cxr")
    assert "https://arxiv.org/abs/2604.05081" in page
    item = shown(podium, "mimic-cxr", "--explain", "google/medgemma-4b-it")
    why = {number["value"]: number["why"] for number in item["other_numbers"]}
    assert why[0.405] == "another group of variants"
    assert why[0.889] == "an older one of its kind"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--license", "apach"), "Did you mean 'apache-2.0'"),
        (("--org", "Gogle"), "Did you mean 'Google'"),
        (("--group", "ful"), "Did you mean 'full'"),
        (("--columns", "modle"), "Did you mean 'model'"),
        (("--sort", "scor"), "Did you mean 'score'"),
        (("--around", "google/medgemma-4b-itt"), "Did you mean 'google/medgemma-4b-it'"),
        (("--min-context", "many"), "Write it as 8192 or 128k"),
        (("--as-of", "yesterday"), "%Y-%m-%d"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_is_misspelt_is_answered_with_the_nearest(
    words: tuple[str, str], hint: str, podium: Callable[..., Result]
) -> None:
    result = CliRunner().invoke(main, ["leaderboard", "mmlu", *words], prog_name="podium")
    assert result.exit_code == 2
    assert hint in result.stderr


def test_a_run_meets_what_was_published_of_its_model(
    podium: Callable[..., Result], catalogue: str, copied: Copied
) -> None:
    store = copied(catalogue)
    (benchmark,) = mmlu.register_benchmarks()
    add_run(store, "meta-llama/Llama-3.1-8B-Instruct", 0.65, (0.64, 0.66), benchmark=benchmark)
    (standing,) = shown(podium, "mmlu", "--measured")["standings"]
    assert (standing["model"], standing["kind"]) == ("meta/llama-3.1-8b-instruct", "measured")
    beside = shown(podium, "mmlu")
    assert "1 of them measured here" in beside["leader"]
    (row,) = (s for s in beside["standings"] if s["kind"] == "measured")
    assert (row["value"], row["reports"]) == (0.65, 3)
    model = json.loads(
        podium("models", "meta-llama/llama-3.1-8b-instruct", "--format", "json").stdout
    )
    assert {(gap["source"], round(gap["gap"], 3)) for gap in model["gaps"]} >= {
        ("helm-mmlu", 0.089),
    }
