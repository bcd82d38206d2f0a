"""Not tests of ours: run by test_verdicts.py, which knows how each must end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rustbed import CrashError, Vm

# the file's operations are in the module: see docs/findings/debugfs-file-without-owner.md
OOPS = (
    "insmod /lib/modules/rust_debugfs_scoped.ko;"
    " exec 9>/sys/kernel/debug/rust_scoped_debugfs/control/create; rmmod rust_debugfs_scoped; exec 9>&-"
)


def test_passes(vm: Vm) -> None:
    with vm.module("rust_minimal"):
        pass


def test_asserts_in_vain(vm: Vm) -> None:
    assert vm.check("echo one") == "two"


def test_fails_in_the_guest(vm: Vm) -> None:
    vm.check("cat /nonexistent")


def test_oopses_unnoticed(vm: Vm) -> None:
    vm.run(OOPS)


@pytest.mark.expect_splat("full_proxy_release")
def test_oopses_as_declared(vm: Vm) -> None:
    vm.run(OOPS)


@pytest.mark.expect_splat("nothing of the kind")
def test_declares_what_does_not_come(vm: Vm) -> None:
    vm.run("true")


def test_panics(vm: Vm) -> None:
    vm.run("echo c >/proc/sysrq-trigger")


def test_skips(vm: Vm) -> None:
    pytest.skip("not today")


@pytest.mark.xfail(reason="known", strict=True)
def test_is_known_to_fail(vm: Vm) -> None:
    assert vm.check("echo one") == "two"


@pytest.mark.xfail(reason="fixed meanwhile", strict=True)
def test_is_fixed(vm: Vm) -> None:
    assert vm.check("echo one") == "one"


@pytest.mark.machine(memry_mib=1)
def test_asks_for_nonsense(vm: Vm) -> None:
    pass


@pytest.mark.machine(devices=["nosuch-device"])
def test_asks_for_a_device_that_nobody_has(vm: Vm) -> None:
    pass


def test_hides_an_oops_behind_begin(vm: Vm) -> None:
    vm.run(OOPS)
    vm.mark_log()


@pytest.fixture
def driver(vm: Vm) -> Iterator[Vm]:
    with vm.module("rust_minimal"), vm.module("rust_print"):
        yield vm


def test_panics_with_modules_that_a_fixture_loaded(driver: Vm) -> None:
    driver.run("echo c >/proc/sysrq-trigger")


@pytest.mark.expect_splat("sysrq triggered crash")
def test_panics_as_declared_with_modules_that_a_fixture_loaded(driver: Vm) -> None:
    with pytest.raises(CrashError):
        driver.run("echo c >/proc/sysrq-trigger")
