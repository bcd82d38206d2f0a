"""Not tests of ours: run by test_devices.py, which knows how each must end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import (
    Bar,
    Booter,
    I2cBus,
    I2cChip,
    PciDevice,
    Read,
    SerialPeer,
    UsbDevice,
    Vm,
    Write,
)

DRIVER = "rust_driver_pci"
MODULES = Path(__file__).parents[2] / "drivers" / "modules"


class Answering(PciDevice):
    """What rust_driver_pci drives, as far as it looks."""

    vendor_id, device_id = 0x1B36, 0x0005
    regs = Bar(0, size=4096)
    select = regs.register(0x00, width=1)
    offset = regs.register(0x04, reset=0x10, read_only=True)
    data = regs.register(0x08, width=1, reset=0xFA, read_only=True)
    count = regs.register(0x0C, read_only=True)
    target = regs.register(0x10, width=1)

    def on_write_target(self, value: int) -> None:
        self.count += 1


class Raising(Answering):
    def on_read_count(self) -> int:
        raise ZeroDivisionError("of all things")


class Silent(Answering):
    def on_read_count(self) -> int:
        # longer than anybody looks
        threading.Event().wait(60)
        return 0


def test_driver_is_seen(vm: Vm) -> None:
    device = Answering()
    with vm.module(DRIVER):
        # twice: what was unplugged can come back
        for _ in range(2):
            device.forget()
            with vm.plugged(device) as plugged:
                vm.wait_for(lambda: len(device.trace) == 5, "the probe")
                assert plugged.stays == ""
            assert device.trace[:5] == [
                Write(0, 0x00, 1, 0),
                Read(0, 0x04, 4, 0x10),
                Read(0, 0x08, 1, 0xFA),
                Write(0, 0x10, 1, 0xFA),
                Read(0, 0x0C, 4, 1),
            ]


def test_device_raises_and_nobody_looks(vm: Vm) -> None:
    with vm.module(DRIVER), vm.plugged(Raising()):
        vm.run("sleep 1")


def test_device_raises_and_the_test_fails_for_it(vm: Vm) -> None:
    with vm.module(DRIVER), vm.plugged(Raising()):
        vm.run("sleep 1")
        assert vm.log.matching("match count: 0")


def test_device_never_answers(vm: Vm) -> None:
    with vm.module(DRIVER), vm.plugged(Silent()):
        vm.run("sleep 3")


class Unwilling(UsbDevice):
    vendor_id, product_id = 0x1234, 0x5678

    def on_configured(self, number: int) -> None:
        raise ZeroDivisionError("of all things")


def test_usb_device_raises(vm: Vm) -> None:
    with vm.plugged(Unwilling()):
        vm.wait_for(lambda: "1234" in vm.run("cat /sys/bus/usb/devices/*/idVendor").output, "the device")
        vm.run("sleep 1")


class Deaf(SerialPeer):
    ends = b"\n"

    def on_receive(self, data: bytes) -> bytes:
        raise ZeroDivisionError("of all things")


def test_serial_peer_raises(boot: Booter) -> None:
    with boot(devices=[Deaf()]) as vm:
        vm.run("for port in /dev/ttyS1 /dev/ttyAMA1; do [ ! -e $port ] || echo hello >$port; done; sleep 1")


class Unreadable(I2cChip):
    address = 0x44

    def on_write(self, data: bytes) -> None:
        raise ZeroDivisionError("of all things")


def test_i2c_chip_raises(boot: Booter, build_module: Callable[[Path], Path]) -> None:
    adapter, chip = (build_module(MODULES / name) for name in ("i2c_virtio", "isl29003"))
    with boot(devices=[I2cBus(Unreadable())]) as vm, vm.module(adapter), vm.module(chip):
        vm.wait_for(lambda: not vm.run("cd /sys/bus/i2c/devices/i2c-0").status, "the adapter")
        vm.run("echo isl29003 0x44 >/sys/bus/i2c/devices/i2c-0/new_device; sleep 1")


@pytest.mark.machine(devices=[])
def test_device_raises_in_a_machine_that_was_booted_with_it(boot: Booter) -> None:
    with boot(devices=[Raising()]) as vm, vm.module(DRIVER):
        vm.run("sleep 1")
