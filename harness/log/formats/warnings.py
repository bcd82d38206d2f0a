"""Formats of WARN(), and of all other lines that begin with BUG or the like."""

from __future__ import annotations

from rustbed.log.formats.row import AT, SYMBOL, Kind, Row, Stage

# kinds whose message comes before WARN() prints its headline
_WARNED = frozenset(
    {Kind.REFCOUNT, Kind.LIST_CORRUPTION, Kind.DEBUG_OBJECTS, Kind.LOCKDEP, Kind.BUG_REPORT, Kind.WARNING}
)

WARNINGS = (
    # kernel/cfi.c: a WARN() or an oops follows, which does not mention CFI
    Row(
        kind=Kind.WARNING,
        pattern=rf"CFI failure (?:at (?:\[<[0-9a-f]+>\] )?{AT}|\(target: )",
        literals=("CFI failure",),
        title="CFI failure",
        stage=Stage.MESSAGE,
    ),
    # arch/x86/mm/extable.c; the address may be without a name
    Row(
        kind=Kind.WARNING,
        pattern=rf"unchecked MSR access error: (?P<what>RDMSR|WRMSR)[^\n]*?(?:\({AT}|$)",
        literals=("unchecked MSR",),
        title="unchecked MSR access error: {what}",
    ),
    # since 6.15 SLUB ends its reports with this
    Row(
        kind=Kind.SLAB_CORRUPTION,
        pattern=rf"WARNING: (?:CPU: \d+ PID: \d+ )?(?:at )?(?:\S*/)?mm/slub\.c:\d+ (?:at )?{AT}",
        literals=("WARNING: ",),
        title="WARNING: slab bug",
        continues=frozenset({Kind.SLAB_CORRUPTION}),
    ),
    # __warn() in kernel/panic.c; before 6.19 "WARNING: CPU: 0 PID: 1 at FILE:LINE FUNCTION"
    *(
        Row(
            kind=kind,
            # the condition stands in brackets with CONFIG_DEBUG_BUGVERBOSE_DETAILED
            pattern=rf"WARNING: (?:CPU: \d+ PID: \d+ )?(?:at )?(?:\[.*?\] )?{file}:\d+ (?:at )?{AT}",
            literals=("WARNING: ",),
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
        pattern=rf"WARNING: (?:CPU: \d+ PID: \d+ )?at (?=\S+:\d|{SYMBOL}\+0x)(?:\S+:\d+ )?(?:{AT})?",
        literals=("WARNING: ",),
        title="WARNING",
        continues=_WARNED,
    ),
    Row(
        kind=Kind.WARNING,
        # the unwinders of x86
        pattern=r"WARNING: (?P<what>(?:kernel )?stack (?:regs|frame pointer|recursion)"
        r"|stack going in the wrong direction|can't (?:access|dereference) (?:iret )?registers"
        r"|unrecognized unwind stack type|unknown \.orc_unwind entry type|missing \w+ value(?= at ))",
        literals=("WARNING: ",),
        title="WARNING: {what}",
        located=False,
        traced=False,
    ),
)

# the widest row, for the table's end
BUGS = (
    # modules with assertions of their own: the task that fails one waits forever
    Row(
        kind=Kind.BUG_REPORT,
        pattern=rf"PANIC at (?P<file>\S+):\d+:(?P<function>{SYMBOL})\(\)",
        literals=("PANIC at",),
        title="PANIC",
    ),
    # the same with a thread and a place before it, in Lustre and older releases of those modules: the first
    # line has the condition, the second the verdict
    *(
        Row(
            kind=Kind.BUG_REPORT,
            pattern=r"(?:\w+Error: )?\d+:\d+:\((?P<file>[^\s:()]{1,80}):\d+:"
            rf"(?P<function>{SYMBOL})\(\)\) {said}",
            literals=literals,
            title="PANIC",
            stage=stage,
            continues=frozenset({Kind.BUG_REPORT}),
        )
        for said, literals, stage in (
            (r"ASSERTION\(.{1,200}\) failed", (") ASSERTION(",), Stage.MESSAGE),
            (r"(?:LBUG|SPL PANIC)$", (") LBUG", ") SPL PANIC"), Stage.REPORT),
        )
    ),
    # print_mce(), before the panic that it leads to
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"(?:mce: )?\[Hardware Error\]: CPU \d+: Machine Check(?: Exception)?: ",
        literals=("[Hardware Error]",),
        title="machine check",
        located=False,
        traced=False,
        stage=Stage.MESSAGE,
    ),
    # all other lines that begin with BUG
    Row(
        kind=Kind.BUG_REPORT,
        # the line with the number of omitted reports is not a report
        pattern=r"BUG: (?!Bad page \w+: \d+ messages)(?P<what>[^\n]{1,80})",
        literals=("BUG",),
        title="BUG: {what}",
    ),
)
