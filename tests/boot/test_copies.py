"""What copies of a running machine promise, beside what all forks do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed import CrashError, LostError, Vm, procfs
from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.errors import ForkError
from rustbed.forks.counts import COPIED, FORKED, REPLACED, RESTORED
from rustbed.forks.hot.server import Server
from rustbed.forks.machines import Machines
from rustbed.forks.waiting import Waiting
from rustbed.log.splat import find_splats
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import Choices, Platform, prepare
from rustbed.progress import ignore
from tests.boot.pytest_runs import pytest_argv, start
from tests.processes import children, is_running, wait_until

# a server that a signal ended, in the counts
KILLED = f"{REPLACED}the one before ended with status -9"


@pytest.fixture
def choices(request: pytest.FixtureRequest) -> Choices:
    return replace(read_choices(given(request.config)), forks="hot")


@pytest.fixture
def platform(arch: Arch, choices: Choices) -> Platform:
    found = prepare(arch, choices, ignore)
    if found.accel != "tcg":
        pytest.skip("KVM's machines are not copied")
    if found.qemu.shim is None:
        pytest.skip(found.qemu.uncopyable)
    return found


class Copies:
    """Machines of a session whose server runs."""

    def __init__(self, machines: Machines, platform: Platform, path: Path, cpus: int) -> None:
        self.machines = machines
        self._platform = platform
        self._spec = replace(platform, cpus=cpus).spec()
        self._path = path
        self._number = 0

    def next(self, stack: ExitStack) -> Vm:
        self._number += 1
        directory = self._path / str(self._number)
        return stack.enter_context(self.machines.machine(self._spec, self._platform.qemu, directory))

    def copy(self, stack: ExitStack) -> Vm:
        """Return a machine that is a copy."""
        before = self.machines.counts[COPIED]
        vm = self.next(stack)
        assert self.machines.counts[COPIED] == before + 1, dict(self.machines.counts)
        return vm

    @property
    def server_pid(self) -> int:
        (owned,) = self.machines.servers.pids
        return owned


@pytest.fixture
def cpus() -> int:
    return 1


@pytest.fixture
def copies(choices: Choices, platform: Platform, tmp_path: Path, cpus: int) -> Iterator[Copies]:
    with Machines(choices.cache, ignore) as machines:
        made = Copies(machines, platform, tmp_path, cpus)
        # the first of its kind is restored
        with ExitStack() as stack:
            made.next(stack)
        assert machines.counts == {FORKED: 1}
        machines.counts.clear()
        yield made


def test_machine_whose_kind_was_wanted_before_is_a_copy(copies: Copies) -> None:
    with ExitStack() as stack:
        copies.copy(stack)
        copies.copy(stack)
    assert copies.machines.counts == {FORKED: 2, COPIED: 2}


@pytest.mark.parametrize("following", [1, 0], ids=["one more", "none"])
def test_server_is_started_while_the_first_machine_runs_if_another_is_wanted(
    choices: Choices, platform: Platform, tmp_path: Path, following: int
) -> None:
    wanted = [(platform.spec(), platform.qemu)] * following
    with Machines(choices.cache, ignore) as machines, ExitStack() as stack:
        machines.foretell = lambda: wanted[0] if wanted else None
        Copies(machines, platform, tmp_path, cpus=1).next(stack)
        assert len(machines.servers.pids) == following


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


def test_copy_has_a_clock_that_goes_on_and_is_the_hosts(copies: Copies) -> None:
    time.sleep(2)
    with ExitStack() as stack:
        vm = copies.copy(stack)
        assert abs(int(vm.check("date +%s")) - time.time()) < 20
        before = float(vm.check("cut -d' ' -f1 /proc/uptime"))
        vm.check("sleep 1")
        assert 1 <= float(vm.check("cut -d' ' -f1 /proc/uptime")) - before < 20
        assert find_splats(vm.dmesg.records) == ()


def test_copies_draw_different_random_numbers(copies: Copies) -> None:
    with ExitStack() as stack:
        drawn = {copies.copy(stack).check("cat /proc/sys/kernel/random/uuid") for _ in range(3)}
    assert len(drawn) == 3


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
        if "pci-testdev" not in vm.spec.arch.lacks:
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


def test_server_that_is_killed_takes_no_copy_with_it_and_is_replaced(copies: Copies) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        os.kill(copies.server_pid, signal.SIGKILL)
        assert vm.check("echo alive") == "alive"
        assert copies.copy(stack).check("echo alive") == "alive"
    assert copies.machines.counts == {FORKED: 2, COPIED: 2, KILLED: 1}


def test_server_that_turns_out_to_be_dead_when_it_is_asked_is_replaced(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_ended = Server.wait_ended

    def wait_only(server: Server, seconds: float = 0.0) -> int | None:
        return wait_ended(server, seconds) if seconds else None

    # its end is not noticed before a copy is wanted
    monkeypatch.setattr(Server, "wait_ended", wait_only)
    with ExitStack() as stack:
        copies.copy(stack)
        os.kill(copies.server_pid, signal.SIGKILL)
        assert copies.copy(stack).check("echo alive") == "alive"
    assert copies.machines.counts == {FORKED: 2, COPIED: 2, KILLED: 1}


def test_servers_that_end_again_and_again_are_replaced_by_restored_machines(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def park(server: Server) -> None:
        os.kill(server.pid, signal.SIGKILL)
        raise ForkError("a machine to be copied did not come to life")

    monkeypatch.setattr(Server, "park", park)
    with ExitStack() as stack:
        assert copies.next(stack).check("echo alive") == "alive"
        assert copies.next(stack).check("echo alive") == "alive"
    reason = f"{RESTORED}a machine to be copied did not come to life"
    assert copies.machines.counts == {FORKED: 2, KILLED: 3, reason: 2}


def test_server_that_does_not_answer_is_replaced_by_restored_machines(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rustbed.forks.hot.copier._COPY_S", 0.5)
    with ExitStack() as stack:
        copies.copy(stack)
        os.kill(copies.server_pid, signal.SIGSTOP)
        assert copies.next(stack).check("echo alive") == "alive"
        assert copies.next(stack).check("echo alive") == "alive"
    (reason,) = (how for how in copies.machines.counts if how.startswith(RESTORED))
    assert "did not make a copy within 0.5 s" in reason
    assert copies.machines.counts[reason] == 2


@pytest.mark.arches("x86_64")
def test_copy_that_is_killed_before_a_test_has_it_is_replaced_by_a_restored_machine(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Server.copy

    @contextmanager
    def copy_and_kill(server: Server, directory: Path) -> Iterator[Waiting]:
        with copy(server, directory) as waiting:
            os.kill(waiting.started.child.pid, signal.SIGKILL)
            yield waiting

    with ExitStack() as stack:
        copies.copy(stack)
        monkeypatch.setattr(Server, "copy", copy_and_kill)
        assert copies.next(stack).check("echo alive") == "alive"
    (reason,) = (how for how in copies.machines.counts if how.startswith(RESTORED))
    assert "did not come to life" in reason
    assert copies.machines.counts == {FORKED: 2, COPIED: 1, reason: 1}


@pytest.mark.arches("x86_64")
def test_machines_without_a_sandbox_are_restored(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rustbed.machine.argv.SANDBOX", "off")
    # nobody has looked at such a QEMU before
    with Machines(Cache(tmp_path / "cache"), ignore) as machines, ExitStack() as stack:
        copies = Copies(machines, platform, tmp_path, cpus=1)
        assert [copies.next(stack).check("echo alive") for _ in range(3)] == ["alive"] * 3
    reason = f"{RESTORED}copies of QEMU are not sound here: QEMU's sandbox is not in place"
    assert machines.counts == {FORKED: 3, reason: 2}


def test_nothing_is_left_of_a_session_with_copies(copies: Copies) -> None:
    with ExitStack() as stack:
        pids = [copies.copy(stack).live.qemu_pid for _ in range(4)]
        pids.append(copies.server_pid)
    copies.machines.close()
    assert [pid for pid in pids if is_running(pid)] == []


@pytest.mark.parametrize("cpus", [2])
def test_copy_of_a_machine_with_two_cpus_runs_on_both(copies: Copies) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            vm = copies.copy(stack)
            assert vm.check("nproc") == "2"
            said = [vm.check(f"taskset {1 << cpu:x} sh -c 'echo on {cpu}'") for cpu in (0, 1)]
            assert said == ["on 0", "on 1"]


@pytest.mark.arches("x86_64")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_session_that_is_ended_leaves_neither_server_nor_copy(
    request: pytest.FixtureRequest, arch: Arch, platform: Platform, tmp_path: Path, number: signal.Signals
) -> None:
    ready = tmp_path / "ready"
    argv = pytest_argv(request.config, "scene_copies.py", arch, tmp_path / "results", "--forks", "hot")
    with start(argv, SCENE_READY=str(ready)) as session:
        try:
            wait_until(lambda: ready.exists() or session.poll() is not None, "the scene is ready", 120)
            pids = children(session.pid)
            # the server, the test's machine and its two copies
            assert len(pids) == 4
            session.send_signal(number)
            session.wait(60)
        finally:
            session.kill()
    wait_until(lambda: not any(map(is_running, pids)), "none of them runs", 10)
