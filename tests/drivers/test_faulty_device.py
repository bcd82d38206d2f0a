"""rust_driver_pci and a device that fails at every access of its probe, each in a machine of its own."""

from __future__ import annotations

import pytest
from tests.drivers import sysfs
from tests.drivers.forking import copied

from rustbed import Fault, FaultKind, Vm, every_fault
from rustbed.devices.reference.testdev import PciTestdev

DRIVER = "rust_driver_pci"


@pytest.mark.needs(DRIVER)
@pytest.mark.usefixtures("hotplug")
def test_driver_survives_a_device_that_fails_at_any_access(vm: Vm) -> None:
    vm.insmod(DRIVER)
    good = PciTestdev()
    with copied(vm) as twin, twin.plugged(good):
        twin.wait_for(lambda: len(good.trace) == 5, "the probe")
        probe = good.events
    # one with another id is not probed
    faults = [fault for fault in every_fault(probe) if fault.kind is not FaultKind.WRONG_ID]
    assert {fault.at for fault in faults} == {1, 2, 3, 4, 5}
    for fault in faults:
        with vm.fork() as twin:
            probe_with(twin, fault)


def probe_with(vm: Vm, fault: Fault) -> None:
    """Let the driver probe a device that has a fault; that it says nothing worse than usual is judged."""
    device = PciTestdev()
    device.fault = fault
    with vm.plugged(device):
        vm.wait_for(lambda: device.fault_happened, f"the fault: {fault}")
        vm.wait_for(lambda: is_probed(vm), f"the end of the probe: {fault}")
    assert sysfs.bound(vm, "pci", DRIVER) == []


def is_probed(vm: Vm) -> bool:
    """Whether the driver took the device, or refused it."""
    return bool(sysfs.bound(vm, "pci", DRIVER) or vm.log.matching(f"probe with driver {DRIVER} failed"))
