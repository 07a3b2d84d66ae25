"""Open a picture from its reference; runs beside the engine, never in the driver.

A picture is hostile input: it must decode completely, and its pixels are bounded.
"""

import base64
import binascii
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from registry.benchmark import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_PIXELS = 100_000_000


class BadImage(ValueError):
    """A picture that is missing, empty, truncated or no picture; the message says which."""


def open_image(image: Image) -> "Picture":
    """Return the picture as 8-bit RGB, completely decoded.

    Transparency is laid on white and 16-bit greys are scaled, so that what a model sees is what a
    viewer would show. Raises BadImage where there is no whole picture.
    """
    from PIL import Image as pillow
    from PIL import UnidentifiedImageError

    data = _bytes(image)
    if not data:
        raise BadImage(f"{_name(image)} is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            picture = pillow.open(io.BytesIO(data))
            if picture.width * picture.height > MAX_PIXELS:
                raise BadImage(f"{_name(image)} has {picture.width} x {picture.height} pixels")
            picture.load()
            return _rgb(picture)
    except UnidentifiedImageError as error:
        raise BadImage(f"{_name(image)} is no picture") from error
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombWarning) as error:
        raise BadImage(f"{_name(image)} cannot be decoded: {error}") from error


def _rgb(picture: "Picture") -> "Picture":
    from PIL import Image as pillow

    if picture.mode in ("I;16", "I;16B", "I", "F"):
        low, high = picture.getextrema()
        span = (high - low) or 1  # type: ignore[operator]
        picture = (
            picture.convert("F").point(lambda value: (value - low) * (255 / span)).convert("L")
        )
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = pillow.new("RGBA", layer.size, "white")
        picture = pillow.alpha_composite(white, layer)
    return picture.convert("RGB")


def _bytes(image: Image) -> bytes:
    if image.column:
        return _cell(image)
    try:
        return Path(image.path).read_bytes()
    except OSError as error:
        raise BadImage(f"{_name(image)} cannot be read: {error.strerror}") from error


def _cell(image: Image) -> bytes:
    """Return the bytes of one Parquet cell: a struct with `bytes`, raw bytes or a data URI."""
    from pyarrow import parquet

    file = parquet.ParquetFile(image.path)
    row = image.row
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if row < rows:
            value = file.read_row_group(group, [image.column]).column(0)[row].as_py()
            break
        row -= rows
    else:
        raise BadImage(f"{_name(image)} does not exist")
    value = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(value, str):
        try:
            return base64.b64decode(value.partition("base64,")[2], validate=True)
        except binascii.Error as error:
            raise BadImage(f"{_name(image)} is no base64 data URI") from error
    return value or b""


def _name(image: Image) -> str:
    file = Path(image.path).name
    return f"{file}, row {image.row}, {image.column}" if image.column else file
