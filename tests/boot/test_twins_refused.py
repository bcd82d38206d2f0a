"""Machines of a test that are not copied, and what is said then."""

from __future__ import annotations

import re

import pytest

from rustbed import CrashError, ForkError, Vm
from rustbed.devices.models import device_of
from rustbed.devices.reference.testdev import PciTestdev
from rustbed.errors import HostError
from tests.boot.copied import Start


@pytest.mark.usefixtures("slots")
def test_machine_with_a_device_of_the_host_is_not_copied_until_that_is_gone(start: Start) -> None:
    with start() as vm:
        with vm.plugged(PciTestdev(), "pci-testdev"):
            require_refused(vm, "PciTestdev")
        require_copied(vm)
        with vm.plugged(PciTestdev()) as device:
            require_refused(vm, "PciTestdev")
            vm.unplug(device)
            require_copied(vm)
        # not plugged: what QEMU has of its own is copied
        with vm.plugged("pci-testdev"):
            require_copied(vm)


@pytest.mark.usefixtures("slots")
def test_machine_that_began_with_a_device_of_the_host_is_not_copied(start: Start) -> None:
    with start(devices=(device_of(PciTestdev()),)) as vm:
        # not all of these could be plugged into a copy
        require_refused(vm, "PciTestdev", fix=False)


@pytest.mark.usefixtures("slots")
def test_copy_may_have_a_device_of_the_host(start: Start) -> None:
    with start() as vm, vm.fork() as twin:
        with twin.plugged(PciTestdev()):
            require_refused(twin, "PciTestdev")
            require_copied(vm)
        require_copied(twin)


def require_refused(vm: Vm, name: str, *, fix: bool = True) -> None:
    """Require that a machine is not copied, was not stopped for that, and still answers."""
    events = len(vm.monitor.events)
    said = f"cannot be copied: {name} is served to one QEMU"
    with pytest.raises(ForkError, match=said) as refused, vm.fork():
        pass
    assert ("twin.plugged" in str(refused.value)) == fix
    assert vm.check("echo well") == "well"
    assert [each for each in vm.monitor.events[events:] if each["event"] == "STOP"] == []


def require_copied(vm: Vm) -> None:
    """Require that a machine is copied."""
    with vm.fork() as twin:
        assert twin.check("echo well") == vm.check("echo well") == "well"


def test_machine_that_has_panicked_is_not_copied(start: Start) -> None:
    with start() as vm:
        vm.run_to_end("echo c >/proc/sysrq-trigger")
        with pytest.raises(CrashError, match="panic"), vm.fork():
            pass


def test_chardev_that_would_be_shared_is_named(start: Start) -> None:
    with start() as vm:
        vm.monitor.execute("chardev-add", id="x", backend={"type": "pty", "data": {}})
        with pytest.raises(ForkError, match="ptmx, would be shared") as refused, vm.fork():
            pass
        # of those that QEMU has, only the harness's are left out
        assert re.fullmatch("x: pty:/dev/pts/[0-9]+", str(refused.value.facts["chardevs"]))
        assert vm.check("echo well") == "well"


@pytest.mark.parametrize("forks", ["restored"])
def test_machine_of_a_session_without_copies_says_so(start: Start) -> None:
    with start() as vm:
        with pytest.raises(ForkError, match="--forks hot"), vm.fork():
            pass
        assert vm.check("echo well") == "well"


@pytest.mark.machine(memory_mib=256)
def test_more_copies_than_there_is_memory_for_are_an_error(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rustbed.forks.machines._COPIES_PATIENCE_S", 0.0)
    with start() as vm:
        with pytest.raises(HostError, match="not enough memory"), vm.forks(10_000):
            pass
        assert vm.check("echo well") == "well"
