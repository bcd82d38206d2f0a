"""Measures boots, and compares them with bare boots of the same kernel, without rustbed's channels."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed import process
from rustbed.cache import Cache
from rustbed.deadline import Deadline
from rustbed.errors import HangError
from rustbed.machine.argv import file_chardev, render_bare_argv
from rustbed.machine.booting import boot
from rustbed.prepare import Platform

# the bare machine's only program; the kernel prints these when it starts it and when it has ended
_PROGRAM, _ARGUMENTS = "/bin/sleep", "0"
_STARTED, _ENDED = f"Run {_PROGRAM} as init process".encode(), b"Attempted to kill init!"
_ROUND_TRIPS = 100


@dataclass(frozen=True, kw_only=True)
class Boots:
    """Times of boots of one architecture's machine, in milliseconds, one for each measurement."""

    machine: str
    accel: str
    # bare boots: until user space starts, and until it answers
    starts: tuple[float, ...]
    bare: tuple[float, ...]
    # ours: until the first answer, and one command's round trip
    ours: tuple[float, ...]
    trips: tuple[float, ...]
    # size of the image in MiB
    image_mib: float


def _bare_boot_ms(platform: Platform, directory: Path) -> tuple[float, float]:
    """Return the milliseconds of a bare boot until user space starts, and until it answers.

    Kernel, image and machine are the same, but without serial ports, monitor and empty hotplug ports. Instead
    of our init, the kernel runs a program that ends at once.
    """
    console = directory / "bare.log"
    console.write_bytes(b"")
    spec = platform.spec().appended(cmdline=(f"rdinit={_PROGRAM}", "--", _ARGUMENTS))
    argv = render_bare_argv(spec, platform.qemu.program, file_chardev(console))
    started = time.monotonic()
    deadline = Deadline.after(120)

    def until(line: bytes) -> float:
        while line not in console.read_bytes():
            if deadline.expired:
                raise HangError(f"the bare boot never printed: {line.decode()}", console=console)
            time.sleep(0.002)
        return (time.monotonic() - started) * 1000

    with process.start(argv, env=dict(platform.qemu.env)):
        return until(_STARTED), until(_ENDED)


def _our_boot_ms(platform: Platform, directory: Path) -> tuple[float, float]:
    """Milliseconds from starting QEMU to the first answer, and of one command's round trip (median)."""
    with boot(platform.spec(), platform.qemu, directory) as vm:
        trips = []
        for _ in range(_ROUND_TRIPS):
            started = time.monotonic()
            vm.run(":")
            trips.append((time.monotonic() - started) * 1000)
        assert vm.live.boot_ms is not None
        return vm.live.boot_ms, statistics.median(trips)


def render_boots(rows: Sequence[Boots]) -> str:
    """Render medians, a line for each architecture.

    The ratio is between the first answers of user space: ours through all our channels over the bare one.
    """
    lines = ["machine    accel   bare: init starts  answers   ours: answers  ratio  round trip      image"]
    for row in rows:
        starts, bare, ours, trip = map(statistics.median, (row.starts, row.bare, row.ours, row.trips))
        lines.append(
            f"{row.machine:<9}  {row.accel:<5}  {starts:>14.0f} ms  {bare:>4.0f} ms  {ours:>11.0f} ms"
            f"  {ours / bare:>5.2f}  {trip:>7.1f} ms  {row.image_mib:>5.1f} MiB"
        )
    return "\n".join(lines)


def bench_boot(platforms: Sequence[Platform], runs: int, cache: Cache) -> str:
    """Render boot times, ours and bare, and the shell's round trip, per architecture."""
    rows = []
    for platform in platforms:
        bare, ours = [], []
        for _ in range(runs):
            with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
                bare.append(_bare_boot_ms(platform, Path(scratch)))
                ours.append(_our_boot_ms(platform, Path(scratch)))
        rows.append(
            Boots(
                machine=platform.name,
                accel=platform.accel,
                starts=tuple(start for start, _ in bare),
                bare=tuple(answer for _, answer in bare),
                ours=tuple(answer for answer, _ in ours),
                trips=tuple(trip for _, trip in ours),
                image_mib=platform.image.path.stat().st_size / 2**20,
            )
        )
    return render_boots(rows)
