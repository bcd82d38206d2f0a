"""Tables of lines: rows from what LLVM prints, and lines from what ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.symbols.linetable import LineTable, Row, count_lines, parse_rows

DUMP = """
debug_line[0x00000000]
Address            Line   Column File   ISA Discriminator OpIndex Flags
------------------ ------ ------ ------ --- ------------- ------- -------------
0x0000000000010000     18      0      1   0             0       0  is_stmt
0x0000000000010004     19      9      1   0             0       0  is_stmt prologue_end
0x0000000000010004     20      9      1   0             0       0
0x0000000000010029     21      6      1   0             0       0  is_stmt epilogue_begin
0x0000000000010030     21      6      1   0             0       0  is_stmt end_sequence
0x0000000000020000      7      1      1   0             0       0  is_stmt
0x000000000002002d      7      1      1   0             0       0  is_stmt end_sequence
"""
CALLER, COPY = ("toy.rs", 1), ("toy.rs", 10)


def row(
    begin: int, *lines: int, function: tuple[str, int] = CALLER, inlined: tuple[str, int] | None = None
) -> Row:
    return Row(
        section=".text",
        begin=begin,
        end=begin + 4,
        lines=frozenset(("toy.rs", line) for line in lines),
        function=function,
        inlined=frozenset([inlined] if inlined else []),
    )


def table(*rows: Row) -> LineTable:
    return LineTable(rows=rows, sources={"toy.rs": Path("/toy.rs")})


def counted(runs: list[tuple[LineTable, list[tuple[int, int]]]]) -> dict[int, int]:
    counts = count_lines((each, {".text": ranges}) for each, ranges in runs)
    return {line: count for (_, line), count in counts.items()}


def test_row_ends_where_the_next_one_begins_and_a_sequence_has_no_next() -> None:
    assert parse_rows(DUMP) == [
        (0x10000, 0x10004),
        (0x10004, 0x10029),
        (0x10029, 0x10030),
        (0x20000, 0x2002D),
    ]


@pytest.mark.parametrize(
    ("ranges", "ran"),
    [
        ([], False),
        ([(0, 8)], False),
        ([(0, 9)], True),
        ([(9, 10)], True),
        ([(11, 40)], True),
        ([(12, 40)], False),
        ([(0, 2), (10, 11), (30, 40)], True),
        ([(0, 2), (30, 40)], False),
    ],
)
def test_row_ran_if_any_of_its_code_did(ranges: list[tuple[int, int]], ran: bool) -> None:
    assert row(8, 1).ran({".text": ranges}) is ran
    assert row(8, 1).ran({".init.text": ranges}) is False


def test_line_counts_the_machines_in_which_some_of_its_code_ran() -> None:
    toy = table(row(0, 1), row(4, 2), row(8, 1), row(12, 3))
    assert counted([(toy, [(0, 4), (8, 12)]), (toy, [(8, 16)])]) == {1: 2, 2: 0, 3: 1}


def test_line_that_calls_ran_with_what_is_inlined_there() -> None:
    assert counted([(table(row(0, 1, 10, inlined=COPY)), [(0, 4)])]) == {1: 1, 10: 1}


def test_copy_that_is_never_called_has_no_lines_where_the_function_ran_inlined() -> None:
    toy = table(row(0, 1, 10, inlined=COPY), row(4, 10, function=COPY), row(8, 11, function=COPY))
    assert counted([(toy, [(0, 4)])]) == {1: 1, 10: 1}
    # but where it did not run at all, or the copy did, its lines are all there
    assert counted([(toy, [])]) == {1: 0, 10: 0, 11: 0}
    assert counted([(toy, [(0, 8)])]) == {1: 1, 10: 1, 11: 0}


def test_copy_that_one_machine_never_called_counts_where_another_did() -> None:
    toy = table(row(0, 1, 10, inlined=COPY), row(4, 10, function=COPY), row(8, 11, function=COPY))
    assert counted([(toy, [(0, 4)]), (toy, [(4, 8)])]) == {1: 1, 10: 2, 11: 0}
