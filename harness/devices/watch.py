"""Runs the code of a device's author, and keeps its errors.

After the code has raised it is not called again, so that the guest goes on; the next check of the device
raises the error. Knows no protocol.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from rustbed.errors import DeviceError

# seconds after which a device's code counts as stuck: QEMU waits 5 s for an access, and the guest with it
STUCK_S = 2.0


class Watch:
    """The health of one device. Its thread calls `ask`, all others `check`."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: time.monotonic() when the device's code was called, None while it is not running
        self.since: float | None = None
        #: the thread that runs the device's code
        self.thread: int | None = None
        self.failure: DeviceError | None = None

    def begin(self) -> None:
        """Note that this thread runs the device's code."""
        self.thread = threading.get_ident()

    def ask(self, what: str, call: Callable[..., object], *arguments: object) -> object:
        """Call the device's code and return its result; None if it raises, or has raised before."""
        if self.failure is not None:
            return None
        try:
            return call(*arguments)
        except Exception as error:  # noqa: BLE001 - an author's code may raise anything, and the guest must go on
            numbers = ", ".join(hex(each) for each in arguments if isinstance(each, int))
            self.fail(
                f"{self.name} raised in {what}: {type(error).__name__}: {error}",
                access=numbers and f"region, offset, width: {numbers}",
                traceback=_render_frames(error),
            )
            return None

    def fail(self, headline: str, **facts: object) -> None:
        """Keep an error; the first one counts."""
        if self.failure is None:
            self.failure = DeviceError(headline, **facts)

    def check(self) -> None:
        """Raise DeviceError if the device's code raised or does not return, or if the protocol failed."""
        since = self.since
        if self.failure is None and since is not None and time.monotonic() - since > STUCK_S:
            where = "".join(traceback.format_stack(sys._current_frames().get(self.thread or 0)))
            self.fail(f"{self.name} has not returned for {STUCK_S:g} s; the guest waits", stack=where)
        if self.failure is not None:
            raise self.failure


def _render_frames(error: Exception) -> str:
    """Render the frames of an error that are the device's code, without their callers."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = Path(__file__).parent
    theirs = [each for each in frames if not Path(each.filename).is_relative_to(ours)]
    return "".join(traceback.format_list(theirs or frames)).rstrip()
