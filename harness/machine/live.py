"""A machine as the harness needs it: its start, its end, and the facts for its verdict.

Test authors see its face, `Vm`. All communication with the machine goes through its
`talk`. This module does not judge tests.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rustbed.errors import CommandError, CrashError, HarnessError, LostError, MachineError, WaitError
from rustbed.guest import modules
from rustbed.guest.kmsg import NOTHING_EARLIER, EarlierLog
from rustbed.guest.modules import Load
from rustbed.guest.shell import WAIT_S, Answer
from rustbed.kernel.artifact import Kernel
from rustbed.log.ktap import Result
from rustbed.log.splat import KILLING, find_splats
from rustbed.log.window import Log
from rustbed.machine.conversation import Conversation
from rustbed.machine.monitor import Monitor
from rustbed.machine.running import RunFiles, Running
from rustbed.machine.spec import MachineSpec
from rustbed.machine.watching import PATIENCE, Patience

T = TypeVar("T")

# seconds between two looks at whether the machine has ended
_POLL_S = 0.02
# commands that end a machine
_ENDS = re.compile(r"\b(?:poweroff|reboot|halt)\b")
# commands that load or unload a module, or bind or unbind a driver; a failed load is both
_MOVES = re.compile(r"\b(?:insmod|rmmod|modprobe|(?:un)?bind|remove|delete_\w+|rmdir|slots?\S*/power)\b")


class Live:
    """One machine, from its first instruction to the end of the `with` that yielded it."""

    def __init__(
        self,
        spec: MachineSpec,
        running: Running,
        monitor: Monitor,
        *,
        slowness: float,
        patience: Patience = PATIENCE,
        earlier: EarlierLog = NOTHING_EARLIER,
    ) -> None:
        self.spec = spec
        self.monitor = monitor
        #: multiplies every timeout, which is given for real hardware
        self.slowness = slowness
        #: milliseconds from starting QEMU (or asking for a fork) to the first answer; None until then
        self.boot_ms: float | None = None
        #: the kernel's taint bits when judgement began; None where the kernel does not show them
        self.taint_at_begin: int | None = None
        #: whether the machine ended and the test waited for that
        self.end_is_wanted = False
        #: the modules that the test loaded or tried to load, oldest first
        self.loads: list[Load] = []
        #: results of tests that ran in the guest
        self.reported: list[Result] = []
        #: called before a command that ends the machine; instruments set it
        self.before_end: Callable[[], object] | None = None
        #: time.monotonic() when a module or driver was last loaded, unloaded, bound or unbound; None: never
        self.moved_at: float | None = None
        self.talk = Conversation(running, monitor, slowness=slowness, patience=patience, earlier=earlier)
        self._running = running
        self._has_erred = False

    @property
    def kernel(self) -> Kernel:
        """The kernel that runs here."""
        return self.spec.kernel

    @property
    def arch(self) -> str:
        """The architecture's name."""
        return self.spec.arch.name

    @property
    def qemu_pid(self) -> int:
        """The pid of QEMU on the host."""
        return self._running.child.pid

    @property
    def running(self) -> Running:
        """QEMU's process and channels."""
        return self._running

    @property
    def files(self) -> RunFiles:
        """The files this run leaves."""
        return self._running.files

    @property
    def run_dir(self) -> Path:
        """Where this run leaves its files."""
        return self.files.directory

    @property
    def commands(self) -> int:
        """How many commands the guest was given."""
        return self.talk.commands

    def run(self, command: str, timeout_s: float | None = None, stdin: bytes | None = None) -> Answer:
        """Run a shell command and return its answer, whatever its status; see `Vm.run`."""
        with self._noting(command):
            return self.talk.run(command, timeout_s, stdin)

    def check(self, command: str, timeout_s: float | None = None) -> str:
        """Run a shell command that must succeed and return its output. Raises CommandError."""
        with self._noting(command):
            return self.talk.check(command, timeout_s)

    def rbctl(self, *words: str, stdin: bytes | None = None, check: bool = False) -> Answer:
        """Run a command of rbctl and return its answer; see `Vm.rbctl`."""
        with self._noting(words[0]):
            return self.talk.rbctl(*words, stdin=stdin, check=check)

    @contextmanager
    def _noting(self, command: str) -> Iterator[None]:
        if _ENDS.search(command):
            self.take_last_look()
        try:
            yield
        finally:
            if _MOVES.search(command):
                self.moved_at = time.monotonic()

    def wait_for(self, condition: Callable[[], T], what: str, timeout_s: float = WAIT_S) -> T:
        """Ask until `condition` returns something true, and return that; see `Vm.wait_for`."""
        return self.talk.wait_for(condition, what, timeout_s)

    def insmod(self, name: str | Path, params: dict[str, object]) -> None:
        """Load a module, and note when and where; see `guest.modules.insmod`."""
        module, path = modules.find_file(self.kernel, name)
        load = Load(name=module, path=path, began=time.monotonic())
        self.loads.append(load)
        place = len(self.loads) - 1
        try:
            modules.insmod(self, self.kernel, name, params)
        except CommandError:
            self._has_erred = True
            raise
        finally:
            self.loads[place] = load = replace(load, ended=time.monotonic())
        self.loads[place] = replace(load, sections=modules.find_sections(self, module, path))

    def rmmod(self, name: str) -> None:
        """Unload a module. Raises CommandError when the kernel refuses."""
        modules.rmmod(self, name)
        now, module = time.monotonic(), name.replace("-", "_")
        self.loads = [
            replace(load, until=now) if load.name == module and load.until > now else load
            for load in self.loads
        ]

    @contextmanager
    def undone(self, undo: Callable[[], object]) -> Iterator[None]:
        """Undo something on the way out, unless the machine has ended. Of two errors the first is raised.

        If a task of the kernel died, an error of `undo` is ignored: the task may hold locks for ever, and
        its death is reported as one failure. After the first error nothing is undone then.
        """
        try:
            yield
        except BaseException:
            # the machine is thrown away in any case
            with suppress(HarnessError):
                self._has_erred = True
                if not self.deaths:
                    undo()
            raise
        if self.talk.has_ended() or (self._has_erred and self.deaths):
            return
        try:
            undo()
        except CommandError:
            if not self.deaths:
                raise

    # -- readiness -----------------------------------------------------------------

    def wait_ready(self, seconds: float) -> None:
        """Wait until the guest's shell answers its first command. Raises BootError."""
        self.talk.wait_ready(seconds, f"{self.arch} ({self.spec.accel})")
        self._is_ready()

    def wait_awake(self, command: str, seconds: float) -> None:
        """Run a fork's first command, which sets its clock and random numbers, and wait for it.

        It does not count as part of the test. Raises MachineError.
        """
        self.talk.wait_awake(command, seconds)
        self._is_ready()

    def _is_ready(self) -> None:
        self.boot_ms = (time.monotonic() - self._running.started) * 1000

    # -- judgement -----------------------------------------------------------------

    def begin_judgement(self) -> None:
        """Let the test's log and judgement begin at this point; earlier records belong to the boot."""
        self.talk.mark_log()
        self.talk.log.judged_from = self.talk.log.mark
        self.taint_at_begin = self.taint

    def linger(self, seconds: float) -> None:
        """Wait until so many seconds have passed since a module or driver came or went.

        Work and timers that it left behind may fail in that time. A machine that has ended is not waited for.
        The seconds are not stretched, because emulation does not slow down the guest's clock.
        """
        if self.moved_at is None:
            return
        enough = self.moved_at + seconds
        while (left := enough - time.monotonic()) > 0 and not self.talk.has_ended():
            time.sleep(min(left, _POLL_S))

    @property
    def judged(self) -> Log:
        """The part of the kernel log that the verdict is about.

        Checks the servers of devices first: a test that waited for nothing has not seen them fail.
        """
        self.talk.has_ended()
        self.talk.pass_fence()
        return self.talk.log.judged

    @property
    def deaths(self) -> tuple[str, ...]:
        """Titles of the splats that killed a task of the kernel since judgement began."""
        return tuple(splat.title for splat in find_splats(self.judged.records) if splat.kind in KILLING)

    @property
    def log_damage(self) -> str:
        """What is wrong with the kernel log itself: a flood, lost records; "" if nothing is."""
        return self.talk.log.damage

    @property
    def kernel_began(self) -> float | None:
        """The host's time.monotonic() at which the kernel's clock was 0; None before its first record."""
        return self.talk.log.kernel_began

    @property
    def taint(self) -> int | None:
        """The kernel's taint bits; None where the kernel does not show them (CONFIG_PROC_SYSCTL)."""
        answer = self.rbctl("get", "/proc/sys/kernel/tainted")
        return int(answer.output) if answer.status == 0 else None

    # -- the end -------------------------------------------------------------------

    @property
    def ended(self) -> MachineError | None:
        """How the machine ended, if it did."""
        return self.talk.ended

    def take_last_look(self) -> None:
        """Let the instruments look at the machine now, because it is about to end."""
        if self.before_end is not None and self.ended is None:
            self.before_end()

    def wait_end(self, timeout_s: float) -> MachineError:
        """Wait until the machine has ended and return how; see `Vm.wait_end`."""
        deadline = self._running.limit(timeout_s * self.slowness)
        while not deadline.expired and not self.talk.has_ended():
            time.sleep(_POLL_S)
        if not self.talk.has_ended():
            # a guest that answers has not ended; one that is shutting down may end during this command
            with suppress(LostError, CrashError):
                self.run(":")
                raise WaitError(
                    f"the machine still runs after {deadline.seconds:g} s, and answers",
                    **self._running.evidence(),
                    **deadline.facts,
                )
        assert self.ended is not None
        # the test did not ask for a failure of QEMU itself
        self.end_is_wanted = not self._running.has_failed
        return self.ended

    def end_transcript(self) -> None:
        """Stop recording: later commands are not part of the run that can be reproduced."""
        self.talk.end_transcript()

    def close(self) -> None:
        """Close the channels; the machine's owner ends QEMU."""
        self.talk.close()
