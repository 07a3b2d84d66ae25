"""MathVista: recorded runs give their figures, with an extractor or by rules; rows and answers."""

import gzip
import io
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image as pillow

from plugins.mathvista import register_benchmarks
from plugins.mathvista.extraction_prompt import EXAMPLES
from plugins.mathvista.prompts import build_query
from plugins.mathvista.reading import MISSING, read
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
    SampleScore,
    Task,
    Verdict,
    open_image,
)
from registry.cli import main
from registry.store import open_store

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SAMPLE = ROOT / "plugins" / "mathvista" / "sample"
SCHEMA = pq.read_schema(SAMPLE / "data" / "testmini-00000-of-00001.parquet")
TEXT_ONLY = "mathvista/testmini_text_only"
LLAVA = "replays/mathvista/llava_llama_2_13b"
GPT4 = "replays/mathvista/gpt4_2shot_code"
# How many questions of testmini need each skill; some need several.
SKILLS = {
    "arithmetic reasoning": 353,
    "statistical reasoning": 301,
    "algebraic reasoning": 281,
    "geometry reasoning": 239,
    "numeric commonsense": 144,
    "scientific reasoning": 122,
    "logical reasoning": 37,
}

Scores = dict[tuple[str, str], Any]  # value and n; any, to stand beside approx()


def shared(name: str) -> Path:
    """Return a file of the genuine data; it may be missing anywhere but in CI."""
    path = DATA / name
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip(f"{name} is not on this machine")
    assert path.exists(), f"{name} is missing"
    return path


def records(name: str) -> list[dict[str, Any]]:
    with gzip.open(shared(f"{name}/output.jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def png(mode: str = "L", size: tuple[int, int] = (40, 30), style: str = "PNG") -> bytes:
    file = io.BytesIO()
    pillow.new(mode, size).save(file, format=style)
    return file.getvalue()


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


def row(**columns: Any) -> dict[str, Any]:
    """Return a row that asks for a whole number, changed as given."""
    return {
        "pid": "1",
        "question": "How many?",
        "image": "images/1.jpg",
        "decoded_image": {"bytes": png(), "path": "images/1.jpg"},
        "answer": "3",
        "question_type": "free_form",
        "answer_type": "integer",
        "metadata": {"task": "figure question answering", "skills": ["logical reasoning"]},
    } | columns


CHOICES = {"question_type": "multi_choice", "answer_type": "text", "choices": ["3", "12", "a half"]}


def items_of(tmp_path: Path, *rows: dict[str, Any]) -> list[Sample | Excluded]:
    (tmp_path / "data").mkdir(exist_ok=True)
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    pq.write_table(table, tmp_path / "data" / "testmini-00000-of-00001.parquet")
    return [*read(tmp_path)]


def only(tmp_path: Path, **columns: Any) -> Sample:
    (sample,) = asked(items_of(tmp_path, row(**columns)))
    return sample


@pytest.fixture
def benchmark() -> Benchmark:
    return register_benchmarks()[0]


def task(*words: str) -> Task:
    (benchmark,) = register_benchmarks()
    return benchmark.task_for(benchmark.variant(words))


def judged(sample: Sample, text: str, *words: str, extraction: str | None = None) -> Verdict:
    review = None
    if extraction is not None:
        review = Prediction(sample_id=sample.id, stage="extractor", text=extraction)
    prediction = Prediction(sample_id=sample.id, text=text, review=review)
    return task(*words).headline.judge(sample, prediction)


class Typed:
    """`podium run mathvista`, typed in a fresh home; what it scored, by metric and part."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = ""

    def run(self, *words: object, exit_code: int = 0) -> Scores:
        typed = ["run", "mathvista", *map(str, words)]
        result = CliRunner().invoke(main, typed, catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        self.output = result.output
        return {} if exit_code else self.scores()

    def scores(self, baseline: str = "") -> Scores:
        rows = open_store(f"sqlite:///{self.home / 'registry.db'}").scores(1)
        return {(r.metric, r.part): (r.value, r.n) for r in rows if r.baseline == baseline}


@pytest.fixture
def podium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    home = tmp_path / "home"
    monkeypatch.setenv("PODIUM_HOME", str(home))
    monkeypatch.delenv("PODIUM_REGISTRY", raising=False)
    return Typed(home)


# The recorded runs, whose extractions GPT-4 made


def replayed(podium: Typed, name: str, tmp_path: Path, *words: str) -> Scores:
    """Run a recorded model with its recorded extractor, over the 1,000 genuine questions."""
    extractions = tmp_path / "extractions.jsonl"
    with extractions.open("w", encoding="utf-8") as file:
        for record in records(name):
            said = {"pid": record["pid"], "response": record["extraction"]}
            file.write(json.dumps(said) + "\n")
    return podium.run(
        *("--data", shared(TEXT_ONLY), "--variant", ",".join(("llm", *words))),
        *("--model", f"replay:{shared(name) / 'output.jsonl.gz'}"),
        *("--judge", f"replay:{extractions}"),
    )


def test_llava_llama_2_13b_has_261_right_and_the_published_breakdowns(
    podium: Typed, tmp_path: Path
) -> None:
    scores = replayed(podium, LLAVA, tmp_path)
    assert "1,000 samples, full" in podium.output
    assert scores["accuracy", ""] == (pytest.approx(0.261), 1000)
    assert scores["no-answer", ""] == (0, 1000)
    published = json.loads((shared(LLAVA) / "scores_published.json").read_text())
    # Not of grade and skills, whose labels the authors have revised since.
    for kind in ("task", "category", "context", "language", "source", "question_type"):
        parts = {
            part.removeprefix(f"{kind}="): (round(value * n), n)
            for (_, part), (value, n) in scores.items()
            if part.startswith(f"{kind}=")
        }
        assert parts == {
            group: (score["correct"], score["total"]) for group, score in published[kind].items()
        }


def test_gpt4_with_code_has_270_right_under_the_released_rule(
    podium: Typed, tmp_path: Path
) -> None:
    scores = replayed(podium, GPT4, tmp_path, "none-wrong")
    assert scores["accuracy", ""] == (pytest.approx(0.270), 1000)


def test_a_question_counts_in_each_of_its_skills(podium: Typed, tmp_path: Path) -> None:
    scores = replayed(podium, LLAVA, tmp_path)
    sizes = {
        part.removeprefix("skills="): n
        for (_, part), (_, n) in scores.items()
        if part.startswith("skills=")
    }
    assert sizes == SKILLS
    assert sum(sizes.values()) > 1000


def test_without_an_extractor_nothing_is_read_and_the_nearest_choice_is_right_168_times(
    podium: Typed,
) -> None:
    model = f"replay:{shared(LLAVA) / 'output.jsonl.gz'}"
    scores = podium.run("--data", shared(TEXT_ONLY), "--model", model)
    assert scores["accuracy", ""] == (pytest.approx(0.168), 1000)
    assert scores["no-answer", ""] == (1000, 1000)
    assert podium.scores("empty")["accuracy", ""] == scores["accuracy", ""]


def test_where_nothing_read_is_wrong_nothing_is_right(podium: Typed) -> None:
    model = f"replay:{shared(LLAVA) / 'output.jsonl.gz'}"
    words = ("--data", shared(TEXT_ONLY), "--model", model, "--variant", "quick,none-wrong")
    scores = podium.run(*words)
    assert scores["accuracy", ""] == (0, 1000)
    assert scores["no-answer", ""] == (1000, 1000)


def test_an_extractor_must_be_named_and_the_authors_is_said(podium: Typed) -> None:
    data = ("--data", SAMPLE)
    podium.run(*data, "--model", "echo:3", "--variant", "llm", exit_code=1)
    assert "its extractor (the authors use gpt-4-0613)" in podium.output


# The genuine rows


def test_the_genuine_rows_become_questions_whose_pictures_open() -> None:
    items = [*read(shared("mathvista"))]
    assert [sample.id for sample in asked(items)] == ["106", "225", "540", "824", "852"]
    assert left_out(items) == {}
    for sample in asked(items):
        picture, query = parts(task().prompt(sample).question)
        assert isinstance(picture, Image)
        assert open_image(picture).mode == "RGB"
        assert isinstance(query, str)
        assert query.startswith("Hint: Please answer the question")


def test_all_1000_questions_are_asked_with_the_query_of_the_data() -> None:
    samples = asked([*read(shared(TEXT_ONLY))])
    table = pq.read_table(shared(TEXT_ONLY) / "testmini-00000-of-00001.parquet")
    assert [parts(sample.input)[1] for sample in samples] == table.column("query").to_pylist()
    kinds = Counter(sample.groups["answer_type"] for sample in samples)
    assert kinds == {"text": 540, "integer": 418, "float": 40, "list": 2}


# Rows that are odd or broken


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"question": None}, "its question is empty"),
        ({"answer": ""}, "its answer is empty"),
        ({"question_type": None}, "its question_type is empty"),
        ({"answer_type": "text"}, "no 'free_form' questions with 'text' answers"),
        ({"answer_type": "float"}, "the precision None"),
        ({"answer_type": "float", "precision": 1.5}, "the precision 1.5"),
        ({"answer_type": "float", "precision": 3.0}, "one or two decimals, not 3"),
        (CHOICES | {"choices": None}, "'3' is none of its 0 choices"),
        (CHOICES | {"answer": "4"}, "'4' is none of its 3 choices"),
        (CHOICES | {"choices": ["3", None]}, "its choices are not all texts"),
        ({"decoded_image": None, "image": "../../secret.png"}, "lies outside the folder"),
    ],
)
def test_a_broken_row_is_left_out_with_its_reason_and_the_next_is_asked(
    tmp_path: Path, columns: dict[str, Any], reason: str
) -> None:
    items = items_of(tmp_path, row() | columns, row(pid="2"))
    assert [sample.id for sample in asked(items)] == ["2"]
    assert reason in left_out(items)["1"]
    assert all(item.incomplete for item in items if isinstance(item, Excluded))


def test_a_row_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    reasons = left_out(items_of(tmp_path, row(pid=None)))
    assert reasons == {"testmini-00000-of-00001.parquet, row 0": "its pid is empty or no text"}


def test_a_broken_row_makes_the_run_partial_and_does_not_stop_it(
    podium: Typed, tmp_path: Path
) -> None:
    items_of(tmp_path, row(), row(pid="2", answer=None))
    scores = podium.run("--data", tmp_path, "--model", "echo:3")
    assert scores["accuracy", ""] == (1, 1)
    assert "1 samples, partial" in podium.output
    assert "left out: 1 its answer is empty or no text" in podium.output


@pytest.mark.parametrize(
    ("mode", "size", "style"),
    [
        ("RGBA", (40, 30), "PNG"),
        ("I;16", (40, 30), "PNG"),
        ("L", (187, 18), "PNG"),
        ("RGB", (40, 30), "WEBP"),  # and named .jpg, as some genuine ones are
        ("CMYK", (40, 30), "JPEG"),
    ],
)
def test_a_picture_of_any_mode_size_and_format_opens_as_rgb(
    tmp_path: Path, mode: str, size: tuple[int, int], style: str
) -> None:
    stored = {"bytes": png(mode, size, style), "path": "images/1.jpg"}
    picture = parts(only(tmp_path, decoded_image=stored).input)[0]
    assert isinstance(picture, Image)
    opened = open_image(picture)
    assert (opened.mode, opened.size) == ("RGB", size)


def test_a_picture_that_is_not_in_the_row_is_read_from_the_unpacked_file(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").write_bytes(png("RGB", (30, 40), "WEBP"))
    picture = parts(only(tmp_path, decoded_image=None).input)[0]
    assert isinstance(picture, Image)
    assert open_image(picture).size == (30, 40)


@pytest.mark.parametrize("stored", [None, {"bytes": None, "path": "images/1.jpg"}])
def test_a_picture_that_is_nowhere_is_refused_when_it_is_opened(
    tmp_path: Path, stored: dict[str, Any] | None
) -> None:
    items = items_of(tmp_path, row(pid="1"), row(pid="2", decoded_image=stored))
    picture = parts(asked(items)[1].input)[0]
    assert isinstance(picture, Image)
    with pytest.raises(BadImage, match="row 1, decoded_image is empty"):
        open_image(picture)


def test_a_query_that_is_missing_is_built(tmp_path: Path) -> None:
    sample = only(tmp_path, query=None, unit="cm")
    assert str(parts(sample.input)[1]).endswith("\nQuestion: How many? (Unit: cm)")


def test_questions_that_the_folder_lacks_are_counted(tmp_path: Path) -> None:
    missing = [item for item in items_of(tmp_path, row()) if isinstance(item, Excluded)]
    assert len({item.id for item in missing}) == len(missing) == 999
    assert all(item.incomplete for item in missing)


def test_the_files_may_lie_in_the_folder_itself(tmp_path: Path) -> None:
    items_of(tmp_path, row())
    assert [sample.id for sample in asked([*read(tmp_path / "data")])] == ["1"]


def test_a_folder_without_questions_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"testmini-\*\.parquet.*--data mathvista=DIR"):
        [*read(tmp_path)]


def test_a_file_that_lacks_a_column_is_refused_by_name(tmp_path: Path) -> None:
    items_of(tmp_path, row())
    path = tmp_path / "data" / "testmini-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["answer"]), path)
    with pytest.raises(DatasetError, match="row 0: has no column 'answer', only pid"):
        [*read(tmp_path)]


# Extraction


def ask(sample: Sample, text: str) -> str | None:
    """Return what the extractor is asked about a response, or None."""
    review = task("llm").review
    assert review is not None
    prompt = review.prompt(sample, Prediction(sample_id=sample.id, text=text))
    return None if prompt is None else str(prompt.question)


def test_the_extractor_is_asked_about_what_the_rules_leave(tmp_path: Path) -> None:
    sample = only(tmp_path)
    asked = ask(sample, "There are 3.")
    assert asked is not None
    assert asked.startswith(EXAMPLES)
    assert asked.endswith("\nQuestion: How many?\n\nThere are 3.\n\nExtracted answer: ")


@pytest.mark.parametrize("text", ["3", "", "<think>3, or", "<think>Three.</think>3"])
def test_the_extractor_is_not_asked_about_what_the_rules_take(tmp_path: Path, text: str) -> None:
    assert ask(only(tmp_path), text) is None


def test_the_extractor_sees_no_reasoning(tmp_path: Path) -> None:
    asked = ask(only(tmp_path), "<think>Is it 4?</think>It is 3.")
    assert asked is not None
    assert "Is it 4?" not in asked


def test_who_extracts_and_with_which_words_is_known() -> None:
    review = task("llm").review
    assert review is not None
    assert (review.name, review.official) == ("extractor", "gpt-4-0613")
    assert review.prompt_text == f"{EXAMPLES}\n\n{{query}}\n\n{{response}}\n\nExtracted answer: "
    assert task("rules").review is None
    assert task("quick").review is None


@pytest.mark.parametrize(
    ("extraction", "value"), [("3", 1), (" 3\n", 1), ("3.9", 1), ("three", 0), ("$3", 0)]
)
def test_an_extraction_is_compared_as_a_whole_number(
    tmp_path: Path, extraction: str, value: int
) -> None:
    verdict = judged(only(tmp_path), "A long story.", "llm", extraction=extraction)
    assert (verdict.value, verdict.outcome) == (value, Outcome.ANSWERED)


@pytest.mark.parametrize(
    ("text", "words", "value", "outcome"),
    [
        ("12", ("rules",), 1, Outcome.ANSWERED),
        ('The answer is "12".', ("quick",), 1, Outcome.ANSWERED),
        ('The answer is "12".', ("rules", "none-wrong"), 0, Outcome.UNPARSEABLE),
        ("", ("rules", "none-wrong"), 0, Outcome.UNPARSEABLE),
        ("<think>12 or", ("rules", "none-wrong"), 0, Outcome.UNPARSEABLE),
        ("<think>3?</think>12", ("rules",), 1, Outcome.ANSWERED),
        ("", ("rules", "none-nearest"), 0, Outcome.UNPARSEABLE),
    ],
)
def test_the_rules_take_an_answer_that_is_the_response(
    tmp_path: Path, text: str, words: tuple[str, ...], value: int, outcome: Outcome
) -> None:
    sample = only(tmp_path, **CHOICES | {"answer": "12"})
    verdict = judged(sample, text, *words)
    assert (verdict.value, verdict.outcome) == (value, outcome)


def test_nothing_is_nearest_to_the_shortest_choice(tmp_path: Path) -> None:
    sample = only(tmp_path, **CHOICES)
    assert judged(sample, "") == Verdict(1.0, "3", Outcome.UNPARSEABLE)
    assert judged(sample, "", "none-wrong") == Verdict(0.0, "", Outcome.UNPARSEABLE)


def test_an_extractor_that_says_nothing_is_counted(tmp_path: Path) -> None:
    verdict = judged(only(tmp_path), "A long story.", "llm", "none-wrong", extraction=" ")
    assert verdict.outcome is Outcome.UNPARSEABLE


def test_a_response_that_was_cut_off_says_so_if_nothing_is_extracted(tmp_path: Path) -> None:
    cut = Prediction(sample_id="1", text="Let me count", outcome=Outcome.TRUNCATED)
    assert task().headline.judge(only(tmp_path), cut).outcome is Outcome.TRUNCATED


def test_questions_without_skills_are_in_no_skill() -> None:
    scores = [
        SampleScore(
            sample_id=str(number),
            metric="accuracy",
            value=1.0,
            answer="",
            target="",
            outcome=Outcome.ANSWERED,
            groups=groups,
        )
        for number, groups in enumerate(({}, {"skills": "logical reasoning"}))
    ]
    parts = {s.part: s.n for s in task().headline.aggregate(scores) if s.metric == "accuracy"}
    assert parts == {"": 2, "skills=logical reasoning": 1}


# Settings and the offline sample


def test_the_default_needs_no_second_model(benchmark: Benchmark) -> None:
    assert benchmark.variant().name == "rules,none-nearest"
    assert len(benchmark.variants()) == 6
    assert benchmark.task_for(benchmark.variant()).review is None


def test_the_hub_is_read_at_a_pinned_revision() -> None:
    assert re.fullmatch("[0-9a-f]{40}", task().dataset.revision)


def test_the_sample_has_twelve_questions_of_every_kind_and_task() -> None:
    samples = asked([*read(SAMPLE)])
    assert len(samples) == 12
    kinds = Counter(sample.groups["answer_type"] for sample in samples)
    assert kinds == {"integer": 4, "float": 2, "list": 1, "text": 5}
    assert len({sample.groups["task"] for sample in samples}) == 5
    skills = {skill for s in samples for skill in s.groups["skills"].split(" + ")}
    assert skills == set(SKILLS)


def test_every_picture_of_the_sample_opens_and_one_is_no_jpeg_as_its_name_says() -> None:
    pictures = [parts(s.input)[0] for s in asked([*read(SAMPLE)])]
    assert all(min(open_image(p).size) >= 28 for p in pictures if isinstance(p, Image))
    file = SAMPLE / "data" / "testmini-00000-of-00001.parquet"
    stored = pq.read_table(file, columns=["decoded_image"]).column(0).to_pylist()
    assert all(cell["path"].endswith(".jpg") for cell in stored)
    assert sum(cell["bytes"][8:12] == b"WEBP" for cell in stored) == 1


def test_the_queries_of_the_sample_are_built_as_the_genuine_ones() -> None:
    columns = ("question_type", "answer_type", "precision", "unit", "choices")
    for record in pq.read_table(SAMPLE / "data" / "testmini-00000-of-00001.parquet").to_pylist():
        rebuilt = build_query(record["question"], **{name: record[name] for name in columns})
        assert record["query"] == rebuilt


@pytest.mark.parametrize("policy", ["none-nearest", "none-wrong"])
def test_right_answers_to_the_sample_score_one(policy: str) -> None:
    for sample in asked([*read(SAMPLE)]):
        quoted = f'The answer is "{sample.target}".'
        assert judged(sample, quoted, "quick", policy).value == 1, sample.id
        assert judged(sample, "Well.", "llm", policy, extraction=sample.target).value == 1
        if sample.groups["answer_type"] != "list":  # which the rules leave to the extractor
            assert judged(sample, sample.target, "rules", policy).value == 1, sample.id


def test_the_sample_is_small_and_no_question_is_copied() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*.parquet")) < 80_000
    genuine = pq.read_table(shared(TEXT_ONLY) / "testmini-00000-of-00001.parquet")
    texts = {text.casefold() for text in genuine.column("question").to_pylist()}
    own = pq.read_table(SAMPLE / "data" / "testmini-00000-of-00001.parquet")
    assert texts.isdisjoint(text.casefold() for text in own.column("question").to_pylist())
