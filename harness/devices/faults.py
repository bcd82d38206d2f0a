"""Faults of devices, and their effect on PCI devices; pure. `plan` decides which faults are worth a run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from rustbed.devices.trace import CONFIG
from rustbed.errors import UsageError


class FaultKind(StrEnum):
    """What goes wrong. Kinds up to GARBAGE happen at an access, the others apply from the beginning."""

    # from this access on reads give all-ones, writes are lost, transfers are refused, and bytes do not come:
    # the device was pulled out, or its link is down
    GONE = "gone"
    # gone from this access on; afterwards the kernel notices that the slot is empty (surprise removal)
    PULLED = "pulled"
    # this read gives all-ones, zero, or the inverse of every bit
    ONES = "ones"
    ZERO = "zero"
    INVERTED = "inverted"
    # from this read on the register keeps its value for ever
    STUCK = "stuck"
    # this write does not arrive
    LOST_WRITE = "lost-write"
    # this transfer is refused: a chip does not acknowledge, an endpoint stalls
    REFUSED = "refused"
    # the second half of the bytes that this transfer reads is missing
    SHORT = "short"
    # this transfer takes half a second, because the device stretches the clock
    LATE = "late"
    # from this byte on every second bit arrives inverted
    GARBAGE = "garbage"
    # interrupts do not come, come a hundredfold, or come half a second late
    NO_INTERRUPT = "no-interrupt"
    STORM = "storm"
    LATE_INTERRUPT = "late-interrupt"
    # DMA has no effect: the device neither reads nor writes memory
    NO_DMA = "no-dma"
    # a reset changes nothing
    NO_RESET = "no-reset"
    # the device has another device id; its BARs have the least size that PCI allows
    WRONG_ID = "wrong-id"
    SMALL_BAR = "small-bar"


# interrupts in place of one during a STORM, and seconds between two of them: simultaneous ones would merge
STORM_COUNT = 100
STORM_S = 0.001
# seconds that a LATE_INTERRUPT takes
LATE_S = 0.5

# offsets of the device id in configuration space (PCI Local Bus Specification 3.0, 6.2.1)
_DEVICE_ID = range(2, 4)

# with these faults a driver may make no access at all
OF_PROBE = (FaultKind.WRONG_ID, FaultKind.SMALL_BAR)


# these happen at an access, the others apply from the beginning
_AT_ACCESS = (
    FaultKind.GONE,
    FaultKind.PULLED,
    FaultKind.ONES,
    FaultKind.ZERO,
    FaultKind.INVERTED,
    FaultKind.STUCK,
    FaultKind.LOST_WRITE,
    FaultKind.REFUSED,
    FaultKind.SHORT,
    FaultKind.LATE,
    FaultKind.GARBAGE,
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A way to misbehave; the attribute `fault` of a device."""

    kind: FaultKind
    # number of the access at which it happens, from 1. For a PCI device, accesses to BARs since it was
    # plugged in; for others, transfers, or bytes that a serial peer sends, since the device got the fault
    at: int = 1

    def __str__(self) -> str:
        return f"{self.kind} at access {self.at}" if self.kind in _AT_ACCESS else str(self.kind)

    @property
    def name(self) -> str:
        """The fault in one word: gone@3, storm."""
        return f"{self.kind}@{self.at}" if self.kind in _AT_ACCESS else str(self.kind)


# faults of devices with registers; OF_TRANSFERS in injector.py has those of other devices
OF_REGISTERS = frozenset(FaultKind) - {
    FaultKind.REFUSED,
    FaultKind.SHORT,
    FaultKind.LATE,
    FaultKind.GARBAGE,
}


def require_kind(fault: Fault | None, kinds: Collection[FaultKind]) -> None:
    """Raise UsageError for a fault that a device cannot have: it would have no effect, and the test pass."""
    if fault is not None and fault.kind not in kinds:
        possible = ", ".join(kind for kind in FaultKind if kind in kinds)
        raise UsageError(f"a device on this bus cannot have the fault {fault.kind}", choices=possible)


# what a read returns instead of a byte
_GARBLES: dict[FaultKind, Callable[[int], int]] = {
    FaultKind.ONES: lambda _: 0xFF,
    FaultKind.ZERO: lambda _: 0,
    FaultKind.INVERTED: lambda byte: byte ^ 0xFF,
}


def _wrong_id(offset: int, data: bytes) -> bytes:
    """Return bytes of configuration space with the device id inverted."""
    return bytes(byte ^ 0xFF if at in _DEVICE_ID else byte for at, byte in enumerate(data, offset))


class Misbehaviour:
    """The fault of one device in action; counts the accesses."""

    def __init__(self, fault: Fault | None) -> None:
        self.fault = fault
        # accesses to BARs so far
        self._count = 0
        # values of registers that are stuck, by region and offset
        self._stuck: dict[tuple[int, int], bytes] = {}

    @property
    def happened(self) -> bool:
        """Whether the access at which it happens has been made; always true of a fault without an access."""
        if self.fault is None:
            return False
        return self.fault.kind in OF_PROBE or self._count >= self.fault.at

    def _is(self, kind: FaultKind) -> bool:
        return self.fault is not None and self.fault.kind is kind

    @property
    def is_gone(self) -> bool:
        """Whether the device has stopped answering."""
        return (self._is(FaultKind.GONE) or self._is(FaultKind.PULLED)) and self.happened

    def reads(self, region: int, offset: int, data: bytes) -> bytes:
        """Return the bytes that the driver gets; `data` are those of the device."""
        if self.fault is None:
            return data
        if region < CONFIG:
            self._count += 1
        if self.is_gone:
            return b"\xff" * len(data)
        if region >= CONFIG:
            return _wrong_id(offset, data) if self._is(FaultKind.WRONG_ID) else data
        return self._garbled(region, offset, data)

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
        """How many interrupts come in place of one."""
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
    def has_small_bars(self) -> bool:
        """Whether BARs have the least size that PCI allows."""
        return self._is(FaultKind.SMALL_BAR)

    @property
    def resets(self) -> bool:
        """Whether a reset changes anything."""
        return not self._is(FaultKind.NO_RESET)
