"""The kernel's answers to sysrq, as hang.log keeps them, to the place where a driver is stuck. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rustbed.log.frame import Frame, read_frames
from rustbed.log.record import parse_lines

# what is running is told first, then who sleeps uninterruptibly, then everybody
_SECTION = re.compile(r"^== (?:sysrq ([lwt]) by|non-maskable interrupt|sysrq c by)[^\n]*\n", re.MULTILINE)
_END = re.compile(r"^== ", re.MULTILINE)


def find_stuck(text: str) -> Frame | None:
    """Return the innermost frame of a module in the first stack that has one; None if no module is in any.

    A task that waits or loops in a driver has it in its stack; a machine has few modules.
    """
    for section in _sections(text):
        lines = [line for record in parse_lines(section) for line in record.text.split("\n")]
        for frame in read_frames(lines):
            if frame is not None and frame.module:
                return frame
    return None


def _sections(text: str) -> Iterator[str]:
    for match in _SECTION.finditer(text):
        end = _END.search(text, match.end())
        yield text[match.end() : end.start() if end else len(text)]
