"""What the labels of a study say: conditions, label sources, and what each policy makes of doubt.

A label is a statement of the *report*: present, absent, uncertain, or not mentioned. A blank is not
a negative, and No Finding is not the complement of the rest; a policy decides what they count as,
and is part of a score's name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from plugins.mimic_cxr.layout import WHAT_TO_TYPE, records
from registry import DatasetError

YES, NO, MASKED = "yes", "no", ""

FOURTEEN = (
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
FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""The CheXpert competition's five, which published macro F1 scores are of."""

CONDITIONS = {"5-conditions": FIVE, "14-conditions": FOURTEEN}

ALIASES = {"Lung Opacity": "Airspace Opacity", "No Finding": "No Findings"}
"""Other names of columns, in the radiologists' table."""


class Label(Enum):
    """What a cell says; the value is how a message puts it."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    BLANK = "not mentioned"


CELLS = {
    "1.0": Label.PRESENT,
    "1": Label.PRESENT,
    "0.0": Label.ABSENT,
    "0": Label.ABSENT,
    "-1.0": Label.UNCERTAIN,
    "-1": Label.UNCERTAIN,
    "": Label.BLANK,
}

Row = Mapping[str, Label]
"""The labels of one study by condition."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who labelled the reports: the table's name, and whether it holds nothing but test studies."""

    table: str
    test_only: bool = False


SOURCES = {
    "chexpert": Source("mimic-cxr-2.0.0-chexpert"),
    "negbio": Source("mimic-cxr-2.0.0-negbio"),
    "radiologist": Source("mimic-cxr-2.1.0-test-set-labeled", test_only=True),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What an uncertain label and a blank count as: yes, no, or masked (not asked at all).

    `doubt_is_yes` names conditions of which an uncertain label counts as yes all the same.
    """

    uncertain: str
    blank: str
    doubt_is_yes: frozenset[str] = frozenset()

    def target(self, condition: str, label: Label) -> str:
        """Return the right answer to the question for the condition; "" where it is masked."""
        if label is Label.UNCERTAIN:
            return YES if condition in self.doubt_is_yes else self.uncertain
        return {Label.PRESENT: YES, Label.ABSENT: NO, Label.BLANK: self.blank}[label]


POLICIES = {
    # MedGemma and LLaVA-Rad on the MAIRA test set; CheXbert F1 of MAIRA.
    "u_zero": Policy(uncertain=NO, blank=NO),
    # MedGemma and Med-Gemini on their adjudicated labels.
    "exclude": Policy(uncertain=MASKED, blank=MASKED),
    # CheXbert "F1+", and the default of the f1chexbert package.
    "u_one": Policy(uncertain=YES, blank=NO),
    "u_ignore": Policy(uncertain=MASKED, blank=NO),
    # CheXagent's mimic_cxr.py, after the best choice for each condition in the CheXpert paper.
    "chexagent": Policy(
        uncertain=NO,
        blank=NO,
        doubt_is_yes=frozenset({"Atelectasis", "Edema", "Pleural Effusion"}),
    ),
}


def study_labels(tree: Path, source: Source) -> Iterator[tuple[str, Row]]:
    """Yield each study_id of the source's table with its labels, columns being found by name.

    Raises DatasetError for a table without one of the 14 columns, and for a cell that is no label.
    """
    columns: dict[str, str] = {}
    for row in records(tree, source.table, ("study_id",)):
        columns = columns or _columns(tree, source, row)
        try:
            labels = {name: CELLS[row[column]] for name, column in columns.items()}
        except KeyError as error:
            raise DatasetError(
                f"{tree}: {source.table} has the cell {error.args[0]!r} for study "
                f"{row['study_id']}; labels are 1.0, 0.0, -1.0 or blank. {WHAT_TO_TYPE}"
            ) from error
        yield row["study_id"], labels


def _columns(tree: Path, source: Source, header: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each condition, under either of its names."""
    found = {
        name: column
        for name in FOURTEEN
        for column in (name, ALIASES.get(name, name))
        if column in header
    }
    missing = [name for name in FOURTEEN if name not in found]
    if missing:
        raise DatasetError(
            f"{tree}: {source.table} has no column {', '.join(missing)}. {WHAT_TO_TYPE}"
        )
    return found
