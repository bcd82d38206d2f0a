"""Which lines begin a report, and which can only go on with one; each distinct text is looked at once.

The formats are in harness/log/formats/. Pure.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from rustbed.log.boots import NOTED
from rustbed.log.decoded import as_printed
from rustbed.log.formats.row import Row
from rustbed.log.formats.table import PREAMBLES, ROWS

# characters of a record that are looked at: Rust's names may fill 512 of them, no report needs more
_READ = 4096

# these reject nearly every line at once
_ANY = re.compile("|".join(re.sub(r"\(\?P<\w+>", "(?:", row.pattern) for row in ROWS if not row.is_anywhere))
_ANYWHERE = tuple({literal for row in ROWS if row.is_anywhere for literal in row.literals})
# beginnings of lines that tell something besides: what announces or ends a report, where a kernel begins
_MARKS = (*PREAMBLES, *NOTED)


class Headline(NamedTuple):
    """A line that begins a report."""

    row: Row
    match: re.Match[str]
    # what closes such a report
    closing: re.Pattern[str]


class Look(NamedTuple):
    """What the text of a line tells alone."""

    # as the kernel printed it
    text: str
    headline: Headline | None
    # such a line neither begins a report nor ends one
    is_indented: bool
    # whether nothing can come of it but one line more of the report that is open
    is_ordinary: bool


@lru_cache(maxsize=4096)
def look_at(line: str) -> Look:
    """Return what the text of a line tells: many are equal."""
    text = as_printed(line[:_READ])
    if text[:1] == " ":
        return Look(text, None, is_indented=True, is_ordinary=True)
    headline = find_headline(text)
    is_ordinary = headline is None and not text.startswith(_MARKS) and not line.startswith(_MARKS)
    return Look(text, headline, is_indented=False, is_ordinary=is_ordinary)


@cache
def _compiled() -> tuple[tuple[Row, re.Pattern[str], re.Pattern[str]], ...]:
    """Return the rows with what is matched, and what closes them. Most logs and sessions need none of it."""
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
