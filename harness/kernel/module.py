"""Kernel modules as files: what a .ko says about itself, and whether a kernel would take it.

Reads ELF of either word size and byte order, as far as modules need it
(elf(5)); the keys of .modinfo are those of MODULE_INFO in the kernel's
include/linux/moduleparam.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.arch import ARCHES, Arch
from harness.errors import MismatchError
from harness.kernel.artifact import Kernel, Module


@dataclass(frozen=True, kw_only=True)
class ElfHeader:
    """What identifies an ELF file's architecture, and where its sections are."""

    # e_machine
    machine: int
    word_bits: int
    big_endian: bool
    # name, offset and size of each section, in bytes
    sections: tuple[tuple[str, int, int], ...]

    def belongs_to(self, arch: Arch) -> bool:
        """Say whether the file is for an architecture."""
        return (self.machine, self.word_bits, self.big_endian) == (
            arch.elf_machine,
            arch.word_bits,
            arch.big_endian,
        )

    def name_arch(self) -> str:
        """Return our name of the file's architecture, or its number."""
        known = (arch.name for arch in ARCHES.values() if self.belongs_to(arch))
        return next(known, f"ELF machine {self.machine}, {self.word_bits} bits")


@dataclass(frozen=True, kw_only=True)
class ModuleFacts:
    """What a module file says about itself."""

    # as in /proc/modules
    name: str
    # the kernel it was built for, and how that was configured: "7.3.4 SMP mod_unload "
    vermagic: str
    # names of modules it needs
    depends: tuple[str, ...]
    elf: ElfHeader

    @property
    def release(self) -> str:
        """The kernel release in the vermagic."""
        return self.vermagic.partition(" ")[0]


def parse_elf(data: bytes) -> ElfHeader:
    """Return the header of an ELF file; ValueError if it is none or is cut off."""
    if data[:4] != b"\x7fELF" or len(data) < 52:
        raise ValueError("not an ELF file")
    wide, big = data[4] == 2, data[5] == 2
    order = ">" if big else "<"
    try:
        (machine,) = struct.unpack_from(f"{order}H", data, 18)
        # e_shoff, then e_shentsize, e_shnum, e_shstrndx at the header's end
        (offset,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, 40 if wide else 32)
        size, count, names = struct.unpack_from(f"{order}3H", data, 58 if wide else 46)
        layout = f"{order}II4Q" if wide else f"{order}II4I"
        rows = [struct.unpack_from(layout, data, offset + number * size) for number in range(count)]
        strings = rows[names][4] if names < count else 0
        sections = tuple((_string(data, strings + row[0]), row[4], row[5]) for row in rows)
    except (struct.error, OverflowError) as error:
        raise ValueError("the ELF file is cut off") from error
    return ElfHeader(machine=machine, word_bits=64 if wide else 32, big_endian=big, sections=sections)


def _string(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset)
    return data[offset : max(end, offset)].decode("ascii", errors="replace")


def find_section(data: bytes, elf: ElfHeader, name: str) -> bytes | None:
    """Return the contents of a section, or None if there is none of that name."""
    for found, offset, size in elf.sections:
        if found == name:
            return data[offset : offset + size]
    return None


def parse_modinfo(section: bytes) -> Iterator[tuple[str, str]]:
    """Yield the `key=value` pairs of a .modinfo section."""
    for entry in section.split(b"\0"):
        key, equals, value = entry.decode(errors="replace").partition("=")
        if equals:
            yield key, value


def parse_module(data: bytes, name: str) -> ModuleFacts:
    """Return what a module's bytes say; `name` serves where .modinfo has none. ValueError if it is none."""
    elf = parse_elf(data)
    section = find_section(data, elf, ".modinfo")
    if section is None:
        raise ValueError("it has no .modinfo section")
    known = dict(parse_modinfo(section))
    if "vermagic" not in known:
        raise ValueError("its .modinfo has no vermagic")
    return ModuleFacts(
        name=known.get("name", name).replace("-", "_"),
        vermagic=known["vermagic"],
        depends=tuple(item.replace("-", "_") for item in known.get("depends", "").split(",") if item),
        elf=elf,
    )


def read_module(path: Path) -> ModuleFacts:
    """Read a .ko file; MismatchError if it is not a kernel module."""
    try:
        return parse_module(path.read_bytes(), path.stem)
    except OSError as error:
        raise MismatchError(f"cannot read module {path}: {error.strerror}") from error
    except ValueError as error:
        raise MismatchError(f"{path} is not a kernel module: {error}") from error


def require_match(
    facts: ModuleFacts, path: Path, arch: Arch, release: str, vermagic: str | None = None
) -> None:
    """Raise MismatchError unless a kernel of this architecture and release would take a module."""
    if not facts.elf.belongs_to(arch):
        raise MismatchError(f"module {path} is for {facts.elf.name_arch()}, the kernel is for {arch}")
    if facts.release != release or (vermagic is not None and facts.vermagic != vermagic):
        raise MismatchError(
            f"module {path} was built for another kernel",
            vermagic=facts.vermagic,
            kernel=vermagic or release,
            mend="build it against the kernel that is to be tested",
        )


def require_loadable(path: Path, kernel: Kernel) -> None:
    """Raise MismatchError if a module is for another architecture, kernel or configuration.

    The kernel's own modules tell its vermagic; a kernel without modules is
    compared by release alone.
    """
    sibling = next(iter(kernel.modules.values()), None)
    vermagic = read_module(sibling.path).vermagic if sibling is not None else None
    require_match(read_module(path), path, kernel.arch, kernel.release, vermagic)


def describe_modules(paths: Iterator[Path]) -> dict[str, Module]:
    """Read module files and return them by name."""
    found = {}
    for path in paths:
        facts = read_module(path)
        found[facts.name] = Module(name=facts.name, path=path, depends=facts.depends)
    return dict(sorted(found.items()))
