"""What the driver and the replicas of a run share: the blocks of requests, and the word to stop.

Plain, so that it is tested without Ray; `cluster.py` makes an actor of it that all of them reach.
Nothing heavy is imported: its process is up in a second, and knows nothing of vLLM.
"""

import pickle
from collections.abc import Iterable
from itertools import islice

from evaluators.spool import Spool
from evaluators.survivor import MOST_DEATHS
from registry import Request

Block = list[bytes]
"""Pickled requests that travel together."""

FORGIVEN = 1
"""Replicas that may be killed while they load, with none loaded in between: nodes do get lost."""


def blocks(requests: Iterable[Request], rows: int) -> Spool[Block]:
    """Return the requests on disk, so many a block; from there a lost block is read again."""
    spool: Spool[Block] = Spool()
    pickled = (pickle.dumps(request, pickle.HIGHEST_PROTOCOL) for request in requests)
    while block := list(islice(pickled, rows)):
        spool.append(block)
    return spool


class Dispatcher:
    """Hands out blocks until it is told to stop, and says whether a replica should try to load."""

    def __init__(self, spool: Spool[Block], replicas: int) -> None:
        """Read what the driver wrote, for so many replicas."""
        self._spool, self._replicas = spool, replicas
        self._stopped = False
        self._taken = 0
        self._loads = self._loads_in_vain = 0

    def block(self, place: int) -> Block | None:
        """Return one block, which a replica begins; None after the word to stop."""
        if self._stopped:
            return None
        block = self._spool[place]
        self._taken += len(block)
        return block

    def stop(self) -> None:
        """Hand out nothing further."""
        self._stopped = True

    def settled(self, answered: int) -> bool:
        """Return whether everything begun is among so many answers, and nothing else begins.

        Never so where a replica was lost: its requests were begun twice.
        """
        return self._stopped and answered == self._taken

    def loading(self) -> str:
        """Count that a replica is about to load; return why it should not, or "".

        A replica whose process is killed on the way cannot tell, and Ray starts it without end.
        """
        self._loads += 1
        self._loads_in_vain += 1
        killed = self._loads_in_vain - self._replicas
        if killed > FORGIVEN:
            return (
                f"its process was killed {killed} times while it loaded (out of memory? ask: dmesg)"
            )
        if self._loads > self._replicas * (1 + MOST_DEATHS):
            return f"it was loaded {self._loads - 1} times and died each time"
        return ""

    def loaded(self) -> None:
        """Learn that the model can be loaded."""
        self._loads_in_vain = 0
