"""rust_driver_platform: a platform driver that reads the properties of its firmware node."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Vm

pytestmark = pytest.mark.needs("rust_driver_platform")

DRIVER = "rust_driver_platform"
DEVICES = "/sys/bus/platform/devices"
ERROR, INFO = 3, 6


def said(vm: Vm, device: str) -> list[tuple[int, str]]:
    return sysfs.levels_and_texts(vm.log, DRIVER, device)


# -- device tree -----------------------------------------------------------------


@pytest.mark.usefixtures("wide_numbers")
@pytest.mark.machine(device_tree="firmware/rust-device.dts")
def test_device_tree_node_with_the_least_is_probed(vm: Vm) -> None:
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == ["rust-device"]
        assert said(vm, "rust-device") == [
            (INFO, "Probed with info: '42'."),
            (INFO, "matched compatible string idx = 0"),
            (INFO, """'compatible'='"test,rust-device"'"""),
            (INFO, "'test,bool-prop'='false'"),
            (INFO, "'test,u32-prop' is present"),
            (INFO, "'test,u32-optional-prop'='0x12' (default = 0x12)"),
            (ERROR, "/rust-device: property 'test,u32-required-prop' is missing"),
            (INFO, "'test,u32-prop'='0x89abcdef'"),
            (INFO, "'test,i16-array'='[7, -7, 32767, -32768]'"),
            (INFO, "'test,i16-array' length is 4"),
            (INFO, "'test,i16-array'='[7, -7, 32767, -32768]' (KVec)"),
            (INFO, "'test,ref-arg'='[3, 4294967294]'"),
        ]
    assert not sysfs.exists(vm, f"/sys/bus/platform/drivers/{DRIVER}")
    assert not sysfs.exists(vm, f"{DEVICES}/rust-device/driver")


@pytest.mark.machine(device_tree="firmware/rust-device-full.dts")
def test_device_tree_node_with_every_property_is_probed(vm: Vm) -> None:
    with vm.module(DRIVER):
        assert said(vm, "rust-device") == [
            (INFO, "Probed with info: '42'."),
            (INFO, "matched compatible string idx = 1"),
            (INFO, """'compatible'='"acme,board-device"'"""),
            (INFO, "'test,bool-prop'='true'"),
            (INFO, "'test,u32-prop' is present"),
            (INFO, "'test,u32-optional-prop'='0x13' (default = 0x12)"),
            (INFO, "'test,u32-prop'='0x1'"),
            (INFO, "'test,i16-array'='[1, 2, 3, 4]'"),
            (INFO, "'test,i16-array' length is 4"),
            (INFO, "'test,i16-array'='[1, 2, 3, 4]' (KVec)"),
            (INFO, "'test,ref-arg'='[10, 20]'"),
            (INFO, "'test,ref-arg'='[30, 40]'"),
        ]


# what a node of firmware/rust-device-refused.dts is refused with, and the beginning of what was said before
REFUSED = {
    "no-u32-prop": (errno.EINVAL, ERROR, "/no-u32-prop: property 'test,u32-prop' is missing"),
    "short-u32-prop": (errno.EOVERFLOW, ERROR, "/short-u32-prop: property 'test,u32-prop'"),
    "no-i16-array": (errno.EINVAL, ERROR, "/no-i16-array: property 'test,i16-array' is missing"),
    "short-i16-array": (errno.EOVERFLOW, ERROR, "/short-i16-array: property 'test,i16-array'"),
    # four elements and a byte: they can be read, but not counted
    "odd-i16-array": (errno.EINVAL, INFO, "'test,i16-array'='[1, 2, 3, 4]'"),
    "no-ref-arg": (errno.ENOENT, INFO, "'test,i16-array'='[1, 2, 3, 4]' (KVec)"),
    "short-ref-arg": (errno.EINVAL, INFO, "'test,i16-array'='[1, 2, 3, 4]' (KVec)"),
}


@pytest.mark.machine(device_tree="firmware/rust-device-refused.dts")
def test_nodes_that_lack_something_are_refused_one_by_one(vm: Vm) -> None:
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == ["accepted", "long-i16-array"]
        for device, (error, level, begin) in REFUSED.items():
            before, failed = said(vm, device)[-2:]
            assert (device, before[0], before[1][: len(begin)]) == (device, level, begin)
            assert failed == (ERROR, f"probe with driver {DRIVER} failed with error -{error}")
        # one more element than the driver wants
        assert (INFO, "'test,i16-array' length is 5") in said(vm, "long-i16-array")
        assert not sysfs.exists(vm, f"{DEVICES}/disabled")
        # whoever binds a device by hand is told why it was refused
        for device, (error, *_) in REFUSED.items():
            assert (device, errno_of(sysfs.bind, vm, "platform", DRIVER, device)) == (device, error)


@pytest.mark.machine(device_tree="firmware/rust-device-refused.dts")
@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="every error is reported as absence: docs/findings/property-called-missing.md",
)
def test_malformed_property_is_not_called_missing(vm: Vm) -> None:
    with vm.module(DRIVER):
        pass
    assert vm.log.matching("/short-u32-prop: property 'test,u32-prop' is missing") == []


@pytest.mark.machine(device_tree="firmware/two-rust-devices.dts")
def test_devices_are_bound_one_by_one_also_without_an_id(vm: Vm) -> None:
    sysfs.override(vm, "platform", "other-device", DRIVER)
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == ["other-device", "rust-first", "rust-second"]
        # no entry of the driver's table, and so no info
        assert said(vm, "other-device")[0] == (INFO, """'compatible'='"acme,other-device"'""")
        assert said(vm, "other-device")[-1] == (INFO, "'test,i16-array'='[9, 10, 11, 12]' (KVec)")
        first = said(vm, "rust-first")
        assert first[0] == (INFO, "Probed with info: '42'.")
        sysfs.unbind(vm, "platform", DRIVER, "rust-first")
        assert sysfs.bound(vm, "platform", DRIVER) == ["other-device", "rust-second"]
        assert said(vm, "rust-first") == first
        sysfs.bind(vm, "platform", DRIVER, "rust-first")
        assert said(vm, "rust-first") == 2 * first


@pytest.mark.needs("rust_soc")
@pytest.mark.machine(device_tree="firmware/two-rust-devices.dts")
def test_override_steers_a_device_that_another_driver_would_take(vm: Vm) -> None:
    sysfs.override(vm, "platform", "rust-second", DRIVER)
    with vm.module("rust_soc"), vm.module(DRIVER):
        # the driver loaded first took what it was allowed to take
        assert sysfs.bound(vm, "platform", "rust_soc") == ["rust-first"]
        assert sysfs.bound(vm, "platform", DRIVER) == ["rust-second"]
        assert errno_of(sysfs.bind, vm, "platform", DRIVER, "rust-first") == errno.EBUSY


# -- ACPI --------------------------------------------------------------------------


@pytest.mark.machine(acpi=["firmware/two-rust-devices.dsl"])
def test_acpi_devices_are_probed_without_reading_properties(vm: Vm) -> None:
    devices = ["LNUXBEEF:00", "LNUXBEEF:01"]
    probed = [(INFO, "Probed with info: '0'.")]
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == devices
        assert [said(vm, device) for device in devices] == [probed, probed]
        sysfs.unbind(vm, "platform", DRIVER, devices[0])
        assert sysfs.bound(vm, "platform", DRIVER) == devices[1:]
        sysfs.bind(vm, "platform", DRIVER, devices[0])
        assert said(vm, devices[0]) == 2 * probed


@pytest.mark.machine(acpi=["firmware/two-rust-devices.dsl"])
@pytest.mark.needs("acpi_configfs")
def test_devices_of_an_acpi_table_come_and_go_with_it(
    vm: Vm, boot: Callable[..., AbstractContextManager[Vm]]
) -> None:
    (compiled,) = vm.spec.acpi_tables
    table = "/sys/kernel/config/acpi/table/late"
    with boot(acpi=[]) as other, other.module("acpi_configfs"), other.module(DRIVER):
        other.push(compiled, "/tmp/late.aml")
        other.check(f"mkdir {table} && cat /tmp/late.aml >{table}/aml")
        # a kernel thread looks for devices in the table
        other.wait_for(lambda: said(other, "LNUXBEEF:01"), "the table's second device to be probed")
        assert sysfs.bound(other, "platform", DRIVER) == ["LNUXBEEF:00", "LNUXBEEF:01"]
        assert said(other, "LNUXBEEF:01") == [(INFO, "Probed with info: '0'.")]
        other.check(f"rmdir {table}")
        other.wait_for(
            lambda: not any(sysfs.exists(other, f"{DEVICES}/LNUXBEEF:0{number}") for number in range(2)),
            "both devices to go",
        )
        assert sysfs.bound(other, "platform", DRIVER) == []


# the one machine with a platform device that no firmware describes
@pytest.mark.arches("x86_64")
def test_override_binds_a_device_without_a_firmware_node_in_silence(vm: Vm) -> None:
    sysfs.override(vm, "platform", "pcspkr", DRIVER)
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == ["pcspkr"]
        assert said(vm, "pcspkr") == []
