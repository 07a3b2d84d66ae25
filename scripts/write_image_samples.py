"""Write the offline samples of MMMU, MMMU-Pro and MathVista, each in its layout on the hub.

The questions are the literals in scripts/samples/; edit those, never the written files.
"""

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont
from samples.figures import INK, PAPER, figure
from samples.mathvista import FIGURES, QUESTIONS, VISUAL
from samples.mmmu import SUBJECTS
from samples.shapes import PictureQuestion, VistaQuestion

PLUGINS = Path(__file__).parents[1] / "plugins"

LETTERS = "ABCDEFGHIJ"
N_PICTURES = 7
# Far above the genuine ids, which end at 30 in each subject.
MMMU_FIRST_ID = 9001
# Far above the genuine pids, which end at 6,141.
VISTA_FIRST_PID = 900_001

# How the hub stores an image in Parquet.
HUB_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
PICTURES = [(f"image_{number}", HUB_IMAGE) for number in range(1, N_PICTURES + 1)]
ROW_HEAD = [(name, pa.string()) for name in ("id", "question", "options", "explanation")]
MMMU_SCHEMA = pa.schema(
    [
        *ROW_HEAD,
        *PICTURES,
        ("img_type", pa.string()),
        ("answer", pa.string()),
        ("topic_difficulty", pa.string()),
        ("question_type", pa.string()),
        ("subfield", pa.string()),
    ]
)
STANDARD_SCHEMA = pa.schema(
    [
        *ROW_HEAD,
        *PICTURES,
        ("img_type", pa.string()),
        ("answer", pa.string()),
        ("topic_difficulty", pa.string()),
        ("subject", pa.string()),
    ]
)
VISION_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("image", HUB_IMAGE),
        ("options", pa.string()),
        ("answer", pa.string()),
        ("subject", pa.string()),
    ]
)
VISTA_SCHEMA = pa.schema(
    [
        ("pid", pa.string()),
        ("question", pa.string()),
        ("image", pa.string()),
        ("decoded_image", HUB_IMAGE),
        ("choices", pa.list_(pa.string())),
        ("unit", pa.string()),
        ("precision", pa.float64()),
        ("answer", pa.string()),
        ("question_type", pa.string()),
        ("answer_type", pa.string()),
        (
            "metadata",
            pa.struct(
                [
                    ("category", pa.string()),
                    ("context", pa.string()),
                    ("grade", pa.string()),
                    ("img_height", pa.int64()),
                    ("img_width", pa.int64()),
                    ("language", pa.string()),
                    ("skills", pa.list_(pa.string())),
                    ("source", pa.string()),
                    ("split", pa.string()),
                    ("task", pa.string()),
                ]
            ),
        ),
        ("query", pa.string()),
    ]
)

CHOICE_HINT = (
    "Please answer the question and provide the correct option letter, "
    "e.g., A, B, C, D, at the end."
)
HINTS = {
    ("integer", None): "requiring an integer answer and provide the final value, e.g., 1, 2, 3",
    ("float", 1.0): "requiring a floating-point number with one decimal place and provide the "
    "final value, e.g., 1.2, 1.3, 1.4",
    ("float", 2.0): "requiring a floating-point number with two decimal places and provide the "
    "final value, e.g., 1.23, 1.34, 1.45",
    ("list", None): "requiring a Python list as an answer and provide the final list, "
    "e.g., [1, 2, 3], [1.2, 1.3, 1.4]",
}


def stored(picture: Image.Image, path: str, style: str = "PNG") -> dict[str, Any]:
    """Return a picture as the hub stores it; lossless, whatever its name says."""
    file = BytesIO()
    if style == "WEBP":
        picture.save(file, format=style, lossless=True)
    else:
        picture.save(file, format=style, optimize=True)
    return {"bytes": file.getvalue(), "path": path}


def pictures_of(question_id: str, question: PictureQuestion) -> dict[str, Any]:
    """Return the image columns of a row; those after its figures stay empty."""
    return {
        f"image_{number}": stored(figure(name), f"{question_id}_{number}.png")
        for number, name in enumerate(question.figures, 1)
    }


def mmmu_row(question_id: str, question: PictureQuestion) -> dict[str, Any]:
    """Return a row of MMMU; lists are stored as the text of a Python list."""
    return {
        "id": question_id,
        "question": question.question,
        "options": str(list(question.options)),
        "explanation": question.explanation,
        **pictures_of(question_id, question),
        "img_type": str([question.img_type]),
        "answer": question.answer,
        "topic_difficulty": question.difficulty,
        "question_type": "multiple-choice" if question.options else "open",
        "subfield": question.subfield,
    }


def ten_options(question: PictureQuestion) -> tuple[list[str], str]:
    """Return the options with those that MMMU-Pro adds around them, and the answer's new letter."""
    half = len(question.more) // 2
    options = [*question.more[:half], *question.options, *question.more[half:]]
    return options, LETTERS[LETTERS.index(question.answer) + half]


def standard_row(subject: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of MMMU-Pro's standard settings from one of MMMU."""
    kept = {name: row.get(name) for name in STANDARD_SCHEMA.names if name != "subject"}
    return kept | {"subject": subject}


def vision_row(subject: str, row: dict[str, Any], page: dict[str, Any]) -> dict[str, Any]:
    """Return a row of MMMU-Pro's vision setting: all that is asked is on the page."""
    asked = {name: row[name] for name in ("id", "options", "answer")}
    return asked | {"image": page, "subject": subject}


def screenshot(question: PictureQuestion, options: Sequence[str]) -> Image.Image:
    """Draw question, figures and options as one picture.

    Pillow's own bitmap font is the same everywhere, and has no letters beyond Latin-1.
    """
    font = ImageFont.load_default_imagefont()
    listed = [f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False)]
    text = [line for part in (question.question, *listed) for line in textwrap.wrap(part, 64)]
    figures = [figure(name).convert("RGBA") for name in question.figures]
    width = max(400, sum(each.width + 20 for each in figures))
    top = 14 * len(text) + 40
    page = Image.new("RGB", (width, top + max(each.height for each in figures) + 10), PAPER)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(text):
        draw.text((10, 10 + 14 * number), line, fill=INK, font=font)
    left = 10
    for number, each in enumerate(figures, 1):
        draw.text((left, top - 16), f"<image {number}>", fill=INK, font=font)
        page.paste(each, (left, top), each)
        left += each.width + 20
    return page.quantize(16)


def write_mmmu(folder: Path) -> None:
    """Write a folder for each subject with its validation split."""
    for subject, questions in SUBJECTS.items():
        rows = [
            mmmu_row(f"validation_{subject}_{number}", question)
            for number, question in enumerate(questions, MMMU_FIRST_ID)
        ]
        write(rows, MMMU_SCHEMA, folder / subject / "validation-00000-of-00001.parquet")


def multiple_choice() -> Iterator[tuple[str, str, PictureQuestion]]:
    """Yield id, subject and question of all of MMMU's that have options."""
    for subject, questions in SUBJECTS.items():
        for number, question in enumerate(questions, MMMU_FIRST_ID):
            if question.options:
                yield f"validation_{subject}_{number}", subject, question


def write_mmmu_pro(folder: Path) -> None:
    """Write the multiple-choice questions of MMMU's sample in MMMU-Pro's three settings."""
    four: list[dict[str, Any]] = []
    ten: list[dict[str, Any]] = []
    vision: list[dict[str, Any]] = []
    for question_id, subject, question in multiple_choice():
        row = mmmu_row(question_id, question)
        options, answer = ten_options(question)
        wide = row | {"options": str(options), "answer": answer}
        page = stored(screenshot(question, options), f"page_{len(vision) + 1}.png")
        four.append(standard_row(subject, row))
        ten.append(standard_row(subject, wide))
        vision.append(vision_row(subject, wide, page))
    file = "test-00000-of-00001.parquet"
    write(ten, STANDARD_SCHEMA, folder / "standard (10 options)" / file)
    write(four, STANDARD_SCHEMA, folder / "standard (4 options)" / file)
    write(vision, VISION_SCHEMA, folder / "vision" / file)


def vista_row(pid: int, question: VistaQuestion) -> dict[str, Any]:
    """Return a row of MathVista."""
    picture = figure(question.figure)
    name = f"images/{pid}.jpg"
    general = question.task in (FIGURES, VISUAL)
    return {
        "pid": str(pid),
        "question": question.question,
        "image": name,
        "decoded_image": stored(picture, name, "WEBP" if question.webp else "PNG"),
        "choices": list(question.choices) or None,
        "unit": question.unit,
        "precision": question.precision,
        "answer": question.answer,
        "question_type": "multi_choice" if question.choices else "free_form",
        "answer_type": question.answer_type,
        "metadata": {
            "category": "general-vqa" if general else "math-targeted-vqa",
            "context": question.context,
            "grade": question.grade,
            "img_height": picture.height,
            "img_width": picture.width,
            "language": question.language,
            "skills": list(question.skills),
            "source": "Podium",
            "split": "testmini",
            "task": question.task,
        },
        "query": query(question),
    }


def query(question: VistaQuestion) -> str:
    """Return what a model is asked: hint, question, choices."""
    asked = f"{question.question} (Unit: {question.unit})" if question.unit else question.question
    if not question.choices:
        hint = HINTS[question.answer_type, question.precision]
        return f"Hint: Please answer the question {hint}, at the end.\nQuestion: {asked}"
    listed = [f"({letter}) {text}" for letter, text in zip(LETTERS, question.choices, strict=False)]
    return "\n".join([f"Hint: {CHOICE_HINT}", f"Question: {asked}", "Choices:", *listed])


def write_mathvista(folder: Path) -> None:
    """Write the testmini split of MathVista."""
    rows = [vista_row(pid, question) for pid, question in enumerate(QUESTIONS, VISTA_FIRST_PID)]
    write(rows, VISTA_SCHEMA, folder / "data" / "testmini-00000-of-00001.parquet")


def write(rows: list[dict[str, Any]], schema: pa.Schema, path: Path) -> None:
    """Write the rows as one small Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


def main() -> None:
    """Write every sample below the plugins, or below another folder."""
    parser = argparse.ArgumentParser(description="Write the offline samples with pictures.")
    parser.add_argument("--out", type=Path, default=PLUGINS, help="default: the plugins' folder")
    out: Path = parser.parse_args().out
    write_mmmu(out / "mmmu" / "sample")
    write_mmmu_pro(out / "mmmu" / "pro_sample")
    write_mathvista(out / "mathvista" / "sample")


if __name__ == "__main__":
    main()
