"""What pytest shows of an error: the test's own lines, and one line in its short summary.

Our frames say nothing that the text of an error does not, in no style of tracebacks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from rustbed.errors import HarnessError

_OURS = Path(__file__).parent.parent
_BETWEEN = contextlib.__file__


def hide_ours(error: BaseException) -> None:
    """Take our frames out of the traceback of an error of ours, and out of one that a test's function raised.

    Where all frames are ours, or the last one of another error is, the traceback stays: then it is a
    defect of ours.
    """
    frames = list(_frames(error))
    theirs = [entry for entry in frames if not _is_ours(entry)]
    if not isinstance(error, HarnessError):
        if not theirs or theirs[-1] is not frames[-1]:
            return
    else:
        error.__cause__, error.__suppress_context__ = None, True
        if not theirs or _is_runner(theirs[-1]):
            return
    # pytest's own way of hiding frames does not hold for every style of tracebacks
    for entry, following in zip(theirs, [*theirs[1:], None], strict=True):
        entry.tb_next = following


def _frames(error: BaseException) -> Iterator[TracebackType]:
    entry = error.__traceback__
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_ours(entry: TracebackType) -> bool:
    file = entry.tb_frame.f_code.co_filename
    return file == _BETWEEN or _OURS in Path(file).parents


def _is_runner(entry: TracebackType) -> bool:
    """Whether a frame is pytest's: what it called is a fixture of ours, and no test has a part in it."""
    return entry.tb_frame.f_globals.get("__name__", "").partition(".")[0] in ("_pytest", "pluggy")


def summarise(report: pytest.TestReport, line: str) -> None:
    """Let pytest's short summary say of a failure what all our files say."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and line:
        crash.message = line
