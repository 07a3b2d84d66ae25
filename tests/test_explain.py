"""A rank explained: who is not told apart, and how many more items would do it."""

import json
from pathlib import Path
from typing import Any

import pytest
from compared_runs import Type, rights, scored, type_with_clocks
from scipy.stats import norm

import plugins
from registry.importing.records import (
    Batch,
    BenchmarkFacts,
    ModelFacts,
    ReportedScore,
    SourceFacts,
)
from registry.importing.storing import store_batch
from registry.store import Store, open_store

NEEDED = float(norm.ppf(0.975) + norm.ppf(0.8)) ** 2
"""Squared z of a 5 % level and of a power of 80 %."""


@pytest.fixture(autouse=True)
def _nothing_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("registry.discovery.BUILT_IN_ROOMS", ())
    monkeypatch.setattr(plugins, "__path__", [])
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "registry.db"))


@pytest.fixture
def podium(tmp_path: Path) -> Type:
    return type_with_clocks(tmp_path)


def explained(podium: Type, model: str, *words: object) -> dict[str, Any]:
    """Return the models that one is not told apart from, by name."""
    said = podium("leaderboard", "clock", "--explain", model, *words, "--format", "json").stdout
    return {each["model"]: each for each in json.loads(said)["not_told_apart"]}


def publish(store: Store, **numbers: dict[str, Any]) -> None:
    """Store numbers that one source says of models."""
    scores = [
        ReportedScore(
            benchmark="clock",
            variant="default",
            metric="accuracy",
            model=model,
            source="card",
            self_reported=False,
            **said,
        )
        for model, said in numbers.items()
    ]
    models = [ModelFacts(name=model) for model in numbers]
    facts = [SourceFacts(name="card"), BenchmarkFacts(name="clock", metric="accuracy")]
    assert store_batch(store, Batch([*facts, *models, *scores])).stored


def test_runs_of_the_same_items_are_separated_by_their_paired_differences(
    store: Store, podium: Type
) -> None:
    scored(store, "acme/one", rights("1111110000" * 4))
    scored(store, "acme/two", rights("1111010010" * 4))
    scored(store, "acme/three", rights("1111010000" * 4))
    found = explained(podium, "acme/one")
    assert (found["acme/two"]["more_items"], found["acme/two"]["basis"]) == (None, None)
    # In four of 40 items one is right and three is not.
    variance = 40 / 39 * (0.1 - 0.1**2)
    expected = NEEDED * variance / 0.1**2 - 40
    assert found["acme/three"]["basis"] == "paired"
    assert expected <= found["acme/three"]["more_items"] < expected + 1


def test_items_of_other_runs_are_not_paired_and_take_more(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("1111110000" * 4))
    others = {f"x{item}": value for item, value in rights("1111010000" * 5).items()}
    scored(store, "acme/three", others)
    found = explained(podium, "acme/one")["acme/three"]
    variance = 40 / 39 * 0.24 + 50 / 49 * 0.25
    expected = NEEDED * variance / 0.1**2 - 40
    assert found["basis"] == "unpaired"
    assert expected <= found["more_items"] < expected + 1


def test_published_errors_are_enough_and_without_any_nothing_is_said(
    store: Store, podium: Type
) -> None:
    publish(
        store,
        sure={"value": 0.60, "n": 400, "stderr": 0.0245},
        near={"value": 0.58, "n": 100, "stderr": 0.0494},
        counted={"value": 0.61, "n": 300},
        bare={"value": 0.59},
        same={"value": 0.60, "n": 400, "stderr": 0.0245},
    )
    found = explained(podium, "sure")
    expected = NEEDED * (400 * 0.0245**2 + 100 * 0.0494**2) / 0.02**2 - 100
    assert expected <= found["near"]["more_items"] < expected + 1
    assert {name: each["basis"] for name, each in found.items()} == {
        "near": "unpaired",
        "counted": "unpaired, assumed",
        "bare": None,
        "same": None,
    }
    assert {found[name]["more_items"] for name in ("bare", "same")} == {None}


def test_intervals_that_meet_may_need_no_more_items(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("1" * 70 + "0" * 30))
    scored(store, "acme/two", rights("1" * 60 + "0" * 40))
    assert explained(podium, "acme/one")["acme/two"]["more_items"] == 0
    page = podium("leaderboard", "clock", "--explain", "acme/one").stdout
    assert "MORE ITEMS  BY" in page
    assert "does not show that two models are alike" in " ".join(page.split())


def test_a_score_that_is_no_mean_of_its_items_is_not_paired(store: Store, podium: Type) -> None:
    scored(store, "acme/one", rights("1111110000" * 4), score=0.62)
    scored(store, "acme/two", rights("1111010000" * 4), score=0.53)
    assert explained(podium, "acme/one")["acme/two"]["basis"] == "unpaired"
