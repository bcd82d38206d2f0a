"""The steps of a driver's life notice a driver that does not survive them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Vm
from rustbed.errors import LifeError
from rustbed.kernel.module import read_module
from rustbed.life.driver import Driver
from rustbed.life.slabs import Slabs, find_growth
from rustbed.life.state import read_state
from rustbed.life.steps import load_and_unload
from rustbed.life.subject import Subject
from tests.oracle.table import MODULES


# the step is the same everywhere
@pytest.mark.arches("x86_64")
def test_memory_that_each_load_forgets(vm: Vm, build_modules: Callable[[Path], dict[str, Path]]) -> None:
    built = build_modules(MODULES)

    def subject(name: str) -> Subject:
        return Subject(vm=vm, driver=Driver(module=built[name], facts=read_module(built[name]), cycles=10))

    load_and_unload(subject("leak_good"))
    with pytest.raises(LifeError, match=r"\d+ objects more in kmalloc-64 after 10 cycles"):
        load_and_unload(subject("leak"))


# no detector is wanted, and a kernel without is asked in a fraction of the time
@pytest.mark.arches("arm64")
@pytest.mark.needs("rust_misc_device")
def test_what_a_driver_brings_is_seen(vm: Vm) -> None:
    before = read_state(vm)
    with vm.module("rust_misc_device"):
        new = read_state(vm).more_than(before)
    assert new["files of /dev"] == ["/dev/rust-misc-device"]
    assert {"/sys/module/rust_misc_device", "/sys/class/misc/rust-misc-device"} <= {*new["files of /sys"]}
    assert "/sys/devices/virtual/misc/rust-misc-device/uevent" in new["files of /sys/devices"]
    assert read_state(vm).more_than(before) == {}


@pytest.mark.arches("arm64")
def test_counts_of_objects_leave_none_behind(vm: Vm) -> None:
    with Slabs(vm) as slabs:
        before = slabs.count()
        assert before["kmalloc-96"] > 0
        for _ in range(10):
            after = slabs.count()
    # ten counts that each opened the caches' files left 260 objects more for seconds
    assert find_growth(before, after, 20) == {}
