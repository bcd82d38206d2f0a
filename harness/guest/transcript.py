"""What a run said to its machine, command by command, so that it can be said again.

Owns the file transcript.jsonl: one JSON object per line, a command of the shell
or of the monitor, or what the shell answered. What commands read from the host
is kept beside it, by its checksum. Knows nothing of who says it again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rustbed import runfiles
from rustbed.errors import UsageError
from rustbed.guest.kmsg import render_fence
from rustbed.guest.logfile import LogFile

# directory beside the transcript, with what commands read, each in a file named after its SHA-256
INPUTS = "inputs"

_FENCE = render_fence("")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command that was given to a machine: to its shell, or to QEMU's monitor."""

    # seconds since QEMU was started
    at_s: float
    # when its answer came; None if none did
    answered_s: float | None = None
    # what the shell was told, or the name of QMP's command
    text: str
    # SHA-256 of what the host sent when the command was ready to read it; None: nothing
    stdin: str | None = None
    # arguments of a QMP command; None: it is the shell's
    arguments: Mapping[str, object] | None = None
    # the exit status, and the SHA-256 of the output; None if no answer came
    status: int | None = None
    output: str | None = field(default=None, repr=False)

    @property
    def is_fence(self) -> bool:
        """Whether this was the harness marking a place in the kernel log."""
        return self.arguments is None and _FENCE in self.text

    def __str__(self) -> str:
        """Return the command as a person would name it."""
        if self.arguments is not None:
            return f"QMP {self.text} {json.dumps(self.arguments)}"
        return self.text


class Transcript:
    """Writes commands down as they are given."""

    def __init__(self, path: Path, started: float) -> None:
        self._inputs = path.with_name(INPUTS)
        self._file = LogFile(path)
        # time.monotonic() when QEMU was started
        self._started = started

    def _write(self, **facts: object) -> None:
        now = round(time.monotonic() - self._started, 4)
        self._file.write(f"{json.dumps({'at': now, **facts})}\n".encode())

    def begin_with(self, path: Path) -> None:
        """Let the transcript begin with another one: that of the machine that this one is a copy of."""
        self._file.write(path.read_bytes())
        if (inputs := path.with_name(INPUTS)).is_dir():
            shutil.copytree(inputs, self._inputs, dirs_exist_ok=True)

    def command(self, command: str, stdin: bytes | None) -> None:
        """Take note of a shell command that is about to be given."""
        if stdin is None:
            self._write(run=command)
            return
        digest = hashlib.sha256(stdin).hexdigest()
        try:
            self._inputs.mkdir(exist_ok=True)
            (self._inputs / digest).write_bytes(stdin)
        except OSError as error:
            self._file.fail(error)
        self._write(run=command, stdin=digest)

    def answer(self, status: int, output: bytes) -> None:
        """Take note of the answer to the last shell command."""
        self._write(status=status, output=hashlib.sha256(output).hexdigest())

    def qmp(self, command: str, arguments: Mapping[str, object]) -> None:
        """Take note of a monitor command that is about to be given."""
        self._write(qmp=command, arguments=dict(arguments))

    def check(self) -> None:
        """Raise EvidenceError if commands could not be written down."""
        self._file.check()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def parse_transcript(text: str) -> tuple[Command, ...]:
    """Return the commands of a transcript.jsonl, fences left out; UsageError names a line that is wrong.

    A last line that was cut off by the end of its writer is left out, too.
    """
    lines = text.split("\n")
    commands: list[Command] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            commands = _take(commands, json.loads(line))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            if number == len(lines):
                break
            raise UsageError(
                f"{runfiles.TRANSCRIPT}:{number}: this is not a command", line=line[:200], error=error
            ) from error
    return tuple(command for command in commands if not command.is_fence)


def _take(commands: list[Command], facts: Mapping[str, Any]) -> list[Command]:
    at_s = float(facts["at"])
    if "status" in facts:
        last = replace(
            commands[-1], answered_s=at_s, status=int(facts["status"]), output=_text(facts.get("output"))
        )
        return [*commands[:-1], last]
    if "qmp" in facts:
        command = Command(at_s=at_s, text=str(facts["qmp"]), arguments=dict(facts["arguments"]))
    else:
        command = Command(at_s=at_s, text=str(facts["run"]), stdin=_text(facts.get("stdin")))
    return [*commands, command]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
