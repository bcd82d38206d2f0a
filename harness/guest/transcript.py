"""The transcript of a run: every command to its machine, for a replay.

Owns the file transcript.jsonl: one JSON object per line, a command of the shell
or of the monitor, or an answer of the shell. Input that commands read from the host
is kept beside it, named by its checksum. Knows nothing of replays.
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

# directory beside the transcript with the input of commands, each in a file named by its SHA-256
INPUTS = "inputs"

_FENCE = render_fence("")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command to a machine's shell, or to QEMU's monitor."""

    # seconds since QEMU was started
    at_s: float
    # when its answer came, in the same seconds; None without an answer
    answered_s: float | None = None
    # the shell's command line, or the name of a QMP command
    text: str
    # SHA-256 of the input that the host sent to the command; None: no input
    stdin: str | None = None
    # arguments of a QMP command; None: it is a shell command
    arguments: Mapping[str, object] | None = None
    # the exit status, and the SHA-256 of the output; None if no answer came
    status: int | None = None
    output: str | None = field(default=None, repr=False)

    @property
    def is_fence(self) -> bool:
        """Whether the command writes a fence to the kernel log."""
        return self.arguments is None and _FENCE in self.text

    def __str__(self) -> str:
        """Return the command in a form for people."""
        if self.arguments is not None:
            return f"QMP {self.text} {json.dumps(self.arguments)}"
        return self.text


class Transcript:
    """Writes the transcript while commands are given."""

    def __init__(self, path: Path, started: float) -> None:
        self._inputs = path.with_name(INPUTS)
        self._file = LogFile(path)
        # time.monotonic() when QEMU was started
        self._started = started

    def _write(self, **facts: object) -> None:
        now = round(time.monotonic() - self._started, 4)
        self._file.write(f"{json.dumps({'at': now, **facts})}\n".encode())

    def begin_with(self, path: Path) -> None:
        """Begin with another transcript, that of the machine that this one is a copy of."""
        self._file.write(path.read_bytes())
        if (inputs := path.with_name(INPUTS)).is_dir():
            shutil.copytree(inputs, self._inputs, dirs_exist_ok=True)

    def command(self, command: str, stdin: bytes | None) -> None:
        """Note a shell command that is about to be given."""
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
        """Note the answer to the last shell command."""
        self._write(status=status, output=hashlib.sha256(output).hexdigest())

    def qmp(self, command: str, arguments: Mapping[str, object]) -> None:
        """Note a monitor command that is about to be given."""
        self._write(qmp=command, arguments=dict(arguments))

    def check(self) -> None:
        """Raise EvidenceError if the transcript could not be written."""
        self._file.check()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def parse_transcript(text: str) -> tuple[Command, ...]:
    """Return the commands of a transcript.jsonl without fences. Raises UsageError, which names a wrong line.

    Ignores a last line that was cut off when its writer ended.
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
