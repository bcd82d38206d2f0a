"""Splats: what a kernel prints when something is wrong with it.

Owns the table of formats and the reading of one report's span. Pure; knows
nothing of tests, machines or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.log.record import Record


class Kind(StrEnum):
    """What kind of failure a splat tells of."""

    PANIC = "panic"
    OOPS = "oops"
    BUG = "bug"
    WARNING = "warning"
    RUST_PANIC = "rust-panic"
    KASAN = "kasan"
    KFENCE = "kfence"
    KCSAN = "kcsan"
    KMSAN = "kmsan"
    UBSAN = "ubsan"
    LOCKDEP = "lockdep"
    ATOMIC_SLEEP = "atomic-sleep"
    RCU_STALL = "rcu-stall"
    SOFT_LOCKUP = "soft-lockup"
    HARD_LOCKUP = "hard-lockup"
    HUNG_TASK = "hung-task"
    WORKQUEUE_LOCKUP = "workqueue-lockup"
    REFCOUNT = "refcount"
    LIST_CORRUPTION = "list-corruption"
    DEBUG_OBJECTS = "debug-objects"
    STACK_OVERFLOW = "stack-overflow"
    BAD_PAGE = "bad-page"
    LEAK = "leak"
    OUT_OF_MEMORY = "out-of-memory"
    DUPLICATE_NAME = "duplicate-name"
    # a taint bit that no splat in the log accounts for
    TAINT = "taint"


@dataclass(frozen=True, kw_only=True)
class Splat:
    """One report in a sequence of records."""

    kind: Kind
    # "WARNING in foo", "KASAN: slab-use-after-free Read in foo"
    title: str
    # the function to blame, "" if unknown
    function: str
    # whether the machine died of it
    fatal: bool
    # indices of its first and last record in the given sequence; last < first if it has none
    first: int
    last: int


def find_splats(records: Sequence[Record]) -> tuple[Splat, ...]:
    """Return the splats in the records, in their order."""
    return ()


# bit and name of the taints that tell of a failure (Documentation/admin-guide/tainted-kernels.rst);
# the others tell of what was loaded or asked for
_TAINTS = ((4, "machine check"), (5, "bad page"), (7, "died"), (9, "warned"), (14, "soft lockup"))


def new_taints(before: int, after: int) -> tuple[str, ...]:
    """Return the names of the newly set bits of /proc/sys/kernel/tainted that tell of a failure."""
    added = after & ~before
    return tuple(name for bit, name in _TAINTS if added >> bit & 1)
