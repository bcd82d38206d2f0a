"""What a driver leaves behind is seen, and what it does not leave is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from rustbed.errors import LifeError
from rustbed.guest.shell import Answer
from rustbed.life.state import (
    State,
    read_state,
    require_nothing_left,
)

T = TypeVar("T")


class Counting:
    """A guest in which each interrupt comes once more between any two looks; it has no other files."""

    def __init__(self) -> None:
        self.count = 140

    def run(self, command: str, timeout_s: float | None = None, stdin: bytes | None = None) -> Answer:
        return Answer(command=command, status=0, stdout=b"")

    def check(self, command: str, timeout_s: float | None = None) -> str:
        raise NotImplementedError

    def rbctl(self, *words: str, stdin: bytes | None = None, check: bool = False) -> Answer:
        if words != ("get", "/proc/interrupts"):
            return Answer(command=" ".join(words), status=1, stdout=b"errno 2\n")
        self.count += 1
        # the first one as s390x prints it
        text = f"           CPU0\nAIO: {self.count:9}\n 11: {self.count:9} PCI-MSIX-0000:00:01.0 0-edge toy\n"
        return Answer(command=" ".join(words), status=0, stdout=text.encode())

    def wait_for(self, condition: Callable[[], T], what: str, timeout_s: float = 1.0) -> T:
        raise NotImplementedError


BEFORE = State(parts={"modules": frozenset(), "files of /dev": frozenset({"/dev", "/dev/null"})})
AFTER = State(
    parts={"modules": frozenset({"toy 0"}), "files of /dev": frozenset({"/dev", "/dev/null", "/dev/toy"})}
)


def test_what_is_new_is_told_by_kind() -> None:
    new = AFTER.more_than(BEFORE)
    assert new == {"modules": ["toy 0"], "files of /dev": ["/dev/toy"]}
    with pytest.raises(LifeError, match="it left 1 more modules, toy 0 for one"):
        require_nothing_left(BEFORE, AFTER, "it")


def test_how_often_an_interrupt_came_is_no_difference() -> None:
    guest = Counting()
    first, second = read_state(guest), read_state(guest)
    assert first.parts["interrupts"] == {"CPU0", "AIO:", "11: PCI-MSIX-0000:00:01.0 0-edge toy"}
    assert second == first


def test_what_is_the_same_or_less_is_nothing_left() -> None:
    require_nothing_left(AFTER, AFTER, "it")
    require_nothing_left(AFTER, BEFORE, "it")
