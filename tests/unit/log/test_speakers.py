"""Who prints, and reports that somebody else breaks into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.log.examples import LOGS, WANTED, essence, moved

from rustbed.log.record import Record, parse_console
from rustbed.log.splat import Kind, find_splats


def spoken(records: Iterable[Record], caller: str) -> list[Record]:
    return [replace(record, caller=caller) for record in records]


def interleaved(first: Sequence[Record], second: Sequence[Record], turns: Sequence[int]) -> list[Record]:
    """Take records by turns, so many from one and so many from the other, and what is left at the end."""
    queues, mixed = [list(first), list(second)], []
    for turn, length in enumerate(turns):
        queue = queues[turn % 2]
        mixed += queue[:length]
        del queue[:length]
    return [*mixed, *queues[0], *queues[1]]


# a hung task and a stall are told of by several callers at once
ALONE = [name for name, (kind, *_) in WANTED.items() if kind not in {
    Kind.HUNG_TASK, Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.WORKQUEUE_LOCKUP, Kind.KCSAN,
}]  # fmt: skip
# what a machine dies of ends the other report too
SURVIVED = [name for name in ALONE if not WANTED[name][3]]


@given(st.sampled_from(SURVIVED), st.sampled_from(SURVIVED), st.lists(st.integers(1, 6), max_size=12))
def test_reports_of_two_callers_are_read_apart(one: str, other: str, turns: list[int]) -> None:
    mixed = interleaved(spoken(LOGS[one], "T17"), spoken(LOGS[other], "C1"), turns)
    wanted = [*find_splats(LOGS[one]), *find_splats(LOGS[other])]
    found = find_splats(mixed)
    assert sorted(map(essence, found)) == sorted(map(essence, wanted))
    assert sorted(splat.damage for splat in found) == sorted(splat.damage for splat in wanted)


@given(st.sampled_from(SURVIVED), st.sampled_from(SURVIVED), st.lists(st.integers(1, 6), max_size=12))
def test_span_reads_as_the_same_splat_though_another_caller_printed_in_between(
    one: str, other: str, turns: list[int]
) -> None:
    mixed = interleaved(spoken(LOGS[one], "T17"), spoken(LOGS[other], "C1"), turns)
    for splat in find_splats(mixed):
        alone = find_splats(mixed[splat.first : splat.last + 1])
        assert moved(splat, -splat.first) in alone


def test_caller_comes_from_the_console() -> None:
    text = (
        "[    1.000000][   T17] BUG: KASAN: slab-out-of-bounds in toy_one+0x1/0x2\n"
        "[    1.000001][    C1] WARNING: a.c:1 at toy_two+0x1/0x2, CPU#1: sh/9\n"
        "[    1.000002][   T17] Write of size 8 at addr ffff888103a4b010 by task sh/17\n"
        "[    1.000003][    C1] Call Trace:\n"
        "[    1.000004][   T17] Call Trace:\n"
        "[    1.000005][    C1]  toy_irq+0x1/0x2\n"
        "[    1.000006][   T17]  toy_one+0x1/0x2\n"
    )
    assert [(s.title, s.task, s.damage) for s in find_splats(parse_console(text))] == [
        ("KASAN: slab-out-of-bounds Write in toy_one", "sh/17", ""),
        ("WARNING in toy_two", "", ""),
    ]


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("warning_x86", "insmod/74"),
        ("kasan", "sh/92"),
        ("hung_task", "sh/108"),
        ("soft_lockup", "sh/107"),
        ("lockdep_circular", "sh/101"),
        ("leak", ""),
    ],
)
def test_task_that_was_running(name: str, task: str) -> None:
    assert find_splats(LOGS[name])[0].task == task


# -- reports that something else breaks into -------------------------------------

_PANIC = """\
[    1.000000] Kernel panic - not syncing: corrupted stack end detected inside scheduler
[    1.000000] Call Trace:
[    1.000000]  dump_stack+0x1d3/0x2c6
[    1.000000]  panic+0x2ad/0x55f
[    1.000000]  toy_deep+0x355/0xdb0
"""
_OF_ANOTHER = "[    1.000000] toyd invoked oom-killer: gfp_mask=0x6202c2(GFP_HIGHUSER), order=0\n"
_REST = """\
[    1.000000]  toy_work+0x53a/0xf00
[    1.000000]  process_one_work+0xc90/0x1c40
[    1.000000]  ret_from_fork+0x3a/0x50
"""


def test_stack_of_a_panic_goes_on_behind_what_others_say() -> None:
    assert [splat.title for splat in find_splats(parse_console(_PANIC + _OF_ANOTHER + _REST))] == [
        "kernel panic: corrupted stack end in toy_work"
    ]


def test_what_follows_the_whole_stack_of_a_panic_is_its_own_splat() -> None:
    found = find_splats(parse_console(_PANIC + _REST + _OF_ANOTHER))
    assert [splat.title for splat in found] == [
        "kernel panic: corrupted stack end in toy_work",
        "out of memory",
    ]


# the detector itself meets something, and the stack that is printed is the same
_STALL = "[    1.000000][    C1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
_TRIPS = """\
[    1.000000][    C1] WARNING: kernel/sched/core.c:2698 at toy_look+0x18b/0x320, CPU#1: sh/47
[    1.000000][    C1] Call Trace:
[    1.000000][    C1]  <IRQ>
[    1.000000][    C1]  rcu_sched_clock_irq+0x12ec/0x1eb0
[    1.000000][    C1]  update_process_times+0x12c/0x180
[    1.000000][    C1]  asm_sysvec_apic_timer_interrupt+0x12/0x20
[    1.000000][    C1]  toy_spin+0x4d/0x1f0
[    1.000000][    C1]  toy_write+0x18/0x20
[    1.000000][    C1]  vfs_write+0xf6/0x350
"""


def test_report_that_trips_over_itself_has_the_stack_of_both() -> None:
    assert [splat.title for splat in find_splats(parse_console(_STALL + _TRIPS))] == [
        "INFO: rcu detected stall in toy_write"
    ]


def test_report_of_another_caller_is_its_own() -> None:
    other = _TRIPS.replace("C1", "C0")
    assert [splat.kind for splat in find_splats(parse_console(_STALL + other))] == ["rcu-stall", "warning"]
