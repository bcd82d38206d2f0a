"""Forks, what stands by and whole sessions that are killed: what is left, and what comes next."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.edge.machine.scene import Scene
from tests.processes import is_running, wait_until

from rustbed.errors import LostError
from rustbed.forks.counts import FORKED, INSTEAD


def test_qemu_killed_while_it_loads_means_booting_and_the_next_session_forks(scene: Scene) -> None:
    with scene.session() as machines:
        how = scene.use(machines, "run", scene.qemu(FAKE_LOAD="exit:1"))
        assert how.startswith(f"{INSTEAD}a fork did not start")
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


def test_sigkill_of_a_worker_ends_machine_and_standby_and_leaves_nothing(scene: Scene) -> None:
    with scene.start_session() as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        wait_until(lambda: len(scene.running) == 2, "a machine runs and one stands by")
        child.kill()
    wait_until(lambda: scene.remaining == [], "all is gone")
    with scene.session() as machines:
        assert scene.use(machines, "next") == FORKED
    assert scene.leftovers() == []
    assert scene.starts.count("boot") == 1


def test_sigkill_while_a_template_is_made_leaves_nothing_that_matters(scene: Scene) -> None:
    with scene.start_session(FAKE_SAVE="stall") as child:
        wait_until(lambda: scene.starts == ["boot"], "the boot")
        time.sleep(0.5)
        child.kill()
    wait_until(lambda: scene.remaining == [], "all is gone")
    with scene.session() as machines:
        assert scene.use(machines, "next") == FORKED
    assert scene.leftovers() == []


def test_two_workers_that_want_one_template_make_one(scene: Scene) -> None:
    with scene.start_session() as one, scene.start_session() as two:
        for child in (one, two):
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        for child in (one, two):
            child.kill()
    assert scene.starts.count("boot") == 1
    wait_until(lambda: scene.remaining == [], "all is gone")
