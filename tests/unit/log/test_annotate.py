"""Frames as they are shown: places, inlined functions, the lines around what is blamed."""

from __future__ import annotations

import re

from tests.unit.log.reported import load, located, marked, point

from rustbed.log.annotate import annotate, render_blame
from rustbed.log.record import parse_console, render_records
from rustbed.log.registers import without_state
from rustbed.log.symbolize import Blame, Symbols, find_frames


def test_frames_are_shown_with_places_inlined_functions_and_the_boundary() -> None:
    _, records, symbols = load("x86_64-drop")
    shown = render_records(annotate(records, symbols)).splitlines()
    start = next(number for number, line in enumerate(shown) if "assert_failed::" in line)
    text = [" ".join(re.sub(r"^\[ *\d+\.\d+\] ", "", line).split()) for line in shown[start : start + 7]]
    assert text[0].startswith(
        "core::panicking::assert_failed::<i64, i64>+0x38/0x40 [pointed] library/core/src/"
    )
    drop = f"<pointed::Pointed as core::ops::drop::Drop>::drop (inlined) pointed.rs:{marked('drop')}"
    assert text[1] == drop
    # of the glue between, what is the module's own
    assert text[2].startswith("pointed::__module_init::__module_init::__exit (inlined) pointed.rs:")
    assert text[3].startswith("cleanup_module+0x30/0xe70 [pointed] pointed.rs:")
    assert text[4] == "---- Rust above, C below ----"


def test_boundary_is_shown_across_the_registers_of_a_frame() -> None:
    """As arm prints them, where frame pointers are followed."""
    _, records, symbols = load("arm-drop")
    shown = without_state(annotate(records, symbols))
    (exit_at,) = (n for n, record in enumerate(shown) if "cleanup_module+0x3c" in record.text)
    assert shown[exit_at + 1].text.split("\n")[0] == " ---- Rust above, C below ----"


def test_trace_that_begins_where_the_processor_stopped_is_looked_up_as_that_place() -> None:
    records = parse_console(
        "[    1.000000] pc : toy_read+0x1c/0x64 [toy]\n"
        "[    1.000001] Call trace:\n"
        "[    1.000002]  toy_read+0x1c/0x64 [toy]\n"
    )
    stopped = point("toy_read", 0x1C, 0x64, module="toy", returns=False)
    assert list(find_frames(records)) == [stopped]
    shown = annotate(records, Symbols(found={stopped: located("toy_read", ("toy_read", "toy.rs", 30))}))
    assert [record.text.endswith(" toy.rs:30") for record in shown] == [True, False, True]


def test_annotation_leaves_other_records_alone() -> None:
    _, records, symbols = load("x86_64-drop")
    shown = annotate(records, symbols)
    assert [record.seq for record in shown] == [record.seq for record in records]
    changed = [old.seq for old, new in zip(records, shown, strict=True) if old.text != new.text]
    assert changed == [record.seq for record in records if find_frames([record])]


def test_names_are_readable_without_debug_information() -> None:
    (record,) = annotate(parse_console(" ? _RNvCs1_3toy5probe+0x10/0x20 [toy]"), Symbols())
    assert record.text == " ? toy::probe+0x10/0x20 [toy]"


def test_blame_shows_the_lines_around_it() -> None:
    blame = Blame(
        function="toy::probe",
        file="toy.rs",
        line=10,
        source=((9, "fn probe() {"), (10, "    fail()"), (11, "}")),
    )
    assert render_blame(blame) == (
        "toy.rs:10 in toy::probe\n   9 | fn probe() {\n> 10 |     fail()\n  11 | }"
    )
    assert render_blame(Blame(function="f", file="toy.c", line=3)) == "toy.c:3 in f"
