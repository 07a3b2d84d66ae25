"""MMLU-Pro from disk, Parquet as on the hub or JSON lines; no row is asked that is not whole."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from plugins.mmlu_pro.extraction import LETTERS
from plugins.mmlu_pro.prompts import WorkedExample, offered
from registry import DatasetError, Excluded, Sample, json_lines, parquet_rows

LAYOUT = (
    "{test,validation}-*.parquet or {test,validation}*.jsonl, in the folder or its data/; "
    "Parquet is taken where there are both"
)
SIZES: Mapping[str, int] = {
    "biology": 717,
    "business": 789,
    "chemistry": 1132,
    "computer science": 410,
    "economics": 844,
    "engineering": 969,
    "health": 818,
    "history": 381,
    "law": 1101,
    "math": 1351,
    "other": 924,
    "philosophy": 499,
    "physics": 1299,
    "psychology": 798,
}
"""The 14 categories, and how many test questions each has."""

Rows: TypeAlias = Iterator[tuple[str, Mapping[str, Any]]]
"""Records, each with the file and row it stands in."""

_COLUMNS: Mapping[str, tuple[type, str]] = {
    "question_id": (int, "a whole number"),
    "question": (str, "a text"),
    "options": (list, "a list of texts"),
    "answer": (str, "a letter"),
    "answer_index": (int, "a whole number"),
    "category": (str, "a text"),
}

_MEND = "Mend it, or read the hub's copy by leaving out: --data"


@dataclass(frozen=True, slots=True)
class Question:
    """One row: `options` as they are offered, and the letter of the right one."""

    id: int
    text: str
    options: tuple[str, ...]
    letter: str
    category: str
    cot_content: str


def read(root: Path, *, shots: int = 5) -> Iterator[Sample | Excluded]:
    """Yield the test questions in file order, each with its category's first `shots` examples.

    A category that is not there or not whole is an exclusion that makes the run partial. Raises
    DatasetError for a folder without any, a malformed row, an id that stands twice, and fewer than
    `shots` validation questions.
    """
    examples = worked_examples(root, shots) if shots else {}
    asked: Counter[str] = Counter()
    for question in questions(root, "test"):
        category = question.category
        if category not in SIZES:
            yield Excluded(str(question.id), f"'{category}' is no category of MMLU-Pro")
            continue
        asked[category] += 1
        yield as_sample(question, shown(root, category, examples.get(category, ()), shots))
    if not asked:
        raise DatasetError(
            f"{root}: no questions of MMLU-Pro; looked for {LAYOUT}. Name another folder with: "
            "--data mmlu-pro=DIR, or read the hub's copy by leaving out: --data"
        )
    yield from missing(asked)


def missing(asked: Mapping[str, int]) -> Iterator[Excluded]:
    """Yield an exclusion for each category that has fewer questions than the official data."""
    for category, size in SIZES.items():
        n = asked.get(category, 0)
        if n == 0:
            yield Excluded(category, "category not in this folder", incomplete=True)
        elif n < size:
            reason = "questions of the category missing in this folder"
            yield Excluded(category, reason, incomplete=True)


def as_sample(question: Question, examples: tuple[WorkedExample, ...]) -> Sample:
    """Return the question as a sample, grouped by category and by how many options it offers."""
    return Sample(
        id=str(question.id),
        input=question.text,
        target=question.letter,
        choices=question.options,
        groups={"category": question.category, "options": str(len(question.options))},
        metadata={"examples": examples},
    )


def worked_examples(root: Path, shots: int) -> dict[str, tuple[WorkedExample, ...]]:
    """Return the first `shots` validation questions of each category, in file order."""
    found: dict[str, tuple[WorkedExample, ...]] = {}
    for q in questions(root, "validation"):
        known = found.get(q.category, ())
        if len(known) < shots:
            found[q.category] = (*known, WorkedExample(q.text, q.options, q.cot_content))
    return found


def shown(
    root: Path, category: str, examples: tuple[WorkedExample, ...], shots: int
) -> tuple[WorkedExample, ...]:
    """Return the examples. Raises DatasetError where there are fewer than are to be shown."""
    if len(examples) < shots:
        raise DatasetError(
            f"{root}: {len(examples)} validation questions of {category}, and {shots} are to be "
            "shown. Add its validation file, or choose fewer shots from: podium benchmarks mmlu-pro"
        )
    return examples


def questions(root: Path, split: str) -> Iterator[Question]:
    """Yield a split in file order. Raises DatasetError, saying where, for a row that is not one."""
    places: dict[int, str] = {}
    for where, row in rows(root, split):
        question = question_of(row, where)
        if split == "validation" and not question.cot_content.startswith("A: "):
            raise DatasetError(
                f"{where}: a worked example whose cot_content has no 'A: ' in front. {_MEND}"
            )
        if question.id in places:
            raise DatasetError(
                f"{where}: the id {question.id} also stands in {places[question.id]}. {_MEND}"
            )
        places[question.id] = where
        yield question


def rows(root: Path, split: str) -> Rows:
    """Yield the records of whichever layout the folder has; none where it has neither."""
    folders = (root, root / "data")
    for folder in folders:
        if parquet := sorted(folder.glob(f"{split}-*.parquet")):
            return _placed((path, parquet_rows(path)) for path in parquet)
    for folder in folders:
        if lines := sorted(folder.glob(f"{split}*.jsonl")):
            return _placed((path, json_lines(path)) for path in lines)
    return iter(())


def _placed(files: Iterator[tuple[Path, Iterator[dict[str, Any]]]]) -> Rows:
    for path, records in files:
        for number, row in enumerate(records):
            yield f"{path}, row {number}", row


def question_of(row: Mapping[str, Any], where: str) -> Question:
    """Return the row as a question. Raises DatasetError, saying where, if it is malformed."""
    if complaint := _complaint(row):
        raise DatasetError(f"{where}: {complaint}. {_MEND}")
    options, letter, index = row["options"], row["answer"], row["answer_index"]
    choices = offered(options)
    # One option is no question, but revisions of 2024 have some, and their scores count them.
    if not 1 <= len(choices) <= len(LETTERS):
        raise DatasetError(f"{where}: {len(choices)} options, not 1 to {len(LETTERS)}. {_MEND}")
    if index not in range(len(choices)) or letter != LETTERS[index]:
        raise DatasetError(
            f"{where}: the answer is {letter!r:.20} with the index {index}, and the options are "
            f"A to {LETTERS[len(choices) - 1]}. {_MEND}"
        )
    if choices[index] != options[index].lstrip():
        raise DatasetError(f"{where}: an option before the right one reads N/A. {_MEND}")
    reasoning = row.get("cot_content") or ""
    return Question(
        row["question_id"], row["question"], choices, letter, row["category"], str(reasoning)
    )


def _complaint(row: Mapping[str, Any]) -> str:
    """Say which column is missing or holds something else than it should; "" for none."""
    for name, (kind, meaning) in _COLUMNS.items():
        if name not in row:
            return f"has no column {name}"
        if type(row[name]) is not kind:  # True is an int, and no question_id
            return f"{name} is {row[name]!r:.40}, not {meaning}"
    if not all(isinstance(option, str) for option in row["options"]):
        return "options is not a list of texts"
    return "" if row["question"].strip() else "the question is empty"
