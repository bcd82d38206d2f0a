"""A driver author's own module: built for the kernel under test, loaded, refused where it does not belong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import MismatchError, Vm

Builder = Callable[[str], Path]


def test_module_beside_the_test_is_built_and_loaded(vm: Vm, build_module: Builder) -> None:
    with vm.module(build_module("modules/outside")):
        assert vm.log.matching("outside: hello")
    assert vm.log.matching("outside: goodbye")
    assert "outside" not in vm.check("cat /proc/modules")


def test_module_with_another_vermagic_never_reaches_the_guest(
    vm: Vm, build_module: Builder, tmp_path: Path
) -> None:
    release = vm.kernel.release
    other = tmp_path / "outside.ko"
    contents = build_module("modules/outside").read_bytes()
    other.write_bytes(re.sub(rb"vermagic=" + release.encode(), b"vermagic=" + b"9" * len(release), contents))
    with pytest.raises(MismatchError, match="9999") as caught:
        vm.insmod(other)
    assert release in str(caught.value)
    assert len(vm.log.matching("outside")) == 0
