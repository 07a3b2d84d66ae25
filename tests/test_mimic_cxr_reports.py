"""MIMIC-CXR reports: sections, references, what a reply says, metrics, and nothing that leaks."""

import json
import math
import pickle
import random
import re
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.mimic_cxr import SAMPLE, radeval_metrics, register_benchmarks, reports
from plugins.mimic_cxr.cider import Rarity, cider_d
from plugins.mimic_cxr.labels import FOURTEEN
from plugins.mimic_cxr.report_metrics import present
from plugins.mimic_cxr.reports import reference
from plugins.mimic_cxr.sections import HAND_MADE, parse, section_name, sections
from plugins.mimic_cxr.writing import PARTS, plain, written
from registry import (
    Benchmark,
    DatasetError,
    Excluded,
    Metric,
    MissingExtra,
    Outcome,
    Prediction,
    Sample,
    SampleScore,
    Score,
    Task,
    Terms,
)
from registry.cli import main
from registry.testing import Case, benchmark_contract

BOTH, FINDINGS, IMPRESSION = PARTS.values()


def benchmark() -> Benchmark:
    _, second = register_benchmarks()
    return second


def task(*words: str) -> Task:
    return benchmark().task_for(benchmark().variant(words))


def read(root: Path, *words: str) -> list[Sample | Excluded]:
    return list(task(*words).dataset.read(root))


def asked(items: Sequence[Sample | Excluded]) -> dict[str, Sample]:
    return {item.id: item for item in items if isinstance(item, Sample)}


def reasons(items: Sequence[Sample | Excluded]) -> dict[str, str]:
    return {item.id: item.reason for item in items if isinstance(item, Excluded)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the built-in sample that a test may spoil."""
    root = tmp_path / "2.1.0"
    shutil.copytree(SAMPLE, root)
    return root


def report_file(tree: Path, study: str = "s50000001") -> Path:
    return next(tree.rglob(f"{study}.txt"))


@pytest.mark.parametrize("rule", benchmark_contract("mimic-cxr-reports"))
def test_the_benchmark_keeps(rule: Case) -> None:
    rule()


@pytest.mark.parametrize("words", [("findings",), ("impression",), ("image-only",)])
def test_other_references_keep_the_contract_of_answers(words: tuple[str, ...]) -> None:
    rules = {rule.__name__: rule for rule in benchmark_contract("mimic-cxr-reports", variant=words)}
    for name in ("an-oracle-is-right", "an-empty-answer-scores-nothing", "metrics-stay-in-range"):
        rules[name]()


# --- Sections: every quirk of the official parser -------------------------------------------------


@pytest.mark.parametrize(
    ("report", "parts"),
    [
        pytest.param(
            " FINAL REPORT\n EXAMINATION:  Chest.\n \n FINDINGS: \n \n Clear.\n IMPRESSION: Well.",
            [
                ("preamble", " FINAL REPORT\n "),
                ("examination", " Chest.\n "),
                ("findings", "\n \n Clear."),
                ("impression", "Well."),
            ],
            id="a whole report",
        ),
        pytest.param(
            "\nFINDINGS: Clear.\n \n Second.",
            [("full report", "\nFINDINGS: Clear."), ("last_paragraph", " Second.")],
            id="a header without its space is none",
        ),
        pytest.param(
            "\n\tFINDINGS: Clear.",
            [("full report", "\n\tFINDINGS: Clear.")],
            id="a tab is no space",
        ),
        pytest.param(
            "\n  FINDINGS : Clear.",
            [("preamble", "\n "), ("findings", "Clear.")],
            id="more spaces are part of its name",
        ),
        pytest.param(
            "\n Findings: Clear.", [("full report", "\n Findings: Clear.")], id="mixed case"
        ),
        pytest.param(
            "x\n FINDINGS:Clear.", [("full report", "x\n FINDINGS:Clear.")], id="nothing after it"
        ),
        pytest.param(
            "x\n COMPARISON: None. FINDINGS: Clear.\n \n Well.",
            [
                ("preamble", "x\n "),
                ("comparison", "None. FINDINGS: Clear."),
                ("last_paragraph", " Well."),
            ],
            id="a second header on a line is lost",
        ),
        pytest.param(
            "x\n COMPARISON:\n FINDINGS: Clear.\n IMPRESSION: Well.",
            [
                ("preamble", "x\n "),
                ("comparison", " FINDINGS: Clear."),
                ("impression", "Well."),
            ],
            id="and so is one on the line after a bare header",
        ),
        pytest.param(
            "x\n CHEST, PA LATERAL: \n \n INDICATION: Cough.\n IMPRESSION: Well.",
            [("preamble", "x\n "), ("indication", "Cough."), ("impression", "Well.")],
            id="a title without a word is dropped",
        ),
        pytest.param(
            "x\n PORTABLE CHEST: Clear.\n ADDENDUM: Seen.",
            [("preamble", "x\n "), ("findings", "Clear."), ("addendum", "Seen.")],
            id="a title with words is findings",
        ),
        pytest.param(
            "x\n INDICATION: Line.\n \n Ends well.\n \n Bye.",
            [
                ("preamble", "x\n "),
                ("indication", "Line."),
                ("last_paragraph", " Ends well.\n \n Bye."),
            ],
            id="with neither, what follows the blank line",
        ),
        pytest.param(
            "x\n INDICATION: Line.", [("preamble", "x\n "), ("indication", "Line.")], id="one line"
        ),
        pytest.param("", [("full report", "")], id="nothing at all"),
    ],
)
def test_a_report_is_cut_as_by_the_official_parser(
    report: str, parts: list[tuple[str, str]]
) -> None:
    assert [(part.name, part.text) for part in parse(report)] == parts


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("FINDINGS", "findings"),
        ("FINDNGS", "findings"),
        ("REFERENCE FINDINGS", "findings"),
        ("IMPRESSOIN", "impression"),
        ("CONCLUSION", "impression"),
        ("FINDINGS AND IMPRESSION", "impression"),
        ("FINDINGS/IMPRESSION", "impression"),
        ("NDICATION", "impression"),
        ("PFI", "history"),
        ("CLINICAL INFORMATION", "history"),
        ("REASON FOR EXAM", "indication"),
        ("REFERENCE EXAM", "comparison"),
        ("RECOMMENDATION(S)", "recommendations"),
        ("WETREAD", "wet read"),
        # Not exactly, but with a word of theirs, the first of which counts.
        ("FINAL IMPRESSION", "impression"),
        ("FINDINGS OR IMPRESSION", "impression"),
        ("BRIEF HISTORY", "history"),
        # Titles.
        ("CHEST RADIOGRAPH", "findings"),
        ("PA AND LATERAL VIEWS", "findings"),
        ("TWO VIEWS", "findings"),
        ("RIBS", "findings"),
        # Anything else stays.
        ("TECHNIQUE ", "technique"),
        ("NOTE", "note"),
    ],
)
def test_a_header_is_normalised_as_by_the_official_parser(header: str, name: str) -> None:
    assert section_name(header) == name


def test_the_last_section_of_a_name_counts_and_white_space_is_single() -> None:
    report = "x\n FINDINGS: Old.\n IMPRESSION: A\n   b.\n PORTABLE CHEST: New\n \n one."
    assert sections(report) == {"preamble": "x", "findings": "New one.", "impression": "A b."}


def test_a_wet_read_above_the_report_is_its_preamble() -> None:
    report = report_file(SAMPLE, "s50000002").read_text()
    found = sections(report)
    assert found["preamble"].startswith("WET READ: ___ ___ 6:24 PM")
    assert found["findings"].startswith("The technique is adequate. Cardiomegaly is possible.")


def test_fifty_four_reports_have_hand_made_sections() -> None:
    assert len(HAND_MADE) == 54
    assert all(re.fullmatch(r"5\d{7}", study_id) for study_id in HAND_MADE)


@given(st.lists(st.sampled_from(["\n ", "\n", "\n \n", " ", "FINDINGS", ": ", ":", "x", "PFI"])))
def test_nothing_of_a_report_is_invented(pieces: list[str]) -> None:
    report = "".join(pieces)
    parts = parse(report)
    assert all(part.text in report for part in parts)
    assert len({part.name for part in parts}) == len(sections(report))


# --- References -----------------------------------------------------------------------------------


def test_findings_and_impression_make_the_reference_in_one_line() -> None:
    both, findings, impression = (
        reference(asked(read(SAMPLE, words))["s50000001"])
        for words in ("findings+impression", "findings", "impression")
    )
    assert impression == (
        "Atelectasis. No cardiomegaly. No consolidation. No pulmonary edema. Pleural effusion."
    )
    assert findings.startswith("The technique is adequate. Atelectasis is present.")
    assert both == f"{findings} {impression}"


def test_a_study_without_all_that_is_asked_falls_out_with_its_reason() -> None:
    common = {"s50000003": "no frontal image", "s50000009": reports.NO_REPORT}
    assert reasons(read(SAMPLE)) == common | dict.fromkeys(
        ("s50000005", "s50000006", "s50000007", "s50000008"), "its report has no findings"
    )
    assert reasons(read(SAMPLE, "impression")) == common | {
        "s50000008": "its report has no impression"
    }
    (missing,) = [e for e in read(SAMPLE) if e.id == "s50000009"]
    assert isinstance(missing, Excluded)
    assert missing.incomplete, "an official report that is not in this copy makes the run partial"


def test_a_study_with_hand_made_sections_falls_out(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "HAND_MADE", frozenset({"50000001"}))
    assert reasons(read(tree))["s50000001"] == "its report has only hand-made sections"


def test_removed_words_are_no_part_of_the_reference(tree: Path) -> None:
    report_file(tree).write_text("x\n FINDINGS: As of ___,\n clear. ___\n IMPRESSION: ___ __.\n")
    assert reference(asked(read(tree, "findings"))["s50000001"]) == "As of , clear."
    report_file(tree).write_text("x\n IMPRESSION: ___\n")
    assert reasons(read(tree, "impression"))["s50000001"] == "its report has no impression"


def test_the_target_tells_of_another_reference_and_not_what_it_says(tree: Path) -> None:
    before = asked(read(tree, "impression"))
    text = reference(before["s50000001"])
    file = report_file(tree)
    file.write_text(file.read_text().replace("No cardiomegaly", "Mild cardiomegaly"))
    after = asked(read(tree, "impression"))
    assert before["s50000001"].target != after["s50000001"].target
    assert before["s50000004"].target == after["s50000004"].target
    for sample in before.values():
        assert len(sample.target) == 16
        assert sample.target not in text
    assert len({sample.target for sample in before.values()}) == len(before)


def test_samples_share_their_references_and_travel(tree: Path) -> None:
    one, other, *_ = asked(read(tree)).values()
    assert one.metadata["references"] is other.metadata["references"]
    rarity = one.metadata["references"].rarity
    copy = pickle.loads(pickle.dumps(one))
    assert copy == one
    assert copy.metadata["references"].rarity == rarity
    assert len(pickle.dumps(one)) < 100_000


# --- Where reports lie ----------------------------------------------------------------------------


def zipped(tree: Path, archive: Path, prefix: str) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((tree / "mimic-cxr-reports").rglob("*.txt")):
            file.write(path, prefix + str(path.relative_to(tree / "mimic-cxr-reports")))
    shutil.rmtree(tree / "mimic-cxr-reports")


@pytest.mark.parametrize("prefix", ["", "mimic-cxr-reports/"])
@pytest.mark.parametrize("above", [False, True])
def test_the_released_archive_is_read_as_it_is(tree: Path, prefix: str, above: bool) -> None:
    expected = read(tree)
    zipped(tree, (tree.parent if above else tree) / "mimic-cxr-reports.zip", prefix)
    assert read(tree) == expected


def test_reports_may_lie_above_the_release_or_beside_the_studies(tree: Path) -> None:
    expected = read(tree)
    folder = tree / "mimic-cxr-reports"
    folder.rename(tree.parent / folder.name)
    assert read(tree) == read(tree.parent) == expected
    shutil.copytree(tree.parent / folder.name / "files", tree / "files", dirs_exist_ok=True)
    shutil.rmtree(tree.parent / folder.name)
    assert read(tree) == expected


def test_without_reports_the_places_are_named_with_what_to_type(tree: Path) -> None:
    shutil.rmtree(tree / "mimic-cxr-reports")
    with pytest.raises(DatasetError, match=r"no reports; looked for mimic-cxr-reports/files/") as e:
        read(tree)
    assert e.value.format_message().endswith(
        "--data mimic-cxr-reports=DIR, or try the offline sample with: --sample"
    )


@pytest.mark.parametrize("damage", ["text", "cut", "flipped"])
def test_a_damaged_archive_is_refused(tree: Path, damage: str) -> None:
    archive = tree / "mimic-cxr-reports.zip"
    zipped(tree, archive, "")
    data = bytearray(archive.read_bytes())
    start = data.index(b"s50000001.txt") + len("s50000001.txt")
    data[start + 5 : start + 60] = bytes(55)
    archive.write_bytes({"text": b"x", "cut": bytes(data[:200]), "flipped": bytes(data)}[damage])
    with pytest.raises(DatasetError, match=r"mimic-cxr-reports\.zip is no whole zip archive"):
        read(tree)


def test_a_report_larger_than_any_is_refused(tree: Path) -> None:
    report_file(tree).write_text("x" * (reports.LONGEST + 1))
    with pytest.raises(DatasetError, match=r"s50000001\.txt is larger than any report"):
        read(tree)
    zipped(tree, tree / "mimic-cxr-reports.zip", "")
    with pytest.raises(DatasetError, match=r"s50000001\.txt is larger than any report"):
        read(tree)


def test_a_report_that_is_a_link_out_of_the_release_is_refused(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("x\n FINDINGS: Stolen.\n IMPRESSION: Stolen.")
    report_file(tree).unlink()
    (tree / "mimic-cxr-reports/files/p10/p10000001/s50000001.txt").symlink_to(outside)
    with pytest.raises(DatasetError, match="outside its folder"):
        read(tree)


def test_bytes_that_are_no_utf_8_do_not_stop_the_reading(tree: Path) -> None:
    report_file(tree).write_bytes(b"x\n FINDINGS: Cl\xe9ar.\n IMPRESSION: Well.")
    assert reference(asked(read(tree))["s50000001"]) == "Cl\N{REPLACEMENT CHARACTER}ar. Well."


# --- The prompt -----------------------------------------------------------------------------------


def text_of(sample: Sample, *words: str) -> str:
    question = task(*words).prompt(sample).question
    assert len(question) == 2
    assert isinstance(question[1], str)
    return question[1]


def test_the_picture_comes_first_then_the_indication_then_what_to_write() -> None:
    prompt = task().prompt(asked(read(SAMPLE))["s50000001"])
    assert prompt.question[1] == (
        "INDICATION: ___ year old patient with cough.\n"
        "Write the findings and the impression of the radiology report on this chest radiograph, "
        "under the headings FINDINGS: and IMPRESSION:. Write nothing else."
    )
    assert (prompt.chat, prompt.system, prompt.sampling.temperature) == (True, "", 0.0)


def test_the_indication_can_be_withheld_and_may_be_missing(tree: Path) -> None:
    for sample in asked(read(SAMPLE, "image-only")).values():
        assert text_of(sample).startswith("Write the findings and the impression")
    report_file(tree).write_text("x\n FINDINGS: Clear.\n IMPRESSION: Well.")
    assert text_of(asked(read(tree))["s50000001"]).startswith("Write")
    report_file(tree).write_text("x\n PFI: Cough.\n FINDINGS: Clear.\n IMPRESSION: Well.")
    assert text_of(asked(read(tree))["s50000001"]).startswith("INDICATION: Cough.\n")


def test_findings_that_the_parser_takes_for_the_indication_are_not_told(tree: Path) -> None:
    report_file(tree).write_text("x\n INDICATION: Cough. FINDINGS: Edema.\n IMPRESSION: Fluid.")
    assert text_of(asked(read(tree, "impression"))["s50000001"]) == (
        "INDICATION: Cough.\nWrite the impression section of the radiology report on this chest "
        "radiograph. Write nothing else."
    )


@pytest.mark.parametrize("words", ["findings+impression", "findings", "impression"])
def test_no_prompt_has_a_sentence_of_the_report(words: str) -> None:
    for sample in asked(read(SAMPLE, words)).values():
        for sentence in reference(sample).split(". "):
            assert sentence not in text_of(sample, words)


# --- What a reply says ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "both", "findings", "impression"),
    [
        ("Clear lungs.", "Clear lungs.", "Clear lungs.", "Clear lungs."),
        ("FINDINGS: A.\nIMPRESSION: B.", "A. B.", "A.", "B."),
        ("**Findings:**\nA.\n\n**Impression:** B.", "A. B.", "A.", "B."),
        ("## Findings\nA.\n## Impression\n- B.\n- C.", "A. - B. - C.", "A.", "- B. - C."),
        ("Here it is.\nFINDINGS\nA.", "A.", "A.", ""),
        ("INDICATION: Cough.\nFINDINGS: A.\nRECOMMENDATION: CT.", "A.", "A.", ""),
        ("CONCLUSION: B.", "B.", "", "B."),
        ("FINDINGS AND IMPRESSION: A.", "A.", "A.", "A."),
        ("Findings are normal.\nA.", *["Findings are normal. A."] * 3),
        ("As of ___, **clear**.", *["As of , clear ."] * 3),
        ("<think>FINDINGS: X.</think>FINDINGS: A.", "A.", "A.", ""),
        ("TECHNIQUE: AP.", "", "", ""),
        ("FINDINGS:\nIMPRESSION:", "", "", ""),
        ("", "", "", ""),
        (" \n ", "", "", ""),
    ],
)
def test_only_what_was_asked_for_counts(
    reply: str, both: str, findings: str, impression: str
) -> None:
    assert written(reply, BOTH) == both
    assert written(reply, FINDINGS) == findings
    assert written(reply, IMPRESSION) == impression


@given(st.text())
def test_any_reply_becomes_one_line(text: str) -> None:
    assert "\n" not in written(text, BOTH)
    assert plain(plain(text)) == plain(text)


# --- Metrics --------------------------------------------------------------------------------------


def made(*texts: str) -> list[Sample]:
    """Return samples whose references are these."""
    known = reports.References({f"t{n}": text for n, text in enumerate(texts)})
    return [
        Sample(
            id=f"s{n}",
            input="?",
            target=f"t{n}",
            cluster=f"p{n // 2}",
            metadata={"references": known},
        )
        for n in range(len(texts))
    ]


def scored(metric: Metric, sample: Sample, prediction: Prediction) -> SampleScore:
    verdict = metric.judge(sample, prediction)
    return SampleScore(
        sample_id=sample.id,
        metric=metric.name,
        value=verdict.value,
        answer=verdict.answer,
        target=sample.target,
        outcome=verdict.outcome,
        cluster=sample.cluster,
        groups=sample.groups,
    )


def judged(metric: Metric, samples: Sequence[Sample], *replies: str) -> list[SampleScore]:
    pairs = zip(samples, replies, strict=True)
    return [scored(metric, s, Prediction(sample_id=s.id, text=reply)) for s, reply in pairs]


def board(metric: Metric, scores: Sequence[SampleScore]) -> dict[str, Score]:
    return {score.metric: score for score in metric.aggregate(scores) if not score.part}


ROUGE, BLEU, LABELS = task("findings").metrics

TEXTS = (
    "The lungs are clear.",
    "Small left pleural effusion with atelectasis.",
    "No pneumothorax, and no edema.",
    "The heart is enlarged; mild edema.",
)
REPLIES = (
    "the lungs are clear",
    "Left effusion.",
    "There is no pneumothorax.",
    "The heart is normal.",
)


@pytest.mark.parametrize(
    ("text", "reply", "value"),
    [
        ("a b c d", "a b c d", 1.0),
        ("A, b. C-d!", "a b c d", 1.0),
        ("a b c d", "a c", 2 / 3),
        ("a b c d", "d c b a", 0.25),
        ("a b c d", "x", 0.0),
        ("a b c d", "", 0.0),
        ("effusions", "effusion", 0.0),  # no stemming
        ("a b", "FINDINGS: a b\nIMPRESSION: c d", 1.0),
    ],
)
def test_rouge_l_is_f1_of_the_longest_common_subsequence(
    text: str, reply: str, value: float
) -> None:
    (score,) = judged(ROUGE, made(text), reply)
    assert score.value == pytest.approx(value)


# Of the texts and replies above, as pycocoevalcap 1.2 computes it from their words.
COCO = [10.0, 1.1557648878105524, 2.1910443555269055, 3.448730729872434]


def test_cider_d_is_that_of_coco_caption() -> None:
    found = board(ROUGE, judged(ROUGE, made(*TEXTS), *REPLIES))
    each = [
        cider_d(text, reply, Rarity.of(TEXTS)) for text, reply in zip(TEXTS, REPLIES, strict=True)
    ]
    assert each == pytest.approx(COCO, abs=1e-9)
    assert found["cider-d"].value == pytest.approx(sum(COCO) / 4)


def test_cider_d_agrees_with_pycocoevalcap_where_it_is_installed() -> None:
    scorer = pytest.importorskip("pycocoevalcap.cider.cider")
    lots = random.Random(0)
    words = ["the", "lungs", "are", "clear", "no", "effusion", "edema", "left", "small", "is"]
    texts = [" ".join(lots.choices(words, k=lots.randint(1, 30))) for _ in range(60)]
    replies = [" ".join(lots.choices(words, k=lots.randint(0, 30))) for _ in range(50)]
    replies += texts[50:]
    _, expected = scorer.Cider().compute_score(
        {n: [text] for n, text in enumerate(texts)}, {n: [text] for n, text in enumerate(replies)}
    )
    rarity = Rarity.of(texts)
    pairs = zip(texts, replies, strict=True)
    assert [cider_d(text, reply, rarity) for text, reply in pairs] == pytest.approx(
        list(expected), abs=1e-9
    )


def test_document_frequencies_are_those_of_all_references_also_in_a_part_of_them() -> None:
    samples = made(*TEXTS)
    whole = judged(ROUGE, samples, *REPLIES)
    part = judged(ROUGE, samples[:2], *REPLIES[:2])
    assert [s.answer for s in part] == [s.answer for s in whole[:2]]


def test_bleu_is_that_of_sacrebleu_over_the_corpus() -> None:
    from sacrebleu.metrics import BLEU as SacreBleu

    found = board(BLEU, judged(BLEU, made(*TEXTS), *REPLIES))
    for order in (1, 2, 3, 4):
        official = SacreBleu(lowercase=True, max_ngram_order=order, smooth_method="none")
        expected = official.corpus_score(list(REPLIES), [list(TEXTS)])
        assert found[f"bleu-{order}"].value == pytest.approx(expected.score / 100)
    assert found["brevity-penalty"].value == pytest.approx(expected.bp)


def test_bleu_of_one_and_two_words_by_hand() -> None:
    found = board(BLEU, judged(BLEU, made("a b c d", "a x"), "a b c d", "b a"))
    assert found["bleu-1"].value == pytest.approx(5 / 6)
    assert found["bleu-2"].value == pytest.approx(math.sqrt(5 / 6 * 3 / 4))
    assert found["brevity-penalty"].value == 1.0


def test_punctuation_is_a_word_of_bleu_and_none_of_rouge() -> None:
    assert judged(ROUGE, made("a b. c"), "a b c")[0].value == 1.0
    assert judged(BLEU, made("a b. c"), "a b c")[0].value != 1.0


def test_labels_make_macro_f1_over_what_somebody_shows() -> None:
    texts = ("Edema.", "No edema. Effusion.", "Pneumothorax.", "No edema.")
    replies = ("Edema.", "Edema. Effusion.", "No pneumothorax.", "No edema.")
    scores = judged(LABELS, made(*texts), *replies)
    metric, five, micro, *_ = LABELS.aggregate(scores)
    f1 = {s.part: s.value for s in LABELS.aggregate(scores) if s.part}
    assert f1 == {
        "condition=Edema": pytest.approx(2 / 3),  # one hit, one false alarm
        "condition=No Finding": pytest.approx(2 / 3),  # the third reply finds nothing
        "condition=Pleural Effusion": 1.0,
        "condition=Pneumothorax": 0.0,
    }
    assert (metric.metric, metric.n) == ("rule-labeler-macro-f1-14", 4)
    assert metric.value == pytest.approx((2 / 3 + 2 / 3 + 1 + 0) / 4)
    assert five.metric == "rule-labeler-macro-f1-5"
    assert five.value == pytest.approx((2 / 3 + 1) / 2)
    assert micro.metric == "rule-labeler-micro-f1-14"
    assert micro.value == pytest.approx(6 / 9)


def test_uncertain_is_not_present_and_silence_is_not_healthy() -> None:
    assert present("Possible edema.") == {"Edema": False}
    (score,) = judged(LABELS, made("No acute process."), "")
    assert score.outcome is Outcome.UNPARSEABLE
    assert LABELS.aggregate([score])[0].value == 0.0


@pytest.mark.parametrize("metric", [ROUGE, BLEU, LABELS])
def test_an_empty_reply_and_one_that_was_cut_off_are_counted(metric: Metric) -> None:
    (sample,) = made("The lungs are clear.")
    said = "The lungs are"
    cut = Prediction(sample_id="s0", text=said, finish_reason="length")
    whole = Prediction(sample_id="s0", text=said)
    assert scored(metric, sample, Prediction(sample_id="s0")).outcome is Outcome.UNPARSEABLE
    assert scored(metric, sample, cut).outcome is Outcome.TRUNCATED
    assert scored(metric, sample, whole).outcome is Outcome.ANSWERED
    assert scored(metric, sample, cut).value == scored(metric, sample, whole).value


@pytest.mark.parametrize("metric", [ROUGE, BLEU, LABELS])
@settings(max_examples=5)
@given(data=st.data())
def test_the_order_of_reports_changes_nothing(metric: Metric, data: st.DataObject) -> None:
    scores = judged(metric, made(*TEXTS), *REPLIES)
    shuffled = data.draw(st.permutations(scores))
    one, other = board(metric, scores), board(metric, shuffled)
    assert {n: s.value for n, s in one.items()} == pytest.approx(
        {n: s.value for n, s in other.items()}
    )


@pytest.mark.parametrize("metric", [ROUGE, BLEU, LABELS])
def test_no_score_has_a_word_of_a_report(metric: Metric) -> None:
    for score in judged(metric, made(*TEXTS), *REPLIES):
        kept = f"{score.answer} {score.target}".lower()
        words = {word for text in (*TEXTS, *REPLIES) for word in text.lower().strip(".").split()}
        names = " ".join(FOURTEEN).lower()
        assert [w for w in words if len(w) > 4 and w in kept and w not in names] == []


def test_trivial_reports_are_scored_beside_the_model() -> None:
    samples = asked(read(SAMPLE))
    baselines = task().baselines
    normal = {baselines["normal-report"](sample).text for sample in samples.values()}
    assert len(normal) == 1
    assert "No acute cardiopulmonary process." in normal.pop()
    for sample in samples.values():
        other = baselines["another-report"](sample)
        assert other == baselines["another-report"](sample)
        assert other.text in sample.metadata["references"].texts.values()


def test_a_report_alone_has_no_other_to_be_compared_with() -> None:
    (alone,) = made("Clear.")
    assert reports.another_report(alone).text == "Clear."


# --- Libraries that may be missing ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "library", "extra"),
    [
        ((), "rouge_score", "reports"),
        ((), "sacrebleu", "reports"),
        (("radeval",), "radeval", "radeval"),
        (("radeval+green",), "radeval", "radeval"),
    ],
)
def test_a_missing_library_is_named_before_anything_is_asked(
    words: tuple[str, ...], library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "find_spec", lambda name: None if name == library else object())
    with pytest.raises(MissingExtra, match=rf"pip install 'podium\[{extra}\]'"):
        read(SAMPLE, *words)


def test_without_radeval_its_metrics_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "radeval", None)
    radeval_metrics.scorer.cache_clear()
    with pytest.raises(MissingExtra, match=r"podium\[radeval\]"):
        radeval_metrics.scorer("radgraph")


class FakeLabeler:
    """As RadEval's `f1chexbert_scorer`: 14 names, and a row of zeros and ones a report."""

    TARGET_NAMES = (*(name for name in FOURTEEN if name != "No Finding"), "No Finding")

    def get_labels(self, reports: Sequence[str], mode: str = "rrg") -> list[list[int]]:
        assert mode == "rrg"
        return [[int(name.lower() in r.lower()) for name in self.TARGET_NAMES] for r in reports]


class FakeRadEval:
    """RadEval's documented interface: metrics by name, `per_sample`, lists in and lists out."""

    calls: ClassVar[list[tuple[str, ...]]] = []

    def __init__(
        self, metrics: list[str], per_sample: bool = False, show_progress: bool = True
    ) -> None:
        assert per_sample
        assert not show_progress
        self.metrics = metrics
        self.f1chexbert_scorer = FakeLabeler()

    def __call__(self, refs: list[str], hyps: list[str]) -> dict[str, list[float]]:
        self.calls.append((*self.metrics, *refs, *hyps))
        same = float(refs == hyps)
        return {
            "radgraph": {
                "radgraph_simple": [same],
                "radgraph_partial": [same / 2],
                "radgraph_complete": [same / 4],
            },
            "radcliq": {"radcliq_v1": [2.0 - same]},
            "green": {"green": [same]},
        }[self.metrics[0]]


@pytest.fixture
def radeval(monkeypatch: pytest.MonkeyPatch) -> type[FakeRadEval]:
    module: Any = ModuleType("radeval")
    module.RadEval = FakeRadEval
    monkeypatch.setitem(sys.modules, "radeval", module)
    monkeypatch.setattr(FakeRadEval, "calls", [])
    radeval_metrics.scorer.cache_clear()
    return FakeRadEval


def test_radeval_gives_its_numbers_for_each_report(radeval: type[FakeRadEval]) -> None:
    radgraph, chexbert, radcliq, green = task("radeval+green", "findings").metrics
    samples = made("Edema.", "Fracture.")
    replies = ("FINDINGS: Edema.", "Clear.")
    assert {
        n: s.value for n, s in board(radgraph, judged(radgraph, samples, *replies)).items()
    } == {
        "radgraph-f1-partial": 0.25,
        "radgraph-f1-simple": 0.5,
        "radgraph-f1-complete": 0.125,
    }
    assert task("radeval").headline.name == "radgraph-f1-partial"
    assert radcliq.aggregate(judged(radcliq, samples, *replies))[0].value == 1.5
    assert not radcliq.higher_is_better
    assert green.aggregate(judged(green, samples, *replies))[0].value == 0.5
    found = board(chexbert, judged(chexbert, samples, *replies))
    assert found["chexbert-macro-f1-14"].value == 0.5
    assert found["chexbert-macro-f1-5"].value == 1.0
    assert radeval.calls[0] == ("radgraph", "Edema.", "Edema.")


def test_an_empty_reply_has_no_graph_and_no_green(radeval: type[FakeRadEval]) -> None:
    radgraph, _, radcliq, green = task("radeval+green").metrics
    assert judged(radgraph, made("Edema."), "")[0].value == 0.0
    assert judged(green, made("Edema."), "")[0].value == 0.0
    assert radeval.calls == []
    assert judged(radcliq, made("Edema."), "")[0].value == 2.0


# --- The benchmark --------------------------------------------------------------------------------


def test_the_default_is_medgemmas_reference_and_context_with_lexical_metrics() -> None:
    assert benchmark().variant().name == "findings+impression,image+indication,lexical"
    assert benchmark().terms is Terms.CREDENTIALED


def test_every_variant_makes_a_task() -> None:
    variants = benchmark().variants()
    assert len(variants) == 3 * 2 * 3
    for variant in variants:
        assert benchmark().task_for(variant).headline.name in ("rouge-l", "radgraph-f1-partial")


# --- Through the command line ---------------------------------------------------------------------


def typed(*words: object) -> dict[str, Any]:
    result = CliRunner().invoke(main, [*map(str, words), "--format", "json"], prog_name="podium")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert isinstance(report, dict)
    return report


def test_the_offline_sample_runs_from_picture_to_score() -> None:
    said = "FINDINGS: The technique is adequate.\nIMPRESSION: No acute cardiopulmonary process."
    report = typed("run", "mimic-cxr-reports", "--sample", "--model", f"echo:{said}")
    assert (report["n"], report["scope"], report["metric"]) == (39, "sample", "rouge-l")
    assert 0.1 < report["score"] < 0.5
    assert set(report["scores"]) >= {"cider-d", "bleu-1", "bleu-4", "rule-labeler-macro-f1-5"}


@pytest.mark.parametrize("short", [False, True])
def test_nothing_of_a_report_reaches_the_registry(tree: Path, tmp_path: Path, short: bool) -> None:
    secrets = {
        "indication": "a cough that nobody may read of",
        "findings": "an effusion that nobody may read of",
        "impression": "a nodule that nobody may read of",
        "reply": "edema, and a reply that nobody may read",
    }
    if short:  # a short text looks like a label
        secrets = {name: text.split()[1] + "-xyzzy" for name, text in secrets.items()}
    for study in ("s50000001", "s50000002"):
        report_file(tree, study).write_text(
            f" FINAL REPORT\n INDICATION: {secrets['indication']}\n"
            f" FINDINGS: {secrets['findings']}\n IMPRESSION: {secrets['impression']}\n"
        )
    replies = tmp_path / "replies.jsonl"
    records = [{"id": f"s5000000{n}", "response": secrets["reply"]} for n in (1, 2)]
    replies.write_text("\n".join(json.dumps(record) for record in records))
    data = ("--data", tree, "--limit", 2)
    report = typed("run", "mimic-cxr-reports", *data, "--model", f"replay:{replies}")
    assert (report["n"], report["scope"]) == (2, "partial")

    home = tmp_path / "home"
    stored = b"".join(path.read_bytes() for path in home.glob("registry.db*"))
    assert b"s50000001" in stored
    assert [name for name, text in secrets.items() if text.encode() in stored] == []
    assert b"INDICATION" not in stored
    private = b"".join(path.read_bytes() for path in (home / "private").rglob("*.jsonl"))
    told = {name for name, text in secrets.items() if text.encode() in private}
    assert told == {"reply"}, "replies are kept, and nothing else"
