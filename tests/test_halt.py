"""A model whose replicas are killed while they load is given up; a lost node is not."""

import pytest

from evaluators.halt import FORGIVEN, Halt
from evaluators.survivor import MOST_DEATHS


@pytest.mark.parametrize("replicas", [1, 8])
def test_replicas_that_are_always_killed_while_they_load_are_given_up(replicas: int) -> None:
    halt = Halt(replicas)
    assert not any(halt.loading() for _ in range(replicas + FORGIVEN))
    assert halt.loading() == (
        f"its process was killed {FORGIVEN + 1} times while it loaded (out of memory? ask: dmesg)"
    )


def test_a_death_now_and_then_is_forgiven_while_others_load() -> None:
    halt = Halt(4)
    for _ in range(30):
        assert not halt.loading()
        assert not halt.loading()
        halt.loaded()


def test_a_replica_that_dies_after_each_load_does_not_load_without_end() -> None:
    halt = Halt(1)
    for _ in range(1 + MOST_DEATHS):
        assert not halt.loading()
        halt.loaded()
    assert "died each time" in halt.loading()


def test_the_driver_is_heard() -> None:
    halt = Halt(1)
    assert not halt.called()
    halt.call()
    assert halt.called()


def test_all_is_settled_when_what_was_begun_is_answered_and_everybody_heard() -> None:
    halt = Halt(2)
    halt.took("one", 16)
    halt.took("two", 16)
    halt.took("one", 16)
    assert not halt.settled(48)
    halt.call()
    halt.heard("one")
    assert not halt.settled(48)
    halt.took("two", 16)
    halt.heard("two")
    assert not halt.settled(48)
    assert halt.settled(64)


def test_with_a_replica_lost_the_answers_are_awaited_to_the_end() -> None:
    halt = Halt(2)
    halt.took("lost", 16)
    halt.took("its successor", 16)
    halt.call()
    halt.heard("its successor")
    assert not halt.settled(16)
    assert not halt.settled(32)
