"""A clock that nobody sets back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from structlog.testing import capture_logs

from gateway.services.forward_clock import ForwardClock
from gateway.testing.builders import NOW

HOUR = timedelta(hours=1)


@dataclass
class Time:
    """The time of day, and the seconds since the machine began."""

    day: datetime = NOW
    seconds: float = 100.0

    def now(self) -> datetime:
        return self.day

    def pass_s(self, seconds: float) -> None:
        self.day += timedelta(seconds=seconds)
        self.seconds += seconds


def clock_of(time: Time) -> ForwardClock:
    return ForwardClock(time, monotonic=lambda: time.seconds)


def test_it_tells_the_time_of_day() -> None:
    time = Time()
    clock = clock_of(time)

    time.pass_s(5)

    assert clock.now() == NOW + timedelta(seconds=5)


def test_it_is_set_forward() -> None:
    time = Time()
    clock = clock_of(time)

    time.day += HOUR

    assert clock.now() == NOW + HOUR


def test_it_goes_on_while_the_other_is_set_back() -> None:
    time = Time()
    clock = clock_of(time)

    time.pass_s(5)
    before = clock.now()
    time.day -= HOUR
    time.pass_s(2)

    assert clock.now() == before + timedelta(seconds=2)


def test_what_was_set_forward_and_back_is_not_taken_back() -> None:
    time = Time()
    clock = clock_of(time)

    time.day += HOUR
    clock.now()
    time.day -= HOUR
    time.pass_s(1)

    assert clock.now() == NOW + HOUR + timedelta(seconds=1)


def test_it_says_once_that_it_is_far_ahead_and_what_to_do() -> None:
    time = Time()
    clock = clock_of(time)

    with capture_logs() as logs:
        for jump_s in (-29, 29, -3600, 0, 0, 3600, 0, -60):
            time.day += timedelta(seconds=jump_s)
            clock.now()

    said = [(entry["event"], entry["by_s"]) for entry in logs]
    assert said == [("clock.set_back", 3600), ("clock.set_back", 60)]
    assert "restart" in logs[0]["remedy"]
