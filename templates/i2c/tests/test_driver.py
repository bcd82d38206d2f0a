"""@name@: its probe, its life, and chips that it must refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rustbed import SyscallError, Vm

BUS = "/sys/bus/i2c/drivers/@name@"
# chips of i2c-stub, an adapter without hardware: each has 256 registers, which keep what is written to them
CHIPS = [0x30, 0x31]
NO_CHIP = 0x50


@contextmanager
def i2c_stub(vm: Vm) -> Iterator[str]:
    """Load i2c-stub and yield the directory of its adapter."""
    with vm.module("i2c-stub", chip_addr=CHIPS):
        yield vm.check("dirname $(grep -l 'SMBus stub' /sys/bus/i2c/devices/i2c-*/name)").strip()


@pytest.fixture
def adapter(vm: Vm) -> Iterator[str]:
    """Yield the directory of an adapter with the chips."""
    with i2c_stub(vm) as directory:
        yield directory


def bound(vm: Vm) -> list[str]:
    """Return the names of the devices that the driver has, such as 0-0030: the bus, the address."""
    return vm.check(f"cd {BUS} && ls -d *-00* 2>/dev/null; :").split()


def test_probe_turns_the_chip_on(vm: Vm, driver: Path, adapter: str) -> None:
    with vm.module(driver):
        vm.write(f"{adapter}/new_device", f"@device@ {CHIPS[0]:#x}")
        assert len(bound(vm)) == 1
        assert vm.log.matching("the chip is on")
        vm.write(f"{adapter}/delete_device", f"{CHIPS[0]:#x}")
        assert vm.log.matching("the chip is off")


def test_it_can_be_unbound_and_bound_again(vm: Vm, driver: Path, adapter: str) -> None:
    vm.write(f"{adapter}/new_device", f"@device@ {CHIPS[0]:#x}")
    with vm.module(driver):
        (device,) = bound(vm)
        for _ in range(3):
            vm.write(f"{BUS}/unbind", device)
            assert bound(vm) == []
            vm.write(f"{BUS}/bind", device)
            assert bound(vm) == [device]
    assert len(vm.log.matching("the chip is off")) == 4


def test_two_chips_are_served(vm: Vm, driver: Path, adapter: str) -> None:
    with vm.module(driver):
        for address in CHIPS:
            vm.write(f"{adapter}/new_device", f"@device@ {address:#x}")
        assert len(bound(vm)) == 2


def test_an_address_at_which_there_is_no_chip_is_refused(vm: Vm, driver: Path, adapter: str) -> None:
    with vm.module(driver):
        vm.write(f"{adapter}/new_device", f"@device@ {NO_CHIP:#x}")
        assert bound(vm) == []
        assert not vm.log.matching("the chip is on")


def test_the_adapter_can_go_away(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        with i2c_stub(vm) as adapter:
            vm.write(f"{adapter}/new_device", f"@device@ {CHIPS[0]:#x}")
            assert len(bound(vm)) == 1
        assert bound(vm) == []
        assert vm.log.matching("the chip is off")


@pytest.mark.parametrize("line", ["@device@", "@device@ 0x7ff", "@device@ many"])
def test_a_device_without_an_address_is_refused(vm: Vm, driver: Path, adapter: str, line: str) -> None:
    with vm.module(driver):
        with pytest.raises(SyscallError):
            vm.write(f"{adapter}/new_device", line)
        assert bound(vm) == []
