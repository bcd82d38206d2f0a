"""What a machine is seen to have done stays true when it goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.machine.scene import BOOTS, Scene

from rustbed.errors import LostError, WaitError
from rustbed.guest.shell import Answer, By
from rustbed.instruments.instrument import Instrument, Run
from rustbed.instruments.watched import watch
from rustbed.log.record import Record, parse_console
from rustbed.log.splat import Kind
from rustbed.machine.booting import boot
from rustbed.machine.vm import Vm
from rustbed.report.verdict import Outcome


def find_leak(run: Run, since: int) -> tuple[Record, ...]:
    answer: Answer = run("echo 'unreferenced object 0xffff888000000000 (size 8):'", None)
    return parse_console(answer.output)


LEAKS = Instrument(name="leaks", kind=Kind.LEAK, options=(), find=find_leak)


def taint_of(vm: Vm, path: Path, bits: int) -> None:
    """Let the guest have these taint bits: its shell reads another file."""
    programs = path / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "rbctl").write_text(f'#!/bin/sh\n[ "$1" != get ] || echo {bits}\n')
    (programs / "rbctl").chmod(0o755)


def test_taint_and_leak_of_a_machine_that_was_then_turned_off_stay(scene: Scene) -> None:
    path = f"{scene.path}/bin:/usr/bin:/bin"
    with boot(scene.spec, scene.qemu(PATH=path, FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        taint_of(vm, scene.path, 0)
        vm.live.begin_judgement()
        watched = watch(vm.live, (LEAKS,), 0.0)
        taint_of(vm, scene.path, 1 << 14)
        vm.check("true")
        first = watched.look()
        assert (first.taints, [splat.kind for splat in first.splats]) == (("soft lockup",), [Kind.LEAK])
        vm.run_to_end("kill -9 $FAKE_PID; sleep 300")
        last = watched.look()
        assert (last.ended, last.taints, last.splats) == (None, first.taints, first.splats)


def test_a_look_after_which_nothing_happened_asks_the_guest_nothing(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.begin_judgement()
        watched = watch(vm.live, (LEAKS,), 0.0)
        vm.check("true")
        watched.look()
        before = vm.live.commands
        watched.look()
        assert vm.live.commands == before


def test_taint_that_comes_with_a_late_record_is_seen(scene: Scene) -> None:
    path = f"{scene.path}/bin:/usr/bin:/bin"
    with boot(scene.spec, scene.qemu(PATH=path, FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        taint_of(vm, scene.path, 0)
        vm.live.begin_judgement()
        watched = watch(vm.live, (), 0.0)
        assert watched.look().taints == ()
        taint_of(vm, scene.path, 1 << 5)
        vm.live.talk.run("echo late >/dev/kmsg", by=By.SHELL)
        assert watched.look().taints == ("bad page",)


@pytest.mark.parametrize(("end", "wanted"), [("kill", True), ("kill -SEGV", False), ("kill -ABRT", False)])
def test_a_qemu_that_failed_ended_for_no_reason_that_a_test_wants(
    scene: Scene, end: str, wanted: bool
) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.begin_judgement()
        watched = watch(vm.live, (), 0.0)
        vm.run_to_end(f"{end} $FAKE_PID; sleep 300")
        assert watched.look().ended is (None if wanted else Outcome.LOST)


def test_an_end_that_was_waited_for_in_vain_is_wanted_no_more(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run", slowness=0.2) as vm:
        vm.live.begin_judgement()
        watched = watch(vm.live, (), 0.0)
        with pytest.raises(WaitError):
            vm.wait_end(timeout_s=0.5)
        with pytest.raises(LostError):
            vm.run("kill $FAKE_PID; sleep 300")
        assert watched.look().ended is Outcome.LOST


def test_instruments_look_before_a_command_that_ends_the_machine(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.begin_judgement()
        watched = watch(vm.live, (LEAKS,), 0.0)
        vm.run_to_end("kill -9 $FAKE_PID; sleep 300")
        last = watched.look()
        assert (last.ended, [splat.kind for splat in last.splats]) == (None, [Kind.LEAK])


def test_instruments_look_before_a_plain_command_that_is_to_power_off(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.begin_judgement()
        watched = watch(vm.live, (LEAKS,), 0.0)
        with pytest.raises(LostError):
            vm.run("kill -9 $FAKE_PID; sleep 300; poweroff -f")
        assert [splat.kind for splat in watched.look().splats] == [Kind.LEAK]
