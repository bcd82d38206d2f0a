"""What every driver should survive, tried on drivers of the kernel's tree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rustbed import Vm
from rustbed.devices.reference.testdev import PciTestdev
from rustbed.kernel.module import read_module
from rustbed.life.driver import Driver, find_device
from rustbed.life.steps import load_failing, pull_out_while_open, unplug_while_open
from rustbed.life.subject import Subject

# the steps are the same everywhere; elsewhere they are tried by `rustbed life`
pytestmark = pytest.mark.arches("x86_64")

Life = Callable[[], None]


@pytest.mark.needs("rust_misc_device")
@pytest.mark.lifecycle("rust_misc_device", ioctls=[0x7C80, 0x80047C81, 0x40047C82])
def test_rust_misc_device(life: Life) -> None:
    life()


@pytest.mark.usefixtures("hotplug_testdev")
@pytest.mark.needs("rust_driver_pci")
def test_device_of_a_driver_is_pulled_out_before_the_kernel_notices(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_driver_pci").path)
    driver = Driver(module=facts.name, facts=facts, device=find_device(facts.aliases))
    pull_out_while_open(Subject(vm=vm, driver=driver))
    # twice: another one is bound after the first
    assert len(vm.log.matching("Card not present")) == 2


@pytest.mark.machine(free_ports=1)
@pytest.mark.needs("rust_driver_pci")
def test_device_in_python_comes_and_goes_like_one_of_qemu(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_driver_pci").path)
    made: list[PciTestdev] = []

    def testdev() -> PciTestdev:
        made.append(PciTestdev())
        return made[-1]

    unplug_while_open(Subject(vm=vm, driver=Driver(module=facts.name, facts=facts, device=testdev)))
    # twice, and each was probed
    assert [len(device.trace) > 0 for device in made] == [True, True]


@pytest.mark.needs("CONFIG_FAILSLAB", "rust_minimal")
@pytest.mark.machine(profile="debug")
def test_an_allocation_that_fails_without_a_word_has_failed(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_minimal").path)
    subject = Subject(vm=vm, driver=Driver(module=facts.name, facts=facts))
    vm.check("cd /sys/kernel/debug/failslab; echo N >ignore-gfp-wait; echo 0 >verbose")
    for nth, fails in ((1, True), (2, True), (40, True), (100_000, False)):
        loaded, has_failed = load_failing(subject, nth)
        assert (nth, has_failed) == (nth, fails)
        if loaded:
            vm.rmmod("rust_minimal")
    assert loaded
    assert not vm.log.matching("FAULT_INJECTION")
