"""What stands beside the driver while a cluster works: requests by blocks, and the word to stop.

Plain classes, of which `cluster.py` makes actors. Nothing heavy is imported: their processes, and
those that only fetch a block, are up in a second and know nothing of vLLM.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow

from evaluators.spool import Spool
from registry import Request

Block = list[bytes]
"""Pickled requests that travel together."""


def blocks(requests: Iterable[Request], rows: int) -> Spool[Block]:
    """Return the requests on disk, so many a block; from there a lost block is read again."""
    spool: Spool[Block] = Spool()
    pickled = (pickle.dumps(request, pickle.HIGHEST_PROTOCOL) for request in requests)
    while block := list(islice(pickled, rows)):
        spool.append(block)
    return spool


class Feeder:
    """Hands out blocks, wherever they are asked for; it runs on the driver's machine."""

    def __init__(self, spool: Spool[Block]) -> None:
        """Read what the driver wrote."""
        self._spool = spool

    def block(self, place: int) -> Block:
        """Return one block."""
        return self._spool[place]


def fetched(get: Callable[[Any], Block], feeder: Any, place: int) -> Iterator[pyarrow.Table]:
    """Yield a block of the feeder as the table that Ray Data reads; `get` is Ray's."""
    rows = get(feeder.block.remote(place))
    yield pyarrow.table({"request": pyarrow.array(rows, pyarrow.binary())})


class Halt:
    """Whether the driver wants to stop, for every replica to ask."""

    def __init__(self) -> None:
        """Go on, at first."""
        self._called = False

    def call(self) -> None:
        """Stop."""
        self._called = True

    def called(self) -> bool:
        """Return whether to stop."""
        return self._called
