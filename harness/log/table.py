"""The table of splat formats.

A format is a row. What its pattern looks for is what the kernel's source prints, so that a row
can be traced to a printk. The first row that matches counts: narrow ones stand above wide ones.
"""

from __future__ import annotations

import re

from rustbed.log.checks import CHECKS
from rustbed.log.formats import AT, RULE, Blames, Kind, Row, Stage

# what comes with a message before the processor stops
_SAID = frozenset({Kind.RUST_PANIC, Kind.LIST_CORRUPTION, Kind.BUG})
_STOPPED = _SAID | {Kind.OOPS, Kind.STACK_OVERFLOW}

_RUST = (
    # rust/kernel/lib.rs; the message is the second line, on a console another record
    Row(
        kind=Kind.RUST_PANIC,
        pattern=r"rust_kernel: panicked at (?P<where>[^\n]*?):?(?:\n(?P<message>[^\n]+)|\n|$)",
        title="{message}",
        stage=Stage.MESSAGE,
    ),
)

_FAULT = (
    Row(
        kind=Kind.LIST_CORRUPTION,
        pattern=r"[Kk]ernel BUG at (?:\S*/)?lib/list_debug\.c",
        title="BUG: corrupted list",
        stage=Stage.FAULT,
        continues=_SAID,
    ),
    Row(
        kind=Kind.BUG,
        pattern=r"[Kk]ernel BUG at ",
        title="kernel BUG",
        stage=Stage.FAULT,
        continues=_SAID,
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"BUG: (?:\w+ )?stack guard page was hit|Insufficient stack space to handle exception",
        title="kernel stack overflow",
        # how deep the stack happened to be when it overflowed differs each time
        blames=Blames.HANDLER,
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:CPU \d+ |BUG: )?(?:[Uu]nable to handle )?[Kk]ernel NULL pointer dereference",
        title="BUG: unable to handle kernel NULL pointer dereference",
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"BUG: unable to handle (?:page fault|kernel paging request)"
        r"|(?:CPU \d+ |BUG: )?Unable to handle (?:kernel (?:paging request|pointer dereference)"
        r"|unknown paging fault)",
        title="BUG: unable to handle kernel paging request",
        stage=Stage.FAULT,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:BUG: )?[Uu]nable to handle kernel (?P<what>[\w -]+?)(?: at | \(|$)",
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
        pattern=r"(?:Internal error: |traps: )?(?:Oops(?: - | ?: ?|(?= \[#)))?"
        r"(?P<what>(?:[A-Za-z][\w /()-]*?)?)(?:, (?:probably|maybe) for [^\[]*|, sig: \d+)?"
        r"(?:(?:: ?)?[0-9a-f]{1,16})?(?: ilc:\d)? ?\[#\d+\]",
        needs="[#",
        title="{what}",
        continues=_STOPPED,
    ),
)

_DEATH = (
    # panics that only say that something above was enough
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: (?P<what>[^\n]*(?:Fatal exception|panic_on_warn|panic_on_oops"
        r"|warned too often|hung_task:|softlockup:|RCU Stall|Hard LOCKUP"
        r"|panic_on_oom|workqueue: |scheduling while atomic|deadlocked on memory|no killable processes"
        r"|Machine halted))",
        title="kernel panic: {what}",
        located=False,
        traced=False,
        stage=Stage.DEATH,
        continues=frozenset(Kind),
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"Kernel panic - not syncing: [Kk]ernel stack overflow",
        title="kernel stack overflow",
        blames=Blames.HANDLER,
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
        traced=False,
        stage=Stage.DEATH,
        continues=_STOPPED,
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"Kernel panic - not syncing: corrupted stack end detected inside scheduler",
        title="kernel panic: corrupted stack end",
        blames=Blames.HANDLER,
        stage=Stage.DEATH,
    ),
    # the address of the function that saw it is all there is, and in older kernels without a name
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
        rf"(?:{AT}|[0-9a-fx]+)",
        title="kernel panic: stack is corrupted",
        traced=False,
        stage=Stage.DEATH,
    ),
    Row(
        kind=Kind.PANIC,
        pattern=r"Kernel panic - not syncing: ?(?P<what>[^\n]*)",
        title="kernel panic: {what}",
        located=False,
        traced=False,
        stage=Stage.DEATH,
    ),
)

_REST = (
    Row(
        kind=Kind.LOCKDEP,
        pattern=r"BUG: (?P<what>using \S+ in preemptible) \[[0-9a-f]*\] code",
        title="BUG: {what} code",
    ),
    # somebody has kept a reference: which device it is of differs, and so does the count
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"unregister_netdevice: waiting for \S+ to become free",
        title="unregister_netdevice: waiting for a device to become free",
        located=False,
        traced=False,
    ),
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"VFS: (?P<what>Busy inodes after unmount|Close: file count is (?:zero|0))",
        title="VFS: {what}",
        located=False,
        traced=False,
    ),
    # the stack is of whoever was interrupted; the handlers that took none stand behind it
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"irq (?:\d+: (?P<what>nobody cared)|event \d+: (?P<value>bogus return value))",
        title="irq: {what}{value}",
        located=False,
        closing=r"Disabling IRQ #",
    ),
    # the address and the count differ each time
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"BUG: Dentry \S+ {1,2}still in use \(-?\d+\)(?P<what>(?: {1,2}\[.*\])?)",
        title="BUG: Dentry still in use{what}",
        located=False,
        stage=Stage.MESSAGE,
    ),
    # whatever else calls itself a bug at the start of a line
    Row(
        kind=Kind.BUG_REPORT,
        # how many reports were left out is no report
        pattern=r"BUG: (?!Bad page \w+: \d+ messages)(?P<what>[^\n]{1,80})",
        title="BUG: {what}",
    ),
)

ROWS = (*_RUST, *CHECKS, *_FAULT, *_DEATH, *_REST)

# one of these is in every first line of a splat
LITERALS = (
    *(
        "BUG",
        "WARNING: ",
        "INFO: ",
        "KASAN: ",
        "UBSAN: ",
        "Kernel panic",
        "panicked at",
        "Oops",
        " [#",
        "PANIC: ",
    ),
    *("nable to handle", "Unhandled ", "Alignment trap", "Unexpected kernel BRK", "Insufficient stack space"),
    *("DEBUG_LOCKS_WARN_ON", "detected hard LOCKUP", "refcount_t: ", "list_add", "list_del", "ODEBUG: "),
    *(
        "usercopy: ",
        "duplicate filename",
        "kobject_add_internal",
        "kmemleak: ",
        "unreferenced object",
        "oom-killer",
    ),
    *(
        "Out of memory",
        "out of memory",
        "page allocation failure",
        "VFS: Busy",
        "VFS: Close",
        "self-detected",
        "kernel NULL pointer",
    ),
    *("Linux version ", "still in use", "warned too often", "unregister_netdevice: waiting"),
    *("nobody cared", "bogus return value"),
)

# may stand before a splat's first line and then belongs to it
PREAMBLES = ("-", "=", "8<")
PREAMBLE = re.compile(rf"-+\[ cut here \]-+|8<--- cut here ---|{RULE}")
