"""What a fork is: of a stand-in for QEMU, whose memory and state are files all the same."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edge.machine.scene import Scene
from tests.processes import wait_until

from rustbed.errors import HostError
from rustbed.forks.counts import BOOTED, FORKED
from rustbed.machine.spec import Hardware


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
        assert vm.live.judged.messages == ["mine"]
        seqs = [record.seq for record in vm.dmesg.records]
        assert seqs == sorted(seqs)
        assert vm.live.log_damage == ""


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


def test_what_a_fork_says_while_it_stands_by_belongs_to_no_test(scene: Scene) -> None:
    qemu = scene.qemu(FAKE_FORK="record:idle log ready wait")
    with scene.session() as machines:
        scene.use(machines, "one", qemu)
        wait_until(lambda: len(scene.running) == 1, "one stands by")
        with machines.machine(scene.spec, qemu, scene.path / "two") as vm:
            vm.run("echo '<5>mine' >/dev/kmsg")
            assert vm.log.messages == ["mine"]
            assert vm.live.judged.messages == ["mine"]
            assert vm.dmesg.messages == ["booted", "idle", "mine"]
            assert vm.live.log_damage == ""


def test_machine_that_is_foretold_stands_by(scene: Scene) -> None:
    qemu = scene.qemu()
    other = replace(scene.spec, hardware=Hardware(memory_mib=128))
    with scene.session() as machines:
        with machines.machine(other, qemu, scene.path / "known"):
            pass
        machines.foretell = lambda: (other, qemu)
        scene.use(machines, "one")
        wait_until(lambda: len(scene.running) == 1, "one stands by")
        before = scene.running
        with machines.machine(other, qemu, scene.path / "two") as vm:
            assert [vm.live.qemu_pid] == before


def test_machine_whose_template_an_earlier_session_made_stands_by_when_it_is_foretold(scene: Scene) -> None:
    other = replace(scene.spec, hardware=Hardware(memory_mib=128))
    qemu = scene.qemu()
    with scene.session() as machines, machines.machine(other, qemu, scene.path / "earlier"):
        pass
    with scene.session() as machines:
        machines.foretell = lambda: (other, qemu)
        scene.use(machines, "one", qemu)
        wait_until(lambda: len(scene.running) == 1, "one stands by")
        before = scene.running
        with machines.machine(other, qemu, scene.path / "two") as vm:
            assert [vm.live.qemu_pid] == before
    assert scene.leftovers() == []


def test_nothing_stands_by_for_a_session_that_wants_no_more(scene: Scene) -> None:
    with scene.session() as machines:
        machines.foretell = lambda: None
        assert [scene.use(machines, name) for name in ("one", "two")] == [FORKED, FORKED]
        assert scene.leftovers() == []
    assert scene.starts == ["boot", "fork", "fork"]


def test_machine_that_was_never_seen_is_foretold_in_vain(scene: Scene) -> None:
    with scene.session() as machines:
        machines.foretell = lambda: (replace(scene.spec, hardware=Hardware(memory_mib=128)), scene.qemu())
        scene.use(machines, "one")
        assert scene.leftovers() == []
    assert scene.starts == ["boot", "fork"]


def test_machine_of_another_kind_gets_no_standby_of_this_one(scene: Scene) -> None:
    other = replace(scene.spec, hardware=Hardware(memory_mib=128))
    with scene.session() as machines:
        scene.use(machines, "one")
        with machines.machine(other, scene.qemu(), scene.path / "two") as vm:
            assert vm.spec.hardware.memory_mib == 128
            wait_until(lambda: len(scene.running) == 2, "it runs and one of its kind stands by")
    assert scene.leftovers() == []


def opened() -> set[int]:
    """Return the numbers of this process's open files."""
    gc.collect()
    return {int(path.name) for path in Path("/proc/self/fd").iterdir()}


@contextmanager
def room_for(files: int) -> Iterator[None]:
    """Let this process open so many more files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = opened()
    free = [number for number in range(1000) if number not in taken]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[files], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "booted"])
def test_too_few_files_are_an_error_that_leaves_none_open(scene: Scene, forks: bool) -> None:
    with scene.session(forks=forks) as machines:
        scene.use(machines, "first")
    before, said = opened(), list[str]()
    for files in range(50):
        with scene.session(forks=forks) as machines:
            machines.foretell = lambda: None
            try:
                with room_for(files):
                    scene.use(machines, f"with-{files}")
                break
            except HostError as error:
                said.append(str(error))
        assert opened() == before
    assert len(said) > 10
    assert [each for each in said if "oo many" not in each] == []
    assert scene.leftovers() == []
