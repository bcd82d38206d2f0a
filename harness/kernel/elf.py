"""ELF files as bytes, as far as kernels and modules need them (elf(5)).

Either word size, either byte order. Pure; knows nothing of what the sections mean.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from harness.arch import ARCHES, Arch


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
