"""CIDEr-D: how much two texts agree in the words that few reports have.

Vedantam et al. 2015, https://arxiv.org/abs/1411.5726, as in Tsung-Yi Lin's and Ramakrishna
Vedantam's `cider_scorer.py` of coco-caption (pycocoevalcap), down to its oddity that a text's
length is the number of its word pairs. Their tokenizer is a Java program; here words are runs of
letters and digits in lower case, and punctuation is none, as it is there.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

ORDERS = (1, 2, 3, 4)
SIGMA = 6.0
BEST = 10.0

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")

Ngram: TypeAlias = tuple[str, ...]
Vector: TypeAlias = dict[Ngram, float]


@dataclass(frozen=True, slots=True)
class Rarity:
    """In how many of `n` references each n-gram stands; the fewer, the more it weighs."""

    n: int
    frequencies: Mapping[Ngram, int]

    @classmethod
    def of(cls, references: Iterable[str]) -> "Rarity":
        """Count the references' n-grams, each once a reference."""
        texts = [set(ngrams(reference)) for reference in references]
        return cls(len(texts), Counter(ngram for text in texts for ngram in text))

    def weight(self, ngram: Ngram) -> float:
        """Return log(n / frequency); an n-gram of no reference counts as if one had it."""
        return math.log(self.n) - math.log(max(1, self.frequencies.get(ngram, 0)))


def words(text: str) -> list[str]:
    """Return the words of a text.

    >>> words("No pneumothorax; 4.2-cm nodule.")
    ['no', 'pneumothorax', '4', '2', 'cm', 'nodule']
    """
    return WORD.findall(text.lower())


def ngrams(text: str) -> Counter[Ngram]:
    """Return how often each run of one to four words stands in a text."""
    said = words(text)
    return Counter(
        tuple(said[start : start + order])
        for order in ORDERS
        for start in range(len(said) - order + 1)
    )


def cider_d(reference: str, reply: str, rarity: Rarity) -> float:
    """Return CIDEr-D of a reply, 0 to 10; an equal text of fewer than four words has less."""
    mine, theirs = ngrams(reply), ngrams(reference)
    gap = _pairs(mine) - _pairs(theirs)
    penalty = math.exp(-(gap**2) / (2 * SIGMA**2))
    agreements = [
        _cosine(_vector(mine, order, rarity), _vector(theirs, order, rarity)) for order in ORDERS
    ]
    return BEST * penalty * sum(agreements) / len(ORDERS)


def _pairs(counts: Counter[Ngram]) -> int:
    return sum(n for ngram, n in counts.items() if len(ngram) == 2)


def _vector(counts: Counter[Ngram], order: int, rarity: Rarity) -> Vector:
    return {ngram: n * rarity.weight(ngram) for ngram, n in counts.items() if len(ngram) == order}


def _cosine(mine: Vector, theirs: Vector) -> float:
    """Return the cosine of two vectors, where mine is cut to what theirs has (the D of CIDEr-D)."""
    size = math.hypot(*mine.values()) * math.hypot(*theirs.values())
    shared = sum(
        min(value, theirs.get(ngram, 0.0)) * theirs.get(ngram, 0.0) for ngram, value in mine.items()
    )
    return shared / size if size else 0.0
