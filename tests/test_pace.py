"""How fast answers come: over a recent window, and honest where little is known."""

import pytest

from registry.pace import WINDOW, Count, Pace, Reading, duration, percentage


def answers(n: int, failed: int = 0) -> Count:
    """Return n answers of 100 prompt tokens (75 of them cached) and 20 written ones each."""
    return Count(n, failed, 100 * n, 75 * n, 20 * n)


def paced(*seen: tuple[float, Count], total: int = 1000) -> Reading:
    """Return what is known after some looks."""
    pace = Pace()
    for at, count in seen:
        pace.observe(at, count)
    return pace.reading(total)


def test_before_the_first_answer_nothing_is_said_of_speed_or_end() -> None:
    reading = paced((0, Count()), (55, Count()))
    assert (reading.samples_per_second, reading.tokens_per_second) == (None, None)
    assert (reading.eta_seconds, reading.silent_seconds) == (None, None)
    assert reading.words() == ["0 of 1,000 (0 %)", "ETA unknown"]


def test_the_minute_in_which_the_model_starts_slows_no_speed() -> None:
    reading = paced((0, Count()), (60, answers(50)), (70, answers(100)))
    assert reading.samples_per_second == 5
    assert reading.tokens_per_second == 5 * 120
    assert reading.eta_seconds == 900 / 5


def test_what_a_resumed_run_had_before_is_no_speed() -> None:
    reading = paced((0, answers(900)), (1, answers(910)), (11, answers(930)))
    assert reading.samples_per_second == 2
    assert reading.eta_seconds == 70 / 2
    assert reading.count.answered == 930


def test_a_speed_is_that_of_the_last_minute() -> None:
    quick = [(t, answers(10 * t)) for t in range(1, 101)]
    slow = [(100 + t, answers(1000 + t)) for t in range(1, 121)]
    assert paced(*quick, total=5000).samples_per_second == pytest.approx(10)
    assert paced(*quick, *slow, total=5000).samples_per_second == pytest.approx(1)


def test_rare_answers_are_looked_at_for_longer_than_a_minute() -> None:
    rare = [(180.0 * i, answers(i)) for i in range(1, 31)]
    reading = paced(*rare)
    assert reading.samples_per_second == pytest.approx(1 / 180)
    assert reading.eta_seconds == pytest.approx(970 * 180)


def test_a_run_that_hangs_gets_slower_and_tells_for_how_long() -> None:
    going = [(t, answers(10 * t)) for t in range(1, 61)]
    reading = paced(*going, (60 + 240, answers(600)))
    assert reading.silent_seconds == 240
    assert reading.is_silent
    assert "no answer for 4 min" in reading.words()
    later = paced(*going, (60 + 240, answers(600)), (60 + 2400, answers(600)))
    assert (later.samples_per_second or 0) < (reading.samples_per_second or 0) < 10
    assert (later.eta_seconds or 0) > (reading.eta_seconds or 0)


def test_a_complete_run_is_not_silent() -> None:
    reading = paced((0, answers(1)), (1, answers(500)), (2, answers(1000)), (9999, answers(1000)))
    assert not reading.is_silent
    assert reading.words() == ["1,000 of 1,000 (100 %)", "6 tokens/s", "75 % cached"]


def test_an_answer_in_the_place_of_a_failure_has_come_and_nothing_is_negative() -> None:
    before, after = answers(900, failed=100), Count(960, 40, 100, 0, 20)
    reading = paced((0, before), (1, before), (2, answers(910, failed=90)), (12, after))
    assert reading.samples_per_second == 5
    assert reading.tokens_per_second == 0
    assert reading.eta_seconds == 0


def test_a_clock_that_stands_still_or_goes_back_gives_no_speed() -> None:
    reading = paced((5, Count()), (5, answers(1)), (5, answers(3)))
    assert (reading.samples_per_second, reading.eta_seconds) == (None, None)
    back = paced((5, Count()), (5, answers(1)), (6, answers(3)), (2, answers(3)))
    assert (back.samples_per_second, back.silent_seconds) == (None, 0)


def test_a_watcher_of_days_remembers_a_minute() -> None:
    pace = Pace()
    for second in range(5000):
        pace.observe(second, answers(second // 2))
    for second in range(5000, 9000):
        pace.observe(second, answers(2500))
    assert len(pace._seen) <= WINDOW


def test_words_come_in_the_order_of_their_weight() -> None:
    reading = Reading(
        total=2000,
        count=answers(1200, failed=3),
        tokens_per_second=5213.4,
        eta_seconds=250,
        silent_seconds=2,
    )
    assert reading.words(replicas=2) == [
        "1,203 of 2,000 (60 %)",
        "3 failed",
        "ETA 4 min",
        "5,213 tokens/s",
        "75 % cached",
        "2 replicas",
    ]


def test_a_test_double_without_tokens_and_replicas_has_fewer_words() -> None:
    assert Reading(total=4, count=Count(4)).words() == ["4 of 4 (100 %)"]
    assert Reading(total=0, count=Count()).words() == ["0 of 0"]


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 3, "0 %"), (1, 3, "33 %"), (9999, 10_000, "99 %"), (3, 3, "100 %")],
)
def test_nothing_is_complete_before_it_is(part: int, whole: int, said: str) -> None:
    assert percentage(part, whole) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 00 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_span_of_time_is_said_in_one_or_two_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said
