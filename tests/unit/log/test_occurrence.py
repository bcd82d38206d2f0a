"""A function that stands in a report several times is blamed where it failed."""

from __future__ import annotations

import pytest
from tests.unit.log.reported import located, only

from rustbed.log.record import parse_console
from rustbed.log.symbolize import Symbols, find_frames, refine

# toy_write+0x10 is line 16 of toy.c, and so on
SLEEPS = """\
BUG: sleeping function called from invalid context at mm/slab.h:3
in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 92, name: sh
preempt_count: 1, expected: 0
1 lock held by sh/92:
 #0: ffff888103a4b010 (&toy->lock){+.+.}-{2:2}, at: toy_write+0x10/0x80 [toy]
Preemption disabled at:
[<ffffffffc0000010>] toy_write+0x10/0x80 [toy]
CPU: 1 UID: 0 PID: 92 Comm: sh Not tainted 7.3.4 #1 PREEMPT
Call Trace:
 dump_stack_lvl+0x5d/0x80
 __might_resched+0x1a2/0x240
 toy_write+0x30/0x80 [toy]
"""
OVERWRITTEN = """\
BUG kmalloc-64 (Not tainted): {what} overwritten
-----------------------------------------------------------------------------

0xffff888103a4b010-0xffff888103a4b010 @offset=16. First byte 0x0 instead of 0x6b
{history}CPU: 1 UID: 0 PID: 92 Comm: sh Not tainted 7.3.4 #1 PREEMPT
Call Trace:
 dump_stack_lvl+0x5d/0x80
 toy_write+0x50/0x80 [toy]
"""
ALLOCATED = """\
Allocated in toy_write+0x10/0x80 [toy] age=1 cpu=0 pid=92
 kmem_cache_debug+0x40/0x100
 toy_write+0x10/0x80 [toy]
"""
FREED = ALLOCATED.replace("Allocated", "Freed").replace("0x10/", "0x20/")
FREED_TWICE = """\
BUG: KASAN: double-free in kfree+0x10/0x40
{history}Call Trace:
 dump_stack_lvl+0x5d/0x80
 kfree+0x10/0x40
 toy_write+0x30/0x80 [toy]
{behind}"""
HISTORY = """\
Allocated by task 92:
 kasan_save_stack+0x20/0x40
 toy_write+0x10/0x80 [toy]

Freed by task 92:
 kasan_save_stack+0x20/0x40
 toy_write+0x20/0x80 [toy]

"""
INVERSION = """\
WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected
7.3.4 #1 Not tainted
sh/92 [HC0[0]:SC0[2]:HE1:SE0] is trying to acquire:
ffff888103a4b010 (&toy->list){+.+.}-{2:2}, at: toy_write+0x20/0x80 [toy]
and this task is already holding:
ffff888103a4b020 (&toy->lock){+.-.}-{2:2}, at: toy_write+0x10/0x80 [toy]
but this new dependency connects a SOFTIRQ-irq-safe lock:
 (&toy->lock){+.-.}-{2:2}
... which became SOFTIRQ-irq-safe at:
  lock_acquire+0xd0/0x2f0
  toy_write+0x40/0x80 [toy]
"""


def line_of(text: str) -> tuple[str, int | None]:
    """Return function and line that a report with debug information points at."""
    splat, records = only(text)
    found = {
        frame: located(frame.symbol, (frame.symbol, "drivers/toy/toy.c", frame.offset))
        for frame in find_frames(records)
        if frame.module == "toy"
    }
    known, _ = refine(splat, records, Symbols(found=found))
    return known.function, known.line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # not where the lock was taken
        (SLEEPS, 0x30),
        # memory that was freed, and is written to: who freed it
        (OVERWRITTEN.format(what="Poison", history=ALLOCATED + FREED), 0x20),
        # what was written beyond its end: who allocated it
        (OVERWRITTEN.format(what="Right Redzone", history=FREED + ALLOCATED), 0x10),
        # the second time, wherever the history stands
        (FREED_TWICE.format(history="", behind=HISTORY), 0x30),
        (FREED_TWICE.format(history=HISTORY, behind=""), 0x30),
        # the lock that an interrupt takes
        (INVERSION, 0x40),
    ],
)
def test_function_is_blamed_where_it_failed(text: str, line: int) -> None:
    assert line_of(text) == ("toy_write", line)


def test_call_of_itself_is_blamed_where_it_is_innermost() -> None:
    text = "BUG: kernel NULL pointer dereference, address: 0\nRIP: 0010:toy_walk+0x10/0x80 [toy]\n"
    assert line_of(text + "Call Trace:\n" + " toy_walk+0x20/0x80 [toy]\n" * 3) == ("toy_walk", 0x10)


def test_decoded_log_is_blamed_where_it_failed_too() -> None:
    decoded = (
        SLEEPS.replace("toy_write+0x10/0x80 [toy]", "toy_write (drivers/toy/toy.c:16) toy")
        .replace("toy_write+0x30/0x80 [toy]", "toy_write (drivers/toy/toy.c:48) toy")
        .replace("dump_stack_lvl+0x5d/0x80", "dump_stack_lvl (lib/dump_stack.c:107)")
        .replace("__might_resched+0x1a2/0x240", "__might_resched (kernel/sched/core.c:9)")
    )
    assert parse_console(decoded)
    splat, records = only(decoded)
    known, _ = refine(splat, records, Symbols())
    assert (known.function, known.line) == ("toy_write", 48)
