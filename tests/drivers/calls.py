"""System calls of the guest: numbers and layouts as its architecture has them, and what is answered."""

from __future__ import annotations

import struct
from collections.abc import Callable

from rustbed import SyscallError
from rustbed.arch import Arch

# directions of an ioctl (include/uapi/asm-generic/ioctl.h): the user writes, the user reads
WRITE, READ = 1, 2


def errno_of(call: Callable[..., object], *args: object) -> int:
    """Make a system call, such as `vm.write` or a method of an open file; return its errno, or 0."""
    try:
        call(*args)
    except SyscallError as error:
        return error.errno
    return 0


def ioctl_number(arch: Arch, kind: str, direction: int, number: int, size: int) -> int:
    """Return the number of an ioctl; `kind` is the driver's letter, `size` that of its argument in bytes."""
    return arch.ioctl_number(direction, ord(kind), number, size)


def layout(arch: Arch, members: str) -> struct.Struct:
    """Return the layout of a C structure in an architecture's byte order.

    `members` are letters of Python's struct module; P, which can only be the last, is a pointer, aligned as
    compilers align it.
    """
    order = ">" if arch.big_endian else "<"
    if not members.endswith("P"):
        return struct.Struct(order + members)
    before, word = order + members[:-1], arch.word_bits // 8
    gap = -struct.calcsize(before) % word
    return struct.Struct(f"{before}{gap}x{ {4: 'I', 8: 'Q'}[word] }")
