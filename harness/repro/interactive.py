"""A scene for a person: a shell in the machine just before the failing command, or after it."""

from __future__ import annotations

from pathlib import Path

from harness import console
from harness.errors import MachineError, UsageError
from harness.host import Qemu
from harness.machine.booting import boot
from harness.repro.replay import replay
from harness.repro.run import Say, find_failing_step
from harness.repro.scene import Scene


def run_shell(scene: Scene, qemu: Qemu, directory: Path, say: Say, *, at: int | None, after: bool) -> int:
    """Bring a machine to the state before command number `at`, connect the terminal; return the status.

    Commands are counted from 1; None: the failing one, found by a replay. With
    `after` that command is given, too. Raises UsageError if there is no such
    command, or MachineError if the machine does not live so long.
    """
    step = find_failing_step(scene, qemu, directory / "search", say) if at is None else at - 1
    step = len(scene.commands) if step is None else step
    if not 0 <= step <= len(scene.commands):
        raise UsageError(f"there is no command {step + 1}", commands=f"1 to {len(scene.commands)}")
    until = step + 1 if after else step
    with boot(scene.spec, qemu, directory / "shell", terminal=console.TERMINAL) as vm:
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
        f"the machine does not live so long: {outcome}: {reason}", look=directory, mend="leave out --after"
    )
