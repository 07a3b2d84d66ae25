"""Ask several models at the same time, each from a thread of its own.

The threads take turns at the registry, which this process alone writes. Ctrl-C reaches the main
thread only; from there it is passed on, so that what came back is stored whatever happens.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue
from threading import Thread

from registry import Engine, Identity, Prediction, Request

LOOK_SECONDS = 0.5
"""How long the main thread sleeps between looks for Ctrl-C."""


class Interruptible:
    """An engine that is waited for in a thread of its own, so that waiting can be given up."""

    def __init__(self, engine: Engine) -> None:
        """Ask this engine."""
        self._engine = engine
        self._came: SimpleQueue[Prediction | BaseException | None] = SimpleQueue()

    @property
    def identity(self) -> Identity:
        """Who answers."""
        return self._engine.identity

    @property
    def local(self) -> bool:
        """Whether everything sent stays on this machine or its private network."""
        return self._engine.local

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield the engine's predictions; what it raises is raised here."""
        # A daemon: where it is given up, nobody waits for it, not even the end of the program.
        Thread(target=self._fetch, args=(requests,), daemon=True).start()
        while (item := self._came.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _fetch(self, requests: Iterable[Request]) -> None:
        end = None
        try:
            for prediction in self._engine.predict(requests):
                self._came.put(prediction)
        except BaseException as error:  # not swallowed: it is raised where it is waited for
            end = error
        self._came.put(end)

    def give_up(self) -> None:
        """Have `predict` raise KeyboardInterrupt after what has come so far."""
        self._came.put(KeyboardInterrupt())

    def stop(self) -> None:
        """Take no further request."""
        self._engine.stop()

    def close(self) -> None:
        """Give back what the engine holds."""
        self._engine.close()


def side_by_side(
    engines: Sequence[Engine], ask: Callable[[int, Engine], None]
) -> list[BaseException | None]:
    """Call `ask` with the place of each engine and the engine, all at the same time.

    Returns how each ended: with an error, or None. On KeyboardInterrupt the engines are given up,
    and it is raised as soon as everything that has come back is stored.
    """
    waited_for = [Interruptible(engine) for engine in engines]
    with ThreadPoolExecutor(len(engines)) as threads:
        asked = [threads.submit(ask, place, engine) for place, engine in enumerate(waited_for)]
        try:
            # A signal may have reached another thread: then this one must wake up to notice.
            while wait(asked, timeout=LOOK_SECONDS).not_done:
                continue
        except KeyboardInterrupt:
            for engine in waited_for:
                engine.give_up()
            raise
    return [each.exception() for each in asked]
