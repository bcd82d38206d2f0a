"""From what the plugin recorded to the code of each module that ran; pure, but for reading the record.

An address means a module only while that is loaded: the code that initializes it is gone when that is done,
and another module may come to the same place later. So entries have times, and loads have.
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
    """What ran of the modules of one machine."""

    # by module
    ranges: Mapping[str, Ranges]
    # modules whose place in the guest is not known
    lost: tuple[str, ...] = ()


def read_record(directory: Path, pid: int) -> bytes:
    """Return what a QEMU recorded until now; nothing if it ran no code."""
    try:
        return (directory / str(pid)).read_bytes()
    except FileNotFoundError:
        return b""


def render_executed(executed: Executed) -> str:
    """Render as JSON, for a run directory."""
    return json.dumps(asdict(executed)) + "\n"


def parse_executed(text: str) -> Executed:
    """Return what `render_executed` rendered; UsageError if it did not."""
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
    """Yield the blocks in a record, of which the last may be half written."""
    yield from _ENTRY.iter_unpack(data[: len(data) - len(data) % _ENTRY.size])


def find_executed(data: bytes, loads: Sequence[Load]) -> Executed:
    """Return what of the modules ran, by a machine's record."""
    places = [place for load in loads for place in _places(load)]
    refused = [load for load in loads if not load.sections]
    found: dict[tuple[str, str], set[tuple[int, int]]] = defaultdict(set)
    for begin, end, time in _within(parse_record(data), places):
        now = time / _NS
        # what ran while a module was refused may have been that one's, wherever it was
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
    """A section of a module in the guest, and when it was there."""

    module: str
    section: str
    code: range
    since: float
    until: float

    def holds(self, address: int, now: float) -> bool:
        return address in self.code and self.since <= now <= self.until


def _places(load: Load) -> Iterator[_Place]:
    for section, code in load.sections.items():
        # what initializes is gone when that is done
        until = load.ended if section.startswith(".init") else load.until
        yield _Place(module=load.name, section=section, code=code, since=load.began, until=until)


def _within(blocks: Iterable[Block], places: Sequence[_Place]) -> list[Block]:
    """Return the blocks that may be of modules: nearly all are the kernel's own."""
    first = min((place.code.start for place in places), default=0)
    last = max((place.code.stop for place in places), default=0)
    return [block for block in blocks if first <= block[0] < last]


def merge(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order; those that overlap or touch have become one."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(pairs):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged
