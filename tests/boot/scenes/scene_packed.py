"""Not tests of ours: run by test_packed.py with a kernel from a pack; the middle one panics the kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rustbed import Vm


@pytest.fixture(autouse=True)
def parts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note which parts are in the cache after a test."""
    yield
    scene = Path(os.environ["RUSTBED_SCENE"])
    names = sorted(path.name for path in (scene / "cache/packs").iterdir())
    (scene / f"parts-{request.node.originalname}").write_text(" ".join(names))


def test_passes(vm: Vm) -> None:
    assert vm.check("echo well") == "well"


def test_panics(vm: Vm) -> None:
    vm.run("echo c >/proc/sysrq-trigger")


def test_builds(vm: Vm, build_module: Callable[[str], Path]) -> None:
    with vm.module(build_module("../modules/outside")):
        assert vm.log.matching("outside: hello")
