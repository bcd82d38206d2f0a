"""Faults of devices that are reached by transfers of bytes, whatever the bus; pure but for the clock.

What an access is, the bus says: a transfer of I2C or USB, a byte of a serial line. What becomes of its bytes
is the same everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rustbed.devices.faults import LATE_S, Fault, FaultKind

_CHANGES: dict[FaultKind, Callable[[bytes], bytes]] = {
    FaultKind.ONES: lambda data: b"\xff" * len(data),
    FaultKind.ZERO: lambda data: bytes(len(data)),
    FaultKind.INVERTED: lambda data: bytes(byte ^ 0xFF for byte in data),
    FaultKind.GARBAGE: lambda data: bytes(byte ^ 0x55 for byte in data),
    FaultKind.SHORT: lambda data: data[: len(data) // 2],
    FaultKind.LOST_WRITE: lambda _: b"",
}
# these go on once they have begun
_LASTING = (FaultKind.GONE, FaultKind.GARBAGE)
_REFUSING = (FaultKind.GONE, FaultKind.REFUSED)


class Injector:
    """A fault under way in one device: it counts the accesses."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self._count = 0
        self._touched = time.monotonic()

    @property
    def happened(self) -> bool:
        """Whether the access at which it happens has been made."""
        return self.fault is not None and self._count >= self.fault.at

    @property
    def idle_s(self) -> float:
        """For how many seconds nothing has happened."""
        return time.monotonic() - self._touched

    @property
    def delay_s(self) -> float:
        """How many seconds the next access is late."""
        fault = self.fault
        is_late = fault is not None and fault.kind is FaultKind.LATE and self._count + 1 == fault.at
        return LATE_S if is_late else 0.0

    def touch(self) -> None:
        """Note that something happens that is not an access."""
        self._touched = time.monotonic()

    def inject(self, data: bytes) -> bytes | None:
        """Count an access and return its bytes as they arrive; None if it is refused."""
        self.touch()
        self._count += 1
        fault = self.fault
        if fault is None or not self.happened or (self._count > fault.at and fault.kind not in _LASTING):
            return data
        change = _CHANGES.get(fault.kind)
        return None if fault.kind in _REFUSING else change(data) if change else data


def kinds_of_read(data: bytes) -> Iterator[FaultKind]:
    """Yield how a transfer can fail that gave a driver these bytes; none that would give the same."""
    yield from _REFUSING
    for kind in (FaultKind.ONES, FaultKind.ZERO, FaultKind.INVERTED, FaultKind.SHORT):
        if (changed := _CHANGES[kind](data)) != data and (changed or kind is FaultKind.SHORT):
            yield kind


def kinds_of_write() -> Iterator[FaultKind]:
    """Yield how a transfer can fail that gives a device bytes."""
    yield from _REFUSING
