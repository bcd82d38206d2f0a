"""Finds the function that a report blames.

Owns the choice among the functions of a report; harness/log/families/ says which of them are
plumbing. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, groupby, islice, pairwise

from rustbed.log.families.dispatch import (
    BYSTANDER,
    DETECTS,
    DISPATCHES,
    DISPATCHES_IN_INTERRUPTS,
    ENTERS,
    INTERRUPTED,
    QUEUES,
    SLEEPS,
)
from rustbed.log.families.family import (
    ALLOCATES,
    CHECKS,
    ENTERED,
    FRAMELESS,
    MACHINERY,
    PLUMBING,
    REPORTING,
    SEALED,
    WAITING,
    WARNS_OF_CALLERS,
    Family,
)
from rustbed.log.families.places import roles_of
from rustbed.log.formats.row import Blames, Kind, Row
from rustbed.log.occurrence import IN_INTERRUPTS, is_of_owner
from rustbed.log.traces import RELEASED, TAKEN, Trace, functions_of_modules, parse_traces, readable


@dataclass(frozen=True, kw_only=True)
class Report:
    """The lines of one report, read as far as blame needs."""

    row: Row
    # the function of its headline, "" if none
    named: str
    # its lines, and all of them as one text, in which a word is found much faster
    lines: Sequence[str]
    text: str
    traces: Sequence[Trace]
    # functions of loadable modules in it; none is plumbing, whatever its name
    own: frozenset[str]
    # file of each function that was looked up in this kernel's own debug information
    files: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def mains(self) -> Sequence[Trace]:
        """The stacks of the failure itself."""
        return [trace for trace in self.traces if trace.is_main]

    @cached_property
    def owners(self) -> Sequence[Trace]:
        """The stacks that allocated and freed its memory; none if the task that noticed it is to blame."""
        return [trace for trace in self.traces if is_of_owner(self.row, self.lines[0], trace)]

    @cached_property
    def _calls(self) -> Sequence[Sequence[str]]:
        """The names in each stack, a callee before its caller."""
        return [list(map(readable, trace.calls)) for trace in self.traces]

    def is_own(self, name: str) -> bool:
        """Whether a function can be at fault: it is in a module, or is not plumbing."""
        if name in self.own or not self.is_of(PLUMBING, name):
            return True
        # asked last, because dispatchers enter few services
        return not self.is_of(ENTERED, name) and self._is_entered(name)

    def _is_entered(self, name: str) -> bool:
        """Whether a dispatcher of the kernel entered a function."""
        return any(
            inner == name and self.is_of(ENTERS, outer) and not self._is_beside(inner, outer)
            for calls in self._calls
            if name in calls
            for inner, outer in pairwise(calls)
        )

    def _is_beside(self, name: str, caller: str) -> bool:
        """Whether a function's file and its caller's have the same role: the function is a step of it."""
        roles = roles_of(name, self.files.get(name, ""))
        return bool(roles) and roles == roles_of(caller, self.files.get(caller, ""))

    def is_of(self, family: Family, name: str) -> bool:
        """Whether a function is of a family."""
        return family.holds(name, self.files.get(name, ""))


def read_report(row: Row, named: str, text: str, files: Mapping[str, str]) -> Report:
    """Read the text of a report; `named` is the function of its headline, "" if none.

    `files` has functions by where this kernel's debug information has them.
    """
    lines = text.split("\n")
    found = functions_of_modules(text)
    # a module contains copies of generic Rust functions of the core library and the kernel crate
    own = frozenset(name for name in found if not ("::" in name and name in PLUMBING))
    traces = parse_traces(lines)
    return Report(row=row, named=named, lines=lines, text=text, traces=traces, own=own, files=files)


# frames of one function in a row that are not a coincidence
_RECURSIVE = 4
# lib/nmi_backtrace.c prints this about processors that mask even the NMI
_UNSEEN = "still haven't responded to the NMI"


def _is_unseen(report: Report) -> bool:
    """Whether the stack is that of the processor that noticed the hang: the hanging one printed none."""
    return report.row.kind is Kind.HARD_LOCKUP and _UNSEEN in report.text


def find_function(report: Report) -> str:
    """Return the function to blame, "" if the report shows none."""
    if _is_unseen(report):
        return ""
    if report.row.blames is Blames.HANDLER:
        stuck = (
            _stuck_in_module(report)
            or _recursive(report)
            or _stuck(report, DISPATCHES)
            or _stuck(report, DISPATCHES_IN_INTERRUPTS)
            or _worker(report)
        )
        if stuck:
            return stuck
    return _first_to_blame(report)


def find_checker(report: Report, function: str) -> str:
    """Return the interface whose WARN() is about its caller, "" if the report is of another kind."""
    named = readable(report.named)
    is_caller = report.row.kind is Kind.WARNING and named and named != function
    return named if is_caller and not report.is_of(MACHINERY, named) else ""


def find_chain(report: Report) -> Iterator[str]:
    """Yield the functions of its stacks that are not plumbing, in their order."""
    for trace in () if _is_unseen(report) else report.owners or report.mains:
        yield from (name for name in map(readable, trace.frames) if report.is_own(name))


def _candidates(report: Report) -> Iterator[str]:
    """Yield symbols, those most likely to be at fault first."""
    row = report.row
    if report.named:
        yield report.named
    if row.blames is Blames.LOCK:
        # the lock that an interrupt takes, if the report is about one; otherwise that of "... lock at:"
        for trace in report.traces:
            if IN_INTERRUPTS in trace.title:
                yield from trace.frames
        yield from islice(_places(report.lines), 1)
    yield from chain.from_iterable(trace.frames for trace in report.owners)
    if not any(trace.counters for trace in report.mains):
        # the processor is at an address without code
        yield from _last_jump(report)
    for trace in report.mains:
        if row.kind is Kind.HUNG_TASK:
            yield from trace.frames[_asleep_at(trace.frames) :]
            continue
        callers = [trace.caller] if trace.caller else _last_jump(report)
        if trace.is_astray and trace.caller:
            yield trace.caller
        yield from trace.frames[:1]
        if trace.counters and FRAMELESS.fullmatch(readable(trace.frames[0])):
            yield from callers
        yield from trace.frames[1:]


# a sanitizer's headline is a better guess than the kernel's
_SURE = (Kind.KASAN, Kind.KFENCE, Kind.KMSAN)


def _guesses(report: Report) -> Iterator[str]:
    """Yield the kernel's guesses if it is sure of no frame: x86 before 4.14 without frame pointers."""
    is_told = report.named and report.row.kind in _SURE
    if not is_told and all(len(trace.frames) == trace.counters for trace in report.mains):
        for trace in report.mains:
            yield from map(readable, filter(None, trace.guesses[_asleep_at(trace.guesses) :]))


# kernel/workqueue.c: the queue, what is run, its module
_WORKER = re.compile(r"^Workqueue: \S+ (?P<symbol>[A-Za-z_]\S*)", re.MULTILINE)


def _last_jump(report: Report) -> list[str]:
    """Return the function of the processor's last jump, which s390 prints."""
    return [one for trace in report.traces if trace.title.startswith("Last Breaking") for one in trace.frames]


def _places(lines: Sequence[str]) -> Iterator[str]:
    """Yield the functions that take or release locks; such a function may stand on a line of its own."""
    for line in lines:
        if taken := TAKEN.match(line):
            yield taken["symbol"] or taken["worker"]
        elif released := RELEASED.match(line):
            yield released["symbol"]


def _first_to_blame(report: Report) -> str:
    kind = report.row.kind
    if kind is Kind.WARNING and report.named and not report.is_of(WARNS_OF_CALLERS, readable(report.named)):
        # WARN() is in that function itself, and warnings about locks have kinds of their own
        return readable(report.named)
    is_about_owner = kind in (Kind.LEAK, Kind.BAD_PAGE, Kind.SLAB_CORRUPTION)
    asked = []
    for name in map(readable, _candidates(report)):
        if name in report.own:
            return name
        serves = is_about_owner and report.is_of(ALLOCATES, name)
        if report.is_own(name) and not serves and not _is_part(name, report):
            return name
        asked.append(name)
        if name in QUEUES:
            break
    if kind is Kind.RUST_PANIC:
        return ""
    # plumbing may be at fault itself; code that only reports rarely is
    likely = (name for rarely in (MACHINERY, REPORTING) for name in asked if not report.is_of(rarely, name))
    return next(chain(filter(report.is_own, _guesses(report)), likely, asked), "")


def _is_part(name: str, report: Report) -> bool:
    """Whether a function is a step of its caller, or of a check that reports what it found."""
    for trace in report.mains:
        calls = list(map(readable, trace.calls))
        if name in calls[:-1]:
            outer = calls[calls.index(name) + 1 :]
            served = next((one for one in outer if not report.is_own(one)), "")
            is_where = name in map(readable, trace.frames[: trace.counters])
            return report.is_of(SEALED, outer[0]) or (not is_where and report.is_of(CHECKS, served))
    return False


def _stuck_in_module(report: Report) -> str:
    """Return the innermost function of a module, in the first stack that has any: drivers are under test."""
    for trace in report.mains:
        names = [readable(symbol) for symbol in trace.frames]
        if own := next((name for name in names[_interrupted_at(names) :] if name in report.own), ""):
            return own
    return ""


def _recursive(report: Report) -> str:
    """Return the function that calls itself until the stack is full, "" if none does."""
    if report.row.kind is not Kind.STACK_OVERFLOW:
        return ""
    for trace in report.mains:
        for name, calls in groupby(map(readable, trace.frames)):
            if len(list(calls)) >= _RECURSIVE:
                return name
    return ""


def _stuck(report: Report, dispatches: Family) -> str:
    """Return the function that was entered from a dispatcher, in the first stack that has one."""
    for trace in report.mains:
        names = [readable(symbol) for symbol in trace.frames]
        names = names[_interrupted_at(names) :]
        for inner, outer in pairwise(names):
            if inner == "smp_call_function":
                # it waits for another processor
                return inner
            if BYSTANDER.fullmatch(inner):
                break
            is_entered = report.is_of(dispatches, outer) and not report.is_of(dispatches, inner)
            if is_entered and not report.is_of(MACHINERY, inner) and not report.is_of(WAITING, inner):
                return inner
    return ""


def _worker(report: Report) -> str:
    """Return the function that a work queue's thread runs, from the line "Workqueue:"; "" without it."""
    return readable(match["symbol"]) if (match := _WORKER.search(report.text)) else ""


def _asleep_at(frames: Sequence[str]) -> int:
    """Return the index behind the scheduler's frames of a sleeping task, 0 if there are none."""
    return next((index + 1 for index in reversed(range(len(frames))) if readable(frames[index]) in SLEEPS), 0)


def _interrupted_at(names: Sequence[str]) -> int:
    """Return the index behind the frames of the interrupt in which the detector ran, 0 if it did not."""
    for index, name in enumerate(names):
        if INTERRUPTED.fullmatch(name) and any(DETECTS.fullmatch(inner) for inner in names[:index]):
            return index + 1
    return 0
