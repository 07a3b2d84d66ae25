"""What the engines of one command share is opened once, and closed with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier, Thread

import pytest

from registry import EngineOptions, Shared


def test_what_is_shared_is_opened_when_it_is_needed_once_and_closed_in_the_end() -> None:
    said: list[str] = []

    @contextmanager
    def opening(name: str) -> Iterator[str]:
        said.append(f"open {name}")
        yield name
        said.append(f"close {name}")

    with Shared() as shared:
        assert said == []
        for name in ("cluster", "pool", "cluster"):
            assert shared.once(name, lambda name=name: opening(name)) == name
        assert said == ["open cluster", "open pool"]
    assert said[2:] == ["close pool", "close cluster"]
    shared.close()
    assert len(said) == 4


def test_engines_that_need_it_at_the_same_time_get_the_same_one() -> None:
    barrier, opened, got = Barrier(8), [], []

    @contextmanager
    def opening() -> Iterator[object]:
        opened.append(object())
        yield opened[-1]

    with Shared() as shared:

        def need() -> None:
            barrier.wait()
            got.append(shared.once("cluster", opening))

        threads = [Thread(target=need) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(opened) == 1
    assert got == opened * 8


def test_what_could_not_be_opened_is_tried_again_by_the_next() -> None:
    @contextmanager
    def refused() -> Iterator[str]:
        raise ConnectionError("no cluster there")
        yield ""

    @contextmanager
    def works() -> Iterator[str]:
        yield "a cluster"

    with Shared() as shared:
        with pytest.raises(ConnectionError):
            shared.once("cluster", refused)
        assert shared.once("cluster", works) == "a cluster"


def test_what_is_shared_does_not_make_options_differ() -> None:
    assert EngineOptions(replicas=2) == EngineOptions(replicas=2)
    assert "shared" not in repr(EngineOptions())
