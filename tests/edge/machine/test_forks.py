"""Templates and forks of a stand-in for QEMU: what becomes of them when something goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.cache import Cache
from harness.errors import BootError, HostError, LostError
from harness.host import QEMU_OVERHEAD_MIB, Qemu
from harness.machine.ledger import HEADROOM_MIB, Ledger
from harness.machine.machines import BOOTED, FORKED, INSTEAD, Machines
from harness.machine.spec import MachineSpec
from harness.progress import ignore
from tests.edge.machine.conftest import FAKE
from tests.processes import is_running

BOOTS = "print:Linux_version record:booted log ready wait"
FORKS = "log ready wait"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@dataclass(frozen=True)
class Scene:
    """A place with a cache in it, and what has been started there."""

    path: Path
    spec: MachineSpec

    @property
    def cache(self) -> Cache:
        return Cache(self.path / "cache")

    @property
    def starts(self) -> list[str]:
        """Return boot or fork for every QEMU that was started, in order."""
        return [line.split()[0] for line in self._lines()]

    @property
    def running(self) -> list[int]:
        return [pid for pid in (int(line.split()[1]) for line in self._lines()) if is_running(pid)]

    def _lines(self) -> list[str]:
        starts = self.path / "starts"
        return starts.read_text().splitlines() if starts.exists() else []

    def qemu(self, **env: str) -> Qemu:
        words = {
            "FAKE_QEMU": BOOTS,
            "FAKE_FORK": FORKS,
            "FAKE_KMSG": str(self.path / "kmsg"),
            "FAKE_STARTS": str(self.path / "starts"),
            **env,
        }
        return Qemu(program=(sys.executable, str(FAKE)), env=tuple(words.items()), version=(11, 1, 3))

    def session(self, **options: object) -> Machines:
        return Machines(self.cache, ignore, **options)  # type: ignore[arg-type]

    @property
    def template(self) -> Path:
        (found,) = (self.path / "cache/templates").iterdir()
        return found

    def use(self, machines: Machines, name: str, qemu: Qemu | None = None) -> str:
        """Start a machine, let it answer, and return how it came about."""
        before = dict(machines.counts)
        with machines.machine(self.spec, qemu or self.qemu(), self.path / name, slowness=0.3) as vm:
            assert vm.check("echo alive") == "alive"
        (how,) = (how for how, count in machines.counts.items() if count > before.get(how, 0))
        return how

    def leftovers(self) -> list[str]:
        """Return the names of what should not be there when no machine runs."""
        names = [path.name for path in (self.path / "cache").rglob(".*")]
        claims = json.loads((self.path / "cache/locks/machines.json").read_text())
        return names + [f"process {pid}" for pid in self.running] + [f"claim {claim}" for claim in claims]


@pytest.fixture
def scene(tmp_path: Path, spec: MachineSpec) -> Scene:
    for path in (spec.kernel.image, spec.initramfs):
        path.write_bytes(b"contents")
    return Scene(tmp_path, spec)


# -- what a fork is ----------------------------------------------------------------


def test_machine_is_booted_once_and_forked_ever_after(scene: Scene) -> None:
    with scene.session() as machines:
        assert [scene.use(machines, name) for name in ("one", "two")] == [FORKED, FORKED]
    with scene.session() as machines:
        assert scene.use(machines, "three") == FORKED
    assert scene.starts.count("boot") == 1
    assert scene.leftovers() == []


def test_log_of_a_fork_goes_on_where_the_templates_ended(scene: Scene) -> None:
    with scene.session() as machines, machines.machine(scene.spec, scene.qemu(), scene.path / "run") as vm:
        assert len(vm.log) == 0
        vm.run("echo '<5>mine' >/dev/kmsg")
        assert vm.log.messages == ["mine"]
        assert vm.dmesg.messages == ["booted", "mine"]
        assert vm.judged.messages == ["mine"]
        seqs = [record.seq for record in vm.dmesg.records]
        assert seqs == sorted(seqs)
        assert vm.log_damage == ""


def test_run_directory_has_its_files_from_the_start(scene: Scene) -> None:
    with scene.session() as machines, machines.machine(scene.spec, scene.qemu(), scene.path / "run"):
        assert {path.name for path in (scene.path / "run").iterdir()} >= {
            *("console.log", "qemu.log", "monitor.log", "shell.log", "records.log", "run.sh", "machine.json"),
        }


def test_fresh_machine_is_booted_and_shows_its_boot(scene: Scene) -> None:
    with (
        scene.session() as machines,
        machines.machine(scene.spec, scene.qemu(), scene.path / "run", fresh=True) as vm,
    ):
        assert vm.log.messages == ["booted"]
        assert machines.counts == {BOOTED: 1}


def test_forks_can_be_declined(scene: Scene) -> None:
    with scene.session(forks=False) as machines:
        assert scene.use(machines, "run") == BOOTED
    assert scene.starts == ["boot"]


def test_next_machine_of_the_kind_stands_by_and_goes_with_the_session(scene: Scene) -> None:
    with scene.session() as machines:
        scene.use(machines, "one")
        wait_until(lambda: len(scene.running) == 1, "one stands by")
    assert scene.running == []


def test_machine_of_another_kind_gets_no_standby_of_this_one(scene: Scene) -> None:
    other = replace(scene.spec, memory_mib=128)
    with scene.session() as machines:
        scene.use(machines, "one")
        with machines.machine(other, scene.qemu(), scene.path / "two") as vm:
            assert vm.spec.memory_mib == 128
            wait_until(lambda: len(scene.running) == 2, "it runs and one of its kind stands by")
    assert scene.leftovers() == []


# -- templates that are not what they should be --------------------------------------


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
    with_device = replace(scene, spec=replace(scene.spec, devices=(device,)))
    with scene.session() as machines:
        assert with_device.use(machines, "run") == how
    assert scene.leftovers() == []


def test_machine_with_arguments_of_its_own_is_booted(scene: Scene) -> None:
    special = replace(scene, spec=replace(scene.spec, qemu_args=("-trace", "x")))
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


# -- processes that die --------------------------------------------------------------


def test_qemu_killed_while_it_loads_means_booting_and_the_next_session_forks(scene: Scene) -> None:
    with scene.session() as machines:
        how = scene.use(machines, "run", scene.qemu(FAKE_LOAD="exit:1"))
        assert how.startswith(f"{INSTEAD}a fork did not come to life")
    assert scene.leftovers() == []
    with scene.session() as machines:
        assert scene.use(machines, "run") == FORKED
    # the template's boot, the fork that failed, the boot instead, the fork of the next session
    assert scene.starts[:4] == ["boot", "fork", "boot", "fork"]


def test_standby_that_died_is_not_used(scene: Scene) -> None:
    with scene.session() as machines:
        scene.use(machines, "one")
        wait_until(lambda: len(scene.running) == 1, "one stands by")
        (standby,) = scene.running
        os.kill(standby, signal.SIGKILL)
        wait_until(lambda: not is_running(standby), "it is gone")
        assert scene.use(machines, "two") == FORKED


def test_fork_that_dies_is_lost_and_the_next_is_not(scene: Scene) -> None:
    with scene.session() as machines:
        with (
            pytest.raises(LostError),
            machines.machine(scene.spec, scene.qemu(), scene.path / "one") as vm,
        ):
            vm.run("kill -9 $FAKE_PID; sleep 30")
        assert scene.use(machines, "two") == FORKED
    assert scene.leftovers() == []


def start_session(scene: Scene, **env: str) -> subprocess.Popen[bytes]:
    """Start a process that starts a machine and waits."""
    words = {**dict(scene.qemu().env), **env}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.edge.machine.one_machine", str(scene.path)],
        env={**os.environ, **words},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def test_sigkill_of_a_worker_ends_machine_and_standby_and_leaves_nothing(scene: Scene) -> None:
    with start_session(scene) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        wait_until(lambda: len(scene.running) == 2, "a machine runs and one stands by")
        child.kill()
    wait_until(lambda: scene.running == [], "all is gone")
    with scene.session() as machines:
        assert scene.use(machines, "next") == FORKED
    assert scene.leftovers() == []
    assert scene.starts.count("boot") == 1


def test_sigkill_while_a_template_is_made_leaves_nothing_that_matters(scene: Scene) -> None:
    with start_session(scene, FAKE_SAVE="stall") as child:
        wait_until(lambda: scene.starts == ["boot"], "the boot")
        time.sleep(0.5)
        child.kill()
    wait_until(lambda: scene.running == [], "all is gone")
    with scene.session() as machines:
        assert scene.use(machines, "next") == FORKED
    assert scene.leftovers() == []


def test_two_workers_that_want_one_template_make_one(scene: Scene) -> None:
    with start_session(scene) as one, start_session(scene) as two:
        for child in (one, two):
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        for child in (one, two):
            child.kill()
    assert scene.starts.count("boot") == 1
    wait_until(lambda: scene.running == [], "all is gone")


# -- more machines than there is memory for --------------------------------------------


def ledger_with_room_for(scene: Scene, machines: int) -> Ledger:
    room_mib = HEADROOM_MIB + machines * (scene.spec.memory_mib + QEMU_OVERHEAD_MIB)
    return Ledger(scene.cache, available_mib=lambda: room_mib)


def test_nothing_stands_by_where_there_is_room_for_one_machine_only(scene: Scene) -> None:
    with scene.session(ledger=ledger_with_room_for(scene, 1)) as machines:
        assert [scene.use(machines, name) for name in ("one", "two")] == [FORKED, FORKED]
        assert scene.leftovers() == []


def test_what_stands_by_gives_way_to_a_machine_that_is_wanted(scene: Scene) -> None:
    with (
        scene.session(ledger=ledger_with_room_for(scene, 2)) as machines,
        machines.machine(scene.spec, scene.qemu(), scene.path / "one") as one,
        machines.machine(scene.spec, scene.qemu(), scene.path / "two", fresh=True) as two,
    ):
        assert one.check("echo here") == two.check("echo here")
    assert scene.leftovers() == []


def test_no_memory_for_a_single_machine_is_an_error_that_says_so(scene: Scene) -> None:
    with (
        scene.session(ledger=ledger_with_room_for(scene, 0)) as machines,
        pytest.raises(HostError, match="not enough memory for a machine of 384 MiB"),
        machines.machine(scene.spec, scene.qemu(), scene.path / "run"),
    ):
        pass
    assert scene.starts == []


def test_machines_beyond_the_memory_queue(scene: Scene) -> None:
    """Twelve machines are wanted at once, and there is room for three."""
    with scene.session() as machines:
        scene.use(machines, "first")
    before = len(scene.starts)
    most, failures = [0], []

    def one(number: int) -> None:
        try:
            with (
                scene.session(ledger=ledger_with_room_for(scene, 3)) as machines,
                machines.machine(scene.spec, scene.qemu(), scene.path / f"run-{number}") as vm,
            ):
                most[0] = max(most[0], len(scene.running))
                assert vm.check("echo alive") == "alive"
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert most[0] <= 3
    assert scene.starts[before:].count("fork") >= 12
    assert scene.leftovers() == []
