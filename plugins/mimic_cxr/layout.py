"""Find a MIMIC-CXR-JPG tree and read its tables: the test studies, and one frontal picture of each.

Nothing that the tables name is opened here; a picture that is missing or broken is found out beside
the engine, and counts as a failed request. Where a study's pictures are the DICOM files of
MIMIC-CXR instead of the JPG release, its samples say so in the group `picture`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from registry import DatasetError, MissingExtra, csv_records, inside

# Release 2.1.0 kept the names of 2.0.0.
SPLIT = "mimic-cxr-2.0.0-split"
METADATA = "mimic-cxr-2.0.0-metadata"

LAYOUT = (
    "a MIMIC-CXR-JPG release: files/p10/p10000032/... (its .jpg, or the .dcm of MIMIC-CXR), "
    "mimic-cxr-2.0.0-split.csv.gz, -metadata.csv.gz and the labels (.csv.gz or .csv)"
)
WHAT_TO_TYPE = (
    "Name the release's folder with: --data mimic-cxr=DIR, or try the offline sample with: --sample"
)

FRONTAL_VIEWS = ("PA", "AP", "AP AXIAL", "AP LLD", "AP RLD", "PA RLD", "PA LLD")
"""What can stand for a study, best first: the order of vilmedic, without its lateral views."""

# A blank ViewPosition (15,769 images) is frontal if the procedure can only have made a frontal one.
FRONTAL_PROCEDURE = re.compile(r"\b(AP|PA|PORT|PORTABLE)\b")
LATERAL_PROCEDURE = re.compile(r"\bLAT")

JPG = ".jpg"
DICOM = (".dcm", ".dcm.gz")

IDENTIFIERS = {
    "subject_id": re.compile(r"\d{8}"),
    "study_id": re.compile(r"\d{8}"),
    "dicom_id": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}"),
}


@dataclass(frozen=True, slots=True)
class View:
    """One image of a study: how it was taken, as far as the release says."""

    dicom_id: str
    position: str
    code: str
    procedure: str

    @property
    def rank(self) -> int | None:
        """Its place in the order of preference, the best being 0; None for what is not frontal."""
        if self.position in FRONTAL_VIEWS:
            return FRONTAL_VIEWS.index(self.position)
        return len(FRONTAL_VIEWS) if self.position == "" and self._looks_frontal else None

    @property
    def _looks_frontal(self) -> bool:
        """Whether an image without a ViewPosition must be frontal: by view code or procedure."""
        if self.code:
            return self.code in ("antero-posterior", "postero-anterior")
        chest = "CHEST" in self.procedure and not LATERAL_PROCEDURE.search(self.procedure)
        return chest and FRONTAL_PROCEDURE.search(self.procedure) is not None


@dataclass(frozen=True, slots=True)
class Study:
    """One examination of the test split; its folder, and the images that the metadata describes."""

    id: str
    subject: str
    folder: Path
    views: tuple[View, ...] = ()

    @property
    def frontal(self) -> View | None:
        """The view that stands for the study; equals are told apart by their dicom_id."""
        ranked = [(v.rank, v.dicom_id, v) for v in self.views if v.rank is not None]
        return min(ranked, key=lambda each: each[:2])[2] if ranked else None

    def picture(self, view: View) -> Path:
        """Return where a view's picture is: its JPG, else its DICOM; it may be missing on disk.

        Raises MissingExtra where DICOM is all there is and nothing can read it.
        """
        jpg, *others = (self.folder / f"{view.dicom_id}{suffix}" for suffix in (JPG, *DICOM))
        if jpg.exists():
            return jpg
        found = next((path for path in others if path.exists()), None)
        if found is not None and find_spec("pydicom") is None:
            raise MissingExtra("reading the DICOM files of MIMIC-CXR", "dicom")
        return found or jpg


def made_from(picture: Path) -> dict[str, str]:
    """Return the group of samples whose picture is decoded from DICOM; JPG is the rule."""
    return {} if picture.suffix == JPG else {"picture": "dicom"}


def find_tree(root: Path) -> Path:
    """Return the folder that holds the tables: `root`, a release below it, or the parent of files/.

    Raises DatasetError where there is none, or where it has no pictures.
    """
    releases = sorted((each for each in root.glob("*/") if each.name != "files"), reverse=True)
    for tree in (root, *([root.parent] if root.name == "files" else []), *releases):
        if any(path.is_file() for path in spellings(tree, SPLIT)):
            if not (tree / "files").is_dir():
                raise DatasetError(
                    f"{tree} holds the tables of MIMIC-CXR-JPG but no folder files/ with the "
                    f"pictures. {WHAT_TO_TYPE}"
                )
            return tree
    raise DatasetError(
        f"{root} is no MIMIC-CXR-JPG release: looked for {SPLIT}.csv.gz or .csv in it, "
        f"in a release folder such as 2.1.0 below it, and beside it if it is files/. {WHAT_TO_TYPE}"
    )


def spellings(tree: Path, name: str) -> tuple[Path, Path]:
    """Return where a table may be: compressed as released, or unpacked."""
    return tree / f"{name}.csv.gz", tree / f"{name}.csv"


def records(tree: Path, name: str, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a table. Raises DatasetError if it, or one of the columns, is missing."""
    path = next((each for each in spellings(tree, name) if each.is_file()), None)
    if path is None:
        raise DatasetError(f"{tree}: looked for {name}.csv.gz or .csv in vain. {WHAT_TO_TYPE}")
    rows = csv_records(path)
    first = next(rows, None)
    missing = [column for column in columns if column not in (first or {})]
    if first is None or missing:
        lack = f"no column {', '.join(missing)}" if first else "no rows"
        raise DatasetError(f"{path} has {lack}; it is not the official table. {WHAT_TO_TYPE}")
    yield from chain([first], rows)


def test_studies(tree: Path) -> dict[str, Study]:
    """Return the studies of the official test split by study_id, in order of patient and study.

    Raises DatasetError for an id that is not of the official form, which could be a path.
    """
    images: dict[str, tuple[str, str]] = {}
    for row in records(tree, SPLIT, ("dicom_id", "study_id", "subject_id", "split")):
        if row["split"] == "test":
            _check_identifiers(tree, row)
            images[row["dicom_id"]] = row["subject_id"], row["study_id"]
    if not images:
        raise DatasetError(f"{tree}: {SPLIT} has no images of the split 'test'. {WHAT_TO_TYPE}")
    views: dict[tuple[str, str], list[View]] = {key: [] for key in sorted(set(images.values()))}
    for view in _views(tree):
        if view.dicom_id in images:
            views[images[view.dicom_id]].append(view)
    return {
        study: Study(study, subject, _folder(tree, subject, study), tuple(views[subject, study]))
        for subject, study in views
    }


def _folder(tree: Path, subject: str, study: str) -> Path:
    # Below files/, not the tree: files/ is often a link to a larger disk.
    return inside(tree / "files", f"p{subject[:2]}/p{subject}/s{study}")


def _views(tree: Path) -> Iterator[View]:
    procedure, code = "PerformedProcedureStepDescription", "ViewCodeSequence_CodeMeaning"
    for row in records(tree, METADATA, ("dicom_id", "ViewPosition", procedure, code)):
        yield View(
            row["dicom_id"], row["ViewPosition"].strip(), row[code].strip(), row[procedure].upper()
        )


def _check_identifiers(tree: Path, row: dict[str, str]) -> None:
    for column, pattern in IDENTIFIERS.items():
        if not pattern.fullmatch(row[column]):
            raise DatasetError(
                f"{tree}: {SPLIT} has the {column} {row[column]!r}, which is no official one. "
                f"{WHAT_TO_TYPE}"
            )
