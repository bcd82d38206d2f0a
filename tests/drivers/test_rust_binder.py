"""rust_binder: Android's IPC, built into the kernel; its devices are files of binderfs."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import READ, WRITE, errno_of, ioctl_number, layout

from rustbed import CommandError, Vm
from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel

pytestmark = pytest.mark.needs("CONFIG_ANDROID_BINDER_IPC_RUST")

# include/uapi/linux/android/binder.h and binderfs.h
PROTOCOL = 8

FS = "/tmp/binder"


@dataclass(frozen=True)
class Ioctls:
    """The numbers of binder's ioctls, as its architecture has them."""

    add: int
    set_max_threads: int
    set_context_manager: int
    version: int
    unknown: int


@pytest.fixture
def ioctls(arch: Arch) -> Ioctls:
    return Ioctls(
        add=ioctl_number(arch, "b", WRITE | READ, 1, 264),
        set_max_threads=ioctl_number(arch, "b", WRITE, 5, 4),
        set_context_manager=ioctl_number(arch, "b", WRITE, 7, 4),
        version=ioctl_number(arch, "b", WRITE | READ, 9, 4),
        unknown=ioctl_number(arch, "b", WRITE | READ, 0xFE, 4),
    )


@pytest.fixture
def binderfs(vm: Vm) -> str:
    vm.check(f"mkdir {FS} && mount -t binder -o max=5 binder {FS}")
    return FS


def request(name: str) -> bytes:
    """Render a struct binderfs_device: a name of 256 bytes; major and minor are the kernel's to fill."""
    return name.encode().ljust(256 + 2 * 4, b"\0")


def test_filesystem_has_devices_control_and_features(vm: Vm, binderfs: str) -> None:
    assert {"binder-control", "features"} <= set(sysfs.listing(vm, binderfs))
    assert set(vm.check(f"cat {binderfs}/features/*").split()) == {"1"}
    assert vm.check(f"stat -c %F {binderfs}/binder-control") == "character special file"
    vm.check(f"umount {binderfs}")


def test_device_tells_its_protocol(vm: Vm, binderfs: str, ioctls: Ioctls) -> None:
    with vm.open(f"{binderfs}/binder-control") as control:
        control.ioctl(ioctls.add, request("mine"))
    with vm.open(f"{binderfs}/mine") as binder:
        number = layout(vm.kernel.arch, "I")
        assert number.unpack(binder.ioctl(ioctls.version, number.pack(0)).data) == (PROTOCOL,)
        binder.ioctl(ioctls.set_max_threads, number.pack(4))
        assert errno_of(binder.ioctl, ioctls.unknown, number.pack(0)) == errno.EINVAL


def test_device_has_one_context_manager(vm: Vm, binderfs: str, ioctls: Ioctls) -> None:
    with vm.open(f"{binderfs}/binder-control") as control:
        control.ioctl(ioctls.add, request("mine"))
    with vm.open(f"{binderfs}/mine") as first, vm.open(f"{binderfs}/mine") as second:
        first.ioctl(ioctls.set_context_manager, bytes(4))
        assert errno_of(second.ioctl, ioctls.set_context_manager, bytes(4)) == errno.EBUSY


def test_names_and_numbers_of_devices_have_limits(vm: Vm, binderfs: str, ioctls: Ioctls) -> None:
    with vm.open(f"{binderfs}/binder-control") as control:
        control.ioctl(ioctls.add, request("mine"))
        assert errno_of(control.ioctl, ioctls.add, request("mine")) == errno.EEXIST
        there = len(vm.check(f"find {binderfs} -maxdepth 1 -type c ! -name binder-control").split())
        for number in range(there, 5):
            control.ioctl(ioctls.add, request(f"more{number}"))
        assert errno_of(control.ioctl, ioctls.add, request("too-many")) == errno.ENOSPC
        vm.check(f"rm {binderfs}/mine")
        control.ioctl(ioctls.add, request("mine"))
    # EPERM: it goes with its filesystem
    assert vm.run(f"rm {binderfs}/binder-control").status != 0


@pytest.fixture
def half_an_address(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """For a test that gives a buffer back, which fails on 32 bits."""
    if kernel.arch.word_bits == 32:
        known = pytest.mark.xfail(
            strict=True, raises=CommandError, reason="docs/findings/binder-reads-half-an-address.md"
        )
        request.applymarker(known)


@pytest.mark.usefixtures("half_an_address")
def test_two_processes_talk(
    vm: Vm, binderfs: str, ioctls: Ioctls, build_program: Callable[[str], Path]
) -> None:
    vm.push(build_program("programs/binder_talk.c"), "/tmp/talk", mode=0o755)
    with vm.open(f"{binderfs}/binder-control") as control:
        control.ioctl(ioctls.add, request("mine"))
    told = vm.check(f"/tmp/talk {binderfs}/mine ping")
    assert sorted(told.splitlines()) == [
        "the client heard PING",
        "the manager heard ping, code 7, from the client",
    ]

    def talk_again() -> str:
        answer = vm.run(f"/tmp/talk {binderfs}/mine pong")
        # a worker of the kernel's frees what a process had, at some time after its end
        return "" if answer.output == "context manager: Device or resource busy" else answer.output

    # what both had is free again, and the next manager may come
    again = vm.wait_for(talk_again, "the end of the manager before")
    assert again.splitlines()[-1] == "the client heard PONG"
