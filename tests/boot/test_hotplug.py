"""Plugging into a real machine, and what is said when that does not go."""

from __future__ import annotations

import pytest

from rustbed import MonitorError, UsageError, Vm


@pytest.mark.usefixtures("hotplug_testdev")
def test_devices_are_plugged_until_the_ports_are_taken(vm: Vm) -> None:
    with pytest.raises(MonitorError, match="no-such-device"):
        vm.plug("no-such-device")
    with pytest.raises(MonitorError, match="no-such-device"):
        vm.plug("no-such-device,x=1")
    with pytest.raises(MonitorError, match="membar"):
        vm.plug("pci-testdev,membar=many")
    with pytest.raises(UsageError, match="cannot plug pci-testdev with 'bus=port0'"):
        vm.plug("pci-testdev,bus=port0")
    with pytest.raises(UsageError, match="cannot plug pci-testdev with 'membar'"):
        vm.plug("pci-testdev,membar")
    # what was refused has taken no port
    first, second = vm.plug("pci-testdev,membar=65536"), vm.plug("pci-testdev")
    assert (first.port, second.port) == ("port0", "port1")
    assert first.address != second.address
    assert vm.read(f"/sys/bus/pci/devices/{first.address}/vendor") == "0x1b36\n"
    with pytest.raises(UsageError, match="no free port to plug into: 2 ports, all taken"):
        vm.plug("pci-testdev")


@pytest.mark.machine(free_ports=1)
@pytest.mark.usefixtures("hotplug_testdev")
def test_port_is_free_again_after_unplugging(vm: Vm) -> None:
    first = vm.plug("pci-testdev")
    vm.unplug(first)
    assert vm.run(f"test -e /sys/bus/pci/devices/{first.address}").status != 0
    with pytest.raises(MonitorError, match=first.id):
        vm.unplug(first)
    second = vm.plug("pci-testdev")
    assert (second.port, second.address) == (first.port, first.address)
    assert second.id != first.id


@pytest.mark.machine(free_ports=0)
@pytest.mark.arches("riscv64")
def test_machine_without_ports_says_so(vm: Vm) -> None:
    with pytest.raises(UsageError, match="no free port to plug into: 0 ports"):
        vm.plug("pci-testdev")
