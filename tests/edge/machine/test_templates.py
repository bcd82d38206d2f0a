"""Templates that are not what they should be, and machines that have none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edge.machine.scene import BOOTS, FAKE, Scene

from rustbed.errors import BootError
from rustbed.forks.counts import FORKED, INSTEAD
from rustbed.forks.machines import Machines
from rustbed.machine.spec import Hardware


def flip_a_byte(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(3 * 4096 + 5)
        stream.write(b"X")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda template: flip_a_byte(template / "ram"),
        lambda template: cut(template / "ram"),
        lambda template: cut(template / "state"),
        lambda template: (template / "ram").unlink(),
        lambda template: (template / "manifest.json").write_text("{"),
        lambda template: (template / "records.log").write_text(""),
    ],
    ids=["memory changed", "memory cut", "state cut", "memory gone", "manifest damaged", "log empty"],
)
@pytest.mark.parametrize("new_session", [True, False], ids=["next session", "same session"])
def test_damaged_template_is_made_again(
    scene: Scene, damage: Callable[[Path], object], new_session: bool
) -> None:
    machines = scene.session()
    scene.use(machines, "one")
    damage(scene.template)
    if new_session:
        machines.close()
        machines = scene.session()
    assert scene.use(machines, "two") == FORKED
    machines.close()
    with scene.session() as machines:
        assert scene.use(machines, "three") == FORKED
    assert scene.starts.count("boot") == 2
    assert scene.leftovers() == []


def test_template_of_another_qemu_is_not_used(scene: Scene) -> None:
    program = scene.path / "qemu.py"
    shutil.copy(FAKE, program)
    for _ in range(2):
        with scene.session() as machines:
            assert (
                scene.use(machines, "run", replace(scene.qemu(), program=(sys.executable, str(program))))
                == FORKED
            )
        with program.open("a") as stream:
            stream.write("# another build\n")
    assert scene.starts.count("boot") == 2


@pytest.mark.parametrize("part", ["kernel", "initramfs"])
def test_template_of_another_kernel_or_image_is_not_used(scene: Scene, part: str) -> None:
    for contents in (b"old", b"new"):
        path = scene.spec.kernel.image if part == "kernel" else scene.spec.initramfs
        path.write_bytes(contents)
        with scene.session() as machines:
            scene.use(machines, "run")
    assert scene.starts.count("boot") == 2


# -- machines that cannot be forked ------------------------------------------------
def test_machine_that_cannot_be_saved_is_booted_and_counted_and_said_once(scene: Scene) -> None:
    said: list[str] = []
    with Machines(scene.cache, lambda progress: said.append(progress.what)) as machines:
        for name in ("one", "two"):
            how = scene.use(machines, name, scene.qemu(FAKE_SAVE="fail"))
            assert how == f"{INSTEAD}QEMU cannot save it: as it was told"
    assert [line for line in said if "instead" in line] == [
        "booting instead of forking: QEMU cannot save it: as it was told"
    ]
    assert scene.leftovers() == []


def test_machine_whose_kernel_reports_while_it_boots_is_no_template(scene: Scene) -> None:
    boots = BOOTS.replace("record:booted", "record:WARNING:_CPU:_0_PID:_1_at_mm/slub.c:42_kfree+0x1/0x2")
    with scene.session() as machines:
        how = scene.use(machines, "run", scene.qemu(FAKE_QEMU=boots))
    assert "its kernel reports while it boots" in how


def test_boot_that_measured_its_clocks_wrongly_is_tried_again_and_never_kept(scene: Scene) -> None:
    boots = BOOTS.replace("record:booted", f"record:{scene.spec.arch.mismeasured.replace(' ', '_')}")
    with scene.session() as machines:
        how = scene.use(machines, "run", scene.qemu(FAKE_QEMU=boots))
    assert how.startswith(f"{INSTEAD}the host is too busy")
    assert scene.starts == ["boot"] * 4
    assert scene.leftovers() == []


def test_kernel_that_still_measures_its_clock_is_waited_for(scene: Scene) -> None:
    switched = "clocksource:_Switched_to_clocksource_tsc"
    boots = BOOTS.replace("record:booted", f"record:{switched}-early later:{switched}")
    with (
        scene.session() as machines,
        machines.machine(scene.spec, scene.qemu(FAKE_QEMU=boots), scene.path / "run") as vm,
    ):
        assert len(vm.log) == 0
        assert [text.removeprefix("clocksource: ") for text in vm.dmesg.messages] == [
            "Switched to clocksource tsc-early",
            "Switched to clocksource tsc",
        ]
    assert machines.counts == {FORKED: 1}


def test_machine_whose_kernel_is_not_there_is_left_to_qemu_to_refuse(scene: Scene) -> None:
    scene.spec.kernel.image.unlink()
    with scene.session() as machines:
        assert "bzImage cannot be read" in scene.use(machines, "run")


@pytest.mark.parametrize(
    ("device", "how"),
    [
        ("saved-device", FORKED),
        ("virtio-rng-pci", FORKED),
        ("strange-device", f"{INSTEAD}QEMU does not save the state of strange-device"),
    ],
)
def test_device_whose_state_is_not_saved_and_that_cannot_be_taken_away_means_booting(
    scene: Scene, device: str, how: str
) -> None:
    with_device = replace(scene, spec=replace(scene.spec, hardware=Hardware(devices=(device,))))
    with scene.session() as machines:
        assert with_device.use(machines, "run") == how
    assert scene.leftovers() == []


def test_machine_with_arguments_of_its_own_is_booted(scene: Scene) -> None:
    special = replace(scene, spec=replace(scene.spec, hardware=Hardware(qemu_args=("-trace", "x"))))
    with scene.session() as machines:
        assert "qemu_args" in special.use(machines, "run")


def test_machine_that_does_not_boot_is_no_question_of_forking(scene: Scene) -> None:
    with (
        scene.session() as machines,
        pytest.raises(BootError),
        machines.machine(
            scene.spec, scene.qemu(FAKE_QEMU="print:x exit:1"), scene.path / "run", slowness=0.1
        ),
    ):
        pass
    assert (scene.path / "run/template/console.log").exists()
    assert scene.leftovers() == []


def test_full_disk_while_saving_means_booting(scene: Scene) -> None:
    """The cache is on a file system of 256 KiB, in a mount name space of its own."""
    disk = scene.path / "cache"
    disk.mkdir()
    namespace = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this host lets nobody make a mount name space")
    mount = f"mount -t tmpfs -o size=256k tmpfs {disk}"
    session = f"exec {sys.executable} -m tests.edge.machine.full_disk {scene.path}"
    done = subprocess.run(
        [*namespace, "sh", "-c", f"{mount} && {session}"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (how,) = found["how"]
    assert how.startswith(f"{INSTEAD}its template cannot be kept")
    assert "no space left" in how
    assert found["left"] == []
