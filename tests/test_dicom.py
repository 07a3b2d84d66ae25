"""DICOM radiographs open as the JPG release was made; what is no radiograph is refused."""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from plugins.mimic_cxr import register_benchmarks
from plugins.mimic_cxr.synthetic import write_tree
from registry import BadImage, Image, MissingExtra, Sample, open_image
from registry.dicom import equalised, stretched

Write = Callable[..., Image]

# 12 bits stored in 16, as most of MIMIC-CXR.
RAMP = (np.arange(32 * 24, dtype=np.uint16) * 5 + 37).reshape(32, 24)


def encoded(pixels: NDArray[Any], kind: str = "MONOCHROME2", **more: Any) -> bytes:
    """Return an uncompressed DICOM file, Explicit VR Little Endian."""
    from io import BytesIO

    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dataset = FileDataset(buffer, Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape[-2:] if pixels.ndim < 3 else pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    dataset.PhotometricInterpretation = kind
    dataset.BitsAllocated = pixels.itemsize * 8
    dataset.BitsStored = 12 if pixels.itemsize == 2 else 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = pixels.tobytes()
    for name, value in more.items():
        setattr(dataset, name, value)
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Put bytes into a file and return the reference to it."""

    def write(data: bytes, name: str = "picture.dcm") -> Image:
        (tmp_path / name).write_bytes(data)
        return Image(str(tmp_path / name))

    return write


def grey(image: Image) -> NDArray[np.uint8]:
    picture = open_image(image)
    assert picture.mode == "RGB"
    return np.asarray(picture.convert("L"))


# --- The recipe -----------------------------------------------------------------------------------


def official(values: NDArray[Any], kind: str = "MONOCHROME2") -> NDArray[np.uint8]:
    """The maintainer's recipe in OpenCV's words."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with vLLM")
    above = values - values.min()
    above = (above / above.max() * 255).astype(np.uint8)
    if kind == "MONOCHROME1":
        above = cv2.bitwise_not(above)
    result: NDArray[np.uint8] = cv2.equalizeHist(above)
    return result


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_twelve_bits_become_eight_as_in_the_jpg_release(write: Write, kind: str) -> None:
    dark = np.minimum(RAMP, 3000) ** 2 // 4096
    picture = grey(write(encoded(dark.astype(np.uint16), kind)))
    assert (picture == official(dark, kind)).all()
    assert (picture.min(), picture.max()) == (0, 255)


def test_monochrome1_is_the_other_way_round(write: Write) -> None:
    plain, turned = (grey(write(encoded(RAMP, f"MONOCHROME{n}"))) for n in (2, 1))
    assert plain[0, 0] == 0 < plain[-1, -1]
    assert turned[0, 0] == 255 > turned[-1, -1]


def test_a_window_is_neither_needed_nor_applied(write: Write) -> None:
    without = grey(write(encoded(RAMP)))
    narrow = grey(write(encoded(RAMP, WindowCenter=100, WindowWidth=10)))
    assert (without == narrow).all()


def test_eight_bits_are_read_as_well(write: Write) -> None:
    pixels = (RAMP % 251).astype(np.uint8)
    assert (grey(write(encoded(pixels))) == official(pixels)).all()


@pytest.mark.parametrize(("kind", "value"), [("MONOCHROME2", 0), ("MONOCHROME1", 255)])
def test_a_constant_picture_stays_constant(write: Write, kind: str, value: int) -> None:
    flat = np.full((8, 8), 1234, np.uint16)
    assert (grey(write(encoded(flat, kind))) == value).all()


@given(arrays.arrays(np.uint8, (12, 12), elements=st.integers(0, 255)))
def test_the_histogram_is_equalised_as_by_opencv(picture: NDArray[np.uint8]) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with vLLM")
    assert (equalised(picture) == cv2.equalizeHist(picture)).all()


def test_equalising_is_exact_on_a_large_picture_too() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with vLLM")
    noise = np.random.default_rng(0).normal(90, 30, (2544, 3056)).clip(0, 255).astype(np.uint8)
    assert (equalised(noise) == cv2.equalizeHist(noise)).all()


def test_values_are_stretched_by_hand() -> None:
    assert stretched(np.array([[10, 12, 14, 15]])).tolist() == [[0, 102, 204, 255]]
    assert stretched(np.array([[-4, 0]], np.int16)).tolist() == [[0, 255]]


# --- What is no radiograph ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b"not a picture", "it is no DICOM file"),
        (b"\0" * 128 + b"DICM", "cannot be decoded"),
        (encoded(RAMP)[:400], "cannot be decoded"),
        (encoded(RAMP)[:-100], "cannot be decoded"),
        (gzip.compress(b"nothing"), "it is no DICOM file"),
        (gzip.compress(encoded(RAMP))[:200], "cannot be decoded"),
        (encoded(np.zeros((4, 4, 3), np.uint8), "RGB"), "it is RGB, and not grey"),
        (encoded(np.zeros((8, 4), np.uint16), NumberOfFrames=2, Rows=4), "it has 2 frames"),
        (encoded(RAMP, Rows=60000, Columns=60000), "60000 x 60000 pixels"),
    ],
)
def test_a_file_that_is_no_radiograph_is_a_bad_image(
    write: Write, data: bytes, complaint: str
) -> None:
    with pytest.raises(BadImage, match=complaint):
        open_image(write(data))


def test_a_compressed_file_may_not_unpack_without_end(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.dicom.LARGEST", 1000)
    with pytest.raises(BadImage, match="unpacks to more than 1,000 bytes"):
        open_image(write(gzip.compress(b"\0" * 100_000), "picture.dcm.gz"))


def test_dicom_is_known_by_its_magic_whatever_its_name(write: Write) -> None:
    assert open_image(write(encoded(RAMP), "picture.jpg")).size == (24, 32)
    compressed = write(gzip.compress(encoded(RAMP)), "picture.dcm.gz")
    assert open_image(compressed).size == (24, 32)


def test_without_pydicom_the_extra_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    image = write(encoded(RAMP))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtra, match=r"podium\[dicom\]"):
        open_image(image)


# --- A tree of MIMIC-CXR --------------------------------------------------------------------------


@pytest.fixture
def dicom_tree(tmp_path: Path) -> Path:
    """The synthetic release with DICOM files, one of them compressed, in place of its JPG."""
    write_tree(tmp_path, patients=2, studies_per_patient=2, seed=5, awkward=False)
    from PIL import Image as pillow

    for number, jpg in enumerate(sorted(tmp_path.rglob("*.jpg"))):
        pixels = np.asarray(pillow.open(jpg)).astype(np.uint16) * 16
        data = encoded(pixels)
        if number == 0:
            jpg.with_suffix(".dcm.gz").write_bytes(gzip.compress(data))
        else:
            jpg.with_suffix(".dcm").write_bytes(data)
        jpg.unlink()
    return tmp_path


@pytest.mark.parametrize(
    "words", [("mimic-cxr",), ("mimic-cxr", "multilabel-json"), ("mimic-cxr-reports", "findings")]
)
def test_a_dicom_tree_asks_the_same_and_says_what_its_pictures_are(
    dicom_tree: Path, words: tuple[str, ...]
) -> None:
    name, *settings = words
    benchmark = {each.name: each for each in register_benchmarks()}[name]
    task = benchmark.task_for(benchmark.variant(settings))
    samples = [item for item in task.dataset.read(dicom_tree) if isinstance(item, Sample)]
    assert len({sample.id.partition("/")[0] for sample in samples}) == 4
    assert {sample.groups["picture"] for sample in samples} == {"dicom"}
    pictures = {sample.input[0] for sample in samples}
    assert {open_image(picture).size for picture in pictures} == {(64, 64)}  # type: ignore[arg-type]


def test_a_tree_that_needs_pydicom_says_so_before_anything_is_asked(
    dicom_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plugins.mimic_cxr import layout

    monkeypatch.setattr(layout, "find_spec", lambda _name: None)
    benchmark = register_benchmarks()[0]
    with pytest.raises(MissingExtra, match=r"podium\[dicom\]"):
        list(benchmark.task_for(benchmark.variant()).dataset.read(dicom_tree))
