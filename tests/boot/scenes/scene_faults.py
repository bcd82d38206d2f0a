"""Not tests of ours: run by test_faults.py, which knows what each driver survives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Bar, PciDevice, Vm


class Indexed(PciDevice):
    vendor_id, device_id = 0x1B36, 0xCAFE
    regs = Bar(0, size=4096)
    index = regs.register(0x00, reset=1)


@pytest.fixture
def trusting(build_module: Callable[[str], Path]) -> Path:
    return build_module("../modules/trusting")


def test_driver_trusts_its_device(vm: Vm, trusting: Path) -> None:
    device = Indexed()
    with vm.module(trusting), vm.plugged(device):
        vm.wait_for(lambda: vm.log.matching("this is one"), "the probe")
        assert len(device.trace) == 1


def test_driver_keeps_its_device(vm: Vm, build_module: Callable[[str], Path]) -> None:
    with (
        vm.module(build_module("../modules/keeping")),
        vm.plugged(Indexed(), timeout_s=3),
    ):
        vm.wait_for(lambda: vm.log.matching("its device is in state 1"), "the probe")


def test_device_is_not_there(vm: Vm) -> None:
    assert vm.run("true").status == 0
