"""Humanity's Last Exam: questions at the edge of what experts know, graded by a second model.

2,500 closed questions of eight categories by Phan et al. (2025), three quarters with a short exact
answer, a quarter multiple choice; 342 have a picture. The model explains, answers and says how sure
it is; a judge reads the response beside the right answer and says yes or no. A question looks like
this (from the built-in sample, which is self-written and far easier):

    In how many ways can a board of 2 by 10 squares be covered with ten dominoes of 2 by 1 squares?
    -> 89

The score is the authors': correct answers out of *all* questions, with the `half-width` of its 95 %
interval. Beside it stands the calibration error, the distance between stated confidence and truth.

What is odd about it:

- The judge is part of the score. The authors' is `o3-mini-2025-01-31`; verdicts of another model
  make another board, named after it. A judge that answers in prose, twice differently or not at all
  gives no verdict: the question counts as wrong, and `unjudged` says how often that was.
- `text-only` leaves the questions with a picture out and asks 2,158; `full` asks all 2,500, as the
  authors' leaderboard does. The two do not compare.
- The authors' calibration error leaves out the most confident answers (the last of their bins of a
  hundred), on purpose; `calibration-error-all-bins` has them, and is 80 % where theirs is 71 % on
  one recorded run. Below 200 judged answers theirs does not exist.
- A missing confidence counts as 100 %, as the judge is told; others are clamped to 0..100.
- Reasoning in <think> is not shown to the judge, and an unfinished one is no response.

**Data.** `cais/hle` on the Hugging Face hub, MIT licence, gated: accept its conditions there first,
then log in. The authors ask that the questions are never published, so that no model learns them:
questions, responses and answers stay out of the registry (a response is kept in a private file),
which has ids, verdicts and a digest of each right answer. Paper: "Humanity's Last Exam",
https://arxiv.org/abs/2501.14249.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from plugins.hle import prompts
from plugins.hle.reading import LAYOUT, read
from plugins.hle.scoring import accuracy, calibration_error, oracle
from registry import Benchmark, Dataset, Setting, Task, Terms, Variant, hookimpl

TEXT_ONLY, FULL = "text-only", "full"

SETTINGS = (
    Setting("subset", (TEXT_ONLY, FULL), "the 2,158 questions without a picture, or all 2,500"),
)
DATASET = Dataset(
    "hle",
    read,
    hub="cais/hle",
    revision="5a81a4c7271a2a2a312b9a690f0c2fde837e4c29",
    files=("data/test-*.parquet",),
    sample=Path(__file__).parent / "sample",
    layout=LAYOUT,
)
TERMS = (
    "Accept the conditions at https://huggingface.co/datasets/cais/hle. The authors ask not "
    "to publish questions or answers anywhere, so that they do not end up in training data."
)


def task(variant: Variant) -> Task:
    """Return the questions of a subset; the judge and the scores are always the same."""
    return Task(
        dataset=replace(DATASET, read=partial(read, text_only=variant["subset"] == TEXT_ONLY)),
        prompt=prompts.ask,
        review=prompts.JUDGE,
        metrics=(accuracy(), calibration_error()),
        oracle=oracle,
    )


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="hle",
            title="Humanity's Last Exam",
            summary="Expert questions at the edge of human knowledge, graded by a judge model.",
            settings=SETTINGS,
            task=task,
            terms=Terms.GATED,
            terms_text=TERMS,
            license="MIT, gated",
            paper="https://arxiv.org/abs/2501.14249",
            homepage="https://lastexam.ai",
            size="2,500 questions, 2,158 of them text only",
            modalities=("text", "image"),
            categories=(
                "Biology/Medicine",
                "Chemistry",
                "Computer Science/AI",
                "Engineering",
                "Humanities/Social Science",
                "Math",
                "Other",
                "Physics",
            ),
            related=("mmlu-pro", "mmmu"),
            tags=frozenset({"calibration", "expert", "judged", "reasoning"}),
        )
    ]
