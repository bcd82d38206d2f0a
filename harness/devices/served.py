"""A device that is served for as long as a context lasts: its socket, its thread, its end."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rustbed.devices import walk
from rustbed.devices.connection import Connection
from rustbed.devices.device import Device
from rustbed.devices.pci import PciDevice
from rustbed.devices.recording import render_recording
from rustbed.devices.replay import record
from rustbed.devices.server import STUCK_S, Server
from rustbed.errors import DeviceError
from rustbed.runfiles import TRACE


@dataclass(frozen=True, kw_only=True)
class Served:
    """A device that waits for QEMU, or is used by one."""

    device: PciDevice
    # the socket that QEMU connects to
    path: Path
    server: Server

    def check(self) -> None:
        """Raise DeviceError if something is wrong with the device; cheap."""
        self.server.check()

    @property
    def argument(self) -> str:
        """What -device takes."""
        return json.dumps({"driver": "vfio-user-pci", "socket": {"type": "unix", "path": str(self.path)}})

    @property
    def argv(self) -> tuple[str, ...]:
        """QEMU's options for it."""
        return ("-device", self.argument)

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """Descriptors that QEMU inherits: none, it connects by itself."""
        return ()


def device_of(device: PciDevice) -> Device:
    """Return a device as a machine takes it; one machine after the other may have it, not two at once."""
    # system/memory.c of 11.1.3: "subregion->container == mr", from vfio_user_msix_teardown
    stays = "QEMU 11.1.3 ends by an assertion when a vfio-user device with MSI-X is unplugged"
    return Device(
        name=type(device).__name__,
        serve=lambda directory: serve(device, directory),
        stays=stays if device.msix else "",
    )


@contextmanager
def serve(device: PciDevice, directory: Path | None = None) -> Iterator[Served]:
    """Serve a device in a thread, one QEMU after the other, until the context ends.

    What happened meanwhile is written to a file in `directory` in the end, named after the class.
    Raises DeviceError on the way out if anything went wrong, whatever else did: a test whose
    device failed has proved nothing.
    """
    # a short path: those of sockets end at 107 bytes
    with (
        tempfile.TemporaryDirectory(prefix="rustbed-") as short,
        socket.socket(socket.AF_UNIX) as listening,
    ):
        path = Path(short) / "device"
        listening.bind(str(path))
        listening.listen(1)
        server = Server(device)
        since = device.now()
        walk.serve(device)
        thread = threading.Thread(
            target=_accept, args=(server, listening), name=f"{type(device).__name__} device", daemon=True
        )
        thread.start()
        served = Served(device=device, path=path, server=server)
        failed: BaseException | None = None
        try:
            yield served
        except BaseException as error:
            failed = error
            raise
        finally:
            _end(server, thread, listening)
            if directory is not None:
                happened = [event for event in device.history if event.at >= since]
                _free_path(directory, type(device).__name__).write_text(
                    render_recording(record(device, happened))
                )
            try:
                served.check()
            except DeviceError as error:
                raise error from failed


def _free_path(directory: Path, name: str) -> Path:
    """Return a path for a trace that no other device has, nor this one when it was plugged in before."""
    number, path = 1, directory / f"{name}{TRACE}"
    while path.exists():
        number += 1
        path = directory / f"{name}-{number}{TRACE}"
    return path


def _accept(server: Server, listening: socket.socket) -> None:
    try:
        while True:
            sock, _ = listening.accept()
            with sock:
                server.serve(Connection(sock))
    except OSError:
        # shut down: the context ends
        return
    finally:
        # here, since a device that is stuck may come back much later
        server.close()


def _end(server: Server, thread: threading.Thread, listening: socket.socket) -> None:
    server.end()
    listening.shutdown(socket.SHUT_RDWR)
    thread.join(STUCK_S + 0.5)
