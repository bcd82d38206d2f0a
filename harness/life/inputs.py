"""Inputs for a driver that a well-behaved program would never give it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rustbed.arch import Arch

# each is written to every file with one write(2)
JUNK = (
    b"",
    b"\n",
    b"\0",
    b"junk",
    b"-1",
    b"99999999999999999999999",
    b"0x",
    b"%s%n%p",
    b" 1 2 3 4 5",
    b"A" * 4096,
    bytes(range(128, 256)),
)

# directions of an ioctl, as Arch.ioctl_number takes them
_NONE, _WRITE, _READ = 0, 1, 2
# arguments of an ioctl: bad pointers, and numbers that the kernel must not take for a pointer
_POINTERS = (
    "none",
    "null",
    "unmapped",
    "int:1",
    "int:0xffffffffffffffff",
    "int:0x8000000000000000",
    f"buf:{'ff' * 8}",
)
# numbers tried of each type that the driver is not known to implement
_COMMON = (0, 1, 0x80)
# bits of the size in a number of asm-generic
_SIZE = (1 << 14) - 1

_NUMBER = re.compile(r"([iu])(\d+|size)$|(u?)(short|int|long|byte|ullong)$")
_BITS = {"size": 64, "short": 16, "int": 32, "long": 64, "byte": 8, "ullong": 64}


def extremes(kind: str) -> tuple[str, ...]:
    """Return values to try for a parameter, given its type as modinfo prints it: i64, bool, charp ..."""
    if match := _NUMBER.fullmatch(kind):
        word = match[2] or match[4]
        bits = int(word) if word.isdecimal() else _BITS[word]
        signed = match[1] == "i" or (match[1] is None and match[3] == "" and word not in ("byte", "ullong"))
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        numbers = (low, high, low - 1, high + 1, 0, -1, 1 << 128)
        return (*map(str, dict.fromkeys(numbers)), "", "junk", "1 2")
    if kind == "bool":
        return ("Y", "N", "", "2", "junk")
    return ("", "0", "-1", "junk", "A" * 1000, ",".join("9" * 40))


def ioctl_numbers(known: Iterable[int], arch: Arch) -> list[tuple[int, str]]:
    """Return the ioctls to issue, each with its argument in rbctl's notation.

    These are: the known numbers with every pointer and with other sizes and directions, every number of their
    types, and some numbers of each other type. `known` are numbers of asm-generic, as on x86_64.
    """
    parts = [(number >> 30, number >> 8 & 0xFF, number & 0xFF, number >> 16 & _SIZE) for number in known]
    number_of, largest = arch.ioctl_number, arch.largest_ioctl
    calls = [(number_of(*part), pointer) for part in parts for pointer in _POINTERS]
    for _, kind, low, size in parts:
        for direction in range(4):
            for other in {0, max(0, size - 1), size, size + 1, largest}:
                calls.append((number_of(direction, kind, low, other), "unmapped"))
    for kind in {kind for _, kind, _, _ in parts}:
        calls += [(number_of(_NONE, kind, low, 0), "unmapped") for low in range(256)]
        calls += [(number_of(_READ | _WRITE, kind, low, 8), "unmapped") for low in range(256)]
    for kind in range(256):
        calls += [(number_of(_NONE, kind, low, 0), "none") for low in _COMMON]
        calls += [(number_of(_READ, kind, low, 4), "unmapped") for low in _COMMON]
    return list(dict.fromkeys(calls))
