"""The checks of a machine during every wait for it.

Owns the reasons to end a wait before its deadline: a panic, a QEMU
that is gone, a boot that falls silent, an oops after which a command cannot
return, a guest in which nothing answers. Does not know what the wait is for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from rustbed.deadline import Deadline
from rustbed.errors import CrashError, HangError
from rustbed.guest.pulse import Pulse
from rustbed.guest.shell import Shell
from rustbed.log.splat import KILLING, find_splats
from rustbed.machine.hang import is_starved
from rustbed.machine.kernel_log import KernelLog
from rustbed.machine.running import Running
from rustbed.procfs import CpuTime, is_runnable, process_state, thread_times, total

# seconds a command may go on after the kernel reported an oops
_AFTER_OOPS_S = 2.0
# QEMU is idle if it wants a CPU for less than this part of the time
_IDLE = 0.1


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long nothing may happen, in seconds; all but the last are stretched for emulation."""

    # without a new byte on the console of a guest that boots
    silence_s: float = 15.0
    # half of the shorter limit for a guest that is idle in the second half of it
    idle_s: float = 2.5
    # without anything new from a guest that runs a command; then its second shell is asked
    quiet_s: float = 5.0
    # for the second shell's answer; longer than the kernel's own detectors, which need 21 s
    unanswered_s: float = 25.0


PATIENCE = Patience()


class Silence:
    """Raises HangError when the console has not grown for a while; for a guest that boots."""

    def __init__(self, running: Running, patience: Patience, slowness: float) -> None:
        #: time.monotonic() at the beginning, and CPU times of QEMU's threads at that moment
        self.began = running.started
        self.times: dict[int, CpuTime] = {}
        #: timeout of the command: there is no command during a boot
        self.limit_s = 0.0
        self._running = running
        self._silence_s = patience.silence_s * slowness
        self._idle_s = patience.idle_s * slowness
        self._size = -1
        self._grew()

    def look(self) -> None:
        """Check once. Raises HangError."""
        self._running.watch()
        size = self._running.console_size
        if size != self._size:
            self._size = size
            self._grew()
        what = "nothing was ever printed" if size == 0 else "the console stopped growing"
        if self._silent.expired:
            raise HangError(f"{what} for {self._silence_s:g} s", **self._silent.facts)
        if self._is_idle():
            raise HangError(f"{what} for {2 * self._idle_s:g} s, and the guest is idle")

    def _grew(self) -> None:
        self._silent = self._running.limit(self._silence_s)
        self._quiet = Deadline.after(self._idle_s)
        # end of the current observation, and QEMU's CPU time at its beginning
        self._looked_at: tuple[Deadline, CpuTime] | None = None

    def _is_idle(self) -> bool:
        """Whether QEMU was observed for long enough, and wanted almost no CPU time."""
        if not self._quiet.expired:
            return False
        pid = self._running.child.pid
        spent = total(thread_times(pid).values())
        if self._looked_at is None or process_state(pid) in ("T", "t"):
            self._looked_at = (Deadline.after(self._idle_s), spent)
            return False
        limit, before = self._looked_at
        if not limit.expired:
            return False
        self._looked_at = None
        spent -= before
        return spent.ran_s + spent.waited_s < _IDLE * limit.elapsed and not is_runnable(pid)


class Watch:
    """Watches one guest command; each command has its own."""

    def __init__(
        self,
        running: Running,
        log: KernelLog,
        *,
        shell: Shell,
        pulse: Pulse,
        patience: Patience,
        slowness: float,
    ) -> None:
        self._running = running
        self._log = log
        self._shell = shell
        self._pulse = pulse
        self._patience = patience
        self._slowness = slowness
        #: time.monotonic() at the first check, and CPU times of QEMU's threads at that moment
        self.began = time.monotonic()
        self.times: dict[int, CpuTime] = {}
        #: the command's timeout in seconds
        self.limit_s = 0.0
        # sizes of everything that grows with activity, and how long they may stay the same
        self._sizes: tuple[int, int, int] | None = None
        self._quiet = Deadline.after(0)
        # deadline for the second shell's answer, and QEMU's CPU time when it was asked
        self._asked: tuple[Deadline, CpuTime] | None = None
        # an oops before this command does not keep it from returning
        self._first = self._looked_at = len(log.arrived)
        self._oops: tuple[str, Deadline] | None = None

    def limit(self, seconds: float) -> Deadline:
        """Return a deadline for the command; `seconds` are stretched for emulation.

        It does not count time since the first check in which the host gave QEMU no CPU.
        """
        self.limit_s = seconds * self._slowness
        return Deadline.after(self.limit_s, lambda: self._running.withheld(self.times))

    def look(self) -> None:
        """Check once. Raises CrashError, HangError, LostError."""
        self._running.watch()
        self._look_for_oops()
        self._look_for_life()

    def _look_for_life(self) -> None:
        """Raise HangError when user space has not answered for long, before the command's deadline."""
        pid = self._running.child.pid
        sizes = (self._running.console_size, self._log.count, self._shell.received)
        if sizes != self._sizes:
            self._sizes, self._quiet = sizes, self._until_quiet()
            if not self.times:
                # only now: the CPU times of a command that answers at once are not read
                self.began, self.times = time.monotonic(), thread_times(pid)
        if not self._quiet.expired:
            return
        if self._asked is None:
            self._pulse.ask()
            limit = Deadline.after(self._patience.unanswered_s)
            self._asked = (limit, total(thread_times(pid).values()))
        elif self._pulse.answered():
            self._asked, self._quiet = None, self._until_quiet()
        elif self._asked[0].expired and process_state(pid) not in ("T", "t"):
            limit, before = self._asked
            spent = total(thread_times(pid).values()) - before
            if not is_starved(spent, limit.elapsed):
                raise HangError(f"nothing in the guest answered for {limit.seconds:g} s")

    def _until_quiet(self) -> Deadline:
        return Deadline.after(self._patience.quiet_s * self._slowness)

    def _look_for_oops(self) -> None:
        fresh = self._log.arrived[self._looked_at :]
        if fresh and self._oops is None:
            # some records are read again, because a splat may begin in those of the last check
            start = max(self._first, self._looked_at - 8)
            self._looked_at += len(fresh)
            killing = [s for s in find_splats(self._log.arrived[start:]) if s.kind in KILLING]
            if killing:
                self._oops = (killing[0].title, self._running.limit(_AFTER_OOPS_S * self._slowness))
        if self._oops is not None and self._oops[1].expired:
            raise CrashError(
                f"the command does not return after: {self._oops[0]}", **self._running.evidence()
            )
