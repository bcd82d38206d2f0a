"""The other end of a served device: a scripted client that may say anything, sense or not."""

from __future__ import annotations

import gc
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from rustbed.devices import messages
from rustbed.devices.layouts import layout, pack
from rustbed.devices.messages import Command, Header, Irq, IrqFlag
from rustbed.devices.pci import PciDevice
from rustbed.devices.served import Served, serve
from rustbed.errors import DeviceError

_HEADER = layout(Header)


def exactly(sock: socket.socket, count: int) -> bytes:
    """Return so many bytes of a connection. Raises EOFError if it is closed before."""
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError(f"closed after {data!r}")
        data += more
    return data


class Peer:
    """A connection to a device, as QEMU would have one."""

    def __init__(self, sock: socket.socket, served: Served) -> None:
        self.socket = sock
        self.served = served
        # answers the device's own commands, DMA_READ and DMA_WRITE
        self.serve_dma: Callable[[Header, bytes], bytes] | None = None
        self._id = 0

    def send(
        self,
        command: int,
        body: bytes = b"",
        *,
        flags: int = 0,
        descriptors: Sequence[int] = (),
        size: int | None = None,
    ) -> int:
        """Send a command and return its id; its `size` may be a lie."""
        self._id += 1
        whole = _HEADER.size + len(body) if size is None else size
        data = _HEADER.pack(self._id, command, whole, flags, 0) + body
        socket.send_fds(self.socket, [data], list(descriptors))
        return self._id

    def receive(self) -> tuple[Header, bytes]:
        """Return the next answer, serving DMA meanwhile. Raises EOFError if the device has closed."""
        while True:
            header, body = self._next()
            if header.flags & messages.TYPE == messages.REPLY:
                return header, body
            self._serve(header, body)

    def serve(self, seconds: float) -> None:
        """Serve the device's next command, if one comes within some seconds."""
        if select.select([self.socket], [], [], seconds)[0]:
            self._serve(*self._next())

    def _next(self) -> tuple[Header, bytes]:
        header = Header(*_HEADER.unpack(exactly(self.socket, _HEADER.size)))
        return header, exactly(self.socket, header.size - _HEADER.size)

    def _serve(self, header: Header, body: bytes) -> None:
        assert self.serve_dma is not None
        answer = self.serve_dma(header, body)
        size = _HEADER.size + len(answer)
        self.socket.sendall(_HEADER.pack(header.id, header.command, size, messages.REPLY, 0) + answer)

    def ask(self, command: int, body: bytes = b"", descriptors: Sequence[int] = ()) -> bytes:
        """Send a command and return the answer's body. Raises OSError if it was refused."""
        number = self.send(command, body, descriptors=descriptors)
        header, answer = self.receive()
        assert (header.id, header.command) == (number, command)
        if header.flags & messages.ERROR:
            assert answer == b""
            raise OSError(header.error, os.strerror(header.error))
        return answer

    def read(self, region: int, offset: int, width: int) -> int:
        """Read from a region."""
        access = pack(messages.Access(offset, region, width))
        answer = self.ask(Command.REGION_READ, access)
        assert (answer[:16], len(answer)) == (access, 16 + width)
        return int.from_bytes(answer[16:], "little")

    def write(self, region: int, offset: int, width: int, value: int) -> None:
        """Write to a region and wait for it."""
        access = pack(messages.Access(offset, region, width))
        assert self.ask(Command.REGION_WRITE, access + value.to_bytes(width, "little")) == access

    def post(self, region: int, offset: int, width: int, value: int) -> None:
        """Write to a region without waiting, as QEMU does for BARs."""
        access = pack(messages.Access(offset, region, width))
        self.send(Command.REGION_WRITE, access + value.to_bytes(width, "little"), flags=messages.NO_REPLY)

    def map(self, address: int, size: int, *, flags: int = 3, descriptor: int | None = None) -> None:
        """Map memory, shared if there is a descriptor of it."""
        body = pack(messages.DmaMap(32, flags, 0, address, size))
        assert self.ask(Command.DMA_MAP, body, [] if descriptor is None else [descriptor]) == b""

    def set_irqs(
        self,
        kind: Irq,
        flags: IrqFlag,
        start: int,
        total: int,
        *,
        descriptors: Sequence[int] = (),
        data: bytes = b"",
    ) -> None:
        """Set, mask, unmask or trigger interrupts."""
        body = pack(messages.IrqSet(20 + len(data), flags, kind, start, total)) + data
        assert self.ask(Command.SET_IRQS, body, descriptors) == b""

    def enable_irqs(self, kind: Irq, total: int) -> list[int]:
        """Enable all interrupts of a kind and return the descriptors they are signalled by."""
        events = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(total)]
        self.set_irqs(kind, IrqFlag.EVENTFD | IrqFlag.TRIGGER, 0, total, descriptors=events)
        return events


@contextmanager
def connected(device: PciDevice) -> Iterator[Peer]:
    """Serve a device and yield a client of it."""
    with serve(device) as served, connect(served) as peer:
        yield peer


@contextmanager
def connect(served: Served) -> Iterator[Peer]:
    """Yield a client of a served device."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(120)
        sock.connect(str(served.path))
        peer = Peer(sock, served)
        peer.ask(Command.VERSION, pack(messages.Version(0, 0)))
        yield peer


@contextmanager
def failing(*problems: str) -> Iterator[pytest.ExceptionInfo[DeviceError]]:
    """Want a device to have failed at the end, for these reasons."""
    with pytest.raises(DeviceError) as caught:
        yield caught
    assert [problem for problem in problems if problem not in str(caught.value)] == []


def signalled(event: int) -> int:
    """Return how often an interrupt was signalled since it was asked last."""
    try:
        return os.eventfd_read(event)
    except BlockingIOError:
        return 0


def multi(*writes: tuple[int, int, bytes]) -> bytes:
    """Return the body of REGION_WRITE_MULTI: region, offset and data of each write."""
    body = struct.pack("=Q", len(writes))
    for region, offset, data in writes:
        body += pack(messages.OneWrite(offset, region, len(data))) + data.ljust(8, b"\0")
    return body


def shared_memory(size: int) -> int:
    descriptor = os.memfd_create("guest")
    os.ftruncate(descriptor, size)
    return descriptor


def descriptors_of_this_process() -> int:
    # what tests before have left is not closed in between
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))
