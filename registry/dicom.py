"""Decode a DICOM radiograph to 8-bit grey. The only file that imports pydicom.

By the recipe with which MIMIC-CXR-JPG was made from MIMIC-CXR (as its maintainer posted it, in
issue 16 of github.com/MIT-LCP/mimic-cxr): all values between the least and the greatest onto
0..255, MONOCHROME1 inverted, and the histogram equalised over the whole picture. No window and no
look-up table is applied, so the result is not what a viewer shows. The JPG files have been
compressed too.
"""

import gzip
import io
from typing import TYPE_CHECKING

from registry.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

SUFFIXES = (".dcm", ".dcm.gz")
MAGIC = slice(128, 132)
LARGEST = 2**30
"""Bytes that a compressed file may unpack to: no radiograph has a tenth of it."""


def is_dicom(data: bytes, name: str) -> bool:
    """Return whether the file says that it is DICOM: by its magic, or by its name."""
    return data[MAGIC] == b"DICM" or name.lower().endswith(SUFFIXES)


def decode(data: bytes, most_pixels: int) -> "Picture":
    """Return the grey picture of a DICOM file, or of one compressed by gzip.

    Raises ValueError (or what pydicom raises) for what is no single grey picture of at most
    `most_pixels`, and MissingExtra without pydicom.
    """
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtra("opening a DICOM picture", "dicom") from error
    from PIL import Image as pillow

    data = _unpacked(data) if data[:2] == b"\x1f\x8b" else data
    if data[MAGIC] != b"DICM":
        raise ValueError("it is no DICOM file")
    dataset = pydicom.dcmread(io.BytesIO(data))
    kind = str(dataset.PhotometricInterpretation)
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(f"it is {kind}, and not grey")
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise ValueError(f"it has {dataset.NumberOfFrames} frames")
    if dataset.Rows * dataset.Columns > most_pixels:
        raise ValueError(f"it has {dataset.Columns} x {dataset.Rows} pixels")
    grey = stretched(dataset.pixel_array)
    return pillow.fromarray(equalised(~grey if kind == "MONOCHROME1" else grey))


def _unpacked(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        unpacked = file.read(LARGEST + 1)
    if len(unpacked) > LARGEST:
        raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")
    return unpacked


def stretched(values: "NDArray[np.generic]") -> "NDArray[np.uint8]":
    """Return the values between the least and the greatest as 0..255, cut off, not rounded.

    A constant picture, by which the recipe would divide by zero, becomes 0 everywhere.
    """
    import numpy as np

    above = values.astype(np.float64) - float(values.min())
    return (above / (above.max() or 1.0) * 255).astype(np.uint8)


def equalised(grey: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Return the picture with its histogram equalised, to the bit as OpenCV's `equalizeHist`.

    The darkest grey becomes 0 and the brightest 255; a constant picture stays as it is.
    """
    import numpy as np

    counts = np.bincount(grey.ravel(), minlength=256)
    darkest = int(np.flatnonzero(counts)[0])
    others = grey.size - int(counts[darkest])
    if not others:
        return grey
    # In single precision, as there: the last bit decides how a half is rounded.
    scale = np.float32(255) / np.float32(others)
    above = np.cumsum(counts) - counts[darkest]
    table = np.rint(above.astype(np.float32) * scale)
    table[: darkest + 1] = 0
    result: NDArray[np.uint8] = np.clip(table, 0, 255).astype(np.uint8)[grey]
    return result
