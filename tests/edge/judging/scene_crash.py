"""Workers that die: with a machine, without one. The scene of test_crash.py."""

from __future__ import annotations

import os

from tests.edge.judging.stand_in import vm

from rustbed import Vm

__all__ = ["vm"]


def test_dies_with_a_machine(vm: Vm) -> None:
    vm.check("true")
    os._exit(3)


def test_dies_without_a_machine() -> None:
    os._exit(3)


def test_comes_after(vm: Vm) -> None:
    vm.check("true")
