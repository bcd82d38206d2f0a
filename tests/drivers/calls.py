"""What a system call of the guest answers, as a value; shared by the driver tests."""

from __future__ import annotations

from collections.abc import Callable

from rustbed import SyscallError


def errno_of(call: Callable[..., object], *args: object) -> int:
    """Make a system call, such as `vm.write` or a method of an open file; return its errno, or 0."""
    try:
        call(*args)
    except SyscallError as error:
        return error.errno
    return 0
