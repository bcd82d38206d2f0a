"""Formats of exceptions, and of BUG() in the source, which end the task that meets them."""

from __future__ import annotations

from rustbed.log.formats.row import AT, SYMBOL, Blames, Kind, Row, Stage

# kinds whose message comes before the processor stops
_SAID = frozenset({Kind.RUST_PANIC, Kind.LIST_CORRUPTION, Kind.BUG})
STOPPED = _SAID | {Kind.UBSAN, Kind.OOPS, Kind.STACK_OVERFLOW, Kind.WARNING}

FAULTS = (
    Row(
        kind=Kind.LIST_CORRUPTION,
        pattern=r"[Kk]ernel BUG at (?:\S*/)?lib/list_debug\.c:\d",
        literals=("BUG",),
        title="BUG: corrupted list",
        stage=Stage.FAULT,
        continues=_SAID,
        ends_task=True,
    ),
    Row(
        kind=Kind.BUG,
        # text that people wrote has neither line nor offset
        pattern=rf"[Kk]ernel BUG at (?:\S+:\d|{SYMBOL}\+0x)",
        literals=("BUG",),
        title="kernel BUG",
        stage=Stage.FAULT,
        continues=_SAID,
        ends_task=True,
    ),
    Row(
        kind=Kind.STACK_OVERFLOW,
        pattern=r"BUG: (?:\w+ )?stack guard page was hit|Insufficient stack space to handle exception"
        # s390; powerpc
        r"|Kernel stack pointer invalid$|Oops: Kernel stack overflow, sig",
        literals=("BUG", "Insufficient stack space", "Kernel stack pointer", "Oops: Kernel stack"),
        title="kernel stack overflow",
        # the function in which a stack overflows differs each time
        blames=Blames.HANDLER,
        stage=Stage.FAULT,
        ends_task=True,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:CPU \d+ |BUG: )?(?:[Uu]nable to handle )?[Kk]ernel NULL pointer dereference"
        # arm, where the kernel has no access to user space's memory: page 0 belongs to that
        r"|Unhandled (?:fault|prefetch abort): page domain fault \(0x\w+\) at 0x00000[0-9a-f]{3}\b"
        # mips and loongarch, which print one sentence for all addresses
        r"|CPU \d+ Unable to handle kernel paging request at virtual address"
        r" (?:0{8})?0{5}[0-9a-f]{3}, e(?:pc|ra) =",
        literals=("ernel NULL pointer", "page domain fault", "nable to handle"),
        title="BUG: unable to handle kernel NULL pointer dereference",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"BUG: unable to handle (?:page fault|kernel paging request)"
        r"|(?:CPU \d+ |BUG: )?Unable to handle (?:kernel (?:paging request|pointer dereference)"
        r"|unknown paging fault)",
        literals=("nable to handle",),
        title="BUG: unable to handle kernel paging request",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:BUG: )?[Uu]nable to handle kernel (?P<what>[\w -]+?)(?: at | \(|$)",
        literals=("nable to handle",),
        title="BUG: unable to handle kernel {what}",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    # arm64, before the panic that follows; a kernel before 5.x goes on with an oops
    Row(
        kind=Kind.PANIC,
        pattern=r"SError Interrupt on CPU\d+, code",
        literals=("SError Interrupt",),
        title="kernel panic: Asynchronous SError Interrupt",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    Row(
        kind=Kind.PANIC,
        pattern=r"(?:Bad mode in (?P<what>.{1,40}?) detected"
        r"|Unhandled \d\d-bit (?P<mode>\w+ \w+) exception) on CPU\d+",
        literals=("Bad mode in", "Unhandled "),
        title="kernel panic: unhandled {what}{mode}",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    # the same by die(), in a kernel before 5.x
    Row(
        kind=Kind.PANIC,
        pattern=r"Internal error: Oops - bad mode: 0 \[#\d+\]",
        literals=("[#",),
        title="kernel panic: bad mode",
        continues=frozenset({Kind.PANIC}),
        ends_task=True,
    ),
    # arc, behind "Oops" and the path of the program
    Row(
        kind=Kind.OOPS,
        pattern=rf"Invalid (?P<what>Read|Write|Exec) @ 0x[0-9a-f]{{8,16}} by insn @ {AT}",
        literals=(" by insn @ ",),
        title="Invalid {what}",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    # mips and loongarch; parisc
    Row(
        kind=Kind.OOPS,
        pattern=r"(?P<what>(?:Data|Instruction) bus error), e(?:pc|ra) =="
        r"|Kernel Fault: Code=\d+ \((?P<fault>[\w /-]{1,60})\)",
        literals=("bus error", "Kernel Fault"),
        title="{what}{fault}",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?P<what>Unhandled (?:(?:prefetch abort|fault)(?=: .{1,80} \(0x)|\S+ exception)"
        # for a program's address it names the program
        r"|Alignment trap(?=: not handling)"
        r"|Unexpected kernel BRK exception)",
        literals=("Unhandled ", "Alignment trap", "Unexpected kernel BRK"),
        title="{what}",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:traps: )?PANIC: (?P<what>double fault)",
        literals=("PANIC: ",),
        title="PANIC: {what}",
        stage=Stage.FAULT,
        ends_task=True,
    ),
    # the sanitizer's traps of arm64, CONFIG_UBSAN_TRAP
    Row(
        kind=Kind.UBSAN,
        pattern=r"Internal error: (?:Oops - )?UBSAN: (?P<what>[\w /-]+?)(?:: [0-9a-f]{1,16})? \[#\d+\]",
        literals=("[#",),
        title="UBSAN: {what}",
        ends_task=True,
    ),
    # die(): the text after "Internal error" is a sentence
    Row(
        kind=Kind.OOPS,
        pattern=r"Internal error: (?!Oops)(?P<what>[A-Za-z][\w /().,:!'-]*?)(?:: [0-9a-f]{1,16})? \[#\d+\]",
        literals=("[#",),
        title="{what}",
        continues=STOPPED,
        ends_task=True,
    ),
    # the headline of die(): architecture's words, number of the oops
    Row(
        kind=Kind.OOPS,
        pattern=r"(?:Internal error: |traps: )?(?:Oops(?: - | ?: ?|(?= \[#)))?"
        r"(?P<what>(?:[A-Za-z][\w /()-]*?!?)?)(?:, (?:probably|maybe) for [^\[]*|, sig: \d+)?"
        r"(?:(?:: ?|(?<=[: ]))[0-9a-f]{1,16})?(?: ilc:\d)? ?\[#\d+\]",
        literals=("[#",),
        is_anywhere=True,
        title="{what}",
        continues=STOPPED,
        ends_task=True,
    ),
)
