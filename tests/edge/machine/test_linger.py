"""What a module leaves behind when it is unloaded."""

from __future__ import annotations

import os
import signal
import time

from tests.edge.machine.scene import BOOTS, Scene

from rustbed.instruments.watched import watch
from rustbed.machine.booting import boot
from rustbed.machine.vm import Vm
from rustbed.report.verdict import MachineReport

LATE = r"""#!/bin/sh
{ sleep 0.3; echo 'BUG: unable to handle page fault for address: ffffffffc0000000' >$FAKE_KMSG; } >/dev/null &
"""


def unload(scene: Scene, linger_s: float) -> MachineReport:
    """Unload a module whose timer rings 0.3 s later, and judge."""
    programs = scene.path / "bin"
    programs.mkdir()
    (programs / "rmmod").write_text(LATE)
    (programs / "rmmod").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    with boot(scene.spec, scene.qemu(PATH=path, FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.begin_judgement()
        watched = watch(vm.live, (), linger_s)
        vm.rmmod("late")
        return watched.look()


def test_timer_that_outlives_its_module_is_seen(scene: Scene) -> None:
    assert [splat.title for splat in unload(scene, 3.0).splats] != []


def test_timer_that_rings_after_judgement_is_not(scene: Scene) -> None:
    assert unload(scene, 0.0).splats == ()


def seconds_of_a_look(vm: Vm, linger_s: float) -> float:
    watched = watch(vm.live, (), linger_s)
    began = time.monotonic()
    watched.look()
    return time.monotonic() - began


def test_only_a_machine_that_unloaded_a_module_is_waited_for(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        assert seconds_of_a_look(vm, 600.0) < 300


def test_machine_that_ends_is_not_waited_for(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.unloaded_at = time.monotonic()
        os.kill(vm.live.qemu_pid, signal.SIGKILL)
        assert seconds_of_a_look(vm, 600.0) < 300
