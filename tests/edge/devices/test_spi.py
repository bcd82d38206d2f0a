"""An SPI bus and a scripted QEMU: transfers of each kind, and what makes no sense."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from tests.edge.devices.vhost_peer import Qemu, started

from rustbed import Fault, FaultKind, SpiBus, SpiChip, SpiMode, SpiTransfer
from rustbed.devices.faults import LATE_S
from rustbed.devices.spi.requests import FAILED, OK, PARAMETER_ERROR
from rustbed.devices.spi.served import serve
from rustbed.errors import DeviceError, UsageError

HEAD = "=5B3xLL16x"


class Adder(SpiChip):
    """Answers each byte with the next number."""

    def on_transfer(self, sent: bytes) -> bytes:
        return bytes((byte + 1) & 0xFF for byte in sent)


class Short(SpiChip):
    select = 2

    def on_transfer(self, sent: bytes) -> bytes:
        return b"\x07"


def transfer(qemu: Qemu, sent: bytes, count: int, select: int = 0, mode: int = 0) -> tuple[int, bytes]:
    """Let the driver transfer bytes; return the status and what it received."""
    answer = qemu.queues[0].ask(struct.pack(HEAD, select, 8, 0, 0, 0, mode, 1000) + sent, count + 1)
    return answer[-1], answer[:-1]


def test_bytes_go_both_ways_and_are_traced(tmp_path: Path) -> None:
    bus = SpiBus(Adder(), Short())
    with started(serve(bus, tmp_path)) as qemu:
        assert transfer(qemu, b"\1\2", 2, mode=3) == (OK, b"\2\3")
        # one side only
        assert transfer(qemu, b"\1\2", 0) == (OK, b"")
        assert transfer(qemu, b"", 2) == (OK, b"\1\1")
        # a line that nobody drives
        assert transfer(qemu, b"\1\2", 2, select=2) == (OK, b"\7\xff")
        assert transfer(qemu, b"\1", 1, select=1) == (OK, b"\xff")
        assert bus.trace == [
            *(SpiTransfer(b"\1\2", b"\2\3"), SpiTransfer(b"\1\2"), SpiTransfer(received=b"\1\1")),
            *(SpiTransfer(b"\1\2", b"\7\xff", 2), SpiTransfer(b"\1", b"\xff", 1)),
        ]
        assert [each.mode for each in bus.trace[:2]] == [SpiMode.CPHA | SpiMode.CPOL, SpiMode(0)]
    assert len((tmp_path / "Adder-Short.trace").read_text().splitlines()) == 6


def test_controller_says_what_it_supports() -> None:
    class Plain(SpiBus):
        supports = SpiMode.CPHA

    for bus, modes in ((SpiBus(Adder(), Short()), 0x3F), (Plain(Adder()), 0x07)):
        with started(serve(bus)) as qemu:
            selects, _, lines, more, sizes, said, *limits = struct.unpack("=4BLL5L", qemu.config(32))
            assert (selects, lines, more, sizes, said) == (len(bus.chips) * 2 - 1, 0, 0, 0, modes)
            assert limits == [0] * 5


def test_transfer_that_no_controller_can_make_is_refused() -> None:
    bus = SpiBus(Adder())
    with started(serve(bus)) as qemu:
        assert transfer(qemu, b"\1\2\3", 2)[0] == PARAMETER_ERROR
        assert transfer(qemu, b"\1", 1, select=1)[0] == PARAMETER_ERROR
        assert bus.trace == []


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (FaultKind.ONES, [(OK, b"\xff\xff"), (OK, b"\2\3")]),
        (FaultKind.SHORT, [(OK, b"\2\xff"), (OK, b"\2\3")]),
        (FaultKind.REFUSED, [(FAILED, b"\0\0"), (OK, b"\2\3")]),
        (FaultKind.GONE, [(FAILED, b"\0\0"), (FAILED, b"\0\0")]),
    ],
)
def test_bus_fails(kind: FaultKind, answers: list[tuple[int, bytes]]) -> None:
    bus = SpiBus(Adder())
    with started(serve(bus)) as qemu:
        bus.fault = Fault(kind=kind)
        assert [transfer(qemu, b"\1\2", 2) for _ in range(2)] == answers
        assert [event.refused for event in bus.trace] == [status == FAILED for status, _ in answers]


def test_write_is_lost_and_a_transfer_is_late() -> None:
    seen: list[bytes] = []

    class Sink(SpiChip):
        def on_transfer(self, sent: bytes) -> bytes:
            seen.append(sent)
            return b""

    bus = SpiBus(Sink())
    with started(serve(bus)) as qemu:
        bus.fault = Fault(kind=FaultKind.LOST_WRITE)
        assert transfer(qemu, b"\1\2", 0) == (OK, b"")
        bus.fault = Fault(kind=FaultKind.LATE)
        begin = time.monotonic()
        assert transfer(qemu, b"\3", 0) == (OK, b"")
        assert time.monotonic() - begin >= LATE_S
        assert seen == [b"\0\0", b"\3"]
        assert {fault.kind for fault in bus.plan().faults} == {
            *(FaultKind.GONE, FaultKind.REFUSED, FaultKind.LOST_WRITE, FaultKind.LATE),
        }


class Raising(SpiChip):
    def on_transfer(self, sent: bytes) -> bytes:
        raise KeyError("boom")


def drive(sent: bytes) -> None:
    bus = SpiBus(Raising())
    with started(serve(bus)) as qemu:
        qemu.queues[0].submit(sent, 1)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            assert isinstance(bus.trace, list)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (bytes(32), "Raising raised in a transfer: KeyError: 'boom'"),
        (bytes(8), "Head has 8 bytes instead of 32"),
    ],
)
def test_what_fails_is_an_error_whoever_looks(sent: bytes, said: str) -> None:
    with pytest.raises(DeviceError) as caught:
        drive(sent)
    assert said in caught.value.headline


def test_impossible_bus_is_refused() -> None:
    with pytest.raises(UsageError, match="two chips of a bus have the same chip select"):
        SpiBus(Adder(), Adder())
    with pytest.raises(UsageError, match="Far: chip select 255"):
        SpiBus(type("Far", (Adder,), {"select": 255})())
