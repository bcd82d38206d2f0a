"""Files and descriptors of the guest, one exact system call at a time.

A shell cannot issue an ioctl, write exactly once or hold a descriptor; the
guest's `rbctl` can, and says what each call returned.
"""

from __future__ import annotations

import errno
import itertools
import shlex
from copy import copy
from dataclasses import dataclass
from types import TracebackType

from rustbed.errors import CommandError, HarnessError, SyscallError, UsageError
from rustbed.guest.rbctl import StepResult, parse_results, render_steps
from rustbed.guest.shell import Answer, Guest

_MODES = {"r", "w", "rw"}
_session = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class IoctlResult:
    """What an ioctl returned."""

    # the return value, usually 0
    value: int
    # the buffer as the call left it; empty if there was none
    data: bytes


def _results(answer: Answer, count: int) -> tuple[StepResult, ...]:
    results = parse_results(answer.output)
    if answer.status != 0 or len(results) != count:
        # of a signal, an oops most often; nobody serves a session any more
        died = answer.status > 128 or answer.output.endswith(f"errno {errno.EPIPE}")
        what = "the guest's process that does the system calls died" if died else "rbctl failed"
        raise CommandError(f"{what}: {answer.command}", status=answer.status, output=answer.output)
    return results


def _sys(guest: Guest, *steps: str) -> tuple[StepResult, ...]:
    """Run steps in a process of their own; the first descriptor it opens is 3."""
    return _results(guest.run("exec rbctl sys " + render_steps(steps)), len(steps))


def require(result: StepResult, attempted: str) -> StepResult:
    """Return the result of a call that must succeed. Raises SyscallError."""
    if result.errno:
        raise SyscallError(attempted, errno=result.errno)
    return result


def read(guest: Guest, path: str, size: int) -> bytes:
    """Return what one read(2) gives."""
    opened, got = _sys(guest, f"open:r:{path}", f"read:3:{size}")
    require(opened, f"open {path}")
    return require(got, f"read {path}").data


def write(guest: Guest, path: str, data: bytes) -> int:
    """Issue one write(2) and return its value."""
    opened, wrote = _sys(guest, f"open:w:{path}", f"write:3:{data.hex()}")
    require(opened, f"open {path} for writing")
    return require(wrote, f"write {data[:40]!r} to {path}").value


def ioctl(guest: Guest, path: str, command: int, argument: int | bytes | None) -> IoctlResult:
    """Open a file, issue one ioctl(2) and close it."""
    opened, done = _sys(guest, f"open:rw:{path}", f"ioctl:3:{command:#x}:{_argument(argument)}")
    require(opened, f"open {path}")
    require(done, f"ioctl {command:#x} on {path}")
    return IoctlResult(value=done.value, data=done.data)


def _argument(argument: int | bytes | None) -> str:
    if argument is None:
        return "none"
    return f"int:{argument}" if isinstance(argument, int) else f"buf:{argument.hex()}"


def push(guest: Guest, data: bytes, remote: str, mode: int) -> None:
    """Write bytes to a file in the guest; its directories are made."""
    target = shlex.quote(remote)
    answer = guest.run(
        f'mkdir -p "$(dirname {target})" && exec rbctl put {target} {len(data)} {mode:o}', None, data
    )
    if answer.status != 0 or f"done {len(data)}" not in answer.output:
        raise CommandError(f"cannot write {remote} in the guest", status=answer.status, output=answer.output)


def pull(guest: Guest, remote: str) -> bytes:
    """Return the whole contents of a file of the guest. Raises CommandError."""
    answer = guest.run(f"exec cat -- {shlex.quote(remote)}")
    if answer.status != 0:
        raise CommandError(f"cannot read {remote} in the guest", status=answer.status, output=answer.output)
    return answer.stdout


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
        self._fd = -1

    def of(self, vm: Guest) -> GuestFile:
        """Return the same open file in a copy of its machine; see `Vm.fork`. It needs no closing there."""
        twin = copy(self)
        twin._guest = vm
        return twin

    def __enter__(self) -> GuestFile:
        """Open the file."""
        answer = self._guest.run(f"exec rbctl session {self._directory}")
        if answer.status != 0:
            raise CommandError(
                "cannot start a process to hold descriptors", status=answer.status, output=answer.output
            )
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
        """Issue one system call, worded as in images/rbctl/rbctl.c, and return its result, failed or not."""
        answer = self._guest.run(f"exec rbctl ask {self._directory} {render_steps([step])}")
        return _results(answer, 1)[0]

    def _call(self, name: str, rest: str) -> StepResult:
        return require(self.step(f"{name}:{self._fd}{rest}"), f"{name} on {self.path}")

    def read(self, size: int = 4096) -> bytes:
        """Issue one read(2)."""
        return self._call("read", f":{size}").data

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

    def ioctl(self, command: int, argument: int | bytes | str | None = None) -> IoctlResult:
        """Issue one ioctl(2); bytes are a buffer and come back, `null` and `unmapped` are bad addresses."""
        given = argument if isinstance(argument, str) else _argument(argument)
        result = self._call("ioctl", f":{command:#x}:{given}")
        return IoctlResult(value=result.value, data=result.data)

    def mmap(self, length: int, prot: str = "r", kind: str = "shared", offset: int = 0) -> int:
        """Issue one mmap(2) and return the number by which `step("peek:...")` knows the mapping."""
        return self._call("mmap", f":{length}:{prot}:{kind}:{offset}").value

    def close(self) -> None:
        """Close the descriptor; the process that held it goes with the context."""
        fd, self._fd = self._fd, -1
        require(self.step(f"close:{fd}"), f"close {self.path}")
