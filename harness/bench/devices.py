"""Measures how fast a device written in Python is, compared with the device of QEMU that it copies."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from rustbed.bench.forked import forked
from rustbed.cache import Cache
from rustbed.devices.guest_memory import GuestMemory
from rustbed.devices.messages import READABLE, WRITABLE, DmaMap
from rustbed.devices.reference.testdev import PciTestdev
from rustbed.forks.machines import Machines
from rustbed.machine import slot
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform
from rustbed.progress import ignore

_DRIVER = "rust_driver_pci"
# accesses of the driver's probe
_PROBE = 5
# bytes that one step reads one by one, and steps in a command
_BYTES, _STEPS = 4096, 8
# bytes that are moved through mapped memory
_MOVED = 256 << 20


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A figure, with all its measurements."""

    what: str
    values: tuple[float, ...]
    unit: str


def _read_s(vm: Vm, address: str, steps: int) -> float:
    """Return the seconds of a command that reads a BAR byte by byte in so many steps."""
    peeks = [f"peek:0:0:{_BYTES}"] * steps
    resource = f"{slot.DEVICES}/{address}/resource0"
    before = time.monotonic()
    vm.rbctl("sys", f"open:rw:{resource}", f"mmap:3:{_BYTES}:r:shared:0", *peeks, check=True)
    return time.monotonic() - before


def _reads_a_second(vm: Vm, address: str) -> float:
    """Return reads a second, without the time of the same command without reads."""
    vm.write(f"{slot.DEVICES}/{address}/enable", "1")
    empty = min(_read_s(vm, address, 0) for _ in range(3))
    return _STEPS * _BYTES / max(1e-6, _read_s(vm, address, _STEPS) - empty)


def _probe_ms(vm: Vm) -> float:
    """Return milliseconds from plugging a device in to the end of its probe."""
    device = PciTestdev()
    with vm.module(_DRIVER):
        before = time.monotonic()
        with vm.plugged(device):
            vm.wait_for(lambda: len(device.trace) >= _PROBE, "the probe")
            return (device.trace[-1].at + device.began - before) * 1000


def measure_memory() -> float:
    """Return MB a second that a device reads and writes of memory that is mapped."""

    def never(*_: object) -> NoReturn:
        raise AssertionError

    descriptor = os.memfd_create("guest")
    memory = GuestMemory(never, never)
    try:
        os.ftruncate(descriptor, _MOVED)
        memory.map(DmaMap(32, READABLE | WRITABLE, 0, 0, _MOVED), descriptor)
        data, before = bytes(1 << 20), time.monotonic()
        for address in range(0, _MOVED, len(data)):
            memory.write(address, data)
            memory.read(address, len(data))
        return 2 * _MOVED / 1e6 / (time.monotonic() - before)
    finally:
        memory.close()
        os.close(descriptor)


def _measure(platform: Platform, runs: int, cache: Cache, scratch: Path) -> Iterator[Speed]:
    python, emulated, probes, moved = [], [], [], []
    with Machines(cache, ignore) as machines:
        for number in range(runs):
            with forked(machines, platform, scratch / str(number)) as vm:
                with vm.plugged("pci-testdev") as plugged:
                    emulated.append(_reads_a_second(vm, plugged.address))
                with vm.plugged(PciTestdev()) as plugged:
                    python.append(_reads_a_second(vm, plugged.address))
                probes.append(_probe_ms(vm))
            moved.append(measure_memory())
    yield Speed(what="reads of a device in Python", values=tuple(python), unit="a second")
    yield Speed(what="reads of QEMU's own", values=tuple(emulated), unit="a second")
    yield Speed(what="plugged in to probed", values=tuple(probes), unit="ms")
    yield Speed(what="memory that is mapped", values=tuple(moved), unit="MB a second")


def render_speeds(machine: str, speeds: Sequence[Speed]) -> str:
    """Render a line for each figure: lowest, median, highest."""
    lines = [f"{machine:<30}  {'lowest':>10}  {'median':>10}  {'highest':>10}"]
    for speed in speeds:
        shown = (min(speed.values), statistics.median(speed.values), max(speed.values))
        figures = "".join(f"  {value:>10,.0f}" for value in shown)
        lines.append(f"  {speed.what:<28}{figures}  {speed.unit}")
    return "\n".join(lines)


def bench_devices(platforms: Sequence[Platform], runs: int, cache: Cache) -> str:
    """Render how fast a device in Python is on each machine."""
    tables = []
    for platform in platforms:
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
            tables.append(render_speeds(platform.name, list(_measure(platform, runs, cache, Path(scratch)))))
    return "\n\n".join(tables)
