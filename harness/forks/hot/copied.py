"""The process of a copy: a child of ours that another process made.

Does for it what subprocess does for a program that we start ourselves; see
`process.Process`.
"""

from __future__ import annotations

import os
import signal


class CopiedProcess:
    """A child by its number; it stays a zombie, and keeps its number, until its end was noticed here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        #: exit status once its end was noticed; negative signal number if a signal ended it
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # somebody else took note of its end: how it ended is unknown
                self.returncode = 0
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def kill(self) -> None:
        """End it with SIGKILL; does nothing if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
