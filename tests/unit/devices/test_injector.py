"""Faults of devices that are reached by transfers: one idea for I2C, USB and serial lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rustbed import (
    Control,
    Endpoint,
    Fault,
    FaultKind,
    I2cBus,
    I2cChip,
    I2cRead,
    I2cRegister,
    I2cWrite,
    Moved,
    Stall,
    UsbDevice,
)
from rustbed.devices.injector import Injector, kinds_of_read
from rustbed.devices.serial import SerialPeer
from rustbed.errors import UsageError


def asked(_: str, call: Callable[..., object], *arguments: object) -> object:
    """Run a chip's code as the server does."""
    return call(*arguments)


@pytest.mark.parametrize(
    ("kind", "arriving"),
    [
        (FaultKind.GONE, [b"\x12\x34", None, None]),
        (FaultKind.REFUSED, [b"\x12\x34", None, b"\x12\x34"]),
        (FaultKind.ONES, [b"\x12\x34", b"\xff\xff", b"\x12\x34"]),
        (FaultKind.ZERO, [b"\x12\x34", b"\0\0", b"\x12\x34"]),
        (FaultKind.INVERTED, [b"\x12\x34", b"\xed\xcb", b"\x12\x34"]),
        (FaultKind.SHORT, [b"\x12\x34", b"\x12", b"\x12\x34"]),
        (FaultKind.LOST_WRITE, [b"\x12\x34", b"", b"\x12\x34"]),
        (FaultKind.GARBAGE, [b"\x12\x34", b"\x47\x61", b"\x47\x61"]),
    ],
)
def test_fault_happens_at_its_access(kind: FaultKind, arriving: list[bytes | None]) -> None:
    injector = Injector(Fault(kind=kind, at=2))
    happened = []
    for expected in arriving:
        assert injector.inject(b"\x12\x34") == expected
        happened.append(injector.fault_happened)
    assert happened == [False, True, True]


def test_without_a_fault_everything_arrives() -> None:
    injector = Injector()
    assert (injector.inject(b"data"), injector.fault_happened, injector.delay_s) == (b"data", False, 0.0)


def test_late_transfer_is_the_one_that_is_meant() -> None:
    injector = Injector(Fault(kind=FaultKind.LATE, at=2), kinds=[FaultKind.LATE])
    delays = []
    for _ in range(3):
        delays.append(injector.delay_s > 0)
        injector.inject(b"")
    assert delays == [False, True, False]


def test_faults_that_give_what_was_read_are_left_out() -> None:
    assert "ones" not in [*kinds_of_read(b"\xff\xff")]
    assert "zero" not in [*kinds_of_read(b"\0")]
    assert [*kinds_of_read(b"")] == ["gone", "refused"]


class Chip(I2cChip):
    address = 0x30
    value = I2cRegister(0, reset=0x12)


def exercise(bus: I2cBus) -> None:
    bus.write(0x30, b"\0\x34", asked)
    bus.write(0x30, b"\0", asked)
    bus.read(0x30, 1, asked)
    bus.write(0x31, b"\0", asked)


def test_bus_plans_what_can_go_wrong_with_its_transfers() -> None:
    bus = I2cBus(Chip())
    exercise(bus)
    assert [fault.name for fault in bus.plan().faults] == [
        *("gone@1", "refused@1", "lost-write@1", "late@1"),
        *("gone@2", "refused@2", "late@2"),
        *("gone@3", "refused@3", "ones@3", "zero@3", "inverted@3", "short@3", "late@3"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "transfers"),
    [
        ("refused", 0x12, [I2cWrite(0x30, b"\0\x34", acknowledged=False), I2cRead(0x30, b"\x12")]),
        ("lost-write", 0x12, [I2cWrite(0x30, b"\0\x34"), I2cRead(0x30, b"\x12")]),
        ("gone", 0x12, [I2cWrite(0x30, b"\0\x34", acknowledged=False), I2cRead(0x30, acknowledged=False)]),
    ],
)
def test_chip_does_not_see_a_transfer_that_failed(
    name: str, value: int, transfers: list[I2cRead | I2cWrite]
) -> None:
    chip = Chip()
    bus = I2cBus(chip)
    bus.fault = Fault(kind=FaultKind(name))
    exercise(bus)
    assert ([bus.trace[0], bus.trace[2]], chip.value, bus.fault_happened) == (transfers, value, True)


def test_faults_are_planned_for_what_the_test_has_forgotten_too() -> None:
    bus, gadget = I2cBus(Chip()), Gadget()
    exercise(bus)
    before = bus.plan()
    bus.forget()
    assert (bus.trace, bus.plan()) == ([], before)
    gadget.note(Moved(0x01, b"out"))
    gadget.forget()
    gadget.note(Moved(0x81, b"in"))
    assert (gadget.trace, {fault.at for fault in gadget.plan().faults}) == ([Moved(0x81, b"in")], {1, 2})


class Queue(I2cChip):
    address = 0x31
    given = 0

    def on_read(self, count: int) -> bytes:
        self.given += 1
        return bytes([self.given] * count)


@pytest.mark.parametrize("faulty", [lambda bus: bus, lambda bus: bus.chips[0x31]], ids=["bus", "chip"])
@pytest.mark.parametrize(("kind", "after"), [("refused", [b"\2", b"\3"]), ("gone", [None, None])])
def test_refused_read_takes_nothing_from_the_chip(
    kind: str, after: list[bytes | None], faulty: Callable[[I2cBus], I2cBus | I2cChip]
) -> None:
    bus = I2cBus(Queue())
    assert bus.read(0x31, 1, asked) == b"\1"
    faulty(bus).fault = Fault(kind=FaultKind(kind))
    assert [bus.read(0x31, 1, asked) for _ in range(3)] == [None, *after]


def test_fault_of_a_chip_is_counted_in_its_own_transfers() -> None:
    bus = I2cBus(Chip(), Queue())
    bus.chips[0x31].fault = Fault(kind=FaultKind.ZERO, at=2)
    answers = [bus.read(address, 1, asked) for address in (0x31, 0x30, 0x30, 0x31, 0x31)]
    assert answers == [b"\1", b"\x12", b"\x12", b"\0", b"\3"]


def test_line_that_nobody_pulls_down_reads_as_ones_where_a_read_ends_early() -> None:
    bus = I2cBus(Chip())
    bus.fault = Fault(kind=FaultKind.SHORT)
    assert bus.read(0x30, 4, asked) == b"\x12\xff\xff\xff"


class Gadget(UsbDevice):
    vendor_id, product_id = 1, 2
    endpoints = (Endpoint(0x01), Endpoint(0x81))
    taken = b""
    asked = 0

    def on_control(self, request: Control) -> bytes:
        self.asked += 1
        if request.request == 2:
            raise Stall
        return b"hello"

    def on_out(self, endpoint: int, data: bytes) -> None:
        self.taken += data


VENDOR_IN = Control(0xC0, 1, data=b"")


def test_usb_device_plans_what_can_go_wrong_with_its_transfers() -> None:
    gadget = Gadget()
    for event in (Control(0xC0, 1, data=b"\0\1"), Moved(0x01, b"out"), Moved(0x81, b"", stalled=True)):
        gadget.note(event)
    assert [fault.name for fault in gadget.plan().faults] == [
        *("gone@1", "refused@1", "ones@1", "zero@1", "inverted@1", "short@1"),
        *("gone@2", "refused@2"),
        "gone@3",
    ]


def test_usb_device_refuses_the_transfer_that_is_meant() -> None:
    gadget = Gadget()
    gadget.fault = Fault(kind=FaultKind.REFUSED, at=2)
    assert gadget.control(VENDOR_IN) == b"hello"
    with pytest.raises(Stall):
        gadget.take_out(0x01, b"lost")
    assert (gadget.taken, gadget.fault_happened) == (b"", True)


def test_usb_device_does_not_see_a_request_that_is_refused() -> None:
    gadget = Gadget()
    gadget.fault = Fault(kind=FaultKind.REFUSED)
    for request in (VENDOR_IN, Control(0xC0, 2)):
        with pytest.raises(Stall):
            gadget.control(request)
    assert (gadget.control(VENDOR_IN), gadget.asked) == (b"hello", 2)


def test_transfer_that_the_usb_device_itself_refuses_is_counted() -> None:
    gadget = Gadget()
    gadget.fault = Fault(kind=FaultKind.ZERO, at=4)
    with pytest.raises(Stall):
        gadget.control(Control(0xC0, 2))
    gadget.control(Control(0x02, 3, 0, 0x81))
    # the endpoint has halted
    with pytest.raises(Stall):
        gadget.ask_in(0x81, 1)
    assert gadget.control(VENDOR_IN) == bytes(5)


def test_usb_device_gives_a_short_answer() -> None:
    gadget = Gadget()
    gadget.fault = Fault(kind=FaultKind.SHORT)
    assert (gadget.control(VENDOR_IN), gadget.control(VENDOR_IN)) == (b"he", b"hello")


def test_peer_that_said_nothing_has_nothing_that_can_go_wrong() -> None:
    assert (SerialPeer().plan().faults, SerialPeer().plan().accesses) == ((), 0)


@pytest.mark.parametrize("made", [I2cBus, Chip, Gadget, SerialPeer])
def test_fault_that_a_bus_does_not_have_is_refused(
    made: Callable[[], I2cBus | Chip | Gadget | SerialPeer],
) -> None:
    device = made()
    with pytest.raises(UsageError, match="a device on this bus cannot have the fault storm"):
        device.fault = Fault(kind=FaultKind.STORM)
    assert device.fault is None
