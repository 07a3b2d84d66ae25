"""A replica: one loaded copy of a model in a process of its own, which answers blocks of requests.

Plain, so that it is tested without Ray; `cluster.py` makes actors of it. The places of blocks come
in, whose pickled requests the dispatcher has; pickled predictions go out.
"""

import asyncio
import os
import pickle
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

import pyarrow

from evaluators.chatter import print_to
from evaluators.printout import Printout
from evaluators.survivor import Answers, Survivor
from evaluators.versions import difference
from registry import EngineError

PLACE = "place"
"""The column that says which block of requests to fetch."""
PREDICTION = "prediction"
"""The column that the predictions are in, pickled."""
LOG_VARIABLE = "PODIUM_REPLICA_LOG"


class Loads(Protocol):
    """Loads a model in the process of a replica, and again where its engine died."""

    def fatal(self) -> tuple[type[BaseException], ...]:
        """Return the errors that mean that an engine is dead."""
        ...

    def __call__(self) -> Answers:
        """Start an engine; the one before, if any, is dead."""
        ...


class Replica:
    """Answers blocks of requests, several at a time.

    Where the model cannot be loaded, the replica stays and answers each request with the reason:
    were it to raise, Ray would start it again without end. Where the engine dies, the replica loads
    it again and finds the request that killed it (`Survivor`).
    """

    def __init__(
        self,
        *,
        load: Loads,
        dispatcher: Any,
        get: Callable[[Any], Any],
        versions: Mapping[str, str],
    ) -> None:
        """Load the model, with everything that is printed on the way in the log file.

        `dispatcher` is the actor of a `Dispatcher`, and `get` waits for what it says, as `ray.get`.
        """
        print_to(os.environ.get(LOG_VARIABLE, ""))
        self._loads, self._versions = load, versions
        self._dispatcher, self._get = dispatcher, get
        self._stopped = False
        self._printout = Printout()
        self._survivor = Survivor(self._load, load.fatal(), self._printout.last_words)

    def _load(self) -> Answers:
        """Start an engine, if that can succeed and counts."""
        self._printout.begin()
        if problem := difference(self._versions) or self._get(self._dispatcher.loading.remote()):
            raise EngineError(problem)
        engine = self._loads()
        self._dispatcher.loaded.remote()
        return engine

    async def __call__(self, places: pyarrow.Table) -> AsyncIterator[pyarrow.Table]:
        """Yield the predictions of the block at a place, or one None after the word to stop."""
        (place,) = places[PLACE].to_pylist()
        block = None if self._stopped else await self._dispatcher.block.remote(place)
        if block is None:
            self._stopped = True
            yield pyarrow.table({PREDICTION: [pickle.dumps(None)]})
            return
        yield pyarrow.table({PREDICTION: await asyncio.gather(*map(self._answer, block))})

    async def _answer(self, request: bytes) -> bytes:
        # A pickle of our own driver, on our own cluster; nothing else is ever unpickled.
        return pickle.dumps(await self._survivor.answer(pickle.loads(request)))
