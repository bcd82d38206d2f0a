"""How a device misbehaves; pure. A fault is a value; which of them make a difference is for `plan`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from rustbed.devices.trace import CONFIG
from rustbed.errors import UsageError


class FaultKind(StrEnum):
    """What goes wrong. Those down to GARBAGE happen at an access, the others always."""

    # from this access on reads give all-ones and writes are lost, transfers are refused, bytes do not come:
    # it was pulled out, or its link is down
    GONE = "gone"
    # gone from this access on; then a slot is found to be empty, by a kernel that was not asked
    PULLED = "pulled"
    # this read gives all-ones, zero, or the inverse of every bit
    ONES = "ones"
    ZERO = "zero"
    INVERTED = "inverted"
    # from this read on its register reads the same for ever
    STUCK = "stuck"
    # this write does not arrive
    LOST_WRITE = "lost-write"
    # this transfer is refused: a chip does not acknowledge, an endpoint stalls
    REFUSED = "refused"
    # of what this transfer reads, the second half is missing
    SHORT = "short"
    # this transfer takes half a second: the clock is stretched
    LATE = "late"
    # from this byte on every other bit arrives wrong
    GARBAGE = "garbage"
    # interrupts do not come, come a thousandfold, come half a second late
    NO_INTERRUPT = "no-interrupt"
    STORM = "storm"
    LATE_INTERRUPT = "late-interrupt"
    # what the device writes to memory and reads from it goes nowhere
    NO_DMA = "no-dma"
    # a reset changes nothing
    NO_RESET = "no-reset"
    # its device id is another; its BARs have the least size that PCI allows
    WRONG_ID = "wrong-id"
    SMALL_BAR = "small-bar"


# interrupts for one, of a STORM, and seconds between two of them: those at once would be seen as one
STORM_COUNT = 100
STORM_S = 0.001
# seconds that a LATE_INTERRUPT takes
LATE_S = 0.5

# where configuration space has it (PCI Local Bus Specification 3.0, 6.2.1)
_DEVICE_ID = range(2, 4)

# these may keep a driver from making any access
OF_PROBE = (FaultKind.WRONG_ID, FaultKind.SMALL_BAR)


# these happen at an access, the others always
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
    """A way to misbehave; a device has it as its `fault`."""

    kind: FaultKind
    # the access at which it happens, counted from 1: to a BAR of a PCI device since it was plugged in, else
    # a transfer, or a byte that a serial peer says, since the device got the fault
    at: int = 1

    def __str__(self) -> str:
        return f"{self.kind} at access {self.at}" if self.kind in _AT_ACCESS else str(self.kind)

    @property
    def name(self) -> str:
        """The fault in one word: gone@3, storm."""
        return f"{self.kind}@{self.at}" if self.kind in _AT_ACCESS else str(self.kind)


# what can go wrong with a device that is reached by registers; OF_TRANSFERS in injector.py has the others'
OF_REGISTERS = frozenset(FaultKind) - {
    FaultKind.REFUSED,
    FaultKind.SHORT,
    FaultKind.LATE,
    FaultKind.GARBAGE,
}


def require_kind(fault: Fault | None, kinds: Collection[FaultKind]) -> None:
    """Raise UsageError for a fault that a device cannot have: it would change nothing, and tests be green."""
    if fault is not None and fault.kind not in kinds:
        possible = ", ".join(kind for kind in FaultKind if kind in kinds)
        raise UsageError(f"a device on this bus cannot have the fault {fault.kind}", choices=possible)


# what a read gives instead of a byte
_GARBLES: dict[FaultKind, Callable[[int], int]] = {
    FaultKind.ONES: lambda _: 0xFF,
    FaultKind.ZERO: lambda _: 0,
    FaultKind.INVERTED: lambda byte: byte ^ 0xFF,
}


def _wrong_id(offset: int, data: bytes) -> bytes:
    """Return bytes of configuration space with the device id inverted."""
    return bytes(byte ^ 0xFF if at in _DEVICE_ID else byte for at, byte in enumerate(data, offset))


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
        """Whether the access at which it happens has been made; at once if it is there from the beginning."""
        if self.fault is None:
            return False
        return self.fault.kind in OF_PROBE or self._count >= self.fault.at

    def _is(self, kind: FaultKind) -> bool:
        return self.fault is not None and self.fault.kind is kind

    @property
    def is_gone(self) -> bool:
        """Whether the device does not answer any more."""
        return (self._is(FaultKind.GONE) or self._is(FaultKind.PULLED)) and self.happened

    def reads(self, region: int, offset: int, data: bytes) -> bytes:
        """Return what the driver gets instead of what the device gave."""
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
    def has_small_bars(self) -> bool:
        """Whether BARs have the least size there is."""
        return self._is(FaultKind.SMALL_BAR)

    @property
    def resets(self) -> bool:
        """Whether a reset changes anything."""
        return not self._is(FaultKind.NO_RESET)
