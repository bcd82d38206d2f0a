"""What kmemleak's file says, and which of it belongs to a test."""

from __future__ import annotations

import pytest

from rustbed.errors import CommandError
from rustbed.guest.shell import Answer
from rustbed.instruments.kmemleak import find_leaks, read_clock, select_reports
from rustbed.log.splat import Kind, find_splats

OLD = """unreferenced object 0xffff888001234560 (size 32):
  comm "init", pid 1, jiffies 4294667300
  backtrace (crc 0):
    kmalloc_noprof+0x10/0x20
    before_the_test+0x5/0x30
"""
NEW = """unreferenced object 0xffff888007654320 (size 64):
  comm "insmod", pid 91, jiffies 4294693000
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
  backtrace (crc 3a4f):
    kmalloc_noprof+0x10/0x20
    forgets+0x5/0x30 [driver]
"""


class Guest:
    """Answers every command alike."""

    def __init__(self, output: str, status: int = 0) -> None:
        self.output, self.status = output, status

    def __call__(self, command: str, timeout_s: float | None = None) -> Answer:
        return Answer(command=command, status=self.status, stdout=self.output.encode())


def test_reports_of_older_objects_are_left_out() -> None:
    assert list(select_reports(OLD + NEW, 4294693000)) == [NEW]


def test_everything_counts_where_the_clock_is_unknown() -> None:
    assert list(select_reports(OLD + NEW, 0)) == [OLD, NEW]


def test_a_report_that_does_not_tell_its_age_counts() -> None:
    cut = "unreferenced object 0xffff888007654320 (size 64):\n"
    assert list(select_reports(OLD + cut, 4294693000)) == [cut]


def test_reports_become_records_that_are_judged() -> None:
    (splat,) = find_splats(find_leaks(Guest(OLD + NEW + "\n"), 4294693000))
    assert (splat.kind, splat.function) == (Kind.LEAK, "forgets")


def test_no_report_is_no_record() -> None:
    assert find_leaks(Guest(""), 0) == ()


def test_a_kernel_that_cannot_scan_is_an_error() -> None:
    with pytest.raises(CommandError, match="kmemleak does not scan") as caught:
        find_leaks(Guest("sh: write error: Device or resource busy", 1), 0)
    assert caught.value.facts["output"] == "sh: write error: Device or resource busy"


@pytest.mark.parametrize(
    ("output", "clock"), [("jiffies: 4294693000", 4294693000), ("", 0), ("grep: no such file", 0)]
)
def test_clock_is_jiffies(output: str, clock: int) -> None:
    assert read_clock(Guest(output)) == clock
