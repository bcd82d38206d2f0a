"""A file of the guest that stays open while other commands run, and the system calls on it."""

from __future__ import annotations

import errno
import itertools
import select
from collections.abc import Sequence
from copy import copy
from types import TracebackType

from rustbed.errors import CommandError, HarnessError, UsageError
from rustbed.guest.files import Argument, IoctlResult, render_argument, require, result_of, results_of
from rustbed.guest.rbctl import StepResult, explain_errno, require_steps
from rustbed.guest.shell import WAIT_S, Guest

_MODES = {"r", "w", "rw"}
_session = itertools.count(1)


class GuestFile:
    """An open file of the guest, held by a process there while other commands run.

    A context manager: the descriptor is opened on the way in and closed on
    the way out. Every method raises SyscallError when the call fails.
    """

    def __init__(self, guest: Guest, path: str, mode: str) -> None:
        if mode not in _MODES:
            raise UsageError(f"unknown mode {mode!r}", choices=", ".join(sorted(_MODES)))
        self.path = path
        self._guest = guest
        self._mode = mode
        self._directory = f"/run/rbctl-{next(_session)}"
        #: pid in the guest of the process that holds the descriptor
        self.pid = 0
        self._fd = -1
        self._pending: PendingRead | None = None

    def of(self, vm: Guest) -> GuestFile:
        """Return the same open file in a copy of its machine; see `Vm.fork`. It need not be closed there."""
        twin = copy(self)
        twin._guest = vm
        twin._pending = self._pending.of(vm) if self._pending is not None else None
        return twin

    def __enter__(self) -> GuestFile:
        """Open the file."""
        answer = self._guest.rbctl("session", self._directory)
        if answer.status != 0:
            raise CommandError(
                "cannot start a process to hold descriptors",
                status=answer.status,
                output=explain_errno(answer.output),
            )
        self.pid = int(answer.output.removeprefix("session "))
        opened = self.step(f"open:{self._mode}:{self.path}")
        if opened.errno:
            self._leave()
        self._fd = require(opened, f"open {self.path}").value
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, if it is still open, and end the process that held it."""
        try:
            if self._pending is not None and not self._pending.done:
                # the process is blocked and cannot close the file itself
                self._guest.run(f"kill -9 {self.pid}; rm -r {self._directory}")
                return
            if self._fd >= 0:
                self.close()
            self._leave()
        except HarnessError:
            # an error of the body, such as the machine's death, is the one to report
            if error is None:
                raise

    def _leave(self) -> None:
        self.step("exit")

    def step(self, step: str) -> StepResult:
        """Issue one system call, a step of images/rbctl/rbctl.c, and return its result even if it failed."""
        return self.steps([step])[0]

    def steps(self, steps: Sequence[str]) -> tuple[StepResult, ...]:
        """Issue system calls one after the other, and return the result of each even if it failed."""
        self._require_idle()
        answer = self._guest.rbctl("ask", self._directory, *require_steps(steps))
        return results_of(answer, len(steps))

    def _require_idle(self) -> None:
        if self._pending is not None and not self._pending.done:
            raise UsageError(f"a read of {self.path} is pending: the process that holds it waits")

    def _call(self, name: str, rest: str) -> StepResult:
        return require(self.step(f"{name}:{self._fd}{rest}"), f"{name} on {self.path}")

    def read(self, size: int = 4096) -> bytes:
        """Issue one read(2)."""
        return self._call("read", f":{size}").data

    def begin_read(self, size: int = 4096) -> PendingRead:
        """Begin one read(2) that may block, and return at once.

        Other calls on the file are refused until it has returned.
        """
        self._require_idle()
        results_of(self._guest.rbctl("send", self._directory, f"read:{self._fd}:{size}"), 0)
        self._pending = PendingRead(self._guest, self._directory, self.path)
        return self._pending

    def poll(self, events: int = select.POLLIN, timeout_s: float = 0.0) -> int:
        """Issue one poll(2) and return the events that occurred, 0 if none did.

        Events are those of Python's `select`. `timeout_s` is by the guest's clock, and is not stretched.
        """
        return int.from_bytes(self._call("poll", f":{events}:{timeout_s * 1000:.0f}").data, "big")

    def write(self, data: bytes) -> int:
        """Issue one write(2) and return its value."""
        return self._call("write", f":{data.hex()}").value

    def pread(self, size: int, offset: int) -> bytes:
        """Issue one pread(2)."""
        return self._call("pread", f":{size}:{offset}").data

    def pwrite(self, data: bytes, offset: int) -> int:
        """Issue one pwrite(2) and return its value."""
        return self._call("pwrite", f":{data.hex()}:{offset}").value

    def read_to(self, where: str, size: int) -> int:
        """Issue one read(2) into a bad buffer, `null` or `unmapped`, and return its value."""
        return self._call("badread", f":{size}:{where}").value

    def write_from(self, where: str, size: int) -> int:
        """Issue one write(2) from a bad buffer, `null` or `unmapped`, and return its value."""
        return self._call("badwrite", f":{size}:{where}").value

    def lseek(self, offset: int, whence: int = 0) -> int:
        """Issue one lseek(2) and return the new offset."""
        return self._call("lseek", f":{offset}:{whence}").value

    def ioctl(self, command: int, argument: Argument | str = None) -> IoctlResult:
        """Issue one ioctl(2); a buffer of bytes is read back, `null` and `unmapped` are bad addresses."""
        given = argument if isinstance(argument, str) else render_argument(argument)
        result = self._call("ioctl", f":{command:#x}:{given}")
        return result_of(result, argument)

    def mmap(self, length: int, prot: str = "r", kind: str = "shared", offset: int = 0) -> Mapping:
        """Issue one mmap(2); `prot` is none, r, w or rw, `kind` shared or private."""
        number = self._call("mmap", f":{length}:{prot}:{kind}:{offset}").value
        return Mapping(self, number)

    def close(self) -> None:
        """Close the descriptor; the process that held it ends with the context."""
        fd, self._fd = self._fd, -1
        require(self.step(f"close:{fd}"), f"close {self.path}")


class PendingRead:
    """A read(2) that may still block."""

    def __init__(self, guest: Guest, directory: str, path: str) -> None:
        self._guest = guest
        self._directory = directory
        self._path = path
        self._result: StepResult | None = None

    def of(self, vm: Guest) -> PendingRead:
        """Return the same read in a copy of its machine; see `Vm.fork`."""
        twin = copy(self)
        twin._guest = vm
        return twin

    @property
    def done(self) -> bool:
        """Whether it has returned."""
        if self._result is None:
            answer = self._guest.rbctl("receive", self._directory, "1", "0")
            if answer.output != f"errno {errno.ETIMEDOUT}":
                self._result = results_of(answer, 1)[0]
        return self._result is not None

    def result(self, timeout_s: float = WAIT_S) -> bytes:
        """Wait until it has returned, and return what it read.

        Raises SyscallError when it failed, and WaitError when it still blocks after `timeout_s`.
        """
        self._guest.wait_for(lambda: self.done, f"a read of {self._path} to return", timeout_s)
        assert self._result is not None
        return require(self._result, f"read on {self._path}").data


class Mapping:
    """A mapping of an open file. 1, 2, 4 or 8 aligned bytes are read or written by one CPU access."""

    def __init__(self, file: GuestFile, number: int) -> None:
        self._file = file
        self._number = number

    def peek(self, offset: int, size: int) -> bytes:
        """Read bytes of the mapping, in the order of memory. Raises UsageError beyond its end."""
        return self._call(f"peek:{self._number}:{offset}:{size}", "read").data

    def poke(self, offset: int, data: bytes) -> None:
        """Write bytes to the mapping. Raises UsageError beyond its end."""
        self._call(f"poke:{self._number}:{offset}:{data.hex()}", "write to")

    def unmap(self) -> None:
        """Issue one munmap(2)."""
        self._call(f"munmap:{self._number}", "unmap")

    def _call(self, step: str, attempted: str) -> StepResult:
        return require(self._file.step(step), f"{attempted} the mapping of {self._file.path}")
