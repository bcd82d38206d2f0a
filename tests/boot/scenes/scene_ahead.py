"""Machines of two kinds in turn, each of which says whether it was started before its test's turn came."""

from __future__ import annotations

import os
import time

import pytest

from rustbed import Vm
from rustbed.procfs import born

# larger: a kernel with all detectors does not boot in less than what is the default
LARGE = pytest.mark.machine(memory_mib=288)
ended: list[float] = []


def born_s(pid: int) -> float:
    """Return when a process was started, on time.monotonic()."""
    return born(pid) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param("first", id="first"),
        pytest.param("large", id="large", marks=LARGE),
        pytest.param("again", id="again"),
        pytest.param("large again", id="large-again", marks=LARGE),
    ],
)
def test_turn(vm: Vm, turn: str) -> None:
    assert vm.check("echo alive") == "alive"
    if turn.endswith("again"):
        assert born_s(vm.live.qemu_pid) < ended[-1]
    ended.append(time.monotonic())
