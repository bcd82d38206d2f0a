"""The process of a copy: a child of this process that another process created.

Does what subprocess does for programs that are started here; see `process.Process`.
"""

from __future__ import annotations

import os
import signal


class CopiedProcess:
    """A child by its number, which no other process gets before `poll` has seen the child's end."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        #: exit status, or the negative number of the signal that ended it; None until `poll` has seen its end
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # it was reaped elsewhere: how it ended is unknown
                self.returncode = 0
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def kill(self) -> None:
        """End it with SIGKILL; does nothing if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
