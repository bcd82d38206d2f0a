"""What a splat format is: the kinds of failure, the stages of a report, the columns of the table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum


class Kind(StrEnum):
    """The kind of failure that a splat reports."""

    PANIC = "panic"
    OOPS = "oops"
    # BUG() in the source: the task that met it does not go on
    BUG = "bug"
    # "BUG: ..." from checks after which the kernel does go on
    BUG_REPORT = "bug-report"
    WARNING = "warning"
    RUST_PANIC = "rust-panic"
    KASAN = "kasan"
    KFENCE = "kfence"
    KCSAN = "kcsan"
    KMSAN = "kmsan"
    UBSAN = "ubsan"
    # locks, RCU and contexts used against their rules, whichever check saw it
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
    SLAB_CORRUPTION = "slab-corruption"
    LEAK = "leak"
    OUT_OF_MEMORY = "out-of-memory"
    DUPLICATE_NAME = "duplicate-name"
    # the machine restarted unasked
    REBOOT = "reboot"
    # the kernel said nothing, or nothing after it was started
    SILENCE = "silence"
    # the machine did not answer: found by who watched it, and told in hang.log
    HANG = "hang"
    # a taint bit that no splat in the log accounts for
    TAINT = "taint"
    # more records than can be judged, or records that were lost on the way to the host
    FLOOD = "flood"


class Stage(IntEnum):
    """How far into one failure's output a line comes; a later one continues what an earlier one began."""

    # what went wrong, said before the machinery of the report starts
    MESSAGE = 0
    # where the processor stopped
    FAULT = 1
    # the report's own headline
    REPORT = 2
    # the machine's last words
    DEATH = 3


class Blames(Enum):
    """Where a format shows the function to blame."""

    # the function in its headline, then the frames of its stack
    FRAMES = 1
    # where the lock is or was taken (`at: foo+0x1/0x2`), then as above
    LOCK = 2
    # the function which the kernel entered last from a dispatcher: what is stuck is somewhere below it
    HANDLER = 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """One format."""

    kind: Kind
    # regular expression, matched at a text's start; named groups feed the title, `function` the blame
    pattern: str
    # text of which one is in every match: how a large log is searched
    literals: tuple[str, ...]
    # str.format template over the groups and `access`, without the function
    title: str
    stage: Stage = Stage.REPORT
    # kinds that this line continues, if it comes soon and at a later stage; otherwise it begins anew
    continues: frozenset[Kind] = frozenset()
    # whether " in <function>" belongs to the title
    located: bool = True
    # whether the report comes with a stack trace
    traced: bool = True
    blames: Blames = Blames.FRAMES
    # whether several processors or tasks speak in it
    is_shared: bool = False
    # the line that ends the report, where it has one of its own
    closing: str = r"---\[ end trace"
    # whether the pattern begins with anything, so that its literals are looked for first
    is_anywhere: bool = False
    # whether the task that met it does not go on
    ends_task: bool = False
    # records that may come between two that belong to the report
    reach: int = 24


# a symbol as %pS prints it; Rust's v0 names are of the same characters
SYMBOL = r"[A-Za-z_$.][\w$.]*"
AT = rf"(?P<function>{SYMBOL})\+0x"
# what stands before and behind some reports
RULE = r"={20,}$"
