"""From a machine spec to a machine that takes commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rustbed.host import Qemu
from rustbed.machine.argv import Ram
from rustbed.machine.live import Live
from rustbed.machine.monitor import Monitor
from rustbed.machine.spec import MachineSpec
from rustbed.machine.starting import start_machine
from rustbed.machine.vm import Vm
from rustbed.machine.watching import PATIENCE, Patience

# seconds a boot may take with hardware virtualisation, as long as its console keeps growing
BOOT_S = 60.0
# how many times slower a machine may be on a busy host, by accelerator
SLOWNESS = {"kvm": 1.0, "tcg": 3.0}


@contextmanager
def boot(
    spec: MachineSpec,
    qemu: Qemu,
    directory: Path,
    *,
    slowness: float = 1.0,
    patience: Patience = PATIENCE,
    terminal: str | None = None,
    ram: Ram | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Vm]:
    """Boot a machine, yield it ready for commands, and end it on the way out.

    The run's files are written to `directory`. `slowness` multiplies every deadline, in
    addition to the accelerator's factor. `terminal` is a chardev that
    becomes the guest's terminal. `ram` is a file for its memory, possibly one of
    the descriptors that QEMU inherits as `pass_fds`. Raises BootError.
    """
    with ExitStack() as stack:
        running = stack.enter_context(
            start_machine(spec, qemu, directory, terminal=terminal, ram=ram, pass_fds=pass_fds)
        )
        slowness *= SLOWNESS[spec.accel]
        monitor = Monitor(running.monitor, running.files.monitor, slowness)
        live = Live(spec, running, monitor, slowness=slowness, patience=patience)
        stack.callback(live.close)
        live.wait_ready(BOOT_S)
        yield Vm(live)
