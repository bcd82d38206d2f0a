"""Serves a GPIO controller while a context lasts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from rustbed.devices.device import Device
from rustbed.devices.gpio.chip import GpioChip
from rustbed.devices.gpio.requests import GpioRequests
from rustbed.devices.stream import StreamServed
from rustbed.devices.vhost.served import serve_vhost


def device_of(chip: GpioChip) -> Device:
    """Return the `Device` of a controller."""
    return Device(
        name=type(chip).__name__, serve=lambda directory: serve(chip, directory), shared_memory=True
    )


def serve(chip: GpioChip, directory: Path | None = None) -> AbstractContextManager[StreamServed]:
    """Serve a controller in a thread until the context ends, and write its events to a file in `directory`.

    Raises DeviceError on the way out if anything went wrong, even if something else did, too.
    """
    return serve_vhost(
        chip,
        name=type(chip).__name__,
        driver="vhost-user-gpio-pci",
        requests=lambda line: GpioRequests(chip, line),
        directory=directory,
    )
