"""Keep answering when an engine dies: start it again, and isolate the request that kills it.

A replica's engine is a process of its own; a poisonous sample takes it down with everything in
flight. The suspects are tried again by halves, until the one that kills it stands alone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from evaluators.reasons import cleaned
from evaluators.wire import text_of
from registry import Outcome, Prediction, Request

NO_ENGINE = "the model could not be loaded: "
"""How a prediction's reason begins where there is no engine any more; the driver stops then."""

POISON = "the engine dies of this sample, alone and after a restart: "
"""How the reason of a sample begins that kills the engine: to ask it again would kill another."""

MOST_DEATHS = 40
"""Engine deaths after which a replica gives up: by halves, that is about six poisonous samples."""

log = logging.getLogger(__name__)


class Answers(Protocol):
    """What a loaded engine offers."""

    async def answer(self, request: Request) -> Prediction:
        """Return the prediction; raise a fatal error where the engine is dead."""
        ...


class Survivor:
    """Answers requests with an engine that may die, each exactly once."""

    def __init__(
        self,
        load: Callable[[], Answers],
        fatal: tuple[type[BaseException], ...],
        last_words: Callable[[], str],
    ) -> None:
        """Load the engine now; `fatal` are the errors that mean that it is dead.

        `last_words` are what the engine printed when it died, "" where nothing tells.
        A model that cannot be loaded is no exception here: every request is told the reason.
        """
        self._load, self._fatal, self._last_words = load, fatal, last_words
        self._engine: Answers | None = None
        self._problem = ""
        self._deaths = 0
        self._in_flight = 0
        self._suspects: dict[asyncio.Future[Prediction], Request] = {}
        self._calm = asyncio.Event()
        self._calm.set()
        self._examination: asyncio.Task[None] | None = None
        self._start()

    async def answer(self, request: Request) -> Prediction:
        """Return the prediction; a request that kills the engine by itself gives a failed one."""
        await self._calm.wait()
        if self._engine is None:
            return _failed(request, self._problem)
        self._in_flight += 1
        try:
            return await self._engine.answer(request)
        except self._fatal:
            suspect: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
            self._suspects[suspect] = request
        finally:
            self._in_flight -= 1
        if self._examination is None or self._examination.done():
            self._calm.clear()
            self._examination = asyncio.create_task(self._examine())
        return await suspect

    async def _examine(self) -> None:
        """Start the engine again and settle all requests that were in flight when it died."""
        while self._in_flight:  # the rest of them finish, or become suspects too
            await asyncio.sleep(0.05)
        suspects = list(self._suspects)
        self._restart()
        for half in _halves(suspects):
            await self._settle(half)
        self._suspects.clear()
        self._calm.set()

    async def _settle(self, suspects: Sequence[asyncio.Future[Prediction]]) -> None:
        """Answer the suspects together; where that kills the engine, those left over by halves."""
        if not suspects:
            return
        killed = [
            s for s, alive in zip(suspects, await self._try(suspects), strict=True) if not alive
        ]
        if not killed:
            return
        words = self._last_words()  # before the next engine prints its own
        self._restart()
        if len(suspects) == 1:
            request = self._suspects[suspects[0]]
            said = cleaned(words, text_of(request.prompt)) or "it printed nothing"
            suspects[0].set_result(_failed(request, POISON + said))
            return
        for half in _halves(killed):
            await self._settle(half)

    async def _try(self, suspects: Sequence[asyncio.Future[Prediction]]) -> list[bool]:
        return await asyncio.gather(*(self._try_one(suspect) for suspect in suspects))

    async def _try_one(self, suspect: asyncio.Future[Prediction]) -> bool:
        """Answer one suspect; return False where the engine is dead."""
        request = self._suspects[suspect]
        if self._engine is None:
            suspect.set_result(_failed(request, self._problem))
            return True
        try:
            suspect.set_result(await self._engine.answer(request))
        except self._fatal:
            return False
        return True

    def _restart(self) -> None:
        self._deaths += 1
        log.error("the engine died (%d so far) and is started again", self._deaths)
        if self._deaths > MOST_DEATHS:
            self._engine = None
            self._problem = f"{NO_ENGINE}it died {self._deaths} times"
        else:
            self._start()

    def _start(self) -> None:
        self._engine = None
        try:
            self._engine = self._load()
        except Exception as error:  # whatever it was, it is the reason that the user reads
            # Where the engine's own process ends, the error only says that it did.
            self._problem = f"{NO_ENGINE}{self._last_words() or error}"
            log.exception("the model could not be loaded")


def _halves(
    suspects: Sequence[asyncio.Future[Prediction]],
) -> list[Sequence[asyncio.Future[Prediction]]]:
    middle = len(suspects) // 2
    return [suspects[:middle], suspects[middle:]]


def _failed(request: Request, reason: str) -> Prediction:
    return Prediction(
        run_id=request.run_id,
        sample_id=request.sample_id,
        stage=request.stage,
        outcome=Outcome.FAILED,
        reason=reason,
    )
