"""Recognizes logs without a kernel message, or without one after the boot loader's last line. Pure."""

from __future__ import annotations

import re

from rustbed.log.formats.row import Kind
from rustbed.log.splat import Splat

# a boot loader's last words
_HANDED_OVER = re.compile(
    r".{0,200}(?:Booting the kernel\.|Starting kernel \.\.\.|Exiting boot services|Booting Linux on"
    r"|Jumping to kernel)"
)
# lines that may follow although the kernel prints nothing: the runner gives up, or only a time is left
_GIVEN_UP = re.compile(
    r".{0,200}(?:[Tt]imed? ?out|TIMEOUT|terminating on signal|[Kk]illed|end: \d|duration|lava-|exit(?:ed)?\b"
    r"|[Jj]ob (?:ended|failed|finished)|[Nn]o output|Connection (?:closed|to)|[Dd]isconnected|Terminated"
    r"|[Aa]bort|[Ff]ailed|[Ff]inished|ERROR|Error|SIGTERM|SIGKILL|power.?off)"
    r"|\s*(?:case|case_id|definition|extra|level|namespace|result|path):|[\[\]\s\d:.,TZ+-]*$"
)


def find_silence(tail: str, lines: int) -> tuple[Splat, ...]:
    """Return a splat if a log is empty, or if at its end the kernel was started and printed nothing.

    `lines` is the log's number of newlines.
    """
    last = tail.rstrip().split("\n") if tail.strip() else []
    if not last:
        return (_splat("silence from the first line on", 0, -1),)
    start = lines - tail.count("\n")
    for index in range(len(last) - 1, -1, -1):
        if _HANDED_OVER.match(last[index]):
            return (_splat("silence after the boot loader's last words", start + index, start + index),)
        if not _GIVEN_UP.match(last[index]):
            return ()
    return ()


def _splat(title: str, first: int, last: int) -> Splat:
    return Splat(kind=Kind.SILENCE, title=title, function="", fatal=False, first=first, last=last)
