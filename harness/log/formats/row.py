"""Types of the table of splat formats: kinds of failures, stages of a report, columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum


class Kind(StrEnum):
    """The kind of failure that a splat reports."""

    PANIC = "panic"
    OOPS = "oops"
    # BUG() in the source, which ends the task
    BUG = "bug"
    # "BUG: ..." from checks after which the task goes on
    BUG_REPORT = "bug-report"
    WARNING = "warning"
    RUST_PANIC = "rust-panic"
    KASAN = "kasan"
    KFENCE = "kfence"
    KCSAN = "kcsan"
    KMSAN = "kmsan"
    UBSAN = "ubsan"
    # violated rules of locks, RCU and contexts, by any check
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
    # the machine restarted unexpectedly
    REBOOT = "reboot"
    # the kernel printed nothing, or nothing after it was started
    SILENCE = "silence"
    # the machine did not answer: hang.log has what its watcher found
    HANG = "hang"
    # a taint bit that no splat in the log explains
    TAINT = "taint"
    # too many records to be judged, or records lost on their way to the host
    FLOOD = "flood"


class Stage(IntEnum):
    """The parts of one failure's output, in order; a line of a later stage continues the report."""

    # a message about the failure, before the report itself
    MESSAGE = 0
    # the place where the processor stopped
    FAULT = 1
    # the report's own headline
    REPORT = 2
    # the machine's last words
    DEATH = 3


class Blames(Enum):
    """The place of the function to blame in a format."""

    # the function in its headline, then the frames of its stack
    FRAMES = 1
    # where the lock is or was taken (`at: foo+0x1/0x2`), then as above
    LOCK = 2
    # the last function that a dispatcher entered: a function below it is stuck
    HANDLER = 3


# a row is equal to itself only: a hash of all that it says would be computed for each report
@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One format."""

    kind: Kind
    # regular expression, matched at a text's start; named groups feed the title, `function` the blame
    pattern: str
    # texts of which every match has one; a large log is searched for them
    literals: tuple[str, ...]
    # str.format template over the groups and `access`, without the function
    title: str
    stage: Stage = Stage.REPORT
    # kinds that this line continues if it comes soon and at a later stage; otherwise it begins a new report
    continues: frozenset[Kind] = frozenset()
    # whether " in <function>" belongs to the title
    located: bool = True
    # whether the report comes with a stack trace
    traced: bool = True
    blames: Blames = Blames.FRAMES
    # whether several processors or tasks print it
    is_shared: bool = False
    # the line that ends the report, if the format has one
    closing: str = r"---\[ end trace"
    # whether the pattern begins with any text, so that its literals are searched first
    is_anywhere: bool = False
    # whether it ends the task that met it
    ends_task: bool = False
    # at most this many records between two that belong to the report
    reach: int = 24


# a symbol as %pS prints it; Rust's v0 names are of the same characters
SYMBOL = r"[A-Za-z_$.][\w$.]*"
AT = rf"(?P<function>{SYMBOL})\+0x"
# the line before and after some reports
RULE = r"={20,}$"
