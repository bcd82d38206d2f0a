"""Runs scenes: chooses the accelerator, boots the machine and replays the commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rustbed import host
from rustbed.host import Qemu
from rustbed.machine.booting import boot
from rustbed.machine.spec import MachineSpec
from rustbed.progress import Say, plural
from rustbed.report.verdict import Outcome, Verdict
from rustbed.repro.replay import Judgement, Replayed, Sameness, failing_step, judge_replay, replay
from rustbed.repro.scene import Scene


def choose_accel(spec: MachineSpec, accel: str | None) -> MachineSpec:
    """Return a spec with the given accelerator. None: the spec's own if this host has it, else emulation."""
    if accel is None:
        accel = "tcg" if spec.accel == "kvm" and not host.kvm_is_conceivable(spec.arch) else spec.accel
    return replace(spec, accel=accel)


def describe(scene: Scene, qemu: Qemu, say: Say) -> None:
    """Print the test, the machine, and how this host's QEMU differs from the run's."""
    say(f"{scene.test}: {scene.outcome}: {scene.reason}")
    version = ".".join(map(str, qemu.version))
    if version != scene.qemu:
        say(f"  note    QEMU {version} here, {scene.qemu} then")


def reproduce(scene: Scene, qemu: Qemu, directory: Path, say: Say) -> tuple[Replayed, Judgement]:
    """Boot the scene's machine, run all commands, and print and return whether it ended as in the run.

    The machine's files are written to `directory`. Raises BootError if it does not boot.
    """
    with boot(scene.spec, qemu, directory) as vm:
        replayed = replay(vm, scene)
    judgement = judge_replay(scene, replayed)
    say(f"  given   {replayed.given} of {plural(len(scene.commands), 'command')}")
    for step, known in replayed.splats:
        if step >= 0:
            say(f"  splat   {known} (command {step + 1}: {scene.commands[step]})")
    if replayed.ended is not None:
        say(f"  ended   {replayed.ended}: {replayed.reason}")
    say(f"  look    {directory}")
    return replayed, judgement


def verdict_of(scene: Scene, replayed: Replayed, judgement: Judgement) -> Verdict:
    """Return a verdict on the replay itself, for its run directory."""
    outcome = replayed.ended or (
        Outcome.FAIL
        if judgement.sameness is Sameness.SAME and scene.outcome is not Outcome.PASS
        else Outcome.PASS
    )
    return Verdict(outcome=outcome, reason=f"replay: {judgement.sameness}: {judgement.reason}")


def find_failing_step(scene: Scene, qemu: Qemu, directory: Path, say: Say) -> int | None:
    """Return the index of the command at which the failure happens, by a replay; None if unknown."""
    unanswered = [index for index, command in enumerate(scene.commands) if command.answered_s is None]
    if scene.outcome is Outcome.HANG and unanswered:
        # the run already shows it, and a replay would take as long as the hang
        return unanswered[0]
    with boot(scene.spec, qemu, directory) as vm:
        replayed = replay(vm, scene)
    judgement = judge_replay(scene, replayed)
    if judgement.sameness is not Sameness.SAME:
        say(f"  note    {judgement.sameness}: {judgement.reason}")
    return failing_step(scene, replayed)
