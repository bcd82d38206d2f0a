"""Run by tests/boot/test_coverage.py: between them, the tests run the marked lines of a driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import CommandError, Vm

Builder = Callable[[str], Path]


@pytest.mark.parametrize("level", [1, 2])
def test_loads(vm: Vm, build_module: Builder, level: int) -> None:
    with vm.module(build_module("../modules/counted"), level=level):
        pass


def test_is_refused(vm: Vm, build_module: Builder) -> None:
    with pytest.raises(CommandError):
        vm.insmod(build_module("../modules/counted"), level=1000)
