"""Faults of devices on buses that transfer bytes; pure but for the clock.

The bus defines an access: a transfer of I2C or USB, or a byte of a serial line. The effect on its bytes
is the same on all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import Generic, Protocol, TypeVar, cast, overload

from rustbed.devices.faults import LATE_S, Fault, FaultKind, require_kind

T = TypeVar("T")

_CHANGES: dict[FaultKind, Callable[[bytes], bytes]] = {
    FaultKind.ONES: lambda data: b"\xff" * len(data),
    FaultKind.ZERO: lambda data: bytes(len(data)),
    FaultKind.INVERTED: lambda data: bytes(byte ^ 0xFF for byte in data),
    FaultKind.GARBAGE: lambda data: bytes(byte ^ 0x55 for byte in data),
    FaultKind.SHORT: lambda data: data[: len(data) // 2],
    FaultKind.LOST_WRITE: lambda _: b"",
}
# these last once they have begun
_LASTING = (FaultKind.GONE, FaultKind.GARBAGE)
_REFUSING = (FaultKind.GONE, FaultKind.REFUSED)
# faults of any transfer; LATE is missing, because only some buses allow it
OF_TRANSFERS = frozenset((*_CHANGES, *_REFUSING))


class Injector:
    """The fault of one device in action; counts the accesses since the fault was set.

    Raises UsageError for a fault that is not one of `kinds`, here and when it is set.
    """

    def __init__(self, fault: Fault | None = None, kinds: Collection[FaultKind] = OF_TRANSFERS) -> None:
        self._kinds = kinds
        self._count = 0
        self._touched = time.monotonic()
        self.fault = fault

    @property
    def fault(self) -> Fault | None:
        """The device's fault; None: it works."""
        return self._given[0]

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        require_kind(fault, self._kinds)
        # one assignment, because the device's thread may count meanwhile
        self._given = (fault, self._count)

    @property
    def fault_happened(self) -> bool:
        """Whether the access at which it happens has been made."""
        fault, number = self._progress
        return fault is not None and number >= fault.at

    @property
    def idle_s(self) -> float:
        """Seconds since anything happened."""
        return time.monotonic() - self._touched

    @property
    def delay_s(self) -> float:
        """Delay of the next access in seconds."""
        fault, number = self._progress
        is_late = fault is not None and fault.kind is FaultKind.LATE and number + 1 == fault.at
        return LATE_S if is_late else 0.0

    def touch(self) -> None:
        """Note an event that is not an access."""
        self._touched = time.monotonic()

    def takes(self) -> bool:
        """Count an access and return whether it is accepted."""
        self.touch()
        self._count += 1
        return self._kind_now not in _REFUSING

    def change(self, data: bytes) -> bytes:
        """Return the bytes of the last counted access as they arrive."""
        kind = self._kind_now
        change = _CHANGES.get(kind) if kind else None
        return change(data) if change else data

    def inject(self, data: bytes) -> bytes | None:
        """Count an access and return its bytes as they arrive; None if it is refused."""
        return self.change(data) if self.takes() else None

    @property
    def _kind_now(self) -> FaultKind | None:
        """What goes wrong with the last counted access."""
        fault, number = self._progress
        if fault is None or number < fault.at:
            return None
        return fault.kind if number == fault.at or fault.kind in _LASTING else None

    @property
    def _progress(self) -> tuple[Fault | None, int]:
        """The fault, and the number of accesses since it was set."""
        fault, before = self._given
        return fault, self._count - before


class Injected(Protocol):
    """A device with an injector."""

    faults: Injector


class FromInjector(Generic[T]):
    """An attribute of a device that forwards to the attribute of the same name of its injector."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, device: None, kind: type) -> FromInjector[T]: ...
    @overload
    def __get__(self, device: Injected, kind: type) -> T: ...
    def __get__(self, device: Injected | None, kind: type) -> FromInjector[T] | T:
        return self if device is None else cast("T", getattr(device.faults, self._name))

    def __set__(self, device: Injected, value: T) -> None:
        setattr(device.faults, self._name, value)


def kinds_of_read(data: bytes) -> Iterator[FaultKind]:
    """Yield how a transfer can fail that gave a driver these bytes, except for faults without an effect."""
    yield from _REFUSING
    for kind in (FaultKind.ONES, FaultKind.ZERO, FaultKind.INVERTED, FaultKind.SHORT):
        if (changed := _CHANGES[kind](data)) != data and (changed or kind is FaultKind.SHORT):
            yield kind


def kinds_of_write() -> Iterator[FaultKind]:
    """Yield how a transfer of bytes to a device can fail."""
    yield from _REFUSING
