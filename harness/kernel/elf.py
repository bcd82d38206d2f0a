"""Parses ELF files of kernels and modules (elf(5)).

Supports both word sizes and byte orders. Pure; does not know the meaning of sections.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap

from rustbed.arch import ARCHES, Arch

# a file's contents: read, or mapped if it is large
Data = bytes | mmap

# e_type of a relocatable file, whose sections have no addresses
_RELOCATABLE = 1
# bits of sh_flags: writable, in memory, code
_WRITABLE, _ALLOCATED, _EXECUTABLE = 1, 2, 4
# sh_type of a section without bytes in the file
_NOBITS = 8
# type and owner of the note with the build id (the linker's --build-id)
_BUILD_ID = 3


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of an ELF file; all numbers in bytes."""

    name: str
    offset: int
    size: int
    # 0 in a relocatable file
    address: int
    alignment: int
    allocated: bool
    executable: bool
    writable: bool
    # whether it has memory but no bytes in the file
    empty: bool
    # offset of its header in the file
    header: int


@dataclass(frozen=True, kw_only=True)
class ElfHeader:
    """The architecture and the sections of an ELF file."""

    # e_machine
    machine: int
    word_bits: int
    big_endian: bool
    # whether it is relocatable, as modules are
    relocatable: bool
    sections: tuple[Section, ...]

    @property
    def order(self) -> str:
        """The byte order as a letter of struct."""
        return ">" if self.big_endian else "<"

    def belongs_to(self, arch: Arch) -> bool:
        """Whether the file is for an architecture."""
        return (self.machine, self.word_bits, self.big_endian) == (
            arch.elf_machine,
            arch.word_bits,
            arch.big_endian,
        )

    def name_arch(self) -> str:
        """Return our name for the file's architecture, or its number."""
        known = (arch.name for arch in ARCHES.values() if self.belongs_to(arch))
        return next(known, f"ELF machine {self.machine}, {self.word_bits} bits")


def parse_elf(data: Data) -> ElfHeader:
    """Return the header of an ELF file. Raises ValueError for another or a truncated file."""
    if data[:4] != b"\x7fELF" or len(data) < 52:
        raise ValueError("not an ELF file")
    wide, big = data[4] == 2, data[5] == 2
    order = ">" if big else "<"
    try:
        kind, machine = struct.unpack_from(f"{order}2H", data, 16)
        # e_shoff, then e_shentsize, e_shnum, e_shstrndx at the header's end
        (offset,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, 40 if wide else 32)
        size, count, names = struct.unpack_from(f"{order}3H", data, 58 if wide else 46)
        layout = f"{order}II4Q2IQ" if wide else f"{order}9I"
        headers = range(offset, offset + count * size, size or 1)
        rows = [(header, struct.unpack_from(layout, data, header)) for header in headers]
        strings = rows[names][1][4] if names < count else 0
        sections = tuple(
            Section(
                name=_string(data, strings + row[0]),
                offset=row[4],
                size=row[5],
                address=row[3],
                alignment=row[8],
                allocated=bool(row[2] & _ALLOCATED),
                executable=bool(row[2] & _EXECUTABLE),
                writable=bool(row[2] & _WRITABLE),
                empty=row[1] == _NOBITS,
                header=header,
            )
            for header, row in rows
        )
    except (struct.error, OverflowError) as error:
        raise ValueError("the ELF file is cut off") from error
    return ElfHeader(
        machine=machine,
        word_bits=64 if wide else 32,
        big_endian=big,
        relocatable=kind == _RELOCATABLE,
        sections=sections,
    )


def _string(data: Data, offset: int) -> str:
    end = data.find(b"\0", offset)
    return data[offset : max(end, offset)].decode("ascii", errors="replace")


def find_section(data: Data, elf: ElfHeader, name: str) -> bytes | None:
    """Return the contents of a section, None if there is no such section."""
    for section in elf.sections:
        if section.name == name:
            return data[section.offset : section.offset + section.size]
    return None


def find_build_id(data: Data, elf: ElfHeader) -> str:
    """Return the linker's build id in hexadecimal; "" if there is none."""
    for name in (".note.gnu.build-id", ".notes"):
        notes = find_section(data, elf, name) or b""
        at = 0
        while at + 12 <= len(notes):
            owner_size, size, kind = struct.unpack_from(f"{elf.order}3I", notes, at)
            contents = at + 12 + (owner_size + 3 & ~3)
            if kind == _BUILD_ID and notes[at + 12 : at + 16] == b"GNU\0":
                return notes[contents : contents + size].hex()
            at = contents + (size + 3 & ~3)
    return ""
