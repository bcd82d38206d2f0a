"""A deadline counts the time in which what is waited for could have worked."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rustbed.deadline import Deadline


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the clock stand at so many seconds."""
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def set_clock(seconds: float) -> None:
        clock[0] = 100.0 + seconds

    return set_clock


def test_deadline_expires_when_its_seconds_have_passed(after: Callable[[float], None]) -> None:
    deadline = Deadline.after(10)
    after(9.5)
    assert (deadline.remaining, deadline.expired, deadline.elapsed) == (0.5, False, 9.5)
    assert deadline.slice(0.2) == 0.2
    after(10)
    assert (deadline.remaining, deadline.expired, deadline.slice(0.2)) == (0, True, 0)
    assert deadline.facts == {}


def test_time_without_a_processor_is_not_counted(after: Callable[[float], None]) -> None:
    withheld = 6.0
    deadline = Deadline.after(10, lambda: withheld)
    after(15)
    assert (deadline.remaining, deadline.expired) == (1, False)
    after(16)
    assert deadline.expired
    assert deadline.facts == {"host": "gave no processor for 6 s, not counted"}
    # it is asked again: by then there may be more
    withheld = 8.0
    assert (deadline.remaining, deadline.expired) == (2, False)


def test_it_is_not_put_off_for_ever(after: Callable[[float], None]) -> None:
    deadline = Deadline.after(10, lambda: 1000.0)
    after(49.5)
    assert (deadline.remaining, deadline.expired) == (0.5, False)
    after(50)
    assert deadline.expired
    assert deadline.facts == {"host": "gave no processor for 40 s, not counted"}


def test_nobody_is_asked_before_it_could_expire(after: Callable[[float], None]) -> None:
    def fail() -> float:
        raise AssertionError

    deadline = Deadline.after(10, fail)
    after(9.9)
    assert not deadline.expired
