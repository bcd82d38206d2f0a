"""@name@: its device, its life, and input that it must refuse."""

import errno
from pathlib import Path

import pytest

from rustbed import CommandError, SyscallError, Vm

DEVICE = "/dev/@device@"


def test_probe_makes_the_device(vm: Vm, driver: Path) -> None:
    with vm.module(driver):
        assert vm.run(f"test -c {DEVICE}").status == 0
    assert vm.run(f"test -e {DEVICE}").status == 1


def test_what_was_written_is_read(vm: Vm, driver: Path) -> None:
    with vm.module(driver), vm.open(DEVICE) as file:
        assert file.write(b"hello") == 5
        assert file.read(64) == b"hello"
        assert file.read(64) == b""


def test_the_longest_text_is_taken(vm: Vm, driver: Path) -> None:
    with vm.module(driver), vm.open(DEVICE) as file:
        assert file.write(b"x" * 64) == 64
        assert file.read(65) == b"x" * 64


def test_each_opening_has_a_text_of_its_own(vm: Vm, driver: Path) -> None:
    with vm.module(driver), vm.open(DEVICE) as one, vm.open(DEVICE) as other:
        one.write(b"mine")
        assert other.read(64) == b""


def test_it_stays_while_it_is_open_and_can_be_loaded_again(vm: Vm, driver: Path) -> None:
    for _ in range(3):
        with vm.module(driver), vm.open(DEVICE), pytest.raises(CommandError):
            vm.rmmod("@name@")


def test_a_text_that_is_too_long_is_refused_and_the_old_one_stays(vm: Vm, driver: Path) -> None:
    with vm.module(driver), vm.open(DEVICE) as file:
        file.write(b"kept")
        with pytest.raises(SyscallError) as caught:
            file.write(b"x" * 65)
        assert caught.value.errno == errno.EMSGSIZE
        assert file.read(64) == b"kept"


def test_an_ioctl_that_does_not_exist_is_refused(vm: Vm, driver: Path) -> None:
    with vm.module(driver), pytest.raises(SyscallError) as caught:
        vm.ioctl(DEVICE, 0x1234)
    assert caught.value.errno == errno.ENOTTY
