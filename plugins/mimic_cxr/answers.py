"""What a reply says about each condition: yes, no, or nothing; one judge for each request mode.

An answer is never looked for in free text, where "no doubt there is an effusion" would be a no.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from plugins.mimic_cxr.labels import NO, YES
from registry import Outcome, Prediction, Sample, Verdict, after_reasoning

WRONG, NEGATIVE, DROP = "unparseable-wrong", "unparseable-negative", "unparseable-drop"
UNPARSEABLE = (WRONG, NEGATIVE, DROP)
"""What a reply without an answer counts as, the default first."""

Judge: TypeAlias = Callable[[Sample, Prediction], Verdict]

MARKUP = re.compile(r"[*_`#>$\"'\u2018\u2019\u201c\u201d]|\\boxed|\\text")
MARKER = re.compile(r"final\s*answer\s*[:\uff1a]", re.IGNORECASE)
WORD = re.compile(r"[\W\d_]*([^\W\d_]+)")
NO_ANSWER = re.compile(r"no\s+(?:doubt|question)\b|yes\s*(?:/|or\b)\s*no\b", re.IGNORECASE)
WHOLE = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)

MEANINGS = {
    **dict.fromkeys(("yes", "true", "present", "positive"), YES),
    **dict.fromkeys(("no", "false", "absent", "negative"), NO),
}


def right(target: str, answer: str, unparseable: str) -> bool | None:
    """Return whether an answer is right; no answer ("") counts as wrong, as no, or not at all."""
    if answer:
        return answer == target
    return {WRONG: False, NEGATIVE: target == NO, DROP: None}[unparseable]


def p_yes(logprobs: Mapping[str, float]) -> float | None:
    """Return p(yes) among yes and no, or None where neither was among the weighed tokens.

    >>> p_yes({"yes": -1.0, "no": -1.0})
    0.5
    """
    yes, no = logprobs.get(YES, -math.inf), logprobs.get(NO, -math.inf)
    top = max(yes, no)
    if top == -math.inf:
        return None
    return math.exp(yes - top) / (math.exp(yes - top) + math.exp(no - top))


def final_answer(text: str) -> str:
    """Return yes or no from a reply that ends in "Final Answer: X", or "" where it says neither.

    The last marker counts, and the first word after it. Without a marker the whole reply must be
    yes or no.

    >>> final_answer("The angles are blunted. **Final Answer:** Yes")
    'yes'
    >>> final_answer("There is no doubt: an effusion.")
    ''
    """
    plain = MARKUP.sub("", after_reasoning(text) or "")
    *before, last = MARKER.split(plain)
    if not before:
        alone = WHOLE.fullmatch(plain)
        return alone[1].lower() if alone else ""
    word = WORD.match(last)
    if word is None or NO_ANSWER.match(last, word.start(1)):
        return ""
    return MEANINGS.get(word[1].lower(), "")


def json_answers(text: str) -> dict[str, str]:
    """Return yes or no for each condition that a JSON object says is true or false; else nothing.

    >>> json_answers('{"Edema": true, "Fracture": "maybe"}')
    {'Edema': 'yes'}
    """
    plain = after_reasoning(text) or ""
    start, end = plain.find("{"), plain.rfind("}")
    try:
        said = json.loads(plain[start : end + 1])
    except (ValueError, RecursionError):  # no JSON, or nested without end
        return {}
    return {name: YES if value else NO for name, value in said.items() if isinstance(value, bool)}


def judge_direct(unparseable: str) -> Judge:
    """Return the judge of weighed answers: the more probable one counts.

    Where both are equally probable nothing was said: it counts as unparseable, and is marked tied.
    """

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        probability = p_yes(prediction.logprobs)
        tied = probability == 0.5
        answer = "" if probability is None or tied else YES if probability > 0.5 else NO
        return Verdict(
            _value(right(sample.target, answer, unparseable)),
            answer,
            Outcome.ANSWERED if answer else Outcome.UNPARSEABLE,
            probability,
            tied,
        )

    return judge


def judge_final_answer(unparseable: str) -> Judge:
    """Return the judge of argued answers; one that was cut off has none, and is counted apart."""

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        if _truncated(prediction):
            value = _value(right(sample.target, "", unparseable))
            return Verdict(value, outcome=Outcome.TRUNCATED)
        answer = final_answer(prediction.text)
        return Verdict(
            _value(right(sample.target, answer, unparseable)),
            answer,
            Outcome.ANSWERED if answer else Outcome.UNPARSEABLE,
        )

    return judge


def judge_json(unparseable: str) -> Judge:
    """Return the judge of whole studies: the share of its conditions that the reply has right.

    Target and answer are JSON objects from condition to yes or no. A reply that leaves out one of
    the conditions counts as unparseable, and what it does say still counts.
    """

    def judge(sample: Sample, prediction: Prediction) -> Verdict:
        targets = json.loads(sample.target)
        said = {} if _truncated(prediction) else json_answers(prediction.text)
        answers = {name: said[name] for name in targets if name in said}
        known = [
            right(target, answers.get(name, ""), unparseable) for name, target in targets.items()
        ]
        counted = [each for each in known if each is not None]
        outcome = Outcome.ANSWERED if len(answers) == len(targets) else Outcome.UNPARSEABLE
        return Verdict(
            sum(counted) / len(counted) if counted else None,
            json.dumps(answers),
            Outcome.TRUNCATED if _truncated(prediction) else outcome,
        )

    return judge


def _truncated(prediction: Prediction) -> bool:
    return prediction.outcome is Outcome.TRUNCATED or prediction.finish_reason == "length"


def _value(correct: bool | None) -> float | None:
    return None if correct is None else float(correct)
