"""What a driver leaves behind when it goes."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.edge.machine.scene import BOOTS, Scene

from rustbed.instruments.watched import watch
from rustbed.machine.booting import boot
from rustbed.machine.vm import Vm
from rustbed.report.verdict import MachineReport

# opened for both, a FIFO that nobody reads any more does not block
LATE = """
{{ sleep {}
  echo 'BUG: unable to handle page fault for address: ffffffffc0000000' 1<>$FAKE_KMSG
}} >/dev/null &
"""


def judge_after(scene: Scene, command: str, linger_s: float, rings_after_s: float = 0.3) -> MachineReport:
    """Run a command that leaves a timer behind, and judge."""
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.begin_judgement()
        watched = watch(vm.live, (), linger_s)
        vm.run(f"{LATE.format(rings_after_s)}: {command}")
        return watched.look()


@pytest.mark.parametrize(
    "command",
    [
        *("rmmod late", "insmod fails.ko", "modprobe -r late", "exec /sbin/rmmod late"),
        *("echo 1-1 >/sys/bus/usb/drivers/late/unbind", "echo 1 >/sys/bus/pci/devices/0000:00:02.0/remove"),
        *("echo 0x20 >/sys/bus/i2c/devices/i2c-0/delete_device", "rmdir /sys/kernel/config/late/one"),
        "echo 0 >/sys/bus/pci/slots/0-1/power",
    ],
)
def test_timer_that_outlives_its_driver_is_seen(scene: Scene, command: str) -> None:
    assert [splat.title for splat in judge_after(scene, command, 3.0).splats] != []


def test_timer_that_rings_after_judgement_is_not(scene: Scene) -> None:
    assert judge_after(scene, "rmmod late", 0.0, rings_after_s=20).splats == ()


def seconds_of_a_look(vm: Vm, linger_s: float) -> float:
    watched = watch(vm.live, (), linger_s)
    began = time.monotonic()
    watched.look()
    return time.monotonic() - began


def test_only_a_machine_in_which_a_driver_came_or_went_is_waited_for(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.run(": rebinding, a remover")
        assert seconds_of_a_look(vm, 600.0) < 300


def test_machine_that_ends_is_not_waited_for(scene: Scene) -> None:
    with boot(scene.spec, scene.qemu(FAKE_QEMU=BOOTS), scene.path / "run") as vm:
        vm.live.moved_at = time.monotonic()
        os.kill(vm.live.qemu_pid, signal.SIGKILL)
        assert seconds_of_a_look(vm, 600.0) < 300
