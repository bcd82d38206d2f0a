"""@name@: its probe, its life, and devices that it must refuse."""

from pathlib import Path

import pytest

from rustbed import Vm

BUS = "/sys/bus/usb/drivers/@name@"

tablet = pytest.mark.machine(devices=["qemu-xhci", "usb-tablet,id=tablet"])


def bound(vm: Vm) -> list[str]:
    """Return the names of the interfaces that the driver has."""
    return vm.check(f"cd {BUS} && ls -d [0-9]* 2>/dev/null; :").split()


def wait_for_tablet(vm: Vm) -> str:
    """Return the name of the tablet's interface; it takes the kernel some time to find a USB device."""
    (interface,) = vm.wait_for(lambda: bound(vm), "the driver to get the tablet")
    return interface


@tablet
def test_probe_finds_the_tablet(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        wait_for_tablet(vm)
        assert vm.log.matching("tablet found")
    assert vm.log.matching("gone")


@tablet
def test_it_can_be_unbound_and_bound_again(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        interface = wait_for_tablet(vm)
        for _ in range(3):
            vm.write(f"{BUS}/unbind", interface)
            assert bound(vm) == []
            vm.write(f"{BUS}/bind", interface)
            assert bound(vm) == [interface]
    assert len(vm.log.matching("gone")) == 4


@tablet
def test_the_tablet_can_be_unplugged_and_plugged_in_again(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        wait_for_tablet(vm)
        vm.monitor.execute("device_del", id="tablet")
        vm.wait_log("gone")
        vm.wait_for(lambda: not bound(vm), "the kernel to forget the tablet")
        vm.monitor.execute("device_add", driver="usb-tablet", id="tablet")
        wait_for_tablet(vm)


@pytest.mark.machine(devices=["qemu-xhci", "usb-kbd", "usb-mouse"])
def test_other_devices_with_the_same_ids_are_refused(vm: Vm, driver: Path) -> None:
    devices = "/sys/bus/usb/devices/[0-9]*:1.0"
    vm.wait_for(lambda: len(vm.check(f"ls -d {devices}").split()) == 4, "two hubs and two devices")
    with vm.module(driver):
        assert bound(vm) == []
        assert not vm.log.matching("tablet found")
