"""An interactive shell in a scene's machine, just before the failing command or after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rustbed.arch import Arch
from rustbed.errors import MachineError, UsageError
from rustbed.host import Qemu
from rustbed.machine.booting import boot
from rustbed.machine.live import Live
from rustbed.progress import Say
from rustbed.repro import console
from rustbed.repro.replay import replay
from rustbed.repro.run import find_failing_step
from rustbed.repro.scene import Scene, load_run
from rustbed.repro.typed import terminal

# returns the line typed at a prompt; EOFError at the end of input
Ask = Callable[[str], str]


def run_shell(scene: Scene, qemu: Qemu, directory: Path, say: Say, *, at: int | None, after: bool) -> int:
    """Bring a machine to the state before command number `at`, connect the terminal; return the status.

    Commands are counted from 1. None is the failing command, which a replay finds. With
    `after` that command runs, too. Raises UsageError if the command does not
    exist, and MachineError if the machine ends before it.
    """
    step = find_failing_step(scene, qemu, directory / "search", say) if at is None else at - 1
    step = len(scene.commands) if step is None else step
    if not 0 <= step <= len(scene.commands):
        raise UsageError(f"there is no command {step + 1}", commands=f"1 to {len(scene.commands)}")
    until = step + 1 if after else step
    with terminal() as chardev, boot(scene.spec, qemu, directory / "shell", terminal=chardev) as vm:
        replayed = replay(vm, scene, until=until)
        if replayed.ended is not None:
            raise _ended(replayed.ended, replayed.reason, vm.run_dir)
        for number, command in enumerate(scene.commands[:until], start=1):
            say(f"  given   {number}. {command}")
        if until < len(scene.commands):
            say(f"  next    {until + 1}. {scene.commands[until]}")
        return console.give_shell(vm)


def _ended(outcome: str, reason: str, directory: Path) -> MachineError:
    return MachineError(
        f"the machine ended before this command: {outcome}: {reason}", look=directory, fix="leave out --after"
    )


def stop_at_failure(
    directory: Path, alive: Sequence[Live], qemu: Callable[[Arch], Qemu], ask: Ask, say: Say
) -> None:
    """Give the user a shell in the machine of a test that has just failed.

    If the machine is alive, it runs the user's commands as it ran those of the test. If it is dead,
    a new one is brought to the state before the failing command.
    `qemu` finds an emulator for an architecture. Ctrl-C ends the shell only. Raises
    HarnessError if there is no emulator.
    """
    try:
        if alive:
            _converse(alive[-1], ask, say)
            return
        scene = load_run(directory)
        say(f"the machine is gone; here is a new one, before the command that ended it (files: {directory}):")
        run_shell(scene, qemu(scene.spec.arch), directory / "shell", say, at=None, after=False)
    except KeyboardInterrupt:
        say("\ninterrupted: the shell has ended, the session goes on")


def _converse(live: Live, ask: Ask, say: Say) -> None:
    live.end_transcript()
    say("the machine as the test left it; each line is a command with a shell of its own, Ctrl-D ends it")
    while True:
        try:
            line = ask(f"{live.arch}# ")
        except EOFError:
            return
        if not line.strip():
            continue
        try:
            answer = live.run(line, timeout_s=console.A_DAY_S)
        except MachineError as error:
            say(str(error))
            return
        say(answer.output + (f"\n[{answer.status}]" if answer.status else ""))
