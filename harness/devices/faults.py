"""How a device misbehaves, and every way in which one can during what a driver did; pure.

A fault is a value. `every_fault` makes a list of them from the trace of a good run: one for each
access and kind that can make a difference there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rustbed.devices.trace import CONFIG, Event, Interrupt, Read, Reset, Write


class FaultKind(StrEnum):
    """What goes wrong. Those down to LOST_WRITE happen at an access, the others always."""

    # from this access on reads give all-ones and writes are lost: it was pulled out, or its link is down
    GONE = "gone"
    # this read gives all-ones, zero, or the inverse of every bit
    ONES = "ones"
    ZERO = "zero"
    INVERTED = "inverted"
    # from this read on its register reads the same for ever
    STUCK = "stuck"
    # this write does not arrive
    LOST_WRITE = "lost-write"
    # interrupts do not come, come a thousandfold, come half a second late
    NO_INTERRUPT = "no-interrupt"
    STORM = "storm"
    LATE_INTERRUPT = "late-interrupt"
    # what the device writes to memory and reads from it goes nowhere
    NO_DMA = "no-dma"
    # a reset changes nothing
    NO_RESET = "no-reset"


# interrupts for one, of a STORM; seconds that a LATE_INTERRUPT takes
STORM_COUNT = 1000
LATE_S = 0.5

_OF_READS = (FaultKind.ONES, FaultKind.ZERO, FaultKind.INVERTED, FaultKind.STUCK)
_OF_INTERRUPTS = (FaultKind.NO_INTERRUPT, FaultKind.STORM, FaultKind.LATE_INTERRUPT)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A way to misbehave; a device has it as its `fault`."""

    kind: FaultKind
    # the access to a BAR at which it happens, counted from 1 since the device was plugged in
    at: int = 1

    def __str__(self) -> str:
        return f"{self.kind} at access {self.at}" if self.kind in _AT_ACCESS else str(self.kind)


_AT_ACCESS = (FaultKind.GONE, *_OF_READS, FaultKind.LOST_WRITE)


def every_fault(events: Sequence[Event]) -> list[Fault]:
    """Return every fault that can make a difference to what a driver did in a good run.

    An access that repeats the one before it is one of a driver that polls, and its faults have been seen;
    nor is there a fault that would give what was read anyhow.
    """
    found: list[Fault] = []
    number, before = 0, None
    for event in events:
        if not isinstance(event, Read | Write) or event.region >= CONFIG:
            continue
        number += 1
        if event != before:
            found += [Fault(kind=kind, at=number) for kind in _kinds(event)]
        before = event
    if any(isinstance(event, Interrupt) for event in events):
        found += [Fault(kind=kind) for kind in _OF_INTERRUPTS]
    if any(not isinstance(event, Read | Write | Interrupt | Reset) for event in events):
        found.append(Fault(kind=FaultKind.NO_DMA))
    return [*found, Fault(kind=FaultKind.NO_RESET)]


def _kinds(access: Read | Write) -> Iterator[FaultKind]:
    yield FaultKind.GONE
    if isinstance(access, Write):
        yield FaultKind.LOST_WRITE
        return
    ones = (1 << (8 * access.width)) - 1
    if access.value != ones:
        yield FaultKind.ONES
    if access.value != 0:
        yield FaultKind.ZERO
    if access.value not in (0, ones):
        yield FaultKind.INVERTED
    yield FaultKind.STUCK


# what a read gives instead of a byte
_GARBLES: dict[FaultKind, Callable[[int], int]] = {
    FaultKind.ONES: lambda _: 0xFF,
    FaultKind.ZERO: lambda _: 0,
    FaultKind.INVERTED: lambda byte: byte ^ 0xFF,
}


class Misbehaviour:
    """A fault under way in one device: it counts the accesses."""

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault
        # accesses to BARs so far
        self._count = 0
        # what registers that are stuck read as, by region and offset
        self._stuck: dict[tuple[int, int], bytes] = {}

    @property
    def happened(self) -> bool:
        """Whether the access at which it happens has been made."""
        return self.fault is not None and self._count >= self.fault.at

    def _is(self, kind: FaultKind) -> bool:
        return self.fault is not None and self.fault.kind is kind

    @property
    def is_gone(self) -> bool:
        """Whether the device does not answer any more."""
        return self._is(FaultKind.GONE) and self.happened

    def reads(self, region: int, offset: int, data: bytes) -> bytes:
        """Return what the driver gets instead of what the device gave."""
        if self.fault is None:
            return data
        if region < CONFIG:
            self._count += 1
        if self.is_gone:
            return b"\xff" * len(data)
        return data if region >= CONFIG else self._garbled(region, offset, data)

    def _garbled(self, region: int, offset: int, data: bytes) -> bytes:
        assert self.fault is not None
        is_now = self._count == self.fault.at
        if self._is(FaultKind.STUCK):
            if is_now:
                self._stuck[region, offset] = data
            return self._stuck.get((region, offset), data)
        flip = _GARBLES.get(self.fault.kind)
        return bytes(flip(byte) for byte in data) if flip and is_now else data

    def takes_write(self, region: int) -> bool:
        """Whether a write arrives."""
        if self.fault is None:
            return True
        if region < CONFIG:
            self._count += 1
        is_lost = self._is(FaultKind.LOST_WRITE) and region < CONFIG and self._count == self.fault.at
        return not self.is_gone and not is_lost

    @property
    def interrupts(self) -> int:
        """How many interrupts come for one."""
        if self._is(FaultKind.NO_INTERRUPT) or self.is_gone:
            return 0
        return STORM_COUNT if self._is(FaultKind.STORM) else 1

    @property
    def delay_s(self) -> float:
        """How late an interrupt comes, in seconds."""
        return LATE_S if self._is(FaultKind.LATE_INTERRUPT) else 0.0

    @property
    def reaches_memory(self) -> bool:
        """Whether DMA arrives."""
        return not self._is(FaultKind.NO_DMA) and not self.is_gone

    @property
    def resets(self) -> bool:
        """Whether a reset changes anything."""
        return not self._is(FaultKind.NO_RESET)
