"""Modules are built with what a pack has of a kernel's source and build tree, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rustbed import Vm
from rustbed.kernel.outoftree import build_modules
from rustbed.packs.sdk import list_sdk, with_sdk
from rustbed.plugin.stash import PLATFORMS
from rustbed.progress import ignore

_MODULE = Path(__file__).parent / "modules" / "outside"


# copying takes longer than building: the others' lists differ in a directory's name
@pytest.mark.arches("x86_64")
def test_a_module_is_built_with_a_packs_sdk(vm: Vm, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    platforms = pytestconfig.stash[PLATFORMS]
    kernel = platforms.kernel_with_tree(vm.kernel.arch, None)
    for name, path in list_sdk(kernel).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        # the pack is read-only for everybody, and has no times
        shutil.copyfile(path, tmp_path / name)
        shutil.copymode(path, tmp_path / name)
    built = build_modules(
        with_sdk(kernel, tmp_path),
        _MODULE,
        toolchain=platforms.get(vm.kernel.arch, None).toolchain,
        cache=platforms.choices.cache,
        report=ignore,
    )
    with vm.module(built.modules[0].path):
        assert vm.log.matching("outside: hello")
