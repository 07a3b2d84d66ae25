"""MMMU and MMMU-Pro from disk; a row that makes no question is left out, with the reason.

Pictures stay references. What a tag names is sent, and other pictures of a row are not: they
belong to its explanation.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from plugins.mmmu import pro_prompts, prompts
from plugins.mmmu.columns import MalformedRow, letters, parse_golds
from plugins.mmmu.pro_prompts import CONFIGURATIONS, Mode, Setting
from plugins.mmmu.prompts import IMAGE_COLUMNS, MULTIPLE_CHOICE, Part, images_last, options_of
from plugins.mmmu.subjects import DISCIPLINE_OF, SUBJECTS, subject_of
from registry import DatasetError, Excluded, Image, Sample, parquet_rows

LAYOUT = "<Subject>/validation-*.parquet for 30 subjects"
PRO_LAYOUT = " and ".join(f"'{folder}/test-*.parquet'" for folder in CONFIGURATIONS.values())
VALIDATION_SIZE = 30  # of each subject
PRO_SIZE = 1730  # of each setting
MISSING = "questions not in this folder"

# The tag that the authors' script for local models writes. That of their others, "<image>", is the
# very token with which LLaVA and InternVL mark a picture's place, and would count as one more.
TAG = "[image]"

Row: TypeAlias = Mapping[str, Any]
Build: TypeAlias = Callable[[Row], Sample]

_PICTURES = (*(f"image_{number}" for number in IMAGE_COLUMNS), "image")


def read(root: Path) -> Iterator[Sample | Excluded]:
    """Yield the validation questions of MMMU, subject by subject.

    Fewer than thirty of a subject make the run partial. Raises DatasetError for a folder
    without any, and for files that are no Parquet or lack a column.
    """
    files = {name: sorted(root.glob(f"{name}/validation-*.parquet")) for name in SUBJECTS}
    if not any(files.values()):
        raise _nothing("mmmu", root, LAYOUT)
    for subject in SUBJECTS:
        items = [item for path in files[subject] for item in _items(path, _validation_sample)]
        yield from items
        yield from _missing(subject, len(items), VALIDATION_SIZE)


def read_pro(root: Path, *, setting: Setting, mode: Mode) -> Iterator[Sample | Excluded]:
    """Yield the questions of one setting of MMMU-Pro; fewer than 1,730 make the run partial.

    Raises DatasetError for a folder without any, and for files that are no Parquet or lack a
    column.
    """
    files = sorted((root / CONFIGURATIONS[setting]).glob("test-*.parquet"))
    if not files:
        raise _nothing("mmmu-pro", root, f"'{CONFIGURATIONS[setting]}/test-*.parquet'")

    def build(row: Row) -> Sample:
        return _vision_sample(row, mode) if setting == "vision" else _standard_sample(row, mode)

    items = [item for path in files for item in _items(path, build)]
    yield from items
    yield from _missing(setting, len(items), PRO_SIZE)


def _missing(name: str, n: int, size: int) -> Iterator[Excluded]:
    """Yield an exclusion for each question that the official data has and this copy has not."""
    for number in range(n, size):
        yield Excluded(f"{name}, question {number + 1}", MISSING, incomplete=True)


def _nothing(benchmark: str, root: Path, layout: str) -> DatasetError:
    return DatasetError(
        f"{root}: no questions of {benchmark}; looked for {layout}. Name another folder with: "
        f"--data {benchmark}=DIR, or read the hub's copy by leaving out: --data"
    )


def _items(path: Path, build: Build) -> Iterator[Sample | Excluded]:
    for number, row in enumerate(parquet_rows(path, _PICTURES)):
        yield _item(row, build, f"{path.parent.name}/{path.name}, row {number}")


def _item(row: Row, build: Build, where: str) -> Sample | Excluded:
    try:
        return build(row)
    except MalformedRow as error:
        return Excluded(str(row.get("id") or where), str(error), incomplete=True)
    except KeyError as error:
        raise DatasetError(
            f"{where}: has no column {error}, only {', '.join(row)}. Name another folder with "
            "--data, or read the hub's copy by leaving it out"
        ) from error


def _validation_sample(row: Row) -> Sample:
    _text(row, "question")
    if row["question_type"] == MULTIPLE_CHOICE:
        options = options_of(row)
        return _sample(row, prompts.build_parts(row), options, (_letter(row, options),))
    golds = parse_golds(_text(row, "answer"))
    return _sample(row, prompts.build_parts(row), (), golds)


def _standard_sample(row: Row, mode: Mode) -> Sample:
    _text(row, "question")
    options = options_of(row)
    parts = images_last(pro_prompts.build_parts(row, mode), TAG)
    return _sample(row, parts, options, (_letter(row, options),))


def _vision_sample(row: Row, mode: Mode) -> Sample:
    """Return the sample of a screenshot, which holds question, pictures and options."""
    if row["image"] is None:
        raise MalformedRow("the row has no screenshot")
    options = options_of(row)
    asked = (pro_prompts.vision_prompt(mode), row["image"])
    return _sample(row, asked, options, (_letter(row, options),))


def _sample(
    row: Row, parts: tuple[Part | Image, ...], options: tuple[str, ...], golds: tuple[str, ...]
) -> Sample:
    question_id = _text(row, "id")
    subject = subject_of(question_id)
    difficulty = row.get("topic_difficulty")
    return Sample(
        id=question_id,
        input=tuple(row[f"image_{part}"] if isinstance(part, int) else part for part in parts),
        target=" | ".join(golds),
        choices=options,
        groups={
            "subject": subject,
            "discipline": DISCIPLINE_OF[subject],
            "question_type": MULTIPLE_CHOICE if options else "open",
        }
        | ({"difficulty": difficulty} if difficulty else {}),
        metadata={"golds": golds},
    )


def _letter(row: Row, options: tuple[str, ...]) -> str:
    letter = _text(row, "answer")
    if letter not in tuple(letters(len(options))):
        raise MalformedRow(f"the answer {letter[:20]!r} is no letter of its {len(options)} options")
    return letter


def _text(row: Row, column: str) -> str:
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise MalformedRow(f"its {column} is empty or no text")
    return value
