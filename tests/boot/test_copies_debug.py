"""Copies of a machine whose kernel checks all it can: KASAN, lockdep, sleeps where none may be."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.host import Qemu
from rustbed.log.splat import find_splats
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import Choices, Platform
from tests.boot.copied import Copies
from tests.boot.promises import are_small, keep_every_promise

# the project builds one debug kernel
pytestmark = pytest.mark.arches("x86_64")


@pytest.fixture
def choices(request: pytest.FixtureRequest) -> Choices:
    return replace(read_choices(given(request.config)), forks="hot", profile="debug")


def copy_a_tests_machine(copies: Copies, qemu: Qemu, directory: Path) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        (twin,) = stack.enter_context(copies.machines.copies(vm, qemu, [directory]))
        with twin.module("rust_print"):
            assert "rust_print" not in vm.check("cat /proc/modules")
        for each in (vm, twin):
            assert find_splats(each.dmesg.records) == ()
            assert each.taint == 0
            assert each.live.log_damage == ""


# all of them with one server, since each takes long to start
@pytest.mark.parametrize("cpus", [1, 2])
def test_copies_of_the_debug_kernel_are_small_and_keep_every_promise(
    copies: Copies, platform: Platform, tmp_path: Path
) -> None:
    are_small(copies, 8)
    copy_a_tests_machine(copies, platform.qemu, tmp_path / "twin")
    keep_every_promise(copies)
