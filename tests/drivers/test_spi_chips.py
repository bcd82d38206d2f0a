"""SPI chips in Python: somebody else's driver of a real chip, and programs.

In kernels with tests/drivers/more.config.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Booter, Fault, FaultKind, SpiBus, SpiChip, SpiMode, SpiTransfer, Vm

pytestmark = pytest.mark.needs("spi_virtio")

Build = Callable[[str], Path]
# of linux/spi/spidev.h
SPI_IOC_WR_MODE = 0x40016B01


class Converter(SpiChip):
    """Microchip MCP3004, four channels of ten bits, as far as its driver goes."""

    levels = (0, 1023, 512, 3)
    channel = 0

    def on_transfer(self, sent: bytes) -> bytes:
        if len(sent) == 1:
            self.channel = sent[0] >> 2 & 3
            return b"\0"
        return (self.levels[self.channel] << 6).to_bytes(2, "big")


class Echo(SpiChip):
    def on_transfer(self, sent: bytes) -> bytes:
        return b"hello"


@contextmanager
def machine(boot: Booter, build: Build, bus: SpiBus, modalias: str) -> Iterator[Vm]:
    """Yield a machine with the bus, and a device on it."""
    with boot(devices=[bus]) as vm:
        # for good: test_driver_of_the_controller_is_unloaded
        vm.insmod("spi_virtio")
        vm.wait_for(lambda: sysfs.exists(vm, "/sys/class/spi_master/spi0"), "the controller")
        with vm.module(build("modules/spi_new"), modalias=modalias):
            yield vm


def test_driver_of_a_chip_reads_what_the_chip_measures(boot: Booter, build_module: Build) -> None:
    bus = SpiBus(Converter())
    with machine(boot, build_module, bus, "mcp3004") as vm, vm.module("mcp320x"):
        channels = "/sys/bus/iio/devices/iio:device0/in_voltage"
        vm.wait_for(lambda: sysfs.exists(vm, f"{channels}0_raw"), "the probe")
        bus.forget()
        assert [int(vm.read(f"{channels}{channel}_raw")) for channel in range(4)] == [0, 1023, 512, 3]
        # a start bit, one input against ground, the channel
        assert bus.trace[2:4] == [SpiTransfer(b"\x64"), SpiTransfer(received=b"\xff\xc0")]
        bus.fault = Fault(kind=FaultKind.REFUSED, at=2)
        assert errno_of(vm.read, f"{channels}0_raw") == errno.EIO
        assert int(vm.read(f"{channels}1_raw")) == 1023


def test_program_transfers_bytes(boot: Booter, build_module: Build) -> None:
    bus = SpiBus(Echo())
    with machine(boot, build_module, bus, "bh2228fv") as vm, vm.module("spidev"):
        vm.wait_for(lambda: sysfs.exists(vm, "/dev/spidev0.0"), "the probe")
        bus.forget()
        vm.write("/dev/spidev0.0", b"\1\2\3")
        assert vm.check("head -c 7 /dev/spidev0.0 | od -An -c").split() == [*"hello", "377", "377"]
        assert bus.trace[0] == SpiTransfer(b"\1\2\3")
        assert bus.trace[1].received.startswith(b"hello")


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="drivers/spi/spi-virtio.c has no remove(): docs/findings/spi-virtio-has-no-remove.md",
)
@pytest.mark.expect_splat("NULL pointer dereference in virtio_dev_remove")
def test_driver_of_the_controller_is_unloaded(boot: Booter) -> None:
    with boot(devices=[SpiBus(Echo())]) as vm:
        vm.insmod("spi_virtio")
        assert sysfs.listing(vm, "/sys/class/spi_master") == ["spi0"]
        vm.run("rmmod spi_virtio")
        assert vm.log.matching("NULL pointer dereference") == []


class MostSignificantFirst(SpiBus):
    supports = SpiMode.CPHA | SpiMode.CPOL


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="drivers/spi/spi-virtio.c takes the bits of what is supported for bits of a mode:"
    " docs/findings/spi-virtio-mode-bits.md",
)
def test_mode_that_the_controller_does_not_have_is_refused(boot: Booter, build_module: Build) -> None:
    bus = MostSignificantFirst(Echo())
    with machine(boot, build_module, bus, "bh2228fv") as vm, vm.module("spidev"):
        vm.wait_for(lambda: sysfs.exists(vm, "/dev/spidev0.0"), "the probe")
        mode = bytes([SpiMode.LSB_FIRST])
        assert errno_of(vm.ioctl, "/dev/spidev0.0", SPI_IOC_WR_MODE, mode) == errno.EINVAL
