"""From a template to a machine that takes commands.

A fork maps the template's memory privately, so that what it writes is its
own, and loads the state of the devices. All of that can be done ahead of need:
what is left then is to tell the guest the time, and to give its files their names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rustbed.errors import ForkError, HarnessError
from rustbed.forks.hide import FIND_AGAIN
from rustbed.forks.template import CAPABILITIES, Template
from rustbed.host import Qemu
from rustbed.machine.argv import Ram, render_argv
from rustbed.machine.booting import SLOWNESS
from rustbed.machine.monitor import COMMAND_S, Monitor
from rustbed.machine.running import RunFiles
from rustbed.machine.starting import Started, name_file, open_unnamed, start_qemu, write_description
from rustbed.machine.vm import Vm

# seconds from loading the state to the first answer, on a machine with hardware virtualisation
_WAKE_S = 10.0
# typed ahead of the first command: QEMU translates what a command makes the guest's kernel and shell do when
# that is done for the first time, and an emulated fork may do so while it waits
_WARM_UP = b"(cat /dev/null) >/dev/null 2>&1\n"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A fork that waits for whom it belongs to."""

    template: Template
    qemu: Qemu
    started: Started
    monitor: Monitor
    # return when the state is being loaded, or raise MonitorError; take seconds
    steps: tuple[Callable[[float], object], ...]
    # files that have no name until it is known whose they are
    console: int
    complaints: int


@contextmanager
def start_waiting(template: Template, qemu: Qemu, directory: Path) -> Iterator[Waiting]:
    """Start a QEMU that loads its state when it can, yield it at once, and end it on the way out.

    Its files are made without names on the file system of `directory`: if nobody adopts
    it, or everybody is killed, nothing is left. Raises ForkError.
    """
    ram = Ram(path=str(template.ram), shared=False)
    spec = template.fork_spec
    with ExitStack() as stack:
        try:
            files = [open_unnamed(directory) for _ in range(2)]
        except OSError as error:
            raise ForkError(f"no unnamed files can be made in {directory}: {error.strerror}") from error
        for descriptor in files:
            stack.callback(os.close, descriptor)
        console, complaints = files
        started = stack.enter_context(
            start_qemu(
                qemu,
                lambda channels: render_argv(spec, qemu.program, channels, ram=ram, incoming=True),
                console=Path(f"/proc/self/fd/{console}"),
                complaints=complaints,
                pass_fds=[console],
            )
        )
        monitor = Monitor(started.monitor, None, SLOWNESS[template.spec.accel])
        stack.callback(monitor.close)
        # the guest runs as soon as the state is loaded; a QEMU that cannot load it ends
        steps = (
            monitor.begin("migrate-set-capabilities", capabilities=list(CAPABILITIES)),
            monitor.begin("migrate-incoming", uri=f"file:{template.state}"),
        )
        # a QEMU that has ended already is noticed by who adopts it
        with suppress(OSError):
            started.shell.sendall(_WARM_UP)
        yield Waiting(
            template=template,
            qemu=qemu,
            started=started,
            monitor=monitor,
            steps=steps,
            console=console,
            complaints=complaints,
        )


@contextmanager
def adopt(waiting: Waiting, directory: Path, *, slowness: float = 1.0) -> Iterator[Vm]:
    """Give a fork its files in `directory`, the time and randomness, and yield it ready for commands.

    The caller ends QEMU. `slowness` multiplies every deadline, on top of what the accelerator calls
    for. Raises ForkError when the fork does not come to life.
    """
    asked = time.monotonic()
    template = waiting.template
    files = RunFiles(directory=directory)
    directory.mkdir(parents=True, exist_ok=True)
    name_file(waiting.console, files.console)
    name_file(waiting.complaints, files.qemu)
    write_description(template.spec, waiting.qemu, files)
    waiting.monitor.keep_transcript(files.monitor)
    with ExitStack() as stack:
        try:
            for loaded in waiting.steps:
                loaded(COMMAND_S)
            running = waiting.started.running(files, since=asked)
            vm = Vm(
                template.spec,
                running,
                waiting.monitor,
                slowness=slowness * SLOWNESS[template.spec.accel],
                earlier=template.log,
            )
            stack.callback(vm.close)
            _wake(vm, template)
        except HarnessError as error:
            raise ForkError(f"a fork did not come to life: {error.headline}", **error.facts) from error
        yield vm


def _wake(vm: Vm, template: Template) -> None:
    vm.taint_at_begin = template.taint
    vm.wait_awake(FIND_AGAIN if template.hidden else ":", _WAKE_S)
    if template.hidden:
        # that the devices were found is no news to the test
        vm.begin_judgement()
