"""Not tests of ours: run by test_linger.py. A driver leaves a timer behind that rings 0.3 s or 20 s later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.edge.judging.stand_in import WARNING, vm

from rustbed import Vm

__all__ = ["vm"]

# opened for both, a FIFO that nobody reads any more does not block
RINGS = f"echo '{WARNING.format(name='late')}' 1<>$FAKE_KMSG"
SOON = f"{{ sleep 0.3; {RINGS}; }} >/dev/null & : rmmod late"
LATE = f"{{ sleep 20; {RINGS}; }} >/dev/null & : rmmod late"


def test_unmarked_soon(vm: Vm) -> None:
    vm.check(SOON)


def test_unmarked_late(vm: Vm) -> None:
    vm.check(LATE)


@pytest.mark.linger(3)
def test_long(vm: Vm) -> None:
    vm.check(SOON)


@pytest.mark.linger(0)
def test_short(vm: Vm) -> None:
    vm.check(LATE)


@pytest.fixture
def driver(vm: Vm) -> Iterator[Vm]:
    yield vm
    vm.check(SOON)


@pytest.mark.linger(3)
def test_fixture(driver: Vm) -> None:
    pass


@pytest.mark.linger("soon")
def test_wrong(vm: Vm) -> None:
    pass
