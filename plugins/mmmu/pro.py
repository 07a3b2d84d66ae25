"""MMMU-Pro: the questions of MMMU that need the picture, with up to ten options.

1,730 multiple-choice questions of MMMU, validation and test, kept by Yue et al. (2024) where text
alone does not find the answer. Each is asked in three settings: `standard-10` with up to ten
options, `standard-4` with the original ones, and `vision`, where question, options and pictures are
one screenshot. A question looks like this (from the built-in sample, which is self-written):

    The squares of [image] are the bits of a number, dark squares ones, the first bit on the left.
    Which number is it?
    A. 13
    B. 21
    ...
    J. 53
    Answer the preceding multiple choice question. The last line of your response should be of the
    following format: 'Answer: $LETTER' (without quotes) where LETTER is one of options. Think step
    by step before answering.
    -> E

The published figure is the mean of two runs that reason first, one of each setting:

    podium run mmmu-pro --model M --variant standard-10,cot
    podium run mmmu-pro --model M --variant vision,cot

and `plugins.mmmu.pro_parsing.overall` of their two accuracies. A run is one setting, so that a
board never ranks a mean of two beside a part of it; `standard-4` is a side figure.

What is odd about it:

- "Ten options" is nominal: 1,214 questions have ten, 124 four and one has twelve. Guessing gets
  0.128, and 0.263 of `standard-4`.
- The text comes first, with "[image]" where a picture belongs, and then the pictures, one for each
  reference in reading order: so the authors send it. One question refers 35 times to 7 pictures.
- Where no letter can be read, the authors draw one without a seed. Here the draw depends on the
  question alone (`none-guess`), or is left out (`none-wrong`); `no-answer` counts them.
- The authors read what follows "Answer:" letter by letter: "Answer: B. Apple" holds an A and a B,
  and is left to MMMU's rules.

Data: `MMMU/MMMU_Pro` on the Hugging Face hub, Apache-2.0. Answers and options were corrected there
in March 2025 and July 2026. Paper: "MMMU-Pro: A More Robust Multi-discipline Multimodal
Understanding Benchmark", https://arxiv.org/abs/2409.02813.
"""

from functools import partial
from pathlib import Path
from typing import cast

from plugins.mmmu import pro_prompts
from plugins.mmmu.pro_prompts import CONFIGURATIONS, Mode
from plugins.mmmu.reading import PRO_LAYOUT, read_pro
from plugins.mmmu.scoring import (
    GUESS,
    NO_ANSWER,
    OFFICIAL,
    PARSER,
    PRO_PARSERS,
    accuracy,
    first_option,
)
from registry import Dataset, Prompt, Sample, Sampling, Setting, Task, Variant

SETTINGS = (
    Setting("configuration", tuple(CONFIGURATIONS), "up to ten options, four, or a screenshot"),
    Setting("reasoning", ("cot", "direct"), "a chain of thought first, or the letter alone"),
    PARSER,
    NO_ANSWER,
)
GROUPS = {f"{name},cot,{OFFICIAL},{GUESS}": name for name in ("standard-10", "vision")}
"""What is published as MMMU-Pro: chain of thought, the authors' rules, silence drawn by lot."""
# The mean of 1/options, counted over all questions.
CHANCE = {"standard-10": 0.128, "standard-4": 0.263, "vision": 0.128}
# The authors' limit; of the direct answers, which are one letter, it cuts none.
SAMPLING = Sampling(max_tokens=4096)


def dataset(setting: pro_prompts.Setting, mode: Mode) -> Dataset:
    """Return the dataset of one setting; of the hub's files, only those of the setting."""
    return Dataset(
        "mmmu-pro",
        partial(read_pro, setting=setting, mode=mode),
        hub="MMMU/MMMU_Pro",
        revision="563f3e84bb3b90893083a1f039cfa13077f2302b",  # of July 2026, after the corrections
        files=(f"{CONFIGURATIONS[setting]}/test-*.parquet",),
        sample=Path(__file__).parent / "pro_sample",
        layout=PRO_LAYOUT,
    )


def prompt(sample: Sample) -> Prompt:
    """Return the text and then the pictures."""
    return Prompt(question=sample.input, chat=True, sampling=SAMPLING)


def task(variant: Variant) -> Task:
    """Return what a variant asks, and how answers are read and counted."""
    setting = cast("pro_prompts.Setting", variant["configuration"])
    mode = cast("Mode", variant["reasoning"])
    guess = variant["no-answer"] == GUESS
    metric = accuracy(PRO_PARSERS[variant["parser"]], guess=guess, chance=CHANCE[setting])
    return Task(
        dataset=dataset(setting, mode),
        prompt=prompt,
        metrics=(metric,),
        baselines={"first-option": first_option},
    )
