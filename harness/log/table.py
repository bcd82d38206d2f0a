"""The table of splat formats.

A format is a row. What its pattern looks for is what the kernel's source prints, so that a row
can be traced to a printk. The first row that matches counts: narrow ones stand above wide ones.
"""

from __future__ import annotations

import re

from harness.log.checks import CHECKS
from harness.log.formats import RULE, Kind, Row, Stage

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

_DEATH = (
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

_REST = (
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

ROWS = (*_RUST, *CHECKS, *_FAULT, *_DEATH, *_REST)

# may stand before a splat's first line and then belongs to it
PREAMBLE = re.compile(rf"-+\[ cut here \]-+|8<--- cut here ---|{RULE}")
