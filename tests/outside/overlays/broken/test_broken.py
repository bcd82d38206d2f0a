"""Drivers that do not build, each in its own way; two tests want the same one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Vm


@pytest.fixture
def broken(build_module: Callable[[str], Path]) -> Path:
    return build_module("rust")


@pytest.mark.parametrize("how", ["undefined", "missing", "syntax", "rust"])
def test_builds(vm: Vm, build_module: Callable[[str], Path], how: str) -> None:
    with vm.module(build_module(how)):
        pass


def test_wants_it_in_a_fixture(vm: Vm, broken: Path) -> None:
    with vm.module(broken):
        pass


def test_wants_no_machine(build_module: Callable[[str], Path]) -> None:
    assert build_module("rust")


@pytest.mark.parametrize("number", [1, 2])
def test_warnings_are_no_errors(build_module: Callable[[str], Path], number: int) -> None:
    assert build_module("warns").name == "edu_warns.ko", number
