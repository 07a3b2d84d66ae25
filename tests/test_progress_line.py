"""The progress line: what it says, and that a log shows life without control characters."""

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from evaluators.progress import Counter, counted
from registry import Outcome, Prediction

Clock = list[float]


@pytest.fixture
def clock() -> Clock:
    """Return a clock that a test sets: its last number is the time."""
    return [1000.0]


@pytest.fixture
def counter(clock: Clock) -> Counter:
    return Counter("acme/[red]\x1b[31mone", 200, lambda: clock[-1])


def predictions(n: int, outcome: Outcome = Outcome.ANSWERED) -> Iterator[Prediction]:
    for i in range(n):
        yield Prediction(
            sample_id=str(i),
            outcome=outcome,
            prompt_tokens=100,
            cached_tokens=60,
            output_tokens=20,
            replica=f"host:{i % 2}",
        )


def count(counter: Counter, n: int, outcome: Outcome = Outcome.ANSWERED) -> None:
    for prediction in predictions(n, outcome):
        counter(prediction)


def test_before_the_first_answer_the_model_is_starting(counter: Counter, clock: Clock) -> None:
    assert counter.line() == "acme/[red]one: starting (0 s) · 200 to ask"
    clock.append(1065)
    assert counter.line() == "acme/[red]one: starting (1 min) · 200 to ask"


def test_the_end_is_told_once_there_is_a_speed(counter: Counter, clock: Clock) -> None:
    counter.line()
    clock.append(1060)
    count(counter, 50)
    assert counter.line() == (
        "acme/[red]one: 50 of 200 (25 %) · ETA unknown · 60 % cached · 2 replicas · 1 min elapsed"
    )
    clock.append(1070)
    count(counter, 48)
    count(counter, 2, Outcome.FAILED)
    assert counter.line() == (
        "acme/[red]one: 100 of 200 (50 %) · 2 failed · ETA 20 s · 600 tokens/s · 60 % cached · "
        "2 replicas · 1 min elapsed"
    )
    assert counter.share == 0.5


def test_a_run_that_hangs_says_so(counter: Counter, clock: Clock) -> None:
    for at in (1060, 1070):
        clock.append(at)
        count(counter, 50)
        counter.line()
    clock.append(1070 + 240)
    assert "50 %) · no answer for 4 min · ETA " in counter.line()


def test_nothing_to_ask_is_complete(clock: Clock) -> None:
    counter = Counter("acme/one", 0, lambda: clock[-1])
    assert (counter.line(), counter.share) == ("acme/one: 0 of 0 · 0 s elapsed", 1.0)


def test_a_log_gets_a_line_every_so_often_even_while_nothing_comes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with counted("acme/one", 2, every=0.05) as counter:
        time.sleep(0.5)
        silent = capfd.readouterr().err.splitlines()
        count(counter, 2)
    assert len(silent) >= 2
    assert all(line.endswith("acme/one: starting (0 s) · 2 to ask") for line in silent)
    last = capfd.readouterr().err.splitlines()[-1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d acme/one: 2 of 2 \(100 %\) · .*", last)
    time.sleep(0.2)
    assert capfd.readouterr().err == ""


def test_forced_colours_make_no_terminal_of_a_log(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with counted("acme/one", 1) as counter:
        count(counter, 1)
    out, errors = capfd.readouterr()
    assert (out, errors.count("\n")) == ("", 1)
    assert "\x1b" not in errors


def test_an_error_ends_the_lines_and_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), counted("acme/one", 2, every=0.05):
        raise KeyError
    capfd.readouterr()
    time.sleep(0.2)
    assert capfd.readouterr().err == ""


DRAWN = """
from evaluators.progress import counted
from registry import Prediction
with counted("acme/[red]one", 2) as counter:
    for sample in "12":
        counter(Prediction(sample_id=sample))
print("the result")
"""


def test_a_terminal_gets_one_line_drawn_in_place_and_results_can_be_piped() -> None:
    terminal, side = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", DRAWN], stdout=subprocess.PIPE, stderr=side, env=environment
    ) as process:
        os.close(side)
        out, _ = process.communicate(timeout=60)
    drawn = os.read(terminal, 65_536).decode()
    os.close(terminal)
    assert out == b"the result\n"
    assert "acme/[red]one: 2 of 2 (100 %) · 0 s elapsed" in drawn
    assert drawn.count("\n") == 1
