"""From addresses that ran in a guest to the code of modules, whatever was at an address before and after."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.guest.modules import Load
from rustbed.instruments.coverage.executed import (
    Executed,
    find_executed,
    merge,
    parse_executed,
    read_record,
    render_executed,
)

TEXT, INIT = 0xFFFFFFFFA0000000, 0xFFFFFFFFA0004000
LOAD = Load(
    name="toy",
    path=Path("/toy.ko"),
    began=10.0,
    ended=11.0,
    sections={".text": range(TEXT, TEXT + 0x100), ".init.text": range(INIT, INIT + 0x20)},
)


def record(*blocks: tuple[int, int, float]) -> bytes:
    return b"".join(struct.pack("=3Q", begin, end, int(at * 1e9)) for begin, end, at in blocks)


def ranges(data: bytes, *loads: Load) -> dict[str, dict[str, list[tuple[int, int]]]]:
    return {name: dict(found) for name, found in find_executed(data, loads).ranges.items()}


def test_code_is_found_in_the_section_that_holds_it() -> None:
    data = record((INIT, INIT + 8, 10.5), (TEXT + 16, TEXT + 20, 12.0), (TEXT - 64, TEXT - 60, 12.0))
    assert ranges(data, LOAD) == {"toy": {".init.text": [(0, 8)], ".text": [(16, 20)]}}


@pytest.mark.parametrize("at", [9.9, 11.1], ids=["before", "behind"])
def test_code_at_the_place_of_what_initialized_is_another_module_s_once_that_is_done(at: float) -> None:
    assert ranges(record((INIT, INIT + 8, at)), LOAD) == {"toy": {}}


def test_code_at_the_place_of_an_unloaded_module_is_not_its() -> None:
    gone = replace(LOAD, until=20.0)
    assert ranges(record((TEXT, TEXT + 4, 19.0), (TEXT + 8, TEXT + 12, 21.0)), gone) == {
        "toy": {".text": [(0, 4)]}
    }


def test_latest_of_two_modules_at_one_place_is_meant() -> None:
    other = replace(LOAD, name="other", began=30.0, ended=31.0)
    data = record((TEXT, TEXT + 4, 12.0), (TEXT + 8, TEXT + 12, 32.0))
    assert ranges(data, LOAD, other) == {"toy": {".text": [(0, 4)]}, "other": {".text": [(8, 12)]}}


def test_nothing_counts_while_a_module_is_refused() -> None:
    refused = Load(name="bad", path=Path("/bad.ko"), began=15.0, ended=16.0)
    found = find_executed(record((TEXT, TEXT + 4, 15.5), (TEXT, TEXT + 2, 17.0)), [LOAD, refused])
    assert (found.ranges, found.lost) == ({"toy": {".text": [(0, 2)]}}, ("bad",))


def test_entry_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "7").write_bytes(record((TEXT, TEXT + 4, 12.0), (TEXT + 8, TEXT + 12, 12.0))[:-1])
    assert ranges(read_record(tmp_path, 7), LOAD) == {"toy": {".text": [(0, 4)]}}


def test_machine_without_a_record_ran_nothing(tmp_path: Path) -> None:
    assert ranges(read_record(tmp_path, 1), LOAD) == {"toy": {}}


def test_ranges_that_overlap_or_touch_become_one() -> None:
    assert merge([(8, 12), (0, 4), (4, 6), (9, 10)]) == [(0, 6), (8, 12)]


def test_list_comes_back_as_it_was_written() -> None:
    executed = Executed(ranges={"toy": {".text": [(0, 4), (8, 12)]}}, lost=("bad",))
    assert parse_executed(render_executed(executed)) == executed


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ranges": 1}', "no JSON"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a list of executed code"):
        parse_executed(text)
