"""What the check of copies notices: against machines of which only that is there which it looks at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from rustbed.forks.hot.proof import compare, watch_clock
from rustbed.log.record import Record
from rustbed.log.window import Log
from rustbed.machine.vm import Vm


class Clock:
    """A machine of which the clock alone is read, and which is as right as the host's."""

    def __init__(self, *delays: float) -> None:
        self._delays = list(delays)

    def check(self, command: str) -> str:
        assert command.endswith("/proc/uptime")
        now = time.monotonic()
        # the answer is on its way for so long
        time.sleep(self._delays.pop(0))
        return f"{now}\n"


class WrongClock:
    """One that goes on by so many seconds, however long the host has slept."""

    def __init__(self, passed_s: float) -> None:
        self._readings = [100.0, 100.0 + passed_s]

    def check(self, command: str) -> str:
        assert command.endswith("/proc/uptime")
        return f"{self._readings.pop(0)}\n"


@pytest.mark.parametrize("delays", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5)])
def test_a_clock_is_sound_however_slowly_the_guest_answers(delays: tuple[float, ...]) -> None:
    assert watch_clock(Clock(*delays)) == ""


# 0.02 s is what one shows that goes at a tenth of the host's pace
@pytest.mark.parametrize("passed_s", [0.0, -0.2, 0.02, 1000.0])
def test_a_clock_that_stands_lags_or_runs_away_is_seen(passed_s: float) -> None:
    assert f"its clock went on by {passed_s:.2f} s" in watch_clock(WrongClock(passed_s))


class Guest:
    """A machine that says what it is told to; it has no file of another machine."""

    def __init__(self, log: Sequence[str] = (), drawn: str = "", status: str = "running") -> None:
        records = (Record(seq=n, level=5, facility=1, time_us=0, text=text) for n, text in enumerate(log))
        self.log = Log(records=tuple(records))
        self.monitor = SimpleNamespace(execute=lambda _: {"status": status})
        self._drawn = drawn

    def check(self, command: str) -> str:
        return self._drawn if command.endswith("/random/uuid") else ""

    def run(self, command: str) -> SimpleNamespace:
        assert command.startswith("test -e ")
        return SimpleNamespace(status=1)


SHARED_LOG = "they share the kernel log"
PAIRS = {
    "nothing": (Guest(["one"], "1"), Guest([], "2"), ""),
    "the log": (Guest(["one"], "1"), Guest(["one"], "2"), SHARED_LOG),
    "no log": (Guest([], "1"), Guest([], "2"), SHARED_LOG),
    "more of the log": (Guest(["two", "one"], "1"), Guest([], "2"), SHARED_LOG),
    "random numbers": (Guest(["one"], "1"), Guest([], "1"), "they share random numbers"),
    "a stop": (Guest(["one"], "1", "paused"), Guest([], "2"), "one does not run"),
}


@pytest.mark.parametrize(("one", "other", "said"), PAIRS.values(), ids=PAIRS)
def test_what_two_machines_share_is_named(one: Guest, other: Guest, said: str) -> None:
    assert compare(cast("Vm", one), cast("Vm", other)) == said
