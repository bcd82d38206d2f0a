"""Whom a report blames, and whether enough of it is there to say so.

Owns the choice among the functions of a report; which of them are plumbing is in
harness/log/plumbing.py. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, pairwise

from harness.log.formats import Blames, Kind, Row
from harness.log.frames import RELEASED, TAKEN, Trace, functions_of_modules, parse_traces, readable
from harness.log.plumbing import (
    ALLOCATES,
    BYSTANDER,
    DETECTS,
    DISPATCHES,
    DISPATCHES_IN_INTERRUPTS,
    ENTRIES,
    FRAMELESS,
    INTERRUPTED,
    MACHINERY,
    PLUMBING,
    WARNS_OF_CALLERS,
)
from harness.log.task import find_task

_DROPPED = re.compile(r"\*\* \d+ printk messages dropped|printk: \d+ messages (?:dropped|suppressed)")
# who a stack is of
_PID = re.compile(r"CPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: ")


@dataclass(frozen=True, kw_only=True)
class Blame:
    """The outcome."""

    # "" if none shows
    function: str
    # functions of its stacks that are not plumbing, in their order
    chain: tuple[str, ...]
    # what is missing or mixed up in the report, "" if nothing is
    damage: str


def blame(row: Row, named: str, lines: Sequence[str]) -> Blame:
    """Find the function to blame in the lines of a report; `named` is the one of its headline, "" if none."""
    traces = parse_traces(lines)
    mains = [trace for trace in traces if trace.is_main]
    candidates = [readable(symbol) for symbol in _candidates(row, named, lines, traces)]
    own = _drivers_own(lines)
    function = ""
    if row.blames is Blames.HANDLER:
        function = (
            _stuck_in_module(mains, own)
            or _stuck(mains, DISPATCHES)
            or _stuck(mains, DISPATCHES_IN_INTERRUPTS)
        )
    function = function or _first_to_blame(row, named, candidates, own)
    frames = (readable(symbol) for trace in mains for symbol in trace.frames)
    chain = tuple(name for name in frames if name in own or not _is_plumbing(name))
    return Blame(function=function, chain=chain, damage=_damage(row, function, own, lines, traces))


@lru_cache(maxsize=4096)
def _is_plumbing(name: str) -> bool:
    return PLUMBING.fullmatch(name) is not None


def _drivers_own(lines: Sequence[str]) -> frozenset[str]:
    """Return the functions of loadable modules: whatever their names are like, none is plumbing.

    But of Rust's, a module contains copies of what the language's library and the kernel's crate have.
    """
    found = functions_of_modules(lines)
    return frozenset(name for name in found if not ("::" in name and _is_plumbing(name)))


def _candidates(row: Row, named: str, lines: Sequence[str], traces: Sequence[Trace]) -> Iterator[str]:
    """Yield symbols in the order in which they are asked."""
    if named:
        yield named
    if row.blames is Blames.LOCK:
        # the lock that an interrupt takes, if it is about that; else "... lock at:" and the place
        for trace in traces:
            if "irq-safe at:" in trace.title:
                yield from trace.frames
        yield from islice(_places(lines), 1)
    if row.kind is Kind.BAD_PAGE:
        # whoever frees or gets a page next finds it bad; its owner left it so
        owners = (trace for trace in traces if trace.title.startswith("page last allocated"))
        yield from chain.from_iterable(trace.frames for trace in owners)
    for trace in traces:
        if trace.is_main:
            yield from trace.frames[:1]
            if trace.caller and trace.counters and FRAMELESS.fullmatch(readable(trace.frames[0])):
                yield trace.caller
            yield from trace.frames[1:]


def _places(lines: Sequence[str]) -> Iterator[str]:
    """Yield where locks are taken or released; it may stand on a line of its own."""
    for line in lines:
        if taken := TAKEN.match(line):
            yield taken["symbol"] or taken["worker"]
        elif released := RELEASED.match(line):
            yield released["symbol"]


def _first_to_blame(row: Row, named: str, candidates: Sequence[str], own: frozenset[str]) -> str:
    if row.kind is Kind.WARNING and named and not WARNS_OF_CALLERS.fullmatch(candidates[0]):
        # WARN() stands in that very function, and what locks warn of has kinds of its own
        return candidates[0]
    is_about_owner = row.kind in (Kind.LEAK, Kind.BAD_PAGE)
    for name in candidates:
        if name in own or not (_is_plumbing(name) or (is_about_owner and ALLOCATES.fullmatch(name))):
            return name
    if row.kind is Kind.RUST_PANIC:
        return ""
    # plumbing may fail itself; what only reports hardly ever does
    return next((name for name in candidates if not MACHINERY.fullmatch(name)), next(iter(candidates), ""))


def _stuck_in_module(mains: Sequence[Trace], own: frozenset[str]) -> str:
    """Return the innermost function of a module in the first stack that has one: drivers are under test."""
    for trace in mains:
        names = [readable(symbol) for symbol in trace.frames]
        for name in names[_interrupted_at(names) :]:
            if name in own:
                return name
    return ""


def _stuck(mains: Sequence[Trace], dispatches: re.Pattern[str]) -> str:
    """Return the function that was entered from a dispatcher, in the first stack that has one."""
    for trace in mains:
        names = [readable(symbol) for symbol in trace.frames]
        names = names[_interrupted_at(names) :]
        for inner, outer in pairwise(names):
            if inner == "smp_call_function":
                # waits for another processor, whatever for
                return inner
            if BYSTANDER.fullmatch(inner):
                break
            is_entered = dispatches.fullmatch(outer) and not dispatches.fullmatch(inner)
            if is_entered and not MACHINERY.fullmatch(inner):
                return inner
    return ""


def _interrupted_at(names: Sequence[str]) -> int:
    """Return the index behind the frames of the interrupt in which the detector ran, 0 if it did not."""
    for index, name in enumerate(names):
        if INTERRUPTED.fullmatch(name) and any(DETECTS.fullmatch(inner) for inner in names[:index]):
            return index + 1
    return 0


def _damage(
    row: Row, function: str, own: frozenset[str], lines: Sequence[str], traces: Sequence[Trace]
) -> str:
    """Return the first doubt about a report, in words."""
    mains = [trace for trace in traces if trace.is_main]
    is_found = function in own or (function and not _is_plumbing(function))
    ends_early = row.located and row.kind is not Kind.WARNING and not is_found
    doubts = (
        (_DROPPED.search("\n".join(lines)) is not None, "messages were dropped"),
        (row.located and not row.traced and not function, "it ends before the function to blame"),
        (row.traced and not row.is_shared and _speakers(lines) > 1, "two tasks print at once"),
        (row.traced and all(trace.is_empty for trace in mains), "its stack trace is missing"),
        (
            row.traced and all(len(trace.frames) == trace.counters for trace in mains),
            "no frame of its stack trace is certain",
        ),
        (
            row.traced and any(trace.is_announced and trace.is_empty for trace in traces),
            "a stack trace is announced and does not follow",
        ),
        (row.traced and ends_early, "its stack trace ends before the function to blame"),
    )
    return next((words for is_so, words in doubts if is_so), "")


def _speakers(lines: Sequence[str]) -> int:
    """Return how many tasks tell of themselves before the first stack is whole."""
    pids: set[str] = set()
    for line in lines:
        if "+0x" in line:
            if ENTRIES.search(line):
                break
        elif said := _PID.match(line):
            pids.add(said[1])
    own = find_task(lines, by_header=False) if pids else ""
    return len(pids | ({own.rpartition("/")[2]} if own and pids else set()))
