"""What is sent in Humanity's Last Exam: to the model one question, to the judge one response."""

from plugins.hle.judging import (
    JUDGE_MAX_TOKENS,
    JUDGE_PROMPT,
    JUDGE_SCHEMA,
    OFFICIAL_JUDGE,
    SYSTEM_PROMPT,
    judge_prompt,
)
from registry import Prediction, Prompt, Review, Sample, Sampling, after_reasoning

# The authors' example; for reasoning models they advise against less.
MAX_TOKENS = 8192


def ask(sample: Sample) -> Prompt:
    """Return the question as a chat message, its picture after the text."""
    return Prompt(
        question=sample.input,
        system=SYSTEM_PROMPT,
        chat=True,
        sampling=Sampling(max_tokens=MAX_TOKENS),
    )


def review_of(sample: Sample, prediction: Prediction) -> Prompt | None:
    """Return what the judge is asked, as text alone; None where there is no response to judge."""
    response = after_reasoning(prediction.text)
    if not response or not response.strip():
        return None
    return Prompt(
        question=judge_prompt(sample.metadata["question"], response, sample.metadata["answer"]),
        chat=True,
        sampling=Sampling(max_tokens=JUDGE_MAX_TOKENS, json_schema=JUDGE_SCHEMA),
    )


JUDGE = Review(name="judge", prompt=review_of, prompt_text=JUDGE_PROMPT, official=OFFICIAL_JUDGE)
