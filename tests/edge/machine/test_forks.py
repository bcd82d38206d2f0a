"""What a fork is: of a stand-in for QEMU, whose memory and state are files all the same."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.edge.machine.scene import Scene, wait_until

from rustbed.forks.counts import BOOTED, FORKED


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
    qemu = scene.qemu(FAKE_FORK="log ready record:idle wait")
    with scene.session() as machines:
        scene.use(machines, "one", qemu)
        wait_until(lambda: len(scene.running) == 1, "one stands by")
        time.sleep(0.5)
        with machines.machine(scene.spec, qemu, scene.path / "two") as vm:
            vm.run("echo '<5>mine' >/dev/kmsg")
            assert vm.log.messages == ["mine"]
            assert vm.live.judged.messages == ["mine"]
            assert vm.dmesg.messages == ["booted", "idle", "mine"]
            assert vm.live.log_damage == ""


def test_machine_that_is_foretold_stands_by(scene: Scene) -> None:
    qemu = scene.qemu()
    other = replace(scene.spec, memory_mib=128)
    with scene.session() as machines:
        with machines.machine(other, qemu, scene.path / "known"):
            pass
        machines.foretell = lambda: (other, qemu)
        scene.use(machines, "one")
        wait_until(lambda: len(scene.running) == 1, "one stands by")
        before = scene.running
        with machines.machine(other, qemu, scene.path / "two") as vm:
            assert [vm.live.qemu_pid] == before


def test_nothing_stands_by_for_a_session_that_wants_no_more(scene: Scene) -> None:
    with scene.session() as machines:
        machines.foretell = lambda: None
        assert [scene.use(machines, name) for name in ("one", "two")] == [FORKED, FORKED]
        assert scene.leftovers() == []
    assert scene.starts == ["boot", "fork", "fork"]


def test_machine_that_was_never_seen_is_foretold_in_vain(scene: Scene) -> None:
    with scene.session() as machines:
        machines.foretell = lambda: (replace(scene.spec, memory_mib=128), scene.qemu())
        scene.use(machines, "one")
        assert scene.leftovers() == []
    assert scene.starts == ["boot", "fork"]


def test_machine_of_another_kind_gets_no_standby_of_this_one(scene: Scene) -> None:
    other = replace(scene.spec, memory_mib=128)
    with scene.session() as machines:
        scene.use(machines, "one")
        with machines.machine(other, scene.qemu(), scene.path / "two") as vm:
            assert vm.spec.memory_mib == 128
            wait_until(lambda: len(scene.running) == 2, "it runs and one of its kind stands by")
    assert scene.leftovers() == []
