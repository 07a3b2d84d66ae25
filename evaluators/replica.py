"""A replica: one loaded copy of a model in a process of its own, which answers blocks of requests.

Plain, so that it is tested without Ray; `cluster.py` makes actors of it. Pickled requests come in,
pickled predictions go out.
"""

import asyncio
import os
import pickle
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol
from uuid import uuid4

import pyarrow

from evaluators.chatter import print_to
from evaluators.feeding import REQUEST
from evaluators.printout import Printout
from evaluators.survivor import Answers, Survivor
from evaluators.versions import difference
from registry import EngineError

PREDICTION = "prediction"
"""The column of a block that the predictions are in, pickled."""
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
        halt: Any,
        get: Callable[[Any], Any],
        versions: Mapping[str, str],
    ) -> None:
        """Load the model, with everything that is printed on the way in the log file.

        `halt` is the actor of a `Halt`, and `get` waits for what an actor says, as `ray.get` does.
        """
        print_to(os.environ.get(LOG_VARIABLE, ""))
        self._loads, self._versions = load, versions
        self._halt, self._get, self._halted = halt, get, False
        self._name = uuid4().hex
        self._watch: asyncio.Task[None] | None = None
        self._printout = Printout()
        self._survivor = Survivor(self._load, load.fatal(), self._printout.last_words)

    def _load(self) -> Answers:
        """Start an engine, if that can succeed and counts."""
        self._printout.begin()
        if problem := difference(self._versions) or self._get(self._halt.loading.remote()):
            raise EngineError(problem)
        engine = self._loads()
        self._halt.loaded.remote()
        return engine

    async def __call__(self, block: pyarrow.Table) -> AsyncIterator[pyarrow.Table]:
        """Yield the predictions of a block, or one None for a block that comes after the halt."""
        self._watch = self._watch or asyncio.create_task(self._watch_halt())
        if self._halted:
            yield pyarrow.table({PREDICTION: [pickle.dumps(None)]})
            return
        self._halt.took.remote(self._name, len(block))
        requests = block[REQUEST].to_pylist()
        yield pyarrow.table({PREDICTION: await asyncio.gather(*map(self._answer, requests))})

    async def _answer(self, request: bytes) -> bytes:
        # A pickle of our own driver, on our own cluster; nothing else is ever unpickled.
        return pickle.dumps(await self._survivor.answer(pickle.loads(request)))

    async def _watch_halt(self) -> None:
        while not self._halted:
            await asyncio.sleep(1)
            self._halted = await self._halt.called.remote()
        self._halt.heard.remote(self._name)
