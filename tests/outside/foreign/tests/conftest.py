"""Fixtures of this project, made of those that rustbed gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rustbed import Vm


@pytest.fixture
def drivers(build_modules: Callable[[Path], dict[str, Path]], drivers_directory: Path) -> dict[str, Path]:
    return build_modules(drivers_directory)


@pytest.fixture
def counter(vm: Vm, drivers: dict[str, Path]) -> Iterator[Vm]:
    with vm.module(drivers["counter"]):
        yield vm
