"""The names of a crate's examples in a kernel's ELF file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.kernel.elf_files import make_elf

from rustbed.kernel.doctests import list_doctests

NAMES = (
    "rust_doctest_kernel_str_rs_10",
    "rust_doctest_kernel_str_rs_9",
    "rust_doctest_kernel_alloc_kbox_rs_0",
    # what is compiled for a case has its name in its own
    "_RNvNvCs1_26doctests_kernel_generated28rust_doctest_kernel_str_rs_9",
    "rust_doctest_kernel_str_rs_9.cold",
    "rust_doctest_pin_init_lib_rs_0",
)
KERNEL = (NAMES[2], NAMES[1], NAMES[0])


@pytest.fixture
def vmlinux(tmp_path: Path) -> Path:
    file = tmp_path / "vmlinux"
    file.write_bytes(make_elf({".strtab": b"".join(b"\0" + name.encode() for name in NAMES) + b"\0"}))
    return file


def test_cases_are_the_functions_of_the_suites_crate(vmlinux: Path) -> None:
    assert list_doctests(vmlinux, "rust_doctests_kernel") == KERNEL
    assert list_doctests(vmlinux, "rust_doctests_pin_init") == (NAMES[-1],)


def test_other_suites_and_kernels_without_symbols_tell_none(vmlinux: Path, tmp_path: Path) -> None:
    assert list_doctests(vmlinux, "rust_kvec") == ()
    assert list_doctests(None, "rust_doctests_kernel") == ()
    assert list_doctests(tmp_path / "gone", "rust_doctests_kernel") == ()
    for contents in (make_elf({}), make_elf({})[:40], b"", b"junk"):
        vmlinux.write_bytes(contents)
        assert list_doctests(vmlinux, "rust_doctests_kernel") == ()
