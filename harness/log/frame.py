"""The grammar of a stack's lines, on every architecture, as the kernel prints them.

The one grammar of frames and program counters: harness/log/traces.py makes stacks of them,
harness/log/symbolize.py looks them up. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rustbed.log.formats.row import SYMBOL

# what stands before an offset: in decoded logs Rust's names are demangled
_NAME = rf"(?:{SYMBOL}|[<\w][^+()]*::[^+()]*)"
# powerpc prints the stack's address and the code's before each name
_POWER = r"(?:\[[0-9a-f]{8,16}\] *){0,2}"
ADDRESS = r"(?:\[<[0-9a-f]+>\] *)*"
# where the processor stopped: x86 (kernel segments), arm64, arm, riscv, mips, loongarch, s390, powerpc,
# sparc, parisc, m68k
_STOPPED = (
    r"\s*(?:RIP: 0010:|RIP: (?!\w{4}:)|E?IP: |EIP is at |(?:PC|pc) is at "
    r"|(?:e?pc|ERA) *: (?:[0-9a-f]{8,16} )?"
    rf"|Krnl PSW : [0-9a-f ]+\(|NIP {_POWER}|--- interrupt: \w+ at "
    r"|TPC: <|IAOQ\[0\]: |PC: (?=\[<))"
)
_POINT = (
    rf"(?P<symbol>{_NAME})\+0x(?P<offset>[0-9a-f]{{1,16}})(?:/0x(?P<size>[0-9a-f]{{1,16}}))?"
    r"(?: \[(?P<module>[\w-]+)(?: (?P<build_id>[0-9a-f]{40}))?\])?"
)
# arm names callee and caller in each line, and the place in the caller; before 3.13 in both
_FROM = (
    rf"\(?(?P<callee>{SYMBOL})(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?(?: \[\w+\])?\)?"
    rf" from (?=\[<|\(|{SYMBOL}\+0x){ADDRESS}"
)

# `?` marks words that only look like return addresses; lockdep's line of a lock ends in where it was taken
LINE = re.compile(
    rf"(?P<head>(?P<stopped>{_STOPPED})|\s*(?:<[A-Z]\w*> +)?{_POWER}|(?P<lock>.{{1,200}}, at: ))"
    rf"{ADDRESS}(?P<unsure>\? )?(?:{_FROM})?"
    rf"(?:(?(callee)\(?){_POINT}|(?(callee)|0x(?P<address>[0-9a-f]{{8,16}})\b))"
)


def match_frame(line: str) -> re.Match[str] | None:
    """Return the match of a line that is a frame of a stack."""
    match = LINE.match(line) if "+0x" in line or " from " in line else None
    if match is None:
        return None
    stopped, lock, size, callee = match.group("stopped", "lock", "size", "callee")
    return None if stopped or lock or not (size or callee) else match


def match_counter(line: str) -> re.Match[str] | None:
    """Return the match of a line that says at which symbol the processor stopped."""
    match = LINE.match(line) if "+0x" in line else None
    return match if match and match["stopped"] and match["symbol"] else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One place in code, as the kernel prints it."""

    # as printed, "" if the kernel knew none
    symbol: str
    # bytes from the symbol; the address itself where there is no symbol
    offset: int
    # bytes to the next symbol; 0 where there is no symbol
    size: int
    # "" for the kernel itself
    module: str
    # the module's, if the kernel prints it (CONFIG_STACKTRACE_BUILD_ID)
    build_id: str = ""
    # whether a call returns there: the call itself is before it
    returns: bool


def read_frames(lines: Sequence[str]) -> list[Frame | None]:
    """Return the frame in each line, None if it has none or one that may be left from an earlier call.

    A trace may begin with where the processor stopped, which no call returns to.
    """
    matches = [LINE.match(line) for line in lines]
    stopped = {_place(match) for match in matches if match and match["stopped"]}
    return [
        None
        if match is None or match["unsure"] or not _is_code(match)
        else Frame(
            symbol=match["symbol"] or "",
            offset=int(match["offset"] or match["address"], 16),
            size=int(match["size"] or "0", 16),
            module=(match["module"] or "").replace("-", "_"),
            build_id=match["build_id"] or "",
            returns=_place(match) not in stopped,
        )
        for match in matches
    ]


def _place(match: re.Match[str]) -> tuple[str | None, str | None, str | None]:
    return match["symbol"], match["offset"], match["address"]


def _is_code(match: re.Match[str]) -> bool:
    """Whether a number without a symbol is an address: in a trace it has the line for itself."""
    if match["symbol"]:
        return bool(match["size"])
    # s390 puts a space behind it
    is_alone = not match.string[match.end() :].strip()
    return bool(match["address"]) and (bool(match["stopped"]) or is_alone)
