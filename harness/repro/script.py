"""A bundle's own run.sh, for hosts that have QEMU and sh but no rustbed; pure.

The guest's shell reads all commands of the transcript from its channel, which is
QEMU's standard input; it reads the next when the last has ended. The guest also
times the commands to QEMU's monitor: it prints "@monitor N", and the host
sends line N to the monitor.
"""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable, Sequence

from rustbed.guest.transcript import Command
from rustbed.machine.argv import Channels, render_argv, wrap_command
from rustbed.machine.spec import MachineSpec

COMMANDS = "commands"
MONITOR = "monitor.commands"

# beginnings of QMP commands that change nothing
_LOOKS = ("qom-list", "qom-get", "device-list-properties", "query-")

# seconds between two commands that come from the harness itself: not worth a sleep
_PAUSE_S = 0.02
# seconds that the script may take longer than the run, before the guest turns itself off
_PATIENCE_S = 120

# the machine's channels without a harness: the shell on standard input and output
CHANNELS = Channels(
    console="file,path=console.again.log", shell="stdio,signal=on", records="null", monitor=None
)


def pause_before(commands: Sequence[Command], index: int) -> float:
    """Return the seconds that a test waited before a command. The guest may need them."""
    previous = commands[index - 1] if index else None
    if previous is None:
        return 0.0
    since = previous.answered_s if previous.answered_s is not None else previous.at_s
    return max(0.0, commands[index].at_s - since)


def render_commands(commands: Sequence[Command], read_input: Callable[[str], bytes]) -> str:
    """Render the input of the guest's shell; `read_input` returns a command's input by its checksum."""
    last = commands[-1].answered_s or commands[-1].at_s if commands else 0.0
    lines = [f"(sleep {last + _PATIENCE_S:.0f}; poweroff -f) </dev/null >/dev/null 2>&1 &"]
    told = 0
    commands = [command for command in commands if not _only_looks(command)]
    for index, command in enumerate(commands):
        if (pause := pause_before(commands, index)) > _PAUSE_S:
            lines.append(f"sleep {pause:.2f}")
        lines.append(f"printf '%s\\n' {shlex.quote(f'$ {command}')}")
        if command.arguments is not None:
            told += 1
            lines.append(f"echo '@monitor {told}'; sleep 1")
            continue
        lines += _render_shell(command, read_input)
    return "\n".join([*lines, "sleep 1", "poweroff -f", ""])


def _render_shell(command: Command, read_input: Callable[[str], bytes]) -> list[str]:
    run = f"(eval {shlex.quote(command.text)})"
    show = 'echo "[$?]"'
    if command.stdin is None:
        return [f"{run} </dev/null 2>&1; {show}"]
    encoded = base64.encodebytes(read_input(command.stdin)).decode()
    return [f"base64 -d <<'END-OF-INPUT' | {run} 2>&1; {show}", f"{encoded}END-OF-INPUT"]


def render_monitor(commands: Sequence[Command]) -> str:
    """Render the commands for QEMU's monitor, one to a line."""
    return "".join(
        json.dumps({"execute": command.text, "arguments": dict(command.arguments)}) + "\n"
        for command in commands
        if command.arguments is not None and not _only_looks(command)
    )


def _only_looks(command: Command) -> bool:
    return command.arguments is not None and command.text.startswith(_LOOKS)


def render_argv_of(spec: MachineSpec) -> tuple[str, ...]:
    """Render QEMU's arguments for a machine of a bundle, without the program."""
    return render_argv(spec, (), CHANNELS)


def render_script(spec: MachineSpec, test: str, *, with_monitor: bool) -> str:
    """Render run.sh. Besides QEMU it needs cat, dirname, mkfifo, rm and sed, which every system has."""
    argv = render_argv_of(spec)
    if with_monitor:
        argv = (*argv, "-chardev", "pipe,id=monitor,path=monitor", "-qmp", "chardev:monitor")
    start = wrap_command(("$QEMU", *argv)).replace("'$QEMU'", "$QEMU", 1)
    fifos = "shell.in monitor.in monitor.out" if with_monitor else "shell.in"
    return (
        "#!/bin/sh\n"
        f"# {_comment(test)}\n"
        f"# {spec.arch} machine, kernel {_comment(spec.kernel.release)}. Boots it, and gives its shell what\n"
        f"# the test gave it: the file {COMMANDS}. The kernel's console goes to console.again.log.\n"
        "# It needs nothing but QEMU (set QEMU to use another than that on PATH). Ctrl-C ends it.\n"
        'cd "$(dirname "$0")" || exit 2\n'
        f"QEMU=${{QEMU:-qemu-system-{spec.arch.qemu}}}\n"
        f"rm -f {fifos}\n"
        f"mkfifo {fifos} || exit 2\n"
        # open in both directions: QEMU takes an end of file for a host that went away
        "exec 5<>shell.in\n"
        f"cat {COMMANDS} >&5 &\n"
        f"{_MONITOR_OPENED if with_monitor else ''}"
        f"{start} <&5{_MONITOR_FED if with_monitor else ''}\n"
        "kill $! 2>/dev/null\n"
        f"rm -f {fifos}\n"
        'echo "the console is in $PWD/console.again.log"\n'
    )


_MONITOR_OPENED = """exec 3<>monitor.in 4<>monitor.out
echo '{"execute": "qmp_capabilities"}' >&3
"""
_MONITOR_FED = f""" |
while IFS= read -r line; do
  case $line in
  '@monitor '[0-9]*) sed -n "${{line#@monitor }}p" {MONITOR} >&3 ;;
  *) printf '%s\\n' "$line" ;;
  esac
done"""


def _comment(text: str) -> str:
    """Return text that stays in one line of comment."""
    return "".join(character if character.isprintable() else "?" for character in text)
