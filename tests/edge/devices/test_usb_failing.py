"""USB devices that fail, and QEMUs that make no sense: what must never pass for a result."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.edge.devices.usb_peer import IN, OUT, Gadget, Qemu, connected, plugged

from rustbed.devices.layouts import pack
from rustbed.devices.usb import packets
from rustbed.devices.usb.events import Control
from rustbed.devices.usb.model import UsbDevice
from rustbed.devices.usb.packets import ControlPacket, Status, Type
from rustbed.errors import DeviceError, UsageError


def drive(device: UsbDevice, say: Callable[[Qemu], object]) -> None:
    with plugged(device) as qemu:
        say(qemu)
        while True:
            assert isinstance(device.events, list)


class Wordy(Gadget):
    def on_control(self, request: Control) -> bytes:
        return "text"  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("device", "say", "said"),
    [
        (Gadget(), lambda qemu: qemu.control(0xC0, 3), "Gadget raised in on_control: KeyError: 'boom'"),
        (Gadget(), lambda qemu: qemu.say(99), "QEMU sent something invalid: a packet of type 99"),
        (Gadget(), lambda qemu: qemu.say(Type.SET_CONFIGURATION, 1, b""), "SET_CONFIGURATION: Configuration"),
        (
            Gadget(),
            lambda qemu: qemu.say(Type.CONTROL_PACKET, 1, b"12"),
            "CONTROL_PACKET: ControlPacket has 2",
        ),
        (
            Gadget(),
            lambda qemu: qemu.socket.sendall(pack(packets.Header(101, 1 << 30, 1))),
            "a packet of 1073741824 bytes",
        ),
        (Gadget(), lambda qemu: qemu.say(Type.FILTER_REJECT), "QEMU rejects the device"),
        (Wordy(), lambda qemu: qemu.control(0xC0, 1), "on_control returned 'text' instead of bytes"),
        (
            Gadget(),
            lambda qemu: qemu.say(Type.CONTROL_PACKET, 1, pack(ControlPacket(0x80, 4, 0xC0, 0, 0, 0, 0))),
            "Gadget has not returned for 2 s",
        ),
    ],
)
def test_what_fails_is_an_error_whoever_looks(
    device: UsbDevice, say: Callable[[Qemu], object], said: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        drive(device, say)
    assert said in caught.value.headline


def test_device_whose_code_raised_stalls_and_the_guest_goes_on() -> None:
    statuses: list[int] = []

    def ask(qemu: Qemu) -> None:
        statuses.extend(qemu.control(0xC0, request)[0] for request in (3, 1))

    with pytest.raises(DeviceError):
        drive(Gadget(), ask)
    assert statuses == [Status.STALL, Status.STALL]


def test_peer_that_lacks_what_is_needed_is_an_error() -> None:
    def greet() -> None:
        device = Gadget()
        with connected(device) as qemu:
            qemu.greet(capabilities=0)
            while True:
                assert device.events == []

    with pytest.raises(DeviceError, match="lacks capabilities: it has 0x0"):
        greet()


def test_device_without_a_machine_says_so() -> None:
    for act in (Gadget().connect, Gadget().disconnect, lambda: Gadget().send(IN, b"")):
        with pytest.raises(UsageError, match="not plugged into a machine"):
            act()
    with pytest.raises(UsageError, match="no endpoint 0x1 that sends bytes to the host"):
        Gadget().send(OUT, b"")
