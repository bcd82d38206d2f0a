"""How far a long step is, as a value handed to the caller that shows it.

Stages report; only the command line and the pytest plugin print.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

# before each line of a Display without a terminal
_MARK = "rustbed: "


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One report of a long step."""

    # what is being done, for a person: "kernel 7.3.4 x86_64"
    what: str
    # steps done and steps in all; total 0 when it is unknown
    done: int = 0
    total: int = 0
    # the newest detail: a file being compiled, a package being fetched
    detail: str = ""
    # set on the last report of the step
    finished: bool = False


Report = Callable[[Progress], None]
# shows a person some text, a line or more
Say = Callable[[str], None]


def ignore(progress: Progress) -> None:
    """Show nothing."""


def render_progress(progress: Progress, width: int) -> str:
    """Render one report as a line of at most `width` columns."""
    if not progress.total:
        line = f"{progress.what}  {progress.detail}"
    else:
        part = min(1.0, progress.done / progress.total)
        filled = round(part * 20)
        bar = "#" * filled + "." * (20 - filled)
        line = f"{progress.what}  [{bar}] {part:4.0%}  {progress.detail}"
    return line.rstrip()[:width]


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless it is one: "1 module", "2 modules"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class Display:
    """A Report that shows steps through `write`: one line redrawn, or now and then a new one."""

    def __init__(self, write: Callable[[str], None], *, terminal: bool, columns: int) -> None:
        self._write = write
        self._terminal = terminal
        self._columns = columns
        # seconds between two reports of the same step: a line that is added is dearer than one redrawn
        self._patience_s = 0.1 if terminal else 20.0
        self._last = ("", 0.0)

    def __call__(self, progress: Progress) -> None:
        """Show a report, unless the same step was shown a moment ago."""
        now = time.monotonic()
        what, at = self._last
        if progress.what == what and not progress.finished and now - at < self._patience_s:
            return
        self._last = (progress.what, now)
        # a last line is not redrawn: it may wrap, and what it says may be what a reader has to know
        line = render_progress(progress, sys.maxsize if progress.finished else self._columns)
        if self._terminal:
            self._write(f"\r\x1b[K{line}" + ("\n" if progress.finished else ""))
        else:
            self._write(f"{_MARK}{line}\n")


def find_progress(line: str) -> str | None:
    """Return what a line shows that a Display without a terminal has written, None for any other line."""
    # the gap sets it apart from what else is said in our name
    what, gap, _ = line.partition("  ")
    return line.removeprefix(_MARK) if gap and what.startswith(_MARK) else None
