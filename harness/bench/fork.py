"""What forks cost, beside boots of the same machines."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rustbed.bench.forked import DRIVER, first_answer_ms, forked, median_ms, memory_mib
from rustbed.cache import Cache
from rustbed.forks.key import template_key
from rustbed.forks.machines import Machines
from rustbed.forks.template import KIND
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform
from rustbed.progress import ignore

# forks that run at once while their memory is measured
_IDLE = 8
# seconds for a fork to become idle, and for a QEMU to be ready to become one
_SETTLE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Forks:
    """What forks of one architecture's machine cost; times in milliseconds, one for each measured."""

    machine: str
    accel: str
    # until the first answer
    boots: tuple[float, ...]
    forks: tuple[float, ...]
    # the same for forks whose QEMU was not started ahead
    cold: tuple[float, ...]
    # until a driver has been loaded and unloaded in a fork
    drivers: tuple[float, ...]
    # time of QEMU on processors, from its start to the first answer
    boots_cpu: tuple[float, ...]
    forks_cpu: tuple[float, ...]
    # MiB: of an idle fork, one of eight, and of the template
    pss: float
    private: float
    disk: float


def _cpu_ms(pid: int) -> float:
    """Return the processor time of a process, in milliseconds; what others do hardly changes it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def _module_ms(vm: Vm) -> float:
    """Milliseconds from asking for the machine until a driver has been loaded and unloaded."""
    started = time.monotonic()
    with vm.module(DRIVER):
        pass
    return first_answer_ms(vm) + (time.monotonic() - started) * 1000


def _idle_memory(machines: Machines, platform: Platform, scratch: Path) -> tuple[float, float]:
    """Return Pss and private memory of an idle fork among several, in MiB (medians)."""
    with ExitStack() as stack:
        forks = [
            stack.enter_context(forked(machines, platform, scratch / f"idle-{number}"))
            for number in range(_IDLE)
        ]
        time.sleep(_SETTLE_S)
        return (
            statistics.median(memory_mib(vm.live.qemu_pid, "Pss") for vm in forks),
            statistics.median(memory_mib(vm.live.qemu_pid, "Anonymous") for vm in forks),
        )


def _template_mib(platform: Platform, cache: Cache) -> float:
    directory = cache.path(KIND, template_key(platform.spec(), platform.qemu))
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir()) / 2**20


def _measure(platform: Platform, runs: int, cache: Cache, scratch: Path) -> Forks:
    boots, forks, cold, drivers = [], [], [], []
    boots_cpu, forks_cpu = [], []
    with Machines(cache, ignore) as machines:
        with forked(machines, platform, scratch / "first"):
            pass
        for number in range(runs):
            # one stands by since the last fork; give it the time to be ready
            time.sleep(_SETTLE_S)
            with forked(machines, platform, scratch / f"standby-{number}") as vm:
                forks.append(first_answer_ms(vm))
                forks_cpu.append(_cpu_ms(vm.live.qemu_pid))
                drivers.append(_module_ms(vm))
            machines.close()
            started = time.monotonic()
            with forked(machines, platform, scratch / f"cold-{number}"):
                cold.append((time.monotonic() - started) * 1000)
            if number < max(1, runs // 4):
                with machines.machine(
                    platform.spec(), platform.qemu, scratch / f"boot-{number}", fresh=True
                ) as vm:
                    boots.append(first_answer_ms(vm))
                    boots_cpu.append(_cpu_ms(vm.live.qemu_pid))
        pss, private = _idle_memory(machines, platform, scratch)
    return Forks(
        machine=platform.name,
        accel=platform.accel,
        boots=tuple(boots),
        forks=tuple(forks),
        cold=tuple(cold),
        drivers=tuple(drivers),
        boots_cpu=tuple(boots_cpu),
        forks_cpu=tuple(forks_cpu),
        pss=pss,
        private=private,
        disk=_template_mib(platform, cache),
    )


def render_forks(rows: Sequence[Forks]) -> str:
    """Render medians, a line for each architecture; the ratios are boot to fork."""
    lines = [
        "machine    accel       boot       fork   ratio        cpu   ratio  no standby"
        "     driver       Pss    private       disk"
    ]
    for row in rows:
        ratio = statistics.median(row.boots) / statistics.median(row.forks)
        cpu_ratio = statistics.median(row.boots_cpu) / statistics.median(row.forks_cpu)
        lines.append(
            f"{row.machine:<9}  {row.accel:<5}  {median_ms(row.boots):>9}  {median_ms(row.forks):>9}"
            f"  {ratio:>5.1f}x  {median_ms(row.forks_cpu):>9}  {cpu_ratio:>5.1f}x"
            f"  {median_ms(row.cold):>10}  {median_ms(row.drivers):>9}"
            f"  {row.pss:>4.0f} MiB  {row.private:>5.0f} MiB  {row.disk:>5.0f} MiB"
        )
    return "\n".join(lines)


def bench_fork(platforms: Sequence[Platform], runs: int, cache: Cache) -> str:
    """Render what forks cost, per architecture; see `Forks`. A quarter as many boots are measured."""
    rows = []
    for platform in platforms:
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
            rows.append(_measure(platform, runs, cache, Path(scratch)))
    return render_forks(rows)
