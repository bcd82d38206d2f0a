"""What every driver should survive, tried on drivers of the kernel's tree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rustbed import PlatformDevice, Vm
from rustbed.devices.reference.testdev import PciTestdev
from rustbed.kernel.module import read_module
from rustbed.life.allocations import load_failing, prepare_failing, probe_allocations
from rustbed.life.driver import Driver, find_device
from rustbed.life.steps import (
    bind_and_unbind,
    pull_out_while_open,
    remove_after_probe,
    unbind_while_open,
    unplug_while_open,
)
from rustbed.life.subject import NotApplicableError, Subject

# the steps are the same everywhere; elsewhere they are tried by `rustbed life`
pytestmark = pytest.mark.arches("x86_64")

Life = Callable[[], None]
# a chip of an adapter that the guest itself has
I2C_DEVICE = """\
insmod /lib/modules/i2c_stub.ko chip_addr=0x30 &&
echo rust_driver_i2c 0x30 >"$(dirname "$(grep -l 'SMBus stub' /sys/bus/i2c/devices/i2c-*/name)")/new_device"
"""


@pytest.mark.needs("rust_misc_device")
@pytest.mark.lifecycle("rust_misc_device", ioctls=[0x7C80, 0x80047C81, 0x40047C82])
def test_rust_misc_device(life: Life) -> None:
    life()


@pytest.mark.needs("rust_driver_i2c", "i2c_stub")
@pytest.mark.lifecycle("rust_driver_i2c", setup=I2C_DEVICE, cycles=5)
def test_driver_whose_device_a_command_makes(life: Life) -> None:
    life()


@pytest.mark.usefixtures("hotplug_testdev")
@pytest.mark.needs("rust_driver_pci")
def test_device_of_a_driver_is_pulled_out_before_the_kernel_notices(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_driver_pci").path)
    driver = Driver(module=facts.name, facts=facts, device=find_device(facts.aliases, vm.kernel.arch))
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


@pytest.mark.needs("rust_minimal")
def test_kernel_that_removes_nothing_by_itself_is_built_by_a_fragment(vm: Vm) -> None:
    if vm.kernel.has("CONFIG_DEBUG_TEST_DRIVER_REMOVE"):
        pytest.skip("this kernel removes each driver after its probe")
    facts = read_module(vm.kernel.require_module("rust_minimal").path)
    with pytest.raises(NotApplicableError, match="CONFIG_DEBUG_TEST_DRIVER_REMOVE: a --fragment"):
        remove_after_probe(Subject(vm=vm, driver=Driver(module=facts.name, facts=facts)))


@pytest.mark.needs("rust_driver_auxiliary")
@pytest.mark.machine(devices=["pci-testdev"])
def test_devices_that_a_driver_creates_come_and_go_with_it(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_driver_auxiliary").path)
    subject = Subject(vm=vm, driver=Driver(module=facts.name, facts=facts))
    unbind_while_open(subject)
    with subject.loaded():
        assert [each.bus for each in subject.bound()] == ["/sys/bus/auxiliary"] * 2 + ["/sys/bus/pci"]


@pytest.mark.needs("rust_debugfs")
@pytest.mark.machine(platform_devices=PlatformDevice(name="life", compatible=(), acpi_id="LNUXBEEF"))
def test_driver_that_refuses_the_device_of_its_aliases_is_told_with_the_reason(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_debugfs").path)
    reason = r"bound to no device of this machine: .*probe with driver rust_debugfs failed with error -22"
    with pytest.raises(NotApplicableError, match=reason):
        bind_and_unbind(Subject(vm=vm, driver=Driver(module=facts.name, facts=facts)))


@pytest.mark.needs("CONFIG_FAILSLAB", "rust_minimal")
@pytest.mark.machine(profile="debug")
def test_an_allocation_that_fails_without_a_word_has_failed(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_minimal").path)
    subject = Subject(vm=vm, driver=Driver(module=facts.name, facts=facts))
    prepare_failing(subject)
    vm.check("echo 0 >/sys/kernel/debug/failslab/verbose")
    # the loader's own come first, and the driver's code begins after them
    first = load_failing(subject, 1)
    assert (first.left, first.is_begun, first.is_loaded) == (0, False, False)
    assert [load_failing(subject, nth).left for nth in (2, 40)] == [0, 0]
    load = load_failing(subject, 100_000)
    assert load.is_begun
    assert load.is_loaded
    # the last one of a load is the driver's, and no other load's event is left over
    assert load_failing(subject, 100_000 - load.left).is_begun
    assert not load_failing(subject, 1).is_begun
    assert not vm.log.matching("FAULT_INJECTION")


@pytest.mark.needs("CONFIG_FAILSLAB", "rust_driver_pci")
@pytest.mark.machine(profile="debug", devices=["pci-testdev"])
def test_each_allocation_of_a_probe_fails_once(vm: Vm) -> None:
    facts = read_module(vm.kernel.require_module("rust_driver_pci").path)
    probe_allocations(Subject(vm=vm, driver=Driver(module=facts.name, facts=facts)))
    failed = len(vm.log.matching("FAULT_INJECTION: forcing a failure"))
    # the loader's are hundreds, and not among them
    assert 10 < failed < 100
