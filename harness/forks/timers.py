"""Starting the timer of a restored machine's processors, where QEMU restores it without starting it.

The guest's kernel sets its timer again when the interrupt that it waits for has come. In a machine whose
timer QEMU has not started, no interrupt comes. One is raised here, by the protocol of QEMU's own tests: the
kernel then runs what is due and sets the timer. See
docs/decisions/0047-the-timers-interrupt-is-raised-by-qtest.md.
"""

from __future__ import annotations

import socket
import time

from rustbed.deadline import Deadline
from rustbed.errors import ForkError, MonitorError
from rustbed.machine.monitor import QMP_S, Monitor

# QEMU's name for the descriptor, for the socket that is made of it, and for what listens there
_NAME = "rustbed-timers"
# seconds between two looks whether the state is loaded
_LOOK_S = 0.005


def start_timers(monitor: Monitor, interrupt: int, *, slowness: float) -> None:
    """Wait until QEMU has loaded a machine's state, and raise each processor's timer interrupt.

    `interrupt` is its number among the inputs of QEMU's processor. Raises ForkError.
    """
    try:
        _wait_loaded(monitor, Deadline.after(QMP_S * slowness))
        processors = [each["qom-path"] for each in monitor.execute("query-cpus-fast")]
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                monitor.give(theirs.fileno(), _NAME)
            _listen(monitor)
            ours.settimeout(QMP_S * slowness)
            for path in processors:
                _ask(ours, f"set_irq_in {path} unnamed-gpio-in {interrupt} 1")
        # in a copy of this QEMU, nothing would be at the other end
        monitor.execute("object-del", id=_NAME)
        monitor.execute("chardev-remove", id=_NAME)
    except (MonitorError, OSError) as error:
        why = error.headline if isinstance(error, MonitorError) else error
        raise ForkError(f"its timer cannot be started: {why}") from error


def _wait_loaded(monitor: Monitor, deadline: Deadline) -> None:
    # polled, because a QEMU that ends sends no event
    while (status := monitor.execute("query-migrate").get("status")) != "completed":
        if status == "failed" or deadline.expired:
            raise ForkError(f"its state is not loaded: {status}")
        time.sleep(_LOOK_S)


def _listen(monitor: Monitor) -> None:
    """Let QEMU serve the protocol of its tests on the descriptor that it was given."""
    address = {"type": "fd", "data": {"str": _NAME}}
    backend = {"type": "socket", "data": {"addr": address, "server": False}}
    monitor.execute("chardev-add", id=_NAME, backend=backend)
    monitor.execute("object-add", qom_type="qtest", id=_NAME, chardev=_NAME, log="none")


def _ask(sock: socket.socket, command: str) -> None:
    sock.sendall(f"{command}\n".encode())
    answer = sock.recv(256)
    if answer != b"OK\n":
        raise ForkError(f"its timer cannot be started: {command}: {answer.decode(errors='replace').strip()}")
