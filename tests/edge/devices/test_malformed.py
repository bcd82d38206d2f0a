"""What nothing should ever say to a served device: refused, and an error of the test."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from tests.edge.devices.blinker import Blinker
from tests.edge.devices.peer import connected, descriptors_of_this_process, failing, shared_memory

from rustbed.devices import messages
from rustbed.devices.layouts import pack
from rustbed.devices.messages import Command

MAP = pack(messages.DmaMap(32, 3, 0, 0, 4096))

# command, body, number of descriptors, errno, and what the error says
BAD = {
    "version of another protocol": (
        Command.VERSION,
        pack(messages.Version(1, 0)),
        0,
        errno.EINVAL,
        "version 1.0",
    ),
    "version without a number": (Command.VERSION, b"\0\0", 0, errno.EINVAL, "Version has 2 bytes"),
    "short map": (Command.DMA_MAP, MAP[:31], 0, errno.EINVAL, "DmaMap has 31 bytes"),
    "long map": (Command.DMA_MAP, MAP + b"x", 0, errno.EINVAL, "1 bytes follow DmaMap"),
    "map of nothing": (Command.DMA_MAP, pack(messages.DmaMap(32, 3, 0, 0, 0)), 0, errno.EINVAL, "cannot map"),
    "map past the end": (
        Command.DMA_MAP,
        pack(messages.DmaMap(32, 3, 0, (1 << 64) - 4096, 8192)),
        0,
        errno.EINVAL,
        "cannot map",
    ),
    "map with flags": (
        Command.DMA_MAP,
        pack(messages.DmaMap(32, 7, 0, 0, 4096)),
        0,
        errno.EINVAL,
        "cannot map",
    ),
    "map of two files": (Command.DMA_MAP, MAP, 2, errno.EINVAL, "2 descriptors for one mapping"),
    "map behind the file": (
        Command.DMA_MAP,
        pack(messages.DmaMap(32, 3, 1 << 20, 0, 4096)),
        1,
        errno.EINVAL,
        "behind the end",
    ),
    "unmap of nothing": (
        Command.DMA_UNMAP,
        pack(messages.DmaUnmap(24, 0, 0, 4096)),
        0,
        errno.ENOENT,
        "nothing is mapped",
    ),
    "info cut short": (Command.GET_INFO, bytes(15), 0, errno.EINVAL, "Info has 15 bytes"),
    "region that is none": (
        Command.GET_REGION_INFO,
        pack(messages.RegionInfo(32, 0, 9, 0, 0, 0)),
        0,
        errno.EINVAL,
        "there is no region 9",
    ),
    "interrupts of no kind": (
        Command.GET_IRQ_INFO,
        pack(messages.IrqInfo(16, 0, 5, 0)),
        0,
        errno.EINVAL,
        "no kind 5",
    ),
    "two actions": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x31, 2, 0, 1)),
        0,
        errno.EINVAL,
        "flags 0x31",
    ),
    "no action": (Command.SET_IRQS, pack(messages.IrqSet(20, 1, 2, 0, 1)), 0, errno.EINVAL, "flags 0x1"),
    "too many vectors": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x24, 2, 7, 2)),
        0,
        errno.EINVAL,
        "no such interrupts",
    ),
    "vectors without end": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x24, 2, 1, 0xFFFFFFFF)),
        0,
        errno.EINVAL,
        "no such interrupts",
    ),
    "fewer descriptors": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x24, 2, 0, 3)),
        2,
        errno.EINVAL,
        "2 descriptors for 3",
    ),
    "booleans missing": (
        Command.SET_IRQS,
        pack(messages.IrqSet(20, 0x22, 2, 0, 3)),
        0,
        errno.EINVAL,
        "0 bytes for",
    ),
    "read behind the end": (
        Command.REGION_READ,
        pack(messages.Access(4094, 0, 4)),
        0,
        errno.EINVAL,
        "4 bytes at 0xffe of region 0",
    ),
    "read of no region": (
        Command.REGION_READ,
        pack(messages.Access(0, 3, 4)),
        0,
        errno.EINVAL,
        "which has 0",
    ),
    "read of region 4 billion": (
        Command.REGION_READ,
        pack(messages.Access(0, 0xFFFFFFFF, 4)),
        0,
        errno.EINVAL,
        "which has 0",
    ),
    "read of three bytes": (
        Command.REGION_READ,
        pack(messages.Access(0, 0, 3)),
        0,
        errno.EINVAL,
        "3 bytes at once",
    ),
    "read of nothing": (
        Command.REGION_READ,
        pack(messages.Access(0, 0, 0)),
        0,
        errno.EINVAL,
        "0 bytes at once",
    ),
    "read cut short": (Command.REGION_READ, bytes(8), 0, errno.EINVAL, "Access has 8 bytes"),
    "write without data": (
        Command.REGION_WRITE,
        pack(messages.Access(0, 0, 4)),
        0,
        errno.EINVAL,
        "0 bytes come with a write of 4",
    ),
    "write behind the end": (
        Command.REGION_WRITE,
        pack(messages.Access(1 << 63, 0, 4)) + bytes(4),
        0,
        errno.EINVAL,
        "of region 0",
    ),
    "fewer writes than said": (
        Command.REGION_WRITE_MULTI,
        pack(messages.WriteCount(1 << 60)),
        0,
        errno.EINVAL,
        "OneWrite has 0 bytes",
    ),
    "more writes than said": (
        Command.REGION_WRITE_MULTI,
        pack(messages.WriteCount(0)) + bytes(24),
        0,
        errno.EINVAL,
        "24 bytes follow 0 writes",
    ),
    "more descriptors than offered": (
        Command.GET_INFO,
        bytes(16),
        17,
        errno.EINVAL,
        "more than 16 descriptors",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_command_is_refused_and_fails_the_test(name: str) -> None:
    command, body, files, error, problem = BAD[name]
    device, memory = Blinker(), shared_memory(4096)
    before = descriptors_of_this_process()
    with failing(problem), connected(device) as peer:
        with pytest.raises(OSError, match=os.strerror(error)) as refused:
            peer.ask(command, body, [memory] * files)
        assert refused.value.errno == error
        # the device goes on
        peer.ask(Command.GET_INFO, bytes(16))
    assert descriptors_of_this_process() == before
    os.close(memory)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pack(messages.Header(1, 9, 15, 0, 0)), "not a header"),
        (pack(messages.Header(1, 9, 1 << 30, 0, 0)), "not a header"),
        (pack(messages.Header(1, 9, 16, 2, 0)), "not a header"),
        (pack(messages.Header(1, 9, 32, 0, 0)) + bytes(4), "the peer closed 12 bytes before a message's end"),
        (b"GET / HTTP/1.1\r\n\r\n", "not a header"),
        (b"xyz", "the peer closed 13 bytes before a message's end"),
    ],
)
def test_stream_that_cannot_be_understood_ends_the_connection(data: bytes, problem: str) -> None:
    with failing(problem), connected(Blinker()) as peer:
        peer.socket.sendall(data)
        peer.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError):
            peer.receive()


def test_overlapping_mapping_is_refused() -> None:
    with failing("overlaps another mapping"), connected(Blinker()) as peer:
        peer.map(0, 8192)
        with pytest.raises(FileExistsError):
            peer.map(4096, 8192)


def test_answer_to_nothing_is_ignored() -> None:
    with connected(Blinker()) as peer:
        peer.send(Command.DMA_READ, flags=messages.REPLY)
        assert peer.read(0, 4, 4) == 0x55
