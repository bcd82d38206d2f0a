"""Copies of a test's machine, at the moment at which the test asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rustbed.errors import ForkError, MonitorError
from rustbed.forks.hot.copier import Copier, open_copier
from rustbed.forks.hot.copy import start_copy
from rustbed.forks.waiting import Waiting, adopt, open_unnamed_files
from rustbed.guest.kmsg import EarlierLog
from rustbed.host import Qemu
from rustbed.machine.argv import LABELS
from rustbed.machine.hotplug import find_served
from rustbed.machine.monitor import Monitor
from rustbed.machine.vm import Vm


@contextmanager
def copy_machine(
    vm: Vm, qemu: Qemu, directories: Sequence[Path], *, slowness: float
) -> Iterator[tuple[Vm, ...]]:
    """Yield copies of a machine as it is now, one for each directory, and end them on the way out.

    All are of one moment: the machine stands still meanwhile. Raises ForkError if it cannot be copied.
    """
    if served := find_served(vm.live):
        raise ForkError(
            f"this machine cannot be copied: {served[0]} is served to one QEMU",
            fix=None if vm.spec.served_devices else "plug such a device into the copy: twin.plugged(...)",
        )
    with ExitStack() as stack:
        taint = vm.taint
        with vm.live.talk.standing_still() as earlier:
            running = vm.live.running
            copier = running.copier = running.copier or open_copier(running)
            copier.require_ready()
            with _chardevs_named(vm):
                waiting = [
                    _start(stack, vm, qemu, copier, directory, earlier=earlier, taint=taint)
                    for directory in directories
                ]
        twins = []
        for each, directory in zip(waiting, directories, strict=True):
            twin = stack.enter_context(adopt(each, directory, slowness=slowness))
            twin.live.talk.begin_as(vm.live.talk)
            twin.live.loads = list(vm.live.loads)
            twins.append(twin)
        yield tuple(twins)


@contextmanager
def _chardevs_named(vm: Vm) -> Iterator[None]:
    """Add to a ForkError which chardevs QEMU has besides the harness's: they may be what cannot be copied."""
    try:
        yield
    except ForkError as error:
        with suppress(MonitorError):
            rows = vm.monitor.execute("query-chardev")
            error.facts["chardevs"] = "\n".join(
                f"{row['label']}: {row['filename']}" for row in rows if row["label"] not in LABELS
            )
        raise


def _start(
    stack: ExitStack,
    vm: Vm,
    qemu: Qemu,
    copier: Copier,
    directory: Path,
    *,
    earlier: EarlierLog,
    taint: int | None,
) -> Waiting:
    files = open_unnamed_files(stack, directory.parent)
    started = stack.enter_context(start_copy(copier, files))
    monitor = Monitor(started.monitor, None, vm.slowness, negotiated=True)
    stack.callback(monitor.close)
    return Waiting(
        spec=vm.spec,
        qemu=qemu,
        started=started,
        monitor=monitor,
        steps=(monitor.begin("cont"),),
        files=files,
        earlier=earlier,
        taint=taint,
    )
