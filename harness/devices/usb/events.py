"""The events between a driver and a USB device, in order; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rustbed.devices.faults import FaultKind
from rustbed.devices.injector import kinds_of_read, kinds_of_write
from rustbed.devices.usb.descriptors import IN

# bits of bmRequestType for the type of a request; 0 is a standard request (table 9-2)
_TYPE = 0x60


# positional, as the events of PCI devices: a test writes many of them, one to a line
@dataclass(frozen=True)
class Control:
    """A request to endpoint 0: bmRequestType, bRequest, wValue, wIndex, and the transferred bytes."""

    request_type: int
    request: int
    value: int = 0
    index: int = 0
    data: bytes = b""
    stalled: bool = False
    # seconds since the device was made
    at: float = field(default=0.0, compare=False, repr=False)

    @property
    def is_in(self) -> bool:
        """Whether bytes go to the guest."""
        return bool(self.request_type & IN)

    @property
    def is_standard(self) -> bool:
        """Whether it is a standard request, not one of a class or vendor."""
        return not self.request_type & _TYPE


@dataclass(frozen=True)
class Moved:
    """A transfer ended: bytes went to the guest if the endpoint's address has 0x80, else to the device."""

    endpoint: int
    data: bytes = b""
    stalled: bool = False
    # seconds since the device was made
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class Configured:
    """The guest chose a configuration; 0 is none."""

    number: int
    # seconds since the device was made
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class Plug:
    """The device was plugged in, or out."""

    inserted: bool
    # seconds since the device was made
    at: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class BusReset:
    """The guest reset the port."""

    # seconds since the device was made
    at: float = field(default=0.0, compare=False, repr=False)


UsbEvent = Control | Moved | Configured | Plug | BusReset


def without_enumeration(events: Iterable[UsbEvent]) -> list[Control | Moved]:
    """Return the transfers of the driver, without those of the kernel's USB core."""
    return [
        event
        for event in events
        if isinstance(event, Moved) or (isinstance(event, Control) and not event.is_standard)
    ]


def transfers(events: Iterable[UsbEvent]) -> Iterator[tuple[UsbEvent, tuple[FaultKind, ...]]]:
    """Yield each transfer and its possible faults, including those of the kernel's USB core."""
    for event in events:
        if isinstance(event, Configured):
            yield event, (FaultKind.GONE,)
        elif isinstance(event, Control | Moved):
            yield event, tuple(_kinds(event))


def _kinds(event: Control | Moved) -> Iterator[FaultKind]:
    is_in = event.is_in if isinstance(event, Control) else bool(event.endpoint & IN)
    if event.stalled:
        # refused already
        yield FaultKind.GONE
    elif is_in:
        yield from kinds_of_read(event.data)
    else:
        yield from kinds_of_write()
