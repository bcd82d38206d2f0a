"""Splits a report into its stacks: where each begins and ends, and what it belongs to.

harness/log/frame.py parses a line of a stack. Does not know blame. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from rustbed.log.demangle import demangle
from rustbed.log.families.family import ALIASES
from rustbed.log.formats.row import SYMBOL
from rustbed.log.frame import ADDRESS, match_counter, match_frame

# the caller of such a frame. After a call that never returns the next function begins; only labels of the
# entry code are return addresses
_FROM = re.compile(rf".*? from (?:\[<[0-9a-f]+>\] ?)?\(?(?P<symbol>ret_\w+|{SYMBOL}(?=\+0x(?!0/)))\+0x")
# the register with the return address: the caller of a function that keeps no frame
_LINK = re.compile(
    rf"(?:LR is at |LR \[[0-9a-f]{{8,16}}\] |\s*+(?:lr|ra) *: (?:[0-9a-f]{{8,16}} )?)"
    rf"{ADDRESS}(?P<symbol>{SYMBOL})\+0x"
)
# the processor's place if it jumped to an address without code
_NOWHERE = re.compile(
    r"(?:PC is at |NIP \[[0-9a-f]{8,16}\] |\s*+(?:e?pc|ERA) *: (?:[0-9a-f]{8,16} )?)0x[0-9a-f]{1,16}\s*\Z"
)
# text after a function of a loadable module, which is found fast; and the function itself
_IN_MODULE = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+ \[[\w-]")
_LAST_NAME = re.compile(rf"(?<![\w$.]){SYMBOL}\Z")
# where a lock is or was taken
TAKEN = re.compile(
    rf".*\b(?:at: {ADDRESS}(?P<symbol>{SYMBOL})\+0x|(?:last function: |workfn=)(?P<worker>{SYMBOL}))"
)
# the same on a line of its own, not indented as a frame is
RELEASED = re.compile(rf"(?:\[<[0-9a-f]+>\] )?(?P<symbol>{SYMBOL})\+0x")

# lines that begin the stack of the failure
_CALLS = re.compile(r"\s*+(?:(?:Call [Tt]race|Backtrace|(?:stack )?backtrace|caller is)\b|Trace:$)")
# lines that begin the stack of another processor or task
_OTHER = re.compile(
    r"(?:(?:\S+ )?(?:read|write|read-write) to 0x|NMI backtrace for cpu|task:|Sending NMI|rcu: \w+ kthread)"
    r"|\S{1,16} +[RSDTtXZPI] ?[ R]?\d* +\d+ +\d+ +0x"
)
# lines that begin a history: what was done to the memory or the locks before
_HISTORY = re.compile(
    r"\s*+(?:(?:Allocated|Freed)(?: by task|:)|Last potentially|Second to last|(?:Uninit|Local variable) .*"
    r"|<?-> #\d|the existing dependency|\w+ and (?:will|would) create|hardirqs last|softirqs last"
    r"|---\[ end|Memory state|(?:INFO: )?(?:Allocated|Freed) in|Showing all locks"
    r"|(?:to|from) a .*(?:irq|IRQ)|(?:Preemption disabled|irq event stamp|blocked|freed|allocated) .*"
    r"|which was |\.\.\. which became|\{.{1,40}\} state was|page (?:last|owner|has)"
    r"|Last Breaking-Event-Address"
    # memory that a register of arm points to, and its allocation: kmem_dump_obj(), vmalloc_dump_obj()
    r"|Register r\d+ information: (?:slab|\d+-page)|Free path:)"
)
# a line that announces a history
_PROMISED = re.compile(r"(?:Allocated|Freed)(?: by task|:)")
# any of them; the last one says that no stack follows
_MARK = re.compile(
    "|".join(
        re.sub(r"\(\?P<\w+>", "(?:", marks.pattern) for marks in (_LINK, _NOWHERE, _CALLS, _HISTORY, _OTHER)
    )
    + "|.{0,20}stack is not available"
)


# suffixes that compilers add to names
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|specialized|cold|llvm|lto_priv|__uniq|\d)\b.*|_noprof$")
# a fast check, because few names have aliases
_ALIASED = re.compile("|".join(pattern.pattern for pattern, _ in ALIASES))


@dataclass(kw_only=True, slots=True)
class Trace:
    """One stack, innermost frame first."""

    # the line that announced it, "" without one
    title: str = ""
    # whether it is the failure's own, not that of an earlier event
    is_main: bool
    # whether a line announced it
    is_announced: bool = False
    # names as printed
    frames: list[str] = field(default_factory=list)
    # number of names before the first line that announced a stack: they are program counters
    counters: int = 0
    # caller of the innermost function by a register or the top of the stack, "" if unknown
    caller: str = ""
    # whether the processor stopped at an address without code
    is_astray: bool = False
    # frames that the kernel itself marks as unsure
    guesses: list[str] = field(default_factory=list)

    @property
    def calls(self) -> Sequence[str]:
        """The frames, each called by the next one.

        The place where the processor stopped may occur again further down: the functions above it print
        the report, and it did not call them.
        """
        stack = self.frames[self.counters :]
        first = self.frames[:1]
        return stack if first != stack[:1] and first[0] in stack else self.frames

    @property
    def is_empty(self) -> bool:
        """Whether it has no frames and no guesses."""
        return len(self.frames) == self.counters and not self.guesses


@lru_cache(maxsize=4096)
def readable(symbol: str) -> str:
    """Return a symbol in readable form: demangled, without suffixes of the compiler."""
    # big-endian powerpc puts a dot before the name of code
    name = demangle(_SUFFIX.sub("", symbol.removeprefix(".")))
    if not _ALIASED.fullmatch(name):
        return name
    for pattern, known in ALIASES:
        if match := pattern.fullmatch(name):
            return match.expand(known)
    return name


class _Frame(NamedTuple):
    """The functions in a line of a stack: a sure one, callee and caller, or a guess; other fields are ""."""

    # a function that is certainly in the stack
    sure: str
    # the called function, in formats whose lines have function and caller
    callee: str
    caller: str
    # a word that may only look like a return address
    guess: str


@lru_cache(maxsize=8192)
def _parse_frame(line: str) -> _Frame | None:
    """Parse a line of a stack, None for other lines; cached because the lines of a kernel repeat."""
    frame = match_frame(line)
    if frame is None:
        return None
    symbol, callee, unsure, offset, size = frame.group("symbol", "callee", "unsure", "offset", "size")
    if callee:
        caller = _FROM.match(line)
        return _Frame("", callee, caller["symbol"] if caller else "", "")
    # an address at the very beginning of a function follows a call that never returns, which ended
    # the function before it; powerpc marks the first frame of a stack as unreliable itself
    if unsure or offset == "0" or line.endswith("(unreliable)"):
        # no call returns to the end of a function, which is the beginning of the next
        return _Frame("", "", "", symbol if offset != size else "")
    return _Frame(symbol, "", "", "")


def _add_unusual(trace: Trace, frame: _Frame) -> None:
    """Add two functions, or a guess."""
    if frame.callee:
        # the caller occurs again as the next one
        if not trace.frames or trace.frames[-1] != frame.callee:
            trace.frames.append(frame.callee)
        if frame.caller:
            trace.frames.append(frame.caller)
    else:
        if not trace.guesses and len(trace.frames) == trace.counters:
            trace.caller = trace.caller or frame.guess
        trace.guesses.append(frame.guess)


def _add_counter(traces: list[Trace], symbol: str) -> None:
    if not traces[-1].is_main:
        # the stack of the failure itself is never history
        traces.append(Trace(is_main=True))
    trace = traces[-1]
    trace.frames.append(symbol)
    trace.counters += not trace.is_announced and len(trace.frames) == trace.counters + 1


def _turn(traces: list[Trace], line: str) -> None:
    """Take a line about stacks that is not a frame; most announce the next stack."""
    now = traces[-1]
    if link := _LINK.match(line):
        # loongarch prints it before the program counter
        now.caller = link["symbol"] if len(now.frames) == now.counters <= 1 else now.caller
    elif _NOWHERE.match(line):
        # powerpc prints the same of the process, below the frames
        now.is_astray |= not now.frames
    elif _CALLS.match(line):
        if not (now.is_main and now.is_empty):
            traces.append(Trace(is_main=True))
        traces[-1].is_announced = True
    elif _HISTORY.match(line):
        traces.append(Trace(title=line, is_main=False, is_announced=_PROMISED.match(line) is not None))
    elif _OTHER.match(line):
        traces.append(Trace(is_main=True))
    else:
        now.is_announced = False


def parse_traces(lines: Iterable[str], traces: list[Trace] | None = None) -> list[Trace]:
    """Split the lines of one report into its stacks; frames before the first announcement are one, too.

    `traces` are those of the lines before, and are continued.
    """
    traces = [Trace(is_main=True)] if traces is None else traces
    # the function at whose beginning s390's PSW is. Usually the last instruction of the function before was
    # refused, and the trace begins with that one; if no trace follows, the PSW is where it stopped
    behind = ""
    for line in lines:
        is_code = "+0x" in line or " from " in line
        if is_code and (frame := _parse_frame(line)):
            if frame.sure or (behind and frame.guess):
                traces[-1].frames.append(frame.sure or frame.guess)
                traces[-1].counters += bool(behind)
            else:
                _add_unusual(traces[-1], frame)
            behind = ""
        elif is_code and (counter := match_counter(line)):
            is_first = counter["offset"] == "0" and line.startswith("Krnl PSW")
            behind = counter["symbol"] if is_first else ""
            if not is_first:
                _add_counter(traces, counter["symbol"])
        elif _MARK.match(line):
            if behind and _HISTORY.match(line):
                _add_counter(traces, behind)
                behind = ""
            _turn(traces, line)
    return traces


def functions_of_modules(text: str) -> frozenset[str]:
    """Return the functions that a report marks as code of a loadable module."""
    if " [" not in text:
        return frozenset()
    ends = (place.start() for place in _IN_MODULE.finditer(text))
    names = (_LAST_NAME.search(text, text.rfind("\n", 0, end) + 1, end) for end in ends)
    return frozenset(readable(name[0]) for name in names if name)
