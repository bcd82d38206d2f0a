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

# the first line of a hang.log, and the beginning of each section
FIRST = "== console.log\n"
_TITLE = re.compile(r"^== ([^\n]*)\n", re.MULTILINE)
# order of the sections: running tasks, then those in uninterruptible sleep, then all
_ANSWER = re.compile(r"(?:sysrq [lwt] by|non-maskable interrupt|sysrq c by)")
# number of shown records before and after the frame of a driver
_BEFORE, _BEHIND = 4, 10


class Hang(StrEnum):
    """The reason why the guest does not answer."""

    # nothing in the guest answers, and no virtual CPU runs
    DEAD = "guest dead"
    # user space does not answer, and a virtual CPU is busy
    SPINNING = "guest spinning"
    # the guest answers; the command's tasks sleep, or user space as a whole does
    STUCK = "one task stuck"
    # the guest answers; the command works or loops, which are indistinguishable
    BUSY = "one task busy"
    # the guest's state is unknown, because the host did not let QEMU run
    HOST = "host slow"


@dataclass(frozen=True, kw_only=True)
class HangLog:
    """The contents of a hang.log."""

    hang: Hang
    # what was observed, one line
    why: str
    # the innermost frame of a driver, None if no stack has one
    frame: Frame | None
    # the part of the stack around that frame, and the line of `why`; numbered by line from 0
    records: tuple[Record, ...]
    # lines of the whole file
    lines: int


@dataclass(frozen=True, kw_only=True)
class _Section:
    title: str
    text: str
    # number of the text's first line, from 0
    first: int


def parse_hang(text: str) -> HangLog | None:
    """Parse a hang.log; None for other text, and for a file whose writer was killed."""
    sections = list(_sections(text)) if text.startswith(FIRST) else []
    last = sections[-1] if sections else None
    if last is None or last.title not in set(Hang) or not last.text.strip():
        return None
    # if the host did not let QEMU run, the stacks say nothing about the guest
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
    """Return the innermost frame of a module, in the first stack with one, and the records around it.

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
