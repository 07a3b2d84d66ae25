"""Write the offline samples of MMLU, MMLU-Pro and HLE, each in its benchmark's layout on disk.

The questions are the literals in scripts/samples/; edit those, never the written files.
"""

import argparse
import base64
import csv
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from samples.hle import QUESTIONS
from samples.mmlu_humanities import HUMANITIES
from samples.mmlu_other import OTHER
from samples.mmlu_pro import CATEGORIES
from samples.mmlu_social_sciences import SOCIAL_SCIENCES
from samples.mmlu_stem import STEM
from samples.pictures import PICTURES
from samples.shapes import HleQuestion, ProQuestion

PLUGINS = Path(__file__).parents[1] / "plugins"

MMLU = STEM | HUMANITIES | SOCIAL_SCIENCES | OTHER

# Far above the genuine ids, which end below 13,000.
PRO_FIRST_ID = {"test": 9_000_001, "validation": 9_001_001}
PRO_SCHEMA = pa.schema(
    [
        ("question_id", pa.int64()),
        ("question", pa.string()),
        ("options", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("answer_index", pa.int64()),
        ("cot_content", pa.string()),
        ("category", pa.string()),
        ("src", pa.string()),
    ]
)

# How the hub stores an image in Parquet.
HUB_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
HLE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("question", pa.string()),
        ("image", pa.string()),
        ("image_preview", HUB_IMAGE),
        ("answer", pa.string()),
        ("answer_type", pa.string()),
        ("author_name", pa.string()),
        ("rationale", pa.string()),
        ("rationale_image", HUB_IMAGE),
        ("raw_subject", pa.string()),
        ("category", pa.string()),
        ("canary", pa.string()),
    ]
)
# Hexadecimal like a genuine id, and recognisable at a glance.
HLE_FIRST_ID = 0xFACADE000000000000000001
HLE_CANARY = (
    "These questions are Podium's own sample, written to try the software out. "
    "None of them is from Humanity's Last Exam, and they may be shared freely."
)


def write_mmlu(folder: Path) -> None:
    """Write data/dev and data/test, a file without a header for each subject."""
    for subject, splits in MMLU.items():
        for split, rows in splits.items():
            path = folder / "data" / split / f"{subject}_{split}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)


def pro_row(question_id: int, category: str, question: ProQuestion) -> dict[str, Any]:
    """Return a row of MMLU-Pro; as in the official files, only worked examples have a chain."""
    chain = (
        f"A: Let's think step by step. {question.reasoning} The answer is ({question.answer})."
        if question.reasoning
        else ""
    )
    return {
        "question_id": question_id,
        "question": question.question,
        "options": list(question.options),
        "answer": question.answer,
        "answer_index": "ABCDEFGHIJ".index(question.answer),
        "cot_content": chain,
        "category": category,
        "src": f"podium_sample-{category.replace(' ', '_')}",
    }


def write_mmlu_pro(folder: Path) -> None:
    """Write the two splits of MMLU-Pro, a Parquet file each."""
    for split in ("test", "validation"):
        questions = [
            (category, question)
            for category, splits in CATEGORIES.items()
            for question in splits[split]
        ]
        rows = [
            pro_row(question_id, category, question)
            for question_id, (category, question) in enumerate(questions, PRO_FIRST_ID[split])
        ]
        write_parquet(rows, PRO_SCHEMA, folder / "data" / f"{split}-00000-of-00001.parquet")


def data_uri(picture: str) -> str:
    """Return the named drawing as a PNG in a data URI, or nothing where there is no picture."""
    if not picture:
        return ""
    png = BytesIO()
    PICTURES[picture]().save(png, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode('ascii')}"


def hle_row(number: int, question: HleQuestion) -> dict[str, Any]:
    """Return a row of Humanity's Last Exam."""
    return {
        "id": f"{number:024x}",
        "question": question.question,
        "image": data_uri(question.picture),
        "image_preview": None,
        "answer": question.answer,
        "answer_type": question.answer_type,
        "author_name": "Podium",
        "rationale": question.rationale,
        "rationale_image": None,
        "raw_subject": question.raw_subject,
        "category": question.category,
        "canary": HLE_CANARY,
    }


def write_hle(folder: Path) -> None:
    """Write the only split of Humanity's Last Exam."""
    rows = [hle_row(number, question) for number, question in enumerate(QUESTIONS, HLE_FIRST_ID)]
    write_parquet(rows, HLE_SCHEMA, folder / "data" / "test-00000-of-00001.parquet")


def write_parquet(rows: list[dict[str, Any]], schema: pa.Schema, path: Path) -> None:
    """Write the rows as one small Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def main() -> None:
    """Write every sample below the plugins, or below another folder."""
    parser = argparse.ArgumentParser(description="Write the offline samples of the benchmarks.")
    parser.add_argument("--out", type=Path, default=PLUGINS, help="default: the plugins' folder")
    out: Path = parser.parse_args().out
    write_mmlu(out / "mmlu" / "sample")
    write_mmlu_pro(out / "mmlu_pro" / "sample")
    write_hle(out / "hle" / "sample")


if __name__ == "__main__":
    main()
