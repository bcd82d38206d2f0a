"""`rustbed boot`: a machine for a person, or for one command.

Knows how to hand a machine over; the command line prints and chooses the exit status.
"""

from __future__ import annotations

import os
from pathlib import Path

from rustbed.machine.booting import boot
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform

# a person's session, or a command they gave, may take this long (seconds)
A_DAY_S = 24 * 3600.0

# the chardev behind /dev/hvc0: our own terminal
TERMINAL = "stdio,signal=off"

# busybox gives the shell a controlling terminal, so that Ctrl-C and job control work
_SHELL = (
    "cd / && stty rows {rows} cols {columns} </dev/hvc0;"
    " echo 'kernel '$(uname -r)', modules in /lib/modules, Ctrl-D ends the machine' >/dev/hvc0;"
    " PS1='{arch}:$PWD# ' setsid -c sh -i </dev/hvc0 >/dev/hvc0 2>&1"
)


def run_command(platform: Platform, command: str, directory: Path) -> tuple[int, bytes]:
    """Boot, run one shell command, and return its exit status and output."""
    with boot(platform.spec(), platform.qemu, directory) as vm:
        answer = vm.run(command, timeout_s=A_DAY_S)
    return answer.status, answer.stdout


def run_shell(platform: Platform, directory: Path) -> int:
    """Boot, connect the terminal to a shell in the guest, and return the shell's exit status."""
    with boot(platform.spec(), platform.qemu, directory, terminal=TERMINAL) as vm:
        return give_shell(vm)


def give_shell(vm: Vm) -> int:
    """Connect the terminal to a shell in a machine that was booted with TERMINAL; return its exit status."""
    try:
        size = os.get_terminal_size()
    except OSError:
        # input is not a terminal: a script on standard input is welcome too
        size = os.terminal_size((80, 24))
    text = _SHELL.format(rows=size.lines, columns=size.columns, arch=vm.arch)
    return vm.run(text, timeout_s=A_DAY_S).status
