"""Copies of a machine whose kernel checks all it can: KASAN, lockdep, sleeps where none may be."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed import CrashError
from rustbed.forks.counts import COPIED, FORKED
from rustbed.log.splat import find_splats
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import Choices, Platform
from rustbed.procfs import memory_mib
from tests.boot.copied import Copies

# the project builds one debug kernel
pytestmark = pytest.mark.arches("x86_64")

# MiB of an idle copy's own memory
_PRIVATE_MIB = 8


@pytest.fixture
def choices(request: pytest.FixtureRequest) -> Choices:
    return replace(read_choices(given(request.config)), forks="hot", profile="debug")


# one machine after the other, since each server takes long to start
def test_copies_of_the_debug_kernel_are_small_separate_and_without_reports(
    copies: Copies, platform: Platform, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        vm, other, idle = (copies.copy(stack) for _ in range(3))
        assert memory_mib(idle.live.qemu_pid, "Private_Dirty") < _PRIVATE_MIB
        with vm.module("rust_minimal"):
            assert other.check("cat /proc/modules") == ""
        assert any("Rust minimal" in message for message in vm.log.messages)
        other.check("echo 1 >/tmp/mine")
        assert idle.run("test -e /tmp/mine").status == 1
        with pytest.raises(CrashError):
            other.run("echo c >/proc/sysrq-trigger")
        with copies.machines.copies(vm, platform.qemu, [tmp_path / "twin"]) as (twin,):
            with twin.module("rust_print"):
                assert "rust_print" not in vm.check("cat /proc/modules")
            assert find_splats(twin.dmesg.records) == ()
        for each in (vm, idle):
            assert find_splats(each.dmesg.records) == ()
            assert each.taint == 0
            assert each.live.log_damage == ""
    assert copies.machines.counts == {FORKED: 4, COPIED: 4}
