"""Plans faults from the trace of a good run; pure.

There is a fault for each access and each kind that can make a difference there. The bus defines accesses and
what can go wrong with them; the choice of faults that are worth a run is the same for all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rustbed.devices.faults import OF_PROBE, Fault, FaultKind
from rustbed.devices.trace import Dma, Event, Interrupt, Read, Reset, Write, is_access

_OF_INTERRUPTS = (FaultKind.NO_INTERRUPT, FaultKind.STORM, FaultKind.LATE_INTERRUPT)

# number of accesses of the longest polling loop that is recognised
_LONGEST_LOOP = 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The faults that are possible in a good run of a driver."""

    faults: tuple[Fault, ...]
    # number of accesses, and how many of them followed a sequence of accesses that had occurred before
    accesses: int
    repeated: int


def every_fault(events: Sequence[Event]) -> list[Fault]:
    """Return every fault that can make a difference in a good run; see `plan_faults`."""
    return list(plan_faults(events).faults)


def plan_faults(events: Sequence[Event], *, removable: bool = False) -> Plan:
    """Return every fault that can make a difference in a good run, from its events.

    A removable device can also be pulled out of its slot.
    These faults are left out: those after a sequence of accesses that occurred before, as in polling;
    those that would not change the value of a read; and those that a driver cannot distinguish from the one
    at its next access.
    """
    numbered = [(at, event) for at, event in enumerate(events) if is_access(event)]
    accesses = ((event, _kinds(event, events[at + 1 :])) for at, event in numbered)
    plan = plan_accesses(accesses, _always(events, bool(numbered)))
    return replace(plan, faults=(*plan.faults, *_pulls(plan.faults))) if removable else plan


def plan_accesses(
    accesses: Iterable[tuple[Hashable, Iterable[FaultKind]]], always: Iterable[FaultKind] = ()
) -> Plan:
    """Return the faults of accesses, each given with its possible kinds, and the faults without an access.

    Accesses that follow a sequence of accesses that occurred before are left out.
    """
    found: list[Fault] = []
    sequences, repeated, number = _Sequences(), 0, 0
    for number, (access, kinds) in enumerate(accesses, start=1):
        if sequences.is_new(access):
            found += [Fault(kind=kind, at=number) for kind in kinds]
        else:
            repeated += 1
    found += [Fault(kind=kind) for kind in always]
    return Plan(faults=tuple(found), accesses=number, repeated=repeated)


def _pulls(faults: Sequence[Fault]) -> Iterator[Fault]:
    """Yield the faults of a device that is pulled out: at the first access, the middle one and the last.

    Three are enough: only the kernel's reaction differs from GONE, and it does not depend on the access.
    """
    gone = [fault.at for fault in faults if fault.kind is FaultKind.GONE]
    for at in sorted({gone[0], gone[len(gone) // 2], gone[-1]} if gone else ()):
        yield Fault(kind=FaultKind.PULLED, at=at)


def _always(events: Sequence[Event], has_accesses: bool) -> Iterator[FaultKind]:
    """Yield the faults that do not belong to an access."""
    if any(isinstance(event, Interrupt) for event in events):
        yield from _OF_INTERRUPTS
    if any(isinstance(event, Dma) for event in events):
        yield FaultKind.NO_DMA
    touched = [at for at, event in enumerate(events) if is_access(event)] or [0]
    # resets before the first access and after the last are QEMU's
    if any(isinstance(event, Reset) for event in events[touched[0] : touched[-1]]):
        yield FaultKind.NO_RESET
    if has_accesses:
        yield from OF_PROBE


class _Sequences:
    """The sequences of accesses so far; two rounds of a loop at the end count as one round."""

    def __init__(self) -> None:
        # number of each sequence, by that of its beginning and its last access; 0 is the empty sequence
        self._numbers: dict[tuple[int, Hashable], int] = {}
        self._passed = [0]
        self._made: list[Hashable] = []

    def is_new(self, access: Hashable) -> bool:
        """Add an access and return whether it is the first such access after the same sequence."""
        key = (self._passed[-1], access)
        is_known = key in self._numbers
        self._passed.append(self._numbers.setdefault(key, len(self._numbers) + 1))
        self._made.append(access)
        return not (self._fold() or is_known)

    def _fold(self) -> bool:
        for length in range(1, _LONGEST_LOOP + 1):
            if len(self._made) >= 2 * length and self._made[-length:] == self._made[-2 * length : -length]:
                del self._made[-length:]
                del self._passed[-length:]
                return True
        return False


def _kinds(access: Event, later: Sequence[Event]) -> Iterator[FaultKind]:
    assert isinstance(access, Read | Write)
    if isinstance(access, Write):
        # GONE at the next access differs only by this write, which shows only in interrupts and DMA
        if not (later and is_access(later[0])):
            yield FaultKind.GONE
        yield FaultKind.LOST_WRITE
        return
    yield FaultKind.GONE
    ones = (1 << (8 * access.width)) - 1
    if access.value != ones:
        yield FaultKind.ONES
    if access.value != 0:
        yield FaultKind.ZERO
    if access.value not in (0, ones):
        yield FaultKind.INVERTED
    if any(_is_changed(access, event) for event in later):
        yield FaultKind.STUCK


def _is_changed(access: Read, later: Event) -> bool:
    """Whether a later event is a read of the same register with another value."""
    return (
        isinstance(later, Read)
        and (later.region, later.offset, later.width) == (access.region, access.offset, access.width)
        and later.value != access.value
    )
