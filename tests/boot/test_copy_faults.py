"""Servers and copies that die, hang, or are interrupted: what tests then get, and what is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rustbed import LostError
from rustbed.cache import Cache
from rustbed.errors import ForkError, HangError
from rustbed.forks.counts import COPIED, FORKED, REPLACED, RESTORED
from rustbed.forks.hot import copier
from rustbed.forks.hot.server import Server
from rustbed.forks.machines import Machines
from rustbed.forks.waiting import Waiting
from rustbed.prepare import Choices, Platform
from rustbed.progress import Progress, ignore
from tests.boot.copied import Copies
from tests.boot.promises import KILLED
from tests.processes import children, is_running, wait_until


def kill_at_each_copy(patch: pytest.MonkeyPatch, find: Callable[[Server, Waiting], int]) -> None:
    """End the process that `find` returns when a server has made a copy, before anything has it."""
    copy = Server.copy

    @contextmanager
    def copy_and_kill(server: Server, directory: Path) -> Iterator[Waiting]:
        with copy(server, directory) as waiting:
            os.kill(find(server, waiting), signal.SIGKILL)
            yield waiting

    patch.setattr(Server, "copy", copy_and_kill)


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
        raise ForkError("a machine to be copied did not start")

    monkeypatch.setattr(Server, "park", park)
    with ExitStack() as stack:
        assert copies.next(stack).check("echo alive") == "alive"
        assert copies.next(stack).check("echo alive") == "alive"
    reason = f"{RESTORED}a machine to be copied did not start"
    assert copies.machines.counts == {FORKED: 2, KILLED: 3, reason: 2}


def test_server_that_does_not_answer_is_replaced_by_restored_machines(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        copies.copy(stack)
        # not before: one that runs may take that long on a busy host
        monkeypatch.setattr("rustbed.forks.hot.copier._COPY_S", 0.5)
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
    with ExitStack() as stack:
        copies.copy(stack)
        kill_at_each_copy(monkeypatch, lambda _, waiting: waiting.started.child.pid)
        assert copies.next(stack).check("echo alive") == "alive"
    (reason,) = (how for how in copies.machines.counts if how.startswith(RESTORED))
    assert "did not start" in reason
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


@pytest.mark.arches("x86_64")
def test_check_that_hangs_is_made_again_by_the_next_session(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = []

    def hang(*_: object) -> str:
        checks.append("hung")
        raise HangError("the guest did not answer within 60 s")

    def run_session(name: str) -> tuple[dict[str, int], list[str]]:
        said: list[Progress] = []
        (tmp_path / name).mkdir()
        with Machines(cache, said.append) as machines, ExitStack() as stack:
            copies = Copies(machines, platform, tmp_path / name, cpus=1)
            assert [copies.next(stack).check("echo alive") for _ in range(3)] == ["alive"] * 3
        return dict(machines.counts), [each.what for each in said if each.what.startswith("restoring")]

    # no copy was checked with this cache
    cache = Cache(tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("rustbed.forks.hot.proof.compare", hang)
        counts, said = run_session("hangs")
    why = "copies of QEMU could not be checked: the guest did not answer within 60 s"
    assert counts == {FORKED: 3, f"{RESTORED}{why}": 2}
    assert (said, checks) == ([f"restoring instead of copying: {why}"], ["hung"])
    assert run_session("answers") == ({FORKED: 3, COPIED: 2}, [])


@pytest.mark.arches("x86_64")
def test_qemu_that_does_not_load_the_library_is_restored(
    choices: Choices, platform: Platform, tmp_path: Path
) -> None:
    # as a user's own QEMU, which is linked statically or with another C library
    library = tmp_path / "shim.so"
    library.write_text("not a library")
    other = replace(platform, qemu=replace(platform.qemu, shim=library))
    with Machines(choices.cache, ignore) as machines, ExitStack() as stack:
        copies = Copies(machines, other, tmp_path, cpus=1)
        assert [copies.next(stack).check("echo alive") for _ in range(3)] == ["alive"] * 3
    reason = f"{RESTORED}QEMU cannot be copied: its shim does not answer"
    assert machines.counts == {FORKED: 3, reason: 2}


@pytest.mark.arches("x86_64")
def test_server_that_is_killed_while_its_copy_is_adopted_takes_it_not_along(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        # it is looked at once whether copies are sound
        copies.copy(stack)
        with monkeypatch.context() as patch:
            kill_at_each_copy(patch, lambda server, _: server.pid)
            vm = copies.copy(stack)
        assert vm.check("echo alive") == "alive"
        assert copies.copy(stack).check("echo alive") == "alive"
    assert copies.machines.counts == {FORKED: 3, COPIED: 3, KILLED: 1}


@pytest.mark.arches("x86_64")
def test_copy_whose_control_socket_is_closed_is_lost_alone(copies: Copies) -> None:
    with ExitStack() as stack:
        vm, other = copies.copy(stack), copies.copy(stack)
        pid, control = vm.live.qemu_pid, vm.live.running.control
        assert control is not None
        control.close()
        wait_until(lambda: not is_running(pid), "the copy has ended")
        with pytest.raises(LostError):
            vm.check("echo alive")
        assert other.check("echo alive") == "alive"
        assert copies.copy(stack).check("echo alive") == "alive"
    assert copies.machines.counts == {FORKED: 3, COPIED: 3}


# seconds: QEMU answers a request after 5 to 11 ms, so that these are moments all over it
DELAYS = (0.0, 0.001, 0.002, 0.004, 0.006, 0.008)


@pytest.mark.arches("x86_64")
@pytest.mark.parametrize("delay_s", DELAYS)
def test_server_that_is_killed_while_it_is_copied_is_replaced_and_leaves_nothing(
    copies: Copies, monkeypatch: pytest.MonkeyPatch, delay_s: float
) -> None:
    send = copier._send

    def send_and_kill(*request: Any) -> None:
        # the next server is spared
        monkeypatch.setattr(copier, "_send", send)
        send(*request)
        time.sleep(delay_s)
        os.kill(copies.server_pid, signal.SIGKILL)

    # a busy host may take longer to end a process whose socket is closed
    monkeypatch.setattr("rustbed.forks.hot.servers._GONE_S", 60.0)
    others = set(children(os.getpid())) - {copies.server_pid}
    with ExitStack() as stack:
        # it is looked at once whether copies are sound
        copies.copy(stack)
        monkeypatch.setattr(copier, "_send", send_and_kill)
        # copies, whether the first was made before the server's end or by the next server
        vms = [copies.copy(stack) for _ in range(2)]
        assert [vm.check("echo alive") for vm in vms] == ["alive"] * 2
    assert copies.machines.counts == {FORKED: 3, COPIED: 3, KILLED: 1}
    copies.machines.close()
    wait_until(lambda: set(children(os.getpid())) <= others, "no process is left")


@pytest.mark.arches("x86_64")
def test_servers_that_panic_are_replaced_by_restored_machines(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render_panic(*_: object) -> str:
        return "echo c >/proc/sysrq-trigger\n"

    # the one that runs was started with other commands
    copies.machines.servers.close()
    monkeypatch.setattr("rustbed.forks.hot.server.render_warm_up", render_panic)
    with ExitStack() as stack:
        vm = copies.next(stack)
        assert vm.check("echo alive") == "alive"
        # the panic is that of another machine
        assert len(vm.log) == 0
    (restored,) = (how for how in copies.machines.counts if how.startswith(RESTORED))
    assert "did not start" in restored
    assert copies.machines.counts == {
        FORKED: 1,
        restored: 1,
        f"{REPLACED}the one before ended with status 0": 3,
    }


# what comes after what is listed here is not reached: QEMU runs, stands still, is judged, its copy runs
STAGES = (
    "rustbed.forks.hot.server.render_warm_up",
    "rustbed.forks.hot.server.open_copier",
    "rustbed.forks.hot.servers.prove",
    "rustbed.forks.waiting.Live",
)


@pytest.mark.arches("x86_64")
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.rpartition(".")[2])
def test_interruption_at_every_stage_leaves_no_copy_and_the_next_machine_is_one(
    copies: Copies, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    servers = copies.machines.servers
    servers.close()
    others = set(children(os.getpid()))
    with ExitStack() as stack:
        with monkeypatch.context() as patch:
            patch.setattr(stage, interrupt)
            with pytest.raises(KeyboardInterrupt):
                copies.next(stack)
        assert set(children(os.getpid())) == {*others, *servers.pids}
        assert copies.copy(stack).check("echo alive") == "alive"
    copies.machines.close()
    assert set(children(os.getpid())) == others
