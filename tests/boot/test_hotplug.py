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


@pytest.mark.machine(free_ports=1)
@pytest.mark.usefixtures("hotplug_testdev")
def test_card_is_pulled_out_and_another_put_in(vm: Vm) -> None:
    with vm.plugged("pci-testdev", "pci-testdev") as card:
        assert [address[-2:] for address in card.addresses] == [".0", ".1"]
        vm.mark_log()
        vm.unplug(card, surprise=True)
        # the kernel was not asked
        assert len(vm.log.matching("Card not present")) == 1
        assert not set(card.addresses) & set(vm.check("ls /sys/bus/pci/devices").split())
        with pytest.raises(MonitorError, match=card.id):
            vm.unplug(card, surprise=True)
        second = vm.plug("pci-testdev")
        assert (second.port, second.address) == (card.port, card.address)


@pytest.mark.machine(free_ports=1)
@pytest.mark.usefixtures("hotplug_testdev")
def test_card_of_which_a_function_is_refused_is_not_plugged_in(vm: Vm) -> None:
    with pytest.raises(MonitorError, match="membar"), vm.plugged("pci-testdev,membar=many", "pci-testdev"):
        pass
    vm.unplug(vm.plug("pci-testdev"))
    with pytest.raises(UsageError, match="a card of 9 functions"), vm.plugged(*["pci-testdev"] * 9):
        pass
    with pytest.raises(UsageError, match="a card of 0 functions"), vm.plugged():
        pass


@pytest.mark.machine(free_ports=0)
@pytest.mark.arches("riscv64")
def test_machine_without_ports_says_so(vm: Vm) -> None:
    with pytest.raises(UsageError, match="no free port to plug into: 0 ports"):
        vm.plug("pci-testdev")


@pytest.mark.arches("s390x")
def test_machine_without_slots_says_so(vm: Vm) -> None:
    with pytest.raises(UsageError, match="s390x's machine has no slots to plug into"):
        vm.plug("virtio-rng-pci")
