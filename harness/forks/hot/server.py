"""Servers: machines that are only copied. One runs its template, is warmed up, and then stands still.

Owns the server's QEMU. Knows nothing of tests, nor of the number of machines.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rustbed import process, procfs
from rustbed.deadline import Deadline
from rustbed.errors import ForkError, HarnessError
from rustbed.forks.hide import FIND_AGAIN
from rustbed.forks.hot.copier import Copier, open_copier
from rustbed.forks.hot.copy import start_copy
from rustbed.forks.hot.warming import find_refused_load, render_warm_up
from rustbed.forks.restore import begin_loading, start_incoming
from rustbed.forks.template import Template
from rustbed.forks.waiting import Waiting, open_unnamed_files
from rustbed.guest.kmsg import RecordStream
from rustbed.host import Qemu
from rustbed.machine.booting import SLOWNESS
from rustbed.machine.monitor import QMP_S, Monitor
from rustbed.machine.starting import Started

# seconds for the state to be loaded and all commands to run, on a machine with hardware virtualisation
_WARM_S = 20.0


class Server:
    """A started machine, which can be copied after `park`."""

    def __init__(
        self,
        template: Template,
        qemu: Qemu,
        started: Started,
    ) -> None:
        #: the template that its copies are forks of
        self.template = template
        self._qemu = qemu
        self._started = started
        # set by `park`: what copies it, and its kernel log
        self._copier: Copier | None = None
        self._earlier = template.log
        self._mark = secrets.token_hex(8)
        self._monitor = Monitor(started.monitor, None, SLOWNESS[template.spec.accel])
        # each waits for one QMP command, and raises MonitorError
        self._steps: tuple[Callable[[float], object], ...] = ()
        self._records = RecordStream(started.records, Path(os.devnull), template.log)

    def warm(self) -> None:
        """Begin to load the template and to run the warm-up; `park` waits for both. Raises ForkError."""
        self._steps = begin_loading(self.template, self._monitor)
        first = [FIND_AGAIN] if self.template.hidden else []
        # a QEMU that has ended already is noticed when it is parked
        load = find_refused_load(self.template.spec.kernel)
        with suppress(OSError):
            self._started.shell.sendall(render_warm_up(self._mark, first, load).encode())

    @property
    def pid(self) -> int:
        """The number of its QEMU on the host."""
        return self._started.child.pid

    def wait_ended(self, seconds: float = 0.0) -> int | None:
        """Wait at most so long for the end of its QEMU; return the exit status, None if it runs."""
        return process.wait(self._started.child, seconds)

    def park(self) -> None:
        """Wait for the end of the warm-up and stop the machine. Raises ForkError."""
        if self._copier is not None:
            return
        deadline = procfs.limit(self.pid, _WARM_S * SLOWNESS[self.template.spec.accel])
        try:
            for loaded in self._steps:
                loaded(QMP_S)
            self._records.wake()
            read_to(self._started.shell, f"\n{self._mark}\n".encode(), deadline)
            if not self._records.saw_fence(self._mark, deadline) or self._records.awake_at(deadline) is None:
                raise ForkError("its kernel log does not arrive")
            self._monitor.execute("stop")
            self._earlier = self._records.as_earlier()
        except (HarnessError, TimeoutError) as error:
            raise ForkError(f"a machine to be copied did not start: {error}") from error
        copier = open_copier(self._started)
        copier.require_ready()
        self._copier = copier

    @contextmanager
    def copy(self, directory: Path) -> Iterator[Waiting]:
        """Yield a copy that starts to run, and end it on the way out; see `start_restored`."""
        self.park()
        assert self._copier is not None
        with ExitStack() as stack:
            files = open_unnamed_files(stack, directory)
            started = stack.enter_context(start_copy(self._copier, files))
            monitor = Monitor(started.monitor, None, SLOWNESS[self.template.spec.accel], negotiated=True)
            stack.callback(monitor.close)
            yield Waiting(
                spec=self.template.spec,
                qemu=self._qemu,
                started=started,
                monitor=monitor,
                steps=(monitor.begin("cont"),),
                files=files,
                earlier=self._earlier,
                # `hidden` is False: the warm-up has found the removed devices again
                taint=self.template.taint,
            )

    def close(self) -> None:
        """Close the channels; the owner ends QEMU."""
        self._monitor.close()
        self._records.close()


@contextmanager
def start_server(template: Template, qemu: Qemu, directory: Path) -> Iterator[Server]:
    """Start a server, yield it without waiting, and end it on the way out. Its copies live on.

    Its files are made without names on the file system of `directory`. Raises ForkError.
    """
    with ExitStack() as stack:
        files = open_unnamed_files(stack, directory)
        started = stack.enter_context(start_incoming(template, qemu, files))
        server = Server(template, qemu, started)
        stack.callback(server.close)
        server.warm()
        yield server


def read_to(sock: socket.socket, end: bytes, deadline: Deadline) -> None:
    """Read the output of the guest's shell up to `end`. Raises ForkError."""
    tail = b"\n"
    while end not in tail:
        sock.settimeout(max(deadline.remaining, 0.001))
        try:
            chunk = sock.recv(1 << 16)
        except OSError as error:
            # `expired` may have put the deadline off
            if isinstance(error, TimeoutError) and not deadline.expired:
                continue
            raise ForkError("its shell does not answer") from error
        if not chunk:
            raise ForkError("its QEMU has ended")
        tail = (tail + chunk)[-len(end) - (1 << 16) :]
