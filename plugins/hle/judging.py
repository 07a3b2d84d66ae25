r"""What a model and its judge are asked in Humanity's Last Exam, and how the judge's reply is read.

The one rule of this file: a reply that is not a clear verdict is no verdict.  It becomes an
`Unjudged` that says why, never a guess at yes or no.

The texts are the authors' byte for byte, oddities included (`|\%|`, "if there if there", a double
blank line before "confidence"): a judge prompt that differs gives another number.

Source: `hle_eval/run_model_predictions.py` and `hle_eval/run_judge_results.py` of
github.com/centerforaisafety/hle (MIT), as of October 2025.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# --- The model -----------------------------------------------------------------------------------

# The braces are meant for the model to read; this is not a template.
SYSTEM_PROMPT = (
    "Your response should be in the following format:\n"
    "Explanation: {your explanation for your answer choice}\n"
    "Answer: {your chosen answer}\n"
    "Confidence: {your confidence score between 0% and 100% for your answer}"
)
"""Sent with every question, exact-match ones too."""

# --- The judge -----------------------------------------------------------------------------------

OFFICIAL_JUDGE = "o3-mini-2025-01-31"
"""The authors' judge since February 2025; any other gives other verdicts and must be named."""

JUDGE_MAX_TOKENS = 4096

JUDGE_PROMPT = (
    "Judge whether the following [response] to [question] is correct or not based on the precise "
    "and unambiguous [correct_answer] below.\n"
    "\n"
    "[question]: {question}\n"
    "\n"
    "[response]: {response}\n"
    "\n"
    "Your judgement must be in the format and criteria specified below:\n"
    "\n"
    "extracted_final_answer: The final exact answer extracted from the [response]. Put the "
    "extracted answer as 'None' if there is no exact, final answer to extract from the response.\n"
    "\n"
    "[correct_answer]: {correct_answer}\n"
    "\n"
    "reasoning: Explain why the extracted_final_answer is correct or incorrect based on "
    "[correct_answer], focusing only on if there are meaningful differences between "
    "[correct_answer] and the extracted_final_answer. Do not comment on any background to the "
    "problem, do not attempt to solve the problem, do not argue for any answer different than "
    "[correct_answer], focus only on whether the answers match.\n"
    "\n"
    "correct: Answer 'yes' if extracted_final_answer matches the [correct_answer] given above, or "
    "is within a small margin of error for numerical problems. Answer 'no' otherwise, i.e. if "
    "there if there is any inconsistency, ambiguity, non-equivalency, or if the extracted answer "
    "is incorrect.\n"
    "\n"
    "\n"
    "confidence: The extracted confidence score between 0|\\%| and 100|\\%| from [response]. Put "
    "100 if there is no confidence score available."
)

JUDGE_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "extracted_final_answer": {"type": "string"},
        "reasoning": {"type": "string"},
        "correct": {"type": "string", "enum": ["yes", "no"]},
        "confidence": {"type": "integer"},
        "strict": {"type": "boolean", "const": True},
    },
    "required": ["extracted_final_answer", "reasoning", "correct", "confidence", "strict"],
    "additionalProperties": False,
}
"""The JSON schema of a reply, for judges that can be guided: the authors' five fields, in order."""


def judge_prompt(question: str, response: str, correct_answer: str) -> str:
    """Return the judge's only message, text alone even where the question has an image."""
    return JUDGE_PROMPT.format(question=question, response=response, correct_answer=correct_answer)


# --- The verdict ---------------------------------------------------------------------------------

MISSING_CONFIDENCE = 100


@dataclass(frozen=True)
class Judgement:
    """What the judge decided; `confidence` is what it stated, clamped to 0..100, or 100."""

    extracted_final_answer: str
    reasoning: str
    correct: bool
    confidence: int
    stated_confidence: int | None


@dataclass(frozen=True)
class Unjudged:
    """A reply without a usable verdict, and why; such a question counts as wrong."""

    reason: str


def is_correct(correct: str) -> bool:
    """Apply the authors' rule to a recorded verdict: it contains a lower-case `yes`."""
    return "yes" in correct


def parse_judgement(reply: str) -> Judgement | Unjudged:
    """Read the judge's reply: a JSON object, bare, in a code fence, or within prose.

    The three texts must be there and `correct` must be yes or no.  `strict` may be absent, since
    the prompt does not ask for it (only the schema does).  A missing confidence is 100, as the
    prompt says; one that is not a whole number makes the reply unjudged, as it does for the
    authors.  Two objects that disagree are no verdict.
    """
    answer = reply.rpartition("</think>")[2]
    if not answer.strip():
        return Unjudged("the judge's reply is empty")
    if "<think>" in answer:
        return Unjudged("the judge's reply ends within its reasoning")
    if len(answer) > _MAX_CHARACTERS:
        return Unjudged(f"the judge's reply is {len(answer):,} characters long")
    read = [_judgement(fields) for fields in _objects(answer) if "correct" in fields]
    if not read:
        return Unjudged("the judge's reply has no JSON object with a 'correct' field")
    if any(_decision(one) != _decision(read[0]) for one in read):
        return Unjudged("the judge's reply holds verdicts that disagree")
    return read[-1]


def _decision(read: Judgement | Unjudged) -> object:
    return (read.correct, read.confidence) if isinstance(read, Judgement) else read


_OBJECT_START = re.compile(r'\{\s*"')
# Far above JUDGE_MAX_TOKENS; it bounds the work, since a broken object may be read to its end for
# each object inside it.
_MAX_CHARACTERS = 100_000
_DECODER = json.JSONDecoder()


def _objects(text: str) -> Iterator[dict[str, object]]:
    """Yield the JSON objects in a text from left to right, not those inside one another."""
    end = 0
    while start := _OBJECT_START.search(text, end):
        try:
            fields, end = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):  # not JSON, a number too long, or nested too deep
            end = start.end()
        else:
            yield fields


def _judgement(fields: Mapping[str, object]) -> Judgement | Unjudged:
    """Check one object of the reply field by field."""
    answer, reasoning = fields.get("extracted_final_answer"), fields.get("reasoning")
    if not isinstance(answer, str) or not isinstance(reasoning, str):
        return Unjudged("the judge's reply lacks the text extracted_final_answer or reasoning")
    correct = str(fields["correct"]).strip().lower()
    if correct not in ("yes", "no"):
        return Unjudged(f"the judge's 'correct' is {fields['correct']!r:.40}, not 'yes' or 'no'")
    if fields.get("strict", True) is not True:
        return Unjudged(f"the judge's 'strict' is {fields['strict']!r:.40}, not true")
    try:
        stated = _whole_number(fields.get("confidence"))
    except ValueError as error:
        return Unjudged(f"the judge's 'confidence' is {error}, not a whole number")
    confidence = MISSING_CONFIDENCE if stated is None else min(max(stated, 0), 100)
    return Judgement(answer, reasoning, is_correct(correct), confidence, stated)


def _whole_number(value: object) -> int | None:
    """Return 85 for 85, 85.0, "85" and "85%", and None for null; raise ValueError otherwise."""
    if value is None:
        return None
    if isinstance(value, str) and (digits := re.fullmatch(r"\s*(-?\d{1,9})\s*%?\s*", value)):
        return int(digits[1])
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r:.40}")
