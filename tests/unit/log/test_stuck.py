"""Where a driver is stuck, from what the kernel answered to sysrq."""

from __future__ import annotations

import pytest

from rustbed.log.frame import Frame
from rustbed.log.stuck import Hang, HangLog, parse_hang
from rustbed.log.symbolize import Blame, Located, Place, Symbols, blame_frame

TURNING = """\
== console.log
2048 bytes were there before it was asked for anything

== registers, look 1 of 3
RIP=ffffffffa0000010 toy_wrong+0x1/0x2 [wrong]

== sysrq l by console
[   74.085259] NMI backtrace for cpu 0
[   74.086139] CPU: 0 UID: 0 PID: 42 Comm: insmod Tainted: G           O        7.3.4 #1 PREEMPTLAZY
[   74.086573] Call Trace:
[   74.092023]  <IRQ>
[   74.092618]  dump_stack_lvl+0x2f/0x70
[   74.094259]  <TASK>
[   74.094265]  asm_common_interrupt+0x27/0x40
[   74.094415] RIP: 0010:_RNvMCsheUNd2o3Hw2_8edu_hangNtB2_4Hang10wait_ready+0x10/0x20 [edu_hang]
[   74.102398]  ? cleanup_module+0xfd0/0xfd0 [edu_hang]
[   74.102510]  init_module+0x9/0x1000 [edu_hang]
[   74.102586]  do_one_initcall+0x105/0x2c0

== one task busy
insmod (42) used 0.98 s of the last 1.00 s
"""
SLEEPING = """\
== console.log
2048 bytes were there before it was asked for anything

== sysrq l by console
[   74.085259] NMI backtrace for cpu 0
[   74.092618]  dump_stack_lvl+0x2f/0x70

== sysrq w by console
[   73.461327] sysrq: Show Blocked State
[   73.461400] task:insmod          state:D stack:0     pid:42    tgid:42    ppid:34
[   73.461500] Call Trace:
[   73.461600]  __schedule+0x3b5/0x9c0
[   73.461700]  schedule_timeout+0x8a/0x120
[   73.461800]  toy_wait+0x1c/0x30 [toy]

== one task stuck
insmod (42) sleeps
"""


def read(text: str) -> HangLog:
    found = parse_hang(text)
    assert found is not None
    return found


def frame_in(text: str) -> Frame:
    frame = read(text).frame
    assert frame is not None
    return frame


def test_the_kind_and_why_are_the_last_section() -> None:
    hang = read(TURNING)
    assert (hang.hang, hang.why) == (Hang.BUSY, "insmod (42) used 0.98 s of the last 1.00 s")
    assert hang.lines == len(TURNING.splitlines())


def test_the_stack_around_the_frame_is_kept_with_its_lines() -> None:
    hang = read(TURNING)
    lines = TURNING.splitlines()
    assert [lines[record.seq].endswith(record.text) for record in hang.records] == [True] * 9
    assert hang.records[0].text == " <IRQ>"
    assert hang.records[-1].text == hang.why


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[    1.000000] toy: ready\n",
        TURNING.partition("== one")[0],
        TURNING.partition("insmod (42) u")[0],
    ],
)
def test_other_logs_and_unfinished_ones_say_nothing(text: str) -> None:
    assert parse_hang(text) is None


def test_the_function_that_turns_in_circles_is_found() -> None:
    frame = frame_in(TURNING)
    assert (frame.module, frame.offset) == ("edu_hang", 0x10)
    assert blame_frame(frame, Symbols()).function == "<edu_hang::Hang>::wait_ready"


def test_who_sleeps_is_found_where_nobody_runs() -> None:
    frame = frame_in(SLEEPING)
    assert (frame.symbol, frame.module) == ("toy_wait", "toy")


def test_without_a_module_there_is_nobody_to_blame() -> None:
    assert read(SLEEPING.replace("[toy]", "")).frame is None


def test_a_slow_host_is_no_driver_s_fault() -> None:
    assert read(TURNING.replace("one task busy", "host slow")).frame is None


def test_debug_information_tells_the_line() -> None:
    frame = frame_in(SLEEPING)
    place = Place(function="toy_wait", file="toy.c", line=7, path="/src/toy.c")
    symbols = Symbols(found={frame: Located(symbol="toy_wait", offset=0x1C, places=(place,))})
    assert blame_frame(frame, symbols) == Blame(function="toy_wait", file="toy.c", line=7, path="/src/toy.c")
