"""Files and descriptors of the guest, one exact system call at a time.

A shell cannot issue an ioctl, write exactly once or hold a descriptor. The
guest's `rbctl` can, and reports what each call returned.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rustbed.errors import CommandError, SyscallError
from rustbed.guest.rbctl import StepResult, explain_errno, parse_results, require_steps
from rustbed.guest.shell import Answer, Guest


@dataclass(frozen=True, kw_only=True)
class IoctlResult:
    """The result of an ioctl."""

    # the return value, usually 0
    value: int
    # the buffer after the call; empty if there was none
    data: bytes
    # the memory that a Struct points to, after the call, by the pointer's offset
    pointed: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Struct:
    """A structure for an ioctl that points to other memory."""

    # its bytes; those of pointers are overwritten, and are zero in the result
    data: bytes
    # the bytes that each pointer points to, by the pointer's offset in `data`
    pointers: Mapping[int, bytes]


Argument = int | bytes | Struct | None


def results_of(answer: Answer, count: int) -> tuple[StepResult, ...]:
    """Return the results of `count` steps, from rbctl's output. Raises CommandError if its process died."""
    results = parse_results(answer.output)
    if answer.status != 0 or len(results) != count:
        # killed by a signal, most often because of an oops; the session has no server any more
        died = answer.status > 128 or answer.output.endswith(f"errno {errno.EPIPE}")
        what = "the guest's process that does the system calls died" if died else "rbctl failed"
        raise CommandError(f"{what}: {answer.command}", status=answer.status, output=answer.output)
    return results


def _sys(guest: Guest, *steps: str) -> tuple[StepResult, ...]:
    """Run steps in a process of their own; the first descriptor it opens is 3."""
    return results_of(guest.rbctl("sys", *require_steps(steps)), len(steps))


def require(result: StepResult, attempted: str) -> StepResult:
    """Return the result of a call that must succeed. Raises SyscallError."""
    if result.errno:
        raise SyscallError(attempted, errno=result.errno)
    return result


def read(guest: Guest, path: str, size: int) -> bytes:
    """Issue one read(2) and return the bytes."""
    opened, got = _sys(guest, f"open:r:{path}", f"read:3:{size}")
    require(opened, f"open {path}")
    return require(got, f"read {path}").data


def read_each(guest: Guest, paths: Sequence[str], size: int) -> dict[str, bytes]:
    """Issue one read(2) of each file, all in one request, and return the bytes of those that can be read."""
    steps = [step for path in paths for step in (f"open:r:{path}", f"read:3:{size}", "close:3")]
    results = parse_results(guest.rbctl("sys", *require_steps(steps)).output) if steps else ()
    return {path: got.data for path, got in zip(paths, results[1::3], strict=False) if not got.errno}


def write(guest: Guest, path: str, data: bytes) -> int:
    """Issue one write(2) and return its value."""
    opened, wrote = _sys(guest, f"open:w:{path}", f"write:3:{data.hex()}")
    require(opened, f"open {path} for writing")
    return require(wrote, f"write {data[:40]!r} to {path}").value


def pwrite_each(guest: Guest, path: str, parts: Sequence[tuple[int, bytes]]) -> None:
    """Issue one pwrite(2) for each offset and its bytes, one right after the other."""
    steps = [f"pwrite:3:{data.hex()}:{offset}" for offset, data in parts]
    opened, *wrote = _sys(guest, f"open:rw:{path}", *steps)
    require(opened, f"open {path} for writing")
    for (offset, data), result in zip(parts, wrote, strict=True):
        require(result, f"write {data[:40]!r} to {path} at {offset:#x}")


def ioctl(guest: Guest, path: str, command: int, argument: Argument) -> IoctlResult:
    """Open a file, issue one ioctl(2) and close it."""
    opened, done = _sys(guest, f"open:rw:{path}", f"ioctl:3:{command:#x}:{render_argument(argument)}")
    require(opened, f"open {path}")
    require(done, f"ioctl {command:#x} on {path}")
    return result_of(done, argument)


def result_of(done: StepResult, argument: Argument | str) -> IoctlResult:
    """Return the result of an ioctl, given the step's result and the ioctl's argument."""
    if not isinstance(argument, Struct):
        return IoctlResult(value=done.value, data=done.data)
    pointed, rest = {}, done.data[len(argument.data) :]
    for offset, given in argument.pointers.items():
        pointed[offset], rest = rest[: len(given)], rest[len(given) :]
    return IoctlResult(value=done.value, data=done.data[: len(argument.data)], pointed=pointed)


def render_argument(argument: Argument) -> str:
    """Render an ioctl's argument in the syntax of a step."""
    if argument is None:
        return "none"
    if isinstance(argument, Struct):
        pointers = (f"{offset}={given.hex()}" for offset, given in argument.pointers.items())
        return f"ptr:{','.join((argument.data.hex(), *pointers))}"
    return f"int:{argument}" if isinstance(argument, int) else f"buf:{argument.hex()}"


def push(guest: Guest, data: bytes, remote: str, mode: int) -> None:
    """Write bytes to a file in the guest, making its directories."""
    answer = guest.rbctl("put", remote, str(len(data)), f"{mode:o}", stdin=data)
    if answer.status != 0 or f"done {len(data)}" not in answer.output:
        raise CommandError(
            f"cannot write {remote} in the guest", status=answer.status, output=explain_errno(answer.output)
        )


def pull(guest: Guest, remote: str) -> bytes:
    """Return the whole contents of a file of the guest. Raises CommandError."""
    answer = guest.rbctl("get", remote)
    if answer.status != 0:
        raise CommandError(
            f"cannot read {remote} in the guest", status=answer.status, output=explain_errno(answer.output)
        )
    return answer.stdout
