"""Serves a USB device while a context lasts; the device has a controller of its own in the machine."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rustbed.devices import walk
from rustbed.devices.device import Device
from rustbed.devices.history import render_timed
from rustbed.devices.listening import listening
from rustbed.devices.stream import Line, StreamServed, StreamServer
from rustbed.devices.usb.model import UsbDevice
from rustbed.devices.usb.redirection import Redirection
from rustbed.errors import UsageError

# names of QEMU's objects are never reused
_serial = itertools.count(1)


class _Cable:
    """A device's connection to the guest, which may change."""

    def __init__(self, device: UsbDevice) -> None:
        self.server = StreamServer(type(device).__name__, self._begin)
        self._device = device
        self._session: Redirection | None = None

    def _begin(self, sock: socket.socket, line: Line) -> Redirection:
        self._session = Redirection(self._device, sock, line)
        return self._session

    def _require(self) -> Redirection:
        if self._session is None:
            raise UsageError("QEMU has not reached the device yet")
        return self._session

    def plug(self, inserted: bool) -> None:
        with self.server.turn():
            self._require().plug(inserted)

    def send(self, endpoint: int, data: bytes) -> None:
        with self.server.turn():
            self._require().send(endpoint, data)

    def settle(self) -> None:
        self.server.settle()


def device_of(device: UsbDevice) -> Device:
    """Return the `Device` of a USB device."""
    # its controller has messages enough
    return Device(name=type(device).__name__, serve=lambda directory: serve(device, directory), has_msix=True)


@contextmanager
def serve(device: UsbDevice, directory: Path | None = None) -> Iterator[StreamServed]:
    """Serve a device in a thread until the context ends, and write its events to a file in `directory`.

    Raises DeviceError on the way out if anything went wrong, even if something else did, too.
    """
    cable = _Cable(device)
    device.connect_to(cable)
    walk.serve(device)
    since = device.now()

    def happened() -> str:
        return render_timed(event for event in device.history if event.at >= since)

    try:
        with listening(cable.server, type(device).__name__, happened, directory, began=device.began) as path:
            yield StreamServed(server=cable.server, argv=_argv(path, f"usb-device{next(_serial)}"))
    finally:
        device.connect_to(None)


def _argv(path: Path, name: str) -> tuple[str, ...]:
    controller = {"driver": "qemu-xhci", "id": f"{name}-hc"}
    redirected = {"driver": "usb-redir", "id": f"{name}-redir", "bus": f"{name}-hc.0", "chardev": name}
    return (
        *("-chardev", f"socket,id={name},path={path}"),
        *("-device", json.dumps(controller)),
        *("-device", json.dumps(redirected)),
    )
