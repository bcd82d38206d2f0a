"""What forks cost, beside boots of the same machines; and whether a thousand of them leave traces."""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.cache import Cache
from harness.errors import HarnessError, HostError
from harness.machine.identity import template_key
from harness.machine.machines import FORKED, Machines
from harness.machine.template import KIND
from harness.machine.vm import Vm
from harness.prepare import Platform
from harness.progress import ignore

# forks that run at once while their memory is measured
_IDLE = 8
# seconds for a fork to become idle, and for a QEMU to be ready to become one
_SETTLE_S = 1.0
_DRIVER = "rust_minimal"


def _median_ms(values: Sequence[float]) -> str:
    return f"{statistics.median(values):>6.0f} ms"


@contextmanager
def _forked(machines: Machines, platform: Platform, directory: Path) -> Iterator[Vm]:
    """Yield a fork; one that was booted instead must not be measured as one."""
    before = machines.counts[FORKED]
    with machines.machine(platform.spec(), platform.qemu, directory) as vm:
        if machines.counts[FORKED] == before:
            raise HostError("this machine cannot be forked", reason=dict(machines.counts))
        yield vm


def _first_answer_ms(vm: Vm) -> float:
    assert vm.boot_ms is not None
    return vm.boot_ms


def _cpu_ms(pid: int) -> float:
    """Return the processor time of a process, in milliseconds; what others do hardly changes it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def _module_ms(vm: Vm) -> float:
    """Milliseconds from asking for the machine until a driver has been loaded and unloaded."""
    started = time.monotonic()
    with vm.module(_DRIVER):
        pass
    return _first_answer_ms(vm) + (time.monotonic() - started) * 1000


def _memory_mib(pid: int, field: str) -> float:
    """Return what smaps_rollup tells of a process, in MiB: Pss, Anonymous."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise HostError(f"smaps_rollup has no {field}")


def _idle_memory(machines: Machines, platform: Platform, scratch: Path) -> tuple[float, float]:
    """Return Pss and private memory of an idle fork among several, in MiB (medians)."""
    with ExitStack() as stack:
        forks = [
            stack.enter_context(_forked(machines, platform, scratch / f"idle-{number}"))
            for number in range(_IDLE)
        ]
        time.sleep(_SETTLE_S)
        return (
            statistics.median(_memory_mib(vm.qemu_pid, "Pss") for vm in forks),
            statistics.median(_memory_mib(vm.qemu_pid, "Anonymous") for vm in forks),
        )


def _template_mib(platform: Platform, cache: Cache) -> float:
    directory = cache.path(KIND, template_key(platform.spec(), platform.qemu))
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir()) / 2**20


def _row(platform: Platform, runs: int, cache: Cache, scratch: Path) -> str:
    boots, standby, cold, loaded = [], [], [], []
    boot_cpu, fork_cpu = [], []
    with Machines(cache, ignore) as machines:
        with _forked(machines, platform, scratch / "first"):
            pass
        for number in range(runs):
            # a QEMU stands by since the last fork; give it the time to be ready
            time.sleep(_SETTLE_S)
            with _forked(machines, platform, scratch / f"standby-{number}") as vm:
                standby.append(_first_answer_ms(vm))
                fork_cpu.append(_cpu_ms(vm.qemu_pid))
                loaded.append(_module_ms(vm))
            machines.close()
            started = time.monotonic()
            with _forked(machines, platform, scratch / f"cold-{number}"):
                cold.append((time.monotonic() - started) * 1000)
            if number < max(1, runs // 4):
                with machines.machine(
                    platform.spec(), platform.qemu, scratch / f"boot-{number}", fresh=True
                ) as vm:
                    boots.append(_first_answer_ms(vm))
                    boot_cpu.append(_cpu_ms(vm.qemu_pid))
        pss, private = _idle_memory(machines, platform, scratch)
    ratio = statistics.median(boots) / statistics.median(standby)
    cpu_ratio = statistics.median(boot_cpu) / statistics.median(fork_cpu)
    return (
        f"{platform.kernel.arch!s:<8}  {platform.accel:<5}  {_median_ms(boots):>9}  {_median_ms(standby):>9}"
        f"  {ratio:>5.1f}x  {_median_ms(fork_cpu):>9}  {cpu_ratio:>5.1f}x"
        f"  {_median_ms(cold):>10}  {_median_ms(loaded):>9}"
        f"  {pss:>4.0f} MiB  {private:>5.0f} MiB  {_template_mib(platform, cache):>5.0f} MiB"
    )


def bench_fork(platforms: Sequence[Platform], runs: int, cache: Cache) -> str:
    """Render what forks cost, per architecture; a quarter as many boots are measured as forks.

    boot, fork: until the first answer. cpu: the processor time of such a fork, its QEMU's start
    included, and how many times that a boot takes. no standby: the same for a fork whose QEMU was not started
    ahead. driver: until one has been loaded and unloaded in a fork. Pss, private: of an idle fork, one
    of eight. disk: of the template.
    """
    lines = [
        "arch      accel       boot       fork   ratio        cpu   ratio  no standby"
        "     driver       Pss    private       disk"
    ]
    for platform in platforms:
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
            lines.append(_row(platform, runs, cache, Path(scratch)))
    return "\n".join(lines)


def _resources(scratch: Path) -> str:
    """Return what this process holds, as columns."""
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    files = sum(len(names) for _, _, names in os.walk(scratch))
    rss = _memory_mib(os.getpid(), "Rss")
    return f"{rss:>7.1f} MiB  {descriptors:>11}  {threading.active_count():>7}  {files:>5}"


def bench_churn(platforms: Sequence[Platform], runs: int, cache: Cache) -> str:
    """Render what this process holds after each tenth of many forks that load and unload a driver."""
    lines = ["arch       forks  failed       fork      memory  descriptors  threads  files"]
    for platform in platforms:
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch, Machines(cache, ignore) as machines:
            failed, answers = 0, []
            for number in range(1, runs + 1):
                try:
                    # one directory for all: what a fork leaves behind would pile up there
                    with _forked(machines, platform, Path(scratch) / "run") as vm, vm.module(_DRIVER):
                        answers.append(_first_answer_ms(vm))
                except HarnessError:
                    failed += 1
                if number % max(1, runs // 10) == 0:
                    lines.append(
                        f"{platform.kernel.arch!s:<8}  {number:>6}  {failed:>6}  {_median_ms(answers):>9}"
                        f"  {_resources(Path(scratch))}"
                    )
                    answers = []
    return "\n".join(lines)
