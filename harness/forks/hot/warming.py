"""What a machine does before it is copied: what tests do first, so that QEMU has translated it.

No test may notice it: every command leaves the guest as it found it, and no code of a module runs.
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

# of what the driver tests' transcripts hold, by number: system calls on files, loading of modules, reading
# of sysfs and proc, echoes into files; taint and a fence at both ends of a test, and before its end the
# checks of the slab allocator (instruments/slab.py)
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
# and commands of rbctl; the kernel refuses the modules
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
# the second time, QEMU chains what it has translated
_ROUNDS = 2
# types of parameters that the value below is none of
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
