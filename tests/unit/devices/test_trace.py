"""Traces as text, and what differs between two."""

from __future__ import annotations

import pytest

from rustbed.devices.trace import (
    Dma,
    Event,
    Interrupt,
    Read,
    Reset,
    Write,
    parse_trace,
    render_trace,
)
from rustbed.errors import SpecError

EVENTS: list[Event] = [
    Write(0, 0x10, 4, 0xDEADBEEF, 0.25),
    Read(7, 0x3D, 1, 0, 1.5),
    Interrupt(3, True, 2.0),
    Interrupt(0, False, 2.0),
    Dma("write", 0x1000, 64, True, 2.5),
    Dma("read", 0x1000, 64, False, 2.5),
    Reset(3.0),
]


def test_trace_is_a_line_for_each_event() -> None:
    assert render_trace(EVENTS).splitlines() == [
        "0.250000 write bar0+0x10 width 4 value 0xdeadbeef",
        "1.500000 read config+0x3d width 1 value 0x0",
        "2.000000 interrupt 3",
        "2.000000 interrupt 0 lost",
        "2.500000 dma-write address 0x1000 size 64",
        "2.500000 dma-read address 0x1000 size 64 lost",
        "3.000000 reset",
    ]


def test_trace_that_was_written_is_read_with_its_times() -> None:
    found = parse_trace(render_trace(EVENTS))
    assert (found, [event.at for event in found]) == (EVENTS, [event.at for event in EVENTS])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "reset",
        "x reset",
        "1.0 resets",
        "1.0 read bar9+0x0 width 4 value 0x0",
        "1.0 read bar0+0x0 width 4",
    ],
)
def test_line_that_is_none_of_a_trace_is_refused(line: str) -> None:
    with pytest.raises(SpecError, match="2: not a line of a trace"):
        parse_trace(f"0.0 reset\n{line}\n")


def test_accesses_show_themselves_as_they_are_written() -> None:
    shown = [repr(event) for event in EVENTS]
    assert shown == [
        "Write(0, 0x10, 4, 0xdeadbeef)",
        "Read(7, 0x3d, 1, 0x0)",
        "Interrupt(3)",
        "Interrupt(0, delivered=False)",
        "Dma('write', 0x1000, 64)",
        "Dma('read', 0x1000, 64, allowed=False)",
        "Reset()",
    ]
    assert [eval(text) for text in shown] == EVENTS  # noqa: S307 - our own text
