"""Decides which lines begin a report, and which can only continue one; each distinct text is checked once.

The formats are in harness/log/formats/. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from operator import eq
from typing import NamedTuple

from rustbed.log.body import is_of_report
from rustbed.log.boots import NOTED
from rustbed.log.decoded import as_printed
from rustbed.log.formats.row import Row
from rustbed.log.formats.table import LITERALS, PREAMBLES, ROWS
from rustbed.log.record import Table

# characters of a record that are read: Rust's names may fill 512 of them, no report needs more
READ = 4096

# these reject nearly every line with one match
_ANY = re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", row.pattern) for row in ROWS if not row.is_anywhere))
_ANYWHERE = tuple({literal for row in ROWS if row.is_anywhere for literal in row.literals})
# beginnings of other lines that count: those that announce or end a report, and a kernel's first line
_MARKS = (*PREAMBLES, *NOTED)


class Headline(NamedTuple):
    """A line that begins a report."""

    row: Row
    match: re.Match[str]
    # what closes such a report
    closing: re.Pattern[str]


class Look(NamedTuple):
    """Properties of a line that follow from its text alone."""

    # as the kernel printed it
    text: str
    headline: Headline | None
    # such a line neither begins a report nor ends one
    is_indented: bool
    # whether it can only be one more line of an open report
    is_ordinary: bool
    # whether it looks like a line of a report: names a place in code, registers, who runs
    is_told: bool
    # both
    is_body: bool


@lru_cache(maxsize=4096)
def look_at(line: str) -> Look:
    """Return the properties of a line's text, of at most READ characters. Many lines are equal."""
    text = as_printed(line)
    if text[:1] == " ":
        # an indented line that names a place in code is a frame, or says where a lock was taken
        is_told = "+0x" in text or is_of_report(text)
        return Look(text, None, True, True, is_told, is_told)
    headline = find_headline(text)
    is_ordinary = headline is None and not text.startswith(_MARKS) and not line.startswith(_MARKS)
    is_told = is_of_report(text)
    return Look(text, headline, False, is_ordinary, is_told, is_ordinary and is_told)


def look_at_all(lines: Sequence[str]) -> list[Look]:
    """Return the properties of lines of any length, hardly one of which is too long."""
    is_short = max(map(len, lines)) <= READ
    return list(map(look_at, lines if is_short else [line[:READ] for line in lines]))


@cache
def _compiled() -> tuple[tuple[Row, re.Pattern[str], re.Pattern[str]], ...]:
    """Return the rows with compiled patterns, and what closes them; made late because few logs need them."""
    return tuple((row, re.compile(row.pattern), re.compile(row.closing)) for row in ROWS)


def find_headline(text: str) -> Headline | None:
    """Return the first row that a text matches, with its match."""
    if not _ANY.match(text) and not any(map(text.__contains__, _ANYWHERE)):
        return None
    for row, pattern, closing in _compiled():
        if row.is_anywhere and not any(map(text.__contains__, row.literals)):
            continue
        if match := pattern.match(text):
            return Headline(row, match, closing)
    return None


def begins_report(text: str, at: int) -> bool:
    """Whether the words at a place in a text begin a report."""
    return _ANY.match(text, at) is not None


def may_hold_splat(text: str) -> bool:
    """Whether a part of a console, of whole lines, may hold the first line of a splat. Fast."""
    return any(literal in text for literal in LITERALS)


def follow(lines: Table, looks: Sequence[Look]) -> list[bool]:
    """Return for each line whether it only continues the report of the line before; False after the last.

    Such lines look like those of a report, have a time and the same caller, and are not printed twice.
    """
    _, stamps, callers, texts, _ = lines
    if "" in stamps:
        return [False] * (len(looks) + 1)
    alike = map(eq, callers, callers[1:])
    behind = [
        look.is_body and is_alike and text != newer
        for look, is_alike, text, newer in zip(looks[1:], alike, texts, texts[1:], strict=False)
    ]
    return [False, *behind, False]
