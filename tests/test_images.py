"""Pictures open as a viewer would show them, and whatever is no whole picture is a BadImage."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as pillow

from registry import BadImage, Image, open_image

Save = Callable[..., Image]
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(picture: pillow.Image, kind: str = "PNG", **settings: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return buffer.getvalue()


def noise(mode: str = "RGB") -> pillow.Image:
    """Return a picture that does not compress to nothing."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return pillow.fromarray(pixels).convert(mode)


WHOLE = {
    "png": encoded(noise()),
    "jpeg": encoded(noise(), "JPEG"),
    "gif": encoded(noise("P"), "GIF"),
    "webp": encoded(noise(), "WEBP"),
    "bmp": encoded(noise(), "BMP"),
    "tiff": encoded(noise(), "TIFF"),
}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Put bytes into a file and return the reference to it."""

    def save(data: bytes, name: str = "picture.png") -> Image:
        (tmp_path / name).write_bytes(data)
        return Image(str(tmp_path / name))

    return save


@pytest.fixture
def cell(tmp_path: Path) -> Save:
    """Put a value into row 5 of a Parquet file of two-row groups, and return the reference."""

    def cell(value: Any, kind: pa.DataType | None = None) -> Image:
        values = pa.array([None] * 5 + [value] + [None], kind)
        file = tmp_path / "rows.parquet"
        pq.write_table(pa.table({"picture": values}), file, row_group_size=2)
        return Image(str(file), "picture", 5)

    return cell


# --- What a viewer would show ---------------------------------------------------------------------


def test_transparency_is_laid_on_white(save: Save) -> None:
    layer = pillow.new("RGBA", (3, 1), (0, 0, 0, 0))
    layer.putpixel((1, 0), (255, 0, 0, 255))
    layer.putpixel((2, 0), (0, 0, 0, 128))
    picture = open_image(save(encoded(layer)))
    assert picture.mode == "RGB"
    assert [picture.getpixel((x, 0)) for x in range(3)] == [WHITE, RED, (127, 127, 127)]


def test_a_transparent_grey_is_laid_on_white(save: Save) -> None:
    assert open_image(save(encoded(pillow.new("LA", (1, 1), (0, 0))))).getpixel((0, 0)) == WHITE


def test_a_transparent_colour_of_a_palette_is_white(save: Save) -> None:
    picture = pillow.new("P", (2, 1))
    picture.putpalette([*RED, *BLUE])
    picture.putpixel((1, 0), 1)
    opened = open_image(save(encoded(picture, transparency=0)))
    assert [opened.getpixel((x, 0)) for x in range(2)] == [WHITE, BLUE]


@pytest.mark.parametrize("settings", [{}, {"transparency": 4000}], ids=["plain", "transparent"])
def test_16_bit_greys_are_scaled_not_clipped(save: Save, settings: dict[str, int]) -> None:
    greys = pillow.fromarray(np.array([[0, 15_000, 60_000]], dtype=np.uint16))
    picture = open_image(save(encoded(greys, **settings)))
    assert picture.mode == "RGB"
    assert np.asarray(picture)[0, :, 0] == pytest.approx([0, 64, 255], abs=1)


def test_a_16_bit_picture_of_one_grey_opens(save: Save) -> None:
    greys = pillow.fromarray(np.full((2, 2), 700, dtype=np.uint16))
    assert open_image(save(encoded(greys))).size == (2, 2)


def test_float_greys_are_scaled(save: Save) -> None:
    greys = pillow.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32))
    picture = open_image(save(encoded(greys, "TIFF")))
    assert np.asarray(picture)[0, :, 0] == pytest.approx([0, 127, 255], abs=1)


def test_an_animation_shows_its_first_frame(save: Save) -> None:
    frames = [pillow.new("RGB", (2, 2), colour) for colour in (RED, GREEN, BLUE)]
    animated = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(save(animated)).getpixel((0, 0)) == RED


def test_a_photo_is_turned_as_its_camera_says(save: Save) -> None:
    exif = pillow.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    photo = encoded(pillow.new("RGB", (4, 2), RED), "JPEG", exif=exif)
    assert open_image(save(photo, "photo.jpg")).size == (2, 4)


def test_the_content_decides_not_the_file_s_name(save: Save) -> None:
    assert open_image(save(WHOLE["webp"], "really-webp.jpg")).size == (24, 24)


def test_cmyk_and_one_bit_pictures_become_rgb(save: Save) -> None:
    assert open_image(save(encoded(noise("CMYK"), "JPEG"))).mode == "RGB"
    assert open_image(save(encoded(noise("1")))).mode == "RGB"


# --- What is no whole picture ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", WHOLE)
def test_a_truncated_picture_is_refused(save: Save, kind: str) -> None:
    with pytest.raises(BadImage, match=r"picture\.png cannot be decoded"):
        open_image(save(WHOLE[kind][: len(WHOLE[kind]) * 2 // 3]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "picture.png is empty"),
        (bytes(64), "picture.png is no picture"),
        (b"<html>403 Forbidden</html>", "picture.png is no picture"),
        (b"\x89PNG\r\n\x1a\n", "picture.png"),
    ],
    ids=["zero bytes", "zeros", "an error page", "a signature"],
)
def test_what_is_no_picture_says_so(save: Save, data: bytes, says: str) -> None:
    with pytest.raises(BadImage, match=says):
        open_image(save(data))


def test_a_missing_file_a_folder_and_an_impossible_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"gone\.png cannot be read: No such file"):
        open_image(Image(str(tmp_path / "gone.png")))
    with pytest.raises(BadImage, match="cannot be read: Is a directory"):
        open_image(Image(str(tmp_path)))
    with pytest.raises(BadImage, match="cannot be read: embedded null byte"):
        open_image(Image("\0.png"))


@pytest.mark.parametrize("side", [9_500, 20_000], ids=["Pillow warns", "Pillow refuses"])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(save: Save, side: int) -> None:
    bomb = encoded(pillow.new("1", (side, side)))
    assert len(bomb) < 100_000
    with pytest.raises(BadImage, match=r"picture\.png"):
        open_image(save(bomb))


@given(kind=st.sampled_from(sorted(WHOLE)), cut=st.integers(0, 400), flip=st.integers(0, 2**31))
def test_hostile_bytes_give_a_picture_or_a_bad_image(
    tmp_path_factory: pytest.TempPathFactory, kind: str, cut: int, flip: int
) -> None:
    data = bytearray(WHOLE[kind][: -cut or None])
    if data:
        data[flip % len(data)] ^= 1 << flip % 8
    file = tmp_path_factory.getbasetemp() / "hostile"
    file.write_bytes(data)
    try:
        mode = open_image(Image(str(file))).mode
    except BadImage:
        mode = "RGB"
    assert mode == "RGB"


# --- Cells of a Parquet file ----------------------------------------------------------------------


def test_a_cell_may_hold_bytes_a_struct_or_a_data_uri(cell: Save) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(WHOLE['png']).decode()}"
    struct = {"bytes": WHOLE["png"], "path": "picture.png"}
    for value in (WHOLE["png"], struct, uri):
        assert open_image(cell(value)).size == (24, 24)


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    ("value", "kind", "says"),
    [
        (None, pa.binary(), "is empty"),
        (b"", pa.binary(), "is empty"),
        ({"bytes": None, "path": "elsewhere.png"}, STRUCT, "is empty"),
        ("data:image/png;base64,", pa.string(), "is empty"),
        ("data:image/png;base64,!!!!", pa.string(), "is no base64 data URI"),
        ("data:image/png;base64,ünicode", pa.string(), "is no base64 data URI"),
        ("https://example.org/picture.png", pa.string(), "is no base64 data URI"),
        ("", pa.string(), "is no base64 data URI"),
        (WHOLE["png"][:200], pa.binary(), "cannot be decoded"),
        ([1, 2], pa.list_(pa.int64()), "holds no picture, but list"),
        (7, pa.int64(), "holds no picture, but int"),
    ],
)
def test_a_cell_without_a_picture_is_refused_by_name(
    cell: Save, value: Any, kind: pa.DataType, says: str
) -> None:
    with pytest.raises(BadImage, match=rf"rows\.parquet, row 5, picture {says}"):
        open_image(cell(value, kind))


@pytest.mark.parametrize(("column", "row"), [("picture", 7), ("picture", -1), ("image", 5)])
def test_a_cell_that_does_not_exist_is_refused(cell: Save, column: str, row: int) -> None:
    file = cell(WHOLE["png"]).path
    with pytest.raises(BadImage, match=f"row {row}, {column} does not exist"):
        open_image(Image(file, column, row))


def test_a_cell_of_what_is_no_parquet_file_is_refused(save: Save, tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="row 0, picture cannot be read"):
        open_image(Image(save(b"PAR1 no").path, "picture", 0))
    with pytest.raises(BadImage, match=r"gone\.parquet, row 0, picture cannot be read"):
        open_image(Image(str(tmp_path / "gone.parquet"), "picture", 0))
