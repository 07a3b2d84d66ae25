"""Why a request failed, in words that hold nothing of what was asked.

Servers echo prompts in their errors, while a reason is stored, shown and logged.
"""

import re

LONGEST = 240
HIDDEN = "…"

_WORDS = """
a all allowed also an and any are argument as at audio be been but by can cannot characters
chat completion completions contain contains content context could decode decoded detail
does endpoint engine error exceeded exceeds expected fail failed field file for format found
from got has have however image images in input internal invalid is it its json kind larger
least length less limit logprobs long longer many max maximum message messages missing model
model's more most multimodal must no none not number object of on one only or output
parameter parse parsed please prompt provided range received reduce refused request
requested required response schema server should size string support supported temperature
text than that the this to token tokens too top total type unable unexpected unknown
unsupported upper valid value was were which while with you your
"""

ERROR_WORDS = frozenset(_WORDS.split())
"""What errors are made of. These words stay even where the prompt has them: they tell nothing."""

_BLOB = re.compile(r"data:[^\s'\"]+|[A-Za-z0-9+/=_-]{32,}")
_ESCAPE = re.compile(r"\\+(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[abfnrtv\"'/])")
_WORD = re.compile(r"[A-Za-z0-9]+(?:'[a-z]+)?")
_UNPRINTED = re.compile(r"[^A-Za-z0-9 .,:;'()/_%+-]+")
_HIDDEN_RUN = re.compile(rf"{HIDDEN}(?:[^A-Za-z0-9]*{HIDDEN})+")


def cleaned(message: str, asked: str, secret: str = "") -> str:
    """Return a server's message without any telling word that was `asked`, or part of one.

    A word stays if it is one of ERROR_WORDS or occurs nowhere in what was asked. Encoded pictures
    never stay, nor do letters that are not ASCII: what was asked may be cut off within them.

    >>> cleaned("Invalid prompt: 'Is John Smith ill?' (at most 64 tokens)", "Is John Smith ill?")
    "Invalid prompt: 'Is …' (at most 64 tokens)"
    """
    without = _BLOB.sub(HIDDEN, message.replace(secret, " ") if secret else message)
    asked = f"{asked} {_ESCAPE.sub(' ', asked)}".casefold()

    def shown(match: re.Match[str]) -> str:
        word = match[0].casefold()
        return match[0] if word in ERROR_WORDS or word not in asked else "\0"

    masked = _WORD.sub(shown, _ESCAPE.sub(" ", without))
    plain = _UNPRINTED.sub(HIDDEN, masked.replace("\n", " ").replace('"', "'"))
    short = " ".join(_HIDDEN_RUN.sub(HIDDEN, plain).split())
    return short if len(short) <= LONGEST else short[:LONGEST].rsplit(" ", 1)[0] + HIDDEN
