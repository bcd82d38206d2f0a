"""Not tests of ours: run by test_devices.py, which knows how each must end."""

from __future__ import annotations

import threading

import pytest

from rustbed import Bar, PciDevice, Read, UsbDevice, Vm, Write

DRIVER = "rust_driver_pci"


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
        threading.Event().wait(4)
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


@pytest.mark.machine(devices=[])
def test_device_raises_in_a_machine_that_was_booted_with_it(boot: object) -> None:
    assert callable(boot)
    with boot(devices=[Raising()]) as vm, vm.module(DRIVER):
        vm.run("sleep 1")
