"""Which lines of a large log are read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.unit.log.examples import read_blocks

from rustbed.log.record import parse_console
from rustbed.log.sieve import Sieve, read_telling
from rustbed.log.splat import Kind, Reader, find_splats

REPORT = """\
[    9.000000] ------------[ cut here ]------------
[    9.000001] WARNING: CPU: 0 PID: 1 at drivers/toy.c:7 toy_poll+0x1/0x20
[    9.000002] Call Trace:
[    9.000003]  toy_read+0x1/0x20
[    9.000004] ---[ end trace 0000000000000000 ]---
"""


def dull(count: int, start: int = 0) -> str:
    return "".join(f"[    1.{start + number:06d}] toy {number}: link is up\n" for number in range(count))


def test_lines_with_a_word_of_a_headline_tell_something() -> None:
    sieve = Sieve()
    assert sieve.telling(dull(3) + REPORT) == [4]
    assert sieve.telling(dull(3, 500)) == []
    # known words beside new ones
    assert sieve.telling(f"{dull(2)}another line\n{REPORT}{dull(2)}") == [4]


def test_words_are_not_remembered_without_limit() -> None:
    sieve = Sieve()
    for number in range(50_000):
        sieve.telling("".join(chr(97 + int(digit)) for digit in str(number)))
    assert len(sieve._dull) < 5000
    assert sieve.telling(REPORT) == [1]


@pytest.mark.parametrize("between", [0, 1, 7, 8, 9, 40, 47, 48, 49, 100, 700])
@pytest.mark.parametrize("size", [200, 16_384])
def test_what_is_left_out_changes_nothing(between: int, size: int) -> None:
    text = "".join(dull(between, number) + REPORT for number in range(5)) + dull(between)
    assert read_blocks(_blocks(text, size)) == find_splats(parse_console(text))


def test_lines_are_not_looked_through_for_reports_while_one_is_read() -> None:
    sieve = Sieve()
    reader = Reader()
    lines = (REPORT * 20).split("\n")
    reader.read("\n".join(lines[:2]), 0)
    found, left = read_telling(reader, sieve, "\n".join(lines[2:]), 2)
    assert (len(found) + len(reader.finish()), left) == (20, 0)
    # nothing was: a report is followed by another
    assert sieve._dull == set()


def test_more_lines_are_parsed_together_while_report_follows_report() -> None:
    sieve, reader = Sieve(), Reader()
    few = sieve.together
    read_telling(reader, sieve, REPORT * 20, 0)
    assert sieve.together > few
    read_telling(reader, sieve, dull(1000) + REPORT + dull(9), 100)
    assert sieve.together == few


def test_restart_that_was_announced_long_before_is_expected() -> None:
    end = "[    8.000000] reboot: Restarting system\n"
    banner = "[    0.000000] Linux version 7.3.4 (me@here) (gcc) #1 SMP\n"
    text = banner + dull(300) + "{end}" + "firmware says this\n" * 900 + banner + dull(300)
    assert read_blocks(_blocks(text.format(end=end), 4096)) == ()
    (found,) = read_blocks(_blocks(text.format(end=""), 4096))
    assert found.kind is Kind.REBOOT


def _blocks(text: str, size: int) -> Sequence[str]:
    lines = text.splitlines(keepends=True)
    step = max(1, size // 40)
    return ["".join(lines[at : at + step]) for at in range(0, len(lines), step)]


def test_lines_are_found_that_another_check_finds() -> None:
    asked: list[str] = []

    def is_of_toy(lines: str) -> bool:
        asked.append(lines)
        return " toy " in lines

    sieve = Sieve(is_of_toy)
    text = "[    1.000000] all is well\n[    1.000001] toy 7\n"
    assert (sieve.telling(text), sieve.telling(text.replace("7", "9"))) == ([1], [1])
    # numbers do not count, and only what was found is looked at again
    assert sum("well" in lines for lines in asked) == 2
