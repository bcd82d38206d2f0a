"""The only door to subprocess.

Every program the harness starts dies with the harness, however it ends: each
is started through `setpriv --pdeathsig`, so that the kernel ends it even when
none of ours is left. Programs get their own session, so that a Ctrl-C at
the terminal reaches the harness first and is passed on in order.

Knows nothing of kernels or QEMU.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rustbed.errors import HostError

# for `start`'s streams
PIPE = subprocess.PIPE

# a started program, for those who may not import subprocess
Child = subprocess.Popen[bytes]
# what to connect an unused stream to
NOTHING = subprocess.DEVNULL

# seconds between asking a program to end and ending it
GRACE_S = 3.0
# within which an ended process has a status for every thread that asks
_REAPED_S = 10.0


class Process(Protocol):
    """A running program that is the leader of its process group, no matter which process started it.

    `Child` is one. A copy that a program made of itself is another: subprocess does not know it.
    """

    @property
    def pid(self) -> int:
        """Its number on the host."""

    def poll(self) -> int | None:
        """Return its exit status, a negative signal number if a signal ended it; None while it runs.

        The status stays known after the first call that returned it.
        """

    def kill(self) -> None:
        """End it with SIGKILL; does nothing if it has ended."""


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that has ended."""

    argv: tuple[str, ...]
    # exit status; negative signal number if a signal ended it
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, undecodable bytes replaced."""
        return self.stdout.decode(errors="replace")


class ProgramError(HostError):
    """A host program ended with a status other than 0."""

    def __init__(self, completed: Completed, attempted: str) -> None:
        self.completed = completed
        tail = (completed.stderr or completed.stdout).decode(errors="replace").strip().splitlines()[-12:]
        super().__init__(
            f"{attempted}: {completed.argv[0]} ended with status {completed.status}",
            output="\n".join(tail),
            repeat=shlex.join(completed.argv),
        )


def require_program(name: str, package: str | None = None) -> str:
    """Return the path of a program on PATH; HostError names the Debian package that has it."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise HostError(f"{name} is not installed", fix=f"apt-get install {package or name}")
    return path


def _bound(argv: Sequence[str]) -> list[str]:
    """Prefix argv so that the program dies with the thread that starts it.

    The parent may die before the child has asked to be told: then the child's
    parent is another when it looks, and it goes at once.
    """
    orphaned = '[ "$PPID" = "$0" ] && exec "$@"'
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", orphaned, str(os.getpid()), *argv]


@contextmanager
def start(
    argv: Sequence[str],
    *,
    stdout: int | None = subprocess.DEVNULL,
    stderr: int | None = subprocess.DEVNULL,
    stdin: int | None = subprocess.DEVNULL,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, yield it, and end it (and its process group) on the way out.

    `env` is added to the environment. Raises HostError if the program cannot
    be started. The streams take file descriptors or subprocess constants.
    """
    try:
        process = subprocess.Popen(
            _bound(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    except OSError as error:
        raise HostError(f"cannot start {argv[0]}: {error.strerror}", repeat=shlex.join(argv)) from error
    try:
        yield process
    finally:
        stop(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def wait(process: Process, timeout_s: float | None = None) -> int | None:
    """Wait until a process has ended and return its exit status; None if it still runs after `timeout_s`.

    Works for processes that are not our children, too (pidfd_open(2), Linux 5.3).
    """
    if (status := process.poll()) is not None:
        return status
    has_ended = True
    # one that is not there has been reaped by another thread, which is about to tell its status
    with suppress(ProcessLookupError):
        has_ended = _poll_end(process.pid, timeout_s)
    reaped_by = time.monotonic() + _REAPED_S
    while (status := process.poll()) is None and has_ended and time.monotonic() < reaped_by:
        # a thread that asks while another does is told nothing by Popen.poll()
        time.sleep(0.001)
    return status


def _poll_end(pid: int, timeout_s: float | None) -> bool:
    """Wait until a process has ended, and return whether it has. Raises ProcessLookupError for none."""
    descriptor = os.pidfd_open(pid)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        return bool(ended.poll(None if timeout_s is None else timeout_s * 1000))
    finally:
        os.close(descriptor)


def stop(process: Process, grace_s: float = GRACE_S) -> int:
    """End a program's process group, politely first, and return its exit status.

    A program that has ended already keeps its status; what it left in its
    process group is ended all the same.
    """
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sig)
        except (ProcessLookupError, PermissionError):
            break
        wait(process, grace_s)
    status = wait(process)
    assert status is not None
    return status


def run(
    argv: Sequence[str],
    *,
    attempted: str,
    timeout_s: float | None = 120.0,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    check: bool = True,
) -> Completed:
    """Run a program to its end and return what it wrote.

    `attempted` says in an error text what this was for. Raises ProgramError
    for a status other than 0 (unless `check` is False) and HostError when the
    program cannot be started or runs into the timeout.
    """
    pipe = subprocess.PIPE
    with start(
        argv,
        stdout=pipe,
        stderr=pipe,
        stdin=subprocess.DEVNULL if stdin is None else pipe,
        cwd=cwd,
        env=env,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise HostError(
                f"{attempted}: {argv[0]} did not end within {timeout_s:g} s", repeat=shlex.join(argv)
            ) from error
    completed = Completed(argv=tuple(argv), status=process.returncode, stdout=out, stderr=err)
    if check and completed.status != 0:
        raise ProgramError(completed, attempted)
    return completed


def run_logged(
    argv: Sequence[str],
    *,
    log: Path,
    on_line: Callable[[str], None] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a long program, append its output (both streams) to `log`, and return its exit status.

    `on_line` is called with every line, without its newline, as it comes.
    """
    with (
        log.open("ab") as sink,
        start(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd, env=env) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            sink.write(line)
            sink.flush()
            if on_line is not None:
                on_line(line.decode(errors="replace").rstrip("\n"))
        return process.wait()


def run_attached(argv: Sequence[str]) -> int:
    """Run a program on our terminal, in our session, and return its exit status.

    A Ctrl-C reaches it as it reaches us; it is given the time to clean up.
    """
    with subprocess.Popen(_bound(argv)) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def replace_by(argv: Sequence[str]) -> None:
    """Become another program: the process goes on as `argv` (execvp)."""
    os.execvp(argv[0], list(argv))
