"""What pytest shows of an error: the test's own lines, and one line in its short summary.

Our frames say nothing that the text of an error does not, in no style of tracebacks.
"""

from __future__ import annotations

import contextlib
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import pytest

from rustbed.errors import HarnessError

_OURS = Path(__file__).parent.parent
_BETWEEN = contextlib.__file__
# of Python itself, and of what is installed
_LIBRARIES = tuple({Path(sysconfig.get_path(name)) for name in ("stdlib", "platlib", "purelib")})
# how pytest ends a test; plugins do so wherever it is at that moment
_ENDINGS = (pytest.fail.Exception, pytest.skip.Exception)


def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    """Hide our frames before pytest renders an error, and after it has taken over unittest's."""
    if call.excinfo is not None:
        hide_ours(call.excinfo.value)


def hide_ours(error: BaseException) -> None:
    """Take our frames out of the traceback of an error of ours, and out of one that a test's function raised.

    What our code called in libraries goes with it. Where all frames are ours, or the last one of another
    error is, the traceback stays: then it is a defect of ours. What ends a test from outside, as a timeout
    does, may have met it anywhere.
    """
    frames = list(_frames(error))
    theirs = list(_leave_ours(frames))
    if isinstance(error, HarnessError):
        error.__cause__, error.__suppress_context__ = None, True
        # what a test asks pytest for, as a fixture by its name, may be of ours
        while theirs and _is_library(theirs[-1]):
            theirs.pop()
    elif not isinstance(error, _ENDINGS) and _is_defect(frames):
        return
    if all(_is_runner(entry) for entry in theirs):
        return
    # pytest's own way of hiding frames does not hold for every style of tracebacks
    for entry, following in zip(theirs, [*theirs[1:], None], strict=True):
        entry.tb_next = following


def is_all_ours(error: BaseException) -> bool:
    """Say whether no test and no fixture of a project has a part in an error."""
    return all(_is_ours(entry) or _is_library(entry) or _is_runner(entry) for entry in _frames(error))


def _leave_ours(frames: Iterable[TracebackType]) -> Iterator[TracebackType]:
    """Yield the frames that are not ours, nor of libraries that we called."""
    is_within = False
    for entry in frames:
        if _is_ours(entry):
            is_within = True
        elif not (is_within and _is_library(entry)):
            is_within = False
            yield entry


def _is_defect(frames: Iterable[TracebackType]) -> bool:
    """Whether our code raised an error that is none of ours, by itself or in a library."""
    own = [entry for entry in frames if not _is_library(entry)]
    return not own or _is_ours(own[-1])


def _frames(error: BaseException) -> Iterator[TracebackType]:
    entry = error.__traceback__
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_ours(entry: TracebackType) -> bool:
    file = entry.tb_frame.f_code.co_filename
    return file == _BETWEEN or _OURS in Path(file).parents


def _is_library(entry: TracebackType) -> bool:
    file = Path(entry.tb_frame.f_code.co_filename)
    return not _is_ours(entry) and any(directory in file.parents for directory in _LIBRARIES)


def _is_runner(entry: TracebackType) -> bool:
    """Whether a frame is pytest's: what it called is a fixture of ours, and no test has a part in it."""
    return entry.tb_frame.f_globals.get("__name__", "").partition(".")[0] in ("_pytest", "pluggy")


def summarise(report: pytest.TestReport, line: str) -> None:
    """Let pytest's short summary say of a failure what all our files say."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and line:
        crash.message = line
