"""Open a picture from its reference; runs beside the engine, never in the driver.

A picture is hostile input: it must decode completely, and its pixels are bounded.
"""

import base64
import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry import dicom
from registry.benchmark import Image
from registry.errors import MissingExtra

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_PIXELS = 89_478_485
"""Pillow's own limit, above which it warns of a decompression bomb."""


class BadImage(ValueError):
    """A picture that is missing, empty, truncated or no picture; the message says which."""


def open_image(image: Image) -> "Picture":
    """Return the picture as 8-bit RGB, completely decoded.

    Transparency is laid on white, 16-bit greys are scaled and EXIF turns are made, so that what a
    model sees is what a viewer would show; DICOM is decoded as `registry.dicom` says. Raises
    BadImage where there is no whole picture.
    """
    from PIL import Image as pillow
    from PIL import ImageOps, UnidentifiedImageError

    data = _bytes(image)
    if not data:
        raise BadImage(f"{_name(image)} is empty")
    try:
        if dicom.is_dicom(data, image.path):
            return dicom.decode(data, MAX_PIXELS).convert("RGB")
        picture = pillow.open(io.BytesIO(data))
        if picture.width * picture.height > MAX_PIXELS:
            raise BadImage(f"{_name(image)} has {picture.width} x {picture.height} pixels")
        picture.load()
        return _rgb(ImageOps.exif_transpose(picture))
    except (BadImage, MissingExtra):
        raise
    except UnidentifiedImageError as error:
        raise BadImage(f"{_name(image)} is no picture") from error
    except Exception as error:  # hostile bytes make decoders raise almost anything
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
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise BadImage(f"{_name(image)} cannot be read: {reason}") from error


def _cell(image: Image) -> bytes:
    """Return the bytes of one Parquet cell: a struct with `bytes`, raw bytes or a data URI."""
    value = _value(image)
    value = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(value, str):
        head, _, data = value.partition("base64,")
        try:
            return base64.b64decode(data if head.startswith("data:") else "?", validate=True)
        except ValueError as error:
            raise BadImage(f"{_name(image)} is no base64 data URI") from error
    if not isinstance(value, bytes | None):
        raise BadImage(f"{_name(image)} holds no picture, but {type(value).__name__}")
    return value or b""


def _value(image: Image) -> Any:
    """Return what is in the cell, reading its row group only."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(image.path) as file:
            row = image.row
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if 0 <= row < rows and image.column in file.schema_arrow.names:
                    return _column(image.path, group, image.column)[row].as_py()
                row -= rows
    except (OSError, pyarrow.ArrowException) as error:
        raise BadImage(f"{_name(image)} cannot be read: {error}") from error
    raise BadImage(f"{_name(image)} does not exist")


@lru_cache(maxsize=2)
def _column(path: str, group: int, column: str) -> Any:
    """Return one column of a row group; the pictures of one group are asked for in turn."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return file.read_row_group(group, [column]).column(0)


def _name(image: Image) -> str:
    file = Path(image.path).name
    return f"{file}, row {image.row}, {image.column}" if image.column else file
