"""A running guest, as a test sees it.

Gives what one machine can do the names a test author uses. How it is
described, started, talked to and watched is known to its neighbours; what a
test means is known to nobody here.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from rustbed.deadline import Deadline
from rustbed.errors import (
    CommandError,
    CrashError,
    HarnessError,
    LostError,
    MachineError,
    WaitError,
)
from rustbed.guest import files, modules
from rustbed.guest.files import GuestFile, IoctlResult
from rustbed.guest.kmsg import NOTHING_EARLIER, EarlierLog
from rustbed.guest.shell import Answer
from rustbed.kernel.artifact import Kernel
from rustbed.log.record import Log
from rustbed.machine import hotplug
from rustbed.machine.conversation import COMMAND_S, Conversation
from rustbed.machine.monitor import Monitor
from rustbed.machine.running import RunFiles, Running
from rustbed.machine.spec import MachineSpec
from rustbed.machine.watching import PATIENCE, Patience

# seconds between two looks at something that the guest does in its own time
_POLL_S = 0.02
T = TypeVar("T")


class Vm:
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
        #: QMP commands and events
        self.monitor = monitor
        #: milliseconds from starting QEMU (or asking for a fork) to the first answer; None until then
        self.boot_ms: float | None = None
        #: the kernel's taint bits when judgement began; None where the kernel does not show them
        self.taint_at_begin: int | None = None
        #: whether the test waits for the machine to end
        self.end_is_wanted = False
        #: file of each module that was to be loaded, and where its code went, if that is known
        self.loaded: dict[str, tuple[Path, int | None]] = {}
        self.slowness = slowness
        self._running = running
        self._talk = Conversation(running, monitor, slowness=slowness, patience=patience, earlier=earlier)

    def __repr__(self) -> str:
        return f"<Vm {self.arch} {self.kernel.release} {self.spec.accel}>"

    @property
    def kernel(self) -> Kernel:
        """The kernel that runs here."""
        return self.spec.kernel

    @property
    def arch(self) -> str:
        """The architecture's name."""
        return self.spec.arch.name

    @property
    def ended(self) -> MachineError | None:
        """How the machine ended, if it did."""
        return self._talk.ended

    @property
    def commands(self) -> int:
        """How many commands the guest was given."""
        return self._talk.commands

    @property
    def qemu_pid(self) -> int:
        """The number of QEMU's process on the host."""
        return self._running.child.pid

    @property
    def run_dir(self) -> Path:
        """Where this run leaves its files."""
        return self.files.directory

    @property
    def files(self) -> RunFiles:
        """The files this run leaves."""
        return self._running.files

    # -- commands ------------------------------------------------------------

    def run(self, command: str, timeout_s: float | None = None, stdin: bytes | None = None) -> Answer:
        """Run a shell command and return its answer, whatever its status.

        Each command gets a fresh subshell with /dev/null as input; nothing but
        the file system carries over to the next. `timeout_s` is in seconds on
        real hardware and is stretched for emulation; running into it raises
        HangError. A machine that dies meanwhile raises CrashError or LostError.
        `stdin` is sent when the command prints the line `go`, and read by it to its last byte.
        """
        return self._talk.run(command, timeout_s, stdin)

    def check(self, command: str, timeout_s: float | None = None) -> str:
        """Run a shell command that must succeed and return its output. Raises CommandError."""
        answer = self.run(command, timeout_s)
        if answer.status != 0:
            raise CommandError(
                f"command failed: {command}",
                status=answer.status,
                output=answer.output,
                kernel="\n".join(record.text for record in self._talk.log.window.records[-5:]),
            )
        return answer.output

    # -- the kernel log ------------------------------------------------------

    @property
    def log(self) -> Log:
        """The kernel log since the test began, up to this very moment.

        A fence is passed first: what the kernel printed before this call is in it.
        """
        self._talk.pass_fence()
        return self._talk.log.window

    @property
    def dmesg(self) -> Log:
        """The whole kernel log, from the first record of the boot."""
        self._talk.pass_fence()
        return Log(records=self._talk.log.records)

    def begin(self) -> None:
        """Let `log` begin here. What came before is judged all the same."""
        self._talk.log.mark = len(self.dmesg)

    def begin_judgement(self) -> None:
        """Let `log` and judgement begin here, for the harness: what came before belongs to the boot."""
        self.begin()
        self._talk.log.judged_from = self._talk.log.mark
        self.taint_at_begin = self.taint

    @property
    def judged(self) -> Log:
        """The part of the kernel log that the verdict is over.

        What serves the devices is looked at first: a test that waited for nothing did not see it fail.
        """
        self._talk.has_ended()
        self._talk.pass_fence()
        return self._talk.log.judged

    @property
    def log_damage(self) -> str:
        """What is wrong with the kernel log itself: a flood, records lost; empty if nothing is."""
        return self._talk.log.damage

    # -- modules -------------------------------------------------------------

    def insmod(self, name: str | Path, **params: object) -> None:
        """Load a module of the kernel, or a module file of the host, with what it depends on.

        Parameters are given as Python values. Raises UsageError for an unknown
        module, MismatchError for a file that belongs to another kernel and
        CommandError when the guest's kernel refuses.
        """
        if isinstance(name, Path):
            for needed in modules.find_needed(self, name):
                self.insmod(needed)
        module, path = modules.find_file(self.kernel, name)
        self.loaded[module] = (path, None)
        modules.insmod(self, name, params)
        self.loaded[module] = (path, modules.find_address(self, module))

    def rmmod(self, name: str) -> None:
        """Unload a module. Raises CommandError when the kernel refuses."""
        self.check(f"exec rmmod {shlex.quote(name)}")

    @contextmanager
    def module(self, name: str | Path, **params: object) -> Iterator[None]:
        """Load a module, and unload it on the way out; see `insmod`."""
        self.insmod(name, **params)
        unload = name.stem if isinstance(name, Path) else name
        try:
            yield
        except BaseException:
            # the first error is the one to report; the machine is thrown away anyhow
            with suppress(HarnessError):
                self.rmmod(unload)
            raise
        self.rmmod(unload)

    # -- files and descriptors -----------------------------------------------

    def open(self, path: str, mode: str = "rw") -> GuestFile:
        """Open a file in the guest and hold the descriptor while other commands run; a context manager."""
        return GuestFile(self._talk.run, path, mode)

    def read(self, path: str, size: int = 4096) -> str:
        """Return what one read(2) of at most `size` bytes gives, as text. Raises SyscallError."""
        return files.read(self._talk.run, path, size).decode(errors="replace")

    def write(self, path: str, data: str | bytes) -> int:
        """Write the data with exactly one write(2) and return how many bytes it took. Raises SyscallError."""
        return files.write(self._talk.run, path, data.encode() if isinstance(data, str) else data)

    def ioctl(self, path: str, command: int, argument: int | bytes | None = None) -> IoctlResult:
        """Issue one ioctl(2) on a freshly opened file; bytes are a buffer that comes back.

        Raises SyscallError.
        """
        return files.ioctl(self._talk.run, path, command, argument)

    def push(self, source: Path | bytes, remote: str, mode: int = 0o644) -> None:
        """Copy a file of the host, or bytes, into the guest, making directories as needed."""
        files.push(self._talk.run, source.read_bytes() if isinstance(source, Path) else source, remote, mode)

    def pull(self, remote: str) -> bytes:
        """Return the whole contents of a file of the guest. Raises CommandError."""
        answer = self._talk.run(f"exec cat -- {shlex.quote(remote)}")
        if answer.status != 0:
            raise CommandError(
                f"cannot read {remote} in the guest", status=answer.status, output=answer.output
            )
        return answer.stdout

    # -- devices -------------------------------------------------------------

    def plug(self, device: str, timeout_s: float = COMMAND_S) -> hotplug.Plugged:
        """Hotplug a PCI device (an argument of -device) and return it once the guest's kernel has it."""
        return hotplug.plug(self, device, timeout_s)

    def unplug(self, device: hotplug.Plugged, timeout_s: float = COMMAND_S) -> None:
        """Unplug a device and return once the guest's kernel and QEMU have let go of it."""
        hotplug.unplug(self, device, timeout_s)

    # -- life ----------------------------------------------------------------

    def wait_for(self, condition: Callable[[], T], what: str, timeout_s: float = COMMAND_S) -> T:
        """Ask again and again until `condition` returns something true, and return that.

        For what the guest does in its own time, such as binding a driver to a
        hotplugged device; `what` says in an error's text what was waited for.
        Raises WaitError after `timeout_s`, stretched for emulation, if the guest still answers, and
        HangError if it does not; CrashError or LostError as soon as the machine dies.
        """
        deadline = Deadline.after(timeout_s * self.slowness)
        while not (value := condition()):
            if deadline.expired:
                # a guest that answers does not hang: it did something other than the test wants
                self._talk.run(":")
                raise WaitError(
                    f"waiting for {what}: not within {deadline.seconds:g} s, and the guest answers",
                    **self._running.evidence(),
                )
            self._talk.require_alive()
            time.sleep(deadline.slice(_POLL_S))
        return value

    @property
    def taint(self) -> int | None:
        """The kernel's taint bits; None where the kernel does not show them (CONFIG_PROC_SYSCTL)."""
        # the shell's own read takes byte after byte, and gets no more than the first here
        answer = self.run("exec head -n 1 /proc/sys/kernel/tainted")
        return int(answer.output) if answer.status == 0 else None

    def wait_end(self, timeout_s: float = COMMAND_S) -> MachineError:
        """Wait until the machine has ended and return how.

        Raises WaitError if it goes on and answers, HangError if it does neither. A
        test that waits for the end wants it: QEMU's going is then no fault. A crash
        is one still, unless its splat is declared.
        """
        self.end_is_wanted = True
        deadline = Deadline.after(timeout_s * self.slowness)
        while not deadline.expired:
            if self._talk.has_ended():
                break
            time.sleep(0.02)
        if not self._talk.has_ended():
            # a guest that answers goes on; one that is on its way out may end with the question
            with suppress(LostError, CrashError):
                self._talk.run(":")
                raise WaitError(
                    f"the machine still runs after {deadline.seconds:g} s, and answers",
                    **self._running.evidence(),
                )
        assert self.ended is not None
        return self.ended

    def run_to_end(self, command: str, timeout_s: float = COMMAND_S) -> MachineError:
        """Run a command that ends the machine, such as `poweroff -f`, and return how it ended.

        See `wait_end`.
        """
        with suppress(LostError, CrashError):
            self.run(command, timeout_s)
        return self.wait_end(timeout_s)

    def wait_ready(self, seconds: float) -> None:
        """Wait until the guest's shell answers its first command. Raises BootError."""
        self._talk.wait_ready(seconds, f"{self.arch} ({self.spec.accel})")
        self.boot_ms = (time.monotonic() - self._running.started) * 1000

    def wait_awake(self, command: str, seconds: float) -> None:
        """Wait until a fork has its own time and randomness and has done its first command.

        That is no part of the test. Raises MachineError.
        """
        self._talk.wait_awake(command, seconds)
        self.boot_ms = (time.monotonic() - self._running.started) * 1000

    def end_transcript(self) -> None:
        """Let what is done from now on be no part of the run that can be reproduced."""
        self._talk.end_transcript()

    def close(self) -> None:
        """Close the channels; the machine's owner ends QEMU."""
        self._talk.close()
