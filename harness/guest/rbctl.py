"""The protocol of the guest's rbctl: steps on its command line, results in its output.

images/rbctl/rbctl.c describes both; pure. Does not know how commands reach
the guest, or what a step is for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rustbed.errors import UsageError

# most bytes one step can move
IO_MAX = 1 << 20

# limits of the agent for one request: characters, words
_REQUEST_CHARACTERS, _REQUEST_WORDS = 2 * IO_MAX, 4000

_RESULT = re.compile(r"(\d+) (-?\d+) (\d+) (-|(?:[0-9a-f]{2})+)")
_ERRNO = re.compile(r"^errno (\d+)$", re.MULTILINE)
_REFUSED = re.compile(r"(\d+) ! (.*)")


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """The result of one system call."""

    # the return value; -1 if it failed
    value: int
    # 0 if it succeeded
    errno: int = 0
    # bytes read, an ioctl's buffer afterwards, poll's revents (two bytes, high one first)
    data: bytes = b""


def require_steps(steps: Sequence[str]) -> Sequence[str]:
    """Return steps unchanged. Raises UsageError for one that does not fit in a line."""
    for step in steps:
        if "\n" in step or "\0" in step:
            raise UsageError(f"a step cannot hold a newline or a zero byte: {step!r}")
        if len(step) > 2 * IO_MAX + 1024:
            raise UsageError(f"one step moves at most {IO_MAX} bytes: {step[:40]}...")
    return steps


def is_request(words: Sequence[str]) -> bool:
    """Whether a command fits in one request to the agent; the shell starts a process for a larger one."""
    return sum(len(word.encode()) + 1 for word in words) < _REQUEST_CHARACTERS and len(words) < _REQUEST_WORDS


def parse_results(output: str) -> tuple[StepResult, ...]:
    """Return the results in rbctl's output, one for each step.

    There are fewer results than steps if the process was killed or could not
    continue. Raises UsageError for a step that rbctl did not understand.
    """
    results = []
    for line in output.splitlines():
        if refused := _REFUSED.fullmatch(line):
            raise UsageError(f"step {refused[1]} is not valid for rbctl: {refused[2]}")
        if not (match := _RESULT.fullmatch(line)):
            break
        data = b"" if match[4] == "-" else bytes.fromhex(match[4])
        results.append(StepResult(value=int(match[2]), errno=int(match[3]), data=data))
    return tuple(results)


def explain_errno(output: str) -> str:
    """Return an output with a description after each errno."""
    # the numbers are those of every architecture that has a row, and of this host
    return _ERRNO.sub(lambda found: f"{found[0]}: {os.strerror(int(found[1]))}", output)
