"""A recording of a device and the accesses to it: as a file, and from the kernel's mmiotrace; pure.

The format of mmiotrace is that of Documentation/trace/mmiotrace.rst, version 20070824; a PCIDEV line is what
kernel/trace/trace_mmiotrace.c prints: bus and function, ids, interrupt, seven addresses, seven sizes, driver.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rustbed.devices.registers import Bar
from rustbed.devices.trace import Event, Read, Write, accesses, parse_trace, render_trace
from rustbed.errors import SpecError, UsageError


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A BAR in a recording."""

    index: int
    # bytes
    size: int
    bits: int = 32
    io: bool = False

    def __str__(self) -> str:
        return f"bar{self.index} size {self.size} bits {self.bits}" + (" io" if self.io else "")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A device, and the events between it and its driver."""

    vendor_id: int
    device_id: int
    # 24 bits: class, subclass, programming interface
    class_code: int = 0xFF0000
    revision: int = 0
    intx: bool = False
    # vectors
    msi: int = 0
    msix: int = 0
    bars: tuple[Shape, ...]
    events: tuple[Event, ...]

    def __str__(self) -> str:
        interrupts = f"intx {int(self.intx)} msi {self.msi} msix {self.msix}"
        ids = f"{self.vendor_id:04x}:{self.device_id:04x} class {self.class_code:06x}"
        return f"{ids} revision {self.revision:02x} {interrupts}"


def render_recording(recording: Recording) -> str:
    """Render a recording: lines that begin with # describe the device, the others are one event each."""
    head = [f"# device {recording}", *(f"# {bar}" for bar in recording.bars)]
    return "\n".join(head) + "\n" + render_trace(recording.events)


_DEVICE = re.compile(
    r"# device ([0-9a-f]{4}):([0-9a-f]{4}) class ([0-9a-f]{6}) revision ([0-9a-f]{2})"
    r" intx ([01]) msi (\d+) msix (\d+)"
)
_BAR = re.compile(r"# bar(\d) size (\d+) bits (32|64)( io)?")


def parse_recording(text: str) -> Recording:
    """Return the recording that `render_recording` wrote. Raises SpecError."""
    lines = text.splitlines()
    found = next(filter(None, (_DEVICE.fullmatch(line) for line in lines)), None)
    if found is None:
        raise SpecError("no line says what the device is", choices=("# device 1b36:0005 class ff0000 ...",))
    bars = [match for match in (_BAR.fullmatch(line) for line in lines) if match]
    return Recording(
        vendor_id=int(found[1], 16),
        device_id=int(found[2], 16),
        class_code=int(found[3], 16),
        revision=int(found[4], 16),
        intx=found[5] == "1",
        msi=int(found[6]),
        msix=int(found[7]),
        bars=tuple(
            Shape(index=int(bar[1]), size=int(bar[2]), bits=int(bar[3]), io=bool(bar[4])) for bar in bars
        ),
        events=tuple(parse_trace(text)),
    )


# -- mmiotrace

# PCI_REGION_FLAG_MASK: the low bits of the addresses are the BAR's type
_IO, _64_BITS = 0x1, 0x4
_LOW_BITS = {True: 0x3, False: 0xF}
_BARS = 6


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """A PCIDEV line."""

    vendor_id: int
    device_id: int
    # by index: address and shape
    bars: Mapping[int, tuple[int, Shape]]

    def locate(self, address: int) -> tuple[int, int] | None:
        """Return the BAR and the offset of an address, None if it is not this device's."""
        for index, (start, shape) in self.bars.items():
            if start <= address < start + shape.size:
                return index, address - start
        return None


def parse_mmiotrace(text: str, device: str = "") -> Recording:
    """Return the recording of one device; `device` is VENDOR:DEVICE, by default the only one accessed.

    Such a trace has no interrupts, DMA, port I/O and configuration space. Raises SpecError for a text that is
    not an mmiotrace, for one that lost events, and for one with accesses to several devices.
    """
    lines = text.splitlines()
    if not any(line.startswith("VERSION ") for line in lines):
        raise SpecError("this is not an mmiotrace: it has no VERSION line")
    if lost := next((line for line in lines if re.search(r"\blost \d+ events", line)), None):
        raise SpecError(f"the trace is incomplete: {lost.strip()[:80]}")
    candidates = [found for number, line in enumerate(lines, 1) for found in _parse_pcidev(line, number)]
    wanted = [each for each in candidates if device in ("", f"{each.vendor_id:04x}:{each.device_id:04x}")]
    touched = [(each, events) for each in wanted if (events := tuple(_parse_events(lines, each)))]
    if len(touched) != 1:
        names = sorted(f"{each.vendor_id:04x}:{each.device_id:04x}" for each, _ in touched or [])
        raise SpecError(f"accesses to {len(touched)} devices, and one is wanted", choices=names)
    chosen, events = touched[0]
    return Recording(
        vendor_id=chosen.vendor_id,
        device_id=chosen.device_id,
        bars=tuple(shape for _, shape in chosen.bars.values()),
        events=events,
    )


def _parse_pcidev(line: str, number: int) -> Iterator[_Candidate]:
    if not line.startswith("PCIDEV "):
        return
    words = line.split(" ")
    try:
        ids = int(words[2], 16)
        starts, sizes = ([int(word, 16) for word in words[at : at + 7]] for at in (4, 11))
        regions = list(zip(starts, sizes, strict=True))
    except (IndexError, ValueError) as error:
        raise SpecError(f"not a line PCIDEV: {line[:80]!r}", line=number) from error
    bars = {}
    for index, (start, size) in enumerate(regions):
        if size and index < _BARS:
            io = bool(start & _IO)
            shape = Shape(index=index, size=size, bits=64 if not io and start & _64_BITS else 32, io=io)
            bars[index] = (start & ~_LOW_BITS[io], shape)
    yield _Candidate(vendor_id=ids >> 16, device_id=ids & 0xFFFF, bars=bars)


# width, timestamp, map id, physical address, value
_ACCESS = re.compile(r"([RW]) (\d+) (\d+\.\d+) -?\d+ (0x[0-9a-f]+) (0x[0-9a-f]+) ")


def _parse_events(lines: Iterable[str], device: _Candidate) -> Iterator[Event]:
    begun = None
    for line in lines:
        # trace_pipe may put the task and the time before the line
        match = _ACCESS.match(line)
        where = device.locate(int(match[4], 16)) if match else None
        if match is None or where is None:
            continue
        at = float(match[3])
        begun = at if begun is None else begun
        kind, width = (Read if match[1] == "R" else Write), int(match[2])
        value = int(match[5], 16) & ((1 << 8 * width) - 1)
        yield kind(*where, width, value, at - begun)


# -- registers


@dataclass(frozen=True, kw_only=True)
class Touched:
    """A register as the accesses show it."""

    bar: int
    offset: int
    # bytes
    width: int
    # value of the first read, None if it was not read
    first: int | None
    is_read: bool
    is_written: bool


def find_registers(events: Sequence[Event]) -> list[Touched]:
    """Return the registers that accesses touch, by BAR and offset; of overlapping ones only the widest."""
    found: dict[tuple[int, int], Touched] = {}
    for access in sorted(accesses(events), key=lambda each: -each.width):
        start = access.offset
        home = next((at for at in _around(start) if _covers(found.get((access.region, at)), start)), start)
        before = found.get((access.region, home))
        is_read = isinstance(access, Read)
        first = access.value if is_read and before is None else before.first if before else None
        if before and first is None and is_read and (home, before.width) == (start, access.width):
            first = access.value
        found[access.region, home] = Touched(
            bar=access.region,
            offset=home,
            width=before.width if before else access.width,
            first=first,
            is_read=is_read or bool(before and before.is_read),
            is_written=not is_read or bool(before and before.is_written),
        )
    return [found[key] for key in sorted(found)]


def _around(offset: int) -> range:
    return range(offset, max(-1, offset - 8), -1)


def _covers(register: Touched | None, offset: int) -> bool:
    return register is not None and offset < register.offset + register.width


def require_bars(recording: Recording) -> list[Bar]:
    """Return the BARs of a recording. Raises UsageError for BARs that PCI cannot have."""
    if not recording.bars:
        raise UsageError("the recording has no BARs")
    return [Bar(each.index, size=each.size, bits=each.bits, io=each.io) for each in recording.bars]
