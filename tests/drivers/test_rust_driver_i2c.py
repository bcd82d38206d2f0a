"""rust_driver_i2c and rust_i2c_client: a driver of an I2C device, and one that makes such a device.

The adapter is i2c-stub: its chips are tables of registers.
"""

from __future__ import annotations

import errno

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Vm

pytestmark = pytest.mark.needs("rust_driver_i2c", "i2c_stub")

DRIVER = "rust_driver_i2c"
CLIENT = "rust_device_i2c"
ADDRESS = 0x30


def adapter(vm: Vm) -> str:
    """Return the directory of the stub's adapter."""
    return vm.check("dirname $(grep -l 'SMBus stub' /sys/bus/i2c/devices/i2c-*/name)")


def said(vm: Vm, driver: str = DRIVER) -> list[str]:
    lines = [record.text for record in vm.log if record.text.startswith(f"{driver} ")]
    return [line.partition(": ")[2] for line in lines]


def test_device_of_its_name_is_probed_and_unbound(vm: Vm) -> None:
    with vm.module(DRIVER), vm.module("i2c-stub", chip_addr=ADDRESS):
        bus = adapter(vm)
        device = f"{bus.rpartition('-')[2]}-0030"
        vm.write(f"{bus}/new_device", f"{DRIVER} {ADDRESS:#x}")
        assert sysfs.bound(vm, "i2c", DRIVER) == [device]
        assert said(vm) == ["Probe Rust I2C driver sample.", "Probed with info: '0'."]
        vm.write(f"{bus}/delete_device", f"{ADDRESS:#x}")
        assert sysfs.bound(vm, "i2c", DRIVER) == []
    assert said(vm)[2:] == ["Unbind Rust I2C driver sample."]


def test_unbind_and_bind(vm: Vm) -> None:
    with vm.module(DRIVER), vm.module("i2c-stub", chip_addr=ADDRESS):
        vm.write(f"{adapter(vm)}/new_device", f"{DRIVER} {ADDRESS:#x}")
        (device,) = sysfs.bound(vm, "i2c", DRIVER)
        for _ in range(3):
            sysfs.unbind(vm, "i2c", DRIVER, device)
            sysfs.bind(vm, "i2c", DRIVER, device)
    assert said(vm).count("Probe Rust I2C driver sample.") == 4
    assert said(vm).count("Unbind Rust I2C driver sample.") == 4


def test_device_of_another_name_is_left_alone(vm: Vm) -> None:
    with vm.module(DRIVER), vm.module("i2c-stub", chip_addr=ADDRESS):
        bus = adapter(vm)
        vm.write(f"{bus}/new_device", f"rust_other {ADDRESS:#x}")
        assert sysfs.bound(vm, "i2c", DRIVER) == []
        # one address, one device
        assert errno_of(vm.write, f"{bus}/new_device", f"{DRIVER} {ADDRESS:#x}") == errno.EBUSY
    assert said(vm) == []


@pytest.mark.usefixtures("last_words")
def test_driver_is_told_that_the_machine_goes_down(vm: Vm) -> None:
    vm.insmod("i2c-stub", chip_addr=ADDRESS)
    vm.insmod(DRIVER)
    vm.write(f"{adapter(vm)}/new_device", f"{DRIVER} {ADDRESS:#x}")
    vm.run_to_end("poweroff -f")
    assert said(vm)[-1] == "Shutdown Rust I2C driver sample."


@pytest.mark.needs("rust_i2c_client")
@pytest.mark.machine(device_tree="firmware/two-rust-devices.dts")
def test_client_makes_a_device_once(vm: Vm) -> None:
    with vm.module("i2c-stub", chip_addr=ADDRESS), vm.module(DRIVER):
        assert adapter(vm).endswith("i2c-0")
        with vm.module("rust_i2c_client"):
            assert sysfs.bound(vm, "i2c", DRIVER) == ["0-0030"]
            # the second wants the same address of the same adapter
            assert sysfs.bound(vm, "platform", CLIENT) == ["rust-first"]
            assert "probe with driver rust_device_i2c failed with error -16" in vm.log
        assert sysfs.bound(vm, "i2c", DRIVER) == []
    assert said(vm, CLIENT)[-1] == "Unbind Rust I2C Client registration sample."
    assert "Unbind Rust I2C driver sample." in said(vm)


@pytest.mark.needs("rust_i2c_client")
@pytest.mark.machine(device_tree="firmware/two-rust-devices.dts")
def test_client_without_an_adapter_has_no_device(vm: Vm) -> None:
    with vm.module(DRIVER), vm.module("rust_i2c_client"):
        assert sysfs.bound(vm, "platform", CLIENT) == []
        assert "failed with error" not in vm.log
