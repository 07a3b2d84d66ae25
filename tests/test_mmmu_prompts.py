"""What MMMU and MMMU-Pro ask: official texts byte for byte, images in reading order, bad rows."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mmmu import pro_prompts, prompts
from plugins.mmmu.columns import MalformedRow, letters, parse_options
from plugins.mmmu.prompts import images_last, referenced_images, split_at_images
from plugins.mmmu.subjects import SUBJECTS, subject_of

DATA = Path(__file__).parents[2] / "shared" / "data"


def shared_rows(folder: str) -> Iterator[dict[str, Any]]:
    """Yield the saved rows of a data set, images included."""
    files = sorted((DATA / folder).rglob("*.parquet"))
    if not files:
        if os.environ.get("CI"):
            pytest.fail(f"{folder} is missing from the shared data")
        pytest.skip(f"{folder} is not here")
    for file in files:
        yield from pq.read_table(file).to_pylist()


def make_row(
    question: str, options: str = "['red', 'blue']", n_images: int = 1, **columns: Any
) -> dict[str, Any]:
    """Return a row as the data set has it: every image column present, empty ones None."""
    images = {f"image_{i}": object() if i <= n_images else None for i in range(1, 8)}
    kind = {"question_type": "multiple-choice"}
    return {"question": question, "options": options, **images, **kind, **columns}


def tagged(parts: tuple[prompts.Part, ...]) -> str:
    return "".join(part if isinstance(part, str) else f"<image {part}>" for part in parts)


# --- The texts -----------------------------------------------------------------------------------


def test_the_reference_prompt_of_a_multiple_choice_question() -> None:
    assert prompts.multiple_choice_prompt("Which colour?", ["red", "blue"]) == (
        "Which colour?\n(A) red\n(B) blue\n\n"
        "Answer with the option's letter from the given choices directly."
    )


def test_the_reference_prompt_of_an_open_question() -> None:
    assert prompts.open_prompt("How many?") == (
        "How many?\nAnswer the question using a single word or phrase."
    )


@pytest.mark.parametrize("question_type", ["open", "short-answer"])
def test_what_is_not_multiple_choice_is_open(question_type: str) -> None:
    # The data set says "open", the authors' evaluation files "short-answer".
    row = make_row("How many in <image 1>?", "[]", question_type=question_type)
    assert prompts.build_parts(row) == (
        "How many in ",
        1,
        "?\nAnswer the question using a single word or phrase.",
    )


LAST_LINE = (
    " The last line of your response should be of the following format: 'Answer: $LETTER' "
    "(without quotes) where LETTER is one of options."
)


def test_the_instructions_of_mmmu_pro_are_the_authors_byte_for_byte() -> None:
    direct = "Answer with the option letter from the given choices directly."
    steps = " Think step by step before answering."
    assert pro_prompts.STANDARD_INSTRUCTIONS["direct"] == direct
    assert pro_prompts.STANDARD_INSTRUCTIONS["cot"] == (
        "Answer the preceding multiple choice question." + LAST_LINE + steps
    )
    assert pro_prompts.vision_prompt("direct") == direct + LAST_LINE
    assert pro_prompts.vision_prompt("cot") == (
        "Write out the multiple-choice question in the image and then solve it." + LAST_LINE + steps
    )


def test_a_standard_prompt_of_mmmu_pro() -> None:
    assert pro_prompts.standard_prompt("Which colour?", ["red", "blue"], "direct") == (
        "Which colour?\nA. red\nB. blue\n"
        "Answer with the option letter from the given choices directly."
    )


@pytest.mark.parametrize("n_options", [1, 2, 9, 10, 12])
def test_ten_options_are_as_many_as_the_row_has(n_options: int) -> None:
    options = [f"colour {i}" for i in range(n_options)]
    prompt = pro_prompts.standard_prompt("Which?", options, "cot")
    last = f"{letters(n_options)[-1]}. colour {n_options - 1}\nAnswer the preceding"
    assert last in prompt


# --- Options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "options"),
    [
        ("['red', 'blue']", ("red", "blue")),
        ('["the painter\'s", \'"so"\']', ("the painter's", '"so"')),  # not JSON
        ("['\\\\frac{1}{2}', 'é']", ("\\frac{1}{2}", "é")),
        ("[1, 2.5]", ("1", "2.5")),
        ("[]", ()),
        (["red", "blue"], ("red", "blue")),
        ("[['A', 'B', 'Not enough information']]", ("A", "B", "Not enough information")),
        ([["A", "B"]], ("A", "B")),
    ],
)
def test_options_are_read_as_a_python_list(column: Any, options: tuple[str, ...]) -> None:
    assert parse_options(column) == options


@pytest.mark.parametrize(
    "column",
    [
        "",
        "red, blue",
        "['red', 'blue'",
        "'red'",
        "{'A': 'red'}",
        "[['red'], ['blue']]",
        "[[['red']]]",
        "[None, 'red']",
        "[True, False]",
        "__import__('os').getcwd()",
        "['a'] + ['b']",
        "[" * 100_000,
        "['a\x00']",
    ],
)
def test_options_that_are_no_list_of_texts_are_refused_with_the_reason(column: str) -> None:
    with pytest.raises(MalformedRow, match=r"not a Python list|not a list of texts"):
        parse_options(column)


def test_more_options_than_letters_are_refused() -> None:
    assert len(parse_options(str(["x"] * 26))) == 26
    with pytest.raises(MalformedRow, match="27 options, but only 26 letters"):
        parse_options(str(["x"] * 27))


def test_a_multiple_choice_question_without_options_is_refused() -> None:
    with pytest.raises(MalformedRow, match="without options"):
        prompts.build_parts(make_row("Which colour?", "[]"))
    with pytest.raises(MalformedRow, match="NoneType, not a list"):
        prompts.build_parts(make_row("Which colour?", options=None))  # type: ignore[arg-type]


# --- Images --------------------------------------------------------------------------------------


def test_images_stand_where_their_tags_stand() -> None:
    row = make_row("<image 1> next to <image 2>: which?", "['<image 3>', 'none']", n_images=3)
    assert prompts.build_parts(row) == (
        1,
        " next to ",
        2,
        ": which?\n(A) ",
        3,
        "\n(B) none\n\nAnswer with the option's letter from the given choices directly.",
    )


def test_a_tag_means_its_column_in_whatever_order_tags_come() -> None:
    row = make_row("Like <image 1>?", "['<image 4>', '<image 2>', '<image 3>']", n_images=4)
    parts = pro_prompts.build_parts(row, "cot")
    assert [part for part in parts if isinstance(part, int)] == [1, 4, 2, 3]
    assert parts[:3] == ("Like ", 1, "?\nA. ")


def test_images_that_no_tag_refers_to_are_left_out() -> None:
    parts = prompts.build_parts(make_row("See <image 1>.", n_images=3))
    assert referenced_images(parts) == (1,)  # the others belong to the explanation


def test_35_references_to_7_images_are_35_parts_and_7_images() -> None:
    options = str([" ".join(f"<image {i}>" for i in range(7, 0, -1))] * 4)
    question = "".join(f"<image {i}>" for i in range(1, 8))
    parts = pro_prompts.build_parts(make_row(question, options, n_images=7), "direct")
    assert sum(isinstance(part, int) for part in parts) == 35
    assert referenced_images(parts) == (1, 2, 3, 4, 5, 6, 7)
    text, *images = images_last(parts)
    assert isinstance(text, str)
    assert text.count("<image>") == len(images) == 35
    assert images[:8] == [1, 2, 3, 4, 5, 6, 7, 7]


@pytest.mark.parametrize("number", ["2", "7", "0", "01", "0" * 6000])
def test_a_tag_without_its_image_is_refused(number: str) -> None:
    row = make_row(f"See <image {number}>.", n_images=1)
    with pytest.raises(MalformedRow, match=rf"refers to <image {number[:20]}>"):
        prompts.build_parts(row)


@pytest.mark.parametrize("number", ["8", "30", "9" * 6000])
def test_tags_beyond_the_columns_stay_text_and_so_do_their_empty_neighbours(number: str) -> None:
    row = make_row(f"<image 1>: <image 7>, <image {number}> or none?", n_images=1)
    first, text = prompts.build_parts(row)[:2]
    assert first == 1
    assert isinstance(text, str)
    assert text.startswith(f": <image 7>, <image {number}> or none?\n")


def test_a_gap_between_the_image_columns_is_no_end_of_them() -> None:
    row = make_row("See <image 3>.", n_images=3) | {"image_2": None}
    assert referenced_images(prompts.build_parts(row)) == (3,)


@pytest.mark.parametrize("text", ["<image>", "<image1>", "<Image 1>", "<image 1", "<image one>"])
def test_what_is_no_tag_stays_text(text: str) -> None:
    assert split_at_images(text, {1}) == (text,)


def test_images_last_is_one_text_and_the_images_in_reading_order() -> None:
    parts = ("See ", 2, " and ", 1, ".")
    assert images_last(parts) == ("See <image> and <image>.", 2, 1)
    assert images_last(parts, "[image]")[0] == "See [image] and [image]."
    assert images_last(("no image",)) == ("no image",)


@given(st.lists(st.one_of(st.text(max_size=5), st.integers(1, 7).map("<image {}>".format))))
def test_no_character_of_the_text_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    parts = split_at_images(text, range(1, 8))
    assert tagged(parts) == text
    assert "" not in parts


def test_ten_megabytes_of_tags_return() -> None:
    n_tags = 1_000_000
    parts = split_at_images("<image 1>" * n_tags + "<image 1" * 100_000, {1})
    assert len(parts) == n_tags + 1


# --- The saved rows of the data sets -------------------------------------------------------------


def test_every_saved_row_of_mmmu_becomes_parts_with_all_its_images() -> None:
    several = 0
    for row in shared_rows("mmmu"):
        parts = prompts.build_parts(row)
        options = prompts.options_of(row)
        assert row["answer"] in letters(len(options))
        assert set(referenced_images(parts)) == prompts.present_images(row)
        assert tagged(parts) == prompts.multiple_choice_prompt(row["question"], options)
        assert subject_of(row["id"]) in SUBJECTS
        several += len(referenced_images(parts)) > 1
    assert several == 6


@pytest.mark.parametrize(("setting", "n_out_of_order"), [("standard-10", 8), ("standard-4", 0)])
def test_every_saved_standard_row_of_mmmu_pro_becomes_parts(
    setting: pro_prompts.Setting, n_out_of_order: int
) -> None:
    out_of_order = 0
    for row in shared_rows(f"mmmu_pro/{pro_prompts.CONFIGURATIONS[setting]}"):
        parts = pro_prompts.build_parts(row, "cot")
        images = referenced_images(parts)
        assert set(images) == prompts.present_images(row)
        assert row["subject"] == subject_of(row["id"])
        assert row["answer"] in letters(len(prompts.options_of(row)))
        out_of_order += images != tuple(sorted(images))
    assert out_of_order == n_out_of_order


def test_the_reordered_options_of_a_saved_row_keep_their_images() -> None:
    rows = {row["id"]: row for row in shared_rows("mmmu_pro/standard (10 options)")}
    parts = pro_prompts.build_parts(rows["test_Music_251"], "direct")
    assert referenced_images(parts) == (1, 4, 2, 5, 3)
    after = {parts[i - 1]: part for i, part in enumerate(parts) if isinstance(part, int) and i}
    assert after["\nB. "] == 2


def test_a_saved_vision_row_has_options_to_read_its_answer_by() -> None:
    for row in shared_rows("mmmu_pro/vision"):
        assert row["answer"] in letters(len(prompts.options_of(row)))
