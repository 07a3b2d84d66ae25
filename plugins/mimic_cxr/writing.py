"""What is asked where a report is to be written, and what of the reply counts as the report."""

import re
from collections.abc import Mapping, Sequence

from plugins.mimic_cxr.sections import FINDINGS, IMPRESSION
from registry import Prompt, Sample, Sampling, after_reasoning

PARTS: Mapping[str, tuple[str, ...]] = {
    "findings+impression": (FINDINGS, IMPRESSION),
    "findings": (FINDINGS,),
    "impression": (IMPRESSION,),
}
"""What the reference is; scores of different parts never compare."""

ASK_FOR = {
    (FINDINGS, IMPRESSION): (
        "Write the findings and the impression of the radiology report on this chest radiograph, "
        "under the headings FINDINGS: and IMPRESSION:. Write nothing else."
    ),
    (FINDINGS,): (
        "Write the findings section of the radiology report on this chest radiograph. "
        "Write nothing else."
    ),
    (IMPRESSION,): (
        "Write the impression section of the radiology report on this chest radiograph. "
        "Write nothing else."
    ),
}

MAX_TOKENS = 1024  # the longest reports are about half of that

# At the start of a line: any capitals with a colon, or one of ours in any case, with or without.
HEADING = re.compile(
    r"^[ \t>#*_-]*"
    r"((?i:findings?(?: and impressions?)?|impressions?|conclusions?)(?=[ \t*_]*(?::|$))"
    r"|[A-Z][A-Z ()/,-]{3,}(?=[ \t*_]*:))"
    r"[ \t*_]*:?[ \t*_]*",
    re.MULTILINE,
)
MARKUP = re.compile(r"_{2,}|[*#`]+")


def question(parts: Sequence[str], indication: str) -> str:
    """Return what is asked beside the picture; the indication stands first, as in a report."""
    before = f"INDICATION: {indication}\n" if indication else ""
    return f"{before}{ASK_FOR[tuple(parts)]}"


def prompt(sample: Sample) -> Prompt:
    """Ask for the report, greedily."""
    return Prompt(question=sample.input, chat=True, sampling=Sampling(max_tokens=MAX_TOKENS))


def plain(text: str) -> str:
    r"""Return a text in one line, without Markdown and the ``___`` of removed words.

    Nobody can guess what was removed, so neither reference nor reply has it; numbers that keep it
    are a little lower.

    >>> plain("**Edema**, new\nsince ___.")
    'Edema , new since .'
    """
    return " ".join(MARKUP.sub(" ", text).split())


def written(reply: str, parts: Sequence[str]) -> str:
    r"""Return those parts of a reply that were asked for, in one line; "" where there are none.

    Where a reply has headings, only what stands under the asked ones counts; else it counts whole.
    Reasoning never does.

    >>> written("TECHNIQUE: AP.\nFINDINGS: Clear.\nIMPRESSION: Normal.", ("impression",))
    'Normal.'
    """
    text = after_reasoning(reply) or ""
    headings = list(HEADING.finditer(text))
    if not headings:
        return plain(text)
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return plain(
        " ".join(
            text[heading.end() : end]
            for heading, end in zip(headings, ends, strict=True)
            if _is_asked(heading[1].lower(), parts)
        )
    )


def _is_asked(heading: str, parts: Sequence[str]) -> bool:
    heading = heading.replace("conclusion", IMPRESSION)
    return any(part.removesuffix("s") in heading for part in parts)
