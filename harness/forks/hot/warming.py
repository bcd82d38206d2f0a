"""The warm-up of a server: commands that tests run first. QEMU has translated their code when it is copied.

No test may notice it: each command leaves the guest as it was, and no code of a module runs.
See docs/decisions/0049-what-is-warmed-is-declared.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rustbed.guest.kmsg import render_fence
from rustbed.guest.modules import PLACE
from rustbed.guest.shell import By
from rustbed.kernel.artifact import Kernel
from rustbed.kernel.module import read_module

# the most frequent kinds of commands in transcripts of driver tests: system calls on files, loading of
# modules, reading of sysfs and proc, echo into files; taint and fence at both ends of a test, and the checks
# of the slab allocator at its end (instruments/slab.py)
_COMMANDS = (
    ":",
    "(cat /dev/null)",
    "cat /proc/uptime",
    "cat /proc/modules",
    "ls /sys/bus",
    "echo a >/dev/null; test -e /dev/null",
    "x=$(echo b | cat); [ $x = b ]",
    "for each in /sys/kernel/slab/kmalloc-*; do echo 1 >$each/validate; done 2>/dev/null",
    "mkdir /tmp/.warm && echo c >/tmp/.warm/d && cat /tmp/.warm/d && rm -r /tmp/.warm",
)
# commands of rbctl; the kernel refuses to load and to unload
_STEPS = (
    "rbctl get /proc/sys/kernel/tainted",
    "rbctl sys open:r:/dev/null read:3:1",
    "rbctl sys open:r:/sys/kernel/notes read:3:32 close:3",
    "rbctl insmod /dev/null",
    "rbctl rmmod rustbed",
    "rbctl put /tmp/.warm/d 0 600",
    "rbctl session /run/.warm",
    "rbctl ask /run/.warm exit",
)
# in the second round QEMU chains the translated blocks
_ROUNDS = 2
# types of parameters that refuse the value below
_NUMBERS = frozenset({"bool", "invbool", "byte", "short", "ushort", "int", "uint", "long", "ulong", "hexint"})
_NO_NUMBER = "?"


def find_refused_load(kernel: Kernel) -> str:
    """Return a command that loads a module with a value that its parameter refuses; "" if there is none.

    The kernel does most of what loading takes before it looks at parameters: it reads the file, lays it out,
    relocates it, and then frees all of it. None of the module's code runs.
    """
    if not kernel.carries_modules:
        return ""
    for module in sorted(kernel.modules.values(), key=lambda module: module.path.stat().st_size):
        facts = read_module(module.path)
        numbers = [name for name, kind in facts.types if kind in _NUMBERS]
        if numbers and not facts.depends and not facts.taints:
            return f"rbctl insmod {PLACE}/{module.name}.ko {numbers[0]}={_NO_NUMBER}"
    return ""


def render_warm_up(mark: str, first: Sequence[str] = (), load: str = "") -> str:
    """Return lines for the guest's shell that end with a fence called `mark`, and the line `mark`.

    `first` are done before all others, and once; `load` is `find_refused_load`'s.
    """
    each = [(By.SUBSHELL, command) for command in first]
    each += [
        *((By.SUBSHELL, command) for command in _COMMANDS),
        *((By.AGENT, step) for step in (*_STEPS, load) if step),
        (By.SUBSHELL, "rm -r /tmp/.warm"),
    ] * _ROUNDS
    lines = [f"echo; {by.render(command, ' </dev/null')}; printf '\\n%d\\n' $?" for by, command in each]
    return "\n".join([*lines, f"echo {shlex.quote(render_fence(mark))} >/dev/kmsg; echo {mark}", ""])
