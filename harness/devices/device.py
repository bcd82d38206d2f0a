"""A device that the host serves to a machine, as a value in a machine spec.

Devices that QEMU emulates need no such value: a string, an argument of `-device`, describes them.
Knows neither machines nor kinds of servers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Served(Protocol):
    """A device whose server is ready for a QEMU."""

    @property
    def argv(self) -> Sequence[str]:
        """QEMU's options for the device: `-device`, and the options that must come before it."""

    @property
    def pass_fds(self) -> Sequence[int]:
        """Descriptors that QEMU inherits; `argv` refers to them by number."""

    def check(self) -> None:
        """Raise DeviceError if the server has failed; called ten times a second, so it must be cheap.

        A connection that QEMU has closed is not a failure.
        """


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device that the host serves. `serve` is entered before QEMU is started with the device."""

    # name for people, in error messages and machine.json
    name: str
    # context manager that starts a new server, and ends it on the way out, after QEMU has ended; its argument
    # is the directory for the run's files, None if that is not known yet
    serve: Callable[[Path | None], AbstractContextManager[Served]]
    # whether the server maps the guest's memory, which must then be shared (vhost-user)
    shared_memory: bool = False
    # whether a machine with it can be saved, and its copies get new servers: neither QEMU nor the server
    # may have state at that moment that the guest's driver depends on
    forkable: bool = False
    # why QEMU must not unplug it while the machine runs; "" if it may
    stays: str = ""
    # QEMU's options without a server, for places where the machine must look the same: QEMU's device tree,
    # and the script that repeats a run
    stand_in: tuple[str, ...] = ()
    # advice what to hotplug instead; "" if the device itself can be hotplugged
    booted_only: str = ""
    # which of QEMU's own devices are part of it
    models: tuple[str, ...] = ()
    # whether it is a PCI device with MSI-X, and with a message for each purpose of its driver
    has_msix: bool = False
    # whether it takes a serial port of the machine
    is_serial_port: bool = False


def model_of(argument: str) -> str:
    """Return which of QEMU's devices an argument of -device is, in either form; the argument if unclear."""
    if not argument.startswith("{"):
        return argument.partition(",")[0]
    try:
        return str(json.loads(argument)["driver"])
    except (ValueError, LookupError, TypeError):
        return argument
