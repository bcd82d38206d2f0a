"""Formats of violated rules of locks, RCU and contexts."""

from __future__ import annotations

from rustbed.log.formats.row import Blames, Kind, Row, Stage

LOCKS = (
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:\[ )?(?:WARNING|INFO): possible (?:circular locking dependency|recursive locking"
        r"|irq lock inversion dependency) detected",
        literals=("WARNING: ", "INFO: "),
        title="possible deadlock",
        blames=Blames.LOCK,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|\[ INFO): (?:HARD|SOFT)IRQ(?:-READ)?-safe -> \S+ lock order detected",
        literals=("WARNING: ", "INFO: "),
        title="possible deadlock",
        blames=Blames.LOCK,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|\[ INFO): inconsistent lock state",
        literals=("WARNING: ", "INFO: "),
        title="inconsistent lock state",
        blames=Blames.LOCK,
    ),
    # names the place where the lock is taken or released, and has no better stack
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|\[ BUG): (?P<what>bad unlock balance|lock held when returning to user space"
        r"|held lock freed)",
        literals=("WARNING: ", "BUG"),
        title="WARNING: {what}",
        blames=Blames.LOCK,
        traced=False,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|INFO): (?P<what>suspicious RCU usage|bad unlock balance|bad contention"
        r"|[Nn]ested lock was not taken|lock held when returning to user space"
        r"|Invalid wait context|chain_key collision)",
        literals=("WARNING: ", "INFO: "),
        title="WARNING: {what}",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:\[ BUG|WARNING): .{1,40}/\d+ still has locks held",
        literals=("BUG", "WARNING: "),
        title="WARNING: still has locks held",
    ),
    # "[ BUG: Invalid wait context ]" and the like stand in brackets
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"\[ (?:BUG|WARNING|INFO): (?P<what>[^\]]+?)[!.]? \]",
        literals=("BUG", "WARNING: ", "INFO: "),
        title="WARNING: {what}",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern="INFO: trying to register non-static key",
        literals=("INFO: ",),
        title="INFO: trying to register non-static key",
    ),
    # the address and the number differ each time
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: key \S+ (?P<what>has not been registered|not in \.data)"
        r"|BUG: (?P<subclass>looking up invalid subclass): \d+",
        literals=("BUG",),
        title="BUG: lock key {what}{subclass}",
    ),
    # lockdep's tables are full, whichever task takes the next lock
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: (?P<what>MAX_\w+ too low)",
        literals=("BUG",),
        title="BUG: {what}",
        located=False,
    ),
    # a work item that ends with a lock held; the last function is the item
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: workqueue leaked (?P<what>lock or atomic|atomic, lock or RCU)",
        literals=("BUG",),
        title="BUG: workqueue leaked {what}",
        blames=Blames.LOCK,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"DEBUG_LOCKS_WARN_ON\(",
        literals=("DEBUG_LOCKS_WARN_ON",),
        title="WARNING: locking bug",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: (?P<what>spinlock|rwlock) (?P<how>[\w -]+?)(?: on CPU|, |$)",
        literals=("BUG",),
        title="BUG: {what} {how}",
    ),
    Row(
        kind=Kind.ATOMIC_SLEEP,
        pattern=r"BUG: (?P<what>sleeping function called from invalid context|scheduling while atomic"
        r"|scheduling in a non-blocking section|assuming (?:atomic|non migratable) context)",
        literals=("BUG",),
        title="BUG: {what}",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: (?P<what>using \S+ in preemptible) \[[0-9a-f]*\] code",
        literals=("BUG",),
        title="BUG: {what} code",
    ),
)
