"""What a report that is not whole says of itself."""

from __future__ import annotations

import pytest

from harness.log.record import parse_console
from harness.log.splat import find_splats


@pytest.mark.parametrize(
    ("lines", "damage"),
    [
        (["Call Trace:", " toy_a+0x1/0x2"], ""),
        ([], "its stack trace is missing"),
        (["Call Trace:"], "its stack trace is missing"),
        (["Call Trace:", " ? toy_a+0x1/0x2"], "no frame of its stack trace is certain"),
        (["** 20 printk messages dropped **", "Call Trace:", " toy_a+0x1/0x2"], "messages were dropped"),
        (
            ["Call Trace:", " toy_a+0x1/0x2", "Allocated by task 7:", "Memory state around"],
            "a stack trace is announced and does not follow",
        ),
        (["Call Trace:", " toy_a+0x1/0x2", "Freed by task 7:", "(stack is not available)"], ""),
        (
            ["CPU: 0 PID: 7 Comm: sh Not tainted", "CPU: 1 PID: 8 Comm: cat Not tainted", " toy_a+0x1/0x2"],
            "two tasks print at once",
        ),
    ],
)
def test_report_that_is_not_whole_says_why(lines: list[str], damage: str) -> None:
    text = "\n".join(["BUG: KASAN: slab-out-of-bounds in toy_b+0x1/0x2", *lines])
    (found,) = find_splats(parse_console(text))
    assert (found.damage, found.corrupted) == (damage, bool(damage))


def test_checker_without_a_caller_is_not_the_whole_story() -> None:
    text = (
        "WARNING: drivers/usb/core/urb.c:503 at usb_submit_urb+0xa7d/0x1860\nCall Trace:\n"
        " usb_bulk_msg+0x31c/0x4a0\n do_syscall_64+0x82/0x170\n"
    )
    (found,) = find_splats(parse_console(text))
    assert (found.title, found.damage) == (
        "WARNING in usb_submit_urb",
        "its stack trace ends before the function to blame",
    )
