"""Benchmarks: measure and render a table; assert nothing.

Every figure of a table is measured in the same run, alternating, so that the
ratios hold on a noisy machine.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import process
from harness.deadline import Deadline
from harness.errors import HangError
from harness.machine.argv import file_chardev, render_bare_argv
from harness.machine.booting import boot
from harness.prepare import Platform

# what the kernel prints when it starts our init, on every architecture
_INIT = b"Run /init as init process"
_ROUND_TRIPS = 100


def _bare_boot_ms(platform: Platform, directory: Path) -> float:
    """Milliseconds from starting QEMU with nothing of ours attached until the kernel starts init.

    Kernel, image and machine are the same; serial ports, monitor and empty hotplug ports are not there.
    """
    console = directory / "bare.log"
    console.write_bytes(b"")
    argv = render_bare_argv(platform.spec(), platform.qemu.program, file_chardev(console))
    started = time.monotonic()
    deadline = Deadline.after(120)
    with process.start(argv, env=dict(platform.qemu.env)):
        while _INIT not in console.read_bytes():
            if deadline.expired:
                raise HangError("the bare boot never started init", console=console)
            time.sleep(0.002)
        return (time.monotonic() - started) * 1000


def _our_boot_ms(platform: Platform, directory: Path) -> tuple[float, float]:
    """Milliseconds from starting QEMU to the first answer, and of one command's round trip (median)."""
    with boot(platform.spec(), platform.qemu, directory) as vm:
        trips = []
        for _ in range(_ROUND_TRIPS):
            started = time.monotonic()
            vm.run(":")
            trips.append((time.monotonic() - started) * 1000)
        assert vm.boot_ms is not None
        return vm.boot_ms, statistics.median(trips)


def bench_boot(platforms: Sequence[Platform], runs: int) -> str:
    """Render boot times, ours and bare, and the shell's round trip, per architecture."""
    lines = ["arch      accel   bare boot to init  ours to 1st answer  ratio  round trip      image"]
    for platform in platforms:
        bare, ours, trips = [], [], []
        for _ in range(runs):
            with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
                bare.append(_bare_boot_ms(platform, Path(scratch)))
                answered, trip = _our_boot_ms(platform, Path(scratch))
                ours.append(answered)
                trips.append(trip)
        b, o = statistics.median(bare), statistics.median(ours)
        size = platform.image.path.stat().st_size / 2**20
        lines.append(
            f"{platform.kernel.arch!s:<8}  {platform.accel:<5}  {b:>14.0f} ms  {o:>15.0f} ms  {o / b:>5.2f}"
            f"  {statistics.median(trips):>7.1f} ms  {size:>5.1f} MiB"
        )
    return "\n".join(lines)


BENCHES: dict[str, Callable[[Sequence[Platform], int], str]] = {"boot": bench_boot}
