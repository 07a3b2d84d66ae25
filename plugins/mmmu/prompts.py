"""What MMMU asks a model: the authors' reference prompt, with the images where the tags stand.

A prompt is a sequence of parts in reading order: a text, or the number i of an `image_i` column.
Only what a tag refers to is sent; other images of a row belong to its explanation.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from plugins.mmmu.columns import MalformedRow, letters, parse_options

Part = str | int
IMAGE_COLUMNS = range(1, 8)
MULTIPLE_CHOICE = "multiple-choice"  # an open question is "open", or "short-answer" in other files

_TAG = re.compile(r"<image ([0-9]+)>")
_BEYOND = re.compile(r"[89]|[1-9][0-9]+")  # the number of an image for which there is no column


def build_parts(row: Mapping[str, object]) -> tuple[Part, ...]:
    """Return the parts of a row of the data set.

    Raises:
        MalformedRow: the options are no list, or a tag refers to an image that the row lacks.
    """
    question = str(row["question"])
    if row["question_type"] == MULTIPLE_CHOICE:
        text = multiple_choice_prompt(question, options_of(row))
    else:
        text = open_prompt(question)
    return split_at_images(text, present_images(row))


def multiple_choice_prompt(question: str, options: Sequence[str]) -> str:
    """Return the reference prompt: options as `(A) text`, then a blank line and the instruction."""
    listed = "".join(
        f"({letter}) {option}\n"
        for letter, option in zip(letters(len(options)), options, strict=True)
    )
    return f"{question}\n{listed}\nAnswer with the option's letter from the given choices directly."


def open_prompt(question: str) -> str:
    """Return the reference prompt of a question without options."""
    return f"{question}\nAnswer the question using a single word or phrase."


def options_of(row: Mapping[str, object]) -> tuple[str, ...]:
    """Return the options of a multiple-choice row.

    Raises:
        MalformedRow: there are none, or the column is no list.
    """
    column = row["options"]
    if not isinstance(column, str | list | tuple):
        raise MalformedRow(f"options are a {type(column).__name__}, not a list")
    options = parse_options(column)
    if not options:
        raise MalformedRow("a multiple-choice question without options")
    return options


def present_images(row: Mapping[str, object]) -> frozenset[int]:
    """Return the numbers of the image columns that hold an image."""
    return frozenset(i for i in IMAGE_COLUMNS if row.get(f"image_{i}") is not None)


def split_at_images(text: str, present: Collection[int]) -> tuple[Part, ...]:
    """Return a text cut at its `<image i>` tags, each replaced by the number i.

    Tags need not ascend, and may repeat: test_Geography_252 refers 35 times to 7 images. Where a
    text names more images than a row can hold (validation_Math_7 names thirty), no copy has them
    all, and the tags without an image stay text.

    Raises:
        MalformedRow: a tag refers to an image that is not among those `present`.
    """
    numbers = {str(number): number for number in present}
    pieces = _TAG.split(text)  # text, number, text, number, ..., text
    overfull = any(map(_BEYOND.fullmatch, pieces[1::2]))

    def part(index: int, piece: str) -> Part:
        if index % 2 == 0:
            return piece
        if piece in numbers:
            return numbers[piece]
        if overfull:
            return f"<image {piece}>"
        raise MalformedRow(f"the text refers to <image {piece[:20]}>, which the row lacks")

    return tuple(_joined(part(index, piece) for index, piece in enumerate(pieces)))


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield the parts with neighbouring texts made one, and none that is empty."""
    for is_text, group in groupby(parts, key=lambda part: isinstance(part, str)):
        if not is_text:
            yield from group
        elif text := "".join(map(str, group)):
            yield text


def referenced_images(parts: Iterable[Part]) -> tuple[int, ...]:
    """Return each image number once, in the order of first reference."""
    return tuple(dict.fromkeys(part for part in parts if isinstance(part, int)))


def images_last(parts: Sequence[Part], tag: str = "<image>") -> tuple[Part, ...]:
    """Return one text, with a positional tag for each image, and then the images.

    So the authors of MMMU-Pro send it: an image referred to twice is sent twice.
    """
    text = "".join(part if isinstance(part, str) else tag for part in parts)
    return (text, *(part for part in parts if isinstance(part, int)))
