"""A scripted QEMU and guest for devices behind vhost-user: messages on a socket, queues in shared memory."""

from __future__ import annotations

import mmap
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from rustbed.devices.layouts import layout, pack, unpack
from rustbed.devices.stream import StreamServed
from rustbed.devices.vhost import messages
from rustbed.devices.vhost.messages import (
    ConfigRange,
    Descriptor,
    Header,
    MemoryRegion,
    Number,
    Request,
    VringAddress,
    VringState,
)

# where the guest and QEMU have the memory, and the parts of a queue in its half of that
GUEST, USER, SIZE, HALF = 0x4000_0000, 0x7F00_0000_0000, 0x10000, 0x8000
ENTRIES = 4
TABLE, AVAILABLE, USED, INDIRECT, BUFFERS = 0x0, 0x1000, 0x2000, 0x3000, 0x4000
NEXT, WRITES, IS_TABLE = 1, 2, 4
# bytes of a buffer in the guest
_ROOM = 512


class Qemu:
    """QEMU and the guest's driver: messages on the socket, requests in the memory of one queue or two."""

    def __init__(self, sock: socket.socket, queues: int = 1) -> None:
        self.socket = sock
        self.file = os.memfd_create("guest")
        os.ftruncate(self.file, SIZE)
        self.memory = mmap.mmap(self.file, SIZE)
        self.queues = [Ring(self, number) for number in range(queues)]

    def close(self) -> None:
        self.memory.close()
        os.close(self.file)
        for queue in self.queues:
            os.close(queue.kick)
            os.close(queue.call)

    def say(self, request: int, body: bytes = b"", descriptors: Sequence[int] = (), flags: int = 1) -> None:
        socket.send_fds(self.socket, [pack(Header(request, flags, len(body))) + body], list(descriptors))

    def ask(self, request: int, body: bytes = b"", descriptors: Sequence[int] = (), flags: int = 1) -> bytes:
        self.say(request, body, descriptors, flags)
        head, rest = unpack(Header, self.socket.recv(layout(Header).size))
        assert (head.request, head.flags, rest) == (request, 5, b"")
        return self.socket.recv(head.size)

    def config(self, size: int, offset: int = 0) -> bytes:
        """Read the configuration space."""
        asked = pack(ConfigRange(offset, size, 0))
        answer = self.ask(Request.GET_CONFIG, asked + bytes(size))
        assert answer.startswith(asked)
        return answer[len(asked) :]

    def start(self, entries: int = ENTRIES) -> None:
        """Set the queues up as QEMU does when the driver is ready."""
        features = self.ask(Request.GET_FEATURES)
        self.say(Request.SET_FEATURES, features)
        self.say(Request.SET_OWNER)
        table = pack(messages.MemoryTable(1, 0)) + pack(MemoryRegion(GUEST, SIZE, USER, 0))
        assert self.ask(Request.SET_MEM_TABLE, table, [self.file], flags=9) == bytes(8)
        for queue in self.queues:
            queue.start(entries)


class Ring:
    """One queue; offsets count from the beginning of its half of the memory."""

    def __init__(self, qemu: Qemu, number: int) -> None:
        self.qemu, self.number, self.base = qemu, number, number * HALF
        self.kick, self.call = os.eventfd(0), os.eventfd(0)
        self.asked = 0

    def start(self, entries: int = ENTRIES) -> None:
        say, user = self.qemu.say, USER + self.base
        say(Request.SET_VRING_NUM, pack(VringState(self.number, entries)))
        say(Request.SET_VRING_BASE, pack(VringState(self.number, self.asked)))
        where = VringAddress(self.number, 0, user + TABLE, user + USED, user + AVAILABLE, 0)
        say(Request.SET_VRING_ADDR, pack(where))
        say(Request.SET_VRING_KICK, pack(Number(self.number)), [self.kick])
        say(Request.SET_VRING_CALL, pack(Number(self.number)), [self.call])
        say(Request.SET_VRING_ENABLE, pack(VringState(self.number, 1)))

    def stop(self) -> int:
        """Stop the queue, and return which request would be the next."""
        answer = self.qemu.ask(Request.GET_VRING_BASE, pack(VringState(self.number, 0)))
        return unpack(VringState, answer)[0].number

    def fill(self, offset: int, data: bytes) -> None:
        self.qemu.memory[self.base + offset : self.base + offset + len(data)] = data

    def bytes_at(self, offset: int, count: int) -> bytes:
        return self.qemu.memory[self.base + offset : self.base + offset + count]

    def guest(self, offset: int) -> int:
        """The guest's address of an offset."""
        return GUEST + self.base + offset

    def put(self, *descriptors: Descriptor, at: int = TABLE) -> None:
        self.fill(at, b"".join(pack(each) for each in descriptors))

    def offer(self, *heads: int) -> None:
        """Make requests available and kick the device."""
        for head in heads:
            self.fill(AVAILABLE + 4 + self.asked % ENTRIES * 2, struct.pack("=H", head))
            self.asked += 1
        self.fill(AVAILABLE + 2, struct.pack("=H", self.asked))
        os.eventfd_write(self.kick, 1)

    @property
    def done(self) -> int:
        """The number of answers."""
        return int(struct.unpack("=H", self.bytes_at(USED + 2, 2))[0])

    def wait(self) -> None:
        """Wait until all requests were answered."""
        end = time.monotonic() + 120
        while self.done != self.asked:
            assert time.monotonic() < end, "the device did not serve the request"
            time.sleep(0.002)

    def ask(self, out: bytes, room: int, *, indirect: bool = False) -> bytes:
        """Make a request and return what the device wrote; by a table of descriptors elsewhere if wanted."""
        self.submit(out, room, indirect=indirect)
        self.wait()
        return self.bytes_at(BUFFERS + _ROOM, room)

    def submit(self, out: bytes, room: int, *, indirect: bool = False, slot: int = 0) -> None:
        """Make a request; of those that stay open each has a slot of its own."""
        place = BUFFERS + 2 * _ROOM * slot
        self.fill(place, out)
        self.fill(place + _ROOM, b"\x63" * room)
        first = 0 if indirect else 2 * slot
        descriptors = (
            Descriptor(self.guest(place), len(out), NEXT, first + 1),
            Descriptor(self.guest(place + _ROOM), room, WRITES, 0),
        )
        if indirect:
            self.put(*descriptors, at=INDIRECT)
            self.put(Descriptor(self.guest(INDIRECT), 32, IS_TABLE, 0))
        else:
            self.put(*descriptors, at=TABLE + first * layout(Descriptor).size)
        self.offer(first)

    def answer_at(self, slot: int, room: int) -> bytes:
        """What the device wrote to a slot's answer."""
        return self.bytes_at(BUFFERS + 2 * _ROOM * slot + _ROOM, room)


@contextmanager
def connected(serving: AbstractContextManager[StreamServed], queues: int = 1) -> Iterator[Qemu]:
    """Connect to a served device."""
    with serving as served, socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(120)
        assert served.argv[3].startswith("vhost-user-")
        sock.connect(served.argv[1].partition("path=")[2])
        qemu = Qemu(sock, queues)
        try:
            yield qemu
        finally:
            qemu.close()


@contextmanager
def started(serving: AbstractContextManager[StreamServed], queues: int = 1) -> Iterator[Qemu]:
    """Connect to a served device, and start its queues."""
    with connected(serving, queues) as qemu:
        qemu.start()
        yield qemu
