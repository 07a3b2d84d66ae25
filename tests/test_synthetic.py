"""The synthetic radiographs: the same for the same seed, in the official layout, truth in view."""

import csv
import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from plugins.mimic_cxr import synthetic
from plugins.mimic_cxr.synthetic import LABELS, SCORED, SIDE, paint, write_sample, write_tree

SAMPLE = Path(synthetic.__file__).parent / "sample"
CHEXPERT = "mimic-cxr-2.0.0-chexpert.csv.gz"
RADIOLOGISTS = "mimic-cxr-2.1.0-test-set-labeled.csv"


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    write_sample(root)
    return root


def files(root: Path, pattern: str) -> dict[str, Path]:
    return {str(path.relative_to(root)): path for path in root.rglob(pattern)}


def text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(text(path).splitlines()))


def pixels(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as picture:
        return np.asarray(picture, dtype=np.float64)


def brightness(grey: NDArray[Any], label: str) -> float:
    """The mean grey of a label's cell of the 4 x 4 grid."""
    row, column = divmod(LABELS.index(label), 4)
    cell = SIDE // 4
    return float(grey[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell].mean())


def test_the_sample_is_what_its_program_writes_today(again: Path) -> None:
    stored, written = files(SAMPLE, "*"), files(again, "*")
    assert stored.keys() == written.keys()
    texts = [name for name, path in stored.items() if path.is_file() and path.suffix != ".jpg"]
    assert len(texts) == 7 + 47  # the tables, the list and the README; a report is missing
    for name in texts:
        assert text(stored[name]) == text(written[name]), name


def test_the_pictures_of_the_sample_are_painted_the_same_again(again: Path) -> None:
    stored, written = files(SAMPLE, "*.jpg"), files(again, "*.jpg")
    broken = []
    for name in stored:
        try:
            old, new = pixels(stored[name]), pixels(written[name])
        except OSError:
            broken.append(name)
            continue
        assert old.shape == new.shape
        assert np.abs(old - new).mean() < 1, name  # encoders of JPG differ by a grey level or two
    assert len(broken) == 2  # the truncated and the empty file of study 6


def test_the_sample_is_small_enough_to_travel_with_the_package() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 250_000


@pytest.mark.parametrize("condition", SCORED)
def test_the_sample_has_every_kind_of_label_of_each_scored_condition(condition: str) -> None:
    assert {row[condition] for row in rows(SAMPLE / CHEXPERT)} == {"1.0", "0.0", "-1.0", ""}
    for table in (CHEXPERT, RADIOLOGISTS):
        values = [row[condition] for row in rows(SAMPLE / table)]
        assert min(values.count("1.0"), values.count("0.0")) >= 10


def test_a_label_is_said_in_the_report_and_seen_in_the_picture(tmp_path: Path) -> None:
    studies = write_tree(tmp_path, patients=5, studies_per_patient=2, seed=3, awkward=False)
    labelled = {row["study_id"]: row for row in rows(tmp_path / CHEXPERT)}
    assert len(labelled) == len(studies) == 10
    for study in studies:
        label = labelled[str(study.study_id)]["Pleural Effusion"]
        report = (tmp_path / "mimic-cxr-reports" / f"{study.folder}.txt").read_text()
        said = " ".join(report.split())
        assert ("There is no pleural effusion." in said) == (label == "0.0")
        assert ("Pleural effusion is present." in said) == (label == "1.0")
        for path in (tmp_path / study.folder).iterdir():
            bright = brightness(pixels(path), "Pleural Effusion") > 125
            assert bright == ("Pleural Effusion" in study.shown)
            assert bright or label != "1.0"
            assert not bright or label != "0.0"


def test_every_label_has_a_place_of_its_own() -> None:
    dark = np.asarray(paint((), seed=(1,)), dtype=float)
    for shown in LABELS:
        lit = np.asarray(paint((shown,), seed=(1,)), dtype=float)
        changed = {each for each in LABELS if brightness(lit, each) > brightness(dark, each) + 20}
        assert changed == {shown}


def test_other_seeds_paint_other_noise() -> None:
    assert paint((), seed=(1,)).tobytes() == paint((), seed=(1,)).tobytes()
    assert paint((), seed=(1,)).tobytes() != paint((), seed=(2,)).tobytes()


def test_the_ids_have_the_official_form_but_cannot_be_real() -> None:
    for row in rows(SAMPLE / "mimic-cxr-2.0.0-split.csv.gz"):
        assert re.fullmatch(r"(0{8}-){4}[0-9a-f]{8}", row["dicom_id"])
        assert 10_000_001 <= int(row["subject_id"]) < 10_000_032  # the first one of the release
        assert re.fullmatch(r"5\d{7}", row["study_id"])


def test_the_awkward_studies_are_awkward_in_the_ways_they_should_be() -> None:
    views: dict[str, list[str]] = {}
    for row in rows(SAMPLE / "mimic-cxr-2.0.0-metadata.csv.gz"):
        views.setdefault(row["study_id"], []).append(row["ViewPosition"])
    assert views["50000001"] == ["PA", "LATERAL"]
    assert views["50000002"] == ["AP", "AP"]
    assert views["50000003"] == ["LATERAL"]
    assert views["50000004"] == [""]
    labels = {row["study_id"]: row for row in rows(SAMPLE / CHEXPERT)}
    assert list(labels["50000002"].values()).count("-1.0") == 2
    assert not any(labels["50000007"][label] for label in LABELS)
    assert "50000008" not in labels
    reports = SAMPLE / "mimic-cxr-reports/files/p10/p10000003"
    assert "FINDINGS" not in (reports / "s50000007.txt").read_text()
    assert not (reports / "s50000009.txt").exists()
    colour = next(SAMPLE.glob("files/p10/p10000003/s50000009/*c.jpg"))
    assert pixels(colour).shape == (SIDE, SIDE, 3)
    listed = (SAMPLE / "IMAGE_FILENAMES").read_text().splitlines()
    assert [name for name in listed if not (SAMPLE / name).exists()] == [
        name for name in listed if "/s50000005/" in name
    ]


def test_one_patient_comes_back_with_a_lower_study_id() -> None:
    dates = {
        row["study_id"]: row["StudyDate"]
        for row in rows(SAMPLE / "mimic-cxr-2.0.0-metadata.csv.gz")
        if row["subject_id"] == "10000005"
    }
    assert sorted(dates, key=lambda study: dates[study]) == ["50000012", "50000011"]


def test_the_radiologists_file_differs_as_the_official_one_does() -> None:
    radiologists = rows(SAMPLE / RADIOLOGISTS)
    assert "subject_id" not in radiologists[0]
    assert "Airspace Opacity" in radiologists[0]
    assert "Lung Opacity" not in radiologists[0]
    split = {row["study_id"]: row["split"] for row in rows(SAMPLE / "mimic-cxr-2.0.0-split.csv.gz")}
    found = [split.get(row["study_id"]) for row in radiologists]
    assert found.count(None) == 1
    assert set(found) == {"test", None}


def test_a_section_header_stands_behind_exactly_one_space() -> None:
    for path in files(SAMPLE / "mimic-cxr-reports", "*.txt").values():
        lines = path.read_text().splitlines()
        assert all(len(line) <= 79 for line in lines)
        headers = [line for line in lines if re.match(r" *[A-Z ()/,-]+:\s", line)]
        assert headers
        assert all(re.match(r" [A-Z]", line) for line in headers)
