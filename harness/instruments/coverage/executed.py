"""Finds the code of each module that ran, from the plugin's record. Pure, but for reading the record.

An address belongs to a module only while that module is loaded: its initialization code is freed early, and
another module may be loaded at the same address later. So entries and loads have times.
"""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rustbed.errors import UsageError
from rustbed.guest.modules import Load

# an entry of plugin.c: addresses of a block's first byte and of the one behind its last, and nanoseconds on
# CLOCK_MONOTONIC
_ENTRY = struct.Struct("=3Q")
_NS = 1_000_000_000

Block = tuple[int, int, int]
# by section of a module: offsets of the first byte, and of the one behind the last, in order
Ranges = dict[str, list[tuple[int, int]]]


@dataclass(frozen=True, kw_only=True)
class Executed:
    """The code of the modules of one machine that ran."""

    # by module
    ranges: Mapping[str, Ranges]
    # modules whose address in the guest is unknown
    lost: tuple[str, ...] = ()


def read_record(directory: Path, pid: int) -> bytes:
    """Return the record of a QEMU so far; empty if it ran no code."""
    try:
        return (directory / str(pid)).read_bytes()
    except FileNotFoundError:
        return b""


def render_executed(executed: Executed) -> str:
    """Render as JSON, for a run directory."""
    return json.dumps(asdict(executed)) + "\n"


def parse_executed(text: str) -> Executed:
    """Parse what `render_executed` rendered. Raises UsageError for other text."""
    try:
        document = json.loads(text)
        return Executed(
            ranges={
                module: {section: [(begin, end) for begin, end in pairs] for section, pairs in ranges.items()}
                for module, ranges in document["ranges"].items()
            },
            lost=tuple(document["lost"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError("this is not a list of executed code as rustbed writes it") from error


def parse_record(data: bytes) -> Iterator[Block]:
    """Yield the blocks in a record, whose last entry may be incomplete."""
    yield from _ENTRY.iter_unpack(data[: len(data) - len(data) % _ENTRY.size])


def find_executed(data: bytes, loads: Sequence[Load]) -> Executed:
    """Return the code of the modules that ran, from a machine's record."""
    places = [place for load in loads for place in _places(load)]
    refused = [load for load in loads if not load.sections]
    found: dict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
    for begin, end, time in _within(parse_record(data), places):
        now = time / _NS
        # code that ran while the kernel refused a module may be that module's, at an unknown address
        if any(load.began <= now <= load.ended for load in refused):
            continue
        if place := next((place for place in reversed(places) if place.holds(begin, now)), None):
            offset = begin - place.code.start
            found[place.module, place.section].add((offset, offset + end - begin))
    ranges: dict[str, Ranges] = {load.name: {} for load in loads if load.sections}
    for (module, section), pairs in found.items():
        ranges[module][section] = merge(pairs)
    lost = tuple(dict.fromkeys(load.name for load in refused))
    return Executed(ranges=ranges, lost=lost)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A section of a module in the guest, and the time during which it was loaded."""

    module: str
    section: str
    code: range
    since: float
    until: float

    def holds(self, address: int, now: float) -> bool:
        return address in self.code and self.since <= now <= self.until


def _places(load: Load) -> Iterator[_Place]:
    for section, code in load.sections.items():
        # initialization code is freed when it has run
        until = load.ended if section.startswith(".init") else load.until
        yield _Place(module=load.name, section=section, code=code, since=load.began, until=until)


def _within(blocks: Iterable[Block], places: Sequence[_Place]) -> list[Block]:
    """Return the blocks that may belong to modules; nearly all blocks are the kernel's own."""
    first = min((place.code.start for place in places), default=0)
    last = max((place.code.stop for place in places), default=0)
    return [block for block in blocks if first <= block[0] < last]


def merge(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return sorted ranges, with overlapping and adjacent ones merged."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(pairs):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged
