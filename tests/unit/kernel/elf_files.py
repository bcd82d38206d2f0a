"""Handmade ELF files and boot images: the smallest that say what a test wants said."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # also read by the fake make, which has no harness
    from rustbed.arch import Arch


def make_elf(
    sections: dict[str, bytes],
    *,
    machine: int = 62,
    word_bits: int = 64,
    big_endian: bool = False,
    code: tuple[str, ...] = (),
    constants: tuple[str, ...] = (),
) -> bytes:
    """Return an ELF file with these sections, its section headers at the end.

    `code` and `constants` are names of sections that go to memory.
    """
    order = ">" if big_endian else "<"
    wide = word_bits == 64
    contents = {"": b"", **sections, ".shstrtab": b""}
    strings, offsets = b"", {}
    for name in contents:
        offsets[name] = len(strings)
        strings += name.encode() + b"\0"
    contents[".shstrtab"] = strings

    header_size = 64 if wide else 52
    body, rows = b"", []
    layout = f"{order}II4Q2I2Q" if wide else f"{order}10I"
    for name, data in contents.items():
        place = (header_size + len(body), len(data))
        flags = 6 if name in code else 2 if name in constants else 0
        rows.append(struct.pack(layout, offsets[name], 1, flags, 0, *place, 0, 0, 0, 0))
        body += data
    word = "Q" if wide else "I"
    header = b"\x7fELF" + bytes([2 if wide else 1, 2 if big_endian else 1, 1]) + bytes(9)
    header += struct.pack(f"{order}HHI3{word}I", 1, machine, 1, 0, 0, header_size + len(body), 0)
    header += struct.pack(f"{order}6H", header_size, 0, 0, len(rows[0]), len(rows), len(rows) - 1)
    return header + body + b"".join(rows)


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """One row of a symbol table; `kind` 2 is a function."""

    name: str
    section: int
    value: int
    size: int
    kind: int = 2


def make_symbols(
    symbols: tuple[Symbol, ...], *, word_bits: int = 64, big_endian: bool = False
) -> dict[str, bytes]:
    """Return the sections .symtab and .strtab."""
    order = ">" if big_endian else "<"
    names, rows = b"\0", b""
    for symbol in symbols:
        name, info = len(names), symbol.kind
        names += symbol.name.encode() + b"\0"
        if word_bits == 64:
            rows += struct.pack(f"{order}IBBHQQ", name, info, 0, symbol.section, symbol.value, symbol.size)
        else:
            rows += struct.pack(f"{order}IIIBBH", name, symbol.value, symbol.size, info, 0, symbol.section)
    return {".symtab": rows, ".strtab": names}


def make_build_id(build_id: str, *, big_endian: bool = False) -> bytes:
    """Return a note section with a build id, behind a note of another kind."""
    order = ">" if big_endian else "<"
    other = struct.pack(f"{order}3I", 6, 1, 7) + b"Linux\0\0\0" + b"\1\0\0\0"
    contents = bytes.fromhex(build_id)
    return other + struct.pack(f"{order}3I", 4, len(contents), 3) + b"GNU\0" + contents


def make_module(
    name: str = "rust_minimal",
    vermagic: str = "7.3.4 SMP mod_unload ",
    depends: str = "",
    *,
    arch: Arch | None = None,
    rust: bool = True,
    parameters: Sequence[str] = (),
    flags: Sequence[str] = ("intree",),
) -> bytes:
    """Return a module that says these things of itself; a parameter is NAME:TYPE, a flag a key."""
    info = {"name": name, "depends": depends, "vermagic": vermagic, **dict.fromkeys(flags, "Y")}
    pairs = [*info.items(), *(("parmtype", parameter) for parameter in parameters)]
    modinfo = b"".join(f"{key}={value}\0".encode() for key, value in pairs)
    sections = {".modinfo": modinfo, ".strtab": b"\0_RNvCs1_12rust_minimal4init\0" if rust else b"\0init\0"}
    if arch is None:
        return make_elf(sections)
    return make_elf(sections, machine=arch.elf_machine, word_bits=arch.word_bits, big_endian=arch.big_endian)


def make_bzimage(release: str = "7.3.4") -> bytes:
    """Return the header of an x86 bzImage."""
    data = bytearray(0x400)
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", data, 0x20E, 0x100)
    text = f"{release} (rustbed@rustbed) #1 SMP\0".encode()
    data[0x300 : 0x300 + len(text)] = text
    return bytes(data)


def make_image(magic: bytes, release: str = "7.3.4", inside: bytes = b"") -> bytes:
    """Return an uncompressed Image with a magic number at 0x38, as arm64 and riscv have it."""
    data = bytearray(0x40)
    data[0x38 : 0x38 + len(magic)] = magic
    return bytes(data) + b"\0Linux version " + release.encode() + b" (rustbed@rustbed) (clang)\n\0" + inside
