"""What is at the other end of a serial port: a peer that hears bytes and answers with bytes.

Knows no machine: QEMU carries the bytes between its UART and a socket.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rustbed.devices import walk
from rustbed.devices.device import Device
from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.history import History
from rustbed.devices.injector import FromInjector, Injector
from rustbed.devices.listening import listening
from rustbed.devices.plan import Plan, plan_accesses
from rustbed.devices.stream import Line, StreamServed, StreamServer, unplugged
from rustbed.devices.watch import Watch

Self = TypeVar("Self", bound="SerialPeer")
# bytes that are taken at once
_CHUNK = 65536
# names of chardevs are never used twice
_serial = itertools.count(1)


# positional, as the events of other devices: a test writes many of them, one to a line
@dataclass(frozen=True)
class Heard:
    """The guest sent bytes; those that came one after the other are together, however they came."""

    data: bytes
    # seconds since the peer was made
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class Said:
    """The peer sent bytes, as they were put on the line."""

    data: bytes
    # seconds since the peer was made
    at: float = field(default=0.0, compare=False, repr=False)


class SerialPeer:
    """What is at the other end of a serial port; an author's class derives from it.

    All of its methods run in one thread of the host, one after the other.
    """

    #: how a message ends that `on_receive` gets whole; empty: it gets bytes as they come
    ends = b""
    #: how it misbehaves, counted in the bytes that it says from now on; None: not at all. A break needs QEMU:
    #: QMP's chardev-send-break, for the peer's `chardev`
    fault = FromInjector[Fault | None]()
    #: whether the peer came to the byte at which the fault happens
    fault_happened = FromInjector[bool]()
    #: seconds since either side said something
    idle_s = FromInjector[float]()

    #: QEMU's id of its end of the line
    chardev: str
    _socket: socket.socket | None
    _server: StreamServer | None
    _trace: History[Heard | Said]
    _partial: bytes
    faults: Injector
    #: time.monotonic() when it was made: its events count from there
    began: float

    def __new__(cls: type[Self], *_: Any, **__: Any) -> Self:
        """Make a peer; done here, so that an author's __init__ need not call another."""
        self = super().__new__(cls)
        self.faults = Injector()
        self.chardev = f"serial-peer{next(_serial)}"
        self._socket = self._server = None
        self._trace = History()
        self._partial = b""
        self.began = time.monotonic()
        return self

    # -- for an author to write --------------------------------------------------

    def on_receive(self, data: bytes) -> bytes:
        """Return what is answered to what the guest sent."""
        return b""

    # -- for an author and a test to use -----------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes to the guest. Raises UsageError while no machine has the peer."""
        if self._server is None:
            raise unplugged()
        with self._server.turn():
            self._say(data)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call something later, in the peer's thread. Raises UsageError while no machine has the peer."""
        if self._server is None:
            raise unplugged()
        self._server.after(seconds, call)

    @property
    def trace(self) -> list[Heard | Said]:
        """What was said, in order, up to this very moment. Raises DeviceError if the peer failed."""
        if self._server is not None:
            self._server.settle()
        return self._trace.visible

    @property
    def heard(self) -> bytes:
        """All bytes that the guest sent."""
        return b"".join(each.data for each in self.trace if isinstance(each, Heard))

    def forget(self) -> None:
        """Let `trace` begin here."""
        if self._server is not None:
            self._server.settle()
        self._trace.forget()

    def plan(self) -> Plan:
        """Return what can go wrong in what was said."""
        return plan_accesses(_bytes_said(self._trace))

    # -- for the server ----------------------------------------------------------

    def _hear(self, data: bytes, watch: Watch) -> None:
        self._note(Heard, data)
        for message in self._split(data):
            answer = watch.ask("on_receive", self.on_receive, message)
            if answer is not None and not isinstance(answer, bytes):
                watch.fail(f"{watch.name}: on_receive returned {answer!r} instead of bytes")
            elif answer:
                self._say(answer)

    def _split(self, data: bytes) -> Iterator[bytes]:
        if not self.ends:
            yield data
            return
        *whole, self._partial = (self._partial + data).split(self.ends)
        yield from (message + self.ends for message in whole)

    def _say(self, data: bytes) -> None:
        if self._socket is None:
            raise unplugged()
        if self.fault is not None:
            data = b"".join(self.faults.inject(bytes((byte,))) or b"" for byte in data)
        if not data:
            return
        # noted first: the guest may have answered before this returns
        self._note(Said, data)
        self._socket.sendall(data)

    def _note(self, kind: type[Heard | Said], data: bytes) -> None:
        self.faults.touch()
        last = self._trace.newest
        if type(last) is kind:
            self._trace[-1] = kind(last.data + data, last.at)
        else:
            self._trace.append(kind(data, time.monotonic() - self.began))


def _bytes_said(trace: Sequence[Heard | Said]) -> Iterator[tuple[Hashable, tuple[FaultKind, ...]]]:
    """Yield each byte that the peer said, after what it had heard, and what can go wrong with it.

    Of what is said at once the first byte, the middle one and the last may fail: a line has many bytes.
    """
    heard = b""
    for each in trace:
        if isinstance(each, Heard):
            heard = each.data
            continue
        chosen = {0, len(each.data) // 2, len(each.data) - 1}
        for number, byte in enumerate(each.data):
            kinds = (FaultKind.GONE, FaultKind.GARBAGE) if number in chosen else ()
            yield (heard, byte), kinds


class _Session:
    """One QEMU that has the peer."""

    def __init__(self, peer: SerialPeer, sock: socket.socket, line: Line) -> None:
        self._peer, self._socket, self._watch = peer, sock, line.watch
        peer._socket = sock
        # of a message that another machine has begun
        peer._partial = b""

    def receive(self) -> bool:
        data = self._socket.recv(_CHUNK)
        if data:
            self._peer._hear(data, self._watch)
        return bool(data)

    def close(self) -> None:
        self._peer._socket = None


def device_of(peer: SerialPeer) -> Device:
    """Return a peer as a machine takes it: at the next serial port that the console does not have."""
    return Device(
        name=type(peer).__name__,
        serve=lambda directory: serve(peer, directory),
        # a serial port is there, whatever is at its other end: firmware describes it
        stand_in=("-serial", "null"),
        is_serial_port=True,
    )


@contextmanager
def serve(peer: SerialPeer, directory: Path | None = None) -> Iterator[StreamServed]:
    """Serve a peer in a thread, until the context ends; what was said is then in a file in `directory`.

    Raises DeviceError on the way out if anything went wrong, whatever else did.
    """
    server = StreamServer(type(peer).__name__, lambda sock, line: _Session(peer, sock, line))
    peer._server = server
    walk.serve(peer)

    def said() -> str:
        return render_talk(peer._trace.visible)

    try:
        with listening(server, type(peer).__name__, said, directory, began=peer.began) as path:
            chardev = f"socket,id={peer.chardev},path={path}"
            yield StreamServed(
                server=server, argv=("-chardev", chardev, "-serial", f"chardev:{peer.chardev}")
            )
    finally:
        peer._server = None


def render_talk(trace: list[Heard | Said]) -> str:
    """Render a line for each event: seconds, who spoke, and the bytes as Python writes them."""
    return "".join(
        f"{each.at:.6f} {'guest' if isinstance(each, Heard) else 'peer'} {each.data!r}\n" for each in trace
    )
