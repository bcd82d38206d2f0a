"""The text that goes to the guest's rbctl and comes back from it.

Owns how steps are put on a command line and how result lines are read, as
images/rbctl/rbctl.c describes both; pure. Knows nothing of how commands reach
the guest, nor of what a step is for.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from rustbed.errors import UsageError

# most bytes one step can move
IO_MAX = 1 << 20

_RESULT = re.compile(r"(\d+) (-?\d+) (\d+) (-|(?:[0-9a-f]{2})+)")
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


def render_steps(steps: Sequence[str]) -> str:
    """Render steps as words of a shell command. Raises UsageError for one that cannot be a line."""
    for step in steps:
        if "\n" in step or "\0" in step:
            raise UsageError(f"a step cannot hold a newline or a zero byte: {step!r}")
        if len(step) > 2 * IO_MAX + 1024:
            raise UsageError(f"one step moves at most {IO_MAX} bytes: {step[:40]}...")
    return shlex.join(steps)


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
