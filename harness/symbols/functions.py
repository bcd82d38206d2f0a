"""Finds functions in vmlinux and in modules, with the sizes that the kernel prints.

A module is not linked: in the guest its sections lie anywhere, and in its file all begin at 0.
`lay_out` gives each section an address of its own, so that an address means one place. Pure.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from rustbed.kernel.elf import Data, ElfHeader, Section, find_section, parse_elf

# address of a file's first section; not 0, which means "removed" in debug information
_FIRST = 0x10000
# sections whose addresses llvm-symbolizer (19) reads without relocating them; it works without these sections
_UNRELOCATED = (".debug_aranges", ".rela.debug_aranges", ".rel.debug_aranges")
# types of symbols that are places in code or data: none, object, function, GNU's indirect function
_FUNCTION = 2
_PLACES = frozenset({0, 1, _FUNCTION, 10})
# names that scripts/mksysmap and the module loader leave out, besides those of `_symbols`
_LEFT_OUT = re.compile(rb"L0\0|__crc_|__kstrtab|__kcfi_typeid_|__pi_(?:\$|\.L)")


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function (or label of assembly) in a file."""

    # in the file that `lay_out` returns
    address: int
    # as the compiler recorded it; 0 for labels
    size: int
    # bytes up to the next symbol, with padding: the size that the kernel prints; None for the section's last
    room: int | None

    def fits(self, printed: int) -> bool:
        """Whether the kernel may have printed this size."""
        return self.size <= printed and (self.room is None or printed <= self.room)


def of_size(functions: Iterable[Function], printed: int) -> tuple[Function, ...]:
    """Return the functions for which the kernel may have printed this size.

    A function with exactly this room is preferred to one of unknown size. Under KASAN each source of a module
    has an `asan.module_ctor`, and the kernel prints one of them behind a call that never returns.
    """
    fitting = tuple(function for function in functions if function.fits(printed))
    return tuple(function for function in fitting if function.room == printed) or fitting


def lay_out(data: bytes) -> bytes:
    """Return a module's file with an address for each section. Raises ValueError for a file that is not ELF.

    The order is the module loader's: code first and without gaps, initialization last. It matters for a call
    that never returns and is the last of its section: its return address is in the next section.
    """
    elf = parse_elf(data)
    made = bytearray(data)
    address, size = (16, 32) if elf.word_bits == 64 else (12, 20)
    word = f"{elf.order}{'Q' if elf.word_bits == 64 else 'I'}"
    at = _FIRST
    try:
        for section in sorted(elf.sections, key=_loaded_after):
            if section.allocated:
                at += -at % max(section.alignment, 1)
                struct.pack_into(word, made, section.header + address, at)
                at += section.size
            elif section.name in _UNRELOCATED:
                struct.pack_into(word, made, section.header + size, 0)
    except struct.error as error:
        raise ValueError("its sections do not fit into memory") from error
    return bytes(made)


def _loaded_after(section: Section) -> tuple[bool, bool]:
    return not section.executable, section.name.startswith(".init")


class Functions:
    """The symbols of one file, found by name."""

    def __init__(self, data: Data) -> None:
        """Read the symbol table. Raises ValueError for a file that is not ELF or is cut off."""
        self.elf = parse_elf(data)
        self._names = find_section(data, self.elf, ".strtab") or b""
        # section number and address of each symbol, by where its name is
        self._by_name: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        labels: dict[int, int] = {}
        starts: dict[int, int] = {}
        places: dict[int, set[int]] = defaultdict(set)
        for name, section, value, size, kind in _symbols(data, self.elf, self._names):
            if kind not in _PLACES or not 0 < section < len(self.elf.sections):
                continue
            if _LEFT_OUT.match(self._names, name):
                continue
            address = value + (self.elf.sections[section].address if self.elf.relocatable else 0)
            self._by_name[name].append((section, address, size))
            places[section].add(address)
            if self.elf.sections[section].executable:
                (starts if kind == _FUNCTION else labels).setdefault(address, name)
        # by address: where the name of its symbol is; a function's name is preferred
        self._at = labels | starts
        self._places = {section: sorted(addresses) for section, addresses in places.items()}

    def named(self, name: str) -> tuple[Function, ...]:
        """Return the functions of a name, which static functions of several files may share."""
        wanted = name.encode() + b"\0"
        found = []
        at = self._names.find(wanted)
        while at >= 0:
            # a linker may store a name as the end of another
            found += [self._function(*symbol) for symbol in self._by_name.get(at, ())]
            at = self._names.find(wanted, at + 1)
        return tuple(dict.fromkeys(found))

    def around(self, address: int) -> tuple[str, int]:
        """Return the name and the address of the symbol whose code is at an address; "" and 0 if none."""
        behind = bisect_right(self._sorted, address)
        if not behind:
            return "", 0
        start = self._sorted[behind - 1]
        name = self._at[start]
        return self._names[name : self._names.find(b"\0", name)].decode(errors="replace"), start

    @cached_property
    def _sorted(self) -> list[int]:
        return sorted(self._at)

    def _function(self, section: int, address: int, size: int) -> Function:
        places = self._places[section]
        behind = bisect_right(places, address)
        room = places[behind] - address if behind < len(places) else None
        return Function(address=address, size=size, room=room)


def _symbols(data: Data, elf: ElfHeader, names: bytes) -> list[tuple[int, int, int, int, int]]:
    """Return place of name, section, value, size and type of each symbol, without compilers' own symbols.

    These are skipped here, by one or two characters, because the vmlinux of riscv has half a million.
    """
    table = find_section(data, elf, ".symtab") or b""
    dollar, dot, letter = b"$.L"
    try:
        if elf.word_bits == 64:
            whole = table[: len(table) // 24 * 24]
            return [
                (name, section, value, size, info & 15)
                for name, info, _, section, value, size in struct.iter_unpack(f"{elf.order}IBBHQQ", whole)
                if names[name] != dollar and not (names[name] == dot and names[name + 1] == letter)
            ]
        whole = table[: len(table) // 16 * 16]
        return [
            (name, section, value, size, info & 15)
            for name, value, size, info, _, section in struct.iter_unpack(f"{elf.order}IIIBBH", whole)
            if names[name] != dollar and not (names[name] == dot and names[name + 1] == letter)
        ]
    except IndexError as error:
        raise ValueError("its symbols have no names") from error
