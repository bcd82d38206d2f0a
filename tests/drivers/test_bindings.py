"""Constants of C as Rust drivers get them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Vm


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="bindgen keeps the first definition of a macro: docs/findings/hz-of-user-space.md",
)
def test_hz_is_the_kernels_own(vm: Vm, build_module: Callable[[str], Path]) -> None:
    if vm.kernel.has("CONFIG_HZ_100"):
        pytest.skip("this kernel has the HZ of user space")
    with vm.module(build_module("modules/hertz")):
        ((hz, second),) = re.findall(r"hertz: HZ=(\d+) second=(\d+)", vm.log.text)
        assert hz == second
