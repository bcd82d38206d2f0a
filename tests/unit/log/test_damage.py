"""What a report that is not whole says of itself."""

from __future__ import annotations

import pytest

from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats


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
        (
            [" toy_other+0x1/0x2", "Call Trace:", " toy_a+0x1/0x2"],
            "frames of another stack come before its own",
        ),
    ],
)
def test_report_that_is_not_whole_says_why(lines: list[str], damage: str) -> None:
    text = "\n".join(["BUG: KASAN: slab-out-of-bounds in toy_b+0x1/0x2", *lines])
    (found,) = find_splats(parse_console(text))
    assert (found.damage, found.corrupted) == (damage, bool(damage))


def test_kfence_prints_its_stack_without_a_line_above_it() -> None:
    text = "BUG: KFENCE: use-after-free read in toy_b+0x1/0x2\n toy_b+0x1/0x2\nCall Trace:\n toy_c+0x1/0x2\n"
    assert [found.damage for found in find_splats(parse_console(text))] == [""]


@pytest.mark.parametrize(
    ("preempted", "damage"),
    [
        ("preempt_schedule_common", "the task that it shows did not run"),
        # an interrupt took the processor away from it: it may well loop
        ("preempt_schedule_irq", ""),
    ],
)
def test_stall_of_a_task_that_gave_way_says_nothing_of_a_loop(preempted: str, damage: str) -> None:
    text = (
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\ntask:toy state:R  running task\n"
        f"Call Trace:\n __schedule+0x1/0x2\n {preempted}+0x1/0x2\n toy_go+0x1/0x2\n do_syscall_64+0x1/0x2\n"
    )
    (found,) = find_splats(parse_console(text))
    assert (found.function, found.damage) == ("toy_go", damage)


def test_exception_from_a_program_is_the_whole_story() -> None:
    text = (
        "BUG: using __this_cpu_read() in preemptible [00000000] code: sh/99\nCall Trace:\n"
        " dump_stack+0x1/0x2\n __bad_area_nosemaphore+0x1/0x2\n asm_exc_page_fault+0x1/0x2\n"
    )
    damages = [find_splats(parse_console(text + end))[0].damage for end in ("", "RIP: 0033:0x7fa64448bada\n")]
    assert damages == ["its stack trace ends before the function to blame", ""]


@pytest.mark.parametrize(
    ("headline", "task"),
    [
        ("BUG: scheduling while atomic: kworker/0:1/7/0x00000002", "kworker/0:1/7"),
        ("BUG: using smp_processor_id() in preemptible [00000000] code: kworker/0:1/7", "kworker/0:1/7"),
        (
            "BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[7]\n1 lock held by kworker/0:1/7:",
            "kworker/0:1/7",
        ),
    ],
)
def test_worker_whose_name_has_a_slash_is_one_task(headline: str, task: str) -> None:
    text = f"{headline}\nCPU: 0 PID: 7 Comm: kworker/0:1 Not tainted\nCall Trace:\n toy_a+0x1/0x2\n"
    (found,) = find_splats(parse_console(text))
    assert (found.task, found.damage) == (task, "")


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
