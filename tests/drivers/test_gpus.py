"""nova_core, nova_drm and tyr: drivers of GPUs that QEMU does not have: how they refuse what is none.

In kernels with tests/drivers/more.config.
"""

from __future__ import annotations

import errno

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Vm


@pytest.mark.needs("nova_core")
@pytest.mark.machine(devices=["pci-testdev"])
def test_nova_core_refuses_a_device_whose_registers_are_too_few(vm: Vm) -> None:
    address, driver = sysfs.testdev(vm), "nova-core"
    with vm.module("nova_core"):
        assert sysfs.bound(vm, "pci", driver) == []
        sysfs.override(vm, "pci", address, driver)
        # 16 MiB are wanted
        assert errno_of(sysfs.bind, vm, "pci", driver, address) == errno.EINVAL
        assert sysfs.bound(vm, "pci", driver) == []
        assert sysfs.iomem(vm, "nova-core/bar0") == []
        assert sysfs.exists(vm, "/sys/kernel/debug/nova-core")
    assert not sysfs.exists(vm, "/sys/kernel/debug/nova-core")


@pytest.mark.needs("nova_drm", "nova_core")
def test_nova_drm_waits_for_nova_core_and_keeps_it(vm: Vm) -> None:
    with vm.module("nova_core"), vm.module("nova_drm"):
        (name,) = [each for each in sysfs.listing(vm, "/sys/bus/auxiliary/drivers") if "nova" in each]
        assert sysfs.bound(vm, "auxiliary", name) == []
    assert vm.read("/proc/modules") == ""


@pytest.mark.needs("tyr")
@pytest.mark.machine(device_tree="firmware/mali.dts")
def test_tyr_gives_up_on_a_gpu_without_a_clock(vm: Vm) -> None:
    with vm.module("tyr"):
        (driver,) = [each for each in sysfs.listing(vm, "/sys/bus/platform/drivers") if "tyr" in each]
        assert sysfs.bound(vm, "platform", driver) == []
        assert errno_of(sysfs.bind, vm, "platform", driver, "gpu") == errno.ENOENT
    assert vm.read("/proc/modules") == ""
