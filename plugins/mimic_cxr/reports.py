"""The reports of the test split as references, and what gives none, with the reason.

The one rule of this file: a report's text never becomes a sample's target, where the registry would
keep it. The target is a digest; what it stands for is in the metadata, which is never stored.
"""

import hashlib
import random
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from plugins.mimic_cxr.cider import Rarity
from plugins.mimic_cxr.layout import WHAT_TO_TYPE, Study, find_tree, made_from, test_studies
from plugins.mimic_cxr.samples import NO_FRONTAL, UNDESCRIBED
from plugins.mimic_cxr.sections import FINDINGS, HAND_MADE, IMPRESSION, sections
from plugins.mimic_cxr.writing import plain, question
from registry import DatasetError, Excluded, Image, MissingExtra, Prediction, Sample, inside

NAME = "mimic-cxr-reports"
TO_TYPE = WHAT_TO_TYPE.replace("mimic-cxr=DIR", f"{NAME}=DIR")
LONGEST = 2**20
"""Bytes; the longest report has some thousand."""

# Few and fixed, so that a run can count them.
NO_REPORT = "its report is not in this copy"
MISREAD = "its report has only hand-made sections"
LACKS = "its report has no {part}"

# A header that follows another on its line is lost: what it heads must not be told as indication.
LOST = re.compile(r"\s*\b(?:FINDINGS?|IMPRESSIONS?|CONCLUSIONS?)\b.*", re.DOTALL)

Reader: TypeAlias = Callable[[Study], str | None]


@dataclass(frozen=True)
class References:
    """What every target of a dataset stands for; samples share it."""

    texts: Mapping[str, str]

    @cached_property
    def rarity(self) -> Rarity:
        """How rare each n-gram is in the references of the whole test split."""
        return Rarity.of(self.texts.values())

    def __reduce__(self) -> tuple[Any, ...]:
        # Without what is computed from the texts: it is larger than they are.
        return References, (self.texts,)


def reference(sample: Sample) -> str:
    """Return the text that a sample's target stands for."""
    known: References = sample.metadata["references"]
    return known.texts[sample.target]


@dataclass(frozen=True, slots=True)
class Described:
    """A study with its picture, the reference that was cut from its report, and the indication."""

    study: Study
    picture: Path
    reference: str
    indication: str

    @property
    def digest(self) -> str:
        """What the registry keeps of the reference: it tells of a change, and not the text."""
        known = f"{self.study.id}\n{self.reference}"
        return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read(
    root: Path,
    *,
    parts: Sequence[str],
    with_indication: bool,
    libraries: Sequence[str] = (),
    extra: str = "",
) -> Iterator[Sample | Excluded]:
    """Yield a sample for each test study with a frontal image and a report that has all `parts`.

    What falls out is yielded with its reason. Raises MissingExtra before anything is asked where
    one of the `libraries` that score is not installed.
    """
    if any(find_spec(name) is None for name in libraries):
        raise MissingExtra(f"scoring {NAME}", extra)
    tree = find_tree(root)
    with _reports(root, tree) as report_of:
        results = [_described(study, report_of, parts) for study in test_studies(tree).values()]
    described = [each for each in results if isinstance(each, Described)]
    references = References({each.digest: each.reference for each in described})
    for each in results:
        if isinstance(each, Excluded):
            yield each
        else:
            yield _sample(each, references, parts, with_indication)


def _described(study: Study, report_of: Reader, parts: Sequence[str]) -> Described | Excluded:
    """Return what there is of a study, or why it is not asked about."""
    name, view = f"s{study.id}", study.frontal
    if not study.views:
        return Excluded(name, UNDESCRIBED, incomplete=True)
    if view is None:
        return Excluded(name, NO_FRONTAL)
    if study.id in HAND_MADE:
        return Excluded(name, MISREAD)
    report = report_of(study)
    if report is None:
        return Excluded(name, NO_REPORT, incomplete=True)
    found = sections(report)
    texts = [plain(found.get(part, "")) for part in parts]
    if not all(texts):
        return Excluded(name, LACKS.format(part=parts[texts.index("")]))
    indication = LOST.sub("", found.get("indication") or found.get("history", ""))
    return Described(study, study.picture(view), " ".join(texts), indication)


def _sample(
    each: Described, references: References, parts: Sequence[str], with_indication: bool
) -> Sample:
    asked = question(parts, each.indication if with_indication else "")
    return Sample(
        id=f"s{each.study.id}",
        input=(Image(str(each.picture)), asked),
        target=each.digest,
        groups=made_from(each.picture),
        cluster=f"p{each.study.subject}",
        metadata={"references": references},
    )


# --- Where reports lie ----------------------------------------------------------------------------


@contextmanager
def _reports(root: Path, tree: Path) -> Iterator[Reader]:
    """Yield what reads a study's report, None where there is none.

    Reports are a release of their own: users keep it beside the pictures' tables or above them,
    unpacked or not; some mix its files with the pictures.
    """
    places = list(dict.fromkeys((tree, tree.parent, root)))
    for place in places:
        folder, archive = place / "mimic-cxr-reports", place / "mimic-cxr-reports.zip"
        if (folder / "files").is_dir():
            yield partial(_from_folder, folder / "files")
            return
        if archive.is_file():
            with _opened(archive) as file:
                yield partial(_from_archive, file, _members(file))
            return
    if next((tree / "files").glob("p*/p*/s*.txt"), None) is None:
        raise DatasetError(
            f"{tree}: no reports; looked for mimic-cxr-reports/files/ and mimic-cxr-reports.zip in "
            f"{' and '.join(map(str, places))}, and for files/p10/p.../s....txt. They are a "
            f"release of their own (MIMIC-CXR). {TO_TYPE}"
        )
    yield partial(_from_folder, tree / "files")


def _from_folder(files: Path, study: Study) -> str | None:
    path = inside(files, _relative(study))
    if not path.is_file():
        return None
    if path.stat().st_size > LONGEST:
        raise DatasetError(f"{path} is larger than any report. {TO_TYPE}")
    return path.read_text(encoding="utf-8", errors="replace")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive, and say what to type where it, or what is read from it, is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DatasetError(f"{path} is no whole zip archive: {error}. {TO_TYPE}") from error


def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the members by their path below files/; the archive may have a folder above it."""
    texts = (name for name in archive.namelist() if name.endswith(".txt"))
    return {name.rpartition("files/")[2]: name for name in texts}


def _from_archive(archive: zipfile.ZipFile, members: Mapping[str, str], study: Study) -> str | None:
    name = members.get(_relative(study))
    if name is None:
        return None
    if archive.getinfo(name).file_size > LONGEST:
        raise DatasetError(f"{archive.filename}: {name} is larger than any report. {TO_TYPE}")
    return archive.read(name).decode("utf-8", errors="replace")


def _relative(study: Study) -> str:
    return f"p{study.subject[:2]}/p{study.subject}/s{study.id}.txt"


# --- Who writes without looking -------------------------------------------------------------------

NORMAL = {
    FINDINGS: (
        "The lungs are clear. There is no focal consolidation, pleural effusion or pneumothorax. "
        "The cardiomediastinal silhouette is normal."
    ),
    IMPRESSION: "No acute cardiopulmonary process.",
}


def oracle(sample: Sample) -> Prediction:
    """Write what the target stands for; the contract holds the metrics against it."""
    return Prediction(sample_id=sample.id, text=reference(sample))


def normal_report(parts: Sequence[str]) -> Callable[[Sample], Prediction]:
    """Return who finds nothing in anybody."""
    text = " ".join(NORMAL[part] for part in parts)

    def predict(sample: Sample) -> Prediction:
        return Prediction(sample_id=sample.id, text=text)

    return predict


def another_report(sample: Sample) -> Prediction:
    """Write the reference of another study, drawn by a lot that the sample's id decides."""
    known: References = sample.metadata["references"]
    others = [target for target in known.texts if target != sample.target] or [sample.target]
    drawn = random.Random(sample.id).choice(others)
    return Prediction(sample_id=sample.id, text=known.texts[drawn])
