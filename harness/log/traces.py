"""Splits a report into its stacks: where each begins and ends, and what it belongs to.

What a line of a stack looks like is in harness/log/frame.py. Knows nothing of blame. Pure.
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

# the caller of such a frame. Behind a call that never returns the next function begins; only the entry code's
# labels are returned to
_FROM = re.compile(rf".*? from (?:\[<[0-9a-f]+>\] ?)?\(?(?P<symbol>ret_\w+|{SYMBOL}(?=\+0x(?!0/)))\+0x")
# the register with the return address: the caller of a function that keeps no frame
_LINK = re.compile(rf"(?:LR is at |\s*+(?:lr|ra) *: (?:[0-9a-f]{{8,16}} )?){ADDRESS}(?P<symbol>{SYMBOL})\+0x")
# where the processor is if it was sent to a place that has no code
_NOWHERE = re.compile(r"(?:PC is at |\s*+(?:e?pc|ERA) *: (?:[0-9a-f]{8,16} )?)0x[0-9a-f]{1,16}\s*\Z")
# what stands behind a function of a loadable module, which is found fast; and the function itself
_IN_MODULE = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+ \[[\w-]")
_LAST_NAME = re.compile(rf"(?<![\w$.]){SYMBOL}\Z")
# where a lock is or was taken
TAKEN = re.compile(
    rf".*\b(?:at: {ADDRESS}(?P<symbol>{SYMBOL})\+0x|(?:last function: |workfn=)(?P<worker>{SYMBOL}))"
)
# the same on a line of its own, not indented as a frame would be
RELEASED = re.compile(rf"(?:\[<[0-9a-f]+>\] )?(?P<symbol>{SYMBOL})\+0x")

# lines that begin a trace of where the failure happened
_CALLS = re.compile(r"\s*+(?:(?:Call [Tt]race|Backtrace|(?:stack )?backtrace|caller is)\b|Trace:$)")
# of another processor or task
_OTHER = re.compile(
    r"(?:(?:\S+ )?(?:read|write|read-write) to 0x|NMI backtrace for cpu|task:|Sending NMI|rcu: \w+ kthread)"
    r"|\S{1,16} +[RSDTtXZPI] ?[ R]?\d* +\d+ +\d+ +0x"
)
# of how it came to that: what was done to the memory or the locks before
_HISTORY = re.compile(
    r"\s*+(?:(?:Allocated|Freed)(?: by task|:)|Last potentially|Second to last|(?:Uninit|Local variable) .*"
    r"|<?-> #\d|the existing dependency|\w+ and (?:will|would) create|hardirqs last|softirqs last"
    r"|---\[ end|Memory state|(?:INFO: )?(?:Allocated|Freed) in|Showing all locks"
    r"|(?:to|from) a .*(?:irq|IRQ)|(?:Preemption disabled|irq event stamp|blocked|freed|allocated) .*"
    r"|which was |\.\.\. which became|\{.{1,40}\} state was|page (?:last|owner|has)"
    r"|Last Breaking-Event-Address"
    # what a register of arm points to, and who allocated it: kmem_dump_obj(), vmalloc_dump_obj() in mm
    r"|Register r\d+ information: (?:slab|\d+-page)|Free path:)"
)
# a history that is said to be there
_PROMISED = re.compile(r"(?:Allocated|Freed)(?: by task|:)")
# any of them; the last one says that no stack follows
_MARK = re.compile(
    "|".join(
        re.sub(r"\(\?P<\w+>", "(?:", marks.pattern) for marks in (_LINK, _NOWHERE, _CALLS, _HISTORY, _OTHER)
    )
    + "|.{0,20}stack is not available"
)


# what compilers put behind a name
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|specialized|cold|llvm|lto_priv|__uniq|\d)\b.*|_noprof$")
# most names have no other name
_ALIASED = re.compile("|".join(pattern.pattern for pattern, _ in ALIASES))


@dataclass(kw_only=True, slots=True)
class Trace:
    """One stack, innermost frame first."""

    # the line that said what it is, "" if none did
    title: str = ""
    # whether it is of the failure itself, not of what came before it
    is_main: bool
    # whether a line said that a stack would follow
    is_announced: bool = False
    # names as they stand there
    frames: list[str] = field(default_factory=list)
    # how many of them stand before the first line that announced a stack: they are program counters
    counters: int = 0
    # who called the innermost function, as far as a register or the top of the stack tells, "" if unknown
    caller: str = ""
    # whether the processor stopped at an address without code
    is_astray: bool = False
    # frames that the kernel itself is not sure of
    guesses: list[str] = field(default_factory=list)

    @property
    def calls(self) -> Sequence[str]:
        """The frames, each called by the next one.

        Where the processor stopped may stand once more further down: what prints the report, above it, has
        not called it.
        """
        stack = self.frames[self.counters :]
        first = self.frames[:1]
        return stack if first != stack[:1] and first[0] in stack else self.frames

    @property
    def is_empty(self) -> bool:
        """Whether it has no frame, not even a guess."""
        return len(self.frames) == self.counters and not self.guesses


@lru_cache(maxsize=4096)
def readable(symbol: str) -> str:
    """Return a symbol as a person knows it: demangled, without what the compiler put behind it."""
    # big-endian powerpc puts a dot before the name of code
    name = demangle(_SUFFIX.sub("", symbol.removeprefix(".")))
    if not _ALIASED.fullmatch(name):
        return name
    for pattern, known in ALIASES:
        if match := pattern.fullmatch(name):
            return match.expand(known)
    return name


class _Frame(NamedTuple):
    """What a line of a stack names; without any of these the kernel guesses."""

    # the function that it is sure of
    sure: str
    # where each line names two: function and caller
    callee: str
    caller: str
    # a word that only looks like a return address
    guess: str


@lru_cache(maxsize=8192)
def _parse_frame(line: str) -> _Frame | None:
    """Read a line of a stack, None if it is none: those of one kernel come again and again."""
    frame = match_frame(line)
    if frame is None:
        return None
    symbol, callee, unsure, offset, size = frame.group("symbol", "callee", "unsure", "offset", "size")
    if callee:
        caller = _FROM.match(line)
        return _Frame("", callee, caller["symbol"] if caller else "", "")
    # an address at the very beginning of a function is that behind a call which never returns, at the end
    # of the function before it; powerpc doubts the first one of a stack itself
    if unsure or offset == "0" or line.endswith("(unreliable)"):
        # at the end of a function nothing returns: it is the address of the next one
        return _Frame("", "", "", symbol if offset != size else "")
    return _Frame(symbol, "", "", "")


def _add_unusual(trace: Trace, frame: _Frame) -> None:
    """Add two functions, or a guess."""
    if frame.callee:
        # the caller shows again as the next one
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
        # where it happened is never history
        traces.append(Trace(is_main=True))
    trace = traces[-1]
    trace.frames.append(symbol)
    trace.counters += not trace.is_announced and len(trace.frames) == trace.counters + 1


def _turn(traces: list[Trace], line: str) -> None:
    """Take a line about stacks that is not a frame: most announce the next stack."""
    now = traces[-1]
    if link := _LINK.match(line):
        # on loongarch it stands before the program counter
        now.caller = link["symbol"] if len(now.frames) == now.counters <= 1 else now.caller
    elif _NOWHERE.match(line):
        now.is_astray = not now.frames
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
    """Split the lines of one report into its stacks; frames before any announcement are one too.

    `traces` are those of the lines before, and are gone on with.
    """
    traces = [Trace(is_main=True)] if traces is None else traces
    # whether s390's PSW stands behind the end of a function, whose last instruction was refused: the trace
    # begins with that instruction
    is_behind = False
    for line in lines:
        is_code = "+0x" in line or " from " in line
        if is_code and (frame := _parse_frame(line)):
            if frame.sure or (is_behind and frame.guess):
                traces[-1].frames.append(frame.sure or frame.guess)
                traces[-1].counters += is_behind
            else:
                _add_unusual(traces[-1], frame)
            is_behind = False
        elif is_code and (counter := match_counter(line)):
            is_behind = counter["offset"] == "0" and line.startswith("Krnl PSW")
            if not is_behind:
                _add_counter(traces, counter["symbol"])
        elif _MARK.match(line):
            _turn(traces, line)
    return traces


def functions_of_modules(text: str) -> frozenset[str]:
    """Return the functions that a report says are code of a loadable module."""
    if " [" not in text:
        return frozenset()
    ends = (place.start() for place in _IN_MODULE.finditer(text))
    names = (_LAST_NAME.search(text, text.rfind("\n", 0, end) + 1, end) for end in ends)
    return frozenset(readable(name[0]) for name in names if name)
