"""A driver that waits for its device, which is pulled out meanwhile: what the driver reads then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Bar, Fault, FaultKind, PciDevice, Read, Vm

STATUS, SAID = "/sys/kernel/debug/waiter/status", "/tmp/said"
# what a read of a device that is gone yields, and for how long the driver asks: where it reads 0, nothing
# tells it that the device will never be ready, and elsewhere it is to see that long before
ZERO, ONES = ("timeout", 1000), ("gone", 600_000)
READS = {"x86_64": ZERO}


class Device(PciDevice):
    vendor_id, device_id = 0x1B36, 0xCAFD
    regs = Bar(0, size=4096)
    status = regs.register(0, read_only=True)


def begin_to_wait(vm: Vm, device: Device) -> None:
    """Have the driver wait for the device, and see it ask."""
    device.forget()
    vm.check(f"(cat {STATUS} >{SAID}) >/dev/null 2>&1 &")
    vm.wait_for(lambda: len(device.trace) > 2, "the driver to ask")


def said(vm: Vm) -> str:
    """Return what the driver made of it, once it has."""

    def find() -> str:
        return vm.run(f"cat {SAID}").output.strip()

    return vm.wait_for(find, "the driver to give up")


@pytest.mark.usefixtures("hotplug")
def test_driver_waits_for_a_device_that_is_pulled_out(vm: Vm, build_module: Callable[[str], Path]) -> None:
    device = Device()
    outcome, timeout_ms = READS.get(vm.arch, ONES)
    with vm.module(build_module("modules/waiter"), timeout_ms=timeout_ms), vm.plugged(device) as card:
        vm.wait_for(lambda: vm.run(f"test -e {STATUS}").status == 0, "the probe")
        device.status = 1
        assert vm.read(STATUS) == "ready\n"
        device.status = 0
        begin_to_wait(vm, device)
        vm.unplug(card, surprise=True)
        assert said(vm) == outcome


@pytest.mark.usefixtures("hotplug")
def test_device_that_fails_first_reads_as_all_ones_everywhere(
    vm: Vm, build_module: Callable[[str], Path]
) -> None:
    device = Device()
    device.fault = Fault(kind=FaultKind.GONE, at=5)
    with vm.module(build_module("modules/waiter"), timeout_ms=600_000), vm.plugged(device) as card:
        vm.wait_for(lambda: vm.run(f"test -e {STATUS}").status == 0, "the probe")
        begin_to_wait(vm, device)
        assert said(vm) == "gone"
        assert device.trace == [Read(0, 0, 4, 0)] * 4 + [Read(0, 0, 4, 0xFFFFFFFF)]
        vm.unplug(card, surprise=True)
        assert vm.run(f"test -e {STATUS}").status == 1
