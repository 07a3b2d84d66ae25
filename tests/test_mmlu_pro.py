"""MMLU-Pro reads both layouts alike, refuses what is not whole, and scores as its authors did."""

import gzip
import json
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from plugins.mmlu_pro import CHANCE, DATASET, SETTINGS, register_benchmarks
from plugins.mmlu_pro.reading import SIZES, read
from registry import (
    DatasetError,
    Excluded,
    Metric,
    Outcome,
    Prediction,
    Prompt,
    Sample,
    SampleScore,
    Task,
)
from registry.cli import main
from registry.datasets import sample_hash

SHARED = Path(__file__).parents[2] / "shared" / "data"
SAMPLE = Path(__file__).parents[1] / "plugins" / "mmlu_pro" / "sample"


def genuine(name: str) -> Path:
    """Return a file or folder of the genuine data; it may be missing anywhere but in CI."""
    path = SHARED / name
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip(f"{name} is not on this machine")
    assert path.exists(), f"{name} is missing"
    return path


def samples(root: Path, shots: int = 5) -> list[Sample]:
    return [item for item in read(root, shots=shots) if isinstance(item, Sample)]


def excluded(root: Path, shots: int = 5) -> dict[str, Excluded]:
    return {item.id: item for item in read(root, shots=shots) if isinstance(item, Excluded)}


def task(*words: str) -> Task:
    (benchmark,) = register_benchmarks()
    return benchmark.task_for(benchmark.variant(words))


def whole(prompt: Prompt) -> str:
    return prompt.header + "".join(prompt.examples) + str(prompt.question)


def rows_of(split: str) -> list[dict[str, Any]]:
    """Return the sample's rows, read without the plugin."""
    (path,) = (SAMPLE / "data").glob(f"{split}-*.parquet")
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


# --- Layouts --------------------------------------------------------------------------------------


def as_lines(root: Path) -> None:
    write_lines(root / "test.jsonl", rows_of("test"))
    write_lines(root / "validation_newer.jsonl", rows_of("validation"))


def in_two_files(root: Path) -> None:
    for split in ("test", "validation"):
        rows = rows_of(split)
        write_parquet(root / f"{split}-00000-of-00002.parquet", rows[:7])
        write_parquet(root / f"{split}-00001-of-00002.parquet", rows[7:])


@pytest.mark.parametrize("make", [as_lines, in_two_files])
@pytest.mark.parametrize("under", [".", "data"])
def test_every_layout_gives_the_samples_of_the_hubs(
    tmp_path: Path, make: Callable[[Path], None], under: str
) -> None:
    make(tmp_path / under)
    assert list(read(tmp_path)) == list(read(SAMPLE))
    assert sample_hash(samples(tmp_path)) == sample_hash(samples(SAMPLE))


def test_parquet_under_data_is_taken_before_lines_beside_it(tmp_path: Path) -> None:
    in_two_files(tmp_path / "data")
    write_lines(tmp_path / "test_sample.jsonl", rows_of("test")[:2])
    assert samples(tmp_path) == samples(SAMPLE)


def test_a_sample_knows_its_options_its_groups_and_its_examples() -> None:
    row, third = rows_of("test")[0], samples(SAMPLE, shots=3)[0]
    assert (third.id, third.input, third.target) == (
        str(row["question_id"]),
        row["question"],
        row["answer"],
    )
    assert list(third.choices) == row["options"]
    assert third.groups == {"category": "math", "options": "10"}
    examples = [r for r in rows_of("validation") if r["category"] == "math"][:3]
    assert [e.question for e in third.metadata["examples"]] == [r["question"] for r in examples]


def test_ids_are_unique_and_the_same_at_every_reading() -> None:
    ids = [sample.id for sample in samples(SAMPLE)]
    assert len(set(ids)) == len(ids) == 16
    assert ids == [sample.id for sample in samples(SAMPLE)]


@pytest.mark.parametrize("words", [(), ("api-prompt",), ("0-shot",)])
def test_the_same_sample_gives_the_same_prompt_twice_even_after_travelling(
    words: tuple[str, ...],
) -> None:
    variant = task(*words)
    read_once, read_again = list(variant.dataset.read(SAMPLE)), list(variant.dataset.read(SAMPLE))
    for sample, same in zip(read_once, read_again, strict=True):
        if isinstance(sample, Sample):
            travelled = pickle.loads(pickle.dumps(same))
            assert variant.prompt(sample) == variant.prompt(travelled)


def test_blanks_that_give_answers_away_are_gone_and_na_is_not_offered(tmp_path: Path) -> None:
    row = rows_of("test")[0]
    padded = {**row, "options": [*(" " + option for option in row["options"][:8]), "N/A", " N/A"]}
    write_parquet(tmp_path / "test-0.parquet", [padded])
    (sample,) = samples(tmp_path, shots=0)
    assert list(sample.choices) == row["options"][:8]
    assert sample.groups["options"] == "8"


# --- What is missing, and what is wrong -----------------------------------------------------------


def test_a_category_that_is_missing_or_not_whole_makes_the_run_partial() -> None:
    left_out = excluded(SAMPLE)
    assert set(left_out) == set(SIZES)
    assert all(each.incomplete for each in left_out.values())
    assert left_out["math"].reason == "questions of the category missing in this folder"
    assert left_out["physics"].reason == "category not in this folder"


def test_a_category_that_is_not_mmlu_pros_is_left_out_with_the_reason(tmp_path: Path) -> None:
    rows = rows_of("test")
    write_parquet(tmp_path / "test-0.parquet", [*rows[1:], {**rows[0], "category": "juggling"}])
    left_out = excluded(tmp_path, shots=0)[str(rows[0]["question_id"])]
    assert left_out.reason == "'juggling' is no category of MMLU-Pro"
    assert len(samples(tmp_path, shots=0)) == 15


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    with pytest.raises(DatasetError, match=r"no questions of MMLU-Pro; looked for \{test.*--data"):
        samples(tmp_path)


def test_fewer_examples_than_shots_are_refused_and_no_shots_need_none(tmp_path: Path) -> None:
    write_parquet(tmp_path / "test-0.parquet", rows_of("test"))
    assert len(samples(tmp_path, shots=0)) == 16
    with pytest.raises(DatasetError, match="0 validation questions of math, and 2 are to be shown"):
        samples(tmp_path, shots=2)


def test_an_example_without_reasoning_is_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "test-0.parquet", rows_of("test"))
    rows = rows_of("validation")
    write_parquet(tmp_path / "validation-0.parquet", [rows[0], {**rows[1], "cot_content": ""}])
    with pytest.raises(DatasetError, match=r"validation-0.parquet, row 1: a worked example whose"):
        samples(tmp_path)


def test_an_id_that_stands_twice_is_refused_and_both_places_are_named(tmp_path: Path) -> None:
    rows = rows_of("test")
    write_parquet(tmp_path / "test-0.parquet", rows[:3])
    write_parquet(tmp_path / "test-1.parquet", rows[2:])
    with pytest.raises(DatasetError, match=r"test-1.parquet, row 0: .*test-0.parquet, row 2"):
        samples(tmp_path, shots=0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"question_id": "7"}, "question_id is '7', not a whole number"),
        ({"question_id": True}, "question_id is True, not a whole number"),
        ({"question": None}, "question is None, not a text"),
        ({"question": " \n"}, "the question is empty"),
        ({"options": "A, B"}, "options is 'A, B', not a list"),
        ({"options": ["1", 2]}, "options is not a list of texts"),
        ({"options": []}, "0 options, not 1 to 10"),
        ({"options": ["N/A", " N/A"]}, "0 options, not 1 to 10"),
        ({"options": ["1"] * 11}, "11 options, not 1 to 10"),
        ({"answer": "D", "answer_index": 3}, "'D' with the index 3, and the options are A to C"),
        ({"answer": "A", "answer_index": -1}, "'A' with the index -1"),
        ({"answer": "B", "answer_index": 0}, "'B' with the index 0"),
        ({"answer_index": 0.0}, "answer_index is 0.0, not a whole number"),
        ({"answer": None}, "answer is None, not a letter"),
        ({"category": 3}, "category is 3, not a text"),
        (
            {"options": ["N/A", "1", "2"], "answer": "B", "answer_index": 1},
            "an option before the right one reads N/A",
        ),
    ],
)
def test_a_malformed_row_is_named_with_its_file(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    good = {**rows_of("test")[0], "options": ["1", "2", "3"], "answer": "A", "answer_index": 0}
    path = write_lines(tmp_path / "test.jsonl", [good, {**good, "question_id": 8} | change])
    with pytest.raises(DatasetError) as caught:
        samples(tmp_path, shots=0)
    assert caught.value.message.startswith(f"{path}, row 1: ")
    assert complaint in caught.value.message


@pytest.mark.parametrize(
    "column", ["question_id", "question", "options", "answer", "answer_index", "category"]
)
def test_a_missing_column_is_named_with_the_file(tmp_path: Path, column: str) -> None:
    rows = [{k: v for k, v in row.items() if k != column} for row in rows_of("test")]
    path = write_parquet(tmp_path / "test-0.parquet", rows)
    with pytest.raises(DatasetError, match=f"row 0: has no column {column}") as caught:
        samples(tmp_path, shots=0)
    assert str(path) in caught.value.message


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "test-0.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DatasetError, match=r"test-0\.parquet:? is no readable Parquet"):
        samples(tmp_path, shots=0)


# --- The genuine data -----------------------------------------------------------------------------


def test_the_genuine_questions_are_read_whole_with_the_declared_chance() -> None:
    everything = list(read(genuine("mmlu_pro")))
    asked = [item for item in everything if isinstance(item, Sample)]
    assert len(everything) == len(asked) == 12_032
    assert Counter(sample.groups["category"] for sample in asked) == SIZES
    assert Counter(sample.groups["options"] for sample in asked)["10"] == 9_981
    assert not any(option != option.lstrip() for sample in asked for option in sample.choices)
    chance = sum(1 / len(sample.choices) for sample in asked) / len(asked)
    assert chance == pytest.approx(CHANCE, abs=5e-5)
    ids = [int(sample.id) for sample in asked]
    assert ids == sorted(ids), "guesses are drawn in the order of the ids"


def test_genuine_json_lines_are_read_as_well(tmp_path: Path) -> None:
    for name in ("test_sample.jsonl", "validation_2026-01-18.jsonl"):
        shutil.copy(genuine(f"mmlu_pro/{name}"), tmp_path)
    whole_set = {sample.id: sample for sample in samples(genuine("mmlu_pro"), shots=0)}
    asked = samples(tmp_path)
    assert len(asked) == 99
    assert [(s.input, s.choices, s.target) for s in asked] == [
        (whole_set[s.id].input, whole_set[s.id].choices, whole_set[s.id].target) for s in asked
    ]


# --- Settings -------------------------------------------------------------------------------------


def test_the_default_is_the_authors_local_way() -> None:
    (benchmark,) = register_benchmarks()
    assert benchmark.variant().name == "5-shot,local-prompt,official,none-guess"
    assert len(benchmark.variants()) == 72
    assert [setting.name for setting in SETTINGS] == ["shots", "prompt", "parser", "no-answer"]


@pytest.mark.parametrize("shots", [0, 1, 5])
@pytest.mark.parametrize("prompt", ["local-prompt", "api-prompt"])
def test_a_prompt_shows_as_many_examples_as_it_says(shots: int, prompt: str) -> None:
    variant = task(f"{shots}-shot", prompt)
    sample = next(iter(variant.dataset.read(SAMPLE)))
    assert isinstance(sample, Sample)
    asked = variant.prompt(sample)
    assert len(asked.examples) == shots
    assert whole(asked).count("Question:") == shots + 1
    assert asked.chat == (prompt == "api-prompt")


def test_the_hub_is_pinned_and_only_what_is_read_is_fetched() -> None:
    assert DATASET.hub == "TIGER-Lab/MMLU-Pro"
    assert len(DATASET.revision) == 40
    assert DATASET.files == ("data/test-*.parquet", "data/validation-*.parquet")


# --- Reading one reply ----------------------------------------------------------------------------


def asked(id: str = "1", target: str = "B", n_options: int = 4) -> Sample:
    return Sample(
        id=id,
        input="?",
        target=target,
        choices=tuple("wxyz"[:n_options]),
        groups={"category": "law", "options": str(n_options)},
    )


def judged(metric: Metric, sample: Sample, text: str, cut: bool = False) -> SampleScore:
    outcome = Outcome.TRUNCATED if cut else Outcome.ANSWERED
    verdict = metric.judge(sample, Prediction(sample_id=sample.id, text=text, outcome=outcome))
    return SampleScore(
        sample_id=sample.id,
        metric=metric.name,
        value=verdict.value,
        answer=verdict.answer,
        target=sample.target,
        outcome=verdict.outcome,
        groups=sample.groups,
    )


@pytest.mark.parametrize(
    ("words", "text", "answer", "outcome"),
    [
        ((), "The answer is (B).", "B", Outcome.ANSWERED),
        ((), "It must be B", "B", Outcome.ANSWERED),
        (("answer-is",), "It must be B", "", Outcome.UNPARSEABLE),
        (("podium",), "The answer is (C). No, the answer is (B).", "B", Outcome.ANSWERED),
        (("podium",), "The answer is (J).", "", Outcome.UNPARSEABLE),
        ((), "The answer is (J).", "J", Outcome.ANSWERED),
        ((), "The answer is **B**. I am sure.", "I", Outcome.ANSWERED),
        (("api-prompt",), "The answer is **B**. I am sure.", "B", Outcome.ANSWERED),
        ((), "<think>The answer is (B).", "", Outcome.UNPARSEABLE),
        ((), "<think>Is it (C)?</think>The answer is (B).", "B", Outcome.ANSWERED),
        ((), "", "", Outcome.UNPARSEABLE),
    ],
)
def test_a_reply_is_read_as_its_variant_says(
    words: tuple[str, ...], text: str, answer: str, outcome: Outcome
) -> None:
    score = judged(task(*words).headline, asked(), text)
    assert (score.answer, score.outcome, score.value) == (answer, outcome, float(answer == "B"))


def test_a_reply_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    metric = task().headline
    found = judged(metric, asked(), "The answer is (B), because", cut=True)
    assert (found.value, found.outcome) == (1.0, Outcome.TRUNCATED)
    nothing = judged(metric, asked(), "<think>The answer is (B)", cut=True)
    assert (nothing.value, nothing.answer, nothing.outcome) == (0.0, "", Outcome.TRUNCATED)


# --- A whole run ----------------------------------------------------------------------------------


def test_guesses_are_drawn_in_the_order_of_ids_whatever_order_scores_come_in() -> None:
    metric = task().headline
    # The seed's first guesses among four options are D, A and C.
    scores = [judged(metric, asked(id, target), "?") for id, target in (("9", "D"), ("10", "A"))]
    scores.append(judged(metric, asked("100", "B"), "?"))
    forward, backward = metric.aggregate(scores), metric.aggregate(scores[::-1])
    assert forward[0].value == backward[0].value == pytest.approx(2 / 3)
    assert task("none-wrong").headline.aggregate(scores)[0].value == 0


def test_a_run_has_its_number_its_parts_and_how_many_replies_had_no_letter() -> None:
    metric = task("none-wrong").headline
    scores = [
        judged(metric, asked("1"), "The answer is (B)."),
        judged(metric, asked("2"), "?"),
        judged(metric, asked("3", n_options=3), "The answer is (A)."),
    ]
    found = {(s.metric, s.part): (s.value, s.n) for s in metric.aggregate(scores)}
    assert found == {
        ("accuracy", ""): (pytest.approx(1 / 3), 3),
        ("unextractable", ""): (1.0, 3),
        ("accuracy", "category=law"): (pytest.approx(1 / 3), 3),
        ("accuracy", "options=3"): (0.0, 1),
        ("accuracy", "options=4"): (0.5, 2),
    }
    assert metric.aggregate(scores)[0].metric == "accuracy"
    assert metric.chance == CHANCE


def test_the_oracle_is_always_right() -> None:
    for words in ((), ("api-prompt",), ("answer-is",), ("podium", "none-wrong")):
        variant = task(*words)
        assert variant.oracle is not None
        for sample in samples(SAMPLE, shots=0):
            assert variant.headline.judge(sample, variant.oracle(sample)).value == 1.0


# --- Through the command line ---------------------------------------------------------------------


def typed(*words: object) -> dict[str, Any]:
    """Type a command that reports one run, and return the report."""
    result = CliRunner().invoke(main, [*map(str, words), "--format", "json"], prog_name="podium")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert isinstance(report, dict)
    return report


def test_the_offline_sample_runs_from_question_to_score() -> None:
    report = typed("run", "mmlu-pro", "--sample", "--model", "echo:The answer is (A)")
    assert (report["n"], report["scope"], report["score"]) == (16, "sample", 2 / 16)
    assert report["scores"]["unextractable"] == 0


def as_the_run_saw_it(record: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded answer's question; its text is not recorded, its gold letter is."""
    return {
        "question_id": record["question_id"],
        "question": f"Question {record['question_id']}",
        "options": [f"Option {number}" for number in range(record["n_options"])],
        "answer": record["answer"],
        "answer_index": record["answer_index"],
        "cot_content": "",
        "category": record["category"],
        "src": "",
    }


@pytest.mark.slow
def test_the_recorded_generations_of_qwen_score_as_published(tmp_path: Path) -> None:
    recorded = genuine("replays/mmlu_pro/Qwen1.5-7B-Chat_5shot.jsonl.gz")
    with gzip.open(recorded, "rt", encoding="utf-8") as lines:
        rows = [as_the_run_saw_it(json.loads(line)) for line in lines]
    write_parquet(tmp_path / "gold" / "data" / "test-0.parquet", rows)
    data = ("--data", tmp_path / "gold", "--variant", "0-shot")
    guessed = typed("run", "mmlu-pro", "--model", f"replay:{recorded}", *data)
    assert (guessed["n"], guessed["scope"], guessed["failed"]) == (12_032, "full", 0)
    assert guessed["score"] * 12_032 == pytest.approx(3_712)
    assert guessed["scores"]["unextractable"] == 616

    for words, right in (("none-wrong", 3_652), ("answer-is,none-wrong", 3_181)):
        again = typed("rescore", guessed["id"], "--variant", words)
        assert again["score"] * 12_032 == pytest.approx(right)
