"""Forks restored from a template's files: a new QEMU for each.

QEMU maps the template's memory privately, so that the guest's writes stay in
this fork, and loads the state of the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from rustbed.forks.template import CAPABILITIES, Template
from rustbed.forks.timers import start_timers
from rustbed.forks.waiting import UnnamedFiles, Waiting, open_unnamed_files
from rustbed.host import Qemu
from rustbed.machine.argv import Ram, render_argv
from rustbed.machine.booting import SLOWNESS
from rustbed.machine.monitor import Monitor
from rustbed.machine.starting import Started, start_qemu

# run before the first command: QEMU translates the code of the guest's kernel and shell when it first runs,
# and a fork that stands by has time for that
_WARM_UP = b"(cat /dev/null) >/dev/null 2>&1; _rbctl get /dev/null\n"


def start_incoming(template: Template, qemu: Qemu, files: UnnamedFiles) -> AbstractContextManager[Started]:
    """Start a QEMU that maps a template's memory privately and waits for the command to load its state."""
    ram = Ram(path=str(template.ram), shared=False)
    return start_qemu(
        qemu,
        lambda channels: render_argv(template.fork_spec, qemu.program, channels, ram=ram, incoming=True),
        console=Path(f"/proc/self/fd/{files.console}"),
        complaints=files.complaints,
        devices=template.fork_spec.served_devices,
        pass_fds=[files.console],
    )


def begin_loading(template: Template, monitor: Monitor) -> tuple[Callable[[float], object], ...]:
    """Let QEMU load a template's state, and return functions that wait for that; see `Waiting.steps`.

    On an architecture whose timers QEMU does not start, this waits until it is loaded, and starts them.
    Raises ForkError.
    """
    # the guest runs as soon as the state is loaded; a QEMU that cannot load it ends
    steps = (
        monitor.begin("migrate-set-capabilities", capabilities=list(CAPABILITIES)),
        monitor.begin("migrate-incoming", uri=f"file:{template.state}"),
    )
    spec = template.spec
    if spec.arch.stopped_timer is not None and spec.accel == "tcg":
        start_timers(monitor, spec.arch.stopped_timer, slowness=SLOWNESS[spec.accel])
    return steps


@contextmanager
def start_restored(template: Template, qemu: Qemu, directory: Path) -> Iterator[Waiting]:
    """Start a QEMU that loads a template's state, yield it without waiting, and end it on the way out.

    Its files are made without names on the file system of `directory` (`open_unnamed_files`): if no test
    adopts the fork, or everything is killed, nothing is left. Raises ForkError.
    """
    with ExitStack() as stack:
        files = open_unnamed_files(stack, directory)
        started = stack.enter_context(start_incoming(template, qemu, files))
        monitor = Monitor(started.monitor, None, SLOWNESS[template.spec.accel])
        stack.callback(monitor.close)
        steps = begin_loading(template, monitor)
        # if this QEMU has ended already, `adopt` notices
        with suppress(OSError):
            started.shell.sendall(_WARM_UP)
        yield Waiting(
            spec=template.spec,
            qemu=qemu,
            started=started,
            monitor=monitor,
            steps=steps,
            files=files,
            earlier=template.log,
            taint=template.taint,
            hidden=template.hidden,
            template=template,
        )
