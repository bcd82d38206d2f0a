"""I2C chips in Python: the Rust sample of a driver, and somebody else's driver of a real chip.

The adapter's driver and that of the chip are the kernel's own, built beside the tests.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Booter, Fault, FaultKind, I2cBus, I2cChip, I2cRead, I2cRegister, I2cWrite, Vm

pytestmark = pytest.mark.needs("rust_driver_i2c", "CONFIG_I2C")

DRIVER = "rust_driver_i2c"
Build = Callable[[str], Path]


class LightSensor(I2cChip):
    """Intersil ISL29003, as far as its driver goes."""

    address = 0x44
    command = I2cRegister(0x00)
    control = I2cRegister(0x01)
    low = I2cRegister(0x04, read_only=True)
    high = I2cRegister(0x05, read_only=True)

    def on_write_command(self, value: int) -> None:
        # it measures while its converter is on
        self.low, self.high = (0x34, 0x12) if value & 0x80 else (0, 0)


class Unknown(I2cChip):
    address = 0x30


@contextmanager
def machine(boot: Booter, build: Build, bus: I2cBus) -> Iterator[tuple[Vm, str]]:
    """Yield a machine with the bus, and the directory of its adapter."""
    with boot(devices=[bus]) as vm, vm.module(build("modules/i2c_virtio")):
        adapter = "/sys/bus/i2c/devices/i2c-0"
        vm.wait_for(lambda: sysfs.exists(vm, adapter), "the adapter")
        yield vm, adapter


def test_driver_of_a_chip_reads_what_the_chip_measures(boot: Booter, build_module: Build) -> None:
    sensor = LightSensor()
    bus = I2cBus(sensor)
    with machine(boot, build_module, bus) as (vm, adapter), vm.module(build_module("modules/isl29003")):
        vm.write(f"{adapter}/new_device", "isl29003 0x44")
        device = f"{adapter}/0-0044"
        assert sysfs.bound(vm, "i2c", "isl29003") == ["0-0044"]
        vm.write(f"{device}/power_state", "1")
        assert sensor.command & 0x80
        bus.forget()
        # the driver's arithmetic: counts, times the range, by the resolution
        assert vm.read(f"{device}/lux") == f"{(0x1234 * 1000) >> 16}\n"
        assert bus.trace == [
            *(I2cWrite(0x44, b"\x04"), I2cRead(0x44, b"\x34")),
            *(I2cWrite(0x44, b"\x05"), I2cRead(0x44, b"\x12")),
        ]
        sensor.stretch_s = 0.2
        assert vm.read(f"{device}/lux") == f"{(0x1234 * 1000) >> 16}\n"
        sensor.stretch_s = 0.0
        sensor.fault = Fault(kind=FaultKind.GONE)
        assert errno_of(vm.write, f"{device}/range", "1") == errno.EIO
        sensor.fault = None
        vm.write(f"{device}/range", "1")
        assert sensor.control >> 2 & 3 == 1


def test_rust_driver_binds_to_a_chip_and_a_chip_that_does_not_answer_stays_alone(
    boot: Booter, build_module: Build
) -> None:
    sensor = LightSensor()
    sensor.fault = Fault(kind=FaultKind.GONE, at=2)
    bus = I2cBus(Unknown(), sensor)
    with machine(boot, build_module, bus) as (vm, adapter):
        with vm.module(DRIVER):
            vm.write(f"{adapter}/new_device", f"{DRIVER} 0x30")
            assert sysfs.bound(vm, "i2c", DRIVER) == ["0-0030"]
            vm.write(f"{adapter}/delete_device", "0x30")
            # it says nothing to its device
            assert bus.trace == []
        with vm.module(build_module("modules/isl29003")):
            for address in (0x44, 0x45):
                vm.write(f"{adapter}/new_device", f"isl29003 {address:#x}")
            assert sysfs.bound(vm, "i2c", "isl29003") == []
            assert bus.trace == [
                *(I2cWrite(0x44, b"\x00"), I2cRead(0x44, acknowledged=False)),
                I2cWrite(0x45, b"\x00", acknowledged=False),
            ]


class Opt3001(I2cChip):
    """Texas Instruments OPT3001, as far as its driver goes: a conversion is done at once."""

    address = 0x44
    result = I2cRegister(0x00, width=2, reset=0x3ABC, read_only=True)
    config = I2cRegister(0x01, width=2, reset=0xC810)
    low_limit = I2cRegister(0x02, width=2)
    high_limit = I2cRegister(0x03, width=2, reset=0xBFFF)
    manufacturer = I2cRegister(0x7E, width=2, reset=0x5449, read_only=True)
    device = I2cRegister(0x7F, width=2, reset=0x3001, read_only=True)

    def on_write_config(self, value: int) -> None:
        self.config = value | 0x80


@pytest.mark.needs("opt3001")
def test_driver_of_industrial_io_reads_what_the_chip_measures(boot: Booter, build_module: Build) -> None:
    """In kernels with tests/drivers/more.config."""
    bus = I2cBus(Opt3001())
    with machine(boot, build_module, bus) as (vm, adapter), vm.module("opt3001"):
        vm.write(f"{adapter}/new_device", "opt3001 0x44")
        assert sysfs.bound(vm, "i2c", "opt3001") == ["0-0044"]
        # a hundredth of a lux, by the exponent in the upper four bits
        lux = float(vm.read("/sys/bus/iio/devices/iio:device0/in_illuminance_input"))
        assert lux == pytest.approx(0.01 * 2**3 * 0xABC)
