"""MMLU-Pro: harder multiple-choice questions with up to ten options, answered by reasoning.

12,032 questions in 14 categories, made by Wang et al. (2024) from MMLU, textbooks and theorem
problems, with three to ten options each. A model sees five worked examples of the category, thinks
step by step and ends with "the answer is (X)". A question looks like this (from the built-in
sample, which is self-written and covers four categories):

    Question:
    How many positive integers divide 360?
    Options:
    A. 8
    B. 12
    ...
    G. 24
    ...
    J. 48
    Answer: Let's think step by step.
    -> G

The score is the authors': the mean over all questions (micro), with a mean for each category and
for each number of options. Guessing gets 0.1109, not 0.1: one question in six has fewer than ten.

What is odd about it:

- A reply without a letter gets a random one. The authors' scripts and leaderboard do so, from one
  stream with the seed 12345 (`none-guess`, the default here too); lm-eval counts it as wrong
  (`none-wrong`). How many replies it was is stored beside the score as `unextractable`. A single
  sample's stored value is 0 either way; the guess belongs to the run.
- The authors read a reply by three rules, of which the last takes any lone capital A to J, the
  pronoun "I" too (`official`). lm-eval has the first rule alone (`answer-is`). Podium's own parser
  takes what the reply ends up stating (`podium`). On one recorded run they and the two policies
  give between 3,181 and 3,712 of 12,032 right. What is inside <think> is never read.
- The authors have two prompts: a raw completion of 2,048 tokens for local models, cut where the
  model begins another question, and a chat message answered in 4,000 for APIs, where bold marks
  are dropped before reading. The same model scores differently with each.
- The local script drops examples from prompts of 2,048 tokens and more; here they are dropped where
  the prompt does not fit the model's own context. The predictions say how many were shown.
- Until January 2026 options that began with a blank gave the answer away in 475 questions. Blanks
  are stripped here, whichever copy is read; options that say "N/A" are not shown.
- The authors mend answers now and then, some 200 between 2024 and 2025. Scores on different
  revisions are not the same thing; the run records which it was.

Data: `TIGER-Lab/MMLU-Pro` on the Hugging Face hub, MIT licence, in Parquet or as JSON lines with
the same columns. Paper: "MMLU-Pro: A More Robust and Challenging Multi-Task Language Understanding
Benchmark", https://arxiv.org/abs/2406.01574.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from plugins.mmlu_pro import prompts
from plugins.mmlu_pro.extraction import UnansweredPolicy
from plugins.mmlu_pro.reading import LAYOUT, SIZES, read
from plugins.mmlu_pro.scoring import accuracy, oracle
from registry import Benchmark, Dataset, Setting, Task, Variant, hookimpl

CHANCE = 0.1109
"""The mean of 1/options over the test questions."""

LOCAL, API = "local-prompt", "api-prompt"
OFFICIAL, GUESS, WRONG = "official", "none-guess", "none-wrong"
POLICIES: dict[str, UnansweredPolicy] = {GUESS: "guess", WRONG: "wrong"}

SETTINGS = (
    Setting(
        "shots", ("5-shot", "4-shot", "3-shot", "2-shot", "1-shot", "0-shot"), "examples shown"
    ),
    Setting("prompt", (LOCAL, API), "the authors' raw completion, or their chat message"),
    Setting(
        "parser",
        (OFFICIAL, "answer-is", "podium"),
        "the authors' three rules, the first of them alone, or the last letter stated",
    ),
    Setting("no-answer", tuple(POLICIES), "a reply without a letter: seeded guess, or wrong"),
)
DATASET = Dataset(
    "mmlu-pro",
    read,
    hub="TIGER-Lab/MMLU-Pro",
    revision="527feea0afed1de15a8c115abf7be4c912123315",
    files=("data/test-*.parquet", "data/validation-*.parquet"),
    sample=Path(__file__).parent / "sample",
    layout=LAYOUT,
)

GROUPS = {
    f"5-shot,{prompt},{OFFICIAL},{policy}": "full" for prompt in (LOCAL, API) for policy in POLICIES
}
"""What is published as MMLU-Pro: five examples, the authors' rules, either way to count silence."""


def task(variant: Variant) -> Task:
    """Return what a variant shows, how a reply is read, and what none counts as."""
    shots = int(variant["shots"].removesuffix("-shot"))
    is_api, parser = variant["prompt"] == API, variant["parser"]
    # The script for APIs drops bold marks before it reads by the same three rules.
    reads = "official-api" if is_api and parser == OFFICIAL else parser
    return Task(
        dataset=replace(DATASET, read=partial(read, shots=shots)),
        prompt=prompts.api if is_api else prompts.local,
        metrics=(accuracy(reads, POLICIES[variant["no-answer"]], CHANCE),),
        oracle=oracle,
    )


@hookimpl
def register_benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            name="mmlu-pro",
            title="MMLU-Pro",
            summary="Multiple-choice questions with up to ten options, answered step by step.",
            settings=SETTINGS,
            task=task,
            license="MIT",
            paper="https://arxiv.org/abs/2406.01574",
            homepage="https://github.com/TIGER-AI-Lab/MMLU-Pro",
            size="12,032 questions",
            categories=tuple(SIZES),
            related=("mmlu", "hle"),
            groups=GROUPS,
            tags=frozenset({"knowledge", "multiple-choice", "reasoning"}),
        )
    ]
