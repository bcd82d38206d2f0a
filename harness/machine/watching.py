"""What the host looks at while it waits for a guest.

Owns the reasons for which a wait ends before its deadline: a panic, a QEMU
that is gone, a boot that falls silent, an oops after which a command cannot
return. Knows nothing of what is waited for.
"""

from __future__ import annotations

from harness.deadline import Deadline
from harness.errors import CrashError, HangError
from harness.log.splat import Kind, find_splats
from harness.machine.kernel_log import KernelLog
from harness.machine.running import Running

# seconds a command may go on after the kernel reported an oops
_AFTER_OOPS_S = 2.0
# splats after which the task that caused them does not go on
_KILLING = frozenset(
    {Kind.OOPS, Kind.BUG, Kind.RUST_PANIC, Kind.PANIC, Kind.LIST_CORRUPTION, Kind.STACK_OVERFLOW}
)


class Silence:
    """Raises HangError when the console has not grown for a while; for a guest that boots."""

    def __init__(self, running: Running, patience_s: float) -> None:
        self._running = running
        self._patience_s = patience_s
        self._size = -1
        self._deadline = Deadline.after(patience_s)

    def look(self) -> None:
        """Look once; raises HangError."""
        self._running.watch()
        size = self._running.console_size
        if size != self._size:
            self._size, self._deadline = size, Deadline.after(self._patience_s)
        if self._deadline.expired:
            what = "nothing was ever printed" if size == 0 else "the console stopped growing"
            raise HangError(f"{what} for {self._patience_s:g} s")


class Watch:
    """Looks after one guest command; a new one for each."""

    def __init__(self, running: Running, log: KernelLog, slowness: float) -> None:
        self._running = running
        self._log = log
        self._slowness = slowness
        # an oops before this command is no reason to doubt that it returns
        self._began = self._looked_at = len(log.arrived)
        self._oops: tuple[str, Deadline] | None = None

    def look(self) -> None:
        """Look once; raises CrashError, LostError."""
        self._running.watch()
        self._look_for_oops()

    def _look_for_oops(self) -> None:
        fresh = self._log.arrived[self._looked_at :]
        if fresh and self._oops is None:
            # a splat may have begun in what was looked at before: a few records overlap
            start = max(self._began, self._looked_at - 8)
            self._looked_at += len(fresh)
            killing = [s for s in find_splats(self._log.arrived[start:]) if s.kind in _KILLING]
            if killing:
                self._oops = (killing[0].title, Deadline.after(_AFTER_OOPS_S * self._slowness))
        if self._oops is not None and self._oops[1].expired:
            raise CrashError(
                f"the command does not return after: {self._oops[0]}", **self._running.evidence()
            )
