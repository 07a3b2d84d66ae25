"""Texts of restricted data stay in a file of their owner's, and come back for the metrics."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from evaluators.private import LONGEST_LABEL, Responses, withheld
from registry import Benchmark, Dataset, Outcome, Prediction, SampleScore, Terms, exact_match

RESTRICTED = [Terms.GATED, Terms.CREDENTIALED]


def benchmark(terms: Terms = Terms.CREDENTIALED) -> Benchmark:
    return Benchmark(
        name="reports",
        summary="Reports.",
        dataset=Dataset("reports", list),
        metrics=(exact_match(),),
        terms=terms,
    )


def said(name: str, text: str = "", **changes: object) -> Prediction:
    return replace(Prediction(sample_id=name, run_id=3, text=text), **changes)  # type: ignore[arg-type]


@pytest.fixture
def responses(tmp_path: Path) -> Responses:
    return Responses(tmp_path / "private")


def kept(tmp_path: Path, stage: str = "answer", run: int = 3) -> Path:
    return tmp_path / "private" / f"run-{run}-{stage}.jsonl"


def test_texts_of_open_data_are_the_registry_s(responses: Responses, tmp_path: Path) -> None:
    predictions = [said("1", "a report")]
    assert responses.split(benchmark(Terms.OPEN), predictions) == predictions
    assert [*responses.joined(benchmark(Terms.OPEN), predictions)] == predictions
    assert not (tmp_path / "private").exists()


@pytest.mark.parametrize("terms", RESTRICTED)
def test_restricted_texts_leave_and_come_back(responses: Responses, terms: Terms) -> None:
    predictions = [said("1", "a report"), said("2", "zwei\nZeilen – \u2028 ü"), said("3", "")]
    public = responses.split(benchmark(terms), predictions)
    assert [p.text for p in public] == ["", "", ""]
    assert [*responses.joined(benchmark(terms), public)] == predictions


def test_the_file_and_its_folder_are_their_owner_s_alone(
    responses: Responses, tmp_path: Path
) -> None:
    responses.split(benchmark(), [said("1", "a report")])
    assert stat.S_IMODE(kept(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o700
    responses.copy(3, 4)
    assert stat.S_IMODE(kept(tmp_path, run=4).stat().st_mode) == 0o600


def test_answers_and_reviews_of_runs_are_kept_apart(responses: Responses) -> None:
    answer, review = said("1", "an answer"), said("1", "a verdict", stage="judge")
    other = said("1", "another's", run_id=4)
    public = responses.split(benchmark(), [answer, review, other])
    for restricted, whole in zip(public, (answer, review, other), strict=True):
        assert [*responses.joined(benchmark(), [restricted])] == [whole]


def test_a_retried_sample_s_newest_text_counts(responses: Responses) -> None:
    responses.split(benchmark(), [said("1", "first")])
    public = responses.split(benchmark(), [said("1", "second")])
    assert [p.text for p in [*responses.joined(benchmark(), public)]] == ["second"]


def test_a_text_that_is_not_on_this_machine_is_a_failure_not_an_empty_answer(
    responses: Responses, tmp_path: Path
) -> None:
    responses.split(benchmark(), [said("1", "a report")])
    there, gone = [*responses.joined(benchmark(), [said("1"), said("2")])]
    assert (there.outcome, there.text) == (Outcome.ANSWERED, "a report")
    assert gone.outcome is Outcome.FAILED
    assert gone.reason == f"its text is private and not on this machine, in {tmp_path / 'private'}"
    kept(tmp_path).unlink()
    assert next(iter(responses.joined(benchmark(), [said("1")]))).outcome is Outcome.FAILED


def test_failures_and_weighed_choices_have_no_text_to_miss(
    responses: Responses, tmp_path: Path
) -> None:
    predictions = [
        said("1", outcome=Outcome.FAILED, reason="out of memory"),
        said("2", logprobs={"yes": -0.1, "no": -2.0}),
    ]
    public = responses.split(benchmark(), predictions)
    assert [*responses.joined(benchmark(), public)] == predictions
    assert not kept(tmp_path).exists()


def test_a_line_that_a_kill_tore_costs_no_other(responses: Responses, tmp_path: Path) -> None:
    responses.split(benchmark(), [said("1", "one")])
    with kept(tmp_path).open("a") as file:
        file.write('\n{"id": "2", "resp')
    responses.split(benchmark(), [said("3", "three")])
    one, two, three = [*responses.joined(benchmark(), [said("1"), said("2"), said("3")])]
    assert (one.text, three.text) == ("one", "three")
    assert two.outcome is Outcome.FAILED


def test_a_rescored_run_has_the_texts_of_the_first(responses: Responses) -> None:
    responses.split(benchmark(), [said("1", "a report")])
    responses.copy(3, 9)
    (copied,) = [*responses.joined(benchmark(), [said("1", run_id=9)])]
    assert copied.text == "a report"
    responses.copy(5, 10)  # a run of open data has nothing to copy


# --- What a metric understood ---------------------------------------------------------------------

REPORT = "The heart is of normal size and the lungs are clear; no pleural effusion is seen."
LABELS = json.dumps({f"Condition number {n}": "uncertain" for n in range(14)})


def score(answer: str, target: str = "") -> SampleScore:
    return SampleScore(
        sample_id="1",
        metric="accuracy",
        value=1.0,
        answer=answer,
        target=target,
        outcome=Outcome.ANSWERED,
    )


@pytest.mark.parametrize("label", ["yes", "", "x" * LONGEST_LABEL, LABELS])
def test_labels_are_kept_even_many_of_them(label: str) -> None:
    assert [*withheld(benchmark(), [score(label, label)])] == [score(label, label)]


@pytest.mark.parametrize(
    "text",
    [REPORT, json.dumps({"findings": REPORT}), json.dumps([REPORT]), json.dumps({REPORT: 1})],
)
@pytest.mark.parametrize("terms", RESTRICTED)
def test_a_text_that_a_metric_takes_for_the_answer_is_kept_as_a_digest(
    text: str, terms: Terms
) -> None:
    (stored,) = withheld(benchmark(terms), [score(text, text)])
    assert stored.answer == stored.target
    assert stored.answer.startswith("sha256:")
    assert len(stored.answer) < LONGEST_LABEL
    assert withheld(benchmark(Terms.OPEN), [score(text)]) == [score(text)]
