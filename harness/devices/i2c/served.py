"""Serves an I2C bus while a context lasts; the bus has an adapter of its own in the machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rustbed.devices import walk
from rustbed.devices.device import Device
from rustbed.devices.i2c.bus import I2cBus, render_transfers
from rustbed.devices.i2c.vhost import Vhost
from rustbed.devices.listening import listening
from rustbed.devices.stream import StreamServed, StreamServer

# names of QEMU's objects are never reused
_serial = itertools.count(1)


def name_of(bus: I2cBus) -> str:
    """Return the name of a bus, made of the names of its chips."""
    return "-".join(type(chip).__name__ for chip in bus.chips.values()) or "I2cBus"


def device_of(bus: I2cBus) -> Device:
    """Return the `Device` of a bus."""
    return Device(name=name_of(bus), serve=lambda directory: serve(bus, directory), shared_memory=True)


@contextmanager
def serve(bus: I2cBus, directory: Path | None = None) -> Iterator[StreamServed]:
    """Serve a bus in a thread until the context ends, and write its transfers to a file in `directory`.

    Raises DeviceError on the way out if anything went wrong, even if something else did, too.
    """
    name = name_of(bus)
    server = StreamServer(name, lambda sock, line: Vhost(bus, sock, line))
    bus.connect_to(server)
    walk.serve(bus)
    chardev = f"i2c-bus{next(_serial)}"
    try:
        with listening(
            server, name, lambda: render_transfers(bus.history), directory, began=bus.began
        ) as path:
            yield StreamServed(
                server=server,
                argv=(
                    *("-chardev", f"socket,id={chardev},path={path}"),
                    *("-device", f"vhost-user-i2c-pci,chardev={chardev}"),
                ),
            )
    finally:
        bus.connect_to(None)
