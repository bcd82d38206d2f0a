"""Measures the cost of forks, for each way of making them, and of boots of the same machines."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rustbed.bench.forked import DRIVER, first_answer_ms, forked, median_ms
from rustbed.cache import Cache
from rustbed.errors import ForkError, HarnessError
from rustbed.forks.counts import COPIED, FORKED
from rustbed.forks.hot.shim import build_shim
from rustbed.forks.machines import Machines
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform
from rustbed.procfs import memory_mib, thread_times, total
from rustbed.progress import ignore
from rustbed.toolroot.library import HOST

# forks that run at once while their memory is measured
_IDLE = 8
# forks one after the other in each run, with a first answer each
_ROW = 20
# what a page of a fork's own is counted in, as that of x86_64
_PAGE_MIB = 4 / 1024
# seconds for a fork to become idle, and for a QEMU to be ready to become one
_SETTLE_S = 1.0


@dataclass(kw_only=True)
class Way:
    """The cost of machines of one architecture that were made in one way; times in milliseconds."""

    machine: str
    accel: str
    # booted, restored or copied
    way: str
    # from the request to the first answer, with a fork started ahead, and without
    ahead: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    # a driver is loaded and unloaded
    driver: list[float] = field(default_factory=list)
    # after that: processor time of QEMU since its start, and its own pages: copied by a write, or new
    cpu: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    # forks in rows, those of them that failed or were made in another way, and seconds
    row: int = 0
    failed: int = 0
    row_s: float = 0.0
    # MiB of an idle one, of eight
    pss: float = 0.0
    private: float = 0.0


def _cpu_ms(pid: int) -> float:
    """Return the processor time of a process, in milliseconds; a busy host hardly changes it."""
    return total(thread_times(pid).values()).ran_s * 1000


def _use(way: Way, vm: Vm) -> None:
    """Load and unload a driver."""
    started = time.monotonic()
    with vm.module(DRIVER):
        pass
    way.driver.append((time.monotonic() - started) * 1000)
    way.cpu.append(_cpu_ms(vm.live.qemu_pid))
    way.pages.append(memory_mib(vm.live.qemu_pid, "Private_Dirty") / _PAGE_MIB)


def _ask(way: Way, machines: Machines, platform: Platform, directory: Path) -> None:
    """Ask for a machine for which no fork was started ahead."""
    started = time.monotonic()
    with forked(machines, platform, directory) as vm:
        way.cold.append((time.monotonic() - started) * 1000)
        _use(way, vm)


def _make_row(way: Way, machines: Machines, platform: Platform, directory: Path) -> None:
    """Ask for machines one after the other, which answer once each."""
    made = COPIED if way.way == "copied" else FORKED
    before, started = machines.counts[made], time.monotonic()
    for _ in range(_ROW):
        with suppress(HarnessError), forked(machines, platform, directory):
            pass
    way.row_s += time.monotonic() - started
    way.row += _ROW
    way.failed += _ROW - (machines.counts[made] - before)


def _measure_memory(way: Way, machines: Machines, platform: Platform, scratch: Path) -> None:
    """Measure Pss and private memory of an idle fork among several (medians)."""
    with ExitStack() as stack:
        forks = [
            stack.enter_context(forked(machines, platform, scratch / f"idle-{number}"))
            for number in range(_IDLE)
        ]
        time.sleep(_SETTLE_S)
        way.pss = statistics.median(memory_mib(vm.live.qemu_pid, "Pss") for vm in forks)
        way.private = statistics.median(memory_mib(vm.live.qemu_pid, "Private_Dirty") for vm in forks)


def _with_shim(platform: Platform, cache: Cache) -> Platform | None:
    """Return a platform whose QEMU can be copied; None where there is none."""
    own = platform.qemu.program[0].startswith(str(platform.toolchain.root or "-"))
    try:
        shim = build_shim(cache, platform.toolchain if own else HOST)
    except ForkError:
        return None
    return replace(platform, qemu=replace(platform.qemu, shim=shim))


def _measure(platform: Platform, runs: int, cache: Cache, scratch: Path) -> list[Way]:
    """Measure all ways alternately, so that other load of the host affects all of them."""
    plain = replace(platform, qemu=replace(platform.qemu, shim=None, uncopyable=""))
    hot = _with_shim(plain, cache) if platform.accel == "tcg" else None
    booted, restored, copied = (
        Way(machine=platform.name, accel=platform.accel, way=way) for way in ("booted", "restored", "copied")
    )
    with Machines(cache, ignore) as restoring, Machines(cache, ignore) as copying:
        with forked(copying, hot or plain, scratch / "first"):
            pass
        for number in range(runs):
            restoring.close()
            _ask(restored, restoring, plain, scratch / f"restored-{number}")
            # one stands by since then; give it the time to be ready
            time.sleep(_SETTLE_S)
            with forked(restoring, plain, scratch / f"ahead-{number}") as vm:
                restored.ahead.append(first_answer_ms(vm))
            _make_row(restored, restoring, plain, scratch / "row")
            restoring.close()
            if hot is not None:
                _ask(copied, copying, hot, scratch / f"copied-{number}")
                _make_row(copied, copying, hot, scratch / "row")
            if number < max(1, runs // 4):
                started = time.monotonic()
                with restoring.machine(
                    plain.spec(), plain.qemu, scratch / f"booted-{number}", fresh=True
                ) as vm:
                    booted.cold.append((time.monotonic() - started) * 1000)
                    _use(booted, vm)
        _measure_memory(restored, restoring, plain, scratch)
        if hot is None or not copying.counts[COPIED]:
            return [booted, restored]
        _measure_memory(copied, copying, hot, scratch)
    return [booted, restored, copied]


def render_forks(rows: Sequence[Way]) -> str:
    """Render medians, a line for each way."""
    lines = [
        "machine    accel  way       ahead        asked     driver  processor   pages  a second   failed"
        "       Pss    private"
    ]
    for row in rows:
        pages = f"{statistics.median(row.pages):>6.0f}" if row.pages else f"{'-':>6}"
        made = f"{row.row / row.row_s:>8.1f}  {f'{row.failed}/{row.row}':>7}" if row.row_s else ""
        memory = f"{row.pss:>4.0f} MiB  {row.private:>5.1f} MiB" if row.pss else ""
        lines.append(
            f"{row.machine:<9}  {row.accel:<5}  {row.way:<8}  {median_ms(row.ahead)}"
            f"  {median_ms(row.cold)}  {median_ms(row.driver)}  {median_ms(row.cpu)}  {pages}"
            f"  {made}  {memory}".rstrip()
        )
    return "\n".join(lines)


def bench_fork(platforms: Sequence[Platform], runs: int, cache: Cache) -> str:
    """Render what forks cost, per architecture and way; see `Way`. A quarter as many boots are measured.

    Fifty runs make rows of 1,000 forks.
    """
    rows: list[Way] = []
    for platform in platforms:
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
            rows += _measure(platform, runs, cache, Path(scratch))
    return render_forks(rows)
