"""rust_driver_usb: a driver for the USB ids 1234:5678, which the guest has itself: no device of QEMU does."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Vm

pytestmark = pytest.mark.needs("rust_driver_usb", "dummy_hcd", "usb_f_ss_lb", "g_zero")

DRIVER = "rust_driver_usb"
WANTED = {"idVendor": 0x1234, "idProduct": 0x5678}
# the first of the configuration that the kernel chooses of g_zero's two
INTERFACE = "1-1:3.0"


@contextmanager
def gadget(vm: Vm, **ids: int) -> Iterator[None]:
    """Plug in a device with these ids, as long as the context lasts."""
    # g_zero asks for usb_f_ss_lb by its name, and nothing in the guest loads modules for the kernel
    with vm.module("dummy_hcd"), vm.module("usb_f_ss_lb"), vm.module("g_zero", **ids):
        vm.wait_for(lambda: sysfs.exists(vm, f"/sys/bus/usb/devices/{INTERFACE}"), "the device's interface")
        yield


def said(vm: Vm) -> list[str]:
    return [record.text for record in vm.log if record.text.startswith(f"{DRIVER} {INTERFACE}: ")]


def test_device_with_its_ids_is_probed_and_disconnected(vm: Vm) -> None:
    with vm.module(DRIVER):
        with gadget(vm, **WANTED):
            vm.wait_log("sample probed")
            assert sysfs.bound(vm, "usb", DRIVER) == [INTERFACE]
        vm.wait_log("sample disconnected")
        assert sysfs.bound(vm, "usb", DRIVER) == []
    assert said(vm) == [
        f"{DRIVER} {INTERFACE}: Rust USB driver sample probed",
        f"{DRIVER} {INTERFACE}: Rust USB driver sample disconnected",
    ]
    assert not sysfs.exists(vm, f"/sys/bus/usb/drivers/{DRIVER}")


def test_unbind_and_bind_are_a_disconnect_and_a_probe(vm: Vm) -> None:
    with vm.module(DRIVER), gadget(vm, **WANTED):
        vm.wait_log("sample probed")
        sysfs.unbind(vm, "usb", DRIVER, INTERFACE)
        assert sysfs.bound(vm, "usb", DRIVER) == []
        sysfs.bind(vm, "usb", DRIVER, INTERFACE)
        assert sysfs.bound(vm, "usb", DRIVER) == [INTERFACE]
        assert [text.rpartition(" ")[2] for text in said(vm)] == ["probed", "disconnected", "probed"]


def test_driver_that_is_unloaded_lets_go_of_its_device(vm: Vm) -> None:
    with gadget(vm, **WANTED):
        with vm.module(DRIVER):
            vm.wait_log("sample probed")
        assert said(vm)[-1].endswith("disconnected")
        assert sysfs.exists(vm, f"/sys/bus/usb/devices/{INTERFACE}")


def test_other_ids_are_left_alone(vm: Vm) -> None:
    with vm.module(DRIVER), gadget(vm, idVendor=0x1234, idProduct=0x5679):
        assert sysfs.bound(vm, "usb", DRIVER) == []
        assert errno_of(sysfs.bind, vm, "usb", DRIVER, INTERFACE) == errno.ENODEV
        # until somebody says that it may have it
        vm.write(f"/sys/bus/usb/drivers/{DRIVER}/new_id", "1234 5679")
        vm.wait_log("sample probed")
        assert sysfs.bound(vm, "usb", DRIVER) == [INTERFACE]
