"""The requests of a stream: on disk, handed out in the order in which engines answer them fastest.

Requests of one shared prefix travel together, the largest group first, so that a prefix cache does
the work once; long written replies start before short ones, so that none is left at the end.
"""

from array import array
from collections.abc import Iterable, Iterator

from evaluators.spool import Spool
from registry import Prediction, Request
from registry.benchmark import REPEAT


class Requests:
    """Requests in order, each of which is owed one answer."""

    def __init__(self, requests: Iterable[Request] = ()) -> None:
        """Take the requests in; they are read once, and not kept in memory."""
        self._spool: Spool[Request] = Spool()
        self._groups: dict[tuple[bool, int, int], array[int]] = {}
        self._owed: dict[tuple[int, str], dict[str, bool]] = {}
        for request in requests:
            self._add(request)

    def _add(self, request: Request) -> None:
        self._groups.setdefault(_group(request), array("Q")).append(self._spool.append(request))
        self._owed.setdefault((request.run_id, request.stage), {})[request.sample_id] = True

    def __len__(self) -> int:
        return len(self._spool)

    def __iter__(self) -> Iterator[Request]:
        ordered = sorted(self._groups.items(), key=lambda item: (*item[0][:2], -len(item[1])))
        return (self._spool[place] for _, group in ordered for place in group)

    def settle(self, prediction: Prediction) -> bool:
        """Return whether the answer was still owed. Raises KeyError for what was never asked."""
        answers = self._owed[prediction.run_id, prediction.stage]
        was_owed = answers[prediction.sample_id]
        answers[prediction.sample_id] = False
        return was_owed


def _group(request: Request) -> tuple[bool, int, int]:
    """Return what requests travel together by: repeats come last, in the order they are given."""
    if request.stage == REPEAT:
        return (True, 0, 0)
    longest = 0 if request.prompt.choices else request.prompt.sampling.max_tokens
    # The prefix's hash: where a million prompts have as many prefixes, none is kept.
    return (False, -longest, hash(request.prompt.prefix))
