"""What a machine does before it is copied: what tests do first, so that QEMU has translated it.

Pure text. Nothing of it may be seen by a test: every command leaves the guest
as it found it, and no driver is loaded.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rustbed.guest.kmsg import render_fence

# of what the driver tests' transcripts hold, by number: system calls on files, loading of modules, reading
# of sysfs and proc, echoes into files, taint and a fence at both ends of a test
_COMMANDS = (
    ":",
    "(cat /dev/null)",
    "exec head -n 1 /proc/sys/kernel/tainted",
    "exec cat -- /proc/uptime",
    "cat /proc/modules",
    "ls /sys/bus",
    "echo a >/dev/null; test -e /dev/null",
    "x=$(echo b | cat); [ $x = b ]",
    "mkdir /tmp/.warm && echo c >/tmp/.warm/d && cat /tmp/.warm/d && rm -r /tmp/.warm",
    "exec rbctl sys open:r:/dev/null read:3:1",
    "exec insmod /dev/null",
    "exec rmmod rustbed",
)
# the second time, QEMU chains what it has translated
_ROUNDS = 2


def render_warm_up(mark: str, first: Sequence[str] = ()) -> str:
    """Return lines for the guest's shell that end with a fence called `mark`, and the line `mark`."""
    commands = [*first, *(command for _ in range(_ROUNDS) for command in _COMMANDS)]
    lines = [
        f"echo; (eval {shlex.quote(command)}) </dev/null 2>&1; printf '\\n%d\\n' $?" for command in commands
    ]
    return "\n".join([*lines, f"echo {shlex.quote(render_fence(mark))} >/dev/kmsg; echo {mark}", ""])
