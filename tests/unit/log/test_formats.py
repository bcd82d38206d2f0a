"""First lines of reports, each with the same stack behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from tests.unit.log.examples import LOGS
from tests.unit.log.headlines import HEADLINES

from rustbed.log.formats.row import Row
from rustbed.log.formats.table import ROWS
from rustbed.log.headline import may_hold_splat
from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, find_splats

_STACK = """
Call Trace:
 dump_stack+0x10/0x20
 toy_go+0x1/0x20
 vfs_write+0x4e/0xe0
 do_syscall_64+0x82/0x170
---[ end trace 0000000000000000 ]---
"""


@pytest.mark.parametrize(("line", "kind", "title"), HEADLINES)
def test_first_line_tells_kind_and_title(line: str, kind: Kind, title: str) -> None:
    assert [(splat.kind, splat.title) for splat in find_splats(parse_console(line + _STACK))] == [
        (kind, title)
    ]


@pytest.mark.parametrize(
    "line",
    [
        # how many reports were left out; what is already told by the line above; what is no failure
        "BUG: Bad page state: 7 messages suppressed",
        "INFO: task toy:7 is blocked on a mutex likely owned by task toy:8.",
        "INFO: Stall ended before state dump start",
        "INFO: lockdep is turned off.",
        "WARNING: missing firmware at the usual place",
        "toy toy0: waiting for key to become free",
        # words of a person or of a program, which name neither a line nor an offset
        "kernel BUG at boot, said the manual",
        "WARNING: at this point nothing is lost",
    ],
)
def test_line_that_begins_no_report(line: str) -> None:
    assert find_splats(parse_console(line)) == ()


# -- no row without an example ---------------------------------------------------

TEXTS = [*(line for line, _, _ in HEADLINES), *(record.text for log in LOGS.values() for record in log)]


def lines_of(row: Row, rows: Iterable[Row], texts: Iterable[str]) -> list[str]:
    """Return the texts that a row is the first to match."""
    return [text for text in texts if next((one for one in rows if re.match(one.pattern, text)), None) is row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}-{row.pattern[:40]}")
def test_every_format_has_an_example_that_a_large_log_is_searched_for(row: Row) -> None:
    examples = lines_of(row, ROWS, TEXTS)
    assert examples, "no line of tests/unit/log/splats and of HEADLINES is of this format"
    for example in examples:
        assert may_hold_splat(example)
        assert any(literal in example for literal in row.literals)


def test_a_format_whose_lines_a_wider_one_takes_has_no_example() -> None:
    kasan = next(row for row in ROWS if row.kind is Kind.KASAN)
    any_bug = ROWS[-1]
    line = "BUG: KASAN: use-after-free in toy_go+0x1/0x20"
    assert lines_of(kasan, (kasan, any_bug), [line]) == [line]
    assert lines_of(kasan, (any_bug, kasan), [line]) == []
