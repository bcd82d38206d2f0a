"""A session with a kernel from a pack fetches each part when it is first needed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rustbed import runfiles
from rustbed.arch import Arch
from rustbed.host import native_arch
from rustbed.packs import kernelfile
from rustbed.packs.push import list_binaries, push_parts
from rustbed.packs.sdk import HOST_FACT, SDK, list_sdk
from rustbed.packs.wanted import can_be_packed
from rustbed.plugin.stash import PLATFORMS
from rustbed.progress import ignore
from rustbed.symbols.debugfiles import parse_files
from rustbed.toolroot import toolroot
from tests.boot import pytest_runs
from tests.farms import environment

# packing takes some seconds, and all architectures do the same
pytestmark = pytest.mark.arches("x86_64")
# of zstd: the fastest
_LEVEL = 1


def test_symbols_come_with_the_first_red_test_and_the_sdk_with_the_first_module(
    pytestconfig: pytest.Config, arch: Arch, tmp_path: Path
) -> None:
    platforms = pytestconfig.stash[PLATFORMS]
    choices, platform = platforms.choices, platforms.get(arch, None)
    if choices.toolchain != "toolroot" or not can_be_packed(choices.kernel):
        pytest.skip("no session takes this kernel from a pack")
    work, store, cache = tmp_path / "work", tmp_path / "store", tmp_path / "cache"
    for directory in (work, cache):
        directory.mkdir()
    kernel, image = platform.kernel, platform.image
    parts = list_binaries(kernel, image, work, toolchain=platform.toolchain, cache=choices.cache)
    (work / "facts").write_text(kernelfile.render_kernel(kernel, image))
    parts[kernelfile.BOOT][kernelfile.FACTS] = work / "facts"
    parts[SDK] = list_sdk(platforms.kernel_with_tree(arch, None))
    native = native_arch()
    assert native is not None
    facts = {"release": kernel.release, HOST_FACT: native.debian_arch}
    facts |= choices.wanted(arch).facts()
    pack = push_parts(store, facts, parts, arch.debian_arch, ignore, level=_LEVEL)
    # a host with QEMU, llvm-symbolizer and compilers, but without a kernel
    (cache / toolroot.KIND).symlink_to(choices.cache.root / toolroot.KIND)

    words = ("--cache", str(cache), "--cache-from", str(store))
    argv = pytest_runs.pytest_argv(pytestconfig, "scene_packed.py", arch, tmp_path / "results", *words)
    ran = subprocess.run(
        argv, capture_output=True, text=True, check=False, env=environment(RUSTBED_SCENE=str(tmp_path))
    )

    assert "1 failed, 2 passed" in ran.stdout, ran.stdout + ran.stderr
    boot, symbols, sdk = (pack.part(name).hex[:32] for name in (kernelfile.BOOT, kernelfile.SYMBOLS, SDK))
    seen = {path.name: set(path.read_text().split()) for path in tmp_path.glob("parts-*")}
    assert seen == {
        "parts-test_passes": {boot},
        "parts-test_panics": {boot, symbols},
        "parts-test_builds": {boot, symbols, sdk},
    }
    # frames of the kernel itself have lines, by the toolroot's program
    assert "drivers/tty/sysrq.c:" in ran.stdout
    (red,) = (tmp_path / "results/latest").glob("*test_panics*")
    program = parse_files((red / runfiles.SYMBOLS).read_text()).symbolizer[-1]
    assert Path(program).is_relative_to(cache / toolroot.KIND)
    # no kernel was built
    assert not (cache / "kernels").exists()
