"""GPIO lines in Python: the kernel's driver of their controller, and a driver that uses two of them.

In kernels with tests/drivers/more.config.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.drivers import sysfs

from rustbed import (
    Booter,
    Direction,
    Fault,
    FaultKind,
    GpioChip,
    GpioInterrupt,
    GpioLine,
    GpioRead,
    GpioSetup,
    GpioWrite,
    Trigger,
    Vm,
)

pytestmark = pytest.mark.needs("gpio_virtio")

Build = Callable[[str], Path]


class Modem(GpioChip):
    awake = GpioLine(0)
    # low while it is busy
    busy = GpioLine(1, level=1)


@contextmanager
def machine(boot: Booter, modem: Modem) -> Iterator[tuple[Vm, str]]:
    """Yield a machine with the lines, and the label of their controller."""
    with boot(devices=[modem]) as vm, vm.module("gpio_virtio"):
        chip = "/sys/bus/gpio/devices/gpiochip0"
        vm.wait_for(lambda: sysfs.exists(vm, chip), "the controller")
        yield vm, vm.check(f"basename $(dirname $(readlink -f {chip}))").strip()


def test_driver_uses_lines_and_is_told_when_they_change(boot: Booter, build_module: Build) -> None:
    modem = Modem()
    with machine(boot, modem) as (vm, label):
        # the kernel says which way a line goes: a new one goes neither way
        modem.forget()
        with vm.module(build_module("modules/lines"), chip=label):
            assert sysfs.bound(vm, "platform", "lines") == ["lines"]
            assert modem.trace == [
                *(GpioWrite("awake", 0), GpioSetup("awake", Direction.OUT)),
                *(GpioSetup("busy", Direction.IN), GpioSetup("busy", Trigger.BOTH)),
            ]
            for busy in (1, 0):
                modem.forget()
                modem.busy = 1 - busy
                vm.wait_for(lambda: len(modem.trace) >= 3, "the driver's answer")
                assert modem.awake == busy
                assert modem.trace[:3] == [
                    *(GpioInterrupt("busy"), GpioRead("busy", 1 - busy), GpioWrite("awake", busy)),
                ]
            modem.forget()
        # it lets go of both
        assert modem.trace == [
            *(GpioSetup("busy", Trigger.NONE), GpioSetup("busy", Direction.NONE)),
            GpioSetup("awake", Direction.NONE),
        ]


def test_driver_does_not_bind_to_a_line_that_fails(boot: Booter, build_module: Build) -> None:
    modem = Modem()
    with machine(boot, modem) as (vm, label):
        modem.fault = Fault(kind=FaultKind.REFUSED, at=3)
        with vm.module(build_module("modules/lines"), chip=label):
            assert sysfs.bound(vm, "platform", "lines") == []
        assert modem.fault_happened
        assert vm.log.matching("no line that says it is busy")
