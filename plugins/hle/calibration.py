"""Accuracy and calibration of Humanity's Last Exam, as its authors compute and round them.

All numbers are percent.  Nothing is measured where there is nothing to measure: a calibration
error without a bin is None, never 0.

Source: `dump_metrics` and `calib_err` in `hle_eval/run_judge_results.py` of
github.com/centerforaisafety/hle (MIT); the bins go back to Hendrycks et al., "Deep Anomaly
Detection with Outlier Exposure" (arXiv:1812.04606).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

BIN_SIZE = 100


@dataclass(frozen=True)
class Judged:
    """One judged answer: whether it is correct, and the confidence it stated, 0 to 100."""

    correct: bool
    confidence: int


def accuracy(n_correct: int, n: int) -> float:
    """Return the percentage of all `n` questions answered correctly, to two decimals."""
    if n <= 0:
        raise ValueError(f"accuracy of {n} questions: score at least one")
    return _round_as_numpy(100 * n_correct / n)


def half_width(accuracy: float, n: int) -> float:
    """Return half the Wald 95 % interval of an accuracy in percent, to two decimals.

    The authors start from the percentage already rounded to two decimals, and so does this.
    """
    return round(1.96 * math.sqrt(accuracy * (100 - accuracy) / n), 2)


def calibration_error(judged: Sequence[Judged]) -> float | None:
    """Return the authors' RMS calibration error in percent, unrounded; leaderboards print it whole.

    Answers are sorted by confidence and cut into bins of 100, the last stretched to the end.  The
    last bin, the most confident answers, is then *left out*, although the weights still divide by
    all answers.  The authors say this is deliberate (their issue 4); where most answers claim 100 %
    it makes the error much too small, so `calibration_error_all_bins` stands beside it.

    The sort here is stable.  The authors' `np.argsort` is not, and with many equal confidences the
    order of ties moves the result by percent points: 71.0 here on a recorded run of 879 answers,
    69.5 to 72.9 in random orders, 68.2 and 76.8 with the right or the wrong answers first.

    Below 200 judged answers no bin is left to measure, and the result is None: there the authors'
    code answers 0.0, which reads as perfect, and below 100 it fails with an IndexError.
    """
    return _rms_error(_bins(judged)[:-1], len(judged))


def calibration_error_all_bins(judged: Sequence[Judged]) -> float | None:
    """Return the RMS calibration error over every bin in percent, or None with nothing judged.

    This is inspect_evals' `cerr`: up to 199 answers form a single bin.  It is not comparable with
    the calibration errors of the authors' leaderboard.
    """
    return _rms_error(_bins(judged), len(judged))


def _bins(judged: Sequence[Judged]) -> list[Sequence[Judged]]:
    if not judged:
        return []
    ordered = sorted(judged, key=lambda one: one.confidence)
    n_bins = max(len(ordered) // BIN_SIZE, 1)
    edges = [i * BIN_SIZE for i in range(n_bins)] + [len(ordered)]
    return [ordered[start:stop] for start, stop in pairwise(edges)]


def _rms_error(bins: Sequence[Sequence[Judged]], n_judged: int) -> float | None:
    if not bins:
        return None
    weighted = (len(members) / n_judged * _gap(members) ** 2 for members in bins)
    return 100 * math.sqrt(math.fsum(weighted))


def _gap(members: Sequence[Judged]) -> float:
    return fmean(one.confidence for one in members) / 100 - fmean(one.correct for one in members)


def _round_as_numpy(value: float) -> float:
    # The authors round a NumPy scalar: scaled, rounded half to even, scaled back.  Python rounds
    # the exact value of the float, which differs where the third decimal is a 5.
    return round(value * 100) / 100
