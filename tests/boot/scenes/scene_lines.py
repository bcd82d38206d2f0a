"""Not tests of ours: run by test_lines.py, which knows where each must point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rustbed import Vm

Builder = Callable[[str], Path]

MODULE = "../modules/pointed"


def test_bad_pointer_in_an_inlined_function(vm: Vm, build_module: Builder) -> None:
    vm.insmod(build_module(MODULE), what=1)


def test_call_that_never_returns(vm: Vm, build_module: Builder) -> None:
    vm.insmod(build_module(MODULE), what=2)


def test_panic_in_drop(vm: Vm, build_module: Builder) -> None:
    with vm.module(build_module(MODULE), what=3):
        pass


def test_warning(vm: Vm, build_module: Builder) -> None:
    vm.insmod(build_module(MODULE), what=4)
