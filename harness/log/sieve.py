"""Selects the lines of a large log that may begin a report or a kernel.

Most lines of a log differ from an earlier line in numbers only, so that their words are checked once. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rustbed.log.boots import NOTED
from rustbed.log.headline import may_hold_splat
from rustbed.log.splat import Reader, Splat

# number of lines before a splat's headline that may belong to it
BEFORE = 8
# lines that are parsed together: few, as long as most lines are left out; many while report follows report
_TOGETHER, _MANY = 48, 512
# lines that are remembered, and their longest
_KEPT, _LONGEST = 4096, 512
_WORDS = {ord(digit): None for digit in "0123456789"}


class Sieve:
    """Finds lines that may begin a report, or what another check finds, and remembers the words of others."""

    def __init__(self, tells: Callable[[str], bool] | None = None) -> None:
        """Begin; `tells` says whether one of some lines without numbers may be such a line."""
        self._tells = tells or _tells
        self._dull: set[str] = set()
        # number of lines to parse at a time
        self.together = _TOGETHER

    def telling(self, text: str) -> list[int]:
        """Return the numbers, from 0, of the lines of a text that the check finds."""
        lines = text.translate(_WORDS).split("\n")
        if self._dull.issuperset(lines):
            return []
        new = set(lines) - self._dull
        found = set(filter(self._tells, new)) if self._tells("\n".join(new)) else set()
        if len(self._dull) > _KEPT:
            self._dull.clear()
        self._dull.update(line for line in new - found if len(line) <= _LONGEST)
        return [number for number, line in enumerate(lines) if line in found] if found else []


def _tells(text: str) -> bool:
    return may_hold_splat(text) or any(word in text for word in NOTED)


def read_telling(
    reader: Reader, sieve: Sieve, text: str, start: int, telling: Sequence[int] | None = None
) -> tuple[list[Splat], int]:
    """Read lines from those that may begin something, until their reports are over.

    `start` is the number of the first line; `telling` has the lines to begin at, None if they are to be
    looked for when nothing is being read. Returns the splats that ended, and how many of the last lines were
    left out.
    """
    found: list[Splat] = []
    # a text that is read at once is not taken apart before
    is_whole = not reader.is_idle and text.count("\n") < sieve.together
    lines = [text] if is_whole else text.split("\n")
    at = 0
    while at < len(lines):
        if reader.is_idle:
            if telling is None:
                telling = [at + number for number in sieve.telling("\n".join(lines[at:]))]
            number = next((number for number in telling if number >= at), None)
            first = len(lines) if number is None else max(at, number - BEFORE)
            if first > at:
                reader.skip("\n".join(lines[at:first]))
            if number is None:
                break
            if first > at:
                sieve.together = _TOGETHER
            at = first
        ended = reader.read("\n".join(lines[at : at + sieve.together]), start + at)
        found += ended
        at += sieve.together
        if ended and not reader.is_idle:
            sieve.together = _MANY
    return found, max(0, len(lines) - at)
