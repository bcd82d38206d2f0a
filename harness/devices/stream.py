"""The server of a device that is reached by a socket alone: one thread, timers, and what others ask of it.

Knows sockets and no protocol: what the bytes mean is for a session, one for each connection.
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
    """What a device makes of one connection; all of it runs in the server's turn."""

    def receive(self) -> bool:
        """Take what has come and return whether the peer is still there.

        Raises BrokenStreamError if it makes no sense.
        """

    def close(self) -> None:
        """Free what belongs to this connection."""


class Line(Protocol):
    """What a session and a model reach their server by."""

    watch: Watch

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call something in the server's thread, so many seconds from now."""

    def listen_to(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call something in the server's thread when a descriptor can be read."""

    def forget(self, descriptor: int) -> None:
        """Listen to a descriptor no longer."""


class StreamServer:
    """Serves one device on one connection at a time. Its thread calls `serve`; the rest is for others."""

    def __init__(self, name: str, begin: Callable[[socket.socket, Line], Session]) -> None:
        self.watch = Watch(name)
        self._begin = begin
        self._socket: socket.socket | None = None
        # held by the thread that reads the socket or runs the device's code
        self._turn = threading.RLock()
        self._timers = Timers(self._turn, self.watch)
        # what is called when a descriptor can be read
        self._calls: dict[int, Callable[[], None]] = {}
        self._poll = select.poll()
        self._ended = False

    # -- the thread ------------------------------------------------------------

    def serve(self, sock: socket.socket) -> None:
        """Serve a connection until the peer closes it or `end` is called; what goes wrong is kept."""
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
            self.watch.fail(f"{self.watch.name}: what QEMU sent makes no sense: {error}")
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
        """Call something in the server's thread, so many seconds from now."""
        self._timers.after(seconds, call)

    def listen_to(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call something in the server's thread when a descriptor can be read."""
        self._calls[descriptor] = call
        self._poll.register(descriptor, select.POLLIN)

    def forget(self, descriptor: int) -> None:
        """Listen to a descriptor no longer."""
        if self._calls.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    # -- for those who watch it ------------------------------------------------

    def check(self) -> None:
        """Raise DeviceError if the device's code raised, does not return, or QEMU and it disagree."""
        self.watch.check()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep the device's own code out, as long as the context lasts.

        Raises DeviceError if it is stuck, and to a test if QEMU has gone; to the device's own code that is no
        error, for machines end while their devices speak.
        """
        while not self._turn.acquire(timeout=STUCK_S / 4):
            self.check()
        try:
            yield
        except OSError as error:
            if error.errno not in GONE or threading.get_ident() != self.watch.thread:
                raise DeviceError(f"{self.watch.name}: QEMU took nothing: {error}") from error
        finally:
            self._turn.release()

    def settle(self) -> None:
        """Return when all that QEMU has sent was served. Raises DeviceError."""
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
        """Let `serve` return."""
        self._ended = True
        self._timers.rouse()

    def close(self) -> None:
        """Free what the server holds, when `serve` has returned."""
        self._timers.close()


@dataclass(frozen=True, kw_only=True)
class StreamServed:
    """A device that waits for QEMU, or is used by one."""

    server: StreamServer
    # QEMU's options for it
    argv: tuple[str, ...]
    # descriptors that QEMU inherits: none, it connects by itself
    pass_fds: tuple[int, ...] = ()

    def check(self) -> None:
        """Raise DeviceError if something is wrong with the device; cheap."""
        self.server.check()


def unplugged() -> UsageError:
    """Return the error of a device that nothing serves, and that is to speak."""
    return UsageError("the device is not plugged into a machine")
