"""Reads hang.log: the kind of a machine's hang, and where a driver is stuck. Pure.

Owns the reading of that file; other modules observe the machine and write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from rustbed.log.frame import Frame, read_frames
from rustbed.log.record import Record, parse_lines

# how a hang.log begins and how each of its sections does
FIRST = "== console.log\n"
_TITLE = re.compile(r"^== ([^\n]*)\n", re.MULTILINE)
# what is running is told first, then who sleeps uninterruptibly, then everybody
_ANSWER = re.compile(r"(?:sysrq [lwt] by|non-maskable interrupt|sysrq c by)")
# records before and behind the frame of a driver that show how it got there
_BEFORE, _BEHIND = 4, 10


class Hang(StrEnum):
    """Why an answer does not come."""

    # nothing in the guest answers, and no virtual CPU does anything
    DEAD = "guest dead"
    # user space does not answer, and a virtual CPU is busy
    SPINNING = "guest spinning"
    # the guest answers; the command's tasks sleep, or user space as a whole does
    STUCK = "one task stuck"
    # the guest answers; the command works, or loops: which one is unknown
    BUSY = "one task busy"
    # nothing is known of the guest: QEMU was not let run
    HOST = "host slow"


@dataclass(frozen=True, kw_only=True)
class HangLog:
    """What a hang.log says."""

    hang: Hang
    # one line: what was observed
    why: str
    # the innermost of a driver, None if no driver is in any stack
    frame: Frame | None
    # the part of the stack around it, if there is one, and the line of why; numbered by line from 0
    records: tuple[Record, ...]
    # lines of the whole file
    lines: int


@dataclass(frozen=True, kw_only=True)
class _Section:
    title: str
    text: str
    # line of the text's beginning, from 0
    first: int


def parse_hang(text: str) -> HangLog | None:
    """Return what a hang.log says; None for any other text, and for one whose writer was killed."""
    sections = list(_sections(text)) if text.startswith(FIRST) else []
    last = sections[-1] if sections else None
    if last is None or last.title not in set(Hang) or not last.text.strip():
        return None
    # where the host let nothing run, nothing is known of the guest
    found = None if last.title == Hang.HOST else _find(sections)
    frame, stack = found or (None, ())
    return HangLog(
        hang=Hang(last.title),
        why=last.text.strip(),
        frame=frame,
        records=(*stack, *islice(parse_lines(last.text, last.first), 1)),
        lines=last.first + last.text.count("\n"),
    )


def _find(sections: Sequence[_Section]) -> tuple[Frame, Sequence[Record]] | None:
    """Return the innermost frame of a module in the first stack that has one, and the records around it.

    A task that waits or loops in a driver has it in its stack; a machine has few modules.
    """
    for section in sections:
        if not _ANSWER.match(section.title):
            continue
        records = list(parse_lines(section.text, section.first))
        owners = [(index, line) for index, each in enumerate(records) for line in each.text.split("\n")]
        for (index, _), frame in zip(owners, read_frames([line for _, line in owners]), strict=True):
            if frame is not None and frame.module:
                return frame, records[max(0, index - _BEFORE) : index + _BEHIND]
    return None


def _sections(text: str) -> Iterator[_Section]:
    titles = list(_TITLE.finditer(text))
    ends = [title.start() for title in titles[1:]] + [len(text)]
    for title, end in zip(titles, ends, strict=True):
        first = text.count("\n", 0, title.end())
        yield _Section(title=title[1], text=text[title.end() : end], first=first)
