"""Serves a device while a context lasts: owns its socket, its thread and the file of its trace.

Knows neither protocols nor models.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from rustbed.devices.watch import STUCK_S
from rustbed.errors import DeviceError
from rustbed.runfiles import TRACE


class Serving(Protocol):
    """Serves one device."""

    def serve(self, sock: socket.socket) -> None:
        """Serve a connection until the peer closes it or `end` is called; errors are kept for `check`."""

    def check(self) -> None:
        """Raise DeviceError if an error was kept."""

    def settle(self) -> None:
        """Wait until everything that the peer has sent was served. Raises DeviceError."""

    def end(self) -> None:
        """Make `serve` return."""

    def close(self) -> None:
        """Free the server's resources, after `serve` has returned."""


@contextmanager
def listening(
    server: Serving, name: str, render: Callable[[], str], directory: Path | None, *, began: float
) -> Iterator[Path]:
    """Serve in a thread, one QEMU after the other, until the context ends; yield the socket's path.

    At the end, the text of `render` is written to a file in `directory` that is named after the
    device; its times count from `began`, a time.monotonic(). Raises DeviceError on the way out if
    anything went wrong, even if something else did, too.
    """
    # a short path, because a socket's path has at most 107 bytes
    with (
        tempfile.TemporaryDirectory(prefix="rustbed-") as short,
        socket.socket(socket.AF_UNIX) as bound,
    ):
        path = Path(short) / "device"
        bound.bind(str(path))
        bound.listen(1)
        thread = threading.Thread(target=_accept, args=(server, bound), name=f"{name} device", daemon=True)
        thread.start()
        failed: BaseException | None = None
        try:
            yield path
        except BaseException as error:
            failed = error
            raise
        finally:
            # QEMU does not wait for each write, and the last one may be the one that fails
            with suppress(DeviceError):
                server.settle()
            server.end()
            bound.shutdown(socket.SHUT_RDWR)
            thread.join(STUCK_S + 0.5)
            if directory is not None:
                _free_path(directory, name).write_text(f"# began {began:.6f}\n{render()}")
            try:
                server.check()
            except DeviceError as error:
                raise error from failed


def _free_path(directory: Path, name: str) -> Path:
    """Return an unused path for a trace; another device, or this one, may have written one before."""
    number, path = 1, directory / f"{name}{TRACE}"
    while path.exists():
        number += 1
        path = directory / f"{name}-{number}{TRACE}"
    return path


def _accept(server: Serving, bound: socket.socket) -> None:
    try:
        while True:
            sock, _ = bound.accept()
            with sock:
                server.serve(sock)
    except OSError:
        # the socket was shut down, because the context ends
        return
    finally:
        # in this thread, because the code of a stuck device may return much later
        server.close()
