"""Recognizes the lines of a report with the processor's state: registers, code, the stack.

Distinguishes these, on every architecture, from the lines that say what happened and where. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rustbed.log.frame import match_frame
from rustbed.log.record import Record

# registers, code and the stack's contents, except RIP, "PC is at", "Krnl PSW" and the like, which say where
# it stopped; also x86's frames with a question mark: addresses on the stack, perhaps of earlier calls
_STATE = re.compile(
    r"\s*\? \S+\+0x|"
    r"\s*(?:R[A-D0-9][X0-9]?|R[SD]I|R[SB]P|RSP|EFLAGS|[CDEFG]S|CR\d|DR\d|PKRU|Code|ORIG_RAX)\s?:\s"
    r"|\s*(?:x\d+|sp|pstate|pmr)\s*: [0-9a-f]{8}"
    r"|\s*(?:gp|tp|[ast]\d+)\s*: [0-9a-f]{8}|\s*status: [0-9a-f]{8}|\s*Code: "
    # arm
    r"|pc : \[<|\s*r\d+\s*: ?[0-9a-f]{8}|Flags: [nN]|Control: [0-9a-f]{8}|Register r\d+ information: "
    r"|(?:Stack: |Exception stack)\(|[0-9a-f]{4}: (?: {9}|[0-9a-f]{8}(?: |$))"
    # s390, loongarch
    r"|\s+R:\d T:\d|Krnl (?:GPRS|Code)|\s+[0-9a-f]{16} [0-9a-f]{16}|\s+[>*]?[0-9a-f]{16}: [0-9a-f]{4}"
    r"|(?:pc|[ast]\d) [0-9a-f]{16} |\s*(?:CRMD|PRMD|EUEN|ECFG|ESTAT|PRID): [0-9a-f]{8}|Stack : [0-9a-f]{16}"
    # powerpc
    r"|GPR\d\d: [0-9a-f]{8}|NIP: +[0-9a-f]{8,16} LR: |(?:REGS|MSR|CFAR|DAR|IRQMASK): +[0-9a-f]"
)
# the memory that a register of arm points to; the frames below are those that allocated and freed it
_POINTED_AT = re.compile(r"Register r\d+ information: |\s*Free path:")


def is_state(line: str) -> bool:
    """Whether a line shows the processor's state, or a frame that the kernel itself marks as unsure."""
    return _STATE.match(line) is not None


def without_state(records: Sequence[Record]) -> list[Record]:
    """Return the records without those of the processor's state."""
    told = []
    pointed_at = False
    for record in records:
        # inlined functions are above a frame that was looked up
        frame = match_frame(record.text.rpartition("\n")[2]) if pointed_at else None
        pointed_at = frame is not None or _POINTED_AT.match(record.text) is not None
        if not pointed_at and not is_state(record.text):
            told.append(record)
    return told
