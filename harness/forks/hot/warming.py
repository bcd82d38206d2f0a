"""The warm-up of a server: commands that tests run first. QEMU has translated their code when it is copied.

No test may notice it: each command leaves the guest as it was, and no driver is registered.
See docs/decisions/0049-what-is-warmed-is-declared.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rustbed.guest.kmsg import render_fence
from rustbed.guest.modules import PLACE
from rustbed.guest.shell import ASK_AGENT, By
from rustbed.kernel.artifact import Kernel, Module
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
# Loads that a module's own init refuses before it does anything else, by module. loop: partitions beyond
# DISK_MAX_PARTS (loop_init in drivers/block/loop.c)
_INITS = {"loop": "max_part=1048576"}
# types of parameters that refuse the value below
_NUMBERS = frozenset({"bool", "invbool", "byte", "short", "ushort", "int", "uint", "long", "ulong", "hexint"})
_NO_NUMBER = "?"


def find_refused_load(kernel: Kernel) -> str:
    """Return a command that loads a module which is refused late; "" if there is none.

    If its init refuses, the kernel has done all of loading, and then does all of unloading. Where the image
    has no such module, it is one with a value that its parameter refuses: the kernel reads, lays out and
    relocates it before it looks at parameters, and none of its code runs.
    """
    if not kernel.carries_modules:
        return ""
    for name, value in _INITS.items():
        module = kernel.modules.get(name)
        if module is not None and _leaves_nothing(module):
            # a kernel that takes the value after all does not keep the module
            return f"rbctl insmod {PLACE}/{name}.ko {value} && {ASK_AGENT} rmmod {name}"
    for module in sorted(kernel.modules.values(), key=lambda module: module.path.stat().st_size):
        numbers = [name for name, kind in read_module(module.path).types if kind in _NUMBERS]
        if numbers and _leaves_nothing(module):
            return f"rbctl insmod {PLACE}/{module.name}.ko {numbers[0]}={_NO_NUMBER}"
    return ""


def _leaves_nothing(module: Module) -> bool:
    """Whether it neither taints the kernel nor is refused early, for the lack of another module."""
    facts = read_module(module.path)
    return not facts.depends and not facts.taints


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
