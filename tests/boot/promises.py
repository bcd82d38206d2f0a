"""What copies of a machine promise, whatever its kernel and however many CPUs it has."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from rustbed import CrashError, LostError, Vm, procfs
from rustbed.forks.counts import COPIED, FORKED, REPLACED
from rustbed.forks.hot.proof import watch_clock
from rustbed.log.splat import find_splats
from rustbed.procfs import memory_mib
from tests.boot.copied import Copies

# a server that a signal ended, in the counts
KILLED = f"{REPLACED}the one before ended with status -9"

# prints the CPU that it runs on after a while: proc(5)
_BUSY = 'i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done; cut -d" " -f39 /proc/$$/stat'


def share_neither_files_nor_logs_nor_consoles(copies: Copies) -> None:
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


def have_a_clock_that_goes_at_the_hosts_pace_and_is_the_hosts(copies: Copies) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        assert abs(int(vm.check("date +%s")) - time.time()) < 20
        assert watch_clock(vm) == ""
        assert find_splats(vm.dmesg.records) == ()


def draw_different_random_numbers(copies: Copies) -> None:
    with ExitStack() as stack:
        drawn = {copies.copy(stack).check("cat /proc/sys/kernel/random/uuid") for _ in range(3)}
    assert len(drawn) == 3


def have_a_second_shell_of_their_own(copies: Copies) -> None:
    with ExitStack() as stack:
        vm, other = copies.copy(stack), copies.copy(stack)
        vm.live.talk.tell("echo told >/tmp/told")
        vm.wait_for(lambda: vm.run("cat /tmp/told").output == "told", "the second shell to answer")
        assert other.check("ls -A /tmp") == ""


def load_a_driver_for_themselves(copies: Copies) -> None:
    with ExitStack() as stack:
        vm, other = copies.copy(stack), copies.copy(stack)
        with vm.module("rust_minimal"):
            assert "rust_minimal" in vm.check("cat /proc/modules")
            assert other.check("cat /proc/modules") == ""
        assert any("Rust minimal" in message for message in vm.log.messages)


def load_drivers_eight_at_once(copies: Copies) -> None:
    def work(vm: Vm) -> list[str]:
        for _ in range(3):
            with vm.module("rust_minimal"):
                pass
        return [message for message in vm.log.messages if "exit" in message]

    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        vms = [copies.copy(stack) for _ in range(8)]
        assert [len(said) for said in pool.map(work, vms)] == [3] * 8
        assert [vm.live.log_damage for vm in vms] == [""] * 8
        assert [find_splats(vm.dmesg.records) for vm in vms] == [()] * 8


def run_on_every_cpu(copies: Copies) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            vm = copies.copy(stack)
            cpus = range(vm.spec.hardware.cpus)
            assert vm.check("nproc") == str(len(cpus))
            masks = " ".join(f"{1 << cpu:x}" for cpu in cpus)
            said = vm.check(f"for mask in {masks}; do taskset $mask sh -c '{_BUSY}' & done; wait")
            assert sorted(said.split()) == [str(cpu) for cpu in cpus]


def answer_qmp_and_take_devices(copies: Copies) -> None:
    with ExitStack() as stack:
        vm = copies.copy(stack)
        assert vm.monitor.execute("query-status")["status"] == "running"
        if vm.spec.arch.hotplug_port and "pci-testdev" not in vm.spec.arch.lacks:
            vm.unplug(vm.plug("pci-testdev"))


def power_off_or_panic_without_harm_to_others(copies: Copies) -> None:
    with ExitStack() as stack:
        off, panics, other = (copies.copy(stack) for _ in range(3))
        assert isinstance(off.run_to_end("poweroff -f"), LostError)
        assert isinstance(panics.run_to_end("echo c >/proc/sysrq-trigger"), CrashError)
        assert other.check("echo well") == "well"
        assert copies.copy(stack).check("echo well") == "well"


def run_in_qemus_sandbox(copies: Copies) -> None:
    with ExitStack() as stack:
        pid = copies.copy(stack).live.qemu_pid
        assert (procfs.status(pid, "Seccomp"), procfs.status(pid, "NoNewPrivs")) == ("2", "1")


def outlive_their_server_which_is_replaced(copies: Copies) -> None:
    before = Counter(copies.machines.counts)
    with ExitStack() as stack:
        vm = copies.copy(stack)
        os.kill(copies.server_pid, signal.SIGKILL)
        assert vm.check("echo alive") == "alive"
        assert copies.copy(stack).check("echo alive") == "alive"
    assert copies.machines.counts - before == {FORKED: 2, COPIED: 2, KILLED: 1}


PROMISES: tuple[Callable[[Copies], None], ...] = (
    share_neither_files_nor_logs_nor_consoles,
    have_a_clock_that_goes_at_the_hosts_pace_and_is_the_hosts,
    draw_different_random_numbers,
    have_a_second_shell_of_their_own,
    load_a_driver_for_themselves,
    load_drivers_eight_at_once,
    run_on_every_cpu,
    answer_qmp_and_take_devices,
    power_off_or_panic_without_harm_to_others,
    run_in_qemus_sandbox,
    outlive_their_server_which_is_replaced,
)


def keep_every_promise(copies: Copies) -> None:
    """Go through all promises with the copies of one server."""
    for promise in PROMISES:
        promise(copies)


def are_small(copies: Copies, most_mib: float) -> None:
    """Let an idle copy have less memory of its own than that."""
    with ExitStack() as stack:
        assert memory_mib(copies.copy(stack).live.qemu_pid, "Private_Dirty") < most_mib
