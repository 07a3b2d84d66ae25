r"""MMMU: college exam questions about pictures, from thirty subjects.

900 validation questions, 30 of each subject, gathered from college exams and textbooks by Yue et
al. (2023): charts, diagrams, maps, sheet music, paintings, X-rays. 847 are multiple-choice with two
to nine options, 53 are open. A question looks like this (from the built-in sample, which is
self-written and covers three subjects):

    [picture: a grid with a dark triangle]
    Every square of the grid has sides of 1 cm. What is the area of the dark triangle in cm²?
    Answer the question using a single word or phrase.
    -> 6

The score is the authors': the share of right answers over all questions, with a mean for each
subject and each of six disciplines. Pictures stand where the text refers to them.

What is odd about it:

- Where no letter can be read, the authors draw one from a generator that runs on from question to
  question. Here the draw depends on the question alone (`none-guess`), so that a resumed run keeps
  its score; `none-wrong` draws none. `no-answer` says how often it happened.
- The authors' rules see "(B)" and " B ", and neither "**B**" nor "\boxed{B}": a talkative model
  loses points that it deserves. `podium` reads those and never takes a letter it is not sure of.
- Open answers are right if they contain the accepted text, or a number that is equal to two
  decimals. Three questions accept either of two answers.
- The authors allow each model its own prompt; this is the one they print for LLaVA. A model that
  does not reason before it answers scores lower than its own report says.
- One question (Math 7) names thirty pictures; a row holds seven at most, so its other tags are
  asked as text.
- Only the validation split is scored. The answers of the test split (10,500 questions) were
  withheld until February 2026, and few publish on it.

Data: `MMMU/MMMU` on the Hugging Face hub, Apache-2.0. Two answers (Design 15, Art Theory 4) were
corrected there in July 2026. Paper: "MMMU: A Massive Multi-discipline Multimodal Understanding and
Reasoning Benchmark for Expert AGI", https://arxiv.org/abs/2311.16502.
"""

from dataclasses import replace
from pathlib import Path

from plugins.mmmu import pro
from plugins.mmmu.reading import LAYOUT, read
from plugins.mmmu.scoring import GUESS, NO_ANSWER, OFFICIAL, PARSER, PARSERS, accuracy, first_option
from registry import (
    Benchmark,
    Dataset,
    Prompt,
    Sample,
    Sampling,
    Task,
    Variant,
    hookimpl,
)

# The mean of 1/options over all validation questions; nothing for open ones.
CHANCE = 0.247
DATASET = Dataset(
    "mmmu",
    read,
    hub="MMMU/MMMU",
    revision="98e6ac0cb9b7b2cd2c991b85a50762edc4aedc68",  # of July 2026, after the corrections
    files=("*/validation-*.parquet",),
    sample=Path(__file__).parent / "sample",
    layout=LAYOUT,
)
# The authors' 128 tokens would cut off a model that reasons before it answers.
SAMPLING = Sampling(max_tokens=1024)


def prompt(sample: Sample) -> Prompt:
    """Return the sample's text and pictures in reading order."""
    return Prompt(question=sample.input, chat=True, sampling=SAMPLING)


def task(variant: Variant) -> Task:
    """Return how answers of a variant are read and counted."""
    guess = variant["no-answer"] == GUESS
    metric = accuracy(PARSERS[variant["parser"]], guess=guess, chance=CHANCE)
    return Task(
        dataset=DATASET,
        prompt=prompt,
        metrics=(metric,),
        baselines={"first-option": first_option},
    )


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    mmmu = Benchmark(
        name="mmmu",
        title="MMMU",
        summary="College exam questions about pictures, from 30 subjects.",
        settings=(PARSER, NO_ANSWER),
        task=task,
        license="Apache-2.0",
        paper="https://arxiv.org/abs/2311.16502",
        homepage="https://mmmu-benchmark.github.io",
        size="900 validation questions",
        modalities=("image", "text"),
        categories=("multimodal", "vision", "knowledge"),
        related=("mmmu-pro", "mathvista", "mmlu"),
        groups={f"{OFFICIAL},{GUESS}": "val"},
        tags=frozenset({"multi-image", "multiple-choice", "open-ended"}),
    )
    harder = replace(
        mmmu,
        name="mmmu-pro",
        title="MMMU-Pro",
        summary="MMMU where the picture is needed: up to ten options, or all in a screenshot.",
        description=pro.__doc__ or "",
        settings=pro.SETTINGS,
        task=pro.task,
        paper="https://arxiv.org/abs/2409.02813",
        size="1,730 questions in each of three settings",
        related=("mmmu", "mathvista", "mmlu-pro"),
        groups=pro.GROUPS,
        tags=frozenset({"multi-image", "multiple-choice"}),
    )
    return [mmmu, harder]
