"""The events of a device, in order, and which of them a test sees; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

E = TypeVar("E")


class Timed(Protocol):
    """An event of a device."""

    @property
    def at(self) -> float:
        """Seconds since the device was made."""


def render_timed(events: Iterable[Timed]) -> str:
    """Render a line for each event: seconds, and the event's repr."""
    return "".join(f"{each.at:.6f} {each!r}\n" for each in events)


class History(list[E]):
    """All events of a device. A test sees those since `forget`; a fault's accesses count from the first."""

    def __init__(self) -> None:
        super().__init__()
        # number of events that are hidden from the test
        self._forgotten = 0

    @property
    def visible(self) -> list[E]:
        """The events that the test sees."""
        return self[self._forgotten :]

    @property
    def newest(self) -> E | None:
        """The last event that the test sees, if there is one."""
        return self[-1] if len(self) > self._forgotten else None

    def forget(self) -> None:
        """Hide the events so far from the test."""
        self._forgotten = len(self)
