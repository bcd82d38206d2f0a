"""The text that goes to the guest's rbctl and comes back from it.

Owns how steps are put on a command line and how result lines are read, as
images/rbctl/rbctl.c describes both; pure. Knows nothing of how commands reach
the guest, nor of what a step is for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rustbed.errors import UsageError

# most bytes one step can move
IO_MAX = 1 << 20

# what the agent has room for: characters and words of a request
_REQUEST_CHARACTERS, _REQUEST_WORDS = 2 * IO_MAX, 4000

_RESULT = re.compile(r"(\d+) (-?\d+) (\d+) (-|(?:[0-9a-f]{2})+)")
_ERRNO = re.compile(r"^errno (\d+)$", re.MULTILINE)
_REFUSED = re.compile(r"(\d+) ! (.*)")


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What one system call did."""

    # what it returned; -1 if it failed
    value: int
    # 0 if it succeeded
    errno: int = 0
    # bytes read, an ioctl's buffer afterwards, poll's revents (two bytes, high one first)
    data: bytes = b""


def require_steps(steps: Sequence[str]) -> Sequence[str]:
    """Return steps as they are. Raises UsageError for one that cannot be a line."""
    for step in steps:
        if "\n" in step or "\0" in step:
            raise UsageError(f"a step cannot hold a newline or a zero byte: {step!r}")
        if len(step) > 2 * IO_MAX + 1024:
            raise UsageError(f"one step moves at most {IO_MAX} bytes: {step[:40]}...")
    return steps


def is_request(words: Sequence[str]) -> bool:
    """Whether a command can be one request to the agent; a larger one is for a process of the shell's."""
    return sum(len(word.encode()) + 1 for word in words) < _REQUEST_CHARACTERS and len(words) < _REQUEST_WORDS


def parse_results(output: str) -> tuple[StepResult, ...]:
    """Return the results at the beginning of what rbctl printed, one per step.

    Fewer than there were steps means that the process was killed or could not
    go on. Raises UsageError for a step that rbctl refused as making no sense.
    """
    results = []
    for line in output.splitlines():
        if refused := _REFUSED.fullmatch(line):
            raise UsageError(f"step {refused[1]} makes no sense to rbctl: {refused[2]}")
        if not (match := _RESULT.fullmatch(line)):
            break
        data = b"" if match[4] == "-" else bytes.fromhex(match[4])
        results.append(StepResult(value=int(match[2]), errno=int(match[3]), data=data))
    return tuple(results)


def explain_errno(output: str) -> str:
    """Return an output with words behind the numbers of errors."""
    # the numbers are those of every architecture that has a row, and of this host
    return _ERRNO.sub(lambda found: f"{found[0]}: {os.strerror(int(found[1]))}", output)
