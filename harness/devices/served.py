"""Serves a PCI device while a context lasts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rustbed.devices import walk
from rustbed.devices.device import Device
from rustbed.devices.faults import OF_REGISTERS, require_kind
from rustbed.devices.listening import listening
from rustbed.devices.pci import PciDevice
from rustbed.devices.recording import render_recording
from rustbed.devices.replay import record
from rustbed.devices.server import Server

_DRIVER = "vfio-user-pci"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A served device, with or without a QEMU that uses it."""

    device: PciDevice
    # the socket that QEMU connects to
    path: Path
    server: Server

    def check(self) -> None:
        """Raise DeviceError if the device has failed; cheap."""
        self.server.check()

    @property
    def argument(self) -> str:
        """The argument of -device."""
        return json.dumps({"driver": _DRIVER, "socket": {"type": "unix", "path": str(self.path)}})

    @property
    def argv(self) -> tuple[str, ...]:
        """QEMU's options for the device."""
        return ("-device", self.argument)

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """Descriptors that QEMU inherits: none, because QEMU connects to the socket."""
        return ()


def device_of(device: PciDevice) -> Device:
    """Return the `Device` of a PCI device; several machines may have it one after the other, not at once."""
    # system/memory.c of 11.1.3: "subregion->container == mr", from vfio_user_msix_teardown
    stays = "QEMU 11.1.3 ends by an assertion when a vfio-user device with MSI-X is unplugged"
    return Device(
        name=type(device).__name__,
        serve=lambda directory: serve(device, directory),
        stays=stays if device.msix else "",
        models=(_DRIVER,),
        has_msix=bool(device.msix),
    )


@contextmanager
def serve(device: PciDevice, directory: Path | None = None) -> Iterator[Served]:
    """Serve a device in a thread, one QEMU after the other, until the context ends.

    At the end its events are written to a file in `directory` that is named after the class.
    Raises DeviceError on the way out if anything went wrong, even if something else did, too: a test
    whose device failed has proved nothing.
    """
    server = Server(device)
    since = device.now()
    walk.serve(device)
    require_kind(device.fault, OF_REGISTERS)

    def recording() -> str:
        happened = [event for event in device.history if event.at >= since]
        return render_recording(record(device, happened))

    with listening(server, type(device).__name__, recording, directory, began=device.began) as path:
        yield Served(device=device, path=path, server=server)
