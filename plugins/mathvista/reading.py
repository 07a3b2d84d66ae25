"""MathVista from disk; a row that makes no question is left out, with the reason."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from plugins.mathvista.normalise import MULTIPLE_CHOICE
from plugins.mathvista.prompts import build_query
from registry import DatasetError, Excluded, Image, Sample, inside, parquet_rows

LAYOUT = "testmini-*.parquet, in the folder or its data/"
SIZE = 1000
MISSING = "questions not in this folder"

PICTURE = "decoded_image"
SKILLS = "skills"
JOINT = " + "
"""What stands between the skills of a question, which may need several of seven."""

Row: TypeAlias = Mapping[str, Any]

_GROUPS = ("task", "grade", "category", "context", "language", "source")


def read(root: Path) -> Iterator[Sample | Excluded]:
    """Yield the questions of the testmini split; fewer than 1,000 make the run partial.

    Raises DatasetError for a folder without any, and for files that are no Parquet or lack a
    column.
    """
    name = "testmini-*.parquet"
    files = sorted((root / "data").glob(name)) or sorted(root.glob(name))
    if not files:
        raise DatasetError(
            f"{root}: no questions of mathvista; looked for {LAYOUT}. Name another folder with: "
            "--data mathvista=DIR, or read the hub's copy by leaving out: --data"
        )
    n = 0
    for path in files:
        for number, row in enumerate(parquet_rows(path, (PICTURE,))):
            n += 1
            yield _item(row, root, Image(str(path), PICTURE, number))
    for number in range(n, SIZE):
        yield Excluded(f"testmini, question {number + 1}", MISSING, incomplete=True)


def _item(row: Row, root: Path, cell: Image) -> Sample | Excluded:
    where = f"{Path(cell.path).name}, row {cell.row}"
    try:
        return _sample(row, root, cell)
    except ValueError as error:
        return Excluded(str(row.get("pid") or where), str(error), incomplete=True)
    except KeyError as error:
        raise DatasetError(
            f"{where}: has no column {error}, only {', '.join(row)}. Name another folder with: "
            "--data mathvista=DIR, or read the hub's copy by leaving out: --data"
        ) from error


def _sample(row: Row, root: Path, cell: Image) -> Sample:
    """Return the row as a sample. Raises ValueError, saying why, if it makes none."""
    choices, answer = _choices(row), _text(row, "answer")
    rebuilt = build_query(
        _text(row, "question"),
        question_type=_text(row, "question_type"),
        answer_type=_text(row, "answer_type"),
        precision=row["precision"],
        unit=row["unit"],
        choices=choices,
    )
    if row["question_type"] == MULTIPLE_CHOICE and answer not in choices:
        raise ValueError(f"the answer {answer[:40]!r} is none of its {len(choices)} choices")
    return Sample(
        id=_text(row, "pid"),
        input=(_picture(row, root, cell), row.get("query") or rebuilt),
        target=answer,
        choices=choices,
        groups=_groups(row),
        metadata={"precision": row["precision"]},
    )


def _choices(row: Row) -> tuple[str, ...]:
    choices = tuple(row["choices"] or ())
    if not all(isinstance(choice, str) for choice in choices):
        raise ValueError("its choices are not all texts")
    return choices


def _picture(row: Row, root: Path, cell: Image) -> Image:
    """Return the picture in the row, else the unpacked file that it names.

    Where there is neither, the empty cell: no model can be asked then, but recorded responses are
    scored without pictures. Raises ValueError for a name that leads out of the folder.
    """
    named = row.get("image")
    if row[PICTURE] is None and isinstance(named, str):
        try:
            file = inside(root, named)
        except DatasetError as error:
            raise ValueError(f"its picture lies outside the folder: {named[:80]!r}") from error
        if file.is_file():
            return Image(str(file))
    return cell


def _groups(row: Row) -> dict[str, str]:
    details = row["metadata"] or {}
    groups = {"question_type": row["question_type"], "answer_type": row["answer_type"]}
    groups |= {kind: details[kind] for kind in _GROUPS if details.get(kind)}
    if skills := [skill for skill in details.get(SKILLS) or () if skill]:
        groups[SKILLS] = JOINT.join(skills)
    return groups


def _text(row: Row, column: str) -> str:
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"its {column} is empty or no text")
    return value
