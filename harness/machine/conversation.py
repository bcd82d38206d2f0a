"""The conversation with one machine, until it ends.

Joins the channels: commands go to the shell, the kernel log comes from another
port, and the machine is watched during every wait. The first error that ends
the machine is kept, and a hang is diagnosed. This module does not know what
a command means.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from rustbed.errors import (
    BootError,
    CommandError,
    ForkError,
    HangError,
    LostError,
    MachineError,
    WaitError,
)
from rustbed.guest.kmsg import EarlierLog
from rustbed.guest.pulse import Pulse
from rustbed.guest.rbctl import explain_errno, is_request
from rustbed.guest.shell import START_AGENT, WAIT_S, Answer, By, Shell
from rustbed.guest.transcript import Transcript
from rustbed.log.quote import quote
from rustbed.machine.evidence import Patient, diagnose
from rustbed.machine.kernel_log import KernelLog
from rustbed.machine.monitor import Monitor
from rustbed.machine.running import Running
from rustbed.machine.watching import Patience, Silence, Watch

# seconds a command may take on a machine with hardware virtualisation
COMMAND_S = 20.0
# seconds between two evaluations of a condition in `wait_for`
_POLL_S = 0.02

T = TypeVar("T")


class Conversation:
    """A shell, a kernel log and a watch over both; `slowness` multiplies every timeout."""

    def __init__(
        self,
        running: Running,
        monitor: Monitor,
        *,
        slowness: float,
        patience: Patience,
        earlier: EarlierLog,
    ) -> None:
        #: how the machine ended; None while it runs
        self.ended: MachineError | None = None
        #: number of commands so far, without fences
        self.commands = 0
        self.log = KernelLog(running.records, running.files.records, running.files.console, earlier)
        self._running = running
        self._monitor = monitor
        self._slowness = slowness
        self._patience = patience
        self._shell = Shell(running.shell, running.files.shell, self._look)
        self._pulse = Pulse(running.pulse)
        # checks the machine during a wait: first the boot, then each command
        self._watch: Silence | Watch = self._fresh_watch()
        self._transcript = Transcript(running.files.transcript, running.started)
        monitor.observer = self._transcript.qmp
        running.checks += [each.check for each in (self.log, self._shell, self._transcript, monitor)]

    def _look(self) -> None:
        self._watch.look()

    def _fresh_watch(self) -> Watch:
        return Watch(
            self._running,
            self.log,
            shell=self._shell,
            pulse=self._pulse,
            patience=self._patience,
            slowness=self._slowness,
        )

    @property
    def waiting(self) -> str:
        """Which answer of the guest is awaited, "" for none; any thread may ask."""
        return self._shell.waiting

    # -- talking -----------------------------------------------------------------

    def run(
        self,
        command: str,
        timeout_s: float | None = None,
        stdin: bytes | None = None,
        *,
        by: By = By.SUBSHELL,
    ) -> Answer:
        """Run a shell command and return its answer. Raises MachineError once the machine has ended."""
        if self.ended is not None:
            raise self.ended
        if self._shell.given_up:
            # a timeout of pytest ended the wait for a command; the watch over it shows what the guest did
            raise self.end(HangError(self._shell.given_up))
        self._watch = watch = self._fresh_watch()
        deadline = watch.limit(timeout_s or COMMAND_S)
        self.commands += by is not By.SHELL
        self._transcript.command(command, stdin)
        try:
            answer = self._shell.run(command, deadline, stdin, by=by)
        except MachineError as error:
            self.end(error)
            raise
        self._transcript.answer(answer.status, answer.stdout)
        return answer

    def rbctl(self, *words: str, stdin: bytes | None = None, check: bool = False) -> Answer:
        """Run a command of rbctl and return its answer; see `Vm.rbctl`."""
        command = shlex.join(("rbctl", *words))
        answer = self.run(command, stdin=stdin, by=By.AGENT if is_request(words) else By.SUBSHELL)
        if check:
            self._require_done(answer)
        return answer

    def tell(self, command: str) -> None:
        """Give the second shell a command while the first one is busy, and ignore its status."""
        self._pulse.tell(command)

    def check(self, command: str, timeout_s: float | None = None) -> str:
        """Run a shell command that must succeed and return its output. Raises CommandError."""
        answer = self.run(command, timeout_s)
        self._require_done(answer)
        return answer.output

    def _require_done(self, answer: Answer) -> None:
        if answer.status != 0:
            raise CommandError(
                f"command failed: {answer.command}",
                status=answer.status,
                output=explain_errno(answer.output),
                kernel=quote(self.log.window.records),
            )

    def wait_for(self, condition: Callable[[], T], what: str, timeout_s: float = WAIT_S) -> T:
        """Ask until `condition` returns something true, and return that; see `Vm.wait_for`."""
        deadline = self._running.limit(timeout_s * self._slowness)
        while not (value := condition()):
            if deadline.expired:
                # a guest that answers is not hung: it did not do what the test expects
                self.run(":")
                raise WaitError(
                    f"waiting for {what}: not within {deadline.seconds:g} s, and the guest answers",
                    kernel=quote(self.log.window.records),
                    **self._running.evidence(),
                    **deadline.facts,
                )
            self.require_alive()
            time.sleep(deadline.slice(_POLL_S))
        return value

    def mark_log(self) -> None:
        """Let the test's part of the kernel log begin at this point."""
        self.pass_fence()
        self.log.mark = len(self.log.records)

    def pass_fence(self) -> None:
        """Wait until everything that the kernel has logged has arrived. Raises MachineError if it ends."""
        if self.ended is not None:
            return

        def write(line: str) -> None:
            # without a subshell a command takes a third of the time
            self.run(f"echo {shlex.quote(line)} >/dev/kmsg", by=By.SHELL)

        if not self.log.pass_fence(write, self._running.limit(COMMAND_S * self._slowness)):
            raise self.end(HangError("the kernel log stopped: a record written to /dev/kmsg never came back"))

    # -- the end -----------------------------------------------------------------

    def require_alive(self) -> None:
        """Raise the error that ended the machine, if it has ended."""
        if self.ended is None:
            try:
                self._look()
            except MachineError as error:
                self.end(error)
        if self.ended is not None:
            raise self.ended

    def has_ended(self) -> bool:
        """Whether the machine panicked or QEMU is gone; checks nothing else."""
        if self.ended is None:
            try:
                self._running.watch()
            except MachineError as error:
                self.end(error)
        return self.ended is not None

    def end(self, error: MachineError) -> MachineError:
        """Note that an error ended the machine, and return the first such error; a hang is diagnosed."""
        if self.ended is None:
            self.ended = error
            self.log.end(keep=isinstance(error, HangError))
            self._look_into(error)
        return self.ended

    def _look_into(self, error: MachineError) -> None:
        if isinstance(error, HangError):
            patient = Patient(
                running=self._running,
                monitor=self._monitor,
                # before the first command there may be no user space
                pulse=None if isinstance(self._watch, Silence) else self._pulse,
                slowness=self._slowness,
                before=self._watch.times,
                began=self._watch.began,
                quiet_s=self._shell.quiet_s,
                limit_s=self._watch.limit_s,
            )
            diagnose(error, patient)

    # -- the beginning -------------------------------------------------------------

    def wait_ready(self, seconds: float, machine: str) -> None:
        """Wait until the guest's shell answers its first command. Raises BootError naming the machine."""
        deadline = self._running.limit(seconds * self._slowness)
        self._watch = Silence(self._running, self._patience, self._slowness)
        try:
            self._shell.wait_ready(deadline)
            self._watch = self._fresh_watch()
            self._shell.run(START_AGENT, deadline, by=By.SHELL)
        except MachineError as error:
            took = time.monotonic() - self._running.started
            self._look_into(error)
            headline = f"not ready after {took:.1f} s: {error.headline}"
            facts = error.facts or self._running.evidence()
            failed = BootError(headline, machine=machine, **facts)
            failed.hang, failed.console_end = error.hang, error.console_end
            # QEMU ended before the console's first byte: it refused its command line
            refused = isinstance(error, LostError) and self._running.console_size == 0
            failed.outcome = "error" if refused else error.outcome
            self.ended = failed
            raise failed from error

    def wait_awake(self, command: str, seconds: float) -> None:
        """Run a fork's first command, which sets its clock and random numbers, and wait for it.

        It does not count as part of the test. Raises MachineError.
        """
        deadline = self._running.limit(seconds * self._slowness)
        self.log.wake()
        self._shell.run(command, deadline, by=By.SHELL)
        if not self.log.is_awake(deadline):
            raise HangError("a fork did not report that it is awake", **self._running.evidence())

    # -- copies ----------------------------------------------------------------------

    @contextmanager
    def standing_still(self) -> Iterator[EarlierLog]:
        """Stop the guest, and yield what its kernel has logged until then.

        Raises MachineError, and ForkError if it is stopped already or its log does not settle.
        """
        self.pass_fence()
        self.require_alive()
        if not self._monitor.execute("query-status")["running"]:
            raise ForkError("a stopped machine cannot be copied")
        try:
            # an interruption during this wait must not leave it stopped either
            self._monitor.execute("stop")
            try:
                earlier = self.log.as_earlier()
            except TimeoutError as error:
                raise ForkError("its kernel log does not settle") from error
            yield earlier
        finally:
            self._monitor.execute("cont")

    def begin_as(self, original: Conversation) -> None:
        """Let transcript and log begin with those of the machine that this one is a copy of."""
        self.log.mark = original.log.mark
        self._transcript.begin_with(original._running.files.transcript)

    def end_transcript(self) -> None:
        """Stop recording commands in the transcript."""
        self._transcript.close()

    def close(self) -> None:
        """Close the channels."""
        with ExitStack() as stack:
            for channel in (self.log, self._shell, self._monitor, self._transcript):
                stack.callback(channel.close)
