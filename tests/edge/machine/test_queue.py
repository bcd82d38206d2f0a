"""More machines than there is memory for."""

from __future__ import annotations

import threading

import pytest
from tests.edge.machine.scene import Scene

from rustbed.errors import HostError
from rustbed.forks.counts import FORKED
from rustbed.forks.ledger import HEADROOM_MIB, Ledger
from rustbed.host import QEMU_OVERHEAD_MIB


def ledger_with_room_for(scene: Scene, machines: int) -> Ledger:
    room_mib = HEADROOM_MIB + machines * (scene.spec.hardware.memory_mib + QEMU_OVERHEAD_MIB)
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
