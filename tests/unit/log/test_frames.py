"""Frames of stacks, on every architecture."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.log.reported import frames, point

from rustbed.log.annotate import annotate
from rustbed.log.frame import Frame
from rustbed.log.record import parse_console
from rustbed.log.symbolize import Build, Symbols, find_build, find_frames


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        (" foo+0x12/0x34", point("foo", 0x12, 0x34)),
        (" foo.cold+0x12/0x34 [toy]", point("foo.cold", 0x12, 0x34, module="toy")),
        (" foo+0x12/0x34 [a_module] (P)", point("foo", 0x12, 0x34, module="a_module")),
        ("[<ffffffff8028f6f6>] vfs_read+0x9e/0x26e", point("vfs_read", 0x9E, 0x26E)),
        ("RIP: 0010:foo+0x1/0x2 [toy]", point("foo", 1, 2, module="toy", returns=False)),
        ("pc : foo+0x1/0x2", point("foo", 1, 2, returns=False)),
        ("epc : foo+0x1/0x2 [toy]", point("foo", 1, 2, module="toy", returns=False)),
        ("PC is at foo+0x1/0x2", point("foo", 1, 2, returns=False)),
        ("Krnl PSW : 0704c00180000000 0000000000000000 (foo+0x1/0x2)", point("foo", 1, 2, returns=False)),
        (" #0: ffff888 (&lock){+.+.}-{2:2}, at: foo+0x1/0x2 [toy]", point("foo", 1, 2, module="toy")),
        (f" foo+0x1/0x2 [toy {'ab' * 20}]", replace(point("foo", 1, 2, module="toy"), build_id="ab" * 20)),
        ("RIP: 0010:0xffffffffc0201000", point("", 0xFFFFFFFFC0201000, 0, returns=False)),
        (" 0xffffffffc0201000", point("", 0xFFFFFFFFC0201000, 0)),
        # arm names the function, and the place in its caller
        (" bar [toy] from foo+0x12/0x34 [toy]", point("foo", 0x12, 0x34, module="toy")),
        (" bar from ret_fast_syscall+0x0/0x1c", point("ret_fast_syscall", 0, 0x1C)),
        ("[<bf000008>] (bar [toy]) from [<c0456789>] (foo+0x12/0x34)", point("foo", 0x12, 0x34)),
    ],
)
def test_frame_is_read(line: str, frame: Frame) -> None:
    assert frames(line) == [frame]


@pytest.mark.parametrize(
    "line",
    [
        " ? foo+0x12/0x34",
        "RIP: 0033:0x4cefc9",
        "RIP: 0033:0x7ffdeadbeef0",
        "toy: foo+0x12/0x34",
        "lr : foo+0x12/0x34",
        " foo+0x12",
        " (foo+0x12/0x34)",
        " bar from [<c0456789>] 0xc0456789",
        " 0xffffffffc0201000 is no frame",
        "BUG: unable to handle page fault for address: ffffffffc0201000",
    ],
)
def test_other_lines_have_no_frame(line: str) -> None:
    assert frames(line) == []


def test_where_the_processor_stopped_is_no_return_address_in_the_trace_either() -> None:
    lines = ("epc : toy_read+0x12/0x3a [toy]", "[<ffffffff01a6c012>] toy_read+0x12/0x3a [toy]")
    assert frames(*lines) == [point("toy_read", 0x12, 0x3A, module="toy", returns=False)]


def test_log_tells_its_kernel() -> None:
    text = (
        "[    0.000000] Linux version 7.3.4 (me@here) (clang) #1 SMP\n[    1.000000] CPU: 0 PID: 1 Comm: sh"
    )
    assert find_build(parse_console(text)) == Build(banner="Linux version 7.3.4 (me@here) (clang) #1 SMP")
    for taint in ("Not tainted", "Tainted: G        W  O    "):
        line = f"CPU: 1 UID: 0 PID: 88 Comm: a b {taint} 6.1.0-rc1+ #12 PREEMPT"
        assert find_build(parse_console(line)) == Build(release="6.1.0-rc1+")
    assert find_build(parse_console("CPU: 1 PID: 88 Comm: sh")) == Build()


@given(st.text(), st.text())
def test_reading_never_raises(before: str, behind: str) -> None:
    records = parse_console(f"{before} foo+0x12/0x34 [toy]{behind}\n{before}\n{behind}")
    find_build(records)
    assert len(annotate(records, Symbols())) == len(records)
    for frame in find_frames(records):
        assert frame.offset >= 0


@pytest.mark.parametrize(
    ("line", "symbol"),
    [
        ("[c000000007a3fb50] [c00000000000e2a4] toy_open+0x14/0x30 [toy]", "toy_open"),
        ("NIP [c0080000014a0014] toy_open+0x14/0x30 [toy]", "toy_open"),
        ("epc   : 8ed80668 toy_open+0x14/0x30 [toy]", "toy_open"),
        ("  ERA: ffff800002014014 toy_open+0x14/0x30 [toy]", "toy_open"),
    ],
)
def test_frames_of_every_architecture_are_looked_up(line: str, symbol: str) -> None:
    (frame,) = find_frames(parse_console(line))
    assert (frame.symbol, frame.offset, frame.size, frame.module) == (symbol, 0x14, 0x30, "toy")
