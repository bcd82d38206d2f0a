"""The examples of a crate's documentation, which a kernel runs as a KUnit suite; its ELF file names them.

scripts/rustdoc_test_gen.rs of the kernel makes the suite `rust_doctests_CRATE`, and for each of its cases a
function of the same name: `rust_doctest_CRATE_FILE_NUMBER`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from mmap import PROT_READ, mmap
from pathlib import Path

from rustbed.kernel.elf import find_section, parse_elf

_SUITE = re.compile(r"rust_doctests_(\w+)")


def is_of_doctests(suite: str) -> bool:
    """Whether a suite is that of a crate's examples."""
    return _SUITE.fullmatch(suite) is not None


def list_doctests(vmlinux: Path | None, suite: str) -> tuple[str, ...]:
    """Return the cases of a suite in the order of files and numbers; none for other suites.

    `vmlinux` is the kernel's ELF file, which is read once. One without symbols, or cut off, tells none.
    """
    crate = _SUITE.fullmatch(suite)
    if crate is None or vmlinux is None or not vmlinux.is_file():
        return ()
    return _find_functions(vmlinux, vmlinux.stat().st_mtime_ns, f"rust_doctest_{crate[1]}_")


@lru_cache
def _find_functions(vmlinux: Path, _modified: int, prefix: str) -> tuple[str, ...]:
    """Return the names in a file's table of symbols that begin with `prefix` and end in a number."""
    try:
        with vmlinux.open("rb") as stream, mmap(stream.fileno(), 0, prot=PROT_READ) as data:
            names = find_section(data, parse_elf(data), ".strtab") or b""
    except (OSError, ValueError):
        return ()
    found = re.findall(rb"\0(%b\w+_\d+)(?=\0)" % prefix.encode(), names)
    return tuple(sorted({name.decode() for name in found}, key=_file_and_number))


def _file_and_number(name: str) -> tuple[str, int]:
    file, _, number = name.rpartition("_")
    return file, int(number)
