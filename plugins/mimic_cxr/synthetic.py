"""Made-up radiographs in the official MIMIC-CXR-JPG 2.1.0 layout, the same for the same seed.

A picture is body-like grey noise with one bright block, at a fixed place, for each condition that
it shows; so the truth is in the pixels, and even a tiny model can learn to read it. No patient
data is involved: every report is self-written, and every ``dicom_id`` begins with 32 zeros, which
no real one does. (Subject and study numbers have the official form. The built-in sample's subjects
lie below 10000032, which the public documentation shows as the first.)

    python -m plugins.mimic_cxr.synthetic DIR --patients 500 --seed 7
"""

import argparse
import csv
import gzip
import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)
SCORED = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")

POSITIVE, NEGATIVE, UNCERTAIN, BLANK = "1.0", "0.0", "-1.0", ""
MENTIONS = (POSITIVE, NEGATIVE, UNCERTAIN, BLANK)
SCORED_ODDS = (0.30, 0.30, 0.08, 0.32)  # enough explicit negatives for every label policy
OTHER_ODDS = (0.08, 0.10, 0.02, 0.80)
HEALTHY_ODDS = 0.12  # of a study in which nothing is found

FIRST_SUBJECT = 10_000_001
FIRST_STUDY = 50_000_001
UNLISTED_STUDY = 50_000_000  # labelled by radiologists, but in no other file

SIDE = 64  # pixels; a 4 x 4 grid of cells, one for each label
CELL = SIDE // 4
GLOW = 110  # grey levels that a block adds
QUALITY = 95  # of the official JPG files


@dataclass(frozen=True)
class View:
    """One image of a study: how it was taken, and what is wrong with its file, if anything."""

    position: str
    procedure: str = "CHEST (PA AND LAT)"
    flaw: str = ""  # "missing", "truncated", "empty" or "colour"


@dataclass(frozen=True)
class Study:
    """One examination: `labels` are what the report says, `shown` is what the pictures show."""

    number: int  # counted from 0; gives the study id
    patient: int  # counted from 0; gives the subject id
    views: tuple[View, ...]
    taken: tuple[str, str]  # StudyDate, StudyTime
    labels: Mapping[str, str] | None = field(default_factory=dict)  # None: no row at all
    shown: frozenset[str] = frozenset()
    report: str | None = None  # None: the file is missing
    split: str = "test"

    @property
    def study_id(self) -> int:
        """Eight digits that start with 5."""
        return FIRST_STUDY + self.number

    @property
    def subject_id(self) -> int:
        """Eight digits that start with 1."""
        return FIRST_SUBJECT + self.patient

    @property
    def folder(self) -> str:
        """Where its images are: files/p10/p10000001/s50000001."""
        return f"files/p{self.subject_id // 10**6}/p{self.subject_id}/s{self.study_id}"


@dataclass(frozen=True)
class Picture:
    """One image file of the tree."""

    number: int  # counted from 1 through the tree; gives the DICOM id
    study: Study
    view: View

    @property
    def dicom_id(self) -> str:
        """Five groups of eight hexadecimal digits."""
        return "00000000-" * 4 + f"{self.number:08x}"

    @property
    def path(self) -> str:
        """Where the file is, relative to the root."""
        return f"{self.study.folder}/{self.dicom_id}.jpg"


def write_tree(
    root: Path, *, patients: int, studies_per_patient: int, seed: int, awkward: bool
) -> tuple[Study, ...]:
    """Write a whole tree below `root` and return its studies.

    The ordinary studies are all in the test split. `awkward` puts twelve more before them, one for
    each thing that goes wrong in the real release.
    """
    studies = awkward_studies() if awkward else ()
    studies += tuple(_ordinary(studies, patients, studies_per_patient, seed))
    views = [(study, view) for study in studies for view in study.views]
    pictures = [Picture(number, *each) for number, each in enumerate(views, start=1)]
    for picture in pictures:
        _write_picture(root, picture, seed)
    for study in studies:
        _write_report(root, study)
    _write_tables(root, studies, pictures, awkward=awkward)
    (root / "README").write_text("Synthetic: no patient data. Painted by a program.\n")
    return studies


def write_sample(root: Path) -> tuple[Study, ...]:
    """Write the plugin's built-in sample: the awkward studies and 36 ordinary ones."""
    return write_tree(root, patients=12, studies_per_patient=3, seed=7, awkward=True)


# Pictures


def paint(shown: Iterable[str], *, seed: Sequence[int], position: str = "PA") -> Image.Image:
    """Paint a grey 64 x 64 picture with a bright block for each label in `shown`.

    The noise depends on `seed` alone. RandomState, because NumPy promises no one else's stream to
    stay the same between its versions.
    """
    random = np.random.RandomState(list(seed))
    grey = _body(position) + 12 * _shadows(random) + random.normal(0, 6, (SIDE, SIDE))
    for label in shown:
        row, column = divmod(LABELS.index(label), SIDE // CELL)
        top, left = row * CELL, column * CELL
        grey[top + 2 : top + CELL - 2, left + 2 : left + CELL - 2] += GLOW
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image) -> bytes:
    """Encode a picture as the official files are: JPG of quality 95."""
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=QUALITY)
    return buffer.getvalue()


def _body(position: str) -> NDArray[np.float64]:
    """Two dark lungs beside a brighter middle; one lung when seen from the side."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
    grey = 110 - 40 * (x**2 + y**2)
    for centre in (0.0,) if position in ("LATERAL", "LL") else (-0.22, 0.22):
        grey -= 60 * np.exp(-(((x - centre) / 0.16) ** 2) - (y / 0.32) ** 2)
    return np.asarray(grey, dtype=np.float64)


def _shadows(random: np.random.RandomState) -> NDArray[np.float64]:
    """Soft noise between about -1 and 1."""
    coarse = Image.fromarray(random.randint(0, 256, (8, 8)).astype(np.uint8))
    soft = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(2))
    return np.asarray(soft, dtype=np.float64) / 127.5 - 1


def _write_picture(root: Path, picture: Picture, seed: int) -> None:
    if picture.view.flaw == "missing":
        return
    image = paint(picture.study.shown, seed=(seed, picture.number), position=picture.view.position)
    data = jpeg(image.convert("RGB") if picture.view.flaw == "colour" else image)
    cut = {"truncated": len(data) // 2, "empty": 0}.get(picture.view.flaw, len(data))
    path = root / picture.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data[:cut])


# Labels and reports

PHRASES = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "pulmonary edema",
    "Enlarged Cardiomediastinum": "mediastinal widening",
    "Fracture": "rib fracture",
    "Lung Lesion": "lung nodule",
    "Lung Opacity": "lung opacity",
    "Pleural Effusion": "pleural effusion",
    "Pleural Other": "pleural thickening",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
    "Support Devices": "central venous catheter",
}
IN_FINDINGS = {
    POSITIVE: "{} is present.",
    NEGATIVE: "There is no {}.",
    UNCERTAIN: "{} is possible.",
}
IN_IMPRESSION = {POSITIVE: "{}.", NEGATIVE: "No {}.", UNCERTAIN: "Possible {}."}
NOTHING_FOUND = "No acute cardiopulmonary process."


def with_no_finding(labels: Mapping[str, str]) -> dict[str, str]:
    """Complete a row as the labelers do: No Finding is 1.0 or blank, and devices do not count."""
    doubts = [label for label, value in labels.items() if value in (POSITIVE, UNCERTAIN)]
    found = set(doubts) - {"Support Devices"}
    return {**labels, "No Finding": BLANK if found else POSITIVE}


def _sentences(labels: Mapping[str, str], wording: Mapping[str, str]) -> str:
    """Every mention as a sentence, in the order of the columns."""
    said = (
        wording[labels[label]].format(phrase)
        for label, phrase in PHRASES.items()
        if labels.get(label)
    )
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in said)


def findings(labels: Mapping[str, str]) -> str:
    """Write a FINDINGS section that says what the labels say."""
    return f"The technique is adequate. {_sentences(labels, IN_FINDINGS)}".strip()


def impression(labels: Mapping[str, str]) -> str:
    """Write an IMPRESSION section that says what the labels say."""
    nothing = NOTHING_FOUND if labels.get("No Finding") else ""
    return f"{nothing} {_sentences(labels, IN_IMPRESSION)}".strip()


def report(*sections: tuple[str, str]) -> str:
    """Lay out sections as in MIMIC-CXR.

    Every line starts with exactly one space: the official section parser finds a header only so.
    """
    lines = [f"{'FINAL REPORT':>45}"]
    for title, text in sections:
        block = any(word in title for word in ("FINDINGS", "IMPRESSION", "CONCLUSION", "VIEWS"))
        inline = f"{title}:  {text}" if title and not block else text
        lines += [f" {title}: ", " "] if block else []
        lines += [*textwrap.wrap(inline, 78, initial_indent=" ", subsequent_indent=" "), " "]
    return "\n".join(lines)


def full_report(labels: Mapping[str, str]) -> str:
    """Write a report that lacks nothing."""
    return report(
        ("EXAMINATION", "Chest radiograph."),
        ("INDICATION", "___ year old patient with cough."),
        ("COMPARISON", "None."),
        ("FINDINGS", findings(labels)),
        ("IMPRESSION", impression(labels)),
    )


def _write_report(root: Path, study: Study) -> None:
    if study.report is None:
        return
    path = root / "mimic-cxr-reports" / f"{study.folder}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(study.report)


# Studies


def _ordinary(before: Sequence[Study], patients: int, each: int, seed: int) -> Iterator[Study]:
    """Yield the ordinary studies, numbered on from those before them."""
    first = 1 + max((study.patient for study in before), default=-1)
    for index in range(patients * each):
        yield _draw(len(before) + index, first + index // each, seed)


def _draw(number: int, patient: int, seed: int) -> Study:
    """Draw one ordinary study by lot, and write the report that says the same."""
    random = np.random.RandomState([seed, 0, number])  # three numbers: not a picture's stream
    healthy = random.rand() < HEALTHY_ODDS
    labels = with_no_finding({label: _mention(label, random, healthy) for label in PHRASES})
    doubted = {label for label in LABELS if labels[label] == UNCERTAIN and random.rand() < 0.5}
    certain = {label for label in PHRASES if labels[label] == POSITIVE}
    return Study(
        number=number,
        patient=patient,
        views=(PORTABLE, UPRIGHT, UPRIGHT_PAIR)[random.randint(3)],
        taken=_moment(random),
        labels=labels,
        shown=frozenset(certain | doubted),
        report=full_report(labels),
    )


def _mention(label: str, random: np.random.RandomState, healthy: bool) -> str:
    odds = SCORED_ODDS if label in SCORED else OTHER_ODDS
    value = MENTIONS[int(random.choice(len(MENTIONS), p=odds))]
    return NEGATIVE if healthy and value in (POSITIVE, UNCERTAIN) else value


def _moment(random: np.random.RandomState) -> tuple[str, str]:
    """Draw a date in the shifted future and a time of day, as the release writes them."""
    year, month, day = random.randint(2150, 2200), random.randint(1, 13), random.randint(1, 29)
    hour, minute, second = random.randint(24), random.randint(60), random.randint(60)
    thousandths = random.randint(1000)
    return (
        f"{year}{month:02}{day:02}",
        f"{hour:02}{minute:02}{second:02}.{thousandths:03}",
    )


UPRIGHT = (View("PA"),)
UPRIGHT_PAIR = (View("PA"), View("LATERAL"))
PORTABLE = (View("AP", "CHEST (PORTABLE AP)"),)

CLEAR = with_no_finding({})
MIXED = with_no_finding(
    {
        "Atelectasis": POSITIVE,
        "Cardiomegaly": NEGATIVE,
        "Consolidation": NEGATIVE,
        "Edema": NEGATIVE,
        "Pleural Effusion": POSITIVE,
    }
)
DOUBTFUL = with_no_finding({"Cardiomegaly": UNCERTAIN, "Edema": UNCERTAIN, "Pneumonia": NEGATIVE})
ENLARGED = with_no_finding({"Cardiomegaly": POSITIVE, "Atelectasis": NEGATIVE})
WET = with_no_finding({"Edema": POSITIVE, "Pleural Effusion": NEGATIVE})
DENSE = with_no_finding({"Consolidation": POSITIVE, "Lung Opacity": POSITIVE})


def awkward_studies() -> tuple[Study, ...]:
    """List the twelve studies that exercise what is odd in the real release."""
    return (*_odd_views(), *_odd_files(), *_odd_texts(), *_other_splits())


def _odd_views() -> Iterator[Study]:
    """Studies 1-4: it is not plain which picture stands for the study."""
    yield _awkward(0, UPRIGHT_PAIR, MIXED, full_report(MIXED))
    yield _awkward(1, PORTABLE * 2, DOUBTFUL, _wet_read(DOUBTFUL), shown={"Edema"})
    untitled = report(
        ("PA AND LATERAL VIEWS OF THE CHEST", findings(ENLARGED)),
        ("IMPRESSION", impression(ENLARGED)),
    )
    yield _awkward(2, (View("LATERAL"),), ENLARGED, untitled)
    yield _awkward(3, (View("", "CHEST (PORTABLE AP)"),), WET, full_report(WET))


def _odd_files() -> Iterator[Study]:
    """Studies 5 and 6: a missing, a truncated and an empty image."""
    both = report(("FINDINGS AND IMPRESSION", impression(DENSE)))
    yield _awkward(4, (View("PA", flaw="missing"),), DENSE, both)
    broken = (View("PA", flaw="truncated"), View("AP", flaw="empty"))
    # The official parser loses a header that follows another on its line.
    hidden = report(
        ("COMPARISON", f"___. FINDINGS: {findings(MIXED)}"), ("CONCLUSION", impression(MIXED))
    )
    yield _awkward(5, broken, MIXED, hidden)


def _odd_texts() -> Iterator[Study]:
    """Studies 7-9: labels or report sections that are not there."""
    short = report(("INDICATION", "Cough."), ("IMPRESSION", "Hyperinflation."))
    yield _awkward(6, UPRIGHT, {}, short)
    neither = report(
        ("INDICATION", "Line placement."),
        ("COMPARISON", "___."),
        ("", "The line ends in the superior vena cava."),
    )
    yield _awkward(7, PORTABLE, None, neither)
    coloured = (View("AP", "CHEST (PORTABLE AP)", flaw="colour"), View("SWIMMERS", "C-SPINE"))
    yield _awkward(8, coloured, ENLARGED, None)


def _other_splits() -> Iterator[Study]:
    """Studies 10-12: the other splits; the higher study id is the earlier visit."""
    yield _awkward(9, UPRIGHT, WET, full_report(WET), split="validate")
    later, earlier = ("21630412", "081502.250"), ("21610901", "001105.000")
    yield _awkward(10, UPRIGHT, MIXED, full_report(MIXED), split="train", taken=later)
    yield _awkward(11, PORTABLE, CLEAR, full_report(CLEAR), split="train", taken=earlier)


def _awkward(
    number: int,
    views: tuple[View, ...],
    labels: Mapping[str, str] | None,
    text: str | None,
    *,
    shown: Iterable[str] = (),
    split: str = "test",
    taken: tuple[str, str] | None = None,
) -> Study:
    """Make a study whose pictures show its positive labels, and `shown` besides."""
    certain = {label for label in PHRASES if (labels or {}).get(label) == POSITIVE}
    patient = number // 3 if split == "test" else {"validate": 3, "train": 4}[split]
    return Study(
        number=number,
        patient=patient,
        views=views,
        taken=taken or (f"218005{number + 1:02}", "070912.500"),
        labels=labels,
        shown=frozenset({*certain, *shown}),
        report=text,
        split=split,
    )


def _wet_read(labels: Mapping[str, str]) -> str:
    """Write a report with the preliminary reading above it, and removed words (___) inside."""
    wet = " WET READ: ___ ___ 6:24 PM\n  Tubes in place. Read by ___.\n " + "_" * 78
    return f"{wet}\n{full_report(labels)}"


# Tables

VIEW_CODES = {"PA": "postero-anterior", "AP": "antero-posterior", "LATERAL": "lateral"}
ORIENTATIONS = {"PA": "Erect", "AP": "Recumbent", "LATERAL": "Erect"}
METADATA = (
    "dicom_id",
    "subject_id",
    "study_id",
    "PerformedProcedureStepDescription",
    "ViewPosition",
    "Rows",
    "Columns",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)
SPLIT = ("dicom_id", "study_id", "subject_id", "split")
RENAMED = {"Lung Opacity": "Airspace Opacity"}  # by the radiologists' file
BLUNT = ("Atelectasis", "Pneumonia")  # NegBio takes a hedged one as present


def _write_tables(
    root: Path, studies: Sequence[Study], pictures: Sequence[Picture], *, awkward: bool
) -> None:
    """Write the list of images and the five tables, under the official names."""
    (root / "IMAGE_FILENAMES").write_text("".join(f"{each.path}\n" for each in pictures))
    old = "mimic-cxr-2.0.0-{}.csv.gz"  # release 2.1.0 kept these names
    _write_csv(root / old.format("metadata"), METADATA, map(_metadata, pictures))
    _write_csv(root / old.format("split"), SPLIT, map(_split, pictures))
    rows = [(study, study.labels) for study in studies if study.labels is not None]
    for labeler, read in (("chexpert", _chexpert), ("negbio", _negbio)):
        labels = [(study.subject_id, study.study_id, *read(given)) for study, given in rows]
        _write_csv(root / old.format(labeler), ("subject_id", "study_id", *LABELS), labels)
    test = [
        (each.study_id, *_radiologist(each, given)) for each, given in rows if each.split == "test"
    ]
    if awkward:
        test.append((UNLISTED_STUDY, *_chexpert(MIXED)))
    header = ("study_id", *(RENAMED.get(label, label) for label in LABELS))
    _write_csv(root / "mimic-cxr-2.1.0-test-set-labeled.csv", header, test)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table, compressed if the name says so, with no time stamp inside."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _metadata(picture: Picture) -> Sequence[object]:
    study, view = picture.study, picture.view
    return (
        picture.dicom_id,
        study.subject_id,
        study.study_id,
        view.procedure,
        view.position,
        SIDE,
        SIDE,
        *study.taken,
        view.procedure,
        VIEW_CODES.get(view.position, ""),
        ORIENTATIONS.get(view.position, ""),
    )


def _split(picture: Picture) -> Sequence[object]:
    study = picture.study
    return picture.dicom_id, study.study_id, study.subject_id, study.split


def _chexpert(labels: Mapping[str, str]) -> list[str]:
    return [labels.get(label, BLANK) for label in LABELS]


def _negbio(labels: Mapping[str, str]) -> list[str]:
    """As CheXpert, but that some hedges are taken as present: the two differ now and then."""
    blunt = {label: POSITIVE for label in BLUNT if labels.get(label) == UNCERTAIN}
    return _chexpert({**labels, **blunt})


def _radiologist(study: Study, labels: Mapping[str, str]) -> list[str]:
    """As the report, but that a doubt is settled where the picture shows the condition."""
    settled = {label: POSITIVE for label in study.shown if labels.get(label) == UNCERTAIN}
    return _chexpert({**labels, **settled})


def main() -> None:
    """Write a tree from the command line."""
    parser = argparse.ArgumentParser(description="Write synthetic radiographs as MIMIC-CXR-JPG.")
    parser.add_argument("root", type=Path, metavar="DIR")
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--studies", type=int, default=2, help="studies of each patient")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--awkward", action="store_true", help="add the twelve awkward studies")
    args = parser.parse_args()
    studies = write_tree(
        args.root,
        patients=args.patients,
        studies_per_patient=args.studies,
        seed=args.seed,
        awkward=args.awkward,
    )
    print(f"{len(studies)} studies in {args.root}")


if __name__ == "__main__":
    main()
