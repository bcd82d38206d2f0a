"""A running guest as a test sees it: the methods for test authors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rustbed.devices.device import Device
from rustbed.devices.walk import until_quiet
from rustbed.errors import CrashError, ForkError, LostError, MachineError
from rustbed.guest import files, modules
from rustbed.guest.files import Argument, IoctlResult
from rustbed.guest.held import GuestFile
from rustbed.guest.shell import WAIT_S, Answer
from rustbed.kernel.artifact import Kernel
from rustbed.log.ktap import Result
from rustbed.log.record import Record
from rustbed.log.window import Log
from rustbed.machine import hotplug
from rustbed.machine.conversation import COMMAND_S
from rustbed.machine.live import Live
from rustbed.machine.monitor import Monitor
from rustbed.machine.running import RunFiles
from rustbed.machine.spec import MachineSpec
from rustbed.machine.suites import run_suite

if TYPE_CHECKING:
    from rustbed.devices.models import Model

T = TypeVar("T")
# yields a number of copies of a machine
Forker = Callable[["Vm", int], AbstractContextManager[tuple["Vm", ...]]]


class Vm:
    """One machine of a test. Timeouts are seconds on real hardware, and are stretched for emulation."""

    def __init__(self, live: Live) -> None:
        #: the same machine, as the harness needs it
        self.live = live
        self._talk = live.talk
        #: makes copies, for a test
        self.forker: Forker | None = None

    def __repr__(self) -> str:
        return f"<Vm {self.arch} {self.kernel.release} {self.spec.accel}>"

    @property
    def spec(self) -> MachineSpec:
        """The machine's description."""
        return self.live.spec

    @property
    def kernel(self) -> Kernel:
        """The kernel that the machine runs."""
        return self.live.kernel

    @property
    def arch(self) -> str:
        """The architecture's name."""
        return self.live.arch

    @property
    def monitor(self) -> Monitor:
        """QMP commands and events."""
        return self.live.monitor

    @property
    def slowness(self) -> float:
        """The factor that stretches every timeout."""
        return self.live.slowness

    @property
    def run_dir(self) -> Path:
        """The directory with the files of this run."""
        return self.live.run_dir

    @property
    def files(self) -> RunFiles:
        """The paths of the files of this run."""
        return self.live.files

    @property
    def taint(self) -> int | None:
        """The kernel's taint bits; None where the kernel does not show them (CONFIG_PROC_SYSCTL)."""
        return self.live.taint

    # -- commands ------------------------------------------------------------

    def run(self, command: str, timeout_s: float | None = None, stdin: bytes | None = None) -> Answer:
        """Run a shell command and return its answer, whatever its status.

        Each command gets a fresh subshell with /dev/null as input; only the file system carries over.
        Raises HangError after `timeout_s`, and CrashError or LostError if the machine dies meanwhile.
        `stdin` is sent when the command prints the line `go`; the command must read all of it.
        """
        return self.live.run(command, timeout_s, stdin)

    def check(self, command: str, timeout_s: float | None = None) -> str:
        """Run a shell command that must succeed and return its output. Raises CommandError."""
        return self.live.check(command, timeout_s)

    def rbctl(self, *words: str, stdin: bytes | None = None, check: bool = False) -> Answer:
        """Run a command of the guest's rbctl; with `check`, a status that is not 0 raises CommandError."""
        return self.live.rbctl(*words, stdin=stdin, check=check)

    def wait_for(self, condition: Callable[[], T], what: str, timeout_s: float = WAIT_S) -> T:
        """Call `condition` repeatedly until it returns something true, and return that.

        For changes that take the guest some time, such as binding a driver to a hotplugged device; `what`
        names the change in error messages. Raises WaitError after `timeout_s` if the guest still
        answers, HangError if it does not, and CrashError or LostError as soon as the machine dies.
        """
        return self.live.wait_for(until_quiet(condition, what, self.slowness), what, timeout_s)

    # -- the kernel log ------------------------------------------------------

    @property
    def log(self) -> Log:
        """The kernel log since the test began, or since `mark_log`.

        It is complete: everything that the kernel printed before this call is in it.
        """
        self._talk.pass_fence()
        return self._talk.log.window

    @property
    def dmesg(self) -> Log:
        """The whole kernel log since the first record of the boot; as complete as `log`."""
        self._talk.pass_fence()
        return Log(records=self._talk.log.records)

    def mark_log(self) -> None:
        """Let `log` begin at this point. Earlier records are still judged."""
        self._talk.mark_log()

    def wait_log(self, pattern: str, timeout_s: float = WAIT_S) -> Record:
        """Wait until a record of `log` matches a regular expression, and return the first that does.

        Raises what `wait_for` raises.
        """

        def found() -> Record | None:
            return next(iter(self.log.matching(pattern)), None)

        record = self.wait_for(found, f"a record that matches {pattern!r}", timeout_s)
        assert record is not None
        return record

    # -- modules -------------------------------------------------------------

    def insmod(self, name: str | Path, **params: object) -> None:
        """Load a module of the kernel, or a module file of the host, and the modules it depends on.

        Parameters are Python values. Raises UsageError for an unknown module or parameter,
        MismatchError for a file that was built for another kernel, and CommandError when the guest's kernel
        refuses.
        """
        if isinstance(name, Path):
            for needed in modules.find_needed(self.live, self.kernel, name):
                self.insmod(needed)
        self.live.insmod(name, params)

    def rmmod(self, name: str) -> None:
        """Unload a module. Raises CommandError when the kernel refuses."""
        self.live.rmmod(name)

    @contextmanager
    def module(self, name: str | Path, **params: object) -> Iterator[None]:
        """Load a module, and unload it at the end of the block unless the machine has ended; see `insmod`."""
        self.insmod(name, **params)
        with self.live.undone(lambda: self.rmmod(name.stem if isinstance(name, Path) else name)):
            yield

    # -- tests in the guest ----------------------------------------------------

    def kunit(self, suite: str) -> Result:
        """Run a KUnit suite of the kernel and return its results; junit.xml lists them as cases.

        Raises SuiteError if one of them is red, UsageError for a suite that the kernel does not have.
        """
        return run_suite(self.live, suite)

    # -- files and descriptors -----------------------------------------------

    def open(self, path: str, mode: str = "rw") -> GuestFile:
        """Open a file in the guest and hold the descriptor while other commands run; a context manager."""
        return GuestFile(self.live, path, mode)

    def read(self, path: str, size: int = 4096) -> str:
        """Issue exactly one read(2) of at most `size` bytes and return the text; `pull` reads the whole file.

        Raises SyscallError.
        """
        return files.read(self.live, path, size).decode(errors="replace")

    def write(self, path: str, data: str | bytes) -> int:
        """Issue exactly one write(2) and return how many bytes it took. Raises SyscallError."""
        return files.write(self.live, path, data.encode() if isinstance(data, str) else data)

    def ioctl(self, path: str, command: int, argument: Argument = None) -> IoctlResult:
        """Open a file and issue one ioctl(2) on it; an argument of bytes or a Struct is read back.

        Raises SyscallError.
        """
        return files.ioctl(self.live, path, command, argument)

    def push(self, source: Path | bytes, remote: str, mode: int = 0o644) -> None:
        """Copy a file of the host, or bytes, to a path in the guest, making directories as needed."""
        files.push(self.live, source.read_bytes() if isinstance(source, Path) else source, remote, mode)

    def pull(self, remote: str) -> bytes:
        """Return the whole contents of a file in the guest; `read` issues a single read(2).

        Raises CommandError.
        """
        return files.pull(self.live, remote)

    # -- devices -------------------------------------------------------------

    def plug(self, device: str, timeout_s: float = COMMAND_S) -> hotplug.Plugged:
        """Hotplug a PCI device (an argument of -device) and return it once the guest's kernel has it."""
        return hotplug.plug(self._talk, self.monitor, self.spec, device, timeout_s)

    def unplug(
        self, device: hotplug.Plugged, timeout_s: float = COMMAND_S, *, surprise: bool = False
    ) -> None:
        """Unplug a device and return once the guest's kernel and QEMU have released it.

        With `surprise` the device is gone at once, whatever its driver does, and the kernel notices later.
        """
        hotplug.unplug(self.live, device, timeout_s, surprise=surprise)

    @contextmanager
    def plugged(
        self, *devices: str | Model | Device, timeout_s: float = COMMAND_S
    ) -> Iterator[hotplug.Plugged]:
        """Hotplug a PCI device, and unplug it at the end of the block; see `plug`.

        Several devices become the functions of one card, function 0 first. A device or machine that is
        already gone is left alone. A device that the host serves, such as one written in Python, is served
        during the block, and its accesses are written to a file in the run directory. A device that QEMU
        must not unplug stays, and reads as all-ones. Raises DeviceError if the device failed, even if
        something else did, too.
        """
        with (
            hotplug.present(self.live, devices, timeout_s) as found,
            self.live.undone(lambda: hotplug.take_out(self.live, found, timeout_s)),
        ):
            yield found

    # -- copies --------------------------------------------------------------

    @contextmanager
    def fork(self) -> Iterator[Vm]:
        """Yield a copy of this machine as it is now: memory, processes, open files, modules, devices, log.

        The two share nothing afterwards. The copy is judged like any machine of the test, from this point on;
        its `log` begins with this one's. Raises ForkError if the machine cannot be copied.
        """
        with self.forks(1) as (twin,):
            yield twin

    @contextmanager
    def forks(self, count: int) -> Iterator[tuple[Vm, ...]]:
        """Yield `count` copies of this machine, all of the same moment; see `fork`."""
        if self.forker is None:
            raise ForkError("this machine was not started for a test; copies belong to a test")
        with self.forker(self, count) as twins:
            yield twins

    # -- the end -------------------------------------------------------------

    @property
    def ended(self) -> MachineError | None:
        """The error that says how the machine ended; None while it runs."""
        return self.live.ended

    def wait_end(self, timeout_s: float = COMMAND_S) -> MachineError:
        """Wait until the machine has ended and return how it ended.

        Raises WaitError if it still answers, HangError if it does not. After this call the end of QEMU does
        not fail the test; a crash still does, unless its splat is declared.
        """
        return self.live.wait_end(timeout_s)

    def run_to_end(self, command: str, timeout_s: float = COMMAND_S) -> MachineError:
        """Run a command that ends the machine, such as `poweroff -f`, then do what `wait_end` does."""
        self.live.take_last_look()
        with suppress(LostError, CrashError):
            self.run(command, timeout_s)
        return self.wait_end(timeout_s)
