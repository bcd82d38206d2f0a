"""rust_driver_serdev: a driver of a device at a serial port, which sends back all that it gets.

The device is a peer in Python, at the machine's second port.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Booter, Fault, FaultKind, Heard, Said, SerialPeer, Vm
from rustbed.arch import Arch, Firmware

pytestmark = pytest.mark.needs("rust_driver_serdev")

DRIVER = "rust_driver_serdev"
DEVICE = "serial0-0"
HERE = Path(__file__).parent
# what describes the device, and how: the speed is left to the driver with ACPI, and given in a device tree
FIRMWARE = {
    Firmware.ACPI: ("acpi", (HERE / "firmware/serdev.dsl").read_text()),
    Firmware.DEVICE_TREE: ("device_tree", (HERE / "firmware/serdev.dts").read_text()),
}
# no UART of QEMU's is that fast
TOO_FAST = 4_000_000
PROPERTY = f"""\
Name (_DSD, Package () {{ ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"), Package () {{
    Package () {{ "baudrate", {TOO_FAST} }} }} }})
"""
# what a PC's second UART (16550) is to interrupt for: received bytes, errors, modem lines
INTERRUPTS = 0x2F9
RECEIVED, ERRORS, MODEM = 1, 4, 8


class Counting(SerialPeer):
    """Says the next number when it hears the last one, up to three."""

    ends = b"\n"

    def on_receive(self, data: bytes) -> bytes:
        number = int(data)
        return b"%d\n" % (number + 1) if number < 3 else b""


@contextmanager
def machine(boot: Booter, arch: Arch, peer: SerialPeer, *, is_fast: bool = False) -> Iterator[Vm]:
    keyword, text = FIRMWARE.get(arch.firmware, ("", ""))
    if is_fast:
        text = text.replace("<115200>", f"<{TOO_FAST}>").replace("Name (_CRS", f"{PROPERTY}Name (_CRS")
    with boot(devices=[peer], **({keyword: text} if keyword else {})) as vm:
        yield vm


def test_device_takes_the_port_from_the_terminals(boot: Booter, arch: Arch) -> None:
    peer = Counting()
    with machine(boot, arch, peer) as vm:
        assert sysfs.listing(vm, "/sys/bus/serial/devices") == ["serial0", DEVICE]
        # the port has no terminal: /dev has the console's alone
        ports = vm.check("cat /proc/tty/drivers")
        with vm.module(DRIVER):
            assert sysfs.bound(vm, "serial", DRIVER) == [DEVICE], ports
            peer.send(b"0\n")
            vm.wait_for(lambda: peer.heard.endswith(b"3\n"), "the end of the conversation")
            assert peer.trace == [
                *(Said(b"0\n"), Heard(b"0\n"), Said(b"1\n"), Heard(b"1\n")),
                *(Said(b"2\n"), Heard(b"2\n"), Said(b"3\n"), Heard(b"3\n")),
            ]
            sysfs.unbind(vm, "serial", DRIVER, DEVICE)
            assert sysfs.bound(vm, "serial", DRIVER) == []
            sysfs.bind(vm, "serial", DRIVER, DEVICE)
            peer.forget()
            peer.send(b"3\n")
            vm.wait_for(lambda: peer.heard == b"3\n", "an echo after the driver came back")
        assert not sysfs.exists(vm, f"/sys/bus/serial/drivers/{DRIVER}")


def test_all_bytes_come_back_in_order_also_of_a_line_that_misbehaves(boot: Booter, arch: Arch) -> None:
    peer = SerialPeer()
    every = bytes(range(256)) * 8
    with machine(boot, arch, peer) as vm, vm.module(DRIVER):
        peer.send(every)
        vm.wait_for(lambda: len(peer.heard) >= len(every), "the echo of 2048 bytes")
        assert peer.heard == every
        peer.forget()
        peer.fault = Fault(kind=FaultKind.GONE)
        peer.send(b"not said")
        assert peer.trace == []
        peer.fault = Fault(kind=FaultKind.GARBAGE)
        peer.send(b"\x00\xff")
        vm.wait_for(lambda: len(peer.heard) == 2, "the echo of what was garbled")
        assert peer.trace == [Said(b"\x55\xaa"), Heard(b"\x55\xaa")]
        # serdev has no word for a break: the driver gets the zero that comes with it
        peer.forget()
        vm.monitor.execute("chardev-send-break", id=peer.chardev)
        vm.wait_for(lambda: peer.heard == b"\0", "the echo of a break")


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="drivers/tty/serdev/serdev-ttyport.c returns the speed that it was asked for:"
    " docs/findings/serdev-speed-is-what-was-asked.md",
)
def test_a_speed_that_the_port_does_not_have_is_refused(boot: Booter, arch: Arch) -> None:
    with machine(boot, arch, SerialPeer(), is_fast=True) as vm, vm.module(DRIVER):
        assert sysfs.bound(vm, "serial", DRIVER) == []
        assert errno_of(sysfs.bind, vm, "serial", DRIVER, DEVICE) == errno.EINVAL


@pytest.mark.arches("x86_64")
def test_port_is_without_flow_control(boot: Booter, arch: Arch) -> None:
    """A port is opened with it, and then watches the modem lines, which hold nothing up here."""
    with machine(boot, arch, SerialPeer()) as vm, vm.module(DRIVER):
        told = vm.monitor.execute("human-monitor-command", command_line=f"i /b {INTERRUPTS:#x}")
        raised = int(str(told).rpartition("=")[2], 16)
        assert raised & (RECEIVED | ERRORS | MODEM) == RECEIVED | ERRORS


@pytest.mark.arches("x86_64")
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="drivers/tty/serdev/core.c marks an ACPI device as made and never takes that back:"
    " docs/findings/serdev-acpi-device-comes-once.md",
)
def test_device_comes_back_with_its_port(boot: Booter, arch: Arch) -> None:
    with machine(boot, arch, SerialPeer()) as vm:
        # /sys/devices/pnp0/00:02/00:02:0/00:02:0.1/serial0
        port = vm.check("readlink -f /sys/bus/serial/devices/serial0").split("/")[4]
        assert sysfs.listing(vm, "/sys/bus/serial/devices") == ["serial0", DEVICE]
        sysfs.unbind(vm, "pnp", "serial", port)
        if gone := sysfs.listing(vm, "/sys/bus/serial/devices"):
            pytest.fail(f"they outlived their port: {gone}")
        sysfs.bind(vm, "pnp", "serial", port)
        assert sysfs.listing(vm, "/sys/bus/serial/devices") == ["serial0", DEVICE]
