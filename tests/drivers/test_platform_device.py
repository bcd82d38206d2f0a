"""A platform device that is described once, and what a driver is told of it by device trees and by ACPI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.drivers import sysfs

from rustbed import Ints, PlatformDevice, Vm

DEVICE = PlatformDevice(
    name="described",
    compatible=("acme,described-board", "acme,described"),
    properties={
        "acme,ready": True,
        "acme,silent": False,
        "acme,label": 'the "first"',
        "acme,limit": 0xFFFFFFF0,
        "acme,offsets": Ints((1, -2, 0x7FFF), bits=16),
    },
    # what no device of these machines is at, and a processor of 40 bits reaches
    regs=[(0xFF_0000_0000, 0x1000), (0xFF_0001_0000, 0x40)],
    # a line that nothing else of these machines is at
    irqs=[13],
)


@pytest.mark.machine(platform_devices=DEVICE)
def test_driver_is_told_everything(vm: Vm, build_module: Callable[[str], Path]) -> None:
    with vm.module(build_module("modules/described")):
        (device,) = sysfs.bound(vm, "platform", "described")
        assert [text for _, text in sysfs.levels_and_texts(vm.log, "described", device)] == [
            "ready=true silent=false",
            'label="the \\"first\\""',
            "limit=0xfffffff0",
            "offsets=[1, -2, 32767]",
            "regs 0xff00000000 0x1000",
            "regs 0xff00010000 0x40",
            "has its interrupt",
        ]
    assert not sysfs.exists(vm, "/sys/bus/platform/drivers/described")


@pytest.mark.needs("rust_driver_platform")
@pytest.mark.machine(
    platform_devices=[
        PlatformDevice(name="first", acpi_id="LNUXBEEF", compatible="acme,other"),
        PlatformDevice(name="second", acpi_id="LNUXBEEF", compatible="acme,other"),
    ]
)
@pytest.mark.arches("x86_64")
def test_id_of_acpi_goes_before_those_of_device_trees(vm: Vm) -> None:
    with vm.module("rust_driver_platform"):
        assert sysfs.bound(vm, "platform", "rust_driver_platform") == ["LNUXBEEF:00", "LNUXBEEF:01"]
