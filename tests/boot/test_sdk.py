"""Modules are built, and drivers linted, with what a pack has of a kernel's source and build tree alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from rustbed import Vm
from rustbed.arch import ARCHES, Arch
from rustbed.cli.lint import lint
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.outoftree import build_modules
from rustbed.kernel.rustproject import describe_project
from rustbed.packs.pull import Packed
from rustbed.packs.sdk import list_sdk, with_sdk
from rustbed.plugin.stash import PLATFORMS
from rustbed.prepare import Platform, Platforms
from rustbed.progress import Report, ignore

_MODULE = Path(__file__).parent / "modules" / "outside"
# remarks of rustfmt and of clippy
_BAD = "\npub(crate) fn long(a:u32) -> u32 {\n    return a;\n}\n"

# copying takes longer than building: the others' lists differ in a directory's name
_ARCH = ARCHES["x86_64"]
pytestmark = pytest.mark.arches(_ARCH.name)


@dataclass
class _Pack:
    """Stands in for a pack whose part is unpacked."""

    directory: Path

    def sdk(self, kernel: Kernel, _: Report) -> Kernel:
        return with_sdk(kernel, self.directory)


class _OfPack(Platforms):
    """Platforms whose kernel came in a pack: its source and build tree are not there."""

    pack: _Pack

    def get(self, arch: Arch, profile: str | None) -> Platform:
        made = super().get(arch, profile)
        kernel = replace(made.kernel, source_dir=None, build_dir=None)
        return replace(made, kernel=kernel, packed=cast("Packed", self.pack))


@pytest.fixture(scope="module")
def of_pack(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platforms]:
    """Return platforms with a copy of what a pack has."""
    platforms, copy = pytestconfig.stash[PLATFORMS], tmp_path_factory.mktemp("sdk")
    for name, path in list_sdk(platforms.kernel_with_tree(_ARCH, None)).items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        # the pack is read-only for everybody, and has no times
        shutil.copyfile(path, copy / name)
        shutil.copymode(path, copy / name)
    made = _OfPack(platforms.choices, ignore)
    made.pack = _Pack(copy)
    yield made
    # 200 MiB, which pytest would keep
    shutil.rmtree(copy)


def test_a_module_is_built_with_a_packs_sdk(vm: Vm, arch: Arch, of_pack: Platforms) -> None:
    built = build_modules(
        of_pack.kernel_with_tree(arch, None),
        _MODULE,
        toolchain=of_pack.get(arch, None).toolchain,
        cache=of_pack.choices.cache,
        report=ignore,
    )
    with vm.module(built.modules[0].path):
        assert vm.log.matching("outside: hello")


def test_a_driver_is_linted_with_a_packs_sdk(
    arch: Arch, of_pack: Platforms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driver = tmp_path / "outside"
    shutil.copytree(_MODULE, driver)
    assert lint(driver, arch, of_pack, ignore) == 0
    with (driver / "outside.rs").open("a") as file:
        file.write(_BAD)
    assert lint(driver, arch, of_pack, ignore) == 1
    told = capsys.readouterr().out
    assert ("long(a: u32)" in told, "unneeded `return`" in told) == (True, True), told


def test_an_editor_gets_the_crates_of_a_packs_sdk(arch: Arch, of_pack: Platforms) -> None:
    kernel, toolchain = of_pack.kernel_with_tree(arch, None), of_pack.get(arch, None).toolchain
    project = describe_project(kernel, _MODULE, toolchain=toolchain, cache=of_pack.choices.cache)
    roots = [_MODULE / crate["root_module"] for crate in project["crates"]]
    assert kernel.source_dir is not None
    assert kernel.source_dir / "rust/kernel/lib.rs" in roots
    assert [root for root in roots if not root.is_file()] == []
