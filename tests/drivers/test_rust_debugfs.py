"""rust_debugfs: a platform driver whose device has five files in debugfs.

Its only table of ids is one for ACPI; a node of a device tree is bound by override.
"""

from __future__ import annotations

import errno
from contextlib import ExitStack

import pytest
from tests.drivers import sysfs
from tests.drivers.calls import errno_of

from rustbed import Vm

pytestmark = [
    pytest.mark.needs("rust_debugfs"),
    pytest.mark.machine(device_tree="firmware/debugfs-device.dts"),
]

DRIVER = "rust_debugfs"
DIRECTORY = "/sys/kernel/debug/sample_debugfs"
ERROR = 3

MODES = {"array_blob": "600", "compatible": "400", "counter": "600", "pair": "600", "vector_blob": "600"}


def bind(vm: Vm, device: str = "debugfs-first") -> None:
    sysfs.override(vm, "platform", device, DRIVER)
    sysfs.bind(vm, "platform", DRIVER, device)


def test_bound_device_has_its_files(vm: Vm) -> None:
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == []
        assert not sysfs.exists(vm, DIRECTORY)
        bind(vm)
        assert vm.check(f"cd {DIRECTORY}; stat -c '%n %a' *").split() == [
            word for row in MODES.items() for word in row
        ]
        assert vm.read(f"{DIRECTORY}/compatible") == '"acme,first"\n'
        assert vm.read(f"{DIRECTORY}/counter") == "91\n"
        assert vm.read(f"{DIRECTORY}/pair") == "Inner { x: 10, y: 42 }\n"
        assert vm.pull(f"{DIRECTORY}/array_blob") == b"blob"
        assert vm.pull(f"{DIRECTORY}/vector_blob") == 4096 * b"B"
        assert DRIVER not in vm.log
    assert not sysfs.exists(vm, DIRECTORY)
    assert not sysfs.exists(vm, f"/sys/bus/platform/drivers/{DRIVER}")


# what is written to counter, how it is refused, and what it shows then
COUNTER: list[tuple[str | bytes, int, str]] = [
    ("5", 0, "5"),
    ("-1", errno.EINVAL, "5"),
    ("0x10", errno.EINVAL, "5"),
    ("", errno.EINVAL, "5"),
    (" 7 \n", 0, "7"),
    ("+3", 0, "3"),
    # as much as the buffer holds, and one more
    ("9".rjust(21, "0"), 0, "9"),
    ("8".rjust(22, "0"), errno.EINVAL, "9"),
]

# the same for pair
PAIR: list[tuple[str | bytes, int, str]] = [
    ("1 2", 0, "Inner { x: 1, y: 2 }"),
    ("3", errno.EINVAL, "Inner { x: 1, y: 2 }"),
    ("3 4 5", errno.EINVAL, "Inner { x: 1, y: 2 }"),
    ("4294967296 0", errno.EINVAL, "Inner { x: 1, y: 2 }"),
    ("4294967295 0", 0, "Inner { x: 4294967295, y: 0 }"),
    ("1 -2", errno.EINVAL, "Inner { x: 4294967295, y: 0 }"),
    (b"\xff 2", errno.EINVAL, "Inner { x: 4294967295, y: 0 }"),
    (" 6\t7\n", 0, "Inner { x: 6, y: 7 }"),
    ("8 9".rjust(128), 0, "Inner { x: 8, y: 9 }"),
    ("1 2".rjust(129), errno.EINVAL, "Inner { x: 8, y: 9 }"),
]


def test_values_are_parsed_or_refused(vm: Vm) -> None:
    with vm.module(DRIVER):
        bind(vm)
        for name, rows in (("counter", COUNTER), ("pair", PAIR)):
            path = f"{DIRECTORY}/{name}"
            for data, refusal, shown in rows:
                done = errno_of(vm.write, path, data), vm.read(path)
                assert (name, data, done) == (name, data, (refusal, f"{shown}\n"))
        # usize
        largest = 2**vm.spec.arch.word_bits - 1
        assert vm.write(f"{DIRECTORY}/counter", str(largest)) == len(str(largest))
        assert errno_of(vm.write, f"{DIRECTORY}/counter", str(largest + 1)) == errno.EINVAL
        assert vm.read(f"{DIRECTORY}/counter") == f"{largest}\n"
        assert errno_of(vm.write, f"{DIRECTORY}/compatible", "mine") == errno.EINVAL


# offset, and what is written there
WRITES = [
    (0, b"ab"),
    (2, b"XYZ"),
    (3, b"Q"),
    (4, b"R"),
    (4094, b"STU"),
    (4095, b"V"),
    (4096, b"W"),
    (99_999, b"Z"),
]


def test_blobs_are_clipped_at_their_ends(vm: Vm) -> None:
    with vm.module(DRIVER):
        bind(vm)
        for name, contents in (("array_blob", b"blob"), ("vector_blob", 4096 * b"B")):
            model = bytearray(contents)
            with vm.open(f"{DIRECTORY}/{name}") as file:
                for offset, data in WRITES:
                    fits = data[: max(0, len(model) - offset)]
                    model[offset : offset + len(fits)] = fits
                    assert (name, offset, file.pwrite(data, offset)) == (name, offset, len(fits))
                    assert file.pread(8, offset) == bytes(model[offset : offset + 8])
                whole = bytes(model)
                assert file.pread(8192, 0) == whole
                assert (file.read(3), file.read(8192), file.read(1)) == (whole[:3], whole[3:], b"")


def test_bad_buffers_are_faults_and_files_cannot_be_mapped(vm: Vm) -> None:
    with vm.module(DRIVER):
        bind(vm)
        for name in ("counter", "pair", "array_blob", "vector_blob"):
            with vm.open(f"{DIRECTORY}/{name}") as file:
                # the first descriptor of the process that holds the file
                assert (name, file.step("badread:3:4:unmapped").errno) == (name, errno.EFAULT)
                assert (name, file.step("badwrite:3:4:unmapped").errno) == (name, errno.EFAULT)
                assert (name, file.step("mmap:3:4096:r:shared:0").errno) == (name, errno.ENODEV)
        assert vm.read(f"{DIRECTORY}/counter") == "91\n"
        assert vm.read(f"{DIRECTORY}/pair") == "Inner { x: 10, y: 42 }\n"


def test_open_files_fail_after_unbind(vm: Vm) -> None:
    with vm.module(DRIVER), ExitStack() as stack:
        bind(vm)
        files = [stack.enter_context(vm.open(f"{DIRECTORY}/{name}", "r")) for name in MODES]
        writable = stack.enter_context(vm.open(f"{DIRECTORY}/array_blob", "w"))
        sysfs.unbind(vm, "platform", DRIVER, "debugfs-first")
        assert not sysfs.exists(vm, DIRECTORY)
        for file in files:
            for step in ("read:3:8", "lseek:3:0:0"):
                assert (file.path, step, file.step(step).errno) == (file.path, step, errno.EIO)
        assert writable.step("write:3:31").errno == errno.EIO
        # the next device starts afresh
        sysfs.bind(vm, "platform", DRIVER, "debugfs-first")
        assert vm.read(f"{DIRECTORY}/counter") == "91\n"


@pytest.mark.machine(device_tree=None, acpi=["firmware/debugfs-device.dsl"])
def test_acpi_device_needs_the_property(vm: Vm) -> None:
    with vm.module(DRIVER):
        assert sysfs.bound(vm, "platform", DRIVER) == ["LNUXBEEF:01"]
        assert vm.read(f"{DIRECTORY}/compatible") == '"acme,from-acpi"\n'
        assert sysfs.levels_and_texts(vm.log, DRIVER, "LNUXBEEF:00") == [
            (ERROR, "\\_SB.RBD0: property 'compatible' is missing"),
            (ERROR, f"probe with driver {DRIVER} failed with error -{errno.EINVAL}"),
        ]


# the one machine with a platform device that no firmware describes
@pytest.mark.machine(device_tree=None)
@pytest.mark.arches("x86_64")
def test_device_without_a_firmware_node_is_refused(vm: Vm) -> None:
    with vm.module(DRIVER):
        assert errno_of(bind, vm, "pcspkr") == errno.ENOENT
        assert not sysfs.exists(vm, DIRECTORY)


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="every device wants the same directory: docs/findings/debugfs-devices-share-a-name.md",
)
def test_two_devices_have_files_each(vm: Vm) -> None:
    with vm.module(DRIVER):
        bind(vm, "debugfs-first")
        bind(vm, "debugfs-second")
        assert "'sample_debugfs' already exists" not in vm.log


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="an open file does not hold the module: docs/findings/debugfs-file-without-owner.md",
)
@pytest.mark.expect_splat("full_proxy_release")
def test_closing_a_file_after_rmmod_is_harmless(vm: Vm) -> None:
    vm.insmod(DRIVER)
    bind(vm)
    # whether the module stays or goes, closing the file must do no harm; the subshell dies if it does
    vm.run(f"exec 3<{DIRECTORY}/counter; rmmod {DRIVER}; exec 3<&-")
    # the function that calls into the module that is gone
    assert "full_proxy_release" not in vm.log
