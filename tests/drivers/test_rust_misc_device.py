"""rust_misc_device: a character device with ioctls, a value and a buffer per open descriptor."""

import errno
from dataclasses import dataclass
from typing import Literal

import pytest
from tests.drivers.calls import READ, WRITE, errno_of, ioctl_number

from rustbed import CommandError, Vm
from rustbed.arch import Arch

pytestmark = pytest.mark.needs("rust_misc_device")

DEVICE = "/dev/rust-misc-device"
NAME = "misc rust-misc-device"

# what the driver does not implement: direction, number, size of the argument
NO_IOCTLS = {
    "the one the sample's own example expects to fail": (0, 0, 0),
    "HELLO with a size": (0, 0x80, 4),
    "GET_VALUE of 8 bytes": (READ, 0x81, 8),
    "GET_VALUE in the wrong direction": (WRITE, 0x81, 4),
    "SET_VALUE of 2 bytes": (WRITE, 0x82, 2),
    "SET_VALUE in both directions": (READ | WRITE, 0x82, 4),
}


@dataclass(frozen=True)
class Ioctls:
    """The numbers of the driver's ioctls, as its architecture has them."""

    hello: int
    get: int
    set: int


@pytest.fixture
def ioctls(arch: Arch) -> Ioctls:
    return Ioctls(
        hello=ioctl_number(arch, "|", 0, 0x80, 0),
        get=ioctl_number(arch, "|", READ, 0x81, 4),
        set=ioctl_number(arch, "|", WRITE, 0x82, 4),
    )


def byte_order(vm: Vm) -> Literal["big", "little"]:
    return "big" if vm.kernel.arch.big_endian else "little"


def c_int(vm: Vm, value: int) -> bytes:
    return value.to_bytes(4, byte_order(vm), signed=True)


def said(vm: Vm) -> list[tuple[int, str]]:
    """Return level and text of what the driver said; the kernel says other things at any time."""
    return [(record.level, record.text) for record in vm.log.matching(rf"^(rust_misc_device|{NAME}): ")]


def test_registers_a_private_node_and_leaves_nothing_behind(vm: Vm) -> None:
    # s390x has a device of its own
    others, classes = vm.read("/proc/misc"), vm.check("ls /sys/class/misc")
    with vm.module("rust_misc_device"):
        kind, mode, major, minor = vm.check(f"stat -c '%F|%a|%t|%T' {DEVICE}").strip().split("|")
        assert (kind, mode, int(major, 16)) == ("character special file", "600", 10)
        listed = vm.read("/proc/misc").removesuffix(others)
        assert listed.split() == [str(int(minor, 16)), "rust-misc-device"]
        assert vm.read("/sys/class/misc/rust-misc-device/dev") == f"10:{int(minor, 16)}\n"
        assert said(vm) == [(6, "rust_misc_device: Initialising Rust Misc Device Sample")]
    # unloading is silent
    assert len(said(vm)) == 1
    assert vm.run(f"test -e {DEVICE}").status == 1
    assert vm.read("/proc/misc") == others
    assert vm.check("ls /sys/class/misc") == classes
    assert vm.read("/proc/modules") == ""
    assert "rust_misc_device" not in vm.check("ls /sys/module").split()


def test_ioctls_greet_and_move_the_value(vm: Vm, ioctls: Ioctls) -> None:
    with vm.module("rust_misc_device"):
        with vm.open(DEVICE) as held:
            assert held.ioctl(ioctls.hello).value == 0
            assert held.ioctl(ioctls.get, b"\xaa" * 4).data == c_int(vm, 0)
            assert held.ioctl(ioctls.set, c_int(vm, -2)).value == 0
            assert held.ioctl(ioctls.get, b"\xaa" * 4).data == c_int(vm, -2)
            held.ioctl(ioctls.set, c_int(vm, 2**31 - 1))
        assert [text for _, text in said(vm)][1:] == [
            f"{NAME}: Opening Rust Misc Device Sample",
            f"{NAME}: IOCTLing Rust Misc Device Sample",
            f"{NAME}: -> Hello from the Rust Misc Device",
            f"{NAME}: IOCTLing Rust Misc Device Sample",
            f"{NAME}: -> Copying data to userspace (value: 0)",
            f"{NAME}: IOCTLing Rust Misc Device Sample",
            f"{NAME}: -> Copying data from userspace (value: -2)",
            f"{NAME}: IOCTLing Rust Misc Device Sample",
            f"{NAME}: -> Copying data to userspace (value: -2)",
            f"{NAME}: IOCTLing Rust Misc Device Sample",
            f"{NAME}: -> Copying data from userspace (value: 2147483647)",
            f"{NAME}: Exiting the Rust Misc Device Sample",
        ]
        assert {level for level, _ in said(vm)} == {6}
        assert {dict(record.fields).get("SUBSYSTEM") for record in vm.log.matching(NAME)} == {"misc"}


def test_unknown_ioctls_are_refused_and_reported_as_errors(vm: Vm, arch: Arch) -> None:
    unknown = {why: ioctl_number(arch, "|", *parts) for why, parts in NO_IOCTLS.items()}
    unknown["every bit set"] = 0xFFFF_FFFF
    with vm.module("rust_misc_device"):
        with vm.open(DEVICE) as held:
            refused = {why: errno_of(held.ioctl, number, bytes(8)) for why, number in unknown.items()}
        assert refused == dict.fromkeys(unknown, errno.ENOTTY)
        assert [(level, text) for level, text in said(vm) if "not recognised" in text] == [
            (3, f"{NAME}: -> IOCTL not recognised: {number}") for number in unknown.values()
        ]


def test_ioctls_with_a_bad_pointer_fault_and_change_nothing(vm: Vm, ioctls: Ioctls) -> None:
    with vm.module("rust_misc_device"):
        calls = [(number, where) for number in (ioctls.get, ioctls.set) for where in ("null", "unmapped", -1)]
        with vm.open(DEVICE) as held:
            held.ioctl(ioctls.set, c_int(vm, 7))
            faults = {call: errno_of(held.ioctl, *call) for call in calls}
            assert faults == dict.fromkeys(calls, errno.EFAULT)
            # HELLO takes no argument and does not look at it
            assert errno_of(held.ioctl, ioctls.hello, "unmapped") == 0
            assert held.ioctl(ioctls.get, bytes(4)).data == c_int(vm, 7)


def test_value_and_buffer_belong_to_the_descriptor(vm: Vm, ioctls: Ioctls) -> None:
    with vm.module("rust_misc_device"):
        with vm.open(DEVICE) as one, vm.open(DEVICE) as two:
            one.ioctl(ioctls.set, c_int(vm, 1))
            two.ioctl(ioctls.set, c_int(vm, 2))
            one.write(b"of one")
            two.write(b"of two")
            assert (one.ioctl(ioctls.get, bytes(4)).data, one.read()) == (c_int(vm, 1), b"of one")
            assert (two.ioctl(ioctls.get, bytes(4)).data, two.read()) == (c_int(vm, 2), b"of two")
        with vm.open(DEVICE) as fresh:
            assert (fresh.ioctl(ioctls.get, bytes(4)).data, fresh.read()) == (c_int(vm, 0), b"")


def test_a_write_replaces_the_buffer_and_rewinds(vm: Vm) -> None:
    with vm.module("rust_misc_device"):
        with vm.open(DEVICE) as held:
            assert held.read() == b""
            assert held.write(b"abc") == 3
            assert [held.read(2), held.read(2), held.read(2)] == [b"ab", b"c", b""]
            assert held.write(b"xy") == 2
            assert held.read() == b"xy"
            # positions: given ones count when reading and not when writing
            assert held.pread(2, 1) == b"y"
            assert held.pread(2, 2) == b""
            assert held.pread(2, 2**62) == b""
            assert held.pwrite(b"hello", 100) == 5
            assert held.pread(9, 0) == b"hello"
            assert held.write(b"") == 0
            assert held.pread(9, 0) == b""
        assert len(vm.log.matching(f"^{NAME}: Reading from Rust Misc Device Sample$")) == 10
        assert len(vm.log.matching(f"^{NAME}: Writing to Rust Misc Device Sample$")) == 4


def test_what_a_misc_device_without_these_operations_refuses(vm: Vm) -> None:
    with (
        vm.module("rust_misc_device"),
        vm.open(DEVICE) as held,
        vm.open(DEVICE, "r") as reader,
        vm.open(DEVICE, "w") as writer,
    ):
        held.write(b"abc")
        assert errno_of(held.pread, 1, -1) == errno.EINVAL
        assert errno_of(held.pwrite, b"x", -1) == errno.EINVAL
        assert errno_of(held.lseek, 0) == errno.ESPIPE
        assert errno_of(held.mmap, 4096) == errno.ENODEV
        assert held.pread(9, 0) == b"abc"
        assert errno_of(reader.write, b"x") == errno.EBADF
        assert errno_of(writer.read) == errno.EBADF


def test_a_buffer_may_be_large_and_not_larger_than_memory(vm: Vm) -> None:
    with vm.module("rust_misc_device"):
        data = bytes(range(251)) * 1200
        vm.push(data, "/tmp/sent")
        size = len(data)
        vm.check(f"exec 3<>{DEVICE} && dd if=/tmp/sent bs={size} >&3 && dd bs={size} count=1 <&3 >/tmp/back")
        assert vm.pull("/tmp/back") == data
        with vm.open(DEVICE) as held:
            # from the first address, so that it ends before the last one of a process on every architecture
            assert errno_of(held.write_from, "null", 1 << 30) == errno.ENOMEM
            held.write(b"still there")
            assert held.read() == b"still there"


def test_rmmod_is_refused_while_a_descriptor_is_open(vm: Vm, ioctls: Ioctls) -> None:
    with vm.module("rust_misc_device"):
        with vm.open(DEVICE) as held:
            with vm.open(DEVICE):
                assert vm.read("/sys/module/rust_misc_device/refcnt") == "2\n"
            with pytest.raises(CommandError, match="Resource temporarily unavailable"):
                vm.rmmod("rust_misc_device")
            assert held.ioctl(ioctls.hello).value == 0
        assert vm.read("/sys/module/rust_misc_device/refcnt") == "0\n"


# -- known bugs ----------------------------------------------------------------

_FINDING = "docs/findings/misc-device-lost-fault.md"


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="rust/kernel/iov.rs reports a fault as a short copy, and the driver returns it as success: "
    + _FINDING,
)
@pytest.mark.parametrize("call", ["read_to", "write_from"])
def test_a_bad_address_faults(vm: Vm, call: str) -> None:
    with vm.module("rust_misc_device"), vm.open(DEVICE) as held:
        held.write(b"abc")
        faults = {where: errno_of(getattr(held, call), where, 3) for where in ("null", "unmapped")}
    assert faults == dict.fromkeys(faults, errno.EFAULT)


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="samples/rust/rust_misc_device.rs clears the buffer before it has the new contents: " + _FINDING,
)
def test_a_write_that_moves_nothing_leaves_the_buffer_alone(vm: Vm) -> None:
    with vm.module("rust_misc_device"), vm.open(DEVICE) as held:
        held.write(b"abc")
        errno_of(held.write_from, "unmapped", 3)
        kept = held.pread(9, 0)
    assert kept == b"abc"
