"""How requests leave the driver: by blocks on its disk, each fetched when its turn comes.

Nothing heavy is imported: the processes that only fetch a block are up in a second, and know
nothing of vLLM.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow

from evaluators.spool import Spool
from registry import Request

REQUEST = "request"
"""The column of a block that the requests are in, pickled."""

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
    yield pyarrow.table({REQUEST: get(feeder.block.remote(place))})
