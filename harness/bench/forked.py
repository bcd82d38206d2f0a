"""Makes forks to measure, and takes and renders their figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rustbed.errors import HostError
from rustbed.forks.counts import FORKED
from rustbed.forks.machines import Machines
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform

# the driver that is loaded into them
DRIVER = "rust_minimal"


@contextmanager
def forked(machines: Machines, platform: Platform, directory: Path) -> Iterator[Vm]:
    """Yield a fork; a machine that was booted instead is not measured."""
    before = machines.counts[FORKED]
    with machines.machine(platform.spec(), platform.qemu, directory) as vm:
        if machines.counts[FORKED] == before:
            raise HostError("this machine cannot be forked", reason=dict(machines.counts))
        yield vm


def first_answer_ms(vm: Vm) -> float:
    """Milliseconds from asking for a machine to its first answer."""
    assert vm.live.boot_ms is not None
    return vm.live.boot_ms


def median_ms(values: Sequence[float]) -> str:
    """Render a median, or nothing where there were no values."""
    return f"{statistics.median(values):>6.1f} ms" if values else f"{'-':>9}"
