"""The bits of a kernel's taint that stand for failures. Pure."""

from __future__ import annotations

# bit and name of the taints that mean a failure (Documentation/admin-guide/tainted-kernels.rst);
# the others only record what was loaded or requested
_TAINTS = ((4, "machine check"), (5, "bad page"), (7, "died"), (9, "warned"), (14, "soft lockup"))


def new_taints(before: int, after: int) -> tuple[str, ...]:
    """Return the names of the newly set bits of /proc/sys/kernel/tainted that mean a failure."""
    added = after & ~before
    return tuple(name for bit, name in _TAINTS if added >> bit & 1)
