"""Kernels that somebody else built: which are taken, and why others are not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.unit.kernel.elf_files import make_bzimage, make_elf, make_image, make_module

from rustbed.arch import Arch, require_arch
from rustbed.cache import Cache
from rustbed.errors import MismatchError, UsageError
from rustbed.kernel.build import build_kernel
from rustbed.kernel.builtkernel import load_built
from rustbed.kernel.image_file import find_config, identify_image
from rustbed.progress import ignore
from rustbed.toolroot.toolchain import Toolchain

X86 = require_arch("x86_64")
ARM64 = require_arch("arm64")
CONFIG = "CONFIG_RUST=y\nCONFIG_MODULES=y\n"
IKCONFIG = b"IKCFG_ST" + gzip.compress(CONFIG.encode(), mtime=0) + b"IKCFG_ED"


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """An image, modules and a config, as somebody would copy them together."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "bzImage").write_bytes(make_bzimage())
    (tmp_path / "modules/rust_minimal.ko").write_bytes(make_module())
    (tmp_path / "modules/nova-core.ko").write_bytes(make_module("nova_core", depends="rust_minimal"))
    (tmp_path / "config").write_text(CONFIG)
    return tmp_path


def load(directory: Path, arch: Arch = X86) -> object:
    return load_built(directory, arch, "built:here")


@pytest.mark.parametrize(
    ("data", "name", "release"),
    [
        (make_bzimage("7.3.4-rc1+"), "x86_64", "7.3.4-rc1+"),
        (make_image(b"ARM\x64"), "arm64", "7.3.4"),
        (make_image(b"RSC\x05"), "riscv64", "7.3.4"),
        (gzip.compress(make_image(b"ARM\x64"), mtime=0), "arm64", "7.3.4"),
        (make_elf({".x": b"Linux version 7.3.4 (me)"}), "x86_64", "7.3.4"),
        (make_elf({}, machine=43, big_endian=True), "ELF machine 43, 64 bits", None),
        (b"MZ" + bytes(2000), None, None),
        (b"\x1f\x8bnot gzip", None, None),
        (b"\x7fELF", None, None),
        (b"", None, None),
    ],
)
def test_images_are_told_apart(data: bytes, name: str | None, release: str | None) -> None:
    facts = identify_image(data)
    assert (facts.arch, facts.release) == (name, release)


def test_the_configuration_inside_an_image_is_found() -> None:
    assert find_config(make_image(b"ARM\x64", inside=IKCONFIG)) == CONFIG
    assert find_config(make_image(b"ARM\x64")) is None
    assert find_config(b"IKCFG_ST\x1f\x8bgarbage") is None


def test_a_flat_directory_is_a_kernel(flat: Path) -> None:
    kernel = load_built(flat, X86, "built:here")
    assert kernel.release == "7.3.4"
    assert kernel.image == flat / "bzImage"
    assert sorted(kernel.modules) == ["nova_core", "rust_minimal"]
    assert [module.name for module in kernel.load_order("nova-core")] == ["rust_minimal", "nova_core"]
    assert (kernel.config, kernel.vmlinux, kernel.profile) == (flat / "config", None, "built")
    assert load_built(flat, X86, "built:here").key == kernel.key


def test_installed_modules_are_found(flat: Path) -> None:
    target = flat / "lib/modules/7.3.4/kernel/samples"
    target.mkdir(parents=True)
    (flat / "modules/rust_minimal.ko").rename(target / "rust_minimal.ko")
    assert sorted(load_built(flat, X86, "x").modules) == ["nova_core", "rust_minimal"]


def test_a_build_tree_is_a_kernel(tmp_path: Path) -> None:
    for name, data in {
        ARM64.kernel_image: make_image(b"ARM\x64"),
        "samples/rust/rust_minimal.ko": make_module(arch=ARM64),
        "leftover/other.ko": make_module("other", vermagic="7.3.3 "),
        "modules.order": b"samples/rust/rust_minimal.o\n",
        ".config": CONFIG.encode(),
        "include/config/kernel.release": b"7.3.4\n",
        "vmlinux": make_elf({}, machine=ARM64.elf_machine),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    kernel = load_built(tmp_path, ARM64, "built:here")
    assert list(kernel.modules) == ["rust_minimal"]
    assert (kernel.build_dir, kernel.vmlinux) == (tmp_path, tmp_path / "vmlinux")


def test_an_edited_module_makes_another_kernel(flat: Path) -> None:
    key = load_built(flat, X86, "x").key
    (flat / "modules/rust_minimal.ko").write_bytes(make_module() + b"changed")
    assert load_built(flat, X86, "x").key != key


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no directory"):
        load(tmp_path / "gone")


def test_a_directory_without_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert "arch/x86/boot/bzImage" in str(caught.value.facts["looked_for"])


def test_a_kernel_for_another_architecture_is_refused(flat: Path) -> None:
    with pytest.raises(MismatchError, match="bzImage is for x86_64, not for arm64"):
        load(flat, ARM64)


def test_a_file_that_is_no_kernel_is_refused(flat: Path) -> None:
    (flat / "bzImage").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(MismatchError, match="not a kernel image"):
        load(flat)


def test_symbols_for_another_architecture_are_refused(flat: Path) -> None:
    (flat / "vmlinux").write_bytes(make_elf({}, machine=ARM64.elf_machine))
    with pytest.raises(MismatchError, match="vmlinux is for arm64, not for x86_64"):
        load(flat)


def test_a_kernel_configured_without_rust_is_refused(flat: Path) -> None:
    (flat / "config").write_text("# CONFIG_RUST is not set\n")
    with pytest.raises(MismatchError, match="built without Rust"):
        load(flat)


def test_the_configuration_inside_the_image_counts(tmp_path: Path) -> None:
    (tmp_path / "Image").write_bytes(make_image(b"ARM\x64", inside=IKCONFIG))
    (tmp_path / "x.ko").write_bytes(make_module(arch=ARM64, rust=False))
    assert load_built(tmp_path, ARM64, "x").config is None
    without = b"IKCFG_ST" + gzip.compress(b"CONFIG_A=y\n")
    (tmp_path / "Image").write_bytes(make_image(b"ARM\x64", inside=without))
    with pytest.raises(MismatchError, match="built without Rust"):
        load(tmp_path, ARM64)


def test_symbols_serve_where_there_is_no_configuration(flat: Path) -> None:
    (flat / "config").unlink()
    load(flat)
    for path in (flat / "modules").iterdir():
        path.write_bytes(make_module(path.stem, rust=False))
    with pytest.raises(MismatchError, match="nothing shows"):
        load(flat)


def test_a_kernel_without_modules_is_refused(flat: Path) -> None:
    for path in (flat / "modules").iterdir():
        path.unlink()
    with pytest.raises(MismatchError, match="there are no modules"):
        load(flat)


def test_compressed_modules_come_with_the_command_that_unpacks_them(flat: Path) -> None:
    for path in (flat / "modules").iterdir():
        path.rename(f"{path}.zst")
    with pytest.raises(MismatchError) as caught:
        load(flat)
    assert "unzstd" in str(caught.value.facts["fix"])


def test_a_module_that_was_not_built_is_named(flat: Path) -> None:
    (flat / "include").mkdir()
    (flat / "modules.order").write_text("samples/rust/gone.o\n")
    with pytest.raises(MismatchError) as caught:
        load(flat)
    assert caught.value.facts["first"] == flat / "samples/rust/gone.ko"


def test_a_module_whose_vermagic_differs_is_named(flat: Path) -> None:
    (flat / "modules/old.ko").write_bytes(make_module("old", "7.3.3 SMP mod_unload "))
    with pytest.raises(MismatchError, match=r"old\.ko was built for another kernel"):
        load(flat)


def test_a_module_for_another_architecture_is_named(flat: Path) -> None:
    (flat / "modules/alien.ko").write_bytes(make_module("alien", arch=ARM64))
    with pytest.raises(MismatchError, match=r"alien\.ko is for arm64"):
        load(flat)


def build(directory: Path, tmp_path: Path, fragments: list[Path]) -> object:
    return build_kernel(
        f"built:{directory}",
        X86,
        "default",
        toolchain=Toolchain(root=None, versions=(), identity="none"),
        cache=Cache(tmp_path / "cache"),
        report=ignore,
        extra_fragments=fragments,
    )


def test_a_built_kernel_needs_no_compiler(flat: Path, tmp_path: Path) -> None:
    assert build(flat, tmp_path, []) == load_built(flat, X86, f"built:{flat}")


def test_a_built_kernel_takes_no_fragments(flat: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no kconfig fragments"):
        build(flat, tmp_path, [flat / "config"])
