"""Not tests of ours: run by test_hangs.py, which knows which kind of hang each must be called."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rustbed import Vm

Builder = Callable[[str], Path]
Booter = Callable[..., AbstractContextManager[Vm]]

# short: every one of these waits for it
LIMIT_S = 1.0


@pytest.fixture
def load(vm: Vm, build_module: Builder) -> Callable[[int], object]:
    """Return what loads the module that never finishes loading."""
    vm.push(build_module("../modules/stubborn"), "/tmp/stubborn.ko")
    return lambda how: vm.run(f"insmod /tmp/stubborn.ko how={how}", timeout_s=LIMIT_S)


def test_reads_a_pipe_that_nobody_writes(vm: Vm) -> None:
    vm.run("mkfifo /tmp/pipe; cat /tmp/pipe", timeout_s=LIMIT_S)


def test_sleeps_uninterruptibly(load: Callable[[int], object]) -> None:
    load(0)


def test_spins_in_user_space(vm: Vm) -> None:
    vm.run("while :; do :; done", timeout_s=LIMIT_S)


def test_spins_in_the_kernel(load: Callable[[int], object]) -> None:
    load(1)


def test_spins_with_a_lock(load: Callable[[int], object]) -> None:
    load(2)


def test_spins_with_interrupts_off(load: Callable[[int], object]) -> None:
    load(3)


# the second CPU answers whatever the first one does
@pytest.mark.machine(cpus=2)
def test_spins_on_one_of_two(load: Callable[[int], object]) -> None:
    load(2)


# stays after its panic, which the command line can ask for
@pytest.mark.machine(cmdline="panic=0")
def test_panics_and_stays(vm: Vm) -> None:
    vm.run("echo c >/proc/sysrq-trigger")


@pytest.mark.arches("x86_64")
def test_halts(vm: Vm) -> None:
    vm.run("halt -f", timeout_s=LIMIT_S)


def test_host_stops_qemu(vm: Vm) -> None:
    pid = vm.live.qemu_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        vm.run("true", timeout_s=LIMIT_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_machine_is_paused(vm: Vm) -> None:
    vm.monitor.execute("stop")
    vm.run("true", timeout_s=LIMIT_S)


def test_host_kills_qemu(vm: Vm) -> None:
    os.kill(vm.live.qemu_pid, signal.SIGKILL)
    vm.run("true")


def test_waits_in_vain(vm: Vm) -> None:
    vm.wait_for(lambda: "never said" in vm.log, "the impossible", timeout_s=0.2)


# one architecture: these are waited for longest
@pytest.mark.arches("riscv64")
def test_never_prints(boot: Booter) -> None:
    with boot(qemu_args=["-S"]):
        pass


@pytest.mark.arches("riscv64")
def test_stops_after_init(boot: Booter) -> None:
    with boot(cmdline=["rdinit=/bin/sleep", "--", "1000"]):
        pass
