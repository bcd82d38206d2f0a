"""The server of a device whose only connection is a socket: one thread, timers, and checks by others.

Knows sockets but no protocol: each connection has a session that understands the bytes.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rustbed.devices.connection import GONE, BrokenStreamError
from rustbed.devices.timers import Timers
from rustbed.devices.watch import STUCK_S, Watch
from rustbed.errors import DeviceError, UsageError


class Session(Protocol):
    """The protocol of one connection; all of it runs in the server's turn."""

    def receive(self) -> bool:
        """Handle the received bytes and return whether the peer is still connected.

        Raises BrokenStreamError if the bytes make no sense.
        """

    def close(self) -> None:
        """Free the resources of this connection."""


class Line(Protocol):
    """The server, as a session and a model see it."""

    watch: Watch

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function in the server's thread after some seconds."""

    def listen_to(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call a function in the server's thread when a descriptor can be read."""

    def forget(self, descriptor: int) -> None:
        """Stop listening to a descriptor."""


class StreamServer:
    """Serves one device on one connection at a time. Its thread calls `serve`, other threads the rest."""

    def __init__(self, name: str, begin: Callable[[socket.socket, Line], Session]) -> None:
        self.watch = Watch(name)
        self._begin = begin
        self._socket: socket.socket | None = None
        # held by the thread that reads the socket or runs the device's code
        self._turn = threading.RLock()
        self._timers = Timers(self._turn, self.watch)
        # functions to call when a descriptor can be read
        self._calls: dict[int, Callable[[], None]] = {}
        self._poll = select.poll()
        self._ended = False

    # -- the thread ------------------------------------------------------------

    def serve(self, sock: socket.socket) -> None:
        """Serve a connection until the peer closes it or `end` is called; errors are kept for `check`."""
        self.watch.begin()
        with self._turn:
            session = self._begin(sock, self)
            self._socket = sock
        self._poll.register(sock, select.POLLIN)
        self._poll.register(self._timers.descriptor, select.POLLIN)
        try:
            while not self._ended and self._turn_once(sock, session):
                pass
        except BrokenStreamError as error:
            self.watch.fail(f"{self.watch.name}: QEMU sent something invalid: {error}")
        except OSError as error:
            if error.errno not in GONE:
                self.watch.fail(f"{self.watch.name}: the connection to QEMU broke: {error}")
        finally:
            with self._turn:
                self._socket = None
                self._poll.unregister(sock)
                for descriptor in [*self._calls]:
                    self.forget(descriptor)
                session.close()
                self._timers.forget()

    def _turn_once(self, sock: socket.socket, session: Session) -> bool:
        ready = self._poll.poll(self._timers.until_next_ms())
        with self._turn:
            self.watch.since = time.monotonic()
            try:
                going_on = True
                for descriptor, _ in ready:
                    if descriptor == self._timers.descriptor:
                        self._timers.calm()
                    elif descriptor == sock.fileno():
                        going_on = session.receive()
                    elif descriptor in self._calls:
                        self._calls[descriptor]()
                self._timers.run()
                return going_on
            finally:
                self.watch.since = None

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function in the server's thread after some seconds."""
        self._timers.after(seconds, call)

    def listen_to(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call a function in the server's thread when a descriptor can be read."""
        self._calls[descriptor] = call
        self._poll.register(descriptor, select.POLLIN)

    def forget(self, descriptor: int) -> None:
        """Stop listening to a descriptor."""
        if self._calls.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    # -- for those who watch it ------------------------------------------------

    def check(self) -> None:
        """Raise DeviceError if the device's code raised or does not return, or if the protocol failed."""
        self.watch.check()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep the device's own code from running while the context lasts.

        Raises DeviceError if that code is stuck. Raises it also if QEMU has gone, but only to a test: for the
        device's own code that is not an error, because a machine may end while its device sends.
        """
        while not self._turn.acquire(timeout=STUCK_S / 4):
            self.check()
        try:
            yield
        except OSError as error:
            if error.errno not in GONE or threading.get_ident() != self.watch.thread:
                raise DeviceError(f"{self.watch.name}: QEMU did not read: {error}") from error
        finally:
            self._turn.release()

    def settle(self) -> None:
        """Wait until everything that QEMU has sent was served. Raises DeviceError."""
        if threading.get_ident() == self.watch.thread:
            return
        while True:
            with self.turn():
                self.check()
                waiting = [*self._calls, *([self._socket.fileno()] if self._socket else [])]
                if not waiting or not select.select(waiting, [], [], 0)[0]:
                    return
            time.sleep(0)

    def end(self) -> None:
        """Make `serve` return."""
        self._ended = True
        self._timers.rouse()

    def close(self) -> None:
        """Free the server's resources, after `serve` has returned."""
        self._timers.close()


@dataclass(frozen=True, kw_only=True)
class StreamServed:
    """A served device, with or without a QEMU that uses it."""

    server: StreamServer
    # QEMU's options for the device
    argv: tuple[str, ...]
    # descriptors that QEMU inherits: none, because QEMU connects to the socket
    pass_fds: tuple[int, ...] = ()

    def check(self) -> None:
        """Raise DeviceError if the device has failed; cheap."""
        self.server.check()


def unplugged() -> UsageError:
    """Return the error for sending from a device that is in no machine."""
    return UsageError("the device is not plugged into a machine")
