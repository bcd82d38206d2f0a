"""What forks of a booted machine promise, whatever the driver."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed import CrashError, Vm
from rustbed.arch import Arch
from rustbed.forks.counts import BOOTED, COPIED, FORKED
from rustbed.forks.machines import Machines
from rustbed.log.splat import find_splats
from rustbed.machine.spec import Hardware
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import Choices, Platform, prepare
from rustbed.progress import ignore
from tests.boot.pytest_runs import all_cases, colour, pytest_argv, start

# seconds that a guest's clock may be off: it is told whole seconds, by a host that may be busy
_CLOCK_S = 20


@pytest.fixture
def choices(request: pytest.FixtureRequest) -> Choices:
    return read_choices(given(request.config))


@pytest.fixture
def platform(arch: Arch, choices: Choices) -> Platform:
    return prepare(arch, choices, ignore)


@pytest.fixture
def machines(choices: Choices) -> Iterator[Machines]:
    with Machines(choices.cache, ignore) as made:
        yield made


def test_next_tests_machine_is_started_while_a_test_runs(
    arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if request.config.getoption("--no-fork"):
        pytest.skip("--no-fork: nothing stands by")
    with start(
        pytest_argv(request.config, "scene_ahead.py", arch, tmp_path, "--forks", "restored")
    ) as session:
        said = session.communicate()[0].decode()
    assert {case.get("name"): colour(case) for case in all_cases(tmp_path)} == {
        f"test_turn[{arch}-{turn}]": "passed" for turn in ("first", "large", "again", "large-again")
    }, said


def test_vm_is_a_fork_with_nothing_in_its_log(vm: Vm) -> None:
    assert len(vm.log) == 0
    assert "Run /init as init process" in vm.dmesg
    vm.check("echo '<5>mine' >/dev/kmsg")
    assert vm.log.messages == ["mine"]
    assert find_splats(vm.dmesg.records) == ()
    assert vm.live.log_damage == ""


@pytest.mark.machine(cpus=2)
def test_fork_with_two_cpus_runs_on_both(vm: Vm) -> None:
    assert vm.check("nproc") == "2"
    assert [vm.check(f"taskset {1 << cpu:x} sh -c 'echo on {cpu}'") for cpu in (0, 1)] == ["on 0", "on 1"]


def test_clock_is_the_hosts_and_goes_on(vm: Vm) -> None:
    assert abs(int(vm.check("date +%s")) - time.time()) < _CLOCK_S
    before = float(vm.check("cut -d' ' -f1 /proc/uptime"))
    vm.check("sleep 1")
    passed = float(vm.check("cut -d' ' -f1 /proc/uptime")) - before
    assert 1 <= passed < _CLOCK_S
    # timers of the template that are overdue would make the kernel complain
    assert find_splats(vm.log.records) == ()


def test_forks_see_nothing_of_each_other_and_the_template_nothing_of_them(
    machines: Machines, platform: Platform, tmp_path: Path
) -> None:
    spec, qemu = platform.spec(), platform.qemu
    with (
        machines.machine(spec, qemu, tmp_path / "one") as one,
        machines.machine(spec, qemu, tmp_path / "two") as two,
    ):
        one.check("echo one >/tmp/mine")
        one.insmod("rust_minimal")
        assert two.run("ls /tmp/mine /sys/module/rust_minimal").status != 0
        assert len(two.log) == 0
    with machines.machine(spec, qemu, tmp_path / "three") as three:
        assert three.run("ls /tmp/mine /sys/module/rust_minimal").status != 0
    assert machines.counts[FORKED] == machines.counts.total() - machines.counts[COPIED] == 3


def test_forks_draw_different_random_numbers(machines: Machines, platform: Platform, tmp_path: Path) -> None:
    drawn = []
    for number in range(3):
        with machines.machine(platform.spec(), platform.qemu, tmp_path / str(number)) as vm:
            drawn.append(vm.check("head -c 16 /dev/urandom | hexdump -C"))
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("cpus", [1, 2])
def test_timers_of_restored_machines_go_on(
    machines: Machines, platform: Platform, tmp_path: Path, cpus: int
) -> None:
    spec = replace(platform.spec(), hardware=Hardware(cpus=cpus))
    # a copy's timers have been set since its machine was restored
    qemu = replace(platform.qemu, shim=None, uncopyable="")
    for number in range(2):
        with machines.machine(spec, qemu, tmp_path / str(number)) as vm:
            for cpu in range(cpus):
                vm.check(f"taskset {1 << cpu:x} sleep 0.1")
    assert machines.counts == {FORKED: 2}


def test_fork_that_panics_is_a_crash_and_harms_no_other(
    machines: Machines, platform: Platform, tmp_path: Path
) -> None:
    spec, qemu = platform.spec(), platform.qemu
    with machines.machine(spec, qemu, tmp_path / "bystander") as bystander:
        with machines.machine(spec, qemu, tmp_path / "victim") as victim:
            with pytest.raises(CrashError, match="sysrq triggered crash"):
                victim.run("echo c >/proc/sysrq-trigger")
            assert victim.log.matching("sysrq: Trigger a crash")
        assert bystander.check("echo alive") == "alive"
        assert len(bystander.log) == 0
        with machines.machine(spec, qemu, tmp_path / "next") as following:
            assert following.check("echo alive") == "alive"
    assert machines.counts[FORKED] == machines.counts.total() - machines.counts[COPIED] == 3


@pytest.mark.machine(devices=["pci-testdev"])
def test_device_that_qemu_does_not_save_is_found_again(vm: Vm) -> None:
    with vm.module("rust_driver_pci"):
        assert vm.log.matching("data-match count: 1")


@pytest.mark.usefixtures("hotplug_testdev")
def test_device_can_be_plugged_into_a_fork(vm: Vm) -> None:
    vm.insmod("rust_driver_pci")
    device = vm.plug("pci-testdev")
    vm.wait_for(lambda: "data-match count: 1" in vm.log, "the driver to probe")
    assert device.address in vm.check("ls /sys/bus/pci/devices").split()


def test_fresh_machine_shows_its_boot_and_is_no_fork(
    machines: Machines, platform: Platform, tmp_path: Path
) -> None:
    with machines.machine(platform.spec(), platform.qemu, tmp_path / "run", fresh=True) as vm:
        assert vm.log.records[0].seq == 0
    assert machines.counts == {BOOTED: 1}
