"""Logs that went through the kernel's decode script keep their frames, files and lines."""

from __future__ import annotations

import pytest
from tests.unit.log.examples import refined

from rustbed.log.decoded import as_printed, parse_decoded
from rustbed.log.splat import Kind


@pytest.mark.parametrize(
    ("decoded", "printed"),
    [
        ("toy_open (drivers/toy/a.c:12) toy", " toy_open+0x1/0x1 [toy]"),
        (" toy_open (drivers/toy/a.c:12 drivers/toy/b.h:7) [toy]", " toy_open+0x1/0x1 [toy]"),
        ("? toy_open (drivers/toy/a.c:12 (discriminator 3))", " ? toy_open+0x1/0x1"),
        ("RIP: 0010:toy_open (a.c:12) toy", "RIP: 0010:toy_open+0x1/0x1 [toy]"),
        ("pc : memset (arch/arm64/lib/memset.S:197)", "pc : memset+0x1/0x1"),
        (
            "<toy::Toy as kernel::Module>::init (toy.rs:31) toy",
            " <toy::Toy as kernel::Module>::init+0x1/0x1 [toy]",
        ),
        ("toy::run::h0123456789abcdef (toy.rs:31)", " toy::run+0x1/0x1"),
        ("BUG: KASAN: use-after-free in toy_open (a.c:12)", "BUG: KASAN: use-after-free in toy_open+0x1/0x1"),
        ("#0: ff (&x){+.+.}-{3:3}, at: toy_open (a.c:12)", "#0: ff (&x){+.+.}-{3:3}, at: toy_open+0x1/0x1"),
        ("[<ffffffff01a2c00e>] toy_open (a.c:12) toy", "[<ffffffff01a2c00e>] toy_open+0x1/0x1 [toy]"),
        ("vfs_write (??:?)", " vfs_write+0x1/0x1"),
        (" toy_open+0x14/0x30 toy", " toy_open+0x14/0x30 [toy]"),
    ],
)
def test_decoded_line_is_read_as_it_was_printed(decoded: str, printed: str) -> None:
    assert as_printed(decoded) == printed


@pytest.mark.parametrize(
    "text",
    [
        " toy_open+0x14/0x30 [toy]",
        "Hardware name: Toy Board (rev. 2.c)",
        "toy: opened (see toy.txt:12)",
        "CPU: 0 UID: 0 PID: 7 Comm: toy Not tainted 6.12.0 #1",
        "",
    ],
)
def test_any_other_line_stays(text: str) -> None:
    assert as_printed(text) == text
    assert parse_decoded(text) is None


def test_warning_in_c_has_file_and_line() -> None:
    found = refined(
        "WARNING: CPU: 0 PID: 7 at drivers/toy/a.c:12 toy_open (drivers/toy/a.c:12 (discriminator 1)) toy\n"
        "RIP: 0010:toy_open (drivers/toy/a.c:12 (discriminator 1)) toy\n"
        "Call Trace:\n <TASK>\nmisc_open (drivers/misc.c:150)\nchrdev_open (fs/char_dev.c:414)\n </TASK>\n"
    )
    assert (found.title, found.file, found.line) == ("WARNING in toy_open", "drivers/toy/a.c", 12)


def test_oops_in_a_service_is_its_callers() -> None:
    found = refined(
        "BUG: kernel NULL pointer dereference, address: 0000000000000010\n"
        "Oops: 0002 [#1] SMP\n"
        "RIP: 0010:mutex_lock (kernel/locking/mutex.c:281)\n"
        "Call Trace:\ntoy_stop (include/toy.h:3 drivers/toy/a.c:40) toy\nvfs_write (fs/read_write.c:5)\n"
    )
    assert (found.function, found.file, found.line) == ("toy_stop", "drivers/toy/a.c", 40)
    assert not found.corrupted


def test_deadlock_is_at_the_place_where_the_lock_is_taken() -> None:
    found = refined(
        "WARNING: possible recursive locking detected\n"
        "toyd/7 is trying to acquire lock:\n"
        "ffff8881 (&toy->lock){+.+.}-{3:3}, at: toy_inner (drivers/toy/a.c:20) toy\n\n"
        "but task is already holding lock:\n"
        "ffff8881 (&toy->lock){+.+.}-{3:3}, at: toy_outer (drivers/toy/a.c:30) toy\n\n"
        "stack backtrace:\ndump_stack_lvl (lib/a.c:107)\n__lock_acquire (kernel/lockdep.c:5137)\n"
        "toy_inner (drivers/toy/a.c:20) toy\ntoy_outer (drivers/toy/a.c:31) toy\n"
    )
    assert (found.kind, found.function, found.line) == (Kind.LOCKDEP, "toy_inner", 20)


def test_code_that_was_taken_apart_is_of_the_report() -> None:
    text = (
        "Unable to handle kernel paging request at virtual address ffff800012345000\n"
        "Internal error: Oops: 0000000096000007 [#1] SMP\n"
        "pc : toy_read (drivers/toy/a.c:5) toy\n"
        "Call trace:\ntoy_read (drivers/toy/a.c:5) toy (P)\n"
        "Code: aa0003f3 (f9400000)\nAll code\n========\n"
        "   0:\taa0003f3 \tmov\tx19, x0\n   4:*\tf9400000 \tldr\tx0, [x0]\t\t<-- trapping instruction\n"
    )
    assert refined(text).last == len(text.splitlines()) - 1
