"""What copies of a running machine promise, beside what all forks do."""

from __future__ import annotations

import errno
import gc
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed import CrashError, LostError, Vm, procfs
from rustbed.arch import Arch
from rustbed.forks.counts import COPIED, FORKED
from rustbed.forks.hot.proof import compare, watch_clock
from rustbed.forks.hot.warming import find_refused_load
from rustbed.forks.machines import Machines
from rustbed.guest.modules import PLACE
from rustbed.log.splat import find_splats
from rustbed.prepare import Choices, Platform
from rustbed.progress import ignore
from tests.boot.copied import Copies
from tests.boot.pytest_runs import pytest_argv, start
from tests.processes import children, is_running, wait_until

# MiB that a machine may use more after it was copied 200 times
_GROWN_MIB = 8


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


def test_copies_share_neither_files_nor_logs_nor_consoles(copies: Copies) -> None:
    with ExitStack() as stack:
        vms = [copies.copy(stack) for _ in range(3)]
        for number, vm in enumerate(vms):
            assert len(vm.log) == 0
            vm.check(f"echo {number} >/tmp/mine; touch /tmp/only{number}; echo '<4>I am {number}' >/dev/kmsg")
        for number, vm in enumerate(vms):
            assert vm.check("cat /tmp/mine; ls /tmp").split() == [str(number), "mine", f"only{number}"]
            assert vm.log.messages == [f"I am {number}"]
            assert vm.live.log_damage == ""
            assert vm.files.console.read_text().count("I am ") == 1
        assert copies.copy(stack).check("ls -A /tmp") == ""


def test_copy_has_a_clock_that_goes_at_the_hosts_pace_and_is_the_hosts(copies: Copies) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        assert abs(int(vm.check("date +%s")) - time.time()) < 20
        assert watch_clock(vm) == ""
        assert find_splats(vm.dmesg.records) == ()


def test_a_machine_that_is_compared_with_itself_shares_its_memory(copies: Copies) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        assert compare(vm, vm) == "they share memory"


def test_copies_draw_different_random_numbers(copies: Copies) -> None:
    with ExitStack() as stack:
        drawn = {copies.copy(stack).check("cat /proc/sys/kernel/random/uuid") for _ in range(3)}
    assert len(drawn) == 3


def test_second_shell_of_a_copy_is_its_own(copies: Copies) -> None:
    with ExitStack() as stack:
        vm, other = copies.copy(stack), copies.copy(stack)
        vm.live.talk.tell("echo told >/tmp/told")
        vm.wait_for(lambda: vm.run("cat /tmp/told").output == "told", "the second shell to answer")
        assert other.check("ls -A /tmp") == ""


def test_eight_copies_load_drivers_at_once(copies: Copies) -> None:
    def work(vm: Vm) -> list[str]:
        for _ in range(3):
            with vm.module("rust_minimal"):
                pass
        return [message for message in vm.log.messages if "exit" in message]

    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        vms = [copies.copy(stack) for _ in range(8)]
        assert [len(said) for said in pool.map(work, vms)] == [3] * 8
        assert [vm.live.log_damage for vm in vms] == [""] * 8


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


def test_driver_is_loaded_in_a_copy_and_nowhere_else(copies: Copies) -> None:
    with ExitStack() as stack:
        vm, other = copies.copy(stack), copies.copy(stack)
        with vm.module("rust_minimal"):
            assert "rust_minimal" in vm.check("cat /proc/modules")
            assert other.check("cat /proc/modules") == ""
        assert any("Rust minimal" in message for message in vm.log.messages)


def test_copy_answers_qmp_and_takes_devices(copies: Copies) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        assert vm.monitor.execute("query-status")["status"] == "running"
        if vm.spec.arch.hotplug_port and "pci-testdev" not in vm.spec.arch.lacks:
            vm.unplug(vm.plug("pci-testdev"))


def test_copy_that_powers_off_or_panics_harms_no_other(copies: Copies) -> None:
    with ExitStack() as stack:
        off, panics, other = (copies.copy(stack) for _ in range(3))
        assert isinstance(off.run_to_end("poweroff -f"), LostError)
        assert isinstance(panics.run_to_end("echo c >/proc/sysrq-trigger"), CrashError)
        assert other.check("echo well") == "well"
        assert copies.copy(stack).check("echo well") == "well"


def test_copy_runs_in_qemus_sandbox(copies: Copies) -> None:
    with ExitStack() as stack:
        pid = copies.copy(stack).live.qemu_pid
        assert (procfs.status(pid, "Seccomp"), procfs.status(pid, "NoNewPrivs")) == ("2", "1")


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


@pytest.mark.parametrize("cpus", [2, 4])
def test_copy_of_a_machine_with_several_cpus_runs_on_all(copies: Copies, cpus: int) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            vm = copies.copy(stack)
            assert vm.check("nproc") == str(cpus)
            said = [vm.check(f"taskset {1 << cpu:x} sh -c 'echo on {cpu}'") for cpu in range(cpus)]
            assert said == [f"on {cpu}" for cpu in range(cpus)]


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
