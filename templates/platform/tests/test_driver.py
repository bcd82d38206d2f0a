"""@name@: its probe, its life, and device trees that it must refuse."""

from pathlib import Path

import pytest

from rustbed import Vm

BUS = "/sys/bus/platform/drivers/@name@"


def machine(*properties: str) -> pytest.MarkDecorator:
    """Return a marker for a machine whose device tree has the device, with these properties."""
    node = " ".join(('compatible = "example,@device@";', *properties))
    return pytest.mark.machine(device_tree=f"/ {{ @device@ {{ {node} }}; }};")


def bound(vm: Vm) -> list[str]:
    """Return the names of the devices that the driver has."""
    return vm.check(f"cd {BUS} && ls -d *@device@* 2>/dev/null; :").split()


@machine("example,level = <3>;")
def test_probe_reads_the_level(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        assert len(bound(vm)) == 1
        assert vm.log.matching("level 3")
    assert vm.log.matching("gone")


@machine("example,level = <3>;")
def test_it_can_be_unbound_and_bound_again(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        (device,) = bound(vm)
        for _ in range(3):
            vm.write(f"{BUS}/unbind", device)
            assert bound(vm) == []
            vm.write(f"{BUS}/bind", device)
            assert bound(vm) == [device]
    assert len(vm.log.matching("gone")) == 4


@machine()
def test_a_device_without_a_level_is_refused(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        assert bound(vm) == []
        assert vm.log.matching("'example,level' is missing")


@machine("example,level = <11>;")
def test_a_level_out_of_range_is_refused(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        assert bound(vm) == []
        assert vm.log.matching("level 11 is out of range")
