"""The offline samples of MMLU, MMLU-Pro and HLE keep their layouts, and every answer is there."""

import base64
import csv
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "plugins"
MMLU = PLUGINS / "mmlu" / "sample" / "data"
PRO = PLUGINS / "mmlu_pro" / "sample" / "data"
HLE = PLUGINS / "hle" / "sample" / "data"
GENUINE = ROOT.parent / "shared" / "data" / "mmlu" / "mmlu_data.tar.gz"

PARQUET = (
    PRO / "test-00000-of-00001.parquet",
    PRO / "validation-00000-of-00001.parquet",
    HLE / "test-00000-of-00001.parquet",
)
CSV = sorted(MMLU.glob("*/*.csv"))


def csv_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def mmlu_rows() -> list[list[str]]:
    return [row for path in CSV for row in csv_rows(path)]


def pro_rows() -> list[dict[str, Any]]:
    return [row for path in PARQUET[:2] for row in parquet_rows(path)]


def hle_rows() -> list[dict[str, Any]]:
    return parquet_rows(PARQUET[2])


def squeezed(text: str) -> str:
    """Return the words alone, so that a copy with other blanks or marks is still found."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def pixels(data_uri: str) -> bytes:
    header, _, payload = data_uri.partition(",")
    assert header == "data:image/png;base64"
    with Image.open(BytesIO(base64.b64decode(payload, validate=True))) as image:
        return image.convert("RGB").tobytes()


def as_seen(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its picture decoded: zlib may compress the same pixels differently."""
    return row | {"image": pixels(row["image"])} if row.get("image") else row


# MMLU


def test_mmlu_has_the_same_twelve_subjects_in_both_splits() -> None:
    dev = {path.name.removesuffix("_dev.csv") for path in MMLU.glob("dev/*.csv")}
    test = {path.name.removesuffix("_test.csv") for path in MMLU.glob("test/*.csv")}
    assert dev == test
    assert len(dev) == 12


@pytest.mark.parametrize("path", CSV, ids=lambda path: path.name)
def test_an_mmlu_file_has_the_official_shape(path: Path) -> None:
    rows = csv_rows(path)
    assert len(rows) == {"dev": 5, "test": 6}[path.parent.name]
    for _question, *options, letter in rows:
        assert len(options) == 4
        assert len(set(options)) == 4
        assert all(options)
        assert letter in {"A", "B", "C", "D"}
    raw = path.read_bytes()
    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    assert not raw.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(("split", "each"), [("dev", 15), ("test", 18)])
def test_mmlu_answers_are_spread_evenly_over_the_letters(split: str, each: int) -> None:
    letters = Counter(row[-1] for path in MMLU.glob(f"{split}/*.csv") for row in csv_rows(path))
    assert letters == dict.fromkeys("ABCD", each)


def test_mmlu_has_the_traps_of_the_genuine_files() -> None:
    rows = mmlu_rows()
    cells = [cell for row in rows for cell in row]
    assert any(row["ABCD".index(row[-1]) + 1] == "None" for row in rows), "None as the answer"
    assert any("\n" in row[0] for row in rows)
    assert any(row[0] != row[0].strip() for row in rows)
    for mark in (",", '"', "−", "é"):
        assert any(mark in cell for cell in cells), mark


# MMLU-Pro


def test_mmlu_pro_has_five_worked_examples_and_four_questions_a_category() -> None:
    for path, each in zip(PARQUET, (4, 5), strict=False):
        counts = Counter(row["category"] for row in parquet_rows(path))
        assert counts == dict.fromkeys(("math", "biology", "law", "computer science"), each)


def test_mmlu_pro_columns_are_those_of_the_hub() -> None:
    for path in PARQUET[:2]:
        schema = pq.read_schema(path)
        assert {field.name: str(field.type) for field in schema} == {
            "question_id": "int64",
            "question": "string",
            "options": "list<element: string>",
            "answer": "string",
            "answer_index": "int64",
            "cot_content": "string",
            "category": "string",
            "src": "string",
        }


def test_mmlu_pro_answers_are_among_three_to_ten_options() -> None:
    rows = pro_rows()
    for row in rows:
        options = row["options"]
        assert len(set(options)) == len(options)
        assert all(option == option.strip() != "" for option in options)
        assert row["answer_index"] < len(options)
        assert row["answer"] == "ABCDEFGHIJ"[row["answer_index"]]
    sizes = {len(row["options"]) for row in rows}
    assert (min(sizes), max(sizes)) == (3, 10)


def test_mmlu_pro_chains_end_with_the_answer_and_only_examples_have_one() -> None:
    assert all(row["cot_content"] == "" for row in parquet_rows(PARQUET[0]))
    for row in parquet_rows(PARQUET[1]):
        assert row["cot_content"].startswith("A: Let's think step by step. ")
        assert row["cot_content"].endswith(f" The answer is ({row['answer']}).")


def test_mmlu_pro_ids_are_unique_and_no_genuine_ones() -> None:
    ids = [row["question_id"] for row in pro_rows()]
    assert len(set(ids)) == len(ids)
    assert min(ids) == 9_000_001


# Humanity's Last Exam


def test_hle_columns_are_those_of_the_hub() -> None:
    assert pq.read_schema(PARQUET[2]).names == [
        "id",
        "question",
        "image",
        "image_preview",
        "answer",
        "answer_type",
        "author_name",
        "rationale",
        "rationale_image",
        "raw_subject",
        "category",
        "canary",
    ]


def test_hle_has_ten_questions_in_all_eight_categories() -> None:
    rows = hle_rows()
    assert len(rows) == 10
    assert {row["category"] for row in rows} == {
        "Biology/Medicine",
        "Chemistry",
        "Computer Science/AI",
        "Engineering",
        "Humanities/Social Science",
        "Math",
        "Other",
        "Physics",
    }


def test_hle_ids_are_unique_and_look_like_the_genuine_ones() -> None:
    ids = [row["id"] for row in hle_rows()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{24}", id_) for id_ in ids)


def test_hle_choices_are_in_the_question_and_the_answer_is_one_of_their_letters() -> None:
    for row in hle_rows():
        _, _, choices = row["question"].partition("\n\nAnswer Choices:\n")
        letters = re.findall(r"^([A-Z])\. \S", choices, flags=re.MULTILINE)
        if row["answer_type"] == "multipleChoice":
            assert letters == list("ABCDE")
            assert row["answer"] in letters
        else:
            assert row["answer_type"] == "exactMatch"
            assert not letters


def test_three_hle_questions_have_a_picture_and_the_others_an_empty_text() -> None:
    images = [row["image"] for row in hle_rows()]
    pictures = [pixels(image) for image in images if image]
    assert len(set(pictures)) == 3
    assert images.count("") == 7


def test_hle_canary_is_not_the_genuine_one() -> None:
    assert all("Podium's own sample" in row["canary"] for row in hle_rows())
    assert all("hle:" not in row["canary"] for row in hle_rows())


# All of them


def all_questions() -> list[str]:
    rows = [*pro_rows(), *hle_rows()]
    return [row[0] for row in mmlu_rows()] + [row["question"] for row in rows]


def test_no_question_is_asked_twice() -> None:
    counts = Counter(squeezed(question) for question in all_questions())
    assert counts.most_common(1)[0][1] == 1


def test_every_parquet_file_is_small() -> None:
    assert all(path.stat().st_size < 60_000 for path in PARQUET)


def test_no_question_is_copied_from_the_genuine_mmlu() -> None:
    if not GENUINE.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"the shared data is missing: {GENUINE}")
        pytest.skip("the genuine MMLU is not on this machine")
    genuine = []
    with tarfile.open(GENUINE) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".csv") else None
            if file is not None:
                text = TextIOWrapper(file, encoding="utf-8", newline="")
                genuine += [squeezed(row[0]) for row in csv.reader(text)]
    assert len(genuine) > 15_000
    everything = "\n".join(genuine)
    assert [text for text in all_questions() if squeezed(text) in everything] == []


def test_the_script_writes_what_is_committed(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "write_samples.py"
    subprocess.run([sys.executable, script, "--out", tmp_path], check=True)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert written == sorted(path.relative_to(PLUGINS) for path in [*CSV, *PARQUET])
    for path in CSV:
        assert (tmp_path / path.relative_to(PLUGINS)).read_bytes() == path.read_bytes()
    for path in PARQUET:
        again = tmp_path / path.relative_to(PLUGINS)
        assert pq.read_schema(again).equals(pq.read_schema(path))
        assert [*map(as_seen, parquet_rows(again))] == [*map(as_seen, parquet_rows(path))]
