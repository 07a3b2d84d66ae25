"""MMLU from disk: the authors' CSV files or the hub's Parquet; a cell that says None is a word."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from plugins.mmlu.subjects import GROUPS, SIZES, SUBJECTS
from registry import DatasetError, Excluded, Sample, csv_rows, parquet_rows

LETTERS = ("A", "B", "C", "D")
LAYOUT = (
    "{dev,test}/<subject>_{dev,test}.csv or all/{dev,test}-*.parquet or "
    "<subject>/{dev,test}-*.parquet, in the folder or its data/"
)

Split: TypeAlias = dict[str, list[Sample]]
"""The questions of each subject in file order; none of a subject that is not MMLU's."""

_MEND = "Mend it, or read the hub's copy by leaving out: --data"


def read(root: Path, *, shots: int = 5) -> Iterator[Sample | Excluded]:
    """Yield the test questions of all subjects, each with its first `shots` dev questions.

    A subject that is not there or not whole is an exclusion that makes the run partial. Raises
    DatasetError for a folder without any, a malformed row, and fewer than `shots` dev questions.
    """
    test = questions(root, "test")
    if not any(test.values()):
        raise DatasetError(
            f"{root}: no questions of MMLU; looked for {LAYOUT}. Name another folder with: "
            "--data mmlu=DIR, or read the hub's copy by leaving out: --data"
        )
    dev = questions(root, "dev") if shots else {}
    for subject in SUBJECTS:
        asked = test.get(subject, [])
        if asked:
            examples = worked_examples(root, subject, dev.get(subject, []), shots)
            for sample in asked:
                yield replace(sample, metadata={"examples": examples})
        yield from missing(subject, len(asked))
    for subject in sorted(test.keys() - set(SUBJECTS)):
        yield Excluded(subject, "not a subject of MMLU")


def missing(subject: str, n: int) -> Iterator[Excluded]:
    """Yield an exclusion where `n` questions are not all that the official data has."""
    if n == 0:
        yield Excluded(subject, "subject not in this folder", incomplete=True)
    elif n < SIZES[subject]:
        yield Excluded(subject, "questions of the subject missing in this folder", incomplete=True)


def worked_examples(root: Path, subject: str, dev: list[Sample], shots: int) -> tuple[Sample, ...]:
    """Return the first examples in file order. Raises DatasetError where there are too few."""
    if len(dev) < shots:
        raise DatasetError(
            f"{root}: {len(dev)} dev questions of {subject}, and {shots} are to be shown. "
            "Add its dev file, or choose fewer shots from: podium benchmarks mmlu"
        )
    return tuple(dev[:shots])


def questions(root: Path, split: str) -> Split:
    """Return a split in whichever layout the folder has; empty where it has none of it."""
    for folder in (root, root / "data"):
        if found := csv_split(folder, split) or parquet_split(folder, split):
            return found
    return {}


def csv_split(folder: Path, split: str) -> Split:
    """Read `<split>/<subject>_<split>.csv`: no header; question, four choices, letter."""
    found: Split = {}
    for path in sorted((folder / split).glob(f"*_{split}.csv")):
        subject = path.name.removesuffix(f"_{split}.csv")
        rows = enumerate(csv_rows(path)) if subject in SIZES else ()
        found[subject] = [
            question(subject, split, number, cells, f"{path}, line {line}")
            for number, (line, cells) in rows
        ]
    return found


def parquet_split(folder: Path, split: str) -> Split:
    """Read the hub's files: `all/<split>-*`, or where there is none, a folder for each subject."""
    whole = sorted(folder.glob(f"all/{split}-*.parquet"))
    found: Split = {}
    for path in whole or sorted(folder.glob(f"*/{split}-*.parquet")):
        for number, row in enumerate(parquet_rows(path)):
            subject = str(row.get("subject")) if whole else path.parent.name
            members = found.setdefault(subject, [])
            if subject in SIZES:
                where = f"{path}, row {number}"
                members.append(question(subject, split, len(members), cells_of(row, where), where))
    return found


def cells_of(row: Mapping[str, Any], where: str) -> list[str]:
    """Return a hub row as the cells of a CSV row; its answer is a number from 0."""
    match row:
        case {"question": str(text), "choices": [*choices], "answer": int(answer)} if all(
            isinstance(choice, str) for choice in choices
        ) and answer in range(len(LETTERS)):
            return [text, *choices, LETTERS[answer]]
    raise DatasetError(f"{where}: is no question, choices and answer from 0 to 3. {_MEND}")


def question(subject: str, split: str, number: int, cells: list[str], where: str) -> Sample:
    """Return the row as a sample. Raises DatasetError, saying where, if it is malformed."""
    if len(cells) != 6:
        raise DatasetError(
            f"{where}: {len(cells)} cells, not six (question, four choices, letter). {_MEND}"
        )
    text, *choices, letter = cells
    if letter not in LETTERS:
        raise DatasetError(f"{where}: the answer is {letter!r}, not A, B, C or D. {_MEND}")
    return Sample(
        id=f"{subject}/{number}" if split == "test" else f"{subject}/{split}/{number}",
        input=text,
        target=letter,
        choices=tuple(choices),
        groups=GROUPS[subject],
    )
