"""A multiple-choice benchmark from one table: name its columns, and the rest is here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from registry.benchmark import Choice, Dataset, Prompt, Sample, Sampling, Task, Variant
from registry.datasets import csv_records, json_lines, parquet_rows
from registry.errors import DatasetError
from registry.metrics import choice_accuracy

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

AnswerIs: TypeAlias = Literal["letter", "number", "text"]


def multiple_choice(
    name: str,
    file: Path | str,
    *,
    choices: Sequence[str] | str,
    question: str = "question",
    answer: str = "answer",
    answer_is: AnswerIs = "letter",
    id: str = "",
    groups: Sequence[str] = (),
    sample: Path | None = None,
    hub: str = "",
    revision: str = "",
    header: str = "",
    chat: bool = False,
    chance: float | None = None,
) -> Callable[[Variant], Task]:
    """Return the `task` of a benchmark that weighs the letters of each question's choices.

    `file` is a CSV, JSON-lines or Parquet file: a path to the one that the plugin brings along, or
    a name in the data folder, which may be a pattern ("*.csv") and has an offline `sample`.
    `choices` are the columns of the choices, of which the last may be empty, or one column that
    holds a list. The answer is a letter, a `number` from 0, or the choice's `text`. Without an `id`
    column samples are numbered. `groups` are columns to break the score down by; with "subject"
    among them, the mean over subjects stands beside the mean over questions.

    The prompt is `header`, the question, a line a choice and `Answer:`. `chance` is one over the
    number of columns unless given.
    """
    row_of = partial(
        _sample,
        question=question,
        choices=choices,
        answer=answer,
        answer_is=answer_is,
        id=id,
        groups=groups,
    )
    if isinstance(file, Path):
        dataset = Dataset(name, partial(rows, file.parent, file=file.name, row_of=row_of))
    else:
        dataset = Dataset(
            name,
            partial(rows, file=file, row_of=row_of),
            hub=hub,
            revision=revision,
            files=(file,),
            sample=sample,
            layout=file,
        )
    if chance is None and not isinstance(choices, str):
        chance = 1 / len(choices)
    macro_over = "subject" if "subject" in groups else ""
    task = Task(
        dataset=dataset,
        metrics=(choice_accuracy(chance=chance, macro_over=macro_over),),
        prompt=partial(lettered, header=header, chat=chat),
    )
    return lambda variant: task


def lettered(sample: Sample, *, header: str = "", chat: bool = False) -> Prompt:
    """Return the prompt that shows a line a choice, and weighs their letters."""
    letters = LETTERS[: len(sample.choices)]
    lines = (f"{letter}. {text}" for letter, text in zip(letters, sample.choices, strict=True))
    return Prompt(
        header=header,
        question="\n".join((str(sample.input), *lines, "Answer:")),
        chat=chat,
        # After "Answer:" the letter's token begins with a blank; a chat's reply may begin without.
        choices=tuple(
            Choice(letter, (f" {letter}", letter) if chat else (f" {letter}",))
            for letter in letters
        ),
        sampling=Sampling(max_tokens=1),
    )


def rows(root: Path, *, file: str, row_of: Callable[..., Sample]) -> Iterator[Sample]:
    """Yield a sample a row of the files. Raises DatasetError where there are none, or a bad row."""
    paths = sorted(root.glob(file))
    if not paths:
        raise DatasetError(f"{root} has no {file}. Name another folder with: --data DIR")
    number = 0
    for path in paths:
        for row in _records(path):
            try:
                yield row_of(row, number)
            except (KeyError, ValueError, TypeError) as error:
                raise DatasetError(f"{path}, question {number}: {_problem(error, row)}") from error
            number += 1


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    match suffixes[-1:]:
        case [".parquet"]:
            yield from parquet_rows(path)
        case [".jsonl" | ".json"]:
            yield from json_lines(path)
        case [".csv"]:
            yield from csv_records(path)
        case _:
            raise DatasetError(f"{path} is no CSV, JSON-lines or Parquet file")


def _problem(error: Exception, row: Mapping[str, Any]) -> str:
    if isinstance(error, KeyError):
        return f"no column {error}, only {', '.join(row)}"
    return str(error)


def _sample(
    row: Mapping[str, Any],
    number: int,
    *,
    question: str,
    choices: Sequence[str] | str,
    answer: str,
    answer_is: AnswerIs,
    id: str,
    groups: Sequence[str],
) -> Sample:
    """Return a row as a sample. Raises ValueError where its answer is none of its choices."""
    cells = row[choices] if isinstance(choices, str) else [row[column] for column in choices]
    texts = tuple("" if cell is None else str(cell) for cell in cells)
    while texts and not texts[-1]:
        texts = texts[:-1]
    if "" in texts:
        raise ValueError(f"choice {texts.index('') + 1} of {len(texts)} is empty")
    if not 2 <= len(texts) <= len(LETTERS):
        raise ValueError(f"{len(texts)} choices, not 2 to {len(LETTERS)}")
    return Sample(
        id=str(row[id]) if id else str(number),
        input=str(row[question]),
        target=LETTERS[_place(row[answer], texts, answer_is)],
        choices=texts,
        groups={column: str(row[column]) for column in groups},
    )


def _place(answer: Any, texts: Sequence[str], answer_is: AnswerIs) -> int:
    known: Sequence[str] = {
        "letter": LETTERS[: len(texts)],
        "number": [str(place) for place in range(len(texts))],
        "text": texts,
    }[answer_is]
    if str(answer) not in known:
        raise ValueError(f"the answer {answer!r} is no {answer_is} of its {len(texts)} choices")
    return known.index(str(answer))
