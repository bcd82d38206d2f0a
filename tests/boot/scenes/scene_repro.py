"""Not tests of ours: run by test_repro.py, which reproduces how each of them ends."""

from __future__ import annotations

from rustbed import Vm
from tests.boot.scenes.scene_verdicts import OOPS


def test_asserts_in_vain(vm: Vm) -> None:
    assert vm.check("echo one") == "two"


def test_oopses_in_the_middle(vm: Vm) -> None:
    vm.push(b"hello\n", "/tmp/x/y")
    vm.run(OOPS)
    vm.run("echo after")


def test_panics(vm: Vm) -> None:
    with vm.module("rust_minimal"):
        vm.run("echo c >/proc/sysrq-trigger")


def test_fails_with_a_device_plugged_in(vm: Vm) -> None:
    device = vm.plug("pci-testdev")
    vm.check(f"cat /sys/bus/pci/devices/{device.address}/device; exit 3")
