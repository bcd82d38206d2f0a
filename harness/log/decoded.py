"""Logs that went through a script that looks up places in source.

The kernel's scripts/decode_stacktrace.sh puts them instead of offsets, syzkaller and asan_symbolize
behind. Gives such a line back its printed form, so that one grammar reads both, and its places. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLACE = r"(?:[^\s()]+\.(?:[chSs]|rs|cc|cpp|lds):(?:\d+|\?)(?::\d+)?(?: \(discriminator \d+\))?|\?\?:[?0])"
_PLACES = re.compile(r"([^\s()]+):(\d+)(?::\d+)?")
# a fast first check, which most lines fail
_HINT = re.compile(r" \((?:[^\s()]+\.(?:[chSs]|rs|cc|cpp|lds):[\d?]|\?\?:[?0])")
_LINE = re.compile(
    r"(?P<head>(?:.* (?:in|at:?) |.*:\d+ |(?:RIP: \w{4}|e?pc *|lr *|ra *|ERA *|NIP|LR): ?|.* is at "
    r"|\[<[0-9a-f]{8,16}>\] )?)"
    r"(?P<space> *)(?P<unsure>\? )?(?P<name>[\w$.]+|[<\w][^()+]*::[^()+]*?)"
    rf" \((?P<places>{_PLACE}(?: {_PLACE})*)\)(?: \[?(?P<module>[A-Za-z][\w-]*)(?: [0-9a-f]{{40}})?\]?)?"
    r"(?P<rest>(?: \([A-Z]\))?\.?) *"
)
# "[inline]" and "[<     inlined    >]" are of functions that are inlined in the next one
_SYMBOLIZED = re.compile(
    r" *(?:\[<[0-9a-f]+>\] )?(?:(?:RIP: 0010:|(?:pc|epc|lr|ra) *: ?|.{1,80} (?:in|at:) ))?(?P<name>[\w$.]+)"
    r"\+0x[0-9a-f]+/0x[0-9a-f]+ (?P<file>[^\s()\[\]:]+\.(?:[chS]|rs)):(?P<line>\d+)(?::\d+)?"
)
# prefixed with kmemleak's name if its parameter `verbose` makes it print leaks
_LEAK = re.compile(r"kmemleak: (?=unreferenced object|  )")
_HASH = re.compile(r"::h[0-9a-f]{16}$")
# a frame of a module without debug information keeps its offset and loses its brackets
_BARE = re.compile(r"(?P<frame> *(?:\? )?[\w$.]+\+0x[0-9a-f]+/0x[0-9a-f]+) (?P<module>[A-Za-z][\w-]*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedFrame:
    """A line of a stack: its function and source lines."""

    name: str
    # file and line, innermost inlined function first; empty if the script did not find any
    places: tuple[tuple[str, int], ...]


def as_printed(text: str) -> str:
    """Return a decoded line as the kernel printed it, other lines unchanged; a lost offset becomes 1."""
    if " (" in text and _HINT.search(text) and (match := _LINE.fullmatch(text)):
        module = f" [{match['module']}]" if match["module"] else ""
        head = match["head"] + match["space"] or " "
        return f"{head}{match['unsure'] or ''}{_name(match)}+0x1/0x1{module}{match['rest']}"
    if text.startswith("kmemleak: "):
        return _LEAK.sub("", text, count=1)
    # a module's name is the last word, behind the offset
    if text[-1:] not in "])" and 0 <= text.find("+0x") < text.rfind(" ") and (match := _BARE.fullmatch(text)):
        return f" {match['frame'].lstrip()} [{match['module']}]"
    return text


def parse_decoded(text: str) -> DecodedFrame | None:
    """Parse a decoded line; None for any other line."""
    if "+0x" in text and (place := _SYMBOLIZED.fullmatch(text)):
        return DecodedFrame(name=place["name"], places=((place["file"], int(place["line"])),))
    match = _LINE.fullmatch(text) if _HINT.search(text) else None
    if match is None:
        return None
    places = tuple((file, int(line)) for file, line in _PLACES.findall(match["places"]))
    return DecodedFrame(name=_name(match), places=places)


def _name(match: re.Match[str]) -> str:
    return _HASH.sub("", match["name"])
