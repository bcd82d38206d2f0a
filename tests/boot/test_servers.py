"""The machines of a session that are copied: which have none, how many live, for whom they are ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.cache import Cache
from rustbed.forks.counts import COPIED, FORKED, RESTORED, render_counts
from rustbed.forks.ledger import HEADROOM_MIB, Ledger
from rustbed.forks.machines import Machines
from rustbed.host import QEMU_OVERHEAD_MIB
from rustbed.machine.spec import MachineSpec
from rustbed.prepare import Choices, Platform
from rustbed.progress import Progress, ignore
from tests.boot.copied import Copies
from tests.claims import claims
from tests.processes import is_running

# nothing of it is an architecture's
pytestmark = pytest.mark.arches("x86_64")


def test_reason_why_machines_are_not_copied_is_said_once_and_counted_for_each(
    choices: Choices, platform: Platform, tmp_path: Path
) -> None:
    why = "a machine under kvm belongs to one process"
    said: list[Progress] = []
    uncopyable = replace(platform, qemu=replace(platform.qemu, shim=None, uncopyable=why))
    with Machines(choices.cache, said.append) as machines, ExitStack() as stack:
        copies = Copies(machines, uncopyable, tmp_path, cpus=1)
        assert [copies.next(stack).check("echo alive") for _ in range(3)] == ["alive"] * 3
        assert machines.servers.pids == ()
    assert machines.counts == {FORKED: 3, f"{RESTORED}{why}": 3}
    assert [each.what for each in said if why in each.what] == [f"restoring instead of copying: {why}"]
    assert render_counts(machines.counts).splitlines() == [
        "3 machines forked, 0 booted as asked",
        f"  3 restored instead of copied because {why}",
    ]


def copies_in(machines: Machines, platform: Platform, path: Path, cpus: int = 1) -> Copies:
    path.mkdir()
    return Copies(machines, platform, path, cpus)


def test_machine_that_was_not_copied_for_longest_is_ended_for_another_kind_and_its_copies_go_on(
    choices: Choices, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rustbed.forks.hot.servers._MOST", 2)
    with Machines(choices.cache, ignore) as machines, ExitStack() as stack:
        # nothing is started before it is wanted
        machines.foretell = lambda: None
        one, two, four = (copies_in(machines, platform, tmp_path / str(cpus), cpus) for cpus in (1, 2, 4))
        for kind in (one, two, four):
            with ExitStack() as first:
                kind.next(first)
        vms = [one.copy(stack), two.copy(stack)]
        of_one, of_two = machines.servers.pids
        vms += [one.copy(stack), four.copy(stack)]
        assert not is_running(of_two)
        of_one_still, of_four = machines.servers.pids
        assert of_one_still == of_one
        assert [vm.check("nproc") for vm in vms] == ["1", "2", "1", "4"]
        # it is started again when it is wanted, and another is ended
        assert two.copy(stack).check("nproc") == "2"
        assert machines.servers.pids[0] == of_four
        assert not is_running(of_one)
        assert [vm.check("nproc") for vm in vms] == ["1", "2", "1", "4"]
        assert machines.counts == {FORKED: 8, COPIED: 5}


def ledger_of(path: Path, spec: MachineSpec, room: Callable[[], int]) -> Ledger:
    """Return a ledger of this test's own, for machines that there is room for."""
    mib = spec.hardware.memory_mib + QEMU_OVERHEAD_MIB
    return Ledger(Cache(path), available_mib=lambda: HEADROOM_MIB + room() * mib)


def test_machine_to_be_copied_that_starts_gives_way_to_one_that_is_wanted(
    choices: Choices, platform: Platform, tmp_path: Path
) -> None:
    memory = ledger_of(tmp_path / "memory", platform.spec(), lambda: 3)
    with Machines(choices.cache, ignore, ledger=memory) as machines, ExitStack() as stack:
        vms = [Copies(machines, platform, tmp_path, cpus=1).next(stack)]
        (started,) = machines.servers.pids
        machines.foretell = lambda: None
        others = copies_in(machines, platform, tmp_path / "others", cpus=2)
        vms.append(others.next(stack))
        assert is_running(started)
        assert len(claims(tmp_path / "memory")) == 3
        vms.append(others.next(stack))
        assert machines.servers.pids == ()
        assert not is_running(started)
        assert [vm.check("nproc") for vm in vms] == ["1", "2", "2"]
        assert machines.counts == {FORKED: 3}
    assert claims(tmp_path / "memory") == []


def test_machine_that_is_copied_gives_way_to_one_that_is_wanted_and_is_started_again_later(
    choices: Choices, platform: Platform, tmp_path: Path
) -> None:
    # one that stands still claims no memory, and uses some
    memory = ledger_of(tmp_path / "memory", platform.spec(), lambda: 3 - len(machines.servers.pids))
    with Machines(choices.cache, ignore, ledger=memory) as machines:
        machines.foretell = lambda: None
        copies = Copies(machines, platform, tmp_path, cpus=1)
        with ExitStack() as first:
            copies.next(first)
        with ExitStack() as stack:
            vms = [copies.copy(stack), copies.copy(stack)]
            ended = copies.server_pid
            vms.append(copies.next(stack))
            assert machines.servers.pids == ()
            assert not is_running(ended)
            assert [vm.check("echo alive") for vm in vms] == ["alive"] * 3
            assert len(claims(tmp_path / "memory")) == 3
        with ExitStack() as stack:
            assert copies.copy(stack).check("echo alive") == "alive"
        assert machines.counts == {FORKED: 5, COPIED: 3}
    assert claims(tmp_path / "memory") == []
