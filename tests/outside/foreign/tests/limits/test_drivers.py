"""Named like another file of tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.numbers import LIMIT

from rustbed import Vm


@pytest.mark.parametrize(("times", "said"), [(LIMIT, f"read {LIMIT}"), (LIMIT + 1, "read nothing")])
def test_counter_ends(counter: Vm, drivers: dict[str, Path], times: int, said: str) -> None:
    with counter.module(drivers["reader"], times=times):
        assert f"reader: {said}" in counter.log


def test_expects_too_much(counter: Vm, drivers: dict[str, Path]) -> None:
    with counter.module(drivers["reader"], times=LIMIT + 1):
        assert f"reader: read {LIMIT + 1}" in counter.log


def test_needs_no_machine() -> None:
    assert LIMIT == 7
