"""Commands in the guest and their exit statuses.

The only door to pexpect. The guest's shell reads lines from a serial port of
its own, without echo or prompt. Each command runs in a fresh subshell, or in
the agent if it is a command of rbctl. Its output comes between two marks with a random token,
so that output of a background job, or binary output, cannot be mistaken for an answer.
"""

from __future__ import annotations

import math
import secrets
import shlex
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeVar

import pexpect
from pexpect.socket_pexpect import SocketSpawn

from rustbed.deadline import Deadline
from rustbed.errors import HangError, LostError, MachineError
from rustbed.guest.logfile import LogFile

# images/init prints this once the shell listens; the number is the protocol's version
READY = b"rustbed-ready 2"

# default timeout of `wait_for`, in seconds on real hardware
WAIT_S = 5.0
# seconds between two checks of the machine during a wait; an answer ends the wait at once
_LOOK_S = 0.1
# what happened to the channel, by pexpect's index of what it found instead of a mark
_LOST = {-1: "broke", 1: "was closed"}
# a command prints this when it is ready for its input
_GO = b"go\n"
# seconds that QEMU may take to end after it has closed its channels
_CAUSE_S = 2.0


T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A guest command's output (both streams) and its exit status."""

    command: str
    status: int
    stdout: bytes

    @property
    def output(self) -> str:
        """The output as text, without the trailing newline."""
        return self.stdout.decode(errors="replace").removesuffix("\n")


class By(Enum):
    """Who runs a command."""

    # a subshell: nothing but the file system carries over to the next command
    SUBSHELL = "({eval})"
    # the shell itself: for commands that do not change its state
    SHELL = "{{ {eval}; }}"
    # rbctl's agent, for its own commands only; its words are quoted, and nothing is expanded
    AGENT = "_{command}"

    def render(self, command: str, source: str) -> str:
        """Render the shell's line for a command; `source` redirects its input."""
        typed = self.value.format(eval=f"eval {shlex.quote(command)}", command=command)
        # the agent has an input of its own
        return f"{typed} 2>&1" if self is By.AGENT else f"{typed}{source} 2>&1"


# the function below: `rbctl` for a shell's loop, without a process for each command
ASK_AGENT = "_rbctl"
# starts the agent, and defines the function by which the shell asks it. The function opens the agent's pipes
# by /proc, so that no command inherits them. The agent reads its input from the channel, on which the shell
# writes. While there is no agent or no /proc, the shell starts a process for each command
START_AGENT = (
    "rbctl agent <&1 2>/dev/null & _agent=/proc/$!/fd; _rbctl() {"
    " if [ -e $_agent/1023 ]; then"
    " printf '%s\\0' $# \"$@\" 1<>$_agent/1022;"
    " read -r _status <$_agent/1023 || _status=137; return $_status;"
    ' fi; rbctl "$@"; }'
)


class Guest(Protocol):
    """A machine that takes commands; all modules of this folder work through it."""

    def run(self, command: str, timeout_s: float | None = None, stdin: bytes | None = None) -> Answer:
        """Run a shell command and return its answer, whatever its status; see `Vm.run`."""

    def check(self, command: str, timeout_s: float | None = None) -> str:
        """Run a shell command that must succeed and return its output. Raises CommandError."""

    def rbctl(self, *words: str, stdin: bytes | None = None, check: bool = False) -> Answer:
        """Run a command of rbctl and return its answer; see `Vm.rbctl`."""

    def wait_for(self, condition: Callable[[], T], what: str, timeout_s: float = WAIT_S) -> T:
        """Ask until `condition` returns something true, and return that; see `Vm.wait_for`."""


class Shell:
    """The guest's shell; `watch` is called during every wait, and raises when the machine has died."""

    def __init__(self, sock: socket.socket, transcript: Path, watch: Callable[[], None]) -> None:
        self._watch = watch
        self._transcript = LogFile(transcript)
        self._spawn = SocketSpawn(sock, maxread=1 << 16, timeout=None)
        self._spawn.delaybeforesend = None
        self._token = secrets.token_hex(8)
        self._count = 0
        self._given_up = ""
        self._waiting = ""
        # bytes of the current answer so far, and the time.monotonic() of the last one
        self._size, self._grew_at = 0, -math.inf

    @property
    def received(self) -> int:
        """Bytes of the current answer so far."""
        return self._size

    @property
    def quiet_s(self) -> float:
        """Seconds since the last byte of the current answer; infinite if none has come."""
        return time.monotonic() - self._grew_at

    @property
    def waiting(self) -> str:
        """Which answer is awaited, "" for none; any thread may ask."""
        return self._waiting

    @property
    def given_up(self) -> str:
        """The command whose wait was interrupted, and why, in one line; no command is taken after it."""
        return self._given_up

    def wait_ready(self, deadline: Deadline) -> None:
        """Wait until the shell listens. Raises HangError, or what `watch` raises."""
        self._expect(READY + b"\n", deadline, "waiting for the guest's shell")

    def run(
        self, command: str, deadline: Deadline, stdin: bytes | None = None, *, by: By = By.SUBSHELL
    ) -> Answer:
        """Run a command and return its answer.

        With `stdin`, the command must print a line `go` when it is ready to read
        exactly that many bytes; they are not sent if it ends before that. Raises
        HangError when the deadline passes. The shell takes no more commands after
        that, or after the wait was interrupted, for example by pytest-timeout.
        """
        if self._given_up:
            raise HangError(self._given_up)
        self._count += 1
        self._size, self._grew_at = 0, -math.inf
        mark = f"{self._token}.{self._count}"
        source = "" if stdin is not None else " </dev/null"
        attempted = f"waiting for the command: {command}"
        self._waiting = attempted
        self._transcript.write(f"$ {command}\n".encode())
        evaluated = by.render(command, source)
        begun = time.monotonic()
        try:
            self._send(f"echo {mark}:begin; {evaluated}; printf '\\n{mark}:end %d\\n' $?\n".encode())
            self._expect(f"{mark}:begin\n".encode(), deadline, attempted)
            end = f"\n{mark}:end ".encode()
            found, output = self._first_of([end] if stdin is None else [_GO, end], deadline, attempted)
            if found == _GO and stdin is not None:
                self._send(stdin)
                output = self._expect(end, deadline, attempted)
            status = int(self._expect(b"\n", deadline, attempted))
        except BaseException as error:
            why = (str(error).splitlines() or [type(error).__name__])[0]
            took = time.monotonic() - begun
            self._given_up = f"{why.rstrip('.')}: {attempted}, given up after {took:.1f} s"
            raise
        self._waiting = ""
        self._transcript.write(output + f"\n[{status}]\n".encode())
        return Answer(command=command, status=status, stdout=output)

    def _send(self, data: bytes) -> None:
        try:
            self._spawn.send(data)
        except OSError as error:
            raise self._gone("the guest's shell is gone") from error

    def _gone(self, headline: str) -> LostError:
        """Return the error for a closed channel; `watch` may raise a better one first."""
        deadline = Deadline.after(_CAUSE_S)
        while not deadline.expired:
            self._watch()
            time.sleep(0.01)
        return LostError(headline)

    def _expect(self, mark: bytes, deadline: Deadline, attempted: str) -> bytes:
        """Wait for a mark and return the bytes before it."""
        return self._first_of([mark], deadline, attempted)[1]

    def _first_of(self, marks: list[bytes], deadline: Deadline, attempted: str) -> tuple[bytes, bytes]:
        """Wait for one of several marks; return it and the bytes before it. Takes linear time."""
        # init starts a new shell when one dies, and the new one prints the ready line
        died = [READY + b"\n"] if READY + b"\n" not in marks else []
        while True:
            # Python takes a socket timeout of zero for "do not block"
            step = max(deadline.slice(_LOOK_S), 0.001)
            broken: OSError | None = None
            try:
                found = self._spawn.expect_exact([pexpect.TIMEOUT, pexpect.EOF, *marks, *died], timeout=step)
            except OSError as error:
                # a killed QEMU resets the connection with our data unread
                found, broken = -1, error
            before = bytes(self._spawn.before or b"")
            if len(before) != self._size:
                self._size, self._grew_at = len(before), time.monotonic()
            if 2 <= found < 2 + len(marks):
                return marks[found - 2], before
            try:
                self._watch()
                if found in _LOST:
                    raise self._gone(f"{attempted}: the shell's channel {_LOST[found]}") from broken
                if found >= 2:
                    raise LostError(f"{attempted}: the guest's shell died")
                if deadline.expired:
                    seen = before[-400:].decode(errors="replace")
                    raise HangError(
                        f"{attempted}: no answer within {deadline.seconds:g} s", output=seen, **deadline.facts
                    )
            except MachineError as error:
                error.printed = self._drain() if found == 0 else before
                self._transcript.write(error.printed + b"\n[no answer]\n")
                raise

    def _drain(self) -> bytes:
        """Return the output so far, including bytes that have not been read yet."""
        with suppress(OSError):
            self._spawn.expect_exact([pexpect.EOF, pexpect.TIMEOUT], timeout=_LOOK_S)
        return bytes(self._spawn.before or b"")

    def check(self) -> None:
        """Raise EvidenceError if the transcript could not be written."""
        self._transcript.check()

    def close(self) -> None:
        """Close the channel and the transcript."""
        # the other end may have closed first
        with suppress(OSError):
            self._spawn.close()
        self._transcript.close()
