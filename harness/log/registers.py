"""The lines of a report that take the manual of the processor to read: registers, code, the stack.

Owns telling them, on every architecture, from the lines that say what happened and where. Pure.
"""

from __future__ import annotations

import re

# registers, code and the stack's contents, but for RIP, "PC is at", "Krnl PSW" and the like, where
# it stopped; and x86's frames with a question mark: addresses found on the stack, perhaps of earlier calls
_STATE = re.compile(
    r"\s*\? \S+\+0x|"
    r"\s*(?:R[A-D0-9][X0-9]?|R[SD]I|R[SB]P|RSP|EFLAGS|[CDEFG]S|CR\d|DR\d|PKRU|Code|ORIG_RAX)\s?:\s"
    r"|\s*(?:x\d+|sp|pstate|pmr)\s*: [0-9a-f]{8}"
    r"|\s*(?:gp|tp|[ast]\d+)\s*: [0-9a-f]{8}|\s*status: [0-9a-f]{8}|\s*Code: "
    # arm
    r"|pc : \[<|\s*r\d+\s*: [0-9a-f]{8}|Flags: [nN]|Control: [0-9a-f]{8}|Register r\d+ information: "
    r"|(?:Stack: |Exception stack)\(|[0-9a-f]{4}: (?: {9}|[0-9a-f]{8} )"
    # s390, loongarch
    r"|\s+R:\d T:\d|Krnl (?:GPRS|Code)|\s+[0-9a-f]{16} [0-9a-f]{16}|\s+[>*]?[0-9a-f]{16}: [0-9a-f]{4}"
    r"|(?:pc|[ast]\d) [0-9a-f]{16} |\s*(?:CRMD|PRMD|EUEN|ECFG|ESTAT|PRID): [0-9a-f]{8}|Stack : [0-9a-f]{16}"
)


def is_state(line: str) -> bool:
    """Whether a line shows the processor's state, or a frame that the kernel itself is not sure of."""
    return _STATE.match(line) is not None
