"""Serves an I2C bus while a context lasts; the bus has an adapter of its own in the machine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from rustbed.devices.device import Device
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.i2c.requests import I2cRequests
from rustbed.devices.stream import StreamServed
from rustbed.devices.vhost.served import name_of, serve_vhost


def device_of(bus: I2cBus) -> Device:
    """Return the `Device` of a bus."""
    return Device(name=_name_of(bus), serve=lambda directory: serve(bus, directory), shared_memory=True)


def serve(bus: I2cBus, directory: Path | None = None) -> AbstractContextManager[StreamServed]:
    """Serve a bus in a thread until the context ends, and write its transfers to a file in `directory`.

    Raises DeviceError on the way out if anything went wrong, even if something else did, too.
    """
    return serve_vhost(
        bus,
        name=_name_of(bus),
        driver="vhost-user-i2c-pci",
        requests=lambda line: I2cRequests(bus, line),
        directory=directory,
    )


def _name_of(bus: I2cBus) -> str:
    return name_of(bus.chips.values(), "I2cBus")
