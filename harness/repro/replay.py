"""Gives a machine the commands of a transcript again, and says whether it ended in the same way.

The commands are the guest's: nothing here runs on the host. A test's own code
is not run. A replay is evidence as far as the test is a function of what its
machine answers.
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

# seconds of a test's own pauses that are kept
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a machine did when it was given a scene's commands."""

    # how many of the commands were given
    given: int
    # splats in their order, with the index of the command after which each was there; -1: the boot's
    splats: tuple[tuple[int, Known], ...] = ()
    # indices of commands that were answered otherwise than they were: another status, another output
    statuses: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    # None: alive at the end
    ended: Outcome | None = None
    reason: str = ""


def replay(vm: Vm, scene: Scene, *, until: int | None = None) -> Replayed:
    """Give a fresh machine the first `until` commands (all when None), at the pace of the test.

    After each the kernel log is read, so that a splat is known to come from it.
    """
    done = _note_splats(Replayed(given=0), -1, vm)
    for index, command in enumerate(scene.commands[:until]):
        time.sleep(min(pause_before(scene.commands, index), _LONGEST_PAUSE_S))
        done = replace(done, given=index + 1)
        try:
            done = _note_answer(done, index, command, _give(vm, scene, command))
            done = _note_splats(done, index, vm)
        except MachineError as error:
            # its records until then are still read; that needs no answer
            with suppress(MachineError):
                done = _note_splats(done, index, vm)
            return replace(done, ended=Outcome(error.outcome), reason=error.headline)
    return done


def _give(vm: Vm, scene: Scene, command: Command) -> tuple[int, str] | None:
    """Give one command and return the status and the checksum of its answer, None for the monitor's."""
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
    """What a replay says about the run it repeats; the values are for people and scripts."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "cannot judge"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Whether a replay ended as the run did."""

    sameness: Sameness
    # one line
    reason: str
    # index of the command that did it; None if that is not known
    step: int | None = None


def judge_replay(scene: Scene, replayed: Replayed) -> Judgement:
    """Say whether a replay of all commands ended as the run did."""
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
    """Judge a test that failed by itself: it does so again if it sees what it saw."""
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
    """Return the index of the command whose status is what failed the test (`Vm.check`), if that is it."""
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
    """Return the index of the command at which things went wrong, as far as that can be told."""
    for step in _candidates(scene, replayed):
        if step is not None:
            return step
    return None


def _candidates(scene: Scene, replayed: Replayed) -> Iterator[int | None]:
    yield judge_replay(scene, replayed).step
    # not reproduced: the first thing that went wrong now, the command that got no answer, one that failed
    yield replayed.splats[0][0] if replayed.splats else None
    yield replayed.given - 1 if replayed.ended is not None else None
    shell = [(index, command) for index, command in enumerate(scene.commands) if command.arguments is None]
    yield next((index for index, command in shell if command.status is None), None)
    yield next((index for index, command in reversed(shell) if command.status), None)
    yield shell[-1][0] if shell else None
