"""@name@: its probe, its life, and devices that it must refuse."""

from pathlib import Path

import pytest

from rustbed import Vm

BUS = "/sys/bus/pci/drivers/@name@"

edu = pytest.mark.machine(devices=["edu"])


def bound(vm: Vm) -> list[str]:
    """Return the addresses of the devices that the driver has."""
    return vm.check(f"cd {BUS} && ls -d 0000:* 2>/dev/null; :").split()


@edu
def test_probe_finds_the_device_alive(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        assert len(bound(vm)) == 1
        assert vm.log.matching(r"edu 1\.0 is alive")
    assert vm.log.matching("gone")


@edu
def test_it_can_be_unbound_and_bound_again(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        (address,) = bound(vm)
        for _ in range(3):
            vm.write(f"{BUS}/unbind", address)
            assert bound(vm) == []
            vm.write(f"{BUS}/bind", address)
            assert bound(vm) == [address]
    assert len(vm.log.matching("gone")) == 4


@pytest.mark.machine(devices=["edu", "edu"])
def test_two_devices_are_served(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        assert len(bound(vm)) == 2


@pytest.mark.machine(devices=["pci-testdev"])
def test_another_device_of_the_class_is_refused(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        assert bound(vm) == []
        assert not vm.log.matching("alive|probe with driver")
