"""Humanity's Last Exam from disk: the hub's Parquet, its pictures by reference.

The one rule of this file: what the authors ask not to spread (the answer, the rationale, the
canary) never becomes a sample's target, where the registry would keep it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from registry import DatasetError, Excluded, Image, Sample, parquet_rows

LAYOUT = "test-*.parquet, in the folder or its data/"
SIZE = 2500
ANSWER_TYPES = ("exactMatch", "multipleChoice")
COLUMNS = ("id", "question", "image", "answer", "answer_type", "category")

# Previews and rationales are pictures that nobody is shown; they stay unread on disk.
_PICTURES = ("image_preview", "rationale_image")
_PICTURE = "with a picture"
_MEND = "Mend it, or read the hub's copy by leaving out: --data"


def read(root: Path, *, text_only: bool = False) -> Iterator[Sample | Excluded]:
    """Yield the questions in file order; with `text_only`, those with a picture are left out.

    Fewer rows than the official 2,500 make the run partial. Raises DatasetError for a folder
    without questions, a malformed row, and an id that stands twice.
    """
    places: dict[str, str] = {}
    for path in files(root):
        for number, row in enumerate(parquet_rows(path, images=_PICTURES)):
            where = f"{path}, row {number}"
            if complaint := _complaint(row):
                raise DatasetError(f"{where}: {complaint}. {_MEND}")
            if row["id"] in places:
                raise DatasetError(
                    f"{where}: the id {row['id']} also stands in {places[row['id']]}. {_MEND}"
                )
            places[row["id"]] = where
            if text_only and row["image"]:
                yield Excluded(row["id"], _PICTURE)
            else:
                yield question(row, Image(str(path), "image", number))
    if len(places) < SIZE:
        yield Excluded("test", "part of the 2,500 questions", incomplete=True)


def files(root: Path) -> list[Path]:
    """Return the files of the test split. Raises DatasetError where there are none."""
    for folder in (root, root / "data"):
        if found := sorted(folder.glob("test-*.parquet")):
            return found
    raise DatasetError(
        f"{root}: no questions of Humanity's Last Exam; looked for {LAYOUT}. Name another folder "
        "with: --data hle=DIR, or try the offline sample with: --sample"
    )


def question(row: Mapping[str, Any], picture: Image) -> Sample:
    """Return the row as a sample; its right answer is in the metadata, which is never stored."""
    return Sample(
        id=row["id"],
        input=(row["question"], picture) if row["image"] else row["question"],
        target=fingerprint(row["id"], row["answer"]),
        groups={"category": row["category"], "answer_type": row["answer_type"]},
        metadata={"question": row["question"], "answer": row["answer"]},
    )


def fingerprint(id: str, answer: str) -> str:
    """Return a digest that changes with the answer and does not tell it."""
    return hashlib.sha256(f"{id}\n{answer}".encode()).hexdigest()[:16]


def _complaint(row: Mapping[str, Any]) -> str:
    """Say what is wrong with a row, without its texts; "" for nothing."""
    for name in COLUMNS:
        if name not in row:
            return f"has no column {name}"
        value = "" if name == "image" and row[name] is None else row[name]
        if not isinstance(value, str):
            return f"{name} is a {type(value).__name__}, not a text"
        if not value.strip() and name != "image":
            return f"{name} is empty"
    if row["answer_type"] not in ANSWER_TYPES:
        return f"answer_type is neither {' nor '.join(ANSWER_TYPES)}"
    if row["image"] and not row["image"].startswith("data:"):
        return "image is neither empty nor a data URI"
    return ""
