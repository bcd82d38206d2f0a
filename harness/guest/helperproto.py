"""The text that goes to the guest's rbctl and comes back from it.

Owns the wording of steps and of result lines, as images/rbctl/rbctl.c
describes them; pure. Knows nothing of how commands reach the guest.

A step is a string made by one of the `step_` functions; `render_sys` and
`render_ask` make a shell command of several, and `parse_results` reads what
that command printed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

from harness.errors import CommandError, UsageError

# the descriptor that the first `open` of a fresh process or session returns
FIRST_FD = 3
# most bytes one step can move
IO_MAX = 1 << 20

_OPEN_WORDS = frozenset(
    ("r", "w", "rw", "append", "creat", "direct", "directory", "excl", "nonblock", "sync", "trunc")
)
_BAD_POINTERS = ("null", "unmapped")
_RESULT = re.compile(r"(\d+) (-?\d+) (\d+) (-|(?:[0-9a-f]{2})+)")
_REFUSED = re.compile(r"(\d+) ! (.*)")
_FAILED = re.compile(r"errno (\d+)")
_SESSION = re.compile(r"session (\d+)")


class PollEvent(IntFlag):
    """Bits of poll(2), the same on every architecture that runs here."""

    IN = 1
    PRI = 2
    OUT = 4
    ERR = 8
    HUP = 16
    INVALID = 32


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What one system call did."""

    # what it returned; -1 if it failed
    value: int
    # 0 if it succeeded
    errno: int = 0
    # bytes read, the ioctl's buffer afterwards, the two bytes of poll's revents
    data: bytes = b""

    @property
    def events(self) -> PollEvent:
        """The events that a `poll` step found."""
        return PollEvent(int.from_bytes(self.data, "big"))


def step_open(path: str, mode: str = "rw", *flags: str) -> str:
    """Open a file; `mode` is r, w or rw, `flags` are open(2)'s without their O_, in lower case."""
    for word in (mode, *flags):
        if word not in _OPEN_WORDS:
            raise UsageError(
                f"unknown flag for opening {path}: {word!r}", choices=", ".join(sorted(_OPEN_WORDS))
            )
    if "\n" in path or "\0" in path:
        raise UsageError(f"a path with a newline or a zero byte cannot be opened: {path!r}")
    return f"open:{','.join((mode, *flags))}:{path}"


def step_close(fd: int) -> str:
    """Close a descriptor."""
    return f"close:{fd}"


def step_dup(fd: int) -> str:
    """Duplicate a descriptor."""
    return f"dup:{fd}"


def step_fsync(fd: int) -> str:
    """Flush a file."""
    return f"fsync:{fd}"


def step_read(fd: int, count: int) -> str:
    """Read at most `count` bytes with one read(2)."""
    return f"read:{fd}:{_require_size(count)}"


def step_write(fd: int, data: bytes) -> str:
    """Write the data with one write(2)."""
    return f"write:{fd}:{_hex(data)}"


def step_pread(fd: int, count: int, offset: int) -> str:
    """Read at most `count` bytes at an offset, which may be negative."""
    return f"pread:{fd}:{_require_size(count)}:{offset}"


def step_pwrite(fd: int, data: bytes, offset: int) -> str:
    """Write the data at an offset, which may be negative."""
    return f"pwrite:{fd}:{_hex(data)}:{offset}"


def step_badread(fd: int, count: int, pointer: str = "unmapped") -> str:
    """Read into a buffer that is not there: `null` or `unmapped`."""
    return f"badread:{fd}:{count}:{_require_bad(pointer)}"


def step_badwrite(fd: int, count: int, pointer: str = "unmapped") -> str:
    """Write from a buffer that is not there: `null` or `unmapped`."""
    return f"badwrite:{fd}:{count}:{_require_bad(pointer)}"


def step_lseek(fd: int, offset: int, whence: int = 0) -> str:
    """Move the file position; `whence` as os.SEEK_SET and its like."""
    return f"lseek:{fd}:{offset}:{whence}"


def step_ftruncate(fd: int, length: int) -> str:
    """Set a file's length."""
    return f"ftruncate:{fd}:{length}"


def step_ioctl(fd: int, request: int, argument: int | bytes | str | None = None) -> str:
    """Issue an ioctl: without an argument, with a number, with a buffer (bytes) or a bad pointer (str).

    The buffer as it is afterwards is the result's `data`. It ends where
    unmapped memory begins, so a driver that takes more of it gets EFAULT.
    """
    match argument:
        case None:
            kind = "none"
        case int():
            kind = f"int:{argument}"
        case str():
            kind = _require_bad(argument)
        case _:
            kind = f"buf:{_hex(argument)}"
    return f"ioctl:{fd}:{request:#x}:{kind}"


def step_poll(fd: int, events: PollEvent, timeout_ms: int = 0) -> str:
    """Wait for events; a timeout of -1 waits for ever."""
    return f"poll:{fd}:{int(events)}:{timeout_ms}"


def step_mmap(fd: int, length: int, protection: str = "rw", *, shared: bool = True, offset: int = 0) -> str:
    """Map a file; `protection` is none, r, w or rw. The value is a map number for the steps below."""
    if protection not in ("none", "r", "w", "rw"):
        raise UsageError(f"unknown protection {protection!r}", choices="none, r, w, rw")
    return f"mmap:{fd}:{length}:{protection}:{'shared' if shared else 'private'}:{offset}"


def step_munmap(number: int) -> str:
    """Take a map away."""
    return f"munmap:{number}"


def step_peek(number: int, offset: int, count: int) -> str:
    """Read mapped memory; 1, 2, 4 or 8 aligned bytes in one access. A fault ends the process."""
    return f"peek:{number}:{offset}:{_require_size(count)}"


def step_poke(number: int, offset: int, data: bytes) -> str:
    """Write mapped memory; 1, 2, 4 or 8 aligned bytes in one access. A fault ends the process."""
    return f"poke:{number}:{offset}:{_hex(data)}"


def step_sleep(milliseconds: int) -> str:
    """Do nothing for a while."""
    return f"sleep:{milliseconds}"


def step_pid() -> str:
    """Return the process's number as the value."""
    return "pid"


def step_exit() -> str:
    """End a session, which closes its descriptors and takes its directory away."""
    return "exit"


def _hex(data: bytes) -> str:
    _require_size(len(data))
    return data.hex()


def _require_size(count: int) -> int:
    if not 0 <= count <= IO_MAX:
        raise UsageError(f"one step moves 0 to {IO_MAX} bytes, not {count}")
    return count


def _require_bad(pointer: str) -> str:
    if pointer not in _BAD_POINTERS:
        raise UsageError(f"unknown bad pointer {pointer!r}", choices=", ".join(_BAD_POINTERS))
    return pointer


def render_sys(steps: Sequence[str]) -> str:
    """Render the command that runs steps in a process of their own."""
    return shlex.join(("rbctl", "sys", *steps))


def render_session(directory: str) -> str:
    """Render the command that starts a session, in a directory that it makes; see `parse_session`."""
    return shlex.join(("rbctl", "session", directory))


def render_ask(directory: str, steps: Sequence[str]) -> str:
    """Render the command that runs steps in a session and prints their results."""
    return shlex.join(("rbctl", "ask", directory, *steps))


def render_send(directory: str, step: str) -> str:
    """Render the command that hands a step, perhaps a blocking one, to a session and does not wait."""
    return shlex.join(("rbctl", "send", directory, step))


def render_receive(directory: str, timeout_ms: int) -> str:
    """Render the command that waits for the result of a step that was sent; errno 110 on a timeout."""
    return shlex.join(("rbctl", "receive", directory, "1", str(timeout_ms)))


def render_put(path: str, size: int, mode: int = 0o644) -> str:
    """Render the command that prints `go` and then writes the next `size` bytes of its input to a file."""
    return shlex.join(("rbctl", "put", path, str(size), f"{mode:o}"))


def parse_results(status: int, output: str) -> tuple[StepResult, ...]:
    """Return the results that `sys`, `ask` or `receive` printed, one per step.

    Raises UsageError for a step that makes no sense, and CommandError, with
    rbctl's status, when not every step was run: the process was killed, or
    the session is gone.
    """
    results = []
    for line in output.splitlines():
        if refused := _REFUSED.fullmatch(line):
            raise UsageError(f"the guest refused step {refused[1]}: {refused[2]}", output=output.strip())
        if not (match := _RESULT.fullmatch(line)):
            break
        data = b"" if match[4] == "-" else bytes.fromhex(match[4])
        results.append(StepResult(value=int(match[2]), errno=int(match[3]), data=data))
    else:
        if status == 0:
            return tuple(results)
    raise CommandError("not every step was run", status=status, output=output)


def parse_session(status: int, output: str) -> int:
    """Return the process number of the session that was started. Raises CommandError."""
    match = _SESSION.fullmatch(output.strip())
    if status != 0 or match is None:
        raise CommandError("a session did not start", status=status, output=output)
    return int(match[1])


def parse_errno(output: str) -> int:
    """Return the errno in rbctl's last line, 0 if it reported none."""
    lines = output.splitlines()
    match = _FAILED.fullmatch(lines[-1]) if lines else None
    return int(match[1]) if match else 0
