"""MathVista: mathematics in pictures, from plots and puzzles to geometry and science figures.

The 1,000 questions of the testmini split, drawn by Lu et al. (2023) from 31 sources. 540 are
multiple-choice, 418 ask for a whole number, 40 for decimals and 2 for a list. A question looks like
this (from the built-in sample, which is self-written):

    [picture: four bars on a grid]
    Hint: Please answer the question requiring an integer answer and provide the final value,
    e.g., 1, 2, 3, at the end.
    Question: How many squares is the tallest bar higher than the lowest?
    -> 3

The score is the authors': the share of right answers, with a mean for each task, skill, grade,
category, context, language, source and kind of question. A question may need several skills, and
counts in each.

What is odd about it:

- **The extraction decides the score.** Answers are compared as texts, so something must first cut
  the answer out of the response. The authors' rules (`rules`; `quick` adds one pattern) take a
  response that is nothing but the answer; for the rest they ask GPT-4 (`llm`: name the second model
  and it does so, with their prompt). A model recorded at 34.8 with GPT-4 gets 16.8 by the rules.
  Scores of different extractors are never on one board.
- Where nothing is extracted, the authors take the choice nearest to the empty text, the shortest
  (`none-nearest`): right 168 times in 1,000. The baseline `empty` shows it beside each score, and
  `no-answer` says how often it happened; `none-wrong` counts it as wrong.
- No tolerance and no units: "$1.45", "50%" and "1,000" are wrong unless the extractor cleans them;
  1.9 counts as the whole number 1.
- The authors keep answers that are known to be wrong, so that scores stay comparable.

Data: `AI4Math/MathVista` on the Hugging Face hub, CC BY-SA 4.0; the questions and pictures belong
to their authors. To be used as a test set, also commercially, and never for training. The answers
of the test split (5,141 questions) are not published. Paper: "MathVista: Evaluating Mathematical
Reasoning of Foundation Models in Visual Contexts", https://arxiv.org/abs/2310.02255.
"""

from pathlib import Path

from plugins.mathvista.reading import LAYOUT, read
from plugins.mathvista.scoring import accuracy, empty, extractor, oracle
from registry import (
    Benchmark,
    Dataset,
    Prompt,
    Sample,
    Sampling,
    Setting,
    Task,
    Variant,
    hookimpl,
)

RULES, QUICK, LLM = "rules", "quick", "llm"
NEAREST, WRONG = "none-nearest", "none-wrong"
SETTINGS = (
    Setting(
        "extraction",
        (RULES, QUICK, LLM),
        "the authors' rules, those and one pattern, or rules and then a second model",
    ),
    Setting(
        "no-answer", (NEAREST, WRONG), "nothing extracted: the choice nearest to nothing, or wrong"
    ),
)
DATASET = Dataset(
    "mathvista",
    read,
    hub="AI4Math/MathVista",
    revision="2b6ad69445fbb5695c9b165475e8decdbeb97747",
    files=("data/testmini-*.parquet",),
    sample=Path(__file__).parent / "sample",
    layout=LAYOUT,
)


def prompt(sample: Sample) -> Prompt:
    """Return the picture and then the query, with the authors' limit of tokens."""
    return Prompt(question=sample.input, chat=True, sampling=Sampling(max_tokens=1024))


def task(variant: Variant) -> Task:
    """Return how a variant's answers are extracted and counted."""
    metric = accuracy(
        quick=variant["extraction"] == QUICK, empty_is_wrong=variant["no-answer"] == WRONG
    )
    return Task(
        dataset=DATASET,
        prompt=prompt,
        metrics=(metric,),
        review=extractor() if variant["extraction"] == LLM else None,
        baselines={"empty": empty},
        oracle=oracle,
    )


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="mathvista",
            title="MathVista",
            summary="Mathematics in pictures: plots, geometry, puzzles, science figures.",
            settings=SETTINGS,
            task=task,
            license="CC BY-SA 4.0",
            paper="https://arxiv.org/abs/2310.02255",
            homepage="https://mathvista.github.io",
            size="1,000 questions (testmini)",
            modalities=("image", "text"),
            categories=("multimodal", "vision", "mathematics"),
            related=("mmmu", "mmmu-pro"),
            tags=frozenset({"reasoning", "multiple-choice", "open-ended"}),
        )
    ]
