"""HLE reads the hub's layout, asks model and judge, scores as published, and tells nobody."""

import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from plugins.hle import DATASET, register_benchmarks
from plugins.hle.judging import JUDGE_PROMPT, JUDGE_SCHEMA, OFFICIAL_JUDGE, SYSTEM_PROMPT
from plugins.hle.prompts import JUDGE, review_of
from plugins.hle.reading import read
from registry import (
    DatasetError,
    Excluded,
    Image,
    Metric,
    Outcome,
    Prediction,
    Sample,
    SampleScore,
    Score,
    Task,
    Terms,
    open_image,
)
from registry.cli import main

SHARED = Path(__file__).parents[2] / "shared" / "data"
SAMPLE = Path(__file__).parents[1] / "plugins" / "hle" / "sample"
PICTURE = Path("data") / "test-00000-of-00001.parquet"


def samples(root: Path, *, text_only: bool = False) -> list[Sample]:
    return [item for item in read(root, text_only=text_only) if isinstance(item, Sample)]


def task(*words: str) -> Task:
    (benchmark,) = register_benchmarks()
    return benchmark.task_for(benchmark.variant(words))


def sample_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(SAMPLE / PICTURE).to_pylist()
    return rows


def row(**changes: Any) -> dict[str, Any]:
    """Return a row without pictures, changed; a column that is set to ... is left out."""
    fields = next(r for r in sample_rows() if not r["image"]) | changes
    return {name: value for name, value in fields.items() if value is not ...}


def write(root: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = root / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


# --- Reading --------------------------------------------------------------------------------------


def test_the_folder_and_its_data_folder_give_the_same_questions() -> None:
    asked = samples(SAMPLE)
    assert len(asked) == 10
    assert [s.id for s in samples(SAMPLE / "data")] == [s.id for s in asked]


def test_ids_are_unique_and_the_same_at_every_reading() -> None:
    ids = [sample.id for sample in samples(SAMPLE)]
    assert len(set(ids)) == 10
    assert ids == [sample.id for sample in samples(SAMPLE)]


def test_a_picture_is_a_reference_to_its_cell_after_the_text() -> None:
    pictured = [(n, r) for n, r in enumerate(sample_rows()) if r["image"]]
    asked = {sample.id: sample for sample in samples(SAMPLE)}
    assert len(pictured) == 3
    for number, fields in pictured:
        image = Image(str(SAMPLE / PICTURE), "image", number)
        assert asked[fields["id"]].input == (fields["question"], image)
        assert open_image(image).mode == "RGB"


def test_an_absent_picture_is_an_empty_text_or_null(tmp_path: Path) -> None:
    first, second = (fields for fields in sample_rows()[:2])
    write(tmp_path, [first | {"image": None}, second | {"image": ""}])
    assert [s.input for s in samples(tmp_path)] == [first["question"], second["question"]]


def test_text_only_leaves_out_the_questions_with_a_picture() -> None:
    everything = list(read(SAMPLE, text_only=True))
    left_out = [e for e in everything if isinstance(e, Excluded) and not e.incomplete]
    assert [e.id for e in left_out] == [r["id"] for r in sample_rows() if r["image"]]
    assert {e.reason for e in left_out} == {"with a picture"}
    asked = [item for item in everything if isinstance(item, Sample)]
    assert len(asked) == 7
    assert all(isinstance(sample.input, str) for sample in asked)


def test_fewer_than_2500_questions_make_the_run_partial_and_2500_do_not(tmp_path: Path) -> None:
    def incomplete(n: int) -> bool:
        same = row()
        write(tmp_path, [same | {"id": f"{number:024x}"} for number in range(n)])
        return any(isinstance(item, Excluded) and item.incomplete for item in read(tmp_path))

    assert incomplete(2499)
    assert not incomplete(2500)


def test_a_folder_without_questions_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"looked for test-\*\.parquet.*--data hle=DIR"):
        samples(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": 7}, "id is a int, not a text"),
        ({"id": ""}, "id is empty"),
        ({"question": None}, "question is a NoneType, not a text"),
        ({"question": "  "}, "question is empty"),
        ({"answer": 3}, "answer is a int, not a text"),
        ({"answer": ""}, "answer is empty"),
        ({"answer_type": "exact_match"}, "answer_type is neither exactMatch nor multipleChoice"),
        ({"category": None}, "category is a NoneType"),
        ({"image": {"bytes": b"x"}}, "image is a dict, not a text"),
        ({"image": "https://example.org/x.png"}, "image is neither empty nor a data URI"),
        ({"id": ...}, "has no column id"),
        ({"question": ...}, "has no column question"),
        ({"image": ...}, "has no column image"),
        ({"answer": ...}, "has no column answer"),
        ({"answer_type": ...}, "has no column answer_type"),
        ({"category": ...}, "has no column category"),
    ],
)
def test_a_malformed_row_is_named_with_its_file_and_without_its_text(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    path = write(tmp_path, [row(**change)])
    with pytest.raises(DatasetError) as caught:
        samples(tmp_path)
    assert caught.value.message.startswith(f"{path}, row 0: {complaint}")
    assert str(row()["question"]) not in caught.value.message


def test_an_id_that_stands_twice_is_refused_and_both_places_are_named(tmp_path: Path) -> None:
    write(tmp_path, [row(), row()])
    with pytest.raises(DatasetError, match=r"row 1: the id .* also stands in .*, row 0"):
        samples(tmp_path)


def test_the_columns_that_nobody_is_asked_about_may_be_missing(tmp_path: Path) -> None:
    unused = ("image_preview", "rationale", "rationale_image", "author_name", "canary")
    write(tmp_path, [row(**dict.fromkeys(unused, ...))])
    assert len(samples(tmp_path)) == 1


def test_the_target_tells_of_a_changed_answer_and_does_not_say_it(tmp_path: Path) -> None:
    write(tmp_path, [row(answer="A"), row(answer="A", id="b"), row(answer="B", id="c")])
    before = samples(tmp_path)
    write(tmp_path, [row(answer="A"), row(answer="A", id="b"), row(answer="C", id="c")])
    after = samples(tmp_path)
    assert [b.target == a.target for b, a in zip(before, after, strict=True)] == [True, True, False]
    assert before[0].target != before[1].target, "equal answers must not be seen to be equal"
    assert all(len(sample.target) == 16 for sample in before)


# --- Asking ---------------------------------------------------------------------------------------


def test_the_default_asks_the_text_only_and_names_the_official_judge() -> None:
    (benchmark,) = register_benchmarks()
    assert benchmark.variant().name == "text-only"
    assert [v.name for v in benchmark.variants()] == ["text-only", "full"]
    assert benchmark.terms is Terms.GATED
    review = task().review
    assert review is not None
    assert (review.name, review.official) == ("judge", OFFICIAL_JUDGE)
    assert review.prompt_text == JUDGE_PROMPT


def test_the_hub_is_pinned_and_only_the_test_split_is_fetched() -> None:
    assert (DATASET.hub, DATASET.files) == ("cais/hle", ("data/test-*.parquet",))
    assert DATASET.revision == "5a81a4c7271a2a2a312b9a690f0c2fde837e4c29"


def test_a_question_is_a_chat_message_under_the_authors_system_prompt() -> None:
    for sample in samples(SAMPLE):
        prompt = task("full").prompt(sample)
        assert (prompt.question, prompt.system, prompt.chat) == (sample.input, SYSTEM_PROMPT, True)
        assert (prompt.sampling.max_tokens, prompt.sampling.temperature) == (8192, 0)


def test_the_same_sample_gives_the_same_requests_twice_even_after_travelling() -> None:
    variant = task("full")
    reply = Prediction(sample_id="", text="Answer: 89")
    for sample, same in zip(samples(SAMPLE), samples(SAMPLE), strict=True):
        travelled = pickle.loads(pickle.dumps(same))
        assert variant.prompt(sample) == variant.prompt(travelled)
        assert review_of(sample, reply) == review_of(travelled, reply)


def test_the_judge_reads_question_response_and_answer_as_text_alone() -> None:
    sample = next(s for s in samples(SAMPLE) if not isinstance(s.input, str))
    prompt = JUDGE.prompt(sample, Prediction(sample_id=sample.id, text="Answer: eight"))
    assert prompt is not None
    question, answer = sample.metadata["question"], sample.metadata["answer"]
    assert f"[question]: {question}\n\n[response]: Answer: eight\n" in str(prompt.question)
    assert f"[correct_answer]: {answer}\n" in str(prompt.question)
    assert (prompt.system, prompt.chat) == ("", True)
    assert (prompt.sampling.max_tokens, prompt.sampling.json_schema) == (4096, JUDGE_SCHEMA)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Answer: 1", "Answer: 1"),
        ("<think>2? No.</think>Answer: 1", "Answer: 1"),
        ("2? No.</think>Answer: 1", "Answer: 1"),
        ("<think>a</think><think>b</think>Answer: 1", "Answer: 1"),
    ],
)
def test_the_judge_does_not_see_the_reasoning(text: str, seen: str) -> None:
    prompt = review_of(samples(SAMPLE)[1], Prediction(sample_id="", text=text))
    assert prompt is not None
    assert f"[response]: {seen}\n\nYour judgement" in str(prompt.question)


@pytest.mark.parametrize(
    "text", ["", " \n", "<think>Answer: 1", "<think>a</think> \n", "<think>a</think>b<think>c"]
)
def test_without_a_response_there_is_nothing_to_judge(text: str) -> None:
    assert review_of(samples(SAMPLE)[1], Prediction(sample_id="", text=text)) is None


# --- Scoring --------------------------------------------------------------------------------------


def verdict(correct: str = "yes", confidence: object = 80) -> str:
    return json.dumps(
        {
            "extracted_final_answer": "the secret answer",
            "reasoning": "It matches.",
            "correct": correct,
            "confidence": confidence,
            "strict": True,
        }
    )


def judged(metric: Metric, reply: str | None, *, id: str = "1", cut: bool = False) -> SampleScore:
    """Return the score of a response on which the judge said `reply`, or nothing."""
    sample = Sample(id=id, input="?", target="digest", groups={"category": "Math"})
    review = None if reply is None else Prediction(sample_id=id, stage="judge", text=reply)
    outcome = Outcome.TRUNCATED if cut else Outcome.ANSWERED
    said = metric.judge(
        sample, Prediction(sample_id=id, text="Answer: 1", outcome=outcome, review=review)
    )
    return SampleScore(
        sample_id=id,
        metric=metric.name,
        value=said.value,
        answer=said.answer,
        target=sample.target,
        outcome=said.outcome,
        probability=said.probability,
        groups=sample.groups,
    )


def whole_run(scores: Sequence[Score]) -> dict[str, Score]:
    return {score.metric: score for score in scores if not score.part}


@pytest.mark.parametrize(
    ("reply", "value", "answer", "probability", "outcome"),
    [
        (verdict(), 1.0, "yes", 0.8, Outcome.ANSWERED),
        (verdict("no", 100), 0.0, "no", 1.0, Outcome.ANSWERED),
        (verdict("no", None), 0.0, "no", 1.0, Outcome.ANSWERED),
        (verdict("no", 140), 0.0, "no", 1.0, Outcome.ANSWERED),
        ("It is correct: yes.", 0.0, "", None, Outcome.UNPARSEABLE),
        (verdict()[:-1], 0.0, "", None, Outcome.UNPARSEABLE),
        (verdict() + verdict("no"), 0.0, "", None, Outcome.UNPARSEABLE),
        (f"<think>{verdict()}", 0.0, "", None, Outcome.UNPARSEABLE),
        ("", 0.0, "", None, Outcome.UNPARSEABLE),
        (None, 0.0, "", None, Outcome.UNPARSEABLE),
    ],
)
def test_only_a_clear_verdict_of_yes_counts(
    reply: str | None, value: float, answer: str, probability: float | None, outcome: Outcome
) -> None:
    accuracy, calibration = task().metrics
    score = judged(accuracy, reply)
    assert (score.value, score.answer, score.outcome) == (value, answer, outcome)
    assert score.probability == probability
    alone = judged(calibration, reply)
    assert (alone.value, alone.answer, alone.probability) == (None, answer, probability)


def test_a_response_that_was_cut_off_is_judged_and_stays_marked() -> None:
    accuracy = task().headline
    right, unjudged = judged(accuracy, verdict(), cut=True), judged(accuracy, None, cut=True)
    assert (right.value, right.outcome) == (1.0, Outcome.TRUNCATED)
    assert (unjudged.value, unjudged.outcome) == (0.0, Outcome.TRUNCATED)


def test_an_unjudged_question_counts_as_wrong_and_is_counted() -> None:
    metric = task().headline
    replies = [verdict(), "prose", None, verdict("no")]
    scores = metric.aggregate([judged(metric, r, id=str(n)) for n, r in enumerate(replies)])
    found = whole_run(scores)
    assert scores[0].metric == "accuracy"
    assert (found["accuracy"].value, found["accuracy"].n) == (0.25, 4)
    assert (found["unjudged"].value, found["unjudged"].n) == (2.0, 4)
    assert found["half-width"].value == pytest.approx(0.4244)
    assert [s.value for s in scores if s.part == "category=Math"] == [0.25]


def test_without_a_verdict_there_is_no_calibration_error() -> None:
    calibration = task().metrics[1]
    assert not calibration.higher_is_better
    assert calibration.aggregate([judged(calibration, None)]) == []


def test_below_200_verdicts_only_all_bins_have_a_calibration_error() -> None:
    calibration = task().metrics[1]
    scores = [judged(calibration, verdict("yes", 80), id=str(n)) for n in range(199)]
    found = whole_run(calibration.aggregate([*scores, judged(calibration, "prose")]))
    assert set(found) == {"calibration-error-all-bins"}
    assert found["calibration-error-all-bins"].value == pytest.approx(0.2)
    assert found["calibration-error-all-bins"].n == 199


@pytest.fixture(scope="module")
def recorded() -> list[str | None]:
    """What the judge said of each of 2,158 responses of GLM-4.5-Air, or None."""
    path = SHARED / "replays" / "hle" / "zenmux_glm-4.5-air.jsonl"
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip(f"{path.name} is not on this machine")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [verdict(r["correct"], r["confidence"]) if r["judged"] else None for r in rows]


def test_the_recorded_verdicts_score_as_published(recorded: list[str | None]) -> None:
    metric = task().headline
    scores = [judged(metric, reply, id=str(n)) for n, reply in enumerate(recorded)]
    found = whole_run(metric.aggregate(scores))
    assert round(100 * found["accuracy"].value, 2) == 4.77
    assert found["half-width"].value == pytest.approx(0.0090)
    assert (found["accuracy"].n, found["unjudged"].value) == (2158, 1279)

    alone = whole_run(metric.aggregate([score for score in scores if score.answer]))
    assert round(100 * alone["accuracy"].value, 2) == 11.72
    assert alone["half-width"].value == pytest.approx(0.0213)
    assert (alone["accuracy"].n, alone["unjudged"].value) == (879, 0)


def test_the_recorded_verdicts_are_as_badly_calibrated_as_published(
    recorded: list[str | None],
) -> None:
    metric = task().metrics[1]
    scores = [judged(metric, reply, id=str(n)) for n, reply in enumerate(recorded)]
    found = whole_run(metric.aggregate(scores))
    assert metric.aggregate(scores)[0].metric == "calibration-error"
    assert round(100 * found["calibration-error"].value, 2) == 70.99
    assert round(100 * found["calibration-error-all-bins"].value, 2) == 80.08
    assert {score.n for score in found.values()} == {879}


def test_the_oracle_is_always_right_and_sure() -> None:
    variant = task("full")
    assert variant.oracle is not None
    for sample in samples(SAMPLE):
        known = variant.oracle(sample)
        assert variant.headline.judge(sample, known).value == 1.0
        assert variant.metrics[1].judge(sample, known).probability == 1.0


# --- Through the command line ---------------------------------------------------------------------


def typed(*words: object) -> dict[str, Any]:
    """Type a command that reports one run, and return the report."""
    result = CliRunner().invoke(main, [*map(str, words), "--format", "json"], prog_name="podium")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert isinstance(report, dict)
    return report


@pytest.mark.parametrize(("subset", "n"), [("text-only", 7), ("full", 10)])
def test_the_offline_sample_runs_from_question_to_verdict_to_score(subset: str, n: int) -> None:
    model = ("--model", "echo:Answer: 89", "--judge", f"echo:{verdict()}")
    report = typed("run", "hle", "--sample", "--variant", subset, *model)
    assert (report["n"], report["scope"], report["score"]) == (n, "sample", 1.0)
    assert report["scores"]["unjudged"] == 0
    assert report["scores"]["calibration-error-all-bins"] == pytest.approx(0.2)


def test_a_judge_that_writes_prose_leaves_every_question_unjudged_and_wrong() -> None:
    judge = ("--judge", "echo:That looks right to me.")
    report = typed("run", "hle", "--sample", "--model", "echo:Answer: 89", *judge)
    assert (report["score"], report["scores"]["unjudged"]) == (0.0, 7)
    assert set(report["scores"]) == {"accuracy", "half-width", "unjudged"}


def test_without_a_judge_the_run_says_whom_the_authors_ask() -> None:
    data = ["--data", str(SAMPLE)]
    result = CliRunner().invoke(main, ["run", "hle", *data, "--model", "echo:x"])
    assert result.exit_code == 1
    assert f"its judge (the authors use {OFFICIAL_JUDGE})" in result.output


SECRETS = {
    "question": "Which made-up question must stay a secret?",
    "answer": "an answer that nobody may read",
    "rationale": "because of a rationale that nobody may read",
    "canary": "canary:made-up-for-this-test:0000",
    "author_name": "An author who stays unnamed",
}


def replay(path: Path, texts: dict[str, str]) -> str:
    """Return the spec of a model that says so of each sample."""
    records = (json.dumps({"id": id, "response": text}) for id, text in texts.items())
    path.write_text("\n".join(records), encoding="utf-8")
    return f"replay:{path}"


def test_nothing_of_a_question_reaches_the_registry(tmp_path: Path) -> None:
    ids = ["a" * 24, "b" * 24]
    write(tmp_path / "genuine", [row(**SECRETS, id=id) for id in ids])
    # The model repeats the question, and the judge quotes the answer.
    response = f"Explanation: {SECRETS['question']}\nAnswer: {SECRETS['answer']}"
    quoted = verdict().replace("the secret answer", SECRETS["answer"])
    model = replay(tmp_path / "model.jsonl", dict.fromkeys(ids, response))
    judge = replay(tmp_path / "judge.jsonl", dict.fromkeys(ids, quoted))
    data = ("--data", tmp_path / "genuine")
    report = typed("run", "hle", *data, "--model", model, "--judge", judge)
    assert (report["n"], report["score"], report["scope"]) == (2, 1.0, "partial")

    home = tmp_path / "home"
    registry = b"".join(path.read_bytes() for path in home.glob("registry.db*"))
    assert all(id.encode() in registry for id in ids)
    assert [name for name, text in SECRETS.items() if text.encode() in registry] == []
    assert b"It matches." not in registry

    private = b"".join(path.read_bytes() for path in (home / "private").rglob("*.jsonl"))
    told = {name for name, text in SECRETS.items() if text.encode() in private}
    assert told == {"question", "answer"}, "responses and verdicts are kept, and nothing else"


def test_the_sample_has_no_canary_in_what_is_asked_or_judged() -> None:
    reply = Prediction(sample_id="", text="Answer: 89")
    for sample, fields in zip(samples(SAMPLE), sample_rows(), strict=True):
        told = repr((sample, task().prompt(sample), review_of(sample, reply)))
        assert fields["canary"] not in told
        assert fields["rationale"] not in told
