"""The thirty subjects of MMMU and MMMU-Pro and the six disciplines that its authors report."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from plugins.mmmu.columns import MalformedRow

DISCIPLINES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Art & Design": ("Art", "Art_Theory", "Design", "Music"),
        "Business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
        "Science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
        "Health & Medicine": (
            "Basic_Medical_Science",
            "Clinical_Medicine",
            "Diagnostics_and_Laboratory_Medicine",
            "Pharmacy",
            "Public_Health",
        ),
        "Humanities & Social Science": ("History", "Literature", "Sociology", "Psychology"),
        "Tech & Engineering": (
            "Agriculture",
            "Architecture_and_Engineering",
            "Computer_Science",
            "Electronics",
            "Energy_and_Power",
            "Materials",
            "Mechanical_Engineering",
        ),
    }
)
DISCIPLINE_OF: Mapping[str, str] = MappingProxyType(
    {subject: discipline for discipline, among in DISCIPLINES.items() for subject in among}
)
SUBJECTS = tuple(sorted(DISCIPLINE_OF))

_ID = re.compile(r"(?:dev|validation|test)_(?P<subject>\w+)_\d+")


def subject_of(question_id: str) -> str:
    """Return the subject of a question, which its id names: `validation_Art_Theory_4`.

    Raises:
        MalformedRow: the id is not `<split>_<Subject>_<number>` with one of the thirty subjects.
    """
    match = _ID.fullmatch(question_id)
    if match is None or match["subject"] not in DISCIPLINE_OF:
        raise MalformedRow(f"no subject of MMMU in the id {question_id!r}")
    return match["subject"]
