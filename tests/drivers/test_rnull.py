"""rnull: disks that forget, configured and powered through configfs. The module is called rnull_mod."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.drivers.calls import errno_of

from rustbed import CommandError, Vm

# before, it made one disk when it was loaded
pytestmark = [pytest.mark.needs("rnull_mod"), pytest.mark.since("6.18")]

ROOT = "/sys/kernel/config/rnull"
DEFAULTS = {"blocksize": "4096", "irqmode": "0", "power": "0", "rotational": "0", "size": "4096"}

# attribute, then what may be written and how it is shown
TAKEN: dict[str, dict[str, str]] = {
    "blocksize": {"512": "512", "1024": "1024", " 2048 \n": "2048", "+4096": "4096"},
    "size": {"0": "0", "1": "1", "\t7\n": "7", "18446744073709551615": "18446744073709551615"},
    "rotational": {"1": "1", "0": "0", "on": "1", "off": "0", "y": "1", "n": "0"},
    "irqmode": {"1": "1", "0": "0", "+1": "1", "00": "0"},
    "power": {"0": "0", "off": "0", "n": "0"},
}
NOT_TAKEN: dict[str, list[str | bytes]] = {
    "blocksize": ["0", "256", "513", "1536", "1048576", "-512", "4294967808", "0x200", "abc", b"\xff"],
    "size": ["-1", "1.5", "1M", "18446744073709551616", "x", " ", b"\xff"],
    "rotational": ["2", "x", "o", "-1", b"\xff"],
    "irqmode": ["2", "-1", "256", "x", " ", b"\xff"],
    "power": ["2", "x", "o", " 1"],
}

# the longest name of a disk (DISK_NAME_LEN of include/linux/blkdev.h, less its zero)
NAME_MAX = 31


@contextmanager
def made(vm: Vm, name: str, **attributes: object) -> Iterator[str]:
    """Make a disk's directory, set its attributes in the given order, yield its path and remove it again."""
    path = f"{ROOT}/{name}"
    vm.check(f"mkdir {path}")
    for attribute, value in attributes.items():
        vm.write(f"{path}/{attribute}", str(value))
    yield path
    vm.check(f"rmdir {path}")


def shown(vm: Vm, directory: str) -> dict[str, str]:
    lines = vm.check(f"cd {directory} && grep . *").splitlines()
    return {line.partition(":")[0]: line.partition(":")[2] for line in lines}


def exists(vm: Vm, path: str) -> bool:
    return vm.run(f"test -e {path}").status == 0


def geometry(vm: Vm, name: str) -> list[int]:
    """Return what sysfs and an ioctl tell of a disk: sectors, block sizes, whether it turns, bytes."""
    files = ("size", "queue/logical_block_size", "queue/physical_block_size", "queue/rotational")
    told = [int(vm.read(f"/sys/block/{name}/{file}")) for file in files]
    return [*told, int(vm.check(f"blockdev --getsize64 /dev/{name}"))]


def sectors_moved(vm: Vm) -> list[int]:
    """Return how many sectors of /dev/d were read and written until now (Documentation/block/stat.rst)."""
    fields = vm.read("/sys/block/d/stat").split()
    return [int(fields[2]), int(fields[6])]


def said(vm: Vm) -> list[tuple[int, str]]:
    """Return level and text of what the driver said; the kernel says other things at any time."""
    return [(record.level, record.text) for record in vm.log.matching("null")]


def test_loads_with_its_features_and_leaves_nothing_behind(vm: Vm) -> None:
    with vm.module("rnull_mod"):
        assert said(vm) == [(6, "rnull_mod: Rust null_blk loaded")]
        assert vm.check(f"cd {ROOT} && stat -c '%n %a' *") == "features 660"
        assert vm.read(f"{ROOT}/features") == "blocksize,size,rotational,irqmode\n"
        assert errno_of(vm.write, f"{ROOT}/features", "x") == errno.EACCES
        with made(vm, "d", power=1):
            assert vm.check("ls /sys/block") == "d"
    assert vm.check("ls /sys/block") == ""
    assert not exists(vm, "/dev/d")
    assert vm.check("ls /sys/kernel/config") == ""
    assert vm.read("/proc/modules") == ""
    assert "rnull_mod" not in vm.check("ls /sys/module").split()
    assert len(said(vm)) == 1


@pytest.mark.usefixtures("wide_numbers")
def test_a_directory_is_a_disk_that_is_off_and_can_be_configured(vm: Vm) -> None:
    with vm.module("rnull_mod"), made(vm, "d") as disk:
        assert shown(vm, disk) == DEFAULTS
        assert set(vm.check(f"stat -c %a {disk}/*").split()) == {"660"}
        assert vm.check("ls /sys/block") == ""
        with pytest.raises(CommandError, match="Operation not permitted"):
            vm.check(f"mkdir {disk}/e")
        attributes_take_what_makes_sense(vm, disk)


def attributes_take_what_makes_sense(vm: Vm, disk: str) -> None:
    """Write what each attribute takes, then what it does not; only the former changes it."""
    for attribute, forms in TAKEN.items():
        path, back = f"{disk}/{attribute}", {}
        for text in forms:
            assert vm.write(path, text) == len(text)
            back[text] = vm.read(path).removesuffix("\n")
        assert (attribute, back) == (attribute, forms)
    before = shown(vm, disk)
    for attribute, texts in NOT_TAKEN.items():
        refused = {text: errno_of(vm.write, f"{disk}/{attribute}", text) for text in texts}
        assert (attribute, refused) == (attribute, dict.fromkeys(texts, errno.EINVAL))
    assert shown(vm, disk) == before


def test_power_makes_the_disk_that_was_asked_for(vm: Vm) -> None:
    with (
        vm.module("rnull_mod"),
        made(vm, "small", blocksize=512, size=1, rotational=1, power=1),
        made(vm, "large", size=1 << 20, irqmode=1, power="on"),
        made(vm, "empty", blocksize=1024, size=0, power="y"),
    ):
        assert geometry(vm, "small") == [2048, 512, 512, 1, 1 << 20]
        assert geometry(vm, "large") == [1 << 31, 4096, 4096, 0, 1 << 40]
        assert geometry(vm, "empty") == [0, 1024, 1024, 0, 0]
        kind, mode, major, minor = vm.check("stat -c '%F|%a|%t|%T' /dev/small").split("|")
        assert (kind, mode) == ("block special file", "600")
        assert vm.read("/sys/block/small/dev") == f"{int(major, 16)}:{int(minor, 16)}\n"
        # a heading, an empty line, and the disks that are not empty
        partitions = vm.pull("/proc/partitions").decode().splitlines()[2:]
        assert [line.split()[2:] for line in partitions] == [["1024", "small"], [str(1 << 30), "large"]]


@pytest.mark.usefixtures("wide_numbers")
def test_nothing_but_power_changes_while_it_is_on(vm: Vm) -> None:
    attributes = sorted(set(DEFAULTS) - {"power"})
    with vm.module("rnull_mod"), made(vm, "d", power=1) as disk:
        # not even to what it is
        unchanged = {
            attribute: errno_of(vm.write, f"{disk}/{attribute}", DEFAULTS[attribute])
            for attribute in attributes
        }
        nonsense = {attribute: errno_of(vm.write, f"{disk}/{attribute}", "x") for attribute in attributes}
        assert unchanged == nonsense == dict.fromkeys(attributes, errno.EBUSY)
        assert errno_of(vm.write, f"{disk}/power", "x") == errno.EINVAL
        assert shown(vm, disk) == {**DEFAULTS, "power": "1"}
        # a disk that is on is not made again
        number = vm.read("/sys/block/d/diskseq")
        vm.write(f"{disk}/power", "1")
        assert vm.read("/sys/block/d/diskseq") == number
        vm.write(f"{disk}/power", "0")
        assert not exists(vm, "/dev/d")
        assert vm.write(f"{disk}/size", "1") == 1


def test_reads_and_writes_complete_up_to_the_end(vm: Vm) -> None:
    with vm.module("rnull_mod"):
        for irqmode in (0, 1):
            with made(vm, "d", blocksize=512, size=1, irqmode=irqmode, power=1):
                transfer(vm, 1 << 20)


def transfer(vm: Vm, end: int) -> None:
    """Write and read every block of /dev/d, then what is around its end."""
    before = sectors_moved(vm)
    vm.check(f"dd if=/dev/zero of=/dev/d bs=64k count={end >> 16} conv=fsync")
    # the page cache would answer instead of the disk
    vm.check("blockdev --flushbufs /dev/d")
    assert vm.check("cat /dev/d | wc -c") == str(end)
    assert [after - then for after, then in zip(sectors_moved(vm), before, strict=True)] == [end >> 9] * 2
    # whoever reads is woken before the request is counted as done
    vm.wait_for(lambda: vm.read("/sys/block/d/inflight").split() == ["0", "0"], "the last request's end")
    with vm.open("/dev/d") as held:
        assert held.lseek(0, 2) == end
        # what a disk that keeps nothing reads is anybody's guess: how much it reads is not
        assert [held.pwrite(b"ab", end - 1), len(held.pread(9, end - 1)), held.pread(9, end)] == [
            1,
            1,
            b"",
        ]
        assert errno_of(held.pwrite, b"x", end) == errno.ENOSPC


def test_an_open_disk_that_is_powered_off_has_no_blocks(vm: Vm) -> None:
    with vm.module("rnull_mod"), made(vm, "d", power=1) as disk:
        number = vm.read("/sys/block/d/dev")
        with vm.open("/dev/d") as held:
            assert len(held.read(512)) == 512
            vm.write(f"{disk}/power", "0")
            assert not exists(vm, "/dev/d")
            assert (held.lseek(0, 2), held.pread(512, 0)) == (0, b"")
            assert errno_of(held.pwrite, b"x", 0) == errno.ENOSPC
            # the number is not given to another disk as long as this one is open
            vm.write(f"{disk}/power", "1")
            assert vm.read("/sys/block/d/dev") != number
            # as bytes: what a read gives is whatever was in memory, and may look like UTF-8
            with vm.open("/dev/d") as other:
                assert (len(other.read(512)), held.pread(512, 0)) == (512, b"")
        vm.write(f"{disk}/power", "0")
        vm.write(f"{disk}/power", "1")
        assert vm.read("/sys/block/d/dev") == number


def test_a_disk_outlives_its_directory_while_it_is_open(vm: Vm) -> None:
    with vm.module("rnull_mod"):
        with ExitStack() as opened:
            with made(vm, "d", power=1):
                held = opened.enter_context(vm.open("/dev/d"))
            assert not exists(vm, "/dev/d")
            assert held.pread(512, 0) == b""
        with made(vm, "d", power=1), vm.open("/dev/d") as again:
            assert len(again.read(512)) == 512


def test_a_name_must_be_one_that_a_disk_can_have(vm: Vm) -> None:
    with vm.module("rnull_mod"):
        for name in ("n" * (NAME_MAX + 1), "n" * 255, r"\377"):
            # printf writes what is no UTF-8
            vm.check(f"mkdir {ROOT}/$(printf '{name}')")
            refused = vm.run(f"echo 1 >{ROOT}/$(printf '{name}')/power")
            assert (name, refused.output.rpartition(": ")[2]) == (name, "Invalid argument")
            assert vm.check(f"cat {ROOT}/$(printf '{name}')/power") == "0"
            vm.check(f"rmdir {ROOT}/$(printf '{name}')")
        for name, node in (("n" * NAME_MAX, "n" * NAME_MAX), ("p%d", "p%d"), ("a!b", "a/b")):
            with made(vm, name, power=1):
                assert (vm.check("ls /sys/block"), exists(vm, f"/dev/{node}")) == (name, True)
            assert not exists(vm, f"/dev/{node}")
        # a node that somebody else has stays theirs
        with made(vm, "null", power=1):
            assert vm.check("ls /sys/block") == "null"
            assert vm.check("stat -c %F /dev/null") == "character special file"
        assert vm.check("stat -c %F /dev/null") == "character special file"


@pytest.mark.needs("loop")
@pytest.mark.expect_splat(r"duplicate filename .*/loop0", kind="duplicate-name")
def test_a_disk_does_not_take_the_name_of_another(vm: Vm) -> None:
    vm.insmod("loop")
    with vm.module("rnull_mod"), made(vm, "loop0") as disk:
        assert errno_of(vm.write, f"{disk}/power", "1") == errno.EEXIST
        assert vm.read(f"{disk}/power") == "0\n"
        assert vm.read("/sys/block/loop0/dev") == "7:0\n"


def test_rmmod_is_refused_while_a_directory_exists(vm: Vm) -> None:
    with vm.module("rnull_mod"), made(vm, "d") as disk:
        for power in ("0", "1"):
            vm.write(f"{disk}/power", power)
            with pytest.raises(CommandError, match="Resource temporarily unavailable"):
                vm.rmmod("rnull_mod")


# -- known bugs ----------------------------------------------------------------


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="rust/kernel/block/mq/gen_disk.rs builds block_device_operations without an owner, so an open "
    "disk does not pin the module: docs/findings/rnull-disk-without-owner.md",
)
@pytest.mark.expect_splat("bdev_release")
def test_closing_a_disk_after_rmmod_is_harmless(vm: Vm) -> None:
    vm.insmod("rnull_mod")
    vm.check(f"mkdir {ROOT}/d && echo 1 >{ROOT}/d/power")
    # whether rmmod is refused or works is the kernel's choice; that the descriptor can be closed is not
    vm.run(f"exec 3</dev/d && rmdir {ROOT}/d && rmmod rnull_mod; exec 3<&-")
    assert vm.log.matching("bdev_release") == []


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="drivers/block/rnull/rnull.rs shifts MiB to sectors and does not look what is lost at the top: "
    "docs/findings/rnull-size-wraps.md",
)
def test_a_size_that_no_disk_can_have_does_not_become_another_one(vm: Vm) -> None:
    # 2^53 MiB are 2^64 sectors, and one more MiB is what is left of it
    with vm.module("rnull_mod"), made(vm, "d", size=2**53 + 1) as disk:
        # to refuse is right, and so is the largest disk there can be
        refused = errno_of(vm.write, f"{disk}/power", "1")
        sectors = None if refused else int(vm.read("/sys/block/d/size"))
    assert (refused, sectors) != (0, 2048)
