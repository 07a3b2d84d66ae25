"""MMMU and MMMU-Pro: recorded runs give their figures; a row is a question or has a reason."""

import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image as pillow

from plugins.mmmu import CHANCE, pro, register_benchmarks
from plugins.mmmu.pro_parsing import overall
from plugins.mmmu.pro_prompts import CONFIGURATIONS, Setting
from plugins.mmmu.reading import MISSING, TAG, read, read_pro
from registry import (
    BadImage,
    Benchmark,
    Content,
    DatasetError,
    Excluded,
    Image,
    Outcome,
    Prediction,
    Sample,
    Task,
    Verdict,
    open_image,
)
from registry.cli import main
from registry.store import open_store

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SAMPLE = ROOT / "plugins" / "mmmu" / "sample"
PRO_SAMPLE = ROOT / "plugins" / "mmmu" / "pro_sample"
LLAVA = "mmmu/replay_llava1.5_13b"
GOLD_PRO = "replays/mmmu_pro/gold_mix_data.jsonl.gz"
INTERN = "replays/mmmu_pro/InternVL2-8B_standard10_direct.jsonl.gz"
ONEVISION = "replays/mmmu_pro/llava-onevision-72b_vision_cot.jsonl.gz"

VALIDATION = pq.read_schema(SAMPLE / "Math" / "validation-00000-of-00001.parquet")
STANDARD = pq.read_schema(
    PRO_SAMPLE / CONFIGURATIONS["standard-10"] / "test-00000-of-00001.parquet"
)
VISION = pq.read_schema(PRO_SAMPLE / "vision" / "test-00000-of-00001.parquet")

Scores = dict[tuple[str, str], Any]  # value and n; any, to stand beside approx()


def shared(name: str) -> Path:
    """Return a file of the genuine data; it may be missing anywhere but in CI."""
    path = DATA / name
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip(f"{name} is not on this machine")
    assert path.exists(), f"{name} is missing"
    return path


def records(name: str) -> list[dict[str, Any]]:
    with gzip.open(shared(name), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def png(mode: str = "L", size: tuple[int, int] = (2, 2), style: str = "PNG") -> bytes:
    file = io.BytesIO()
    pillow.new(mode, size).save(file, format=style)
    return file.getvalue()


def cell(data: bytes | None = None) -> dict[str, Any]:
    """Return a picture as the hub stores it."""
    return {"bytes": png() if data is None else data, "path": "1.png"}


def write(path: Path, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path


def tagged(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with a picture for each tag in its texts."""
    numbers = set(re.findall(r"<image (\d)>", f"{row['question']} {row['options']}"))
    return row | {f"image_{number}": cell() for number in numbers}


def asked(items: Sequence[Sample | Excluded]) -> list[Sample]:
    return [item for item in items if isinstance(item, Sample)]


def parts(content: Content) -> tuple[str | Image, ...]:
    assert isinstance(content, tuple)
    return content


def left_out(items: Sequence[Sample | Excluded]) -> dict[str, str]:
    """Return the reasons by id, of rows and not of what is missing."""
    return {
        item.id: item.reason
        for item in items
        if isinstance(item, Excluded) and item.reason != MISSING
    }


def pro_samples(root: Path, setting: Setting = "standard-10") -> list[Sample]:
    return asked([*read_pro(root, setting=setting, mode="cot")])


@pytest.fixture
def benchmarks() -> dict[str, Benchmark]:
    return {benchmark.name: benchmark for benchmark in register_benchmarks()}


def task(name: str = "mmmu", *words: str) -> Task:
    benchmark = {each.name: each for each in register_benchmarks()}[name]
    return benchmark.task_for(benchmark.variant(words))


def judged(
    sample: Sample, text: str, *words: str, cut: bool = False, name: str = "mmmu"
) -> Verdict:
    outcome = Outcome.TRUNCATED if cut else Outcome.ANSWERED
    prediction = Prediction(sample_id=sample.id, text=text, outcome=outcome)
    return task(name, *words).headline.judge(sample, prediction)


class Typed:
    """`podium run`, typed in a fresh home; what it scored, by metric and part."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.runs = 0
        self.output = ""

    def run(self, name: str, model: str, *words: object) -> Scores:
        typed = ["run", name, "--model", model, *map(str, words)]
        result = CliRunner().invoke(main, typed, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        self.output = result.output
        self.runs += 1
        return self.scores()

    def scores(self, baseline: str = "") -> Scores:
        rows = open_store(f"sqlite:///{self.home / 'registry.db'}").scores(self.runs)
        return {(r.metric, r.part): (r.value, r.n) for r in rows if r.baseline == baseline}


@pytest.fixture
def podium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    home = tmp_path / "home"
    monkeypatch.setenv("PODIUM_HOME", str(home))
    monkeypatch.delenv("PODIUM_REGISTRY", raising=False)
    return Typed(home)


# The recorded run of LLaVA-1.5-13B on MMMU


def validation_row(record: dict[str, Any]) -> dict[str, Any]:
    """Return the row that a recorded answer is to; the recording has its options, not its text."""
    options = [*record.get("index2ans", {}).values()]
    answer = record["answer"]
    return tagged(
        {
            "id": record["id"],
            "question": "As recorded?",
            "options": str(options),
            "answer": answer if isinstance(answer, str) else str(answer),
            "question_type": "multiple-choice" if options else "open",
        }
    )


@pytest.fixture(scope="module")
def validation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 900 validation questions, a folder for each subject."""
    root = tmp_path_factory.mktemp("mmmu")
    subjects: dict[str, list[dict[str, Any]]] = {}
    for record in records(f"{LLAVA}/responses.jsonl.gz"):
        subject = re.sub(r"^validation_|_\d+$", "", record["id"])
        subjects.setdefault(subject, []).append(validation_row(record))
    for subject, rows in subjects.items():
        write(root / subject / "validation-00000-of-00001.parquet", rows, VALIDATION)
    return root


def test_llava_has_329_right_without_a_guess_and_two_answers_missing(
    podium: Typed, validation: Path
) -> None:
    replay = f"replay:{shared(f'{LLAVA}/responses.jsonl.gz')}"
    scores = podium.run("mmmu", replay, "--data", validation, "--variant", "none-wrong")
    assert "900 samples, full" in podium.output
    assert scores["accuracy", ""] == (pytest.approx(329 / 900), 900)
    assert scores["no-answer", ""] == (2, 900)
    official = json.loads(shared(f"{LLAVA}/official_scorer_result.json").read_text())
    subjects = {
        part.removeprefix("subject="): round(value * n)
        for (metric, part), (value, n) in scores.items()
        if part.startswith("subject=")
    }
    assert subjects == official["deterministic_correct_by_subject"]


def test_llava_with_guesses_stays_within_two_of_it_and_each_discipline_is_the_authors(
    podium: Typed, validation: Path
) -> None:
    replay = f"replay:{shared(f'{LLAVA}/responses.jsonl.gz')}"
    scores = podium.run("mmmu", replay, "--data", validation)
    value, _ = scores["accuracy", ""]
    assert 329 <= round(value * 900) <= 331
    assert scores["no-answer", ""] == (2, 900)
    # The two guesses are questions of design and of psychology.
    sizes = {"Business": 150, "Science": 150, "Health & Medicine": 150, "Tech & Engineering": 210}
    means = {"Business": 22.7, "Science": 29.3, "Health & Medicine": 38.7, "Tech & Engineering": 31}
    for discipline, size in sizes.items():
        mean, n = scores["accuracy", f"discipline={discipline}"]
        assert n == size
        assert round(100 * mean, 1) == means[discipline]


def test_the_chance_level_is_that_of_the_validation_questions(validation: Path) -> None:
    samples = asked([*read(validation)])
    assert len(samples) == 900
    assert sum(not sample.choices for sample in samples) == 53
    chances = [1 / len(sample.choices) for sample in samples if sample.choices]
    assert sum(chances) / 900 == pytest.approx(CHANCE, abs=5e-4)


def test_three_open_questions_accept_either_of_two_answers(validation: Path) -> None:
    either = [s for s in asked([*read(validation)]) if len(s.metadata["golds"]) > 1]
    assert len(either) == 3
    for sample in either:
        for gold in sample.metadata["golds"]:
            assert judged(sample, f"The answer is {gold}").value == 1


# The recorded runs on MMMU-Pro


def pro_row(record: dict[str, Any], options: str, answer: str) -> dict[str, Any]:
    kept = {name: record[name] for name in ("id", "question", "subject", "topic_difficulty")}
    return kept | {"options": str(record[options]), "answer": record[answer]}


@pytest.fixture(scope="module")
def pro_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 1,730 questions in the three settings."""
    root = tmp_path_factory.mktemp("mmmu_pro")
    gold = records(GOLD_PRO)
    ten = [pro_row(record, "options_10", "answer_10") for record in gold]
    four = [pro_row(record, "options_4", "answer_4") for record in gold]
    vision = [
        {name: row[name] for name in ("id", "options", "answer", "subject")} | {"image": cell()}
        for row in ten
    ]
    file = "test-00000-of-00001.parquet"
    write(root / "standard (10 options)" / file, [*map(tagged, ten)], STANDARD)
    write(root / "standard (4 options)" / file, [*map(tagged, four)], STANDARD)
    write(root / "vision" / file, vision, VISION)
    return root


def test_internvl2_8b_has_560_right_and_the_overall_figure_is_the_mean_with_vision(
    podium: Typed, pro_data: Path
) -> None:
    data = ("--data", pro_data, "--variant")
    standard = podium.run(
        "mmmu-pro", f"replay:{shared(INTERN)}", *data, "standard-10,direct,none-wrong"
    )
    assert "1,730 samples, full" in podium.output
    assert standard["accuracy", ""] == (pytest.approx(560 / 1730), 1730)
    assert standard["no-answer", ""] == (0, 1730)
    vision = podium.run("mmmu-pro", f"replay:{shared(ONEVISION)}", *data, "vision,none-wrong")
    assert vision["accuracy", ""] == (pytest.approx(412 / 1730), 1730)
    assert vision["no-answer", ""] == (14, 1730)
    both = overall(standard["accuracy", ""][0], vision["accuracy", ""][0])
    assert both == pytest.approx((560 + 412) / 2 / 1730)


def test_fourteen_guesses_add_at_most_fourteen(podium: Typed, pro_data: Path) -> None:
    model = f"replay:{shared(ONEVISION)}"
    scores = podium.run("mmmu-pro", model, "--data", pro_data, "--variant", "vision")
    assert 412 <= round(scores["accuracy", ""][0] * 1730) <= 426
    assert scores["no-answer", ""] == (14, 1730)


@pytest.mark.parametrize("setting", CONFIGURATIONS)
def test_the_chance_level_of_each_setting_is_counted(setting: Setting, pro_data: Path) -> None:
    samples = pro_samples(pro_data, setting)
    assert len(samples) == 1730
    chance = sum(1 / len(sample.choices) for sample in samples) / 1730
    assert chance == pytest.approx(pro.CHANCE[setting], abs=5e-4)


def test_one_question_refers_35_times_to_its_pictures(pro_data: Path) -> None:
    sample = max(pro_samples(pro_data), key=lambda sample: len(parts(sample.input)))
    assert sample.id == "test_Geography_252"
    text, *pictures = parts(sample.input)
    assert isinstance(text, str)
    assert text.count(TAG) == len(pictures) == 35
    assert len(set(pictures)) == 7


# The genuine rows


def test_the_genuine_validation_rows_become_questions_whose_pictures_open() -> None:
    items = [*read(shared("mmmu"))]
    assert len(asked(items)) == 67
    assert left_out(items) == {}
    pictures = [
        part for sample in asked(items) for part in parts(sample.input) if isinstance(part, Image)
    ]
    assert {open_image(picture).mode for picture in pictures} == {"RGB"}
    assert len(pictures) >= 67


@pytest.mark.parametrize(
    ("setting", "n"), [("standard-10", 28), ("standard-4", 28), ("vision", 17)]
)
def test_the_genuine_pro_rows_become_questions_whose_pictures_open(
    setting: Setting, n: int
) -> None:
    items = [*read_pro(shared("mmmu_pro"), setting=setting, mode="cot")]
    samples = asked(items)
    assert len(samples) == n
    assert left_out(items) == {}
    for sample in samples:
        text, *pictures = parts(sample.input)
        assert isinstance(text, str)
        assert text.endswith("Think step by step before answering.")
        assert text.count(TAG) == (0 if setting == "vision" else len(pictures))
        assert all(open_image(each).size > (1, 1) for each in pictures if isinstance(each, Image))


def test_pictures_in_options_keep_the_order_of_their_tags() -> None:
    samples = {sample.id: sample for sample in pro_samples(shared("mmmu_pro"))}
    columns = [p.column for p in parts(samples["test_Music_251"].input) if isinstance(p, Image)]
    assert columns[-4:] == ["image_4", "image_2", "image_5", "image_3"]


# Rows that are odd or broken


def row(**columns: Any) -> dict[str, Any]:
    """Return a validation row with one picture, changed as given."""
    return {
        "id": "validation_Math_9001",
        "question": "What is <image 1>?",
        "options": "['a cube', 'a ball']",
        "image_1": cell(),
        "answer": "B",
        "question_type": "multiple-choice",
    } | columns


def items_of(tmp_path: Path, *rows: dict[str, Any]) -> list[Sample | Excluded]:
    write(tmp_path / "Math" / "validation-00000-of-00001.parquet", rows, VALIDATION)
    return [*read(tmp_path)]


def only(tmp_path: Path, **columns: Any) -> Sample:
    (sample,) = asked(items_of(tmp_path, row(**columns)))
    return sample


def test_pictures_stand_where_their_tags_stand(tmp_path: Path) -> None:
    sample = only(
        tmp_path,
        question="Like <image 2>?",
        options="['<image 1>', 'none']",
        image_2=cell(),
        image_3=cell(),
    )
    path = str(tmp_path / "Math" / "validation-00000-of-00001.parquet")
    assert task().prompt(sample).question == (
        "Like ",
        Image(path, "image_2", 0),
        "?\n(A) ",
        Image(path, "image_1", 0),
        "\n(B) none\n\nAnswer with the option's letter from the given choices directly.",
    )


def test_options_in_a_list_of_their_own_are_the_options(tmp_path: Path) -> None:
    sample = only(tmp_path, options="[['A', 'B', 'Not enough information']]")
    assert sample.choices == ("A", "B", "Not enough information")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"options": "[[['A', 'B']]]"}, "not a list of texts"),
        ({"options": "[['A'], ['B']]"}, "not a list of texts"),
        ({"options": "A, B"}, "not a Python list"),
        ({"options": "[]"}, "without options"),
        ({"options": None}, "not a list"),
        ({"question": "See <image 2>."}, "refers to <image 2>, which the row lacks"),
        ({"options": "['<image 7>', 'none']"}, "refers to <image 7>, which the row lacks"),
        ({"question": None}, "its question is empty"),
        ({"answer": "C"}, "'C' is no letter of its 2 options"),
        ({"answer": "AB"}, "'AB' is no letter of its 2 options"),
        ({"answer": None}, "its answer is empty"),
        ({"answer": " ", "question_type": "open"}, "its answer is empty"),
        ({"answer": "['6', '']", "question_type": "open"}, "answer is empty"),
        ({"id": "validation_Alchemy_1"}, "no subject of MMMU"),
    ],
)
def test_a_broken_row_is_left_out_with_its_reason_and_the_next_is_asked(
    tmp_path: Path, columns: dict[str, Any], reason: str
) -> None:
    broken, whole = row(id="validation_Math_1") | columns, row(id="validation_Math_2")
    items = items_of(tmp_path, broken, whole)
    assert [sample.id for sample in asked(items)] == ["validation_Math_2"]
    assert [*left_out(items)] == [broken["id"]]
    assert reason in left_out(items)[broken["id"]]
    assert all(item.incomplete for item in items if isinstance(item, Excluded))


def test_a_row_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    items = items_of(tmp_path, row(id=None))
    assert left_out(items) == {
        "Math/validation-00000-of-00001.parquet, row 0": "its id is empty or no text"
    }


def test_a_screenshot_that_is_missing_is_a_reason(tmp_path: Path) -> None:
    screenshot = {"id": "test_Math_1", "options": "['1', '2']", "answer": "A", "subject": "Math"}
    write(tmp_path / "vision" / "test-00000-of-00001.parquet", [screenshot], VISION)
    items = [*read_pro(tmp_path, setting="vision", mode="direct")]
    assert left_out(items) == {"test_Math_1": "the row has no screenshot"}


def test_a_broken_row_makes_the_run_partial_and_does_not_stop_it(
    podium: Typed, tmp_path: Path
) -> None:
    rows = [row(), row(id="validation_Math_9002", question="See <image 3>.")]
    write(tmp_path / "data" / "Math" / "validation-00000-of-00001.parquet", rows, VALIDATION)
    scores = podium.run("mmmu", "echo:B", "--data", tmp_path / "data")
    assert scores["accuracy", ""] == (1, 1)
    assert "1 samples, partial" in podium.output
    assert "left out: 1 the text refers to <image 3>, which the row lacks" in podium.output


@pytest.mark.parametrize(
    ("mode", "size", "style"),
    [
        ("RGBA", (40, 30), "PNG"),
        ("LA", (40, 30), "PNG"),
        ("I;16", (40, 30), "PNG"),
        ("P", (40, 30), "PNG"),
        ("RGB", (187, 18), "PNG"),
        ("RGB", (40, 30), "WEBP"),  # whatever its name says
    ],
)
def test_a_picture_of_any_mode_size_and_format_opens_as_rgb(
    tmp_path: Path, mode: str, size: tuple[int, int], style: str
) -> None:
    stored = {"bytes": png(mode, size, style), "path": "1.jpg"}
    picture = parts(only(tmp_path, image_1=stored).input)[1]
    assert isinstance(picture, Image)
    opened = open_image(picture)
    assert (opened.mode, opened.size) == ("RGB", size)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"bytes": None, "path": "1.png"}, "is empty"),
        ({"bytes": b"", "path": "1.png"}, "is empty"),
        ({"bytes": b"GIF of sorts", "path": "1.png"}, "is no picture"),
        ({"bytes": png(size=(99, 99))[:60], "path": "1.png"}, "cannot be decoded"),
    ],
)
def test_a_broken_picture_is_refused_with_its_place_when_it_is_opened(
    tmp_path: Path, data: dict[str, Any], reason: str
) -> None:
    picture = parts(only(tmp_path, image_1=data).input)[1]
    assert isinstance(picture, Image)
    with pytest.raises(BadImage, match=rf"row 0, image_1 {reason}"):
        open_image(picture)


def test_questions_that_the_folder_lacks_are_counted(tmp_path: Path) -> None:
    missing = [item.id for item in items_of(tmp_path, row()) if isinstance(item, Excluded)]
    assert len(set(missing)) == len(missing) == 899
    assert "Math, question 1" not in missing
    assert "Music, question 30" in missing


def test_a_folder_without_questions_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"<Subject>/validation-.*--data mmmu=DIR"):
        [*read(tmp_path)]
    with pytest.raises(DatasetError, match=r"'standard \(10 options\)/test-.*--data mmmu-pro=DIR"):
        pro_samples(tmp_path)


def test_a_file_that_lacks_a_column_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "Math" / "validation-0.parquet", [row()], VALIDATION)
    pq.write_table(pq.read_table(path).drop_columns(["answer"]), path)
    with pytest.raises(DatasetError, match="row 0: has no column 'answer', only id, question"):
        [*read(tmp_path)]


# Answers


@pytest.fixture
def cube(tmp_path: Path) -> Sample:
    return only(tmp_path, options="['a cube', 'a ball', 'a cone', 'a disc']")


@pytest.mark.parametrize(
    ("text", "official", "podium"),
    [
        ("B", 1, 1),
        ("(B)", 1, 1),
        ("**B**", 0, 1),
        (r"So it is \boxed{B}.", 0, 1),
        ("<think>(A) or (C)?</think> (B)", 1, 1),
        ("(C)", 0, 0),
    ],
)
def test_each_parser_reads_what_it_can(cube: Sample, text: str, official: int, podium: int) -> None:
    assert judged(cube, text, "none-wrong").value == official
    assert judged(cube, text, "podium", "none-wrong").value == podium


@pytest.mark.parametrize("text", ["", " ", "<think>Perhaps (B), or", "<think>(B)</think><think>"])
@pytest.mark.parametrize("parser", ["official", "podium"])
@pytest.mark.parametrize("name", ["mmmu", "mmmu-pro"])
def test_reasoning_that_never_ends_is_no_answer(
    cube: Sample, text: str, parser: str, name: str
) -> None:
    verdict = judged(cube, text, parser, "none-wrong", name=name)
    assert verdict == Verdict(0.0, outcome=Outcome.UNPARSEABLE)


def test_a_guess_is_always_the_same_and_still_no_answer(cube: Sample) -> None:
    guesses = {judged(cube, text) for text in ("", "who knows", "<think>")}
    assert len(guesses) == 1
    (guess,) = guesses
    assert guess.answer in {"A", "B", "C", "D"}
    assert guess.value == (guess.answer == "B")
    assert guess.outcome is Outcome.UNPARSEABLE


def test_a_response_that_was_cut_off_says_so_if_it_holds_no_answer(cube: Sample) -> None:
    assert judged(cube, "Let me see", "none-wrong", cut=True).outcome is Outcome.TRUNCATED
    assert judged(cube, "(B), because", cut=True) == Verdict(1.0, "B")


def test_an_open_question_has_nothing_to_guess(tmp_path: Path) -> None:
    sample = only(tmp_path, question_type="open", options="[]", answer="['6', 'six']")
    assert (sample.target, sample.choices) == ("6 | six", ())
    assert judged(sample, "It is 6.0").value == 1
    assert judged(sample, "Six of them").value == 1
    assert judged(sample, "7").value == 0
    assert judged(sample, "") == Verdict(0.0, outcome=Outcome.UNPARSEABLE)


def test_always_the_first_option_stands_beside_the_score(podium: Typed) -> None:
    podium.run("mmmu", "echo:(B)", "--sample")
    # Of eighteen questions A is right for four.
    assert podium.scores("first-option")["accuracy", ""] == (pytest.approx(4 / 18), 18)


# Settings


def test_the_defaults_are_the_authors_way(benchmarks: dict[str, Benchmark]) -> None:
    assert benchmarks["mmmu"].variant().name == "official,none-guess"
    assert benchmarks["mmmu-pro"].variant().name == "standard-10,cot,official,none-guess"
    assert len(benchmarks["mmmu-pro"].variants()) == 24


@pytest.mark.parametrize("name", ["mmmu", "mmmu-pro"])
def test_the_hub_is_read_at_a_pinned_revision(name: str) -> None:
    dataset = task(name).dataset
    assert re.fullmatch("[0-9a-f]{40}", dataset.revision)
    assert dataset.hub in ("MMMU/MMMU", "MMMU/MMMU_Pro")


def test_of_the_hubs_files_only_those_of_the_setting_are_fetched() -> None:
    assert task("mmmu-pro", "vision").dataset.files == ("vision/test-*.parquet",)
    assert task("mmmu-pro").dataset.files == ("standard (10 options)/test-*.parquet",)


def test_direct_answers_are_asked_for_directly() -> None:
    items = [*read_pro(PRO_SAMPLE, setting="vision", mode="direct")]
    text, picture = parts(asked(items)[0].input)
    assert isinstance(text, str)
    assert text.startswith("Answer with the option letter from the given choices directly.")
    assert isinstance(picture, Image)


# The offline samples


def test_the_sample_has_six_questions_in_each_of_three_subjects() -> None:
    samples = asked([*read(SAMPLE)])
    counts = [sample.groups["subject"] for sample in samples]
    assert {subject: counts.count(subject) for subject in counts} == {
        "Computer_Science": 6,
        "Design": 6,
        "Math": 6,
    }
    assert sum(not sample.choices for sample in samples) == 5
    assert sum(len(sample.metadata["golds"]) > 1 for sample in samples) == 2
    assert any("<image" in option for sample in samples for option in sample.choices)


@pytest.mark.parametrize("setting", CONFIGURATIONS)
def test_the_pro_sample_has_the_same_ids_in_each_setting(setting: Setting) -> None:
    samples = pro_samples(PRO_SAMPLE, setting)
    ids = [sample.id for sample in asked([*read(SAMPLE)]) if sample.choices]
    assert sorted(sample.id for sample in samples) == sorted(ids)
    widest = max(len(sample.choices) for sample in samples)
    assert widest == (4 if setting == "standard-4" else 10)


def test_the_option_that_is_right_keeps_its_text_in_every_setting() -> None:
    def answers(samples: Sequence[Sample]) -> dict[str, str]:
        return {s.id: s.choices["ABCDEFGHIJ".index(s.target)] for s in samples}

    multiple_choice = [sample for sample in asked([*read(SAMPLE)]) if sample.choices]
    expected = answers(multiple_choice)
    for setting in CONFIGURATIONS:
        assert answers(pro_samples(PRO_SAMPLE, setting)) == expected


def test_every_picture_of_the_samples_opens_and_none_is_too_small_for_a_model() -> None:
    samples = [*asked([*read(SAMPLE)])]
    for setting in CONFIGURATIONS:
        samples += pro_samples(PRO_SAMPLE, setting)
    pictures = [part for s in samples for part in parts(s.input) if isinstance(part, Image)]
    assert all(min(open_image(picture).size) >= 28 for picture in pictures)


@pytest.mark.parametrize("name", ["mmmu", "mmmu-pro"])
def test_right_answers_to_the_sample_score_one(name: str, benchmarks: dict[str, Benchmark]) -> None:
    for variant in benchmarks[name].variants():
        chosen = benchmarks[name].task_for(variant)
        samples = asked([*chosen.dataset.read(chosen.dataset.sample)])
        for sample in samples:
            for gold in sample.metadata["golds"]:
                text = f"Answer: {gold}"
                prediction = Prediction(sample_id=sample.id, text=text)
                assert chosen.headline.judge(sample, prediction).value == 1, (variant, sample.id)


def test_the_records_in_the_documentation_are_of_the_sample(
    benchmarks: dict[str, Benchmark],
) -> None:
    def squeezed(text: str) -> str:
        return " ".join(text.split())

    asked_pro = {s.id: s for s in pro_samples(PRO_SAMPLE)}["validation_Computer_Science_9001"]
    shown = squeezed(benchmarks["mmmu-pro"].description)
    question, *_ = str(parts(asked_pro.input)[0]).split("\n")
    for line in (question, "A. 13 B. 21", "J. 53", f"-> {asked_pro.target}"):
        assert line in shown
    assert (asked_pro.choices[0], asked_pro.choices[-1]) == ("13", "53")


@pytest.mark.parametrize("folder", [SAMPLE, PRO_SAMPLE])
def test_a_sample_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*.parquet")) < 80_000


def test_no_question_of_the_sample_is_copied_from_the_genuine_ones() -> None:
    genuine = {record["question"].casefold() for record in records(GOLD_PRO)}
    for path in sorted(SAMPLE.rglob("*.parquet")):
        for question in pq.read_table(path, columns=["question"]).column(0).to_pylist():
            assert question.casefold() not in genuine


def test_the_script_writes_what_is_committed(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "write_image_samples.py"
    subprocess.run([sys.executable, script, "--out", tmp_path], check=True)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.parquet"))
    plugins = ROOT / "plugins"
    kept = [*SAMPLE.rglob("*.parquet"), *PRO_SAMPLE.rglob("*.parquet")]
    kept += (plugins / "mathvista" / "sample").rglob("*.parquet")
    assert written == sorted(path.relative_to(plugins) for path in kept)
    for name in written:
        again, before = pq.read_table(tmp_path / name), pq.read_table(plugins / name)
        assert again.schema.equals(before.schema)
        assert [*map(as_seen, again.to_pylist())] == [*map(as_seen, before.to_pylist())]


def as_seen(record: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its pictures decoded: zlib may compress the same pixels differently."""
    return {name: pixels(value) for name, value in record.items()}


def pixels(value: Any) -> Any:
    if not (isinstance(value, dict) and "bytes" in value):
        return value
    with pillow.open(io.BytesIO(value["bytes"])) as picture:
        return picture.format, picture.mode, picture.convert("RGBA").tobytes(), value["path"]
