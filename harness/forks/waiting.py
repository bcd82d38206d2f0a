"""A started fork that no test has claimed yet, and how it becomes a test's machine.

Forks are started in two ways: `restore.start_restored` and `Server.copy`. Both do
all that can be done before a test needs the machine. `adopt` gives the fork's
files their names, and the guest the time and randomness.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rustbed.errors import ForkError, HarnessError
from rustbed.forks.hide import FIND_AGAIN
from rustbed.forks.template import Template
from rustbed.guest.kmsg import EarlierLog
from rustbed.host import Qemu
from rustbed.machine.booting import SLOWNESS
from rustbed.machine.live import Live
from rustbed.machine.monitor import QMP_S, Monitor
from rustbed.machine.running import RunFiles
from rustbed.machine.spec import MachineSpec
from rustbed.machine.starting import Started, name_file, open_unnamed, write_description
from rustbed.machine.vm import Vm

# seconds from loading the state to the first answer, on a machine with hardware virtualisation
_WAKE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class UnnamedFiles:
    """Descriptors of files without names, which a fork writes before a test claims it."""

    console: int
    # QEMU's standard error
    complaints: int


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A started fork that no test has claimed yet."""

    spec: MachineSpec
    qemu: Qemu
    # its process need not be our child: `Started.child` is a `process.Process`
    started: Started
    # connected to this fork's QEMU, without a transcript until the fork is adopted
    monitor: Monitor
    # each waits for one QMP command that was begun, for so many seconds, and raises MonitorError; the guest
    # runs when the last has returned
    steps: tuple[Callable[[float], object], ...]
    files: UnnamedFiles
    # the kernel log before the fork's first own record, and the taint bits until then
    earlier: EarlierLog
    taint: int | None
    # whether devices were removed from the guest's kernel, which has to find them again
    hidden: bool = False
    # the template that this fork was restored from; None for a copy
    template: Template | None = None


def open_unnamed_files(stack: ExitStack, directory: Path) -> UnnamedFiles:
    """Open a fork's files, to be closed with `stack`. Raises ForkError where there are no unnamed files."""
    try:
        console, complaints = (open_unnamed(directory) for _ in range(2))
    except OSError as error:
        raise ForkError(f"no unnamed files can be made in {directory}: {error.strerror}") from error
    for descriptor in (console, complaints):
        stack.callback(os.close, descriptor)
    return UnnamedFiles(console=console, complaints=complaints)


@contextmanager
def adopt(waiting: Waiting, directory: Path, *, slowness: float = 1.0) -> Iterator[Vm]:
    """Give a fork its files in `directory`, the time and randomness, and yield it ready for commands.

    The caller ends QEMU. `slowness` multiplies every deadline, on top of what the accelerator calls
    for. Raises ForkError when the fork does not start.
    """
    asked = time.monotonic()
    spec = waiting.spec
    files = RunFiles(directory=directory)
    directory.mkdir(parents=True, exist_ok=True)
    name_file(waiting.files.console, files.console)
    name_file(waiting.files.complaints, files.qemu)
    write_description(spec, waiting.qemu, files)
    waiting.monitor.keep_transcript(files.monitor)
    with ExitStack() as stack:
        try:
            for loaded in waiting.steps:
                loaded(QMP_S)
            running = waiting.started.running(files, spec.arch, since=asked)
            live = Live(
                spec,
                running,
                waiting.monitor,
                slowness=slowness * SLOWNESS[spec.accel],
                earlier=waiting.earlier,
            )
            stack.callback(live.close)
            _wake(live, waiting)
        except HarnessError as error:
            raise ForkError(f"a fork did not start: {error.headline}", **error.facts) from error
        yield Vm(live)


def _wake(live: Live, waiting: Waiting) -> None:
    live.taint_at_begin = waiting.taint
    live.wait_awake(FIND_AGAIN if waiting.hidden else ":", _WAKE_S)
    if waiting.hidden:
        # the records about the devices do not belong to the test
        live.begin_judgement()
