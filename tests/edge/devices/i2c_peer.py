"""A scripted QEMU and guest for tests of an I2C bus: messages on a socket, a queue in shared memory."""

from __future__ import annotations

import mmap
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rustbed.devices.i2c import messages
from rustbed.devices.i2c.bus import I2cBus
from rustbed.devices.i2c.messages import (
    Descriptor,
    Header,
    MemoryRegion,
    Number,
    Request,
    VringAddress,
    VringState,
)
from rustbed.devices.i2c.served import serve
from rustbed.devices.layouts import layout, pack, unpack

# where the guest and QEMU have the memory, and the parts of the queue in it
GUEST, USER, SIZE = 0x4000_0000, 0x7F00_0000_0000, 0x10000
ENTRIES = 4
TABLE, AVAILABLE, USED, INDIRECT, BUFFERS = 0x0, 0x1000, 0x2000, 0x3000, 0x4000
NEXT, WRITES, IS_TABLE = 1, 2, 4


class Qemu:
    """QEMU and the guest's driver: messages on the socket, requests in memory."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.file = os.memfd_create("guest")
        os.ftruncate(self.file, SIZE)
        self.memory = mmap.mmap(self.file, SIZE)
        self.kick, self.call = os.eventfd(0), os.eventfd(0)
        self.asked = 0

    def close(self) -> None:
        self.memory.close()
        for descriptor in (self.file, self.kick, self.call):
            os.close(descriptor)

    def say(self, request: int, body: bytes = b"", descriptors: Sequence[int] = (), flags: int = 1) -> None:
        socket.send_fds(self.socket, [pack(Header(request, flags, len(body))) + body], list(descriptors))

    def ask(self, request: int, body: bytes = b"", descriptors: Sequence[int] = (), flags: int = 1) -> bytes:
        self.say(request, body, descriptors, flags)
        head, rest = unpack(Header, self.socket.recv(layout(Header).size))
        assert (head.request, head.flags, rest) == (request, 5, b"")
        return self.socket.recv(head.size)

    def start(self, entries: int = ENTRIES) -> None:
        """Set the queue up as QEMU does when the driver is ready."""
        features = self.ask(Request.GET_FEATURES)
        self.say(Request.SET_FEATURES, features)
        self.say(Request.SET_OWNER)
        table = pack(messages.MemoryTable(1, 0)) + pack(MemoryRegion(GUEST, SIZE, USER, 0))
        assert self.ask(Request.SET_MEM_TABLE, table, [self.file], flags=9) == bytes(8)
        self.say(Request.SET_VRING_NUM, pack(VringState(0, entries)))
        self.say(Request.SET_VRING_BASE, pack(VringState(0, 0)))
        where = VringAddress(0, 0, USER + TABLE, USER + USED, USER + AVAILABLE, 0)
        self.say(Request.SET_VRING_ADDR, pack(where))
        self.say(Request.SET_VRING_KICK, pack(Number(0)), [self.kick])
        self.say(Request.SET_VRING_CALL, pack(Number(0)), [self.call])
        self.say(Request.SET_VRING_ENABLE, pack(VringState(0, 1)))

    def put(self, *descriptors: Descriptor, at: int = TABLE) -> None:
        data = b"".join(pack(each) for each in descriptors)
        self.memory[at : at + len(data)] = data

    def offer(self, *heads: int) -> None:
        """Make requests available and kick the device."""
        for head in heads:
            struct.pack_into("=H", self.memory, AVAILABLE + 4 + self.asked % ENTRIES * 2, head)
            self.asked += 1
        struct.pack_into("=H", self.memory, AVAILABLE + 2, self.asked)
        os.eventfd_write(self.kick, 1)

    def wait(self) -> None:
        """Wait until all requests were served."""
        end = time.monotonic() + 120
        while struct.unpack_from("=H", self.memory, USED + 2)[0] != self.asked:
            assert time.monotonic() < end, "the device did not serve the request"
            time.sleep(0.002)

    def write(self, address: int, data: bytes, flags: int = 0) -> int:
        """Let the driver write, and return the status."""
        out = struct.pack("=HHI", address << 1, 0, flags) + data
        self.memory[BUFFERS : BUFFERS + len(out)] = out
        self.memory[BUFFERS + 512] = 99
        self.put(
            Descriptor(GUEST + BUFFERS, len(out), NEXT, 1), Descriptor(GUEST + BUFFERS + 512, 1, WRITES, 0)
        )
        self.offer(0)
        self.wait()
        return self.memory[BUFFERS + 512]

    def read(self, address: int, count: int) -> tuple[int, bytes]:
        """Let the driver read, by a table of descriptors as Linux does; return status and bytes."""
        self.memory[BUFFERS : BUFFERS + 8] = struct.pack("=HHI", address << 1, 0, 2)
        answer = BUFFERS + 512
        self.put(
            Descriptor(GUEST + BUFFERS, 8, NEXT, 1),
            Descriptor(GUEST + answer, count, NEXT | WRITES, 2),
            Descriptor(GUEST + answer + count, 1, WRITES, 0),
            at=INDIRECT,
        )
        self.put(Descriptor(GUEST + INDIRECT, 48, IS_TABLE, 0))
        self.offer(0)
        self.wait()
        return self.memory[answer + count], self.memory[answer : answer + count]


@contextmanager
def connected(bus: I2cBus, directory: Path | None = None) -> Iterator[Qemu]:
    with serve(bus, directory) as served, socket.socket(socket.AF_UNIX) as sock:
        assert served.argv[3].startswith("vhost-user-i2c-pci,chardev=")
        sock.settimeout(120)
        sock.connect(served.argv[1].partition("path=")[2])
        qemu = Qemu(sock)
        try:
            yield qemu
        finally:
            qemu.close()


@contextmanager
def started(bus: I2cBus, directory: Path | None = None) -> Iterator[Qemu]:
    with connected(bus, directory) as qemu:
        qemu.start()
        yield qemu
