"""MMLU reads every layout alike, asks as its authors did, and scores answers as published."""

import csv
import fnmatch
import gzip
import json
import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plugins.mmlu import DATASET, first_token_accuracy, register_benchmarks
from plugins.mmlu.prompts import header
from plugins.mmlu.reading import LETTERS, read
from plugins.mmlu.subjects import CATEGORIES, GROUPS, SIZES, SUBJECTS
from registry import (
    Benchmark,
    DatasetError,
    Excluded,
    Metric,
    Outcome,
    Prediction,
    Prompt,
    Sample,
    SampleScore,
    Task,
    UnknownName,
)
from registry.datasets import locate, sample_hash

SHARED = Path(__file__).parents[2] / "shared" / "data"
SAMPLE = Path(__file__).parents[1] / "plugins" / "mmlu" / "sample"
REPLAY = "replays/mmlu/redux_subset_helm_predictions.jsonl.gz"
PUBLISHED = "replays/mmlu/redux_subset_published_em.json"


def shared(name: str) -> Path:
    """Return a file of the genuine data; it may be missing anywhere but in CI."""
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


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The genuine archive, unpacked as `--data mmlu=FILE` unpacks it."""
    archive = shared("mmlu/mmlu_data.tar.gz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PODIUM_HOME", str(tmp_path_factory.mktemp("home")))
        root = locate("mmlu", DATASET, archive, sample=False)
        assert root is not None
        yield root


@pytest.fixture(scope="module")
def asked(genuine: Path) -> list[Sample]:
    return samples(genuine)


@pytest.fixture
def benchmark() -> Benchmark:
    return register_benchmarks()[0]


# Layouts, made of the rows of the built-in sample


def rows_of(split: str) -> dict[str, list[list[str]]]:
    """Return the sample's rows, read without the plugin."""
    rows = {}
    for path in sorted((SAMPLE / "data" / split).glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows[path.name.removesuffix(f"_{split}.csv")] = list(csv.reader(file))
    return rows


def write_csv(root: Path, split: str, subject: str, rows: list[list[str]]) -> Path:
    path = root / split / f"{subject}_{split}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def hub_row(subject: str, cells: list[str]) -> dict[str, Any]:
    text, *choices, letter = cells
    answer = LETTERS.index(letter)
    return {"question": text, "subject": subject, "choices": choices, "answer": answer}


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def by_subject(root: Path) -> Path:
    for split in ("dev", "test"):
        for subject, rows in rows_of(split).items():
            path = root / subject / f"{split}-00000-of-00001.parquet"
            write_parquet(path, [hub_row(subject, cells) for cells in rows])
    return root


def all_in_one(root: Path) -> Path:
    for split in ("dev", "test"):
        rows = [hub_row(name, cells) for name, rows in rows_of(split).items() for cells in rows]
        half = len(rows) // 2 + 1  # inside a subject, so that its numbering spans two files
        write_parquet(root / "all" / f"{split}-00000-of-00002.parquet", rows[:half])
        write_parquet(root / "all" / f"{split}-00001-of-00002.parquet", rows[half:])
    return root


@pytest.mark.parametrize("make", [by_subject, all_in_one])
@pytest.mark.parametrize("under", [".", "data"])
def test_the_hubs_layouts_give_the_samples_of_the_official_one(
    tmp_path: Path, make: Callable[[Path], Path], under: str
) -> None:
    make(tmp_path / under)
    official = list(read(SAMPLE))
    assert list(read(tmp_path)) == official
    assert sample_hash(samples(tmp_path)) == sample_hash(samples(SAMPLE))


def test_the_file_of_all_subjects_is_read_once_beside_the_files_of_each(tmp_path: Path) -> None:
    assert samples(by_subject(all_in_one(tmp_path))) == samples(SAMPLE)


def test_the_folder_and_its_parent_are_the_same_data() -> None:
    assert samples(SAMPLE / "data") == samples(SAMPLE)


def test_a_sample_knows_its_subject_its_choices_and_its_examples() -> None:
    first = next(s for s in samples(SAMPLE) if s.groups["subject"] == "anatomy")
    cells = rows_of("test")["anatomy"][0]
    assert first.id == "anatomy/0"
    assert [first.input, *first.choices, first.target] == cells
    assert first.groups == {"subject": "anatomy", "subcategory": "health", "category": "other"}
    shown = first.metadata["examples"]
    assert [[e.input, *e.choices, e.target] for e in shown] == rows_of("dev")["anatomy"]


def test_the_examples_are_shared_and_a_sample_pickles() -> None:
    first, second, *_ = samples(SAMPLE)
    assert first.metadata["examples"] is second.metadata["examples"]
    assert pickle.loads(pickle.dumps(first)) == first


def test_no_two_samples_share_an_id() -> None:
    ids = [s.id for s in samples(SAMPLE)]
    assert len(ids) == len(set(ids)) == 72


# What is missing, and what is wrong


def test_a_missing_subject_makes_the_run_partial(tmp_path: Path) -> None:
    rows = [["Q", "1", "2", "3", "4", "A"]]
    write_csv(tmp_path, "test", "virology", rows * SIZES["virology"])
    write_csv(tmp_path, "dev", "virology", rows * 5)
    missing = excluded(tmp_path)
    assert missing.keys() == set(SUBJECTS) - {"virology"}
    assert missing["anatomy"] == Excluded("anatomy", "subject not in this folder", incomplete=True)
    assert len(samples(tmp_path)) == SIZES["virology"]


def test_a_subject_with_some_of_its_questions_makes_the_run_partial() -> None:
    reason = "questions of the subject missing in this folder"
    assert excluded(SAMPLE)["anatomy"] == Excluded("anatomy", reason, incomplete=True)


@pytest.mark.parametrize("layout", ["csv", "parquet"])
def test_a_subject_that_is_not_mmlus_is_left_out_with_the_reason(
    tmp_path: Path, layout: str
) -> None:
    if layout == "csv":
        for split in ("dev", "test"):
            for subject, rows in rows_of(split).items():
                write_csv(tmp_path, split, subject, rows)
        write_csv(tmp_path, "test", "juggling", [["not", "our", "format"]])
    else:
        by_subject(tmp_path)
        write_parquet(tmp_path / "juggling" / "test-0.parquet", [{"balls": 3}])
    assert excluded(tmp_path)["juggling"] == Excluded("juggling", "not a subject of MMLU")
    assert samples(tmp_path) == samples(SAMPLE)


def test_a_subject_without_dev_questions_cannot_be_shown_examples(tmp_path: Path) -> None:
    write_csv(tmp_path, "test", "anatomy", rows_of("test")["anatomy"])
    with pytest.raises(DatasetError, match=r"0 dev questions of anatomy, and 1 are .*: podium"):
        list(read(tmp_path, shots=1))
    assert len(samples(tmp_path, shots=0)) == 6
    assert samples(tmp_path, shots=0)[0].metadata["examples"] == ()


def test_fewer_dev_questions_than_shots_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path, "test", "anatomy", rows_of("test")["anatomy"])
    write_csv(tmp_path, "dev", "anatomy", rows_of("dev")["anatomy"][:3])
    with pytest.raises(DatasetError, match="3 dev questions of anatomy, and 4"):
        list(read(tmp_path, shots=4))
    assert len(samples(tmp_path, shots=3)) == 6


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        (["Q", "1", "2", "3", "A"], "5 cells, not six"),
        (["Q", "1", "2", "3", "4", "A", ""], "7 cells, not six"),
        ([], "0 cells, not six"),
        (["Q", "1", "2", "3", "4", "E"], "the answer is 'E'"),
        (["Q", "1", "2", "3", "4", ""], "the answer is ''"),
        (["Q", "1", "2", "3", "4", "AB"], "the answer is 'AB'"),
        (["question", "A", "B", "C", "D", "answer"], "the answer is 'answer'"),
        (["Q", "1", "2", "3", "4", "0"], "the answer is '0'"),
    ],
)
@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_malformed_csv_row_is_named_by_file_and_line(
    tmp_path: Path, split: str, cells: list[str], complaint: str
) -> None:
    for name in ("dev", "test"):
        write_csv(tmp_path, name, "anatomy", rows_of(name)["anatomy"])
    path = write_csv(tmp_path, split, "anatomy", [["Two\nlines", "1", "2", "3", "4", "A"], cells])
    with pytest.raises(DatasetError) as caught:
        list(read(tmp_path))
    assert caught.value.message.startswith(f"{path}, line 3: {complaint}")
    assert caught.value.message.endswith("--data")


@pytest.mark.parametrize(
    "change",
    [
        {"answer": 4},
        {"answer": -1},
        {"answer": None},
        {"answer": 1.0},
        {"choices": ["1", "2", "3"]},
        {"choices": ["1", "2", "3", "4", "5"]},
        {"choices": ["1", "2", "3", None]},
        {"choices": None},
        {"question": None},
    ],
)
def test_a_malformed_hub_row_is_named_by_file_and_row(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    row = hub_row("anatomy", rows_of("test")["anatomy"][0]) | change
    path = write_parquet(tmp_path / "anatomy" / "test-0.parquet", [row])
    with pytest.raises(DatasetError) as caught:
        list(read(tmp_path, shots=0))
    assert caught.value.message.startswith(f"{path}, row 0: ")
    assert caught.value.message.endswith("--data")


def test_a_hub_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "anatomy" / "test-0.parquet", [{"prompt": "?"}])
    with pytest.raises(DatasetError, match="row 0: is no question"):
        list(read(tmp_path, shots=0))


@pytest.mark.parametrize("stranger", [None, "data/test-0.parquet", "all/test-0.parquet"])
def test_a_folder_without_mmlu_says_what_was_looked_for(
    tmp_path: Path, stranger: str | None
) -> None:
    if stranger:
        write_parquet(tmp_path / stranger, [{"question": "of another benchmark"}])
    with pytest.raises(DatasetError, match=r"no questions of MMLU; looked for .*_\{dev,test\}"):
        list(read(tmp_path))


def test_nothing_is_read_until_a_run_iterates(tmp_path: Path) -> None:
    read(tmp_path / "nowhere")


def test_only_the_test_and_dev_files_are_fetched_and_each_once() -> None:
    hub = [
        f"{folder}/{split}-00000-of-00001.parquet"
        for folder in ("all", "anatomy")
        for split in ("auxiliary_train", "dev", "test", "validation")
    ] + ["auxiliary_train/train-00000-of-00001.parquet", "README.md"]
    fetched = {name for name in hub for f in DATASET.files if fnmatch.fnmatch(name, f)}
    assert fetched == {"all/dev-00000-of-00001.parquet", "all/test-00000-of-00001.parquet"}


# The genuine data


def test_the_genuine_data_is_whole(genuine: Path, asked: list[Sample]) -> None:
    assert len(asked) == 14_042
    assert Counter(s.groups["subject"] for s in asked) == SIZES
    assert excluded(genuine) == {}
    assert list(dict.fromkeys(s.groups["subject"] for s in asked)) == list(SUBJECTS)


def test_the_genuine_categories_have_the_published_sizes(asked: list[Sample]) -> None:
    sizes = {"STEM": 3018, "humanities": 4705, "social sciences": 3077, "other": 3242}
    assert Counter(s.groups["category"] for s in asked) == sizes
    subjects = Counter(GROUPS[subject]["category"] for subject in SUBJECTS)
    assert subjects == {"STEM": 18, "humanities": 13, "social sciences": 12, "other": 14}
    assert sum(map(len, CATEGORIES.values())) == 17


def test_the_genuine_letters_are_spread_as_counted(asked: list[Sample]) -> None:
    letters = {"A": 3222, "B": 3462, "C": 3582, "D": 3776}
    assert Counter(s.target for s in asked) == letters


def test_the_ten_choices_that_say_none_stay_words(asked: list[Sample]) -> None:
    cells = {
        f"{s.id}{name}"
        for s in asked
        for name, text in zip(LETTERS, s.choices, strict=True)
        if text == "None"
    }
    assert cells == {
        "college_computer_science/10A",
        "college_computer_science/94A",
        "college_mathematics/8A",
        "college_mathematics/21A",
        "college_mathematics/60A",
        "college_physics/60D",
        "electrical_engineering/41D",
        "electrical_engineering/68D",
        "electrical_engineering/107D",
        "electrical_engineering/117D",
    }


def test_newlines_and_outer_blanks_of_the_genuine_questions_are_kept(asked: list[Sample]) -> None:
    texts = [str(s.input) for s in asked]
    assert sum("\n" in text for text in texts) == 1127
    assert sum(text != text.strip() for text in texts) == 963
    assert sum(len(set(s.choices)) < 4 for s in asked) == 9


# The prompt, put together here once more by the rules of the authors' script


def official_example(cells: list[str], *, answered: bool) -> str:
    text = cells[0]
    for j in range(4):
        text += "\n{}. {}".format("ABCD"[j], cells[j + 1])
    text += "\nAnswer:"
    return text + f" {cells[5]}\n\n" if answered else text


def official_prompt(subject: str, dev: list[list[str]], cells: list[str]) -> str:
    about = ""
    for word in subject.split("_"):
        about += " " + word
    text = "The following are multiple choice questions (with answers) about " + about + ".\n\n"
    return (
        text
        + "".join(official_example(row, answered=True) for row in dev)
        + official_example(cells, answered=False)
    )


def lm_eval_prompt(subject: str, dev: list[list[str]], cells: list[str]) -> str:
    def stripped(row: list[str]) -> list[str]:
        return [row[0].strip(), *row[1:]]

    text = official_prompt(subject, [stripped(row) for row in dev], stripped(cells))
    return text.replace("about  ", "about ", 1)


def cells_of(sample: Sample) -> list[str]:
    return [str(sample.input), *sample.choices, sample.target]


def genuine_rows(root: Path, split: str, subject: str) -> list[list[str]]:
    with (root / "data" / split / f"{subject}_{split}.csv").open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("n", "words", "rule"),
    [
        (5, ["official-header"], official_prompt),
        (0, ["official-header"], official_prompt),
        (2, ["one-blank-header"], lm_eval_prompt),
    ],
)
def test_every_genuine_prompt_is_the_official_one_byte_for_byte(
    genuine: Path, n: int, words: list[str], rule: Callable[..., str]
) -> None:
    variant = task(f"{n}-shot", *words)
    found = [s for s in variant.dataset.read(genuine) if isinstance(s, Sample)]
    expected = [
        rule(subject, genuine_rows(genuine, "dev", subject)[:n], cells)
        for subject in SUBJECTS
        for cells in genuine_rows(genuine, "test", subject)
    ]
    assert [whole(variant.prompt(sample)) for sample in found] == expected


def test_a_prompt_is_as_printed_here() -> None:
    sample = next(s for s in samples(SAMPLE, shots=0) if s.id == "anatomy/0")
    assert whole(task("0-shot").prompt(sample)) == (
        "The following are multiple choice questions (with answers) about  anatomy.\n\n"
        "Which of these bones lies in the forearm?\n"
        "A. Radius\nB. Tibia\nC. Humerus\nD. Fibula\nAnswer:"
    )


@pytest.mark.parametrize("one_blank", [False, True])
def test_each_of_the_57_headers_is_its_own(one_blank: bool) -> None:
    headers = {subject: header(subject, one_blank=one_blank) for subject in SUBJECTS}
    assert len(set(headers.values())) == 57
    about = "about " if one_blank else "about  "
    for subject, text in headers.items():
        assert text.endswith(f" {about}{subject.replace('_', ' ')}.\n\n")


def test_the_prompts_of_a_subject_share_their_prefix() -> None:
    prompt = task().prompt
    prefixes = {(s.groups["subject"], prompt(s).prefix) for s in samples(SAMPLE)}
    assert len(prefixes) == 12


def test_the_letters_follow_the_prompt_with_a_blank() -> None:
    prompt = task().prompt(samples(SAMPLE)[0])
    assert [(c.name, c.spellings) for c in prompt.choices] == [
        ("A", (" A",)),
        ("B", (" B",)),
        ("C", (" C",)),
        ("D", (" D",)),
    ]
    assert not prompt.chat
    assert str(prompt.question).endswith("\nAnswer:")


def test_the_first_token_is_asked_with_the_same_text() -> None:
    sample = samples(SAMPLE)[0]
    weighed, written = task().prompt(sample), task("first-token").prompt(sample)
    assert whole(written) == whole(weighed)
    assert written.choices == ()
    assert written.sampling.max_tokens == 1
    assert written.sampling.temperature == 0


# Settings and scores


def test_the_default_is_the_authors_way(benchmark: Benchmark) -> None:
    assert benchmark.variant().name == "5-shot,official-header,letters"
    assert len({v.name for v in benchmark.variants()}) == 24


def test_a_misspelt_setting_is_answered_with_the_nearest(benchmark: Benchmark) -> None:
    with pytest.raises(UnknownName, match="Did you mean '5-shot'"):
        benchmark.variant(["5-shots"])


def sample_score(metric: Metric, sample: Sample, prediction: Prediction) -> SampleScore:
    verdict = metric.judge(sample, prediction)
    return SampleScore(
        sample_id=sample.id,
        metric=metric.name,
        value=verdict.value,
        answer=verdict.answer,
        target=sample.target,
        outcome=verdict.outcome,
        tied=verdict.tied,
        groups=sample.groups,
    )


def test_an_answer_of_one_token_is_whole_though_the_limit_cut_it() -> None:
    sample = Sample(id="1", input="?", target="B")
    cut = Prediction(sample_id="1", text=" B", outcome=Outcome.TRUNCATED, finish_reason="length")
    verdict = first_token_accuracy().judge(sample, cut)
    assert (verdict.value, verdict.answer, verdict.outcome) == (1.0, "B", Outcome.ANSWERED)


@pytest.mark.parametrize(
    ("text", "value", "outcome"),
    [
        ("B", 1.0, Outcome.ANSWERED),
        (" B\n", 1.0, Outcome.ANSWERED),
        ("b", 0.0, Outcome.ANSWERED),
        ("B.", 0.0, Outcome.ANSWERED),
        ("A", 0.0, Outcome.ANSWERED),
        ("", 0.0, Outcome.UNPARSEABLE),
        ("\n", 0.0, Outcome.UNPARSEABLE),
    ],
)
def test_a_first_token_counts_if_it_is_the_letter(
    text: str, value: float, outcome: Outcome
) -> None:
    sample = Sample(id="1", input="?", target="B")
    verdict = first_token_accuracy().judge(sample, Prediction(sample_id="1", text=text))
    assert (verdict.value, verdict.outcome) == (value, outcome)


def test_a_model_that_weighs_all_letters_alike_gets_a_quarter_not_the_share_of_a(
    asked: list[Sample],
) -> None:
    metric = task().headline
    even = dict.fromkeys(LETTERS, 0.0)
    scores = metric.aggregate(
        [sample_score(metric, s, Prediction(sample_id=s.id, logprobs=even)) for s in asked]
    )
    assert (scores[0].metric, scores[0].value, scores[0].n) == ("accuracy", 0.25, 14_042)
    assert {s.metric: s.value for s in scores if not s.part}["ties"] == 14_042


def test_always_a_is_right_as_often_as_counted_and_otherwise_over_subjects(
    asked: list[Sample],
) -> None:
    metric = task().headline
    first = {"A": -0.1, "B": -2.0, "C": -3.0, "D": -4.0}
    scores = metric.aggregate(
        [sample_score(metric, s, Prediction(sample_id=s.id, logprobs=first)) for s in asked]
    )
    named = {(s.metric, s.part): s for s in scores}
    assert named["accuracy", ""].value == pytest.approx(3222 / 14_042)
    means = [named["accuracy", f"subject={subject}"].value for subject in SUBJECTS]
    assert named["macro-accuracy", ""].value == pytest.approx(sum(means) / 57)
    assert named["accuracy", "category=STEM"].n == 3018
    assert named["accuracy", "subcategory=law"].n == 1763


def test_recorded_first_tokens_score_as_published() -> None:
    published = json.loads(shared(PUBLISHED).read_text())
    with gzip.open(shared(REPLAY), "rt") as file:
        records = [json.loads(line) for line in file]
    metric = first_token_accuracy()
    for model in published["all"]:
        scores = metric.aggregate([replayed(metric, record, model) for record in records])
        parts = {
            s.part.removeprefix("subject=") or "all": s.value
            for s in scores
            if s.metric == "accuracy"
        }
        # The same counts: their means differ from ours in the sixteenth digit.
        expected = {part: values[model] for part, values in published.items()}
        assert parts == pytest.approx(expected, rel=1e-15)
    assert len(records) == 3000
    assert len(published["all"]) == 10


def replayed(metric: Metric, record: dict[str, Any], model: str) -> SampleScore:
    sample = Sample(
        id=f"{record['subject']}/{record['test_row']}",
        input="",
        target=record["gold"],
        groups={"subject": record["subject"]},
    )
    return sample_score(
        metric, sample, Prediction(sample_id=sample.id, text=record["preds"][model])
    )
