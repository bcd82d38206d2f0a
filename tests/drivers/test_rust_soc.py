"""rust_soc: a platform driver that registers a device on the soc bus, which shows five attributes."""

from __future__ import annotations

import errno

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Vm

pytestmark = pytest.mark.needs("rust_soc")

DRIVER = "rust_soc"
DEVICES = "/sys/bus/soc/devices"

ATTRIBUTES = {
    "machine": "My cool ACME15 dev board\n",
    "family": "ACME\n",
    "revision": "1.2\n",
    "serial_number": "12345\n",
    "soc_id": "ACME15\n",
}


def attributes(vm: Vm, device: str) -> dict[str, str]:
    return {name: vm.read(f"{DEVICES}/{device}/{name}") for name in ATTRIBUTES}


@pytest.mark.machine(device_tree="firmware/two-rust-devices.dts")
def test_each_device_tree_node_becomes_a_soc_device(vm: Vm) -> None:
    assert sysfs.listing(vm, DEVICES) == []
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == ["rust-first", "rust-second"]
        assert sysfs.listing(vm, DEVICES) == ["soc0", "soc1"]
        assert [attributes(vm, device) for device in ("soc0", "soc1")] == [ATTRIBUTES, ATTRIBUTES]
        assert vm.check(f"cd {DEVICES}/soc0; stat -c %a {' '.join(ATTRIBUTES)}").split() == 5 * ["444"]
        # but for dev_dbg!, which is there only with CONFIG_RUST_DEBUG_ASSERTIONS
        assert [record.text for record in vm.log if DRIVER in record.text and record.level < 7] == []
    assert sysfs.listing(vm, DEVICES) == []
    left = [
        f"/sys/bus/platform/drivers/{DRIVER}",
        f"/sys/module/{DRIVER}",
        "/sys/devices/soc0",
        "/sys/devices/soc1",
    ]
    assert [path for path in left if sysfs.exists(vm, path)] == []


@pytest.mark.machine(device_tree="firmware/two-rust-devices.dts")
def test_unbind_takes_the_soc_device_and_frees_its_number(vm: Vm) -> None:
    path = f"{DEVICES}/soc0/machine"
    with vm.module(DRIVER):
        assert errno_of(vm.write, path, "mine") == errno.EACCES
        with vm.open(path, "r") as file:
            sysfs.unbind(vm, "platform", DRIVER, "rust-first")
            assert errno_of(file.read) == errno.ENODEV
        assert sysfs.listing(vm, DEVICES) == ["soc1"]
        sysfs.unbind(vm, "platform", DRIVER, "rust-second")
        assert sysfs.listing(vm, DEVICES) == []
        sysfs.bind(vm, "platform", DRIVER, "rust-second")
        assert sysfs.listing(vm, DEVICES) == ["soc0"]
        assert attributes(vm, "soc0") == ATTRIBUTES


@pytest.mark.machine(acpi=["firmware/two-rust-devices.dsl"])
def test_each_acpi_device_becomes_a_soc_device(vm: Vm) -> None:
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == ["LNUXBEEF:00", "LNUXBEEF:01"]
        assert [attributes(vm, device) for device in ("soc0", "soc1")] == [ATTRIBUTES, ATTRIBUTES]
        sysfs.unbind(vm, "platform", DRIVER, "LNUXBEEF:00")
        assert sysfs.listing(vm, DEVICES) == ["soc1"]
    assert sysfs.listing(vm, DEVICES) == []


@pytest.mark.needs("rust_driver_platform", "rust_debugfs")
@pytest.mark.machine(acpi=["firmware/two-rust-devices.dsl"])
def test_driver_loaded_first_takes_all_devices_with_the_id(vm: Vm) -> None:
    with vm.module(DRIVER), vm.module("rust_driver_platform"), vm.module("rust_debugfs"):
        assert sysfs.bound(vm, "platform", DRIVER) == ["LNUXBEEF:00", "LNUXBEEF:01"]
        assert sysfs.bound(vm, "platform", "rust_driver_platform") == []
        assert sysfs.bound(vm, "platform", "rust_debugfs") == []
