"""The peer at the other end of a serial port, which receives and sends bytes.

Knows no machine: QEMU transfers the bytes between its UART and a socket.
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
# bytes to receive at once
_CHUNK = 65536
# names of chardevs are never reused
_serial = itertools.count(1)


# positional, as the events of other devices: a test writes many of them, one to a line
@dataclass(frozen=True)
class Heard:
    """The guest sent bytes; bytes that came without a `Said` between them are one event."""

    data: bytes
    # seconds since the peer was made
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class Said:
    """The peer sent bytes; these are the bytes on the line, after any fault."""

    data: bytes
    # seconds since the peer was made
    at: float = field(default=0.0, compare=False, repr=False)


class SerialPeer:
    """The peer at the other end of a serial port; an author's class derives from it.

    All of its methods run in one thread of the host, one after the other.
    """

    #: end of a message, so that `on_receive` gets whole messages; b"": it gets bytes as they come
    ends = b""
    #: its fault, counted in the bytes that it sends from now on; None: it works. A break is sent by QEMU:
    #: QMP's chardev-send-break, for the peer's `chardev`
    fault = FromInjector[Fault | None]()
    #: whether the peer has sent the byte at which the fault happens
    fault_happened = FromInjector[bool]()
    #: seconds since either side sent something
    idle_s = FromInjector[float]()

    #: QEMU's id of its end of the line
    chardev: str
    _socket: socket.socket | None
    _server: StreamServer | None
    _trace: History[Heard | Said]
    _partial: bytes
    faults: Injector
    #: time.monotonic() when it was created; the times of its events count from there
    began: float

    def __new__(cls: type[Self], *_: Any, **__: Any) -> Self:
        """Create a peer; in __new__, so that an author's __init__ need not call super()."""
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
        """Return the answer to bytes from the guest."""
        return b""

    # -- for an author and a test to use -----------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes to the guest. Raises UsageError if the peer is in no machine."""
        if self._server is None:
            raise unplugged()
        with self._server.turn():
            self._say(data)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function later, in the peer's thread. Raises UsageError if the peer is in no machine."""
        if self._server is None:
            raise unplugged()
        self._server.after(seconds, call)

    @property
    def trace(self) -> list[Heard | Said]:
        """All events up to this moment, in order. Raises DeviceError if the peer failed."""
        if self._server is not None:
            self._server.settle()
        return self._trace.visible

    @property
    def heard(self) -> bytes:
        """All bytes that the guest sent."""
        return b"".join(each.data for each in self.trace if isinstance(each, Heard))

    def forget(self) -> None:
        """Hide the events so far from `trace`."""
        if self._server is not None:
            self._server.settle()
        self._trace.forget()

    def plan(self) -> Plan:
        """Return the faults that are possible in the events so far."""
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
        # noted before it is sent, because the guest may answer at once
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
    """Yield each byte that the peer sent, with the bytes it had received before, and its possible faults.

    Of bytes that are sent at once only the first, the middle one and the last get faults: they are many.
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
    """The connection to one QEMU that has the peer."""

    def __init__(self, peer: SerialPeer, sock: socket.socket, line: Line) -> None:
        self._peer, self._socket, self._watch = peer, sock, line.watch
        peer._socket = sock
        # drop the beginning of a message from an earlier machine
        peer._partial = b""

    def receive(self) -> bool:
        data = self._socket.recv(_CHUNK)
        if data:
            self._peer._hear(data, self._watch)
        return bool(data)

    def close(self) -> None:
        self._peer._socket = None


def device_of(peer: SerialPeer) -> Device:
    """Return the `Device` of a peer: it is at the next serial port after the console's."""
    return Device(
        name=type(peer).__name__,
        serve=lambda directory: serve(peer, directory),
        # the serial port is there without a peer, too, because firmware describes it
        stand_in=("-serial", "null"),
        is_serial_port=True,
    )


@contextmanager
def serve(peer: SerialPeer, directory: Path | None = None) -> Iterator[StreamServed]:
    """Serve a peer in a thread until the context ends, and write its events to a file in `directory`.

    Raises DeviceError on the way out if anything went wrong, even if something else did, too.
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
    """Render a line for each event: seconds, the sender, and the bytes as a Python literal."""
    return "".join(
        f"{each.at:.6f} {'guest' if isinstance(each, Heard) else 'peer'} {each.data!r}\n" for each in trace
    )
