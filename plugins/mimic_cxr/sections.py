"""Cut a report into sections as the authors of MIMIC-CXR do, quirks included.

The rules are those of `txt/section_parser.py` and `create_section_files.py` in github.com/MIT-LCP/
mimic-cxr (MIT licence): whoever reads better than they did has other references than everyone else.

- A header is a line break, a space, capitals (with spaces and ``()/,-``), a colon and white space.
  A report without any is one `full report`.
- A header that follows another on its line is lost: the search goes on at the next line.
- What "chest", "portable", "two views" … begins is taken for findings: those headers are titles.
- Findings and impressions without a word are dropped. Where neither is left, what follows the first
  blank line of the last section is the `last_paragraph`.
- Of several sections of one name the last counts.
"""

import re
from dataclasses import dataclass

FINDINGS, IMPRESSION = "findings", "impression"

HEADER = re.compile(r"\n ([A-Z ()/,-]+):\s")
BLANK_LINE = "\n \n"

NAMES = {
    "findings": (
        "chest, two views",
        "finding",
        "findins",
        "findindgs",
        "findgings",
        "findngs",
        "findnings",
        "finidngs",
        "reference findings",
    ),
    "impression": (
        "conclusion",
        "findings and impression",
        "findings/impression",
        "findings/ impression",
        "impresson",
        "imprression",
        "imoression",
        "impressoin",
        "imprssion",
        "impresion",
        "imperssion",
        "mpression",
        "impession",
        "ndication",  # theirs: one report's impression is headed so
    ),
    "comparison": (
        "comparisons",
        "comparison exam",
        "comparison film",
        "comparision",
        "comparisions",
        "comparsion",
        "comparrison",
        "reference exam",
    ),
    "history": ("clinical history", "clinical information", "patient history", "pfi"),
    "indication": (
        "clinical indication",
        "reason for exam",
        "reason for examination",
        "idication",
    ),
    "examination": ("exam", "type of examination"),
    "recommendations": ("recommendation", "recommendation(s)"),
    "wet read": ("wetread",),
    # Nothing but themselves, which keeps the rules below off them.
    "preamble": (),
    "technique": (),
    "notification": (),
    "addendum": (),
    "date": (),
    "comment": (),
}
EXACTLY = {spelling: name for name, also in NAMES.items() for spelling in (name, *also)}

CONTAINED = ("impression", "findings", "history", "comparison", "addendum")
TITLES = (
    "chest",
    "portable",
    "pa and lateral",
    "lateral and pa",
    "ap and lateral",
    "lateral and ap",
    "frontal and",
    "two views",
    "frontal view",
    "pa view",
    "ap view",
    "one view",
    "lateral view",
    "bone window",
    "frontal upright",
    "frontal semi-upright",
    "ribs",
    "pa and lat",
)

HAND_MADE = frozenset(
    [
        "50058765",
        "50196495",
        "50525523",
        "50743547",
        "50798377",
        "50808053",
        "50913680",
        "51410602",
        "51491012",
        "51966317",
        "52035334",
        "52119491",
        "52648681",
        "52674888",
        "53071062",
        "53182247",
        "53202765",
        "53356173",
        "53488209",
        "53514462",
        "53607029",
        "54168089",
        "54231141",
        "54365831",
        "54654948",
        "54875119",
        "54986978",
        "55124749",
        "55157853",
        "55258338",
        "56412866",
        "56451190",
        "56482935",
        "56579911",
        "56724958",
        "56760320",
        "57150433",
        "57564132",
        "57936451",
        "58157373",
        "58235663",
        "58375018",
        "59003148",
        "59067458",
        "59087630",
        "59215320",
        "59279892",
        "59330497",
        "59363654",
        "59505494",
        "59562049",
        "59768032",
        "59889364",
        "59982525",
    ]
)
"""The study_id of reports that the parser misreads: the authors' table of sections lacks them."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: its normalised name, and its text as it stands."""

    name: str
    text: str


def sections(report: str) -> dict[str, str]:
    r"""Return the sections by name, the last of a name, with white space made single.

    >>> sections(" FINAL REPORT\n FINDINGS:  The lungs\n are clear.\n")
    {'preamble': 'FINAL REPORT', 'findings': 'The lungs are clear.'}
    """
    return {part.name: " ".join(part.text.split()) for part in parse(report)}


def parse(report: str) -> list[Section]:
    """Return the parts of a report in order, as the official parser names and cuts them."""
    parts = [
        part
        for part in _cut(report)
        if part.name not in (FINDINGS, IMPRESSION) or part.text.strip()
    ]
    if any(part.name in (FINDINGS, IMPRESSION) for part in parts):
        return parts
    head, blank, rest = parts[-1].text.partition(BLANK_LINE)
    if not blank:
        return parts
    return [*parts[:-1], Section(parts[-1].name, head), Section("last_paragraph", rest)]


def _cut(report: str) -> list[Section]:
    header = HEADER.search(report)
    if header is None:
        return [Section("full report", report)]
    parts = [Section("preamble", report[: header.start(1)])]
    while header is not None:
        start = header.end()
        # The header must be on a later line, also where this one's text begins on the next.
        after = HEADER.search(report, max(report.find("\n", start), start))
        end = after.start() if after else len(report)
        parts.append(Section(section_name(header[1]), report[start:end]))
        header = after
    return parts


def section_name(header: str) -> str:
    """Return what a header is called: a misspelt, longer or other word for the same is the same.

    >>> section_name("IMPRESSOIN"), section_name("PORTABLE CHEST"), section_name("PFI")
    ('impression', 'findings', 'history')
    """
    name = header.lower().strip()
    if name in EXACTLY:
        return EXACTLY[name]
    for word in CONTAINED:
        if word in name:
            return word
    return FINDINGS if any(title in name for title in TITLES) else name
