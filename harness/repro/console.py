"""A machine for interactive use, or for one command: puts files into it, and connects its terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rustbed.errors import LostError
from rustbed.kernel.artifact import Module
from rustbed.machine.vm import Vm

# seconds that an interactive session, or a user's command, may take
A_DAY_S = 24 * 3600.0

# the image's directory of kernel modules
_MODULES = "/lib/modules"

# The terminal's size is forgotten when nothing has it open. busybox gives the shell a controlling terminal,
# so that Ctrl-C and job control work.
_SHELL = (
    "cd / && {{ stty rows {rows} cols {columns};"
    " echo 'kernel '$(uname -r)', modules in /lib/modules, dmesg is its log, Ctrl-D ends the machine';"
    " PS1='{arch}:$PWD# ' setsid -c sh -i; }} </dev/{terminal} >/dev/{terminal} 2>&1"
)


def render_modules_dep(modules: Mapping[str, Module]) -> str:
    """Render modules.dep for modprobe: a line for each module, with its file and all its dependencies.

    The format is depmod's; the paths are those in an image.
    """

    def needed(name: str, path: tuple[str, ...] = ()) -> list[str]:
        direct = [other for other in modules[name].depends if other in modules and other not in path]
        return [file for other in direct for file in (other, *needed(other, (*path, other)))]

    def file(name: str) -> str:
        return f"{_MODULES}/{name}.ko"

    return "".join(
        f"{file(name)}: {' '.join(map(file, dict.fromkeys(needed(name, (name,)))))}".rstrip() + "\n"
        for name in modules
    )


def furnish(vm: Vm, *, files: Mapping[str, Path], modules: Sequence[Module], load: Sequence[str]) -> None:
    """Put files and modules into a machine so that modprobe finds every module, and load some.

    `files` has paths in the guest; `modules` are those that the image lacks. Raises UsageError for a
    module that does not exist, and CommandError if the kernel refuses one.
    """
    for remote, path in files.items():
        vm.push(path, remote, mode=path.stat().st_mode & 0o777)
    for module in modules:
        vm.push(module.path, f"{_MODULES}/{module.name}.ko")
    text = render_modules_dep(vm.kernel.modules)
    vm.push(text.encode(), f"{_MODULES}/{vm.kernel.release}/modules.dep")
    for name in load:
        vm.insmod(name)


def run_command(vm: Vm, command: str) -> tuple[int, bytes]:
    """Run a shell command and return its exit status (0 if it turned the machine off) and its output."""
    try:
        answer = vm.run(command, timeout_s=A_DAY_S)
    except LostError as error:
        _require_off(error)
        return 0, error.printed
    return answer.status, answer.stdout


def give_shell(vm: Vm) -> int:
    """Connect the user's terminal to a shell in a machine with a terminal; return the shell's exit status.

    The guest follows changes of the terminal's size. The status is 0 if the machine was turned off in the
    shell.
    """
    size, terminal = _terminal_size(), vm.kernel.arch.terminal

    def follow_size() -> None:
        nonlocal size
        if size != (size := _terminal_size()):
            vm.live.talk.tell(f"stty rows {size.lines} cols {size.columns} </dev/{terminal}")

    # called ten times a second until the shell ends
    vm.live.running.checks.append(follow_size)
    text = _SHELL.format(rows=size.lines, columns=size.columns, arch=vm.arch, terminal=terminal)
    try:
        return vm.run(text, timeout_s=A_DAY_S).status
    except LostError as error:
        _require_off(error)
        return 0


def _terminal_size() -> os.terminal_size:
    try:
        return os.get_terminal_size()
    except OSError:
        # output is not a terminal, for example if a script is on standard input
        return os.terminal_size((80, 24))


def _require_off(error: LostError) -> None:
    """Raise the error unless the machine was turned off, so that QEMU ended without an error."""
    if error.facts.get("qemu") != "ended with status 0":
        raise error
