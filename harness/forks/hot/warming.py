"""What a machine does before it is copied: what tests do first, so that QEMU has translated it.

Pure text. Nothing of it may be seen by a test: every command leaves the guest
as it found it, and no driver is loaded.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rustbed.guest.kmsg import render_fence
from rustbed.guest.shell import By

# of what the driver tests' transcripts hold, by number: system calls on files, loading of modules, reading
# of sysfs and proc, echoes into files, taint and a fence at both ends of a test
_COMMANDS = (
    ":",
    "(cat /dev/null)",
    "cat /proc/uptime",
    "cat /proc/modules",
    "ls /sys/bus",
    "echo a >/dev/null; test -e /dev/null",
    "x=$(echo b | cat); [ $x = b ]",
    "mkdir /tmp/.warm && echo c >/tmp/.warm/d && cat /tmp/.warm/d && rm -r /tmp/.warm",
)
# and commands of rbctl; the kernel refuses the modules
_STEPS = (
    "rbctl get /proc/sys/kernel/tainted",
    "rbctl sys open:r:/dev/null read:3:1",
    "rbctl insmod /dev/null",
    "rbctl rmmod rustbed",
    "rbctl put /tmp/.warm/d 0 600",
    "rbctl session /run/.warm",
    "rbctl ask /run/.warm exit",
)
# the second time, QEMU chains what it has translated
_ROUNDS = 2


def render_warm_up(mark: str, first: Sequence[str] = ()) -> str:
    """Return lines for the guest's shell that end with a fence called `mark`, and the line `mark`."""
    each = [(By.SUBSHELL, command) for command in first]
    each += [
        *((By.SUBSHELL, command) for command in _COMMANDS),
        *((By.AGENT, step) for step in _STEPS),
        (By.SUBSHELL, "rm -r /tmp/.warm"),
    ] * _ROUNDS
    lines = [f"echo; {by.render(command, ' </dev/null')}; printf '\\n%d\\n' $?" for by, command in each]
    return "\n".join([*lines, f"echo {shlex.quote(render_fence(mark))} >/dev/kmsg; echo {mark}", ""])
