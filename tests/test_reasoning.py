"""What a model thinks aloud is no answer, in whichever tags it thinks."""

import pytest

from registry import after_reasoning


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("C", "C"),
        ("", ""),
        ("<think>so B</think> C", " C"),
        ("<think>so B", None),
        ("so B</think>C", "C"),  # the template has opened the reasoning
        ("<think>A</think>no, <think>B</think>C", "C"),
        ("<think>A</think><think>B", None),
        ("<unused94>thought<unused95>yes", "yes"),
        ("<thinking>hm</thinking>no", "no"),
    ],
)
def test_only_what_follows_the_reasoning_is_the_answer(reply: str, answer: str | None) -> None:
    assert after_reasoning(reply) == answer
