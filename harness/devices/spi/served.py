"""Serves an SPI bus while a context lasts; the bus has a controller of its own in the machine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from rustbed.devices.device import Device
from rustbed.devices.spi.bus import SpiBus
from rustbed.devices.spi.requests import SpiRequests
from rustbed.devices.stream import StreamServed
from rustbed.devices.vhost.served import name_of, serve_vhost


def device_of(bus: SpiBus) -> Device:
    """Return the `Device` of a bus."""
    return Device(name=_name_of(bus), serve=lambda directory: serve(bus, directory), shared_memory=True)


def serve(bus: SpiBus, directory: Path | None = None) -> AbstractContextManager[StreamServed]:
    """Serve a bus in a thread until the context ends, and write its transfers to a file in `directory`.

    Raises DeviceError on the way out if anything went wrong, even if something else did, too.
    """
    return serve_vhost(
        bus,
        name=_name_of(bus),
        driver="vhost-user-spi-pci",
        requests=lambda line: SpiRequests(bus, line),
        directory=directory,
    )


def _name_of(bus: SpiBus) -> str:
    return name_of(bus.chips.values(), "SpiBus")
