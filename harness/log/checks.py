"""Formats of what the kernel's checks report: sanitizers, locks, lockups, objects, warnings.

After most of these the kernel goes on.
"""

from __future__ import annotations

from rustbed.log.formats import AT, RULE, SYMBOL, Blames, Kind, Row, Stage
from rustbed.log.stalls import STALLS

# said before WARN() prints its headline
_WARNED = frozenset({Kind.REFCOUNT, Kind.LIST_CORRUPTION, Kind.DEBUG_OBJECTS, Kind.LOCKDEP, Kind.BUG_REPORT})

_SANITIZER = (
    Row(
        kind=Kind.KASAN,
        pattern=rf"BUG: KASAN: (?P<what>[\w-]+)(?: in (?:{AT})?)?",
        title="KASAN: {what} {access}",
        closing=RULE,
    ),
    Row(
        kind=Kind.KFENCE,
        pattern=rf"BUG: KFENCE: (?P<what>[\w -]+?)(?: in {AT}|$)",
        title="KFENCE: {what}",
        closing=RULE,
    ),
    Row(
        kind=Kind.KCSAN,
        pattern=rf"BUG: KCSAN: (?P<what>[\w: -]+ in (?P<function>{SYMBOL})(?: / {SYMBOL})?)",
        title="KCSAN: {what}",
        located=False,
        is_shared=True,
        closing=RULE,
    ),
    Row(
        kind=Kind.KMSAN,
        pattern=rf"BUG: KMSAN: (?P<what>[\w-]+)(?: in {AT})?",
        title="KMSAN: {what}",
        closing=RULE,
    ),
    Row(
        kind=Kind.UBSAN,
        pattern=r"UBSAN: (?P<what>[\w -]+?) in ",
        title="UBSAN: {what}",
        closing=rf"---\[ end trace|{RULE}",
    ),
)

_LOCK = (
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:\[ )?(?:WARNING|INFO): possible (?:circular locking dependency|recursive locking"
        r"|irq lock inversion dependency) detected",
        title="possible deadlock",
        blames=Blames.LOCK,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|\[ INFO): (?:HARD|SOFT)IRQ(?:-READ)?-safe -> \S+ lock order detected",
        title="possible deadlock",
        blames=Blames.LOCK,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|\[ INFO): inconsistent lock state",
        title="inconsistent lock state",
        blames=Blames.LOCK,
    ),
    # says where the lock is taken or released, and has no better stack
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|\[ BUG): (?P<what>bad unlock balance|lock held when returning to user space"
        r"|held lock freed)",
        title="WARNING: {what}",
        blames=Blames.LOCK,
        traced=False,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|INFO): (?P<what>suspicious RCU usage|bad unlock balance|bad contention"
        r"|[Nn]ested lock was not taken|lock held when returning to user space"
        r"|Invalid wait context|chain_key collision)",
        title="WARNING: {what}",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:\[ BUG|WARNING): .{1,40}/\d+ still has locks held",
        title="WARNING: still has locks held",
    ),
    # "[ BUG: Invalid wait context ]" and the like stand in brackets
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"\[ (?:BUG|WARNING|INFO): (?P<what>[^\]]+?)[!.]? \]",
        title="WARNING: {what}",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern="INFO: trying to register non-static key",
        title="INFO: trying to register non-static key",
    ),
    # the address and the number differ each time
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: key \S+ (?P<what>has not been registered|not in \.data)"
        r"|BUG: (?P<subclass>looking up invalid subclass): \d+",
        title="BUG: lock key {what}{subclass}",
    ),
    # lockdep has no more room, whoever takes the next lock
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: (?P<what>MAX_\w+ too low)",
        title="BUG: {what}",
        located=False,
    ),
    # a work item that ends with a lock held; its name is the last function
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: workqueue leaked (?P<what>lock or atomic|atomic, lock or RCU)",
        title="BUG: workqueue leaked {what}",
        blames=Blames.LOCK,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"DEBUG_LOCKS_WARN_ON\(",
        title="WARNING: locking bug",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: (?P<what>spinlock|rwlock) (?P<how>[\w -]+?)(?: on CPU|, |$)",
        title="BUG: {what} {how}",
    ),
    Row(
        kind=Kind.ATOMIC_SLEEP,
        pattern=r"BUG: (?P<what>sleeping function called from invalid context|scheduling while atomic"
        r"|scheduling in a non-blocking section|assuming (?:atomic|non migratable) context)",
        title="BUG: {what}",
    ),
)

_OBJECT = (
    Row(
        kind=Kind.REFCOUNT,
        pattern="refcount_t: ",
        title="WARNING: refcount bug",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.LIST_CORRUPTION,
        pattern=r"list_(?:add|del)(?:_\w+)?(?: corruption| double add)",
        title="BUG: corrupted list",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.DEBUG_OBJECTS,
        pattern=r"ODEBUG: (?!selftest passed|Out of memory)",
        title="WARNING: ODEBUG bug",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.BUG,
        pattern=r"usercopy: [Kk]ernel memory (?:exposure|overwrite) attempt detected",
        title="BUG: bad usercopy",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.DUPLICATE_NAME,
        pattern=r"sysfs: cannot create duplicate filename '(?P<what>[^']*)'",
        title="sysfs: duplicate filename {what}",
        located=False,
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.DUPLICATE_NAME,
        pattern=r"(?:kobject: )?kobject_add_internal failed for (?P<what>.+?) with -EEXIST",
        title="kobject: duplicate name {what}",
        located=False,
        traced=False,
        continues=frozenset({Kind.DUPLICATE_NAME}),
    ),
    Row(
        kind=Kind.LEAK,
        pattern=r"kmemleak: \d+ new suspected memory leaks",
        title="memory leak",
        located=False,
        stage=Stage.MESSAGE,
        traced=False,
        # one line, and the objects if somebody asks for them
        reach=4,
    ),
    Row(
        kind=Kind.LEAK,
        pattern="BUG: memory leak",
        title="memory leak",
        stage=Stage.MESSAGE,
    ),
    # /sys/kernel/debug/kmemleak, when somebody writes it to the log
    Row(
        kind=Kind.LEAK,
        pattern=r"unreferenced object 0x[0-9a-f]+ \(size \d+\):",
        title="memory leak",
        continues=frozenset({Kind.LEAK}),
    ),
    Row(
        kind=Kind.BAD_PAGE,
        pattern=r"BUG: (?P<what>Bad page \w+)(?!\w|: \d+ messages)",
        title="BUG: {what}",
    ),
    Row(
        kind=Kind.BAD_PAGE,
        pattern=r"BUG: (?P<what>Bad (?:rss-counter state|swap \w+)"
        r"|non-zero (?:pgtables_bytes|nr_p(?:te|md)s))",
        title="BUG: {what}",
        located=False,
        traced=False,
    ),
    Row(
        kind=Kind.SLAB_CORRUPTION,
        pattern=r"BUG (?P<cache>\S+) \([^)]*\): (?P<what>.{1,80})",
        title="BUG {cache}: {what}",
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r".{1,40} invoked oom-killer: ",
        needs="oom-killer",
        title="out of memory",
        located=False,
        traced=False,
        stage=Stage.MESSAGE,
        # the state of memory and a line per task come before the verdict
        reach=200,
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r"(?:Memory cgroup )?[Oo]ut of memory(?: \(\w+\))?: Killed process",
        title="out of memory",
        located=False,
        traced=False,
        continues=frozenset({Kind.OUT_OF_MEMORY}),
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r".{1,40}: page allocation failure: order:\d+",
        needs="page allocation failure",
        title="page allocation failure",
    ),
)

_WARNING = (
    # __warn() in kernel/panic.c; before 6.19 "WARNING: CPU: 0 PID: 1 at FILE:LINE FUNCTION"
    *(
        Row(
            kind=kind,
            # the condition stands in brackets with CONFIG_DEBUG_BUGVERBOSE_DETAILED
            pattern=rf"WARNING: (?:CPU: \d+ PID: \d+ )?(?:at )?(?:\[.*?\] )?{file}:\d+ (?:at )?{AT}",
            title=title,
            continues=_WARNED,
        )
        for kind, file, title in (
            (Kind.REFCOUNT, r"(?:\S*/)?lib/refcount\.c", "WARNING: refcount bug"),
            (Kind.LIST_CORRUPTION, r"(?:\S*/)?lib/list_debug\.c", "BUG: corrupted list"),
            (Kind.DEBUG_OBJECTS, r"(?:\S*/)?lib/debugobjects\.c", "WARNING: ODEBUG bug"),
            (Kind.LOCKDEP, r"(?:\S*/)?kernel/locking/\S+", "WARNING: locking bug"),
            (Kind.WARNING, r"\S+", "WARNING"),
        )
    ),
    Row(
        kind=Kind.WARNING,
        pattern=rf"WARNING: (?:CPU: \d+ PID: \d+ )?at (?:\S+:\d+ )?(?:{AT})?",
        title="WARNING",
        continues=_WARNED,
    ),
    Row(
        kind=Kind.WARNING,
        # the unwinders of x86
        pattern=r"WARNING: (?P<what>(?:kernel )?stack (?:regs|frame pointer|recursion)"
        r"|stack going in the wrong direction|can't (?:access|dereference) (?:iret )?registers"
        r"|unrecognized unwind stack type|unknown \.orc_unwind entry type|missing \w+ value(?= at ))",
        title="WARNING: {what}",
        located=False,
        traced=False,
    ),
)

CHECKS = (*_SANITIZER, *_LOCK, *STALLS, *_OBJECT, *_WARNING)
