"""@name@: its device, its life, and parameters that it must refuse."""

from pathlib import Path

import pytest

from rustbed import CommandError, Vm

DEVICE = "/sys/devices/faux/@device@"


def test_probe_makes_the_device(vm: Vm, driver: Path) -> None:
    with vm.module(driver, level=3):
        assert vm.run(f"test -d {DEVICE}").status == 0
        assert vm.log.matching("level 3")
    assert vm.log.matching("gone")
    assert vm.run(f"test -d {DEVICE}").status == 1


def test_it_can_be_loaded_again_and_again(vm: Vm, driver: Path) -> None:
    for _ in range(5):
        with vm.module(driver):
            pass
    assert len(vm.log.matching("gone")) == 5


@pytest.mark.parametrize("level", [1, 10])
def test_the_ends_of_the_range_are_levels(vm: Vm, driver: Path, level: int) -> None:
    with vm.module(driver, level=level):
        assert vm.log.matching(f"level {level}$")


@pytest.mark.parametrize("level", [0, 11, "many", "-1"])
def test_a_level_out_of_range_is_refused(vm: Vm, driver: Path, level: object) -> None:
    with pytest.raises(CommandError, match="Invalid argument"):
        vm.insmod(driver, level=level)
    assert "@name@" not in vm.check("cat /proc/modules")
