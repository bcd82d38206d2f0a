"""A driver author's own module: built for the kernel under test, loaded, refused where it does not belong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import MismatchError, Vm
from rustbed.arch import Arch
from rustbed.kernel.buildstate import find_copy
from rustbed.kernel.outoftree import build_modules
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import prepare
from rustbed.progress import Progress, ignore

Builder = Callable[[str], Path]


def test_module_beside_the_test_is_built_and_loaded(vm: Vm, build_module: Builder) -> None:
    with vm.module(build_module("modules/outside")):
        assert vm.log.matching("outside: hello")
    assert vm.log.matching("outside: goodbye")
    assert "outside" not in vm.check("cat /proc/modules")


def test_equal_directories_are_built_once_and_each_has_its_modules(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    choices = read_choices(given(request.config))
    platform = prepare(arch, choices, ignore)
    if platform.toolchain.root is None:
        pytest.skip("compilers of the host see the directory's own path")

    def build(name: str) -> tuple[Path, bool]:
        """Return the module of a directory, and whether it was compiled."""
        steps: list[Progress] = []
        built = build_modules(
            platform.kernel,
            tmp_path / name,
            toolchain=platform.toolchain,
            cache=choices.cache,
            report=steps.append,
        )
        return built.modules[0].path, bool(steps)

    source = Path(__file__).parent / "modules/outside"
    for name in ("one", "two"):
        shutil.copytree(source, tmp_path / name)
        # nobody has built this one
        with (tmp_path / name / "outside.rs").open("a") as stream:
            stream.write(f"// {tmp_path}\n")
    (one, is_compiled), (two, is_compiled_again) = build("one"), build("two")
    assert (is_compiled, is_compiled_again) == (True, False)
    assert one != two
    assert one.read_bytes() == two.read_bytes()
    found = find_copy(two)
    assert found is not None
    assert found[1] == tmp_path / "two"
    text = (tmp_path / "two/outside.rs").read_text()
    (tmp_path / "two/outside.rs").write_text(text.replace("hello", "howdy"))
    edited, is_compiled = build("two")
    assert is_compiled
    assert b"howdy" in edited.read_bytes()
    assert b"howdy" not in one.read_bytes()
    (tmp_path / "two/outside.rs").write_text(text)
    again, is_compiled = build("two")
    assert not is_compiled
    assert again.read_bytes() == one.read_bytes()


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
