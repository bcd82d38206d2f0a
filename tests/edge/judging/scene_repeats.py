"""Not tests of ours: run by test_repeats.py. Several tests meet the same warning of the kernel."""

from __future__ import annotations

import pytest
from tests.edge.judging.stand_in import vm, warn

from rustbed import Vm

__all__ = ["vm"]

# which function the kernel warns of, and whether the test also fails by itself
MEETINGS = [("probe", False), ("remove", False), ("probe", False), ("remove", True)]


@pytest.mark.parametrize(("name", "fails"), MEETINGS)
def test_meets(vm: Vm, name: str, fails: bool) -> None:
    warn(vm, name)
    assert not fails


def test_meets_both(vm: Vm) -> None:
    warn(vm, "probe")
    warn(vm, "remove")


@pytest.mark.parametrize("number", [1, 2])
def test_fails(vm: Vm, number: int) -> None:
    vm.check("echo '<6>toy is here' >/dev/kmsg")
    pytest.fail("of its own accord")
