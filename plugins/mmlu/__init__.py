"""MMLU: multiple-choice questions from 57 school, college and professional subjects.

14,042 questions with four choices, gathered from exams and textbooks by Hendrycks et al. (2021).
A model sees five worked examples of the subject, and the letter it finds most probable is its
answer; there is no chat template and no reasoning. A question looks like this (from the built-in
sample, which is self-written and covers twelve subjects):

    Which of these bones lies in the forearm?
    A. Radius
    B. Tibia
    C. Humerus
    D. Fibula
    Answer:
    -> A

The score is the authors': the mean over all questions (micro), with a mean for each of 57 subjects,
17 subcategories and 4 categories. Others publish the mean over subjects (`macro-accuracy`), which
lies up to 1.5 points away.

What is odd about it:

- The authors' header has two blanks after "about", lm-eval's has one (`one-blank-header`), and
  lm-eval strips the question.
- Ten choices in the test split are the word "None". They are kept as such; the authors' script
  reads them as missing and shows "nan".
- A tie between letters counts a share of the question. The authors give it to the earlier letter,
  so a model that weighs all four alike scores 0.2295 there: "A" is right that often.
- 105 test questions repeat an earlier one, and nine have two equal choices. All are kept, as the
  authors keep them.
- The authors drop examples from prompts of more than 2,048 GPT-2 tokens; here they are dropped
  where the prompt does not fit the model's own context. The predictions say how many were shown.
- With `first-token` the model writes one token, which is compared with the letter, as HELM does
  it. HELM's examples and wording differ, so its numbers do too.

Data: `cais/mmlu` on the Hugging Face hub, or the authors' `data.tar`, both under the MIT licence.
Paper: "Measuring Massive Multitask Language Understanding", https://arxiv.org/abs/2009.03300.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from plugins.mmlu import prompts
from plugins.mmlu.reading import LAYOUT, read
from plugins.mmlu.subjects import CATEGORIES
from registry import (
    Benchmark,
    Dataset,
    Metric,
    Outcome,
    Prediction,
    Sample,
    Setting,
    Task,
    Variant,
    Verdict,
    choice_accuracy,
    exact_match,
    hookimpl,
)

CHANCE = 0.25
SETTINGS = (
    Setting(
        "shots", ("5-shot", "4-shot", "3-shot", "2-shot", "1-shot", "0-shot"), "examples shown"
    ),
    Setting(
        "header",
        ("official-header", "one-blank-header"),
        "the authors' prompt, or lm-eval's: one blank in the header, the question stripped",
    ),
    Setting(
        "answers",
        ("letters", "first-token"),
        'the most probable of " A" to " D", or one written token',
    ),
)
DATASET = Dataset(
    "mmlu",
    read,
    hub="cais/mmlu",
    revision="c30699e8356da336a370243923dbaf21066bb9fe",
    # One file a split; the hub has every question a second time in a folder for its subject.
    files=("all/test-*.parquet", "all/dev-*.parquet"),
    sample=Path(__file__).parent / "sample",
    layout=LAYOUT,
)

GROUPS = {
    f"5-shot,{header},{answers}": "full"
    for header in ("official-header", "one-blank-header")
    for answers in ("letters", "first-token")
}
"""What is published as MMLU is asked with five examples, in either header and either way."""


def first_token_accuracy() -> Metric:
    """Return the share of first tokens that are, stripped, the right letter.

    One token is all that is asked for: a reply that ends there is whole, not truncated.
    """
    metric = exact_match(chance=CHANCE, macro_over="subject")

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        return metric.judge(sample, replace(prediction, outcome=Outcome.ANSWERED))

    return replace(metric, judge=judge)


def task(variant: Variant) -> Task:
    """Return what a variant shows and how it is answered."""
    shots = int(variant["shots"].removesuffix("-shot"))
    weighed = variant["answers"] == "letters"
    return Task(
        dataset=replace(DATASET, read=partial(read, shots=shots)),
        prompt=partial(
            prompts.letters if weighed else prompts.first_token,
            one_blank=variant["header"] == "one-blank-header",
        ),
        metrics=(
            choice_accuracy(chance=CHANCE, macro_over="subject")
            if weighed
            else first_token_accuracy(),
        ),
    )


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="mmlu",
            title="MMLU",
            summary="Multiple-choice questions from 57 school, college and professional subjects.",
            settings=SETTINGS,
            task=task,
            license="MIT",
            paper="https://arxiv.org/abs/2009.03300",
            homepage="https://github.com/hendrycks/test",
            size="14,042 questions",
            categories=tuple(CATEGORIES),
            related=("mmlu-pro",),
            groups=GROUPS,
            tags=frozenset({"knowledge", "multiple-choice"}),
        )
    ]
