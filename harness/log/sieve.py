"""Which lines of a large log are worth reading: those that may begin a report, or a kernel.

Most lines of a log differ from an earlier one in numbers only, so that a look at its words is enough. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rustbed.log.boots import NOTED
from rustbed.log.headline import may_hold_splat
from rustbed.log.splat import Reader, Splat

# lines before a splat's headline that may be of it
BEFORE = 8
# lines that are taken apart together
_TOGETHER = 48
# lines that are remembered, and their longest
_KEPT, _LONGEST = 4096, 512
_WORDS = {ord(digit): None for digit in "0123456789"}


class Sieve:
    """Finds lines that tell something, and remembers the words of those that do not."""

    def __init__(self) -> None:
        self._dull: set[str] = set()

    def telling(self, text: str) -> list[int]:
        """Return the numbers of the lines of a text that have a word of a headline in them, from 0."""
        lines = text.translate(_WORDS).split("\n")
        if self._dull.issuperset(lines):
            return []
        new = set(lines) - self._dull
        found = {line for line in new if _tells(line)} if _tells("\n".join(new)) else set()
        if len(self._dull) > _KEPT:
            self._dull.clear()
        self._dull.update(line for line in new - found if len(line) <= _LONGEST)
        return [number for number, line in enumerate(lines) if line in found] if found else []


def _tells(text: str) -> bool:
    return may_hold_splat(text) or any(word in text for word in NOTED)


def read_telling(
    reader: Reader, lines: Sequence[str], start: int, telling: Iterable[int]
) -> tuple[list[Splat], int]:
    """Read lines from those that tell something on, until their reports are over.

    `start` is the number of the first line. Returns the splats that ended, and how many of the last lines
    were left out.
    """
    found: list[Splat] = []
    at = 0
    for number in (*telling, len(lines)):
        while at < len(lines) and not reader.is_idle:
            at = _read(reader, lines, start, at, found)
        if at <= number < len(lines):
            first = max(at, number - BEFORE)
            if first > at:
                reader.skip("\n".join(lines[at:first]))
            at = _read(reader, lines, start, first, found)
            while at <= number:
                at = _read(reader, lines, start, at, found)
    if at < len(lines):
        reader.skip("\n".join(lines[at:]))
    return found, len(lines) - at


def _read(reader: Reader, lines: Sequence[str], start: int, at: int, found: list[Splat]) -> int:
    """Read some lines; return the number of the next one."""
    found += reader.read("\n".join(lines[at : at + _TOGETHER]), start + at)
    return at + _TOGETHER
