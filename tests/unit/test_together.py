"""Items that are worked on at once."""

from __future__ import annotations

from threading import Barrier

import pytest

from rustbed.progress import Say
from rustbed.together import work_together


def test_each_item_ends_once_and_what_is_said_is_said_by_the_caller() -> None:
    said: list[str] = []

    def double(item: int, tell: Say) -> int:
        tell(f"doubling {item}")
        return 2 * item

    assert dict(work_together(range(5), [double, double], said.append)) == {0: 0, 1: 2, 2: 4, 3: 6, 4: 8}
    assert sorted(said) == [f"doubling {item}" for item in range(5)]


def test_as_many_are_worked_on_as_there_are_workers() -> None:
    barrier = Barrier(3)

    def meet(item: int, _: Say) -> int:
        # broken, and an error, if no three are there at once
        barrier.wait(600)
        return item

    assert len(list(work_together(range(6), [meet] * 3, print))) == 6


def test_an_error_of_a_worker_is_the_callers() -> None:
    def fail(_: int, _tell: Say) -> int:
        raise ValueError("in vain")

    with pytest.raises(ValueError, match="in vain"):
        list(work_together([1, 2], [fail, fail], print))


def test_no_items_are_no_work() -> None:
    assert list(work_together([], [], print)) == []
