"""What copies of a running machine promise, beside what all forks do."""

from __future__ import annotations

import errno
import gc
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed import procfs
from rustbed.arch import Arch
from rustbed.forks.counts import COPIED, FORKED
from rustbed.forks.hot.proof import compare
from rustbed.forks.hot.warming import find_refused_load
from rustbed.forks.machines import Machines
from rustbed.guest.modules import PLACE
from rustbed.prepare import Choices, Platform
from rustbed.progress import ignore
from tests.boot.copied import Copies
from tests.boot.promises import PROMISES, are_small, keep_every_promise, run_on_every_cpu
from tests.boot.pytest_runs import pytest_argv, start
from tests.processes import children, is_running, wait_until

# MiB that a machine may use more after it was copied 200 times
_GROWN_MIB = 8


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_copies(copies: Copies, promise: Callable[[Copies], None]) -> None:
    promise(copies)


def test_idle_copy_has_less_than_5_mib_of_its_own(copies: Copies) -> None:
    are_small(copies, 5)


def test_machine_whose_kind_was_wanted_before_is_a_copy(copies: Copies) -> None:
    with ExitStack() as stack:
        copies.copy(stack)
        copies.copy(stack)
    assert copies.machines.counts == {FORKED: 2, COPIED: 2}


# what is wanted next and how often, and whether that is started to be copied or stands by
AHEAD = {"many": (True, None, 1), "enough": (True, 4, 1), "few": (True, 3, 0), "none": (False, 0, 0)}


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
def test_server_is_started_while_the_first_machine_runs_if_enough_others_are_wanted(
    choices: Choices, platform: Platform, tmp_path: Path, ahead: tuple[bool, int | None, int]
) -> None:
    is_wanted, count, servers = ahead
    before = len(children(os.getpid()))
    with Machines(choices.cache, ignore) as machines, ExitStack() as stack:
        machines.foretell = lambda: (platform.spec(), platform.qemu) if is_wanted else None
        machines.count_ahead = None if count is None else lambda: count
        Copies(machines, platform, tmp_path, cpus=1).next(stack)
        assert len(machines.servers.pids) == servers
        # its own QEMU, and one for what comes
        assert len(children(os.getpid())) == before + 1 + is_wanted


def test_last_machines_of_a_kind_are_copies_where_a_server_runs(copies: Copies) -> None:
    with ExitStack() as stack:
        copies.copy(stack)
        copies.machines.count_ahead = lambda: 1
        copies.copy(stack)
        copies.copy(stack)
    assert copies.machines.counts == {FORKED: 3, COPIED: 3}


def test_a_machine_that_is_compared_with_itself_shares_its_memory(copies: Copies) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        assert compare(vm, vm) == "they share memory"


# what a warm-up could leave in a guest: modules, a taint, files, processes
LEFT = (
    "cat /proc/modules /proc/sys/kernel/tainted",
    "find /tmp /run /root /dev /sys/module /sys/kernel/slab /sys/class /sys/bus/*/drivers",
    "cat /proc/[0-9]*/comm",
)


def test_what_is_done_before_machines_are_copied_leaves_nothing(
    copies: Copies, platform: Platform, choices: Choices, tmp_path: Path
) -> None:
    restoring = replace(platform.qemu, shim=None, uncopyable="")
    with Machines(choices.cache, ignore) as machines, ExitStack() as stack:
        vm = copies.copy(stack)
        restored = stack.enter_context(machines.machine(platform.spec(), restoring, tmp_path / "restored"))
        for command in LEFT:
            found, expected = (sorted(each.check(command).splitlines()) for each in (vm, restored))
            # the kernel starts and ends these as it needs them
            assert [each for each in found if not each.startswith("kworker")] == [
                each for each in expected if not each.startswith("kworker")
            ]
        assert len(vm.log) == 0
        # a load was refused, for its value or by its init, which says nothing
        is_said = "=?" in find_refused_load(platform.kernel)
        assert is_said == any("`?' invalid for parameter" in each for each in vm.dmesg.messages)


def test_load_that_warms_machines_is_refused_by_the_modules_init(copies: Copies, platform: Platform) -> None:
    if "loop" not in platform.kernel.modules:
        pytest.skip("no module of the image has such an init")
    load = find_refused_load(platform.kernel)
    assert load.startswith(f"rbctl insmod {PLACE}/loop.ko ")
    with ExitStack() as stack:
        vm = copies.copy(stack)
        refused = vm.rbctl(*load.partition(" && ")[0].split()[1:])
        assert (refused.status, refused.output) == (errno.EINVAL, f"errno {errno.EINVAL}")
        assert vm.check("cat /proc/modules /proc/sys/kernel/tainted") == "0"
        assert len(vm.log) == 0


def test_nothing_is_left_of_a_session_with_copies(copies: Copies) -> None:
    with ExitStack() as stack:
        pids = [copies.copy(stack).live.qemu_pid for _ in range(4)]
        pids.append(copies.server_pid)
    copies.machines.close()
    assert [pid for pid in pids if is_running(pid)] == []


# nothing of it is an architecture's
@pytest.mark.arches("x86_64")
def test_two_hundred_copies_one_after_the_other_leave_nothing(copies: Copies) -> None:
    def copy(number: int) -> None:
        with ExitStack() as stack:
            vm = copies.copy(stack)
            assert vm.check(f"echo {number} >/tmp/{number}; cat /tmp/*; ls /tmp") == f"{number}\n{number}"

    copy(0)
    server, own = copies.server_pid, os.getpid()
    # what other tests left open is closed now, and not meanwhile
    gc.collect()
    before = [len(procfs.descriptors(pid)) for pid in (server, own)]
    others, rss_mib = children(own), procfs.memory_mib(server, "Rss")
    for number in range(1, 200):
        copy(number)
    assert copies.machines.counts == {FORKED: 200, COPIED: 200}
    assert copies.server_pid == server
    assert [len(procfs.descriptors(pid)) for pid in (server, own)] == before
    assert set(children(own)) <= set(others)
    assert procfs.memory_mib(server, "Rss") - rss_mib < _GROWN_MIB


@pytest.mark.parametrize("cpus", [2])
def test_copies_of_a_machine_with_two_cpus_keep_every_promise(copies: Copies) -> None:
    keep_every_promise(copies)


@pytest.mark.parametrize("cpus", [4])
def test_copy_of_a_machine_with_four_cpus_runs_on_all(copies: Copies) -> None:
    run_on_every_cpu(copies)


@pytest.mark.arches("x86_64")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_session_that_is_ended_leaves_neither_server_nor_copy(
    request: pytest.FixtureRequest, arch: Arch, platform: Platform, tmp_path: Path, number: signal.Signals
) -> None:
    ready = tmp_path / "ready"
    argv = pytest_argv(request.config, "scene_copies.py", arch, tmp_path / "results", "--forks", "hot")
    with start(argv, SCENE_READY=str(ready)) as session:
        try:
            wait_until(lambda: ready.exists() or session.poll() is not None, "the scene is ready")
            pids = children(session.pid)
            # the server, the test's machine and its two copies
            assert len(pids) == 4
            session.send_signal(number)
            session.wait(300)
        finally:
            session.kill()
    wait_until(lambda: not any(map(is_running, pids)), "none of them runs")
