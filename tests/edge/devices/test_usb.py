"""A USB device and a scripted QEMU: what it is asked, and what it answers."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tests.edge.devices.usb_peer import EVENTS, IN, OUT, Gadget, connected, plugged

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.layouts import pack, unpack
from rustbed.devices.usb import packets
from rustbed.devices.usb.events import BusReset, Configured, Control, Moved, Plug
from rustbed.devices.usb.packets import ControlPacket, Status, Type
from rustbed.devices.usb.served import serve


def test_device_is_announced_with_its_controller() -> None:
    with serve(Gadget()) as served:
        chardev, controller, redirected = served.argv[1::2]
        assert chardev.startswith("socket,id=usb-device")
        assert json.loads(controller)["driver"] == "qemu-xhci"
        assert json.loads(redirected)["bus"] == f"{json.loads(controller)['id']}.0"


def test_device_is_described_before_it_is_plugged_in() -> None:
    with connected(Gadget()) as qemu:
        qemu.greet()
        interfaces = unpack(packets.InterfaceInfo, qemu.hear()[2])[0]
        assert (interfaces.interfaces, interfaces.interface_class[0]) == (1, 0xFF)
        endpoints = unpack(packets.EpInfo, qemu.hear()[2])[0]
        kinds = {index: kind for index, kind in enumerate(endpoints.type) if kind != 255}
        assert kinds == {0: 0, 1: 2, 16: 0, 17: 2, 18: 3}
        assert struct.unpack("=32H", endpoints.max_packet_size)[17:19] == (512, 8)
        assert unpack(packets.DeviceConnect, qemu.hear()[2])[0][4:] == (0x1234, 0x5678, 0x0100)


def test_descriptors_are_given() -> None:
    with plugged(Gadget()) as qemu:
        status, device = qemu.control(0x80, 6, 0x0100)
        assert (status, device[:2], device[8:14]) == (0, b"\x12\x01", b"\x34\x12\x78\x56\x00\x01")
        status, configuration = qemu.control(0x80, 6, 0x0200, count=255)
        assert int.from_bytes(configuration[2:4], "little") == len(configuration) == 9 + 9 + 3 * 7
        assert qemu.control(0x80, 6, 0x0200, count=9) == (0, configuration[:9])
        assert qemu.control(0x80, 6, 0x0302)[1] == b"\x0e\x03" + "Gadget".encode("utf-16-le")
        # no third string, no qualifier of another speed
        assert [qemu.control(0x80, 6, value)[0] for value in (0x0303, 0x0600)] == [Status.STALL] * 2


def test_all_that_happens_is_traced(tmp_path: Path) -> None:
    device = Gadget()
    with plugged(device, tmp_path) as qemu:
        qemu.say(Type.RESET)
        qemu.say(Type.SET_CONFIGURATION, 1, b"\1")
        assert qemu.hear() == (Type.CONFIGURATION_STATUS, 1, b"\0\1")
        assert qemu.control(0xC0, 1) == (0, b"hello")
        assert qemu.control(0xC0, 2) == (Status.STALL, b"")
        qemu.bulk(OUT, b"abc")
        assert qemu.moved() == (9, 0, 3, b"")
        qemu.bulk(IN)
        assert qemu.moved() == (9, 0, 3, b"ABC")
        assert device.events == [
            *(Plug(True), BusReset(), Configured(1), Control(0xC0, 1, 0, 0, b"hello")),
            *(Control(0xC0, 2, stalled=True), Moved(OUT, b"abc"), Moved(IN, b"ABC")),
        ]
        assert device.trace == device.events[3:]
    assert len((tmp_path / "Gadget.trace").read_text().splitlines()) == 8


def test_guest_that_asks_first_is_answered_when_there_is_something() -> None:
    device = Gadget()
    with plugged(device) as qemu:
        qemu.bulk(IN, number=1, count=2)
        qemu.bulk(IN, number=2, count=2)
        assert device.trace == []
        device.send(IN, b"abc")
        assert [qemu.moved(), qemu.moved()] == [(1, 0, 2, b"ab"), (2, 0, 1, b"c")]
        qemu.bulk(IN, number=3)
        qemu.say(Type.CANCEL_DATA_PACKET, 3)
        assert qemu.moved() == (3, Status.CANCELLED, 0, b"")


def test_interrupts_come_once_they_are_wanted() -> None:
    device = Gadget()
    with plugged(device) as qemu:
        device.send(EVENTS, b"first")
        qemu.say(Type.START_INTERRUPT_RECEIVING, 0, bytes((EVENTS,)))
        assert qemu.hear() == (Type.INTERRUPT_RECEIVING_STATUS, 0, bytes((0, EVENTS)))
        assert qemu.hear()[2] == bytes((EVENTS, 0, 5, 0)) + b"first"
        device.send(EVENTS, b"second")
        assert qemu.hear()[2][4:] == b"second"


def test_stalled_endpoint_halts_until_it_is_cleared() -> None:
    with plugged(Gadget()) as qemu:
        for data in (b"refuse", b"as well"):
            qemu.bulk(OUT, data)
            assert qemu.moved()[:3] == (9, Status.STALL, 0)
        asked = ControlPacket(0, 1, 0x02, 0, 0, OUT, 0)
        qemu.say(Type.CONTROL_PACKET, 5, pack(asked))
        assert qemu.hear()[:2] == (Type.CONTROL_PACKET, 5)
        qemu.bulk(OUT, b"again")
        assert qemu.moved()[:3] == (9, 0, 5)


class Queue(Gadget):
    """Gives a number at each read, and says another number when it is written to."""

    given = 0

    def on_in(self, endpoint: int, count: int) -> bytes:
        self.given += 1
        return bytes((self.given,))


def test_refused_read_takes_nothing_from_the_device() -> None:
    device = Queue()
    device.fault = Fault(kind=FaultKind.REFUSED, at=2)
    with plugged(device) as qemu:
        answers = []
        for _ in range(3):
            qemu.bulk(IN)
            answers.append(qemu.moved()[1:])
        assert answers == [(0, 1, b"\1"), (Status.STALL, 0, b""), (Status.STALL, 0, b"")]
        assert qemu.control(0x02, 1, index=IN, count=0) == (0, b"")
        for number in (b"\2", b"\3"):
            qemu.bulk(IN)
            assert qemu.moved()[1:] == (0, 1, number)


def test_what_a_device_says_to_a_transfer_comes_behind_it() -> None:
    device = Gadget()
    # the answer, not the question
    device.fault = Fault(kind=FaultKind.ZERO, at=2)
    with plugged(device) as qemu:
        qemu.bulk(IN, number=1)
        qemu.bulk(OUT, b"abc", number=2)
        assert [qemu.moved(), qemu.moved()] == [(2, 0, 3, b""), (1, 0, 3, bytes(3))]
        assert device.trace == [Moved(OUT, b"abc"), Moved(IN, bytes(3))]


def test_cable_is_pulled_and_put_back() -> None:
    device = Gadget()
    with plugged(device) as qemu:
        device.disconnect()
        assert qemu.hear()[0] == Type.DEVICE_DISCONNECT
        device.connect()
        assert [qemu.hear()[0] for _ in range(3)][-1] == Type.DEVICE_CONNECT
        assert device.events == [Plug(True), Plug(False), Plug(True)]
