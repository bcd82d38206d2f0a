"""The table of splat formats.

A format is a row. What its pattern looks for is what the kernel's source prints, so that a row
can be traced to a printk. The first row that matches counts: narrow ones stand above wide ones.
"""

from __future__ import annotations

import re

from harness.log.formats import Kind, Row, Stage

# a symbol as %pS prints it; Rust's v0 names are of the same characters
SYMBOL = r"[A-Za-z_$.][\w$.]*"
_AT = rf"(?P<function>{SYMBOL})\+0x"

_RULE = r"={20,}$"
# what comes with a message before the processor stops, or before WARN() prints
_SAID = frozenset({Kind.RUST_PANIC, Kind.LIST_CORRUPTION, Kind.BUG})
_WARNED = frozenset({Kind.REFCOUNT, Kind.LIST_CORRUPTION, Kind.DEBUG_OBJECTS, Kind.LOCKDEP})
_STOPPED = _SAID | {Kind.OOPS, Kind.STACK_OVERFLOW}

_ROWS_RUST = (
    # rust/kernel/lib.rs; the message is the second line, on a console another record
    Row(
        kind=Kind.RUST_PANIC,
        pattern=r"rust_kernel: panicked at (?P<where>[^\n]*?):?(?:\n(?P<message>[^\n]+).*)?$",
        title="{message}",
        stage=Stage.MESSAGE,
    ),
)

_ROWS_SANITIZER = (
    Row(
        kind=Kind.KASAN,
        pattern=rf"BUG: KASAN: (?P<what>[\w-]+)(?: in (?:{_AT})?)?",
        title="KASAN: {what} {access}",
        closing=_RULE,
    ),
    Row(
        kind=Kind.KFENCE,
        pattern=rf"BUG: KFENCE: (?P<what>[\w -]+?)(?: in {_AT}|$)",
        title="KFENCE: {what}",
        closing=_RULE,
    ),
    Row(
        kind=Kind.KCSAN,
        pattern=rf"BUG: KCSAN: (?P<what>[\w: -]+ in (?P<function>{SYMBOL})(?: / {SYMBOL})?)",
        title="KCSAN: {what}",
        located=False,
        closing=_RULE,
    ),
    Row(
        kind=Kind.KMSAN,
        pattern=rf"BUG: KMSAN: (?P<what>[\w-]+)(?: in {_AT})?",
        title="KMSAN: {what}",
        closing=_RULE,
    ),
    Row(
        kind=Kind.UBSAN,
        pattern=r"UBSAN: (?P<what>[\w -]+?) in ",
        title="UBSAN: {what}",
        closing=rf"---\[ end trace|{_RULE}",
    ),
)

_ROWS_LOCK = (
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|INFO): possible (?:circular locking dependency|recursive locking"
        r"|irq lock inversion dependency) detected",
        title="possible deadlock",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"WARNING: (?:HARD|SOFT)IRQ(?:-READ)?-safe -> \S+ lock order detected",
        title="possible deadlock",
    ),
    Row(kind=Kind.LOCKDEP, pattern="WARNING: inconsistent lock state", title="inconsistent lock state"),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"(?:WARNING|INFO): (?P<what>suspicious RCU usage|bad unlock balance|bad contention"
        r"|held lock freed|[Nn]ested lock was not taken|lock held when returning to user space"
        r"|Invalid wait context)",
        title="WARNING: {what}",
    ),
    # "[ BUG: Invalid wait context ]" and the like stand in brackets
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"\[ (?:BUG|WARNING|INFO): (?P<what>[^\]]+?)!? \]",
        title="WARNING: {what}",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"WARNING: \S+/\d+ still has locks held",
        title="WARNING: still has locks held",
    ),
    Row(
        kind=Kind.LOCKDEP,
        pattern="INFO: trying to register non-static key",
        title="INFO: trying to register non-static key",
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
        r"|scheduling in a non-blocking section|assuming \S+ context)",
        title="BUG: {what}",
    ),
)

_ROWS_HANG = (
    Row(
        kind=Kind.SOFT_LOCKUP,
        pattern=r"(?:watchdog: )?BUG: soft lockup - CPU#",
        title="BUG: soft lockup",
    ),
    Row(
        kind=Kind.HARD_LOCKUP,
        pattern=r"(?:NMI watchdog: |watchdog: )?(?:CPU\d+: )?Watchdog (?:CPU:\d+ )?detected hard LOCKUP",
        title="hard lockup",
    ),
    Row(
        kind=Kind.RCU_STALL,
        pattern=r"(?:rcu: )?INFO: rcu\w*:? (?:self-)?detected (?:expedited )?stalls? on",
        title="INFO: rcu detected stall",
    ),
    Row(
        kind=Kind.HUNG_TASK,
        pattern=r"INFO: task .{1,40}:\d+ blocked.* for more than \d+ seconds",
        title="INFO: task hung",
    ),
    Row(
        kind=Kind.WORKQUEUE_LOCKUP,
        pattern="BUG: workqueue lockup",
        title="BUG: workqueue lockup",
        located=False,
    ),
)

_ROWS_OBJECT = (
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
        pattern=r"usercopy: Kernel memory (?:exposure|overwrite) attempt detected",
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
        continues=frozenset({Kind.DUPLICATE_NAME}),
    ),
    Row(
        kind=Kind.LEAK,
        pattern=r"kmemleak: \d+ new suspected memory leaks|BUG: memory leak",
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
        pattern=r"BUG: (?P<what>Bad (?:page|rss|swap)[- ]\w+)",
        title="BUG: {what}",
    ),
    Row(
        kind=Kind.BAD_PAGE,
        pattern=r"BUG (?P<cache>\S+) \([^)]*\): (?P<what>.{1,80})",
        title="BUG {cache}: {what}",
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r".{1,40} invoked oom-killer: ",
        needs="oom-killer",
        title="out of memory",
        located=False,
        stage=Stage.MESSAGE,
        # the state of memory and a line per task come before the verdict
        reach=200,
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r"(?:Memory cgroup )?[Oo]ut of memory(?: \(\w+\))?: Killed process",
        title="out of memory",
        located=False,
        continues=frozenset({Kind.OUT_OF_MEMORY}),
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r".{1,40}: page allocation failure: order:\d+",
        needs="page allocation failure",
        title="page allocation failure",
    ),
)

_ROWS_WARNING = (
    # __warn() in kernel/panic.c; before 6.19 "WARNING: CPU: 0 PID: 1 at FILE:LINE FUNCTION"
    *(
        Row(
            kind=kind,
            # the condition stands in brackets with CONFIG_DEBUG_BUGVERBOSE_DETAILED
            pattern=rf"WARNING: (?:CPU: \d+ PID: \d+ )?(?:at )?(?:\[.*?\] )?{file}:\d+ (?:at )?{_AT}",
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
        pattern=rf"WARNING: (?:CPU: \d+ PID: \d+ )?at (?:\S+:\d+ )?(?:{_AT})?",
        title="WARNING",
        continues=_WARNED,
    ),
    Row(
        kind=Kind.WARNING,
        pattern=r"WARNING: (?P<what>(?:kernel )?stack (?:regs|frame pointer|recursion))",
        title="WARNING: {what}",
        located=False,
    ),
)

_ROWS_FAULT = (
    Row(
        kind=Kind.LIST_CORRUPTION,
        pattern=r"kernel BUG at (?:\S*/)?lib/list_debug\.c",
        title="BUG: corrupted list",
        stage=Stage.FAULT,
        continues=_SAID,
    ),
    Row(
        kind=Kind.BUG,
        pattern=r"kernel BUG at ",
        title="kernel BUG",
        stage=Stage.FAULT,
        continues=_SAID,
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"BUG: (?:\w+ )?stack guard page was hit|Insufficient stack space to handle exception",
        title="kernel stack overflow",
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:BUG: )?(?:[Uu]nable to handle )?kernel NULL pointer dereference",
        title="BUG: unable to handle kernel NULL pointer dereference",
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"BUG: unable to handle (?:page fault|kernel paging request)"
        r"|Unable to handle kernel (?:paging request|pointer dereference)",
        title="BUG: unable to handle kernel paging request",
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:BUG: )?[Uu]nable to handle kernel (?P<what>[\w -]+?)(?: at |$)",
        title="BUG: unable to handle kernel {what}",
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?P<what>Unhandled (?:prefetch abort|fault|\S+ exception)|Alignment trap"
        r"|Unexpected kernel BRK exception)",
        title="{what}",
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:traps: )?PANIC: (?P<what>double fault)",
        title="PANIC: {what}",
        stage=Stage.FAULT,
    ),
    # the headline of die(): architecture's words, number of the oops
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:Internal error: |traps: )?(?:Oops(?: - | ?: ?|(?= \[#)))?(?P<what>[\w /()-]*?)"
        r"(?:, probably for [^\[]*|, maybe for [^\[]*)?(?:: ?[0-9a-f]{1,16})?(?: ilc:\d)? ?\[#\d+\]",
        needs="[#",
        title="{what}",
        continues=_STOPPED,
    ),
)

_ROWS_DEATH = (
    # panics that only say that something above was enough
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: (?P<what>[^\n]*(?:Fatal exception|panic_on_warn|panic_on_oops"
        r"|warned too often|hung_task:|softlockup:|RCU Stall|Hard LOCKUP|panic_on_oom|workqueue: ))",
        title="kernel panic: {what}",
        located=False,
        stage=Stage.DEATH,
        continues=frozenset(Kind),
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"Kernel panic - not syncing: [Kk]ernel stack overflow",
        title="kernel stack overflow",
        stage=Stage.DEATH,
        continues=frozenset({Kind.STACK_OVERFLOW}),
    ),
    # the first process was the one that oopsed
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: (?P<what>Attempted to kill init!"
        r"|Aiee, killing interrupt handler!|Attempted to kill the idle task!)",
        title="kernel panic: {what}",
        located=False,
        stage=Stage.DEATH,
        continues=_STOPPED,
    ),
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: ?(?P<what>[^\n]*)",
        title="kernel panic: {what}",
        located=False,
        stage=Stage.DEATH,
    ),
)

_ROWS_REST = (
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"BUG: (?P<what>using \S+ in preemptible) \[[0-9a-f]*\] code",
        title="BUG: {what} code",
    ),
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"VFS: (?P<what>Busy inodes after unmount|Close: file count is (?:zero|0))",
        title="VFS: {what}",
        located=False,
    ),
    # whatever else calls itself a bug at the start of a line
    Row(kind=Kind.BUG_REPORT, pattern=r"BUG: (?P<what>[^\n]{1,80})", title="BUG: {what}"),
)

ROWS = (
    *_ROWS_RUST,
    *_ROWS_SANITIZER,
    *_ROWS_LOCK,
    *_ROWS_HANG,
    *_ROWS_OBJECT,
    *_ROWS_WARNING,
    *_ROWS_FAULT,
    *_ROWS_DEATH,
    *_ROWS_REST,
)

# may stand before a splat's first line and then belongs to it
PREAMBLE = re.compile(rf"-+\[ cut here \]-+|8<--- cut here ---|{_RULE}")
