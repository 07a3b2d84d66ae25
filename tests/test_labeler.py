"""The rule labeler: what sentences of our own say of the 14 conditions."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mimic_cxr.labeler import labels, mentions
from plugins.mimic_cxr.labels import CELLS, FOURTEEN, Label
from plugins.mimic_cxr.synthetic import PHRASES, findings, impression, with_no_finding

PRESENT, ABSENT, UNCERTAIN = Label.PRESENT, Label.ABSENT, Label.UNCERTAIN


def said(report: str) -> dict[str, Label]:
    """Return the labels without No Finding, which has its own tests."""
    return {name: label for name, label in labels(report).items() if name != "No Finding"}


@pytest.mark.parametrize(
    ("report", "condition", "label"),
    [
        # Said plainly, in the words that radiologists have for it.
        ("Bibasilar atelectasis.", "Atelectasis", PRESENT),
        ("Atelectatic changes at the left base.", "Atelectasis", PRESENT),
        ("Collapse of the right upper lobe.", "Atelectasis", PRESENT),
        ("Stable cardiomegaly.", "Cardiomegaly", PRESENT),
        ("The heart is mildly enlarged.", "Cardiomegaly", PRESENT),
        ("The cardiac silhouette remains enlarged.", "Cardiomegaly", PRESENT),
        ("Enlargement of the cardiac silhouette.", "Cardiomegaly", PRESENT),
        ("Multifocal consolidations.", "Consolidation", PRESENT),
        ("Mild pulmonary oedema.", "Edema", PRESENT),
        ("Pulmonary vascular congestion.", "Edema", PRESENT),
        ("Widening of the mediastinum.", "Enlarged Cardiomediastinum", PRESENT),
        ("The mediastinum is widened.", "Enlarged Cardiomediastinum", PRESENT),
        ("Old rib fractures.", "Fracture", PRESENT),
        ("A 2 cm nodule in the right lung.", "Lung Lesion", PRESENT),
        ("Mass in the left upper lobe.", "Lung Lesion", PRESENT),
        ("Patchy opacification at the base.", "Lung Opacity", PRESENT),
        ("Small right effusion.", "Pleural Effusion", PRESENT),
        ("Blunting of the left costophrenic angle.", "Pleural Effusion", PRESENT),
        ("Apical pleural thickening.", "Pleural Other", PRESENT),
        ("Findings of pneumonia.", "Pneumonia", PRESENT),
        ("Tiny apical pneumothorax.", "Pneumothorax", PRESENT),
        ("Right PICC line in place.", "Support Devices", PRESENT),
        ("The endotracheal tube was advanced.", "Support Devices", PRESENT),
        # Negated: before and after, and through a list.
        ("No effusion.", "Pleural Effusion", ABSENT),
        ("There is no evidence of pneumonia.", "Pneumonia", ABSENT),
        ("No focal consolidation, effusion or pneumothorax.", "Pneumothorax", ABSENT),
        ("Negative for fracture.", "Fracture", ABSENT),
        ("Lungs are free of consolidation.", "Consolidation", ABSENT),
        ("Neither effusion nor edema.", "Edema", ABSENT),
        ("The effusion has resolved.", "Pleural Effusion", ABSENT),
        ("The pneumothorax is no longer seen.", "Pneumothorax", ABSENT),
        ("Consolidation is not seen.", "Consolidation", ABSENT),
        ("The heart is not enlarged.", "Cardiomegaly", ABSENT),
        ("Heart size is normal.", "Cardiomegaly", ABSENT),
        ("The cardiac silhouette is within normal limits.", "Cardiomegaly", ABSENT),
        ("The cardiomediastinal silhouette is unremarkable.", "Enlarged Cardiomediastinum", ABSENT),
        # Hedged: before, after, and by an alternative.
        ("Possible edema.", "Edema", UNCERTAIN),
        ("This may represent pneumonia.", "Pneumonia", UNCERTAIN),
        ("Opacity concerning for pneumonia.", "Pneumonia", UNCERTAIN),
        ("Atelectasis versus pneumonia.", "Atelectasis", UNCERTAIN),
        ("Atelectasis versus pneumonia.", "Pneumonia", UNCERTAIN),
        ("Pneumonia cannot be excluded.", "Pneumonia", UNCERTAIN),
        ("A small effusion is not excluded.", "Pleural Effusion", UNCERTAIN),
        ("Edema is possible.", "Edema", UNCERTAIN),
        ("The heart is top normal in size.", "Cardiomegaly", UNCERTAIN),
        # Where a scope ends.
        ("No pneumothorax, but a small effusion.", "Pleural Effusion", PRESENT),
        ("There is no edema; cardiomegaly is stable.", "Cardiomegaly", PRESENT),
        ("No pneumothorax. Small effusion.", "Pleural Effusion", PRESENT),
        ("Without edema, there are rib fractures.", "Fracture", PRESENT),
        ("No pneumothorax is seen with a chest tube in place.", "Support Devices", PRESENT),
        ("No edema, and the effusion is unchanged.", "Pleural Effusion", PRESENT),
        ("Possible pneumonia. Effusion.", "Pleural Effusion", PRESENT),
        # What looks like a negation and is none.
        ("No significant interval change in the large effusion.", "Pleural Effusion", PRESENT),
        ("No change in cardiomegaly.", "Cardiomegaly", PRESENT),
        ("Pneumothorax without interval change.", "Pneumothorax", PRESENT),
    ],
)
def test_a_sentence_says_of_a_condition(report: str, condition: str, label: Label) -> None:
    assert said(report).get(condition) == label


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("", {}),
        (" \n ", {}),
        ("The lungs are clear.", {}),
        ("Breast mass.", {}),  # in no lung
        ("Hydropneumothorax.", {"Pleural Effusion": PRESENT, "Pneumothorax": PRESENT}),
        ("Chf.", {"Edema": PRESENT, "Cardiomegaly": UNCERTAIN}),
        ("No heart failure.", {"Edema": ABSENT}),
        ("Heart failure. Cardiomegaly.", {"Edema": PRESENT, "Cardiomegaly": PRESENT}),
    ],
)
def test_a_report_says_nothing_else(report: str, expected: dict[str, Label]) -> None:
    assert said(report) == expected


@pytest.mark.parametrize(
    ("report", "label"),
    [
        ("No effusion. Right effusion.", PRESENT),
        ("Possible effusion. Effusion.", PRESENT),
        ("No effusion. Possible effusion.", UNCERTAIN),
        ("No effusion. No right effusion.", ABSENT),
    ],
)
def test_present_beats_uncertain_beats_absent(report: str, label: Label) -> None:
    first, second = report.split(". ")
    for order in (report, f"{second} {first}."):
        assert labels(order)["Pleural Effusion"] is label


@pytest.mark.parametrize(
    ("report", "found"),
    [
        ("No acute cardiopulmonary process.", True),
        ("No effusion.", True),
        ("The pacemaker is in place.", True),  # devices are no finding
        ("Effusion.", False),
        ("Possible effusion.", False),
        ("Hyperinflation.", False),  # abnormal, and no label of its own
        ("No emphysema.", True),
        ("", False),
    ],
)
def test_no_finding_is_present_or_not_said(report: str, found: bool) -> None:
    assert labels(report).get("No Finding") is (PRESENT if found else None)


@pytest.mark.parametrize("write", [findings, impression])
@pytest.mark.parametrize("cell", ["1.0", "0.0", "-1.0"])
@pytest.mark.parametrize("condition", PHRASES)
def test_the_synthetic_reports_say_what_their_labels_say(
    write: Callable[[Mapping[str, str]], str], cell: str, condition: str
) -> None:
    row = with_no_finding({condition: cell})
    expected = {name: CELLS[value] for name, value in row.items() if value}
    assert labels(write(row)) == expected


def test_a_mention_tells_the_phrase_that_was_read() -> None:
    (mention,) = mentions("Mild pulmonary edema.")
    assert (mention.condition, mention.phrase, mention.label) == ("Edema", "edema", PRESENT)


@given(st.text(max_size=300))
def test_any_text_has_labels_of_known_conditions(text: str) -> None:
    found = labels(text)
    assert [name for name in FOURTEEN if name in found] == list(found)
    assert Label.BLANK not in found.values()


@given(st.permutations(["No effusion.", "Edema.", "Possible pneumonia.", "No fracture."]))
def test_the_order_of_sentences_does_not_matter(sentences: list[str]) -> None:
    assert labels(" ".join(sentences)) == {
        "Edema": PRESENT,
        "Fracture": ABSENT,
        "Pleural Effusion": ABSENT,
        "Pneumonia": UNCERTAIN,
    }


def test_a_negation_reaches_through_a_list_and_not_without_end() -> None:
    several = "consolidation, mass in the right lung, edema, fracture, effusion or pneumothorax"
    assert set(said(f"No {several}.").values()) == {ABSENT}
    assert said("No effusion " + "and so on " * 40 + "effusion.")["Pleural Effusion"] is PRESENT
