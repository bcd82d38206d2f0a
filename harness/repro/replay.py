"""Replays the commands of a transcript on a machine, and judges whether it ended in the same way.

All commands run in the guest, none on the host. The test's own code
does not run. So a replay is evidence only if the test depends on nothing except its
machine's answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from rustbed.errors import MachineError, MonitorError
from rustbed.guest.transcript import Command
from rustbed.log.splat import find_splats
from rustbed.machine.conversation import COMMAND_S
from rustbed.machine.vm import Vm
from rustbed.report.verdict import Outcome
from rustbed.repro.scene import Known, Scene, know
from rustbed.repro.script import pause_before

# pauses of the test are kept up to this many seconds
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a machine did during a replay of a scene's commands."""

    # number of commands that the machine was sent
    given: int
    # splats in order of appearance, each with the index of the command before it; -1: during the boot
    splats: tuple[tuple[int, Known], ...] = ()
    # indices of commands whose answer differs from the run: another status, another output
    statuses: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    # how the machine ended; None: it is alive
    ended: Outcome | None = None
    reason: str = ""


def replay(vm: Vm, scene: Scene, *, until: int | None = None) -> Replayed:
    """Give a fresh machine the first `until` commands (None: all), at the pace of the test.

    The kernel log is read after each command, so that every splat can be assigned to a command.
    """
    done = _note_splats(Replayed(given=0), -1, vm)
    for index, command in enumerate(scene.commands[:until]):
        time.sleep(min(pause_before(scene.commands, index), _LONGEST_PAUSE_S))
        done = replace(done, given=index + 1)
        try:
            done = _note_answer(done, index, command, _give(vm, scene, command))
            done = _note_splats(done, index, vm)
        except MachineError as error:
            # records up to its end are still read, which needs no answer of the guest
            with suppress(MachineError):
                done = _note_splats(done, index, vm)
            return replace(done, ended=Outcome(error.outcome), reason=error.headline)
    return done


def _give(vm: Vm, scene: Scene, command: Command) -> tuple[int, str] | None:
    """Run one command and return the status and checksum of its answer; None for a monitor command."""
    if command.arguments is not None:
        # a refusal by QEMU is an answer, too
        with suppress(MonitorError):
            vm.monitor.execute(command.text, exact=command.arguments)
        return None
    took = command.answered_s - command.at_s if command.answered_s is not None else 0.0
    stdin = None if command.stdin is None else scene.read_input(command.stdin)
    answer = vm.run(command.text, timeout_s=max(COMMAND_S, took), stdin=stdin)
    return answer.status, sha256(answer.stdout).hexdigest()


def _note_answer(done: Replayed, index: int, command: Command, answer: tuple[int, str] | None) -> Replayed:
    if answer is None:
        return done
    if answer[0] != command.status:
        return replace(done, statuses=(*done.statuses, index))
    return done if answer[1] == command.output else replace(done, outputs=(*done.outputs, index))


def _note_splats(done: Replayed, index: int, vm: Vm) -> Replayed:
    found = [know(splat) for splat in find_splats(vm.dmesg.records)]
    new = ((index, known) for known in found[len(done.splats) :])
    return replace(done, splats=(*done.splats, *new))


class Sameness(StrEnum):
    """Whether a replay ended like the run; the values are output for people and scripts."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "cannot judge"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether a replay ended as the run did."""

    sameness: Sameness
    # one line
    reason: str
    # index of the command that caused the failure; None if unknown
    step: int | None = None


def judge_replay(scene: Scene, replayed: Replayed) -> Judgement:
    """Return whether a replay of all commands ended as the run did."""
    if scene.splats:
        return _judge_splat(scene.splats[0], replayed)
    if scene.outcome in (Outcome.CRASH, Outcome.HANG, Outcome.LOST):
        if replayed.ended is scene.outcome:
            return Judgement(
                sameness=Sameness.SAME, reason=f"{scene.outcome}: {replayed.reason}", step=replayed.given - 1
            )
        return _different(f"the run ended in a {scene.outcome}, the replay did not", replayed)
    return _judge_answers(scene, replayed)


def _judge_splat(wanted: Known, replayed: Replayed) -> Judgement:
    for step, known in replayed.splats:
        if known == wanted:
            return Judgement(sameness=Sameness.SAME, reason=wanted.title, step=step)
    return _different(f"it did not come: {wanted.title}", replayed)


def _judge_answers(scene: Scene, replayed: Replayed) -> Judgement:
    """Judge a test that failed by an assertion of its own: it fails again if all answers are the same."""
    came = {known for step, known in replayed.splats if step >= 0}
    if replayed.ended is not None or came != set(scene.came):
        return _different("the machine ended, or its log has other splats than in the run", replayed)
    if replayed.statuses:
        command = scene.commands[replayed.statuses[0]]
        return Judgement(
            sameness=Sameness.DIFFERENT,
            reason=f"a command ended with another status than {command.status}: {command}",
            step=replayed.statuses[0],
        )
    if (refused := _refused(scene)) is not None:
        return Judgement(sameness=Sameness.SAME, reason=scene.reason, step=refused)
    if replayed.outputs:
        return Judgement(
            sameness=Sameness.UNKNOWN,
            reason="commands had other output than in the run; only the test could judge that",
            step=replayed.outputs[0],
        )
    return Judgement(
        sameness=Sameness.SAME,
        reason="every command had the same answer as in the run, and on these answers the test fails",
        step=len(scene.commands) - 1 if scene.commands else None,
    )


def _refused(scene: Scene) -> int | None:
    """Return the index of the command whose status failed the test (`Vm.check`), None if there is none."""
    for index, command in reversed(tuple(enumerate(scene.commands))):
        if command.status and scene.reason == f"command failed: {command.text}".splitlines()[0]:
            return index
    return None


def _different(what: str, replayed: Replayed) -> Judgement:
    came = [known.title for _, known in replayed.splats]
    if replayed.ended is not None:
        came.append(f"the machine ended: {replayed.ended}: {replayed.reason}")
    return Judgement(sameness=Sameness.DIFFERENT, reason=f"{what}; what came: {', '.join(came) or 'nothing'}")


def failing_step(scene: Scene, replayed: Replayed) -> int | None:
    """Return the index of the command at which the failure happened, None if unknown."""
    for step in _candidates(scene, replayed):
        if step is not None:
            return step
    return None


def _candidates(scene: Scene, replayed: Replayed) -> Iterator[int | None]:
    yield judge_replay(scene, replayed).step
    # if the failure was not reproduced: the first splat of the replay, a command without an answer,
    # a command that failed
    yield replayed.splats[0][0] if replayed.splats else None
    yield replayed.given - 1 if replayed.ended is not None else None
    shell = [(index, command) for index, command in enumerate(scene.commands) if command.arguments is None]
    yield next((index for index, command in shell if command.status is None), None)
    yield next((index for index, command in reversed(shell) if command.status), None)
    yield shell[-1][0] if shell else None
