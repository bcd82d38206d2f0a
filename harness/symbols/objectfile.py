"""Files with debug information as a process reads them: once, however many reports have frames in them.

The symbol table of a vmlinux has 50,000 names, and llvm-symbolizer reads as much debug information for one
address as for twenty. Red tests of one session mostly stop at the same addresses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from mmap import PROT_READ, mmap
from pathlib import Path

from rustbed.kernel.elf import Data, ElfHeader, find_build_id, find_section
from rustbed.symbols.functions import Functions, lay_out

# files that are kept: vmlinux, a driver, and two modules that it needs
_KEPT = 4


@dataclass(frozen=True, kw_only=True)
class Level:
    """One function of those inlined into each other at an address, as llvm-symbolizer names it."""

    symbol: str
    file: str
    line: int
    # file and line where the function is declared; "" and 0 if unknown
    declared: tuple[str, int] = ("", 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectFile:
    """vmlinux or a module, by its contents."""

    # in `laid_out`, if there is one
    functions: Functions
    # in hexadecimal; "" if there is none
    build_id: str
    # first line that the kernel in a vmlinux prints (linux_banner); "" for a module
    banner: str
    # release of the kernel, or that a module was built for; "" if unknown
    release: str
    has_debug_information: bool
    # contents of a module, with an address for each section; None for a linked file
    laid_out: bytes | None
    # answers of llvm-symbolizer until now: the functions at an address, innermost first
    answers: dict[int, Sequence[Level]] = field(default_factory=dict)


def read_object(path: Path) -> ObjectFile:
    """Return a file, read again if it has changed. Raises OSError, and ValueError if it is not ELF."""
    status = path.stat()
    return _read(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=_KEPT)
def _read(path: Path, stamp: tuple[int, ...]) -> ObjectFile:
    with path.open("rb") as stream, mmap(stream.fileno(), 0, prot=PROT_READ) as contents:
        functions, laid_out = Functions(contents), None
        elf = functions.elf
        if elf.relocatable:
            laid_out = lay_out(bytes(contents))
            functions = Functions(laid_out)
        banner = _find_banner(contents, elf)
        return ObjectFile(
            functions=functions,
            build_id=find_build_id(contents, elf),
            banner=banner,
            release=banner.split()[2] if banner else _find_release(contents, elf),
            has_debug_information=any(section.name == ".debug_info" for section in elf.sections),
            laid_out=laid_out,
        )


def _find_banner(contents: Data, elf: ElfHeader) -> str:
    rodata = find_section(contents, elf, ".rodata") or b""
    match = re.search(rb"Linux version \d[^\n\0]+", rodata)
    return match[0].decode(errors="replace").strip() if match else ""


def _find_release(contents: Data, elf: ElfHeader) -> str:
    match = re.search(rb"(?:^|\0)vermagic=(\S+)", find_section(contents, elf, ".modinfo") or b"")
    return match[1].decode(errors="replace") if match else ""
