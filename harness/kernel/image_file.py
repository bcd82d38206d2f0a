"""Parses bootable kernel images: architecture, release, and the configuration inside.

Formats: Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst
and Documentation/arch/riscv/boot-image-header.rst of the kernel, kernel/configs.c
for the configuration.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from dataclasses import dataclass

from rustbed.arch import ARCHES
from rustbed.kernel.elf import parse_elf

_GZIP = b"\x1f\x8b"
# offset of bzImage's pointer to its version string, and the base of that pointer
_X86_VERSION, _X86_BASE = 0x20E, 0x200


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """The facts in an image."""

    # our name, or a description of an architecture without a row; None if it is not a known kernel format
    arch: str | None
    # uname -r; None if the image does not have it
    release: str | None


def identify_image(data: bytes) -> ImageFacts:
    """Return the facts in the bytes of a bootable image; never raises, for any bytes."""
    data = _inflate(data)
    if data[:4] == b"\x7fELF":
        try:
            arch: str | None = parse_elf(data).name_arch()
        except ValueError:
            arch = None
        return ImageFacts(arch=arch, release=_find_release(data))
    for row in ARCHES.values():
        offset, magic = row.image_magic
        if data.startswith(magic, offset):
            return ImageFacts(arch=row.name, release=_x86_release(data) or _find_release(data))
    return ImageFacts(arch=None, release=None)


def find_config(data: bytes) -> str | None:
    """Return the .config in an uncompressed image or vmlinux (IKCONFIG), or None."""
    data = _inflate(data)
    start = data.find(b"IKCFG_ST" + _GZIP)
    if start < 0:
        return None
    try:
        return zlib.decompressobj(wbits=31).decompress(data[start + 8 :]).decode(errors="replace")
    except zlib.error:
        return None


def has_rust_symbols(data: bytes) -> bool:
    """Whether an ELF file's strings have symbols of Rust code (v0 mangling, the kernel's helpers)."""
    return b"rust_helper_" in data or b"_RNv" in data


def _inflate(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data


def _find_release(data: bytes) -> str | None:
    found = re.search(rb"Linux version (\d[\w.+~-]*) \(", data)
    return found[1].decode() if found else None


def _x86_release(data: bytes) -> str | None:
    """Return the release in a bzImage's header: its version string up to the first space."""
    if data[0x202:0x206] != b"HdrS" or len(data) < _X86_VERSION + 2:
        return None
    (pointer,) = struct.unpack_from("<H", data, _X86_VERSION)
    found = re.match(rb"\d[\w.+~-]*", data[_X86_BASE + pointer : _X86_BASE + pointer + 128])
    return found[0].decode() if pointer and found else None
