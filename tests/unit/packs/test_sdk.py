"""Which files modules are compiled with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.packing import FACTS

from rustbed.arch import ARCHES
from rustbed.packs.kernelfile import parse_kernel
from rustbed.packs.sdk import list_sdk, with_sdk

NEEDED = (
    "source/Makefile",
    "source/arch/x86/Makefile",
    "source/arch/x86/include/asm/io.h",
    "source/include/linux/pci.h",
    "source/scripts/Makefile.build",
    "source/rust/kernel/lib.rs",
    "build/.config",
    "build/Module.symvers",
    "build/include/config/auto.conf",
    "build/include/generated/rustc_cfg",
    "build/arch/x86/include/generated/asm/unistd.h",
    "build/rust/libkernel.rmeta",
    "build/rust/libmacros.so",
    "build/scripts/mod/modpost",
    "build/tools/objtool/objtool",
)
UNUSED = (
    "source/drivers/pci/pci.c",
    "source/arch/arm64/include/asm/io.h",
    "source/scripts/kconfig/expr.c",
    "source/scripts/dtc/dtc.c",
    "build/vmlinux",
    "build/include/config/SMP",
    "build/rust/core.o",
    "build/scripts/mod/modpost.o",
    "build/scripts/mod/.modpost.cmd",
    "build/drivers/pci/pci.o",
)


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """Return a directory with a source and a build tree."""
    for name in (*NEEDED, *UNUSED):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_what_kbuild_reads_is_listed_and_nothing_else(trees: Path) -> None:
    kernel, _ = parse_kernel(FACTS, ARCHES["x86_64"], trees)
    listed = list_sdk(with_sdk(kernel, trees))
    assert {name: path.read_text() for name, path in listed.items()} == {name: name for name in NEEDED}


def test_links_come_along_unless_they_lead_out_of_the_trees(trees: Path) -> None:
    (trees / "source/include/linux/near.h").symlink_to("pci.h")
    (trees / "source/include/linux/far.h").symlink_to(trees / "source/Makefile")
    kernel, _ = parse_kernel(FACTS, ARCHES["x86_64"], trees)
    assert set(list_sdk(with_sdk(kernel, trees))) - set(NEEDED) == {"source/include/linux/near.h"}


def test_a_kernel_without_its_trees_has_no_sdk(tmp_path: Path) -> None:
    kernel, _ = parse_kernel(FACTS, ARCHES["x86_64"], tmp_path)
    assert list_sdk(kernel) == {}
