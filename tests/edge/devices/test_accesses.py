"""A served device and a scripted client: what QEMU asks at its start, and accesses."""

from __future__ import annotations

import errno
import json
import time

import pytest
from tests.edge.devices.blinker import Blinker
from tests.edge.devices.peer import connected, multi

from rustbed.devices import messages
from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.layouts import pack, unpack, unpack_exactly
from rustbed.devices.messages import Command
from rustbed.devices.trace import Read, Reset, Write

# -- what QEMU asks at its start -----------------------------------------------------


def test_version_is_answered_with_the_lowest_minor() -> None:
    with connected(Blinker()) as peer:
        answer = peer.ask(Command.VERSION, pack(messages.Version(0, 1)) + b'{"capabilities":{}}\0')
        version, text = unpack(messages.Version, answer)
        capabilities = json.loads(text.rstrip(b"\0"))["capabilities"]
        assert (version, capabilities["max_msg_fds"], text[-1:]) == (messages.Version(0, 0), 16, b"\0")


def test_device_tells_its_regions_and_interrupts() -> None:
    with connected(Blinker()) as peer:
        info = unpack_exactly(messages.Info, peer.ask(Command.GET_INFO, pack(messages.Info(16, 0, 0, 0))))
        assert (info.argsz, info.flags, info.regions, info.irqs) == (16, 3, 9, 5)
        sizes, counts = [], []
        for number in range(9):
            asked = pack(messages.RegionInfo(32, 0, number, 0, 0, 0))
            region = unpack_exactly(messages.RegionInfo, peer.ask(Command.GET_REGION_INFO, asked))
            assert (region.number, bool(region.flags)) == (number, bool(region.size))
            sizes.append(region.size)
        for number in range(5):
            asked = pack(messages.IrqInfo(16, 0, number, 0))
            counts.append(unpack_exactly(messages.IrqInfo, peer.ask(Command.GET_IRQ_INFO, asked)).total)
        assert (sizes, counts) == ([4096, 0, 0, 0, 0, 4096, 0, 256, 0], [1, 4, 8, 1, 1])


def test_whole_config_space_is_read_at_once() -> None:
    device = Blinker()
    with connected(device) as peer:
        assert peer.read(7, 0, 256).to_bytes(256, "little") == device.config.read(0, 256)


@pytest.mark.parametrize("command", [Command.FEATURE, Command.GET_REGION_IO_FDS, Command.MIG_DATA_READ, 99])
def test_optional_and_unknown_commands_are_refused_and_no_failure(command: int) -> None:
    with connected(Blinker()) as peer:
        with pytest.raises(OSError, match="not supported") as caught:
            peer.ask(command, bytes(16))
        assert caught.value.errno == errno.ENOTSUP
        assert peer.read(0, 4, 4) == 0x55


# -- accesses ------------------------------------------------------------------------


def test_accesses_are_served_in_order_and_traced() -> None:
    device = Blinker()
    with connected(device) as peer:
        peer.post(0, 8, 8, 0x1000)
        peer.write(0, 0, 4, 2)
        assert (peer.read(0, 0, 4), peer.read(0, 8, 8)) == (2, 0x1000)
        assert device.trace == [
            Write(0, 8, 8, 0x1000),
            Write(0, 0, 4, 2),
            Read(0, 0, 4, 2),
            Read(0, 8, 8, 0x1000),
        ]


def test_trace_waits_for_writes_that_were_posted() -> None:
    device = Blinker()
    with connected(device) as peer:
        for value in range(1000):
            peer.post(0, 8, 8, value)
        assert [event.value for event in device.trace] == list(range(1000))


def test_fault_waits_for_the_posted_write_at_which_it_happens() -> None:
    device = Blinker()
    device.fault = Fault(kind=FaultKind.GONE, at=1000)
    with connected(device) as peer:
        for value in range(1000):
            peer.post(0, 8, 8, value)
        assert device.fault_happened


def test_posted_writes_are_not_answered() -> None:
    with connected(Blinker()) as peer:
        peer.post(0, 8, 8, 1)
        # the next answer is that of the next command
        assert peer.read(0, 8, 8) == 1


def test_many_writes_come_in_one_message() -> None:
    device = Blinker()
    with connected(device) as peer:
        body = multi((0, 8, b"\1" + bytes(7)), (0, 0, b"\2\0\0\0"))
        assert peer.ask(Command.REGION_WRITE_MULTI, body) == pack(messages.WriteCount(2))
        assert device.trace == [Write(0, 8, 8, 1), Write(0, 0, 4, 2)]


def test_message_in_pieces_is_put_together() -> None:
    with connected(Blinker()) as peer:
        body = pack(messages.Access(4, 0, 4))
        data = pack(messages.Header(7, Command.REGION_READ, 32, 0, 0)) + body
        for byte in data:
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.001)
        header, answer = peer.receive()
        assert (header.id, answer[16:]) == (7, b"\x55\0\0\0")


def test_reset_returns_to_the_beginning() -> None:
    device = Blinker()
    with connected(device) as peer:
        peer.write(0, 0, 4, 2)
        peer.write(7, 4, 2, 0x6)
        assert peer.ask(Command.RESET) == b""
        assert (peer.read(0, 0, 4), peer.read(7, 4, 2)) == (0, 0)
        assert device.events[2] == Reset()
