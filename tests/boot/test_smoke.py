"""One boot per architecture, and what a machine promises whatever the driver."""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from rustbed import (
    BootError,
    CommandError,
    CrashError,
    LostError,
    SyscallError,
    UsageError,
    Vm,
    WaitError,
)
from rustbed.log.splat import find_splats

Booter = Callable[..., AbstractContextManager[Vm]]


def test_boots_quietly_to_the_kernel_under_test(boot: Booter) -> None:
    with boot() as vm:
        assert vm.check("uname -r") == vm.kernel.release
        assert find_splats(vm.dmesg.records) == ()
        assert vm.taint == 0
        assert vm.dmesg.records[0].seq == 0
        assert "Run /init as init process" in vm.files.console.read_text(errors="replace")


def test_has_no_network(vm: Vm) -> None:
    assert vm.run("ls /sys/class/net").output in ("", "lo", "ls: /sys/class/net: No such file or directory")
    assert vm.monitor.execute("query-rx-filter") == []


def test_log_begins_with_the_test_and_is_complete(vm: Vm) -> None:
    assert len(vm.log) == 0
    vm.check('for i in 1 2 3; do echo "<5>mark $i" >/dev/kmsg; done')
    assert [(record.level, record.text) for record in vm.log] == [(5, "mark 1"), (5, "mark 2"), (5, "mark 3")]


def test_files_travel_both_ways_unharmed(vm: Vm) -> None:
    data = bytes(range(256)) * 1000
    vm.push(data, "/tmp/deep/er/file", mode=0o600)
    assert vm.pull("/tmp/deep/er/file") == data
    assert vm.check("stat -c %a /tmp/deep/er/file") == "600"


def test_system_calls_tell_their_errno(vm: Vm) -> None:
    with pytest.raises(SyscallError) as caught:
        vm.read("/nonexistent")
    assert caught.value.errno == 2
    assert vm.write("/dev/null", b"\0\xff") == 2
    with pytest.raises(SyscallError) as caught:
        vm.ioctl("/dev/null", 0x5401, bytes(64))
    assert caught.value.errno == 25


def test_unknown_module_is_refused_with_those_there_are(vm: Vm) -> None:
    with pytest.raises(UsageError, match="no module 'nonsense'") as caught:
        vm.insmod("nonsense")
    assert "rust_minimal" in str(caught.value)


def test_devices_have_message_signalled_interrupts(vm: Vm) -> None:
    if vm.kernel.arch.virtio_serial != "virtio-serial-pci":
        pytest.skip(f"virtio devices of {vm.kernel.arch}'s machine are on another bus")
    assert "MSI" in vm.check("grep virtio /proc/interrupts")


def test_failed_command_says_what_it_wrote(vm: Vm) -> None:
    with pytest.raises(CommandError, match="No such file") as caught:
        vm.check("cat /nonexistent")
    assert caught.value.status == 1


def test_death_of_the_process_that_holds_a_file_is_told(vm: Vm) -> None:
    with (
        pytest.raises(CommandError, match="process that does the system calls died"),
        vm.open("/dev/null") as held,
    ):
        vm.check(f"kill -9 {held.step('pid').value}")


def test_death_of_the_process_that_makes_a_step_is_told_and_costs_one_step(vm: Vm) -> None:
    vm.push(bytes(4096), "/tmp/short")
    # memory behind the end of its file
    kill = ("open:rw:/tmp/short", "ftruncate:3:0", "mmap:3:4096:r:shared:0", "peek:0:0:1")
    died = vm.rbctl("sys", *kill)
    assert died.status == 128 + signal.SIGBUS
    assert vm.pull("/tmp/short") == b""
    assert vm.rbctl("sys", "open:r:/dev/null").output == "0 3 0 -"


def test_without_the_agent_everything_goes_on(vm: Vm) -> None:
    assert vm.rbctl("sys", "open:r:/dev/null").output == "0 3 0 -"
    # a killed process is there until it runs: a command that it still takes ends with it
    vm.check("kill -9 $(pidof rbctl-agent); while [ -e $_agent/1023 ]; do :; done")
    data = bytes(range(256)) * 100
    vm.push(data, "/tmp/deep/er/file")
    assert vm.pull("/tmp/deep/er/file") == data
    with vm.module("rust_minimal"):
        assert vm.read("/sys/module/rust_minimal/refcnt").strip() == "0"


def test_module_without_parameters_has_none_of_the_one_before(vm: Vm) -> None:
    with vm.module("rust_minimal", test_parameter=7):
        assert "test_parameter: 7" in vm.log
    vm.mark_log()
    with vm.module("rust_minimal"):
        assert "test_parameter: 1" in vm.log


def test_refused_module_is_told_in_words(vm: Vm) -> None:
    with vm.module("rust_minimal"), pytest.raises(CommandError, match="File exists"):
        vm.insmod("rust_minimal")
    with pytest.raises(CommandError, match="No such file"):
        vm.rmmod("rust_minimal")


def test_blocking_read_is_begun_and_its_result_comes_later(vm: Vm) -> None:
    vm.check("mkfifo /tmp/fifo")
    with vm.open("/tmp/fifo") as fifo:
        assert fifo.poll() == 0
        pending = fifo.begin_read(100)
        assert not pending.done
        with pytest.raises(UsageError, match="a read of /tmp/fifo is pending"):
            fifo.write(b"x")
        with pytest.raises(WaitError, match="waiting for a read of /tmp/fifo to return"):
            pending.result(timeout_s=0.1)
        vm.check("echo now >/tmp/fifo")
        assert pending.result() == b"now\n"
        assert pending.result() == b"now\n"
        fifo.write(b"x")
        assert fifo.poll(select.POLLIN | select.POLLOUT) == select.POLLIN | select.POLLOUT
    # the process that held the file answers before it goes
    vm.wait_for(lambda: "rbctl" not in vm.check("ls /run"), "its directory to go")


def test_read_that_blocks_for_ever_does_not_outlive_its_file(vm: Vm) -> None:
    vm.check("mkfifo /tmp/fifo")
    with vm.open("/tmp/fifo") as fifo:
        fifo.begin_read(100)
        holder = fifo.pid
    vm.wait_for(lambda: vm.run(f"kill -0 {holder}").status != 0, "the process that read to end")
    assert "rbctl" not in vm.check("ls /run")


def test_failed_read_is_told_when_its_result_is_wanted(vm: Vm) -> None:
    with vm.open("/proc/self/mem", "r") as memory:
        pending = memory.begin_read(1)
        with pytest.raises(SyscallError) as caught:
            pending.result()
        assert caught.value.errno == errno.EIO


def test_mapping_is_read_and_written(vm: Vm) -> None:
    vm.push(bytes(4096), "/tmp/data")
    with vm.open("/tmp/data") as file:
        mapping = file.mmap(4096, "rw")
        mapping.poke(8, b"abcd")
        assert mapping.peek(6, 8) == b"\0\0abcd\0\0"
        with pytest.raises(UsageError):
            mapping.peek(4096, 1)
        mapping.unmap()
        with pytest.raises(UsageError):
            mapping.peek(0, 1)
    assert vm.pull("/tmp/data")[8:12] == b"abcd"


def test_shell_that_dies_costs_the_machine(vm: Vm) -> None:
    with pytest.raises(LostError, match="the guest's shell died"):
        vm.run("kill -9 $$")
    assert vm.wait_end().outcome == "lost"


@pytest.mark.expect_splat("sysrq")
def test_panic_is_a_crash_with_its_records(boot: Booter) -> None:
    with boot() as vm:
        with pytest.raises(CrashError, match="Kernel panic"):
            vm.run("echo c >/proc/sysrq-trigger")
        assert vm.log.matching("sysrq")
        with pytest.raises(CrashError):
            vm.run("true")


@pytest.mark.expect_splat("Unable to mount root fs")
def test_panic_before_init_is_a_crash(boot: Booter) -> None:
    with pytest.raises(BootError) as caught, boot(cmdline=["rdinit=/nonexistent", "init=/nonexistent"]):
        pass
    assert caught.value.outcome == "crash"


def test_qemu_killed_in_mid_command_is_lost(vm: Vm) -> None:
    os.kill(vm.live.qemu_pid, signal.SIGKILL)
    with pytest.raises(LostError, match="QEMU is gone"):
        vm.run("sleep 30")
    assert vm.wait_end().outcome == "lost"


@pytest.mark.usefixtures("last_words")
def test_poweroff_ends_the_machine_as_wanted(vm: Vm) -> None:
    assert vm.run_to_end("poweroff -f").outcome == "lost"
    assert vm.log.matching("reboot: Power down")


def test_two_cpus(boot: Booter) -> None:
    with boot(cpus=2) as vm:
        assert vm.check("grep -c ^processor /proc/cpuinfo") == "2"


@pytest.mark.arches("x86_64")
def test_emulated_cpu_has_no_fast_string_instructions(vm: Vm) -> None:
    if vm.live.spec.accel == "kvm":
        pytest.skip("KVM shows the host's CPU")
    flags = vm.check("grep -m 1 ^flags /proc/cpuinfo").split()
    assert {"smep", "smap", "umip"} <= set(flags)
    assert not {"erms", "fsrm", "fsrs"} & set(flags)
