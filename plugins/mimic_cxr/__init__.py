"""MIMIC-CXR: which findings does a chest radiograph show, and what would its report say?

## mimic-cxr

The official test split of MIMIC-CXR-JPG 2.1.0 (3,269 studies of 293 patients of one hospital in
Boston), one frontal picture a study. For each of five conditions (atelectasis, cardiomegaly,
consolidation, edema, pleural effusion) or of all 14 labels the model is asked a yes/no question;
the score is macro F1, the plain mean of the conditions' F1. A record, made up as in the sample:

    [frontal chest radiograph]
    Is there pleural effusion in this image? Answer with one word, yes or no.
    -> yes

**What is odd about it.** The labels are no labels of the picture: a program (`chexpert`, `negbio`)
or, for 687 of the studies, a radiologist (`radiologist`) read the *report*. A finding is present,
absent, uncertain or not mentioned at all, and what the last two count as (the policy) moves the
score more than the model does: MedGemma 4B is reported with 0.889 where they are left out
(`exclude`) and 0.405 where they are negatives (`u_zero`); always saying yes gets 0.80 and 0.26 on
training counts. So the policy is part of the score's name, and trivial baselines, balanced
accuracy, MCC and AUROC stand beside it. The 0.889 is on labels that were never published: nothing
here reproduces it exactly; `radiologist,exclude` is its nearest public relative. Studies without a
frontal image, without labels, or with every label masked are left out and counted.

**Modes.** `binary-direct` reads the probabilities of yes and no in one step, which gives AUROC too.
`binary-cot` is MedGemma's own prompt: an argument, then "Final Answer: X". `multilabel-json` asks
once a study for a JSON object, 5 to 14 times cheaper. Modes do not compare with each other.

## mimic-cxr-reports

The model writes the report of a study from one frontal picture and, by default, the INDICATION
that the radiologist was given too (as MedGemma is asked; `image-only` withholds it). A record, made
up:

    [frontal chest radiograph]
    INDICATION: ___ year old patient with cough.
    Write the findings and the impression of the radiology report on this chest radiograph, ...
    -> There is no pleural effusion. ... No acute cardiopulmonary process.

The reference is findings and impression, findings, or impression, cut from the report by the rules
of the official parser; a study without all of them falls out, so the three have other studies too
and never compare. The `___` of removed words stays in the indication and is taken out of reference
and reply. Metrics are `lexical` (ROUGE-L, CIDEr-D, BLEU and the F1 of a rule labeler of our own) or
`radeval` (RadGraph, CheXbert, RadCliQ; `radeval+green` adds GREEN), which downloads weights.
References often compare with a picture that nobody is shown, so no score can be perfect, and style
counts: the same MedGemma has RadGraph F1 21.9 instruction-tuned and 29.5 pre-trained. A report that
finds nothing, and another patient's, are scored beside the model.

## Data

Credentialed: https://physionet.org/content/mimic-cxr-jpg/2.1.0/ (PhysioNet Credentialed
Health Data License 1.5.0, with a data use agreement and CITI training), and for reports
https://physionet.org/content/mimic-cxr/2.1.0/. Pictures may also be the DICOM files of the latter,
beside the tables of the former: they are decoded as the JPG files were made, without their
compression, and the samples are grouped as `picture=dicom`. The data must not be shared with
third parties, so endpoints outside this machine and its private network are refused. Paper: Johnson
et al. 2019, "MIMIC-CXR, a de-identified publicly available database of chest radiographs with
free-text reports", https://doi.org/10.1038/s41597-019-0322-0. The built-in sample is painted by a
program and holds no patient data.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from plugins.mimic_cxr import prompts, radeval_metrics, report_metrics, reports, writing
from plugins.mimic_cxr.answers import UNPARSEABLE, judge_direct, judge_final_answer, judge_json
from plugins.mimic_cxr.baselines import BASELINES, oracle
from plugins.mimic_cxr.labels import CONDITIONS, POLICIES, SOURCES
from plugins.mimic_cxr.layout import LAYOUT
from plugins.mimic_cxr.samples import read
from plugins.mimic_cxr.scoring import macro_f1
from registry import Benchmark, Dataset, Metric, Setting, Task, Terms, Variant, hookimpl

SAMPLE = Path(__file__).parent / "sample"

DIRECT, ARGUED, JSON = "binary-direct", "binary-cot", "multilabel-json"
JUDGES = {DIRECT: judge_direct, ARGUED: judge_final_answer, JSON: judge_json}

SETTINGS = (
    Setting("mode", tuple(JUDGES), "how the model is asked, and its answer read"),
    Setting("labels", tuple(SOURCES), "who read the reports"),
    Setting("policy", tuple(POLICIES), "what uncertain and unmentioned count as"),
    Setting("conditions", tuple(CONDITIONS), "CheXpert's five, or all labels"),
    Setting("unparseable", UNPARSEABLE, "what a reply without an answer counts as"),
)

TERMS = (
    "PhysioNet Credentialed Health Data License 1.5.0 and its data use agreement: no attempt to "
    "identify patients, no sharing of data or access, research only. PhysioNet strongly recommends "
    "models that run locally (https://physionet.org/news/post/llm-responsible-use)."
)


def task(variant: Variant) -> Task:
    """Return what a variant asks and how it is judged."""
    mode, unparseable = variant["mode"], variant["unparseable"]
    conditions = CONDITIONS[variant["conditions"]]
    ask = {
        DIRECT: prompts.binary_direct,
        ARGUED: prompts.binary_cot,
        JSON: prompts.multilabel_json(conditions),
    }
    questions = partial(
        read,
        source=SOURCES[variant["labels"]],
        policy=POLICIES[variant["policy"]],
        conditions=conditions,
        by_study=mode == JSON,
    )
    return Task(
        dataset=Dataset("mimic-cxr", questions, sample=SAMPLE, layout=LAYOUT),
        metrics=(macro_f1(JUDGES[mode](unparseable), unparseable),),
        prompt=ask[mode],
        baselines=BASELINES,
        oracle=oracle,
    )


LEXICAL, RADEVAL, GREEN = "lexical", "radeval", "radeval+green"
CONTEXT = ("image+indication", "image-only")

WORDS = (report_metrics.rouge_l, report_metrics.bleu, report_metrics.rule_labeler)
CLINICAL = (radeval_metrics.radgraph, radeval_metrics.chexbert, radeval_metrics.radcliq)
METRICS: Mapping[str, tuple[Callable[[Sequence[str]], Metric], ...]] = {
    LEXICAL: WORDS,
    RADEVAL: CLINICAL,
    GREEN: (*CLINICAL, radeval_metrics.green),
}

REPORT_SETTINGS = (
    Setting("reference", tuple(writing.PARTS), "which sections of the report are to be written"),
    Setting("context", CONTEXT, "whether the model is given the report's INDICATION"),
    Setting("metrics", (LEXICAL, RADEVAL, GREEN), "how two texts are compared"),
)
REPORT_LAYOUT = f"{LAYOUT}, and the reports: mimic-cxr-reports/files/... or mimic-cxr-reports.zip"


def report_task(variant: Variant) -> Task:
    """Return which report a variant asks for, and how it is judged."""
    parts = writing.PARTS[variant["reference"]]
    scored_by = report_metrics if variant["metrics"] == LEXICAL else radeval_metrics
    questions = partial(
        reports.read,
        parts=parts,
        with_indication=variant["context"] == CONTEXT[0],
        libraries=scored_by.LIBRARIES,
        extra=scored_by.EXTRA,
    )
    return Task(
        dataset=Dataset(reports.NAME, questions, sample=SAMPLE, layout=REPORT_LAYOUT),
        metrics=tuple(metric(parts) for metric in METRICS[variant["metrics"]]),
        prompt=writing.prompt,
        baselines={
            "normal-report": reports.normal_report(parts),
            "another-report": reports.another_report,
        },
        oracle=reports.oracle,
    )


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="mimic-cxr",
            title="MIMIC-CXR",
            summary="Findings on chest radiographs, as yes/no questions; macro F1 over conditions.",
            settings=SETTINGS,
            task=task,
            terms=Terms.CREDENTIALED,
            terms_text=TERMS,
            license="PhysioNet Credentialed Health Data License 1.5.0",
            paper="https://doi.org/10.1038/s41597-019-0322-0",
            homepage="https://physionet.org/content/mimic-cxr-jpg/2.1.0/",
            size="3,269 test studies of 293 patients, times 5 or 14 conditions",
            modalities=("image", "text"),
            categories=("healthcare", "vision", "multimodal"),
            related=("chexpert", "vqa-rad", "slake"),
            tags=frozenset({"radiology", "classification", "multi-label"}),
        ),
        Benchmark(
            name=reports.NAME,
            title="MIMIC-CXR reports",
            summary="Write the report on a chest radiograph; ROUGE-L, BLEU, CIDEr-D and labels.",
            settings=REPORT_SETTINGS,
            task=report_task,
            terms=Terms.CREDENTIALED,
            terms_text=TERMS,
            license="PhysioNet Credentialed Health Data License 1.5.0",
            paper="https://doi.org/10.1038/s41597-019-0322-0",
            homepage="https://physionet.org/content/mimic-cxr/2.1.0/",
            size="up to 3,269 test studies of 293 patients, fewer for each section",
            modalities=("image", "text"),
            categories=("healthcare", "vision", "multimodal"),
            related=("mimic-cxr",),
            tags=frozenset({"radiology", "generation", "reports"}),
        ),
    ]
