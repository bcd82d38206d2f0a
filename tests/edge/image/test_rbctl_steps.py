"""rbctl's steps, compiled for this host and run on its kernel.

Skipped until the cache has a toolroot and kernel sources: `./rustbed build` puts them there.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.edge.image.conftest import call

from rustbed.guest.rbctl import StepResult, parse_results

Steps = Callable[..., tuple[StepResult, ...]]


@pytest.fixture
def sys(rbctl: Path) -> Steps:
    def run(*steps: str) -> tuple[StepResult, ...]:
        done = call(rbctl, "sys", *steps)
        assert done.returncode == 0, done
        return parse_results(done.stdout.decode())

    return run


def ok(value: int, data: bytes = b"") -> StepResult:
    return StepResult(value=value, data=data)


def failed(number: int, data: bytes = b"") -> StepResult:
    return StepResult(value=-1, errno=number, data=data)


def test_first_descriptor_is_3_whatever_the_caller_had_open(rbctl: Path) -> None:
    with open(os.devnull) as first, open(os.devnull) as second:  # noqa: PTH123, what matters is the descriptors
        held = (first.fileno(), second.fileno())
        argv = [str(rbctl), "sys", "open:r:/dev/null"]
        done = subprocess.run(argv, stdout=subprocess.PIPE, pass_fds=held, check=True)
    assert done.stdout == b"0 3 0 -\n"


def test_read_and_write_move_the_position_and_pread_does_not(sys: Steps, tmp_path: Path) -> None:
    assert sys(
        f"open:rw,creat:{tmp_path}/a:b c",
        "write:3:68656c6c6f",
        "pread:3:2:1",
        "read:3:9",
        "lseek:3:-2:2",
        "read:3:9",
    ) == (ok(3), ok(5), ok(2, b"el"), ok(0), ok(3), ok(2, b"lo"))
    assert (tmp_path / "a:b c").read_bytes() == b"hello"


def test_pwrite_and_ftruncate_take_offsets_beyond_32_bits(sys: Steps, tmp_path: Path) -> None:
    assert sys(
        f"open:rw,creat:{tmp_path}/f", "pwrite:3:21:5000000000", "lseek:3:0:2", "pread:3:2:4999999999",
        "ftruncate:3:7000000000", "lseek:3:0:2", "fsync:3",
    ) == (ok(3), ok(1), ok(5000000001), ok(2, b"\0!"), ok(0), ok(7000000000), ok(0))  # fmt: skip


def test_negative_offsets_reach_the_kernel(sys: Steps, tmp_path: Path) -> None:
    steps = ("pread:3:1:-1", "pwrite:3:00:-1", "ftruncate:3:-1", "lseek:3:-1:0")
    assert sys(f"open:rw,creat:{tmp_path}/f", *steps) == (ok(3), *[failed(errno.EINVAL)] * 4)


def test_empty_write_and_read_of_nothing_are_calls_too(sys: Steps) -> None:
    assert sys("open:rw:/dev/null", "write:3:", "read:3:0", "read:3:10") == (ok(3), ok(0), ok(0), ok(0))


def test_open_flags_reach_the_kernel(sys: Steps, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    assert sys(f"open:w,creat,excl:{path}") == (failed(errno.EEXIST),)
    assert sys(f"open:r,directory:{path}") == (failed(errno.ENOTDIR),)
    assert sys(f"open:w,append:{path}", "write:3:21", "close:3") == (ok(3), ok(1), ok(0))
    assert path.read_bytes() == b"old!"
    assert sys(f"open:w,trunc:{path}", "read:3:1") == (ok(3), failed(errno.EBADF))
    assert path.read_bytes() == b""


def test_nonblocking_descriptor_does_not_wait(sys: Steps, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    assert sys(f"open:rw,nonblock:{tmp_path}/p", "read:3:1", "write:3:61", "poll:3:5:0", "read:3:9") == (
        ok(3), failed(errno.EAGAIN), ok(1), ok(1, b"\x00\x05"), ok(1, b"a"),
    )  # fmt: skip


def test_close_and_dup_act_on_the_table(sys: Steps) -> None:
    assert sys("open:r:/dev/zero", "dup:3", "close:3", "read:3:1", "read:4:2", "close:4", "close:4") == (
        ok(3), ok(4), ok(0), failed(errno.EBADF), ok(2, b"\0\0"), ok(0), failed(errno.EBADF),
    )  # fmt: skip


def test_ioctl_buffer_comes_back_and_ends_at_unmapped_memory(sys: Steps, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    ask = f"ioctl:3:{termios.FIONREAD:#x}"
    opened, whole, short, *bad = sys(
        f"open:r:{tmp_path}/f", f"{ask}:buf:ffffffff", f"{ask}:buf:ffff", f"{ask}:null", f"{ask}:unmapped"
    )
    assert (opened, whole) == (ok(3), ok(0, struct.pack("=i", 5)))
    assert (short.value, short.errno, len(short.data)) == (-1, errno.EFAULT, 2)
    assert bad == [failed(errno.EFAULT)] * 2


# include/uapi/linux/sockios.h
SIOCGIFCONF = 0x8912


def test_ioctl_structure_points_to_others_which_come_back(rbctl: Path) -> None:
    """struct ifconf: a length, and the address of as many bytes, which the kernel fills with interfaces."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        given = struct.pack("=iiQ", 400, 0, 0).hex()
        step = f"ioctl:0:{SIOCGIFCONF:#x}:ptr:{given},8={'00' * 400}"
        done = subprocess.run(
            [str(rbctl), "sys", step], stdin=sock.fileno(), stdout=subprocess.PIPE, check=True
        )
        (result,) = parse_results(done.stdout.decode())
    length, _, address = struct.unpack("=iiQ", result.data[:16])
    assert (result.value, address, len(result.data)) == (0, 0, 416)
    assert 0 < length <= 400
    assert b"lo\0" in result.data[16:]


def test_a_pointed_to_buffer_ends_at_unmapped_memory(rbctl: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # says that there is more than there is
        step = f"ioctl:0:{SIOCGIFCONF:#x}:ptr:{struct.pack('=iiQ', 400, 0, 0).hex()},8=0000"
        done = subprocess.run(
            [str(rbctl), "sys", step], stdin=sock.fileno(), stdout=subprocess.PIPE, check=True
        )
        (result,) = parse_results(done.stdout.decode())
    assert result.errno == errno.EFAULT


def test_ioctl_takes_a_number_or_nothing(sys: Steps) -> None:
    assert sys("open:r:/dev/null", "ioctl:3:0x1234:none", "ioctl:3:0xffffffff:int:-1") == (
        ok(3), failed(errno.ENOTTY), failed(errno.ENOTTY),
    )  # fmt: skip


def test_bad_pointers_reach_the_kernel(sys: Steps, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    steps = ("badread:3:1:null", "badread:3:1:unmapped", "badwrite:3:1:null", "badwrite:3:1:unmapped")
    assert sys(f"open:rw:{tmp_path}/f", *steps) == (ok(3), *[failed(errno.EFAULT)] * 4)


def test_mapped_file_is_read_and_written_through_memory(sys: Steps, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abcdefgh")
    assert sys(
        f"open:rw:{path}", "mmap:3:8:rw:shared:0", "peek:0:2:4", "poke:0:4:58595a5a", "poke:0:1:30",
        "peek:0:0:8", "munmap:0", "mmap:3:8:r:private:1", "mmap:3:8:r:shared:4096",
    ) == (
        ok(3), ok(0), ok(4, b"cdef"), ok(4), ok(1), ok(8, b"a0cdXYZZ"), ok(0), failed(errno.EINVAL), ok(0),
    )  # fmt: skip
    assert path.read_bytes() == b"a0cdXYZZ"


def test_mapping_what_cannot_be_mapped_fails_with_the_kernels_errno(sys: Steps, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    assert sys(f"open:rw:{tmp_path}/p", "mmap:3:4096:r:shared:0") == (ok(3), failed(errno.ENODEV))


def test_a_mebibyte_goes_through_in_one_step(sys: Steps) -> None:
    assert sys("open:r:/dev/zero", "read:3:1048576")[1] == ok(1 << 20, bytes(1 << 20))


def test_numbers_of_64_bits_are_taken_whole(sys: Steps, tmp_path: Path) -> None:
    assert sys(
        f"open:rw,creat:{tmp_path}/f", "lseek:3:0xabcdef01234:0", "lseek:3:-0x8000000000000000:1",
        "lseek:3:18446744073709551615:0",
    ) == (ok(3), ok(0xABCDEF01234), failed(errno.EINVAL), failed(errno.EINVAL))  # fmt: skip


def test_pid_is_the_processs_own(rbctl: Path) -> None:
    with subprocess.Popen([str(rbctl), "sys", "pid"], stdout=subprocess.PIPE) as process:
        assert process.communicate()[0] == f"0 {process.pid} 0 -\n".encode()


def test_what_is_no_module_is_not_loaded(sys: Steps) -> None:
    (plain,) = sys("load:77:0:")
    # which errno depends on who may load modules on this host
    assert (plain.value, plain.data) == (-1, b"")
    (armed,) = sys("load:77:1:a=b c:d")
    if Path("/proc/self/fail-nth").exists():
        assert (armed.value, armed.data) == (-1, b"1\n")
    else:
        assert armed == failed(errno.ENOENT)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("fly:3", "unknown step"),
        ("", "unknown step"),
        ("read:3", "too few fields"),
        ("read", "too few fields"),
        ("pid:3", "too many fields"),
        ("read:x:1", "not a number"),
        ("read::1", "not a number"),
        ("read:3:1x", "not a number"),
        ("close:3:4", "not a number"),
        ("lseek:3:18446744073709551616:0", "not a number"),
        ("lseek:3:0x10000000000000000:0", "not a number"),
        ("read:3:1048577", "count out of range"),
        ("read:3:-1", "count out of range"),
        ("write:3:0", "not HEX"),
        ("write:3:0g", "not HEX"),
        ("open:r,fast:/dev/null", "unknown open flag"),
        ("open::/dev/null", "unknown open flag"),
        ("load:3:1", "too few fields"),
        ("badread:3:1:somewhere", "neither null nor unmapped"),
        ("ioctl:3:1:what", "unknown ioctl argument"),
        ("ioctl:3:1:what:00", "unknown ioctl argument"),
        ("ioctl:3:1:int:x", "unknown ioctl argument"),
        ("ioctl:3:1:buf:0", "not HEX"),
        ("ioctl:3:1:ptr:0", "not HEX"),
        ("ioctl:3:1:ptr:0000000000000000,0=0", "not HEX"),
        ("ioctl:3:1:ptr:0000000000000000,0", "not OFFSET=HEX"),
        ("ioctl:3:1:ptr:0000000000000000,x=00", "not OFFSET=HEX"),
        ("ioctl:3:1:ptr:0000000000000000,1=00", "offset out of range"),
        ("ioctl:3:1:ptr:0000000000000000,-1=00", "offset out of range"),
        ("ioctl:3:1:ptr:00,0=00", "offset out of range"),
        (f"ioctl:3:1:ptr:{'00' * 8}{',0=00' * 16}", "too many pointers"),
        ("mmap:3:4096:x:shared:0", "unknown protection or kind"),
        ("mmap:3:4096:rw:both:0", "unknown protection or kind"),
        ("munmap:0", "no such map"),
        ("munmap:-1", "no such map"),
        ("peek:16:0:1", "outside the map"),
        ("poke:0:0:00", "outside the map"),
    ],
)
def test_step_that_makes_no_sense_is_refused_and_nothing_after_it_runs(
    rbctl: Path, step: str, reason: str
) -> None:
    done = call(rbctl, "sys", "open:r:/dev/null", step, "close:3")
    assert (done.stdout.decode(), done.returncode) == (f"0 3 0 -\n1 ! {reason}\n", 2)


def test_peek_outside_the_map_is_refused(rbctl: Path, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(8))
    for step in ("peek:0:1:8", "peek:0:-1:1", "peek:0:0:9", "peek:0:9:0", "poke:0:7:0000"):
        done = call(rbctl, "sys", f"open:rw:{tmp_path}/f", "mmap:3:8:rw:shared:0", step)
        assert done.stdout.decode().splitlines()[-1] == "2 ! outside the map"


def test_fault_in_mapped_memory_ends_the_process_after_its_results_were_printed(
    rbctl: Path, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"")
    done = call(rbctl, "sys", f"open:r:{tmp_path}/f", "mmap:3:4096:r:shared:0", "peek:0:0:1")
    assert (done.stdout, done.returncode) == (b"0 3 0 -\n1 0 0 -\n", -signal.SIGBUS)


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["sys"], ["put", "a", "1"], ["session"], ["ask", "d"], ["receive", "d", "1"]]
)
def test_wrong_call_is_explained_on_standard_error(rbctl: Path, words: list[str]) -> None:
    done = call(rbctl, *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"rbctl: ")


def test_program_needs_no_libraries(rbctl: Path) -> None:
    assert b"/ld-linux" not in rbctl.read_bytes()
