"""A device that something on the host serves while a machine uses it: a value that a machine spec holds.

Devices that QEMU emulates by itself need no such value: a string, an argument of `-device`, describes them.
Knows neither machines nor what kinds of servers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Served(Protocol):
    """A device whose server is ready for a QEMU."""

    @property
    def argv(self) -> Sequence[str]:
        """QEMU's options for the device: `-device`, and what must stand before it."""

    @property
    def pass_fds(self) -> Sequence[int]:
        """Descriptors that QEMU inherits, by the numbers that `argv` has for them."""

    def check(self) -> None:
        """Raise DeviceError if the server has failed; cheap, for it is asked ten times a second.

        A connection that QEMU has closed is not a failure.
        """


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that the host serves. The caller that starts a QEMU with it enters `serve` before."""

    # for people: in error texts and machine.json
    name: str
    # starts a server of its own each time, and ends it on the way out, after QEMU has ended; takes the
    # directory that gets the run's files, None where it is not known yet
    serve: Callable[[Path | None], AbstractContextManager[Served]]
    # whether the server maps the guest's memory, which then must be shared with it (vhost-user)
    shared_memory: bool = False
    # whether a machine may be saved that has it, and the copies be given other servers of it: neither
    # QEMU nor the server has state then that the guest's driver depends on
    forkable: bool = False
    # why QEMU must not unplug it while the machine runs; empty if it may
    stays: str = ""
    # QEMU's options where nothing serves it but its place in the machine must be there: for the machine's
    # own device tree, and for the script that repeats a run
    stand_in: tuple[str, ...] = ()
    # what can be hotplugged instead of it; empty if it can itself
    booted_only: str = ""
    # whether it takes a serial port of the machine
    is_serial_port: bool = False
