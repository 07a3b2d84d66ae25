"""Blocks go out until the word to stop; a model whose replicas die as they load is given up."""

import pickle

import pytest

from evaluators.dispatcher import FORGIVEN, Dispatcher, blocks
from evaluators.survivor import MOST_DEATHS
from registry import Prompt, Request


def dispatcher(replicas: int = 1, n_requests: int = 0, rows: int = 16) -> Dispatcher:
    requests = [Request(1, str(number), Prompt(question="?")) for number in range(n_requests)]
    return Dispatcher(blocks(requests, rows), replicas)


def test_every_request_is_in_one_block_in_the_order_they_came() -> None:
    made = dispatcher(n_requests=40)
    out = [made.block(place) or [] for place in range(3)]
    assert [len(block) for block in out] == [16, 16, 8]
    asked = [pickle.loads(request).sample_id for block in out for request in block]
    assert asked == [str(number) for number in range(40)]


def test_a_block_that_was_lost_is_handed_out_again() -> None:
    made = dispatcher(n_requests=16)
    assert made.block(0) == made.block(0) is not None


def test_nothing_is_handed_out_after_the_word_to_stop() -> None:
    made = dispatcher(n_requests=32)
    assert made.block(0)
    made.stop()
    assert made.block(1) is None


def test_all_is_settled_when_what_was_begun_is_answered() -> None:
    made = dispatcher(n_requests=40)
    made.block(0)
    made.block(2)
    assert not made.settled(24)
    made.stop()
    made.block(1)
    assert not made.settled(16)
    assert made.settled(24)


def test_with_a_replica_lost_the_answers_are_awaited_to_the_end() -> None:
    made = dispatcher(replicas=2, n_requests=16)
    made.block(0)  # by the lost one
    made.block(0)  # by its successor
    made.stop()
    assert not made.settled(16)


@pytest.mark.parametrize("replicas", [1, 8])
def test_replicas_that_are_always_killed_while_they_load_are_given_up(replicas: int) -> None:
    made = dispatcher(replicas)
    assert not any(made.loading() for _ in range(replicas + FORGIVEN))
    assert made.loading() == (
        f"its process was killed {FORGIVEN + 1} times while it loaded (out of memory? ask: dmesg)"
    )


def test_a_death_now_and_then_is_forgiven_while_others_load() -> None:
    made = dispatcher(4)
    for _ in range(30):
        assert not made.loading()
        assert not made.loading()
        made.loaded()


def test_a_replica_that_dies_after_each_load_does_not_load_without_end() -> None:
    made = dispatcher()
    for _ in range(1 + MOST_DEATHS):
        assert not made.loading()
        made.loaded()
    assert "died each time" in made.loading()
