"""`rule-labeler`: what a report says of each of the 14 conditions, by phrases and scopes.

A small labeler of our own, after NegEx (Chapman et al. 2001) and with the aggregation of the
CheXpert labeler: present beats uncertain beats absent, heart failure adds an uncertain
Cardiomegaly, and No Finding is present or nothing. It needs no weights and no parser. **It is
neither CheXpert nor CheXbert**, agrees with them on plain sentences only, and its numbers compare
with no one else's.

>>> said = labels("No effusion. Possible edema; the heart is enlarged.")
>>> [f"{name}: {label.value}" for name, label in said.items()]
['Cardiomegaly: present', 'Edema: uncertain', 'Pleural Effusion: absent']
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from plugins.mimic_cxr.labels import FOURTEEN, Label

NO_FINDING, DEVICES = "No Finding", "Support Devices"


def _pattern(*phrases: str) -> re.Pattern[str]:
    """Return a pattern for any of the phrases, as whole words; a space is any white space."""
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b".replace(" ", r"\s+"))


PHRASES = {
    "Atelectasis": _pattern(
        r"atelecta\w+", r"(?:lobar|lung|lobe|volume) collapse", r"collapse of the \w+ \w+ lobe"
    ),
    "Cardiomegaly": _pattern(
        "cardiomegaly",
        r"(?:enlarge\w*|increase\w*) (?:of the |in )?(?:heart|cardiac)(?: size| silhouette)?",
        r"(?:heart|cardiac) enlargement",
        r"(?:heart|cardiac)(?: size| silhouette| shadow)?(?: size)? (?:is|are|remains?|appears?)"
        r"(?: \w+){0,3}? (?:enlarged|prominent|top normal|increased)",
    ),
    "Consolidation": _pattern(r"consolidat\w+"),
    "Edema": _pattern(
        "o?edema",
        r"(?:pulmonary|vascular) congestion",
        "vascular engorgement",
        "fluid overload",
        "volume overload",
        "heart failure",
        "chf",
    ),
    "Enlarged Cardiomediastinum": _pattern(
        r"(?:widen\w*|enlarge\w*|prominen\w+) (?:of the )?"
        r"(?:mediastin\w+|cardiomediastin\w+)(?: silhouette| contours?)?",
        r"mediastinal (?:widening|enlargement|prominence)",
        r"(?:cardio)?mediastin\w+(?: silhouette| contours?)? (?:is|are|appears?|remains?)"
        r"(?: \w+){0,2}? (?:widened|enlarged|prominent)",
    ),
    "Fracture": _pattern(r"fractur\w+"),
    "Lung Lesion": _pattern(
        r"(?:lung|pulmonary|lobe|lobar|hilar|cavitary|spiculated) (?:mass|lesion)(?:es|s)?",
        r"nodul\w+",
        r"masses",
        r"(?:mass|lesion)(?= (?:in|of|within) the \w+ (?:\w+ )?(?:lung|lobe|apex|base))",
        r"metasta\w+",
        "tumou?rs?",
        "neoplasms?",
        r"granuloma\w*",
    ),
    "Lung Opacity": _pattern(
        r"opaci\w+",
        r"infiltrat\w+",
        r"air ?space disease",
        "interstitial markings",
        "interstitial abnormality",
    ),
    "Pleural Effusion": _pattern(
        r"effusions?",
        "pleural fluid",
        r"hydro(?:pneumo)?thora\w+",
        "blunting of the \\w+ \\w+ angle",
    ),
    "Pleural Other": _pattern(
        r"pleural[- ](?:thickening|scarring|plaques?|fibrosis|calcifications?)",
        "fibrothorax",
    ),
    "Pneumonia": _pattern(r"pneumoni\w+", r"infecti\w+"),
    "Pneumothorax": _pattern(r"(?:hydro)?pneumothora\w+"),
    "Support Devices": _pattern(
        r"(?:endotracheal|nasogastric|orogastric|enteric|feeding|chest|tracheostomy|et|ng|og|ett)"
        r" tubes?",
        r"(?:central|venous|picc|port|subclavian|jugular|swan[- ]ganz|dialysis)(?: venous)?"
        r" (?:lines?|catheters?)",
        r"catheters?",
        r"pacemakers?",
        r"pacer",
        r"icd",
        r"defibrillator",
        r"stents?",
        r"port-a-cath",
        r"picc",
        r"(?:pacemaker|pacer|icd) leads?",
        r"sternotomy wires",
        r"prosthetic valves?",
    ),
}

ADDS_CARDIOMEGALY = _pattern("heart failure", "chf")

# Said of a normal heart without a word that could be negated.
NORMAL = {
    "Cardiomegaly": _pattern(
        r"(?:heart|cardiac)(?: size| silhouette)?(?: size)? (?:is|are|appears?|remains?)"
        r"(?: within)? (?:normal|unremarkable|not enlarged)",
        r"normal (?:heart|cardiac) (?:size|silhouette)",
    ),
    "Enlarged Cardiomediastinum": _pattern(
        r"(?:cardio)?mediastin\w+(?: and hilar)?(?: silhouettes?| contours?)? (?:is|are|appears?"
        r"|remains?)(?: within)? (?:normal|unremarkable|stable)",
        r"normal (?:cardio)?mediastin\w+",
    ),
}

# No label, and yet nothing that one would call no finding.
ABNORMAL = _pattern(
    r"hyperinflat\w+",
    "emphysema",
    "copd",
    r"scarring",
    r"fibrosis",
    r"bronchiectasis",
    r"hernia",
    r"pneumomediastinum",
    r"pneumoperitoneum",
    r"scoliosis",
    r"elevat\w+ of the \w+ (?:hemi)?diaphragm",
)

BREAK = re.compile(r"(?<=[.!?])\s+|\s*[;\n]\s*|:\s+")
CLAUSE = re.compile(
    r"\b(?:but|however|although|though|except|aside from|apart from|other than|whereas|which|with"
    r"|there (?:is|are)|and there)\b|,\s*(?=(?:and )?(?:\w+\s+){0,4}(?:is|are|has|have) (?:seen|"
    r"present|noted|visible|again|new|unchanged|stable|increased)\b)"
)

REACH = 200
"""Characters: the longest lists have fewer, and a model that repeats itself writes one clause."""

NOT_A_NEGATION = _pattern(
    r"no (?:\w+ )?(?:\w+ )?(?:change|increase|decrease|improvement)",
    r"without (?:\w+ )?(?:\w+ )?change",
    "not only",
    "no longer needed",
)
NEGATIONS = _pattern(
    "no",
    "without",
    "not",
    "nor",
    "neither",
    "negative for",
    "absence of",
    "absent",
    "free of",
    "clear of",
    "den(?:y|ies)",
    "resolution of",
    "resolved",
)
NEGATED_AFTER = re.compile(
    r"\s*(?:\([^)]*\)\s*)?(?:(?:is|are|was|were|has|have)(?: been)?\s+)?(?:no longer|not(?! exclud)"
    r"|absent|resolved|cleared|ruled out|excluded)\b"
)
HEDGES = _pattern(
    r"possibl\w+",
    r"probabl\w+",
    "likely",
    "unlikely",
    "may",
    "might",
    "could",
    r"suggest\w*",
    r"suspici\w+",
    r"suspect\w*",
    r"concern\w*(?: for)?",
    "question of",
    r"questionable",
    r"equivocal",
    "cannot exclude",
    "not exclude",
    "rule out",
    "r/o",
    "versus",
    "vs",
    r"compatible with",
    r"consistent with",
    r"presum\w+",
    r"potential\w*",
    r"borderline",
    r"top normal",
    r"differential",
)
HEDGED_AFTER = re.compile(
    r"[^,]{0,40}?\b(?:cannot (?:entirely |completely )?be excluded|(?:is|are) not excluded|"
    r"(?:is|are) (?:possible|suspected|likely|unlikely|questionable|a consideration)|"
    r"(?:should|could|may|might) be|not excluded|versus|vs)\b"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A condition that a sentence speaks of, in which words, and what it says of it."""

    condition: str
    phrase: str
    label: Label


def labels(report: str) -> dict[str, Label]:
    """Return the label of each condition that the report mentions, in the order of the tables.

    A report without a word has no labels, not even No Finding.
    """
    found = list(mentions(report))
    said = {name: _strongest(name, found) for name in FOURTEEN}
    doubts = (Label.PRESENT, Label.UNCERTAIN)
    wrong = [name for name, label in said.items() if label in doubts and name != DEVICES]
    if report.strip() and not wrong and not _abnormal(report):
        said[NO_FINDING] = Label.PRESENT
    return {name: label for name, label in said.items() if label is not Label.BLANK}


def mentions(report: str) -> Iterator[Mention]:
    """Yield every mention of a condition, clause by clause."""
    for clause in _clauses(report.lower()):
        for name, normal in NORMAL.items():
            for match in normal.finditer(clause):
                yield Mention(name, match[0], Label.ABSENT)
        for name, phrases in PHRASES.items():
            for match in phrases.finditer(clause):
                label = _label(clause, match)
                yield Mention(name, match[0], label)
                if ADDS_CARDIOMEGALY.fullmatch(match[0]) and label is not Label.ABSENT:
                    yield Mention("Cardiomegaly", match[0], Label.UNCERTAIN)


def _clauses(report: str) -> Iterator[str]:
    """Yield the stretches of text that a negation or a hedge reaches."""
    for sentence in BREAK.split(report):
        yield from (clause for clause in CLAUSE.split(sentence) if clause.strip())


def _label(clause: str, match: re.Match[str]) -> Label:
    """Return what a clause says of the phrase in it: what stands before it, then after it."""
    before = NOT_A_NEGATION.sub(" ", clause[max(match.start() - REACH, 0) : match.start()])
    after = clause[match.end() : match.end() + REACH]
    # The phrase itself may be hedged or negated: "the heart is not enlarged", "is top normal".
    if HEDGES.search(f"{before}{match[0]}") or HEDGED_AFTER.match(after):
        return Label.UNCERTAIN
    if NEGATIONS.search(f"{before}{match[0]}") or NEGATED_AFTER.match(after):
        return Label.ABSENT
    return Label.PRESENT


def _strongest(condition: str, found: list[Mention]) -> Label:
    """Return present before uncertain before absent, blank where it is not mentioned."""
    said = {mention.label for mention in found if mention.condition == condition}
    order = (Label.PRESENT, Label.UNCERTAIN, Label.ABSENT)
    return next((label for label in order if label in said), Label.BLANK)


def _abnormal(report: str) -> bool:
    """Whether the report speaks of something abnormal that has no label of its own."""
    return any(
        _label(clause, match) is not Label.ABSENT
        for clause in _clauses(report.lower())
        for match in ABNORMAL.finditer(clause)
    )
