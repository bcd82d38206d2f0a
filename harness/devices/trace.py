"""The events between a driver and a device, in order; pure.

The comparison of events ignores their times. A file has one line for each
event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rustbed.errors import SpecError

# regions by their numbers in the protocol; the BARs are 0 to 5
CONFIG = 7
_REGIONS = {**{number: f"bar{number}" for number in range(6)}, 6: "rom", CONFIG: "config"}
_NUMBERS = {name: number for number, name in _REGIONS.items()}


# positional, unlike the project's other records: a test writes many of them, one to a line
@dataclass(frozen=True)
class Read:
    """The driver read `width` bytes at `offset` of a region and got `value`."""

    region: int
    offset: int
    width: int
    value: int
    # seconds since the device was served
    at: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        return _show(self)


@dataclass(frozen=True)
class Write:
    """The driver wrote `value` in `width` bytes at `offset` of a region."""

    region: int
    offset: int
    width: int
    value: int
    # seconds since the device was served
    at: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        return _show(self)


@dataclass(frozen=True)
class Interrupt:
    """The device raised an interrupt."""

    vector: int
    # False: it was lost, because the guest had disabled or masked it
    delivered: bool = True
    # seconds since the device was served
    at: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        return f"Interrupt({self.vector})" if self.delivered else f"Interrupt({self.vector}, delivered=False)"


@dataclass(frozen=True)
class Dma:
    """The device read (`way` is "read") or wrote ("write") guest memory."""

    way: str
    address: int
    size: int
    # False: the bus did not accept it, usually because bus mastering was off
    allowed: bool = True
    # seconds since the device was served
    at: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        lost = "" if self.allowed else ", allowed=False"
        return f"Dma({self.way!r}, {self.address:#x}, {self.size}{lost})"


@dataclass(frozen=True)
class Reset:
    """The device was reset."""

    # seconds since the device was served
    at: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        return "Reset()"


Access = Read | Write
Event = Read | Write | Interrupt | Dma | Reset

# an access in the form that is fast to note while the guest waits: kind, region, offset, width, value,
# seconds
Noted = tuple[type[Read] | type[Write], int, int, int, int, float]


def event_of(noted: Event | Noted) -> Event:
    """Return a noted access as an event; events are returned unchanged."""
    if isinstance(noted, tuple):
        kind, region, offset, width, value, at = noted
        return kind(region, offset, width, value, at)
    return noted


def _show(access: Access) -> str:
    kind = type(access).__name__
    return f"{kind}({access.region}, {access.offset:#04x}, {access.width}, {access.value:#x})"


def is_access(event: Event) -> bool:
    """Whether an event is an access to a BAR."""
    return isinstance(event, Read | Write) and event.region < CONFIG


def accesses(events: Iterable[Event]) -> list[Access]:
    """Return the accesses to BARs, which are the driver's; those of the kernel's PCI core are left out."""
    return [event for event in events if isinstance(event, Read | Write) and event.region < CONFIG]


def render_event(event: Event) -> str:
    """Render an event without its time."""
    match event:
        case Read() | Write():
            kind = type(event).__name__.lower()
            where = f"{_REGIONS.get(event.region, event.region)}+{event.offset:#x}"
            return f"{kind} {where} width {event.width} value {event.value:#x}"
        case Interrupt():
            return f"interrupt {event.vector}" + ("" if event.delivered else " lost")
        case Dma():
            lost = "" if event.allowed else " lost"
            return f"dma-{event.way} address {event.address:#x} size {event.size}{lost}"
        case Reset():
            return "reset"


def render_trace(events: Iterable[Event]) -> str:
    """Render a line for each event: seconds, and the event."""
    return "".join(f"{event.at:.6f} {render_event(event)}\n" for event in events)


_ACCESS = re.compile(r"(read|write) (\w+)\+(0x[0-9a-f]+) width (\d+) value (0x[0-9a-f]+)")
_INTERRUPT = re.compile(r"interrupt (\d+)( lost)?")
_DMA = re.compile(r"dma-(read|write) address (0x[0-9a-f]+) size (\d+)( lost)?")


def parse_event(text: str, at: float) -> Event | None:
    """Return the event that `render_event` rendered as `text`, None for another text."""
    if match := _ACCESS.fullmatch(text):
        kind = Read if match[1] == "read" else Write
        if match[2] not in _NUMBERS:
            return None
        return kind(_NUMBERS[match[2]], int(match[3], 16), int(match[4]), int(match[5], 16), at)
    if match := _INTERRUPT.fullmatch(text):
        return Interrupt(int(match[1]), match[2] is None, at)
    if match := _DMA.fullmatch(text):
        return Dma(match[1], int(match[2], 16), int(match[3]), match[4] is None, at)
    return Reset(at) if text == "reset" else None


def parse_trace(text: str) -> list[Event]:
    """Return the events of `render_trace`; skips lines that begin with #. Raises SpecError for others."""
    events: list[Event] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            continue
        time, _, what = line.partition(" ")
        event = parse_event(what, float(time)) if re.fullmatch(r"\d+\.\d+", time) else None
        if event is None:
            raise SpecError(f"not a line of a trace: {line[:80]!r}", line=number)
        events.append(event)
    return events
