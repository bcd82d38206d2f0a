"""Frames, blame and annotation over real reports, with what llvm-symbolizer said of their addresses.

lines/NAME.log is a report of tests/boot/modules/pointed, registers and doubtful frames left out;
lines/NAME.json is what rustbed.symbols.symbolizer made of its frames.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.log.annotate import annotate, render_blame
from rustbed.log.frame import Frame
from rustbed.log.record import Record, parse_console, render_records
from rustbed.log.splat import Splat, find_splats
from rustbed.log.symbolize import (
    Blame,
    Build,
    Located,
    Place,
    Symbols,
    find_build,
    find_frames,
    refine,
)

LINES = Path(__file__).parent / "lines"
NAMES = sorted(path.stem for path in LINES.glob("*.log"))
ARCHES = sorted({name.partition("-")[0] for name in NAMES})
MODULE = Path(__file__).parents[2] / "boot/modules/pointed/pointed.rs"


def marked(name: str) -> int:
    """Return the number of the line that a comment of the module names."""
    (number,) = [
        number
        for number, line in enumerate(MODULE.read_text().splitlines(), start=1)
        if line.endswith(f"// line: {name}")
    ]
    return number


def load(name: str) -> tuple[Splat, tuple[Record, ...], Symbols]:
    records = parse_console((LINES / f"{name}.log").read_text())
    told = {row["at"]: row for row in json.loads((LINES / f"{name}.json").read_text())}
    found = {
        frame: Located(
            symbol=row["symbol"],
            offset=row["offset"],
            places=tuple(
                Place(function=function, file=file, line=line) for function, file, line in row["places"]
            ),
        )
        for frame in find_frames(records)
        if (row := told.get(f"{frame.symbol}+{frame.offset:#x}/{frame.size:#x}"))
    }
    assert len(found) == len(told)
    (splat,) = find_splats(records)
    return splat, records, Symbols(found=found)


def frames(*lines: str) -> list[Frame]:
    return list(find_frames(parse_console("\n".join(lines))))


def point(symbol: str, offset: int, size: int, *, module: str = "", returns: bool = True) -> Frame:
    return Frame(symbol=symbol, offset=offset, size=size, module=module, returns=returns)


# -- frames ------------------------------------------------------------------------


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


# -- blame -------------------------------------------------------------------------

BLAMED = {
    "null": "pointed::peek",
    "refuse": "pointed::refuse",
    "drop": "<pointed::Pointed as core::ops::drop::Drop>::drop",
    "warn": "pointed::warn",
}
# comments of the lines
MARKS = {"null": "peek"}


@pytest.mark.parametrize("name", NAMES)
def test_report_points_at_its_line(name: str) -> None:
    _, _, what = name.partition("-")
    splat, records, symbols = load(name)
    known, blame = refine(splat, records, symbols)
    assert blame is not None
    assert (blame.function, blame.file, blame.line) == (
        BLAMED[what],
        "pointed.rs",
        marked(MARKS.get(what, what)),
    )
    assert (known.function, known.file, known.line) == (blame.function, blame.file, blame.line)
    assert known.title.endswith(f" in {BLAMED[what]}")
    assert (known.kind, known.first, known.last) == (splat.kind, splat.first, splat.last)


def test_every_architecture_is_recorded() -> None:
    assert [f"{arch}-{what}" for arch in ARCHES for what in sorted(BLAMED)] == NAMES


@pytest.mark.parametrize("row", ARCHES)
def test_without_debug_information_the_message_tells_the_line_of_a_rust_panic(row: str) -> None:
    splat, records, _ = load(f"{row}-refuse")
    known, blame = refine(splat, records, Symbols())
    assert (known.file, known.line, known.function) == ("pointed.rs", marked("refuse"), splat.function)
    assert known.title == splat.title
    assert blame == Blame(function=splat.function, file="pointed.rs", line=marked("refuse"))


@pytest.mark.parametrize("row", ARCHES)
def test_without_debug_information_an_oops_has_no_line(row: str) -> None:
    splat, records, _ = load(f"{row}-null")
    assert refine(splat, records, Symbols()) == (splat, None)


def located(function: str, *places: tuple[str, str, int]) -> Located:
    return Located(
        symbol=function,
        offset=1,
        places=tuple(Place(function=name, file=file, line=line) for name, file, line in places),
    )


def only(text: str) -> tuple[Splat, tuple[Record, ...]]:
    records = parse_console(text)
    (splat,) = find_splats(records)
    return splat, records


def test_warning_of_plumbing_points_at_who_called_it() -> None:
    splat, records = only(
        "WARNING: lib/refcount.c:28 at refcount_warn_saturate+0xba/0x110, CPU#0: sh/1\n"
        "RIP: 0010:refcount_warn_saturate+0xba/0x110\n"
        "Call Trace:\n"
        " toy_put+0x20/0x30 [toy]\n"
    )
    warned = point("refcount_warn_saturate", 0xBA, 0x110, returns=False)
    found = {
        warned: located("refcount_warn_saturate", ("refcount_warn_saturate", "lib/refcount.c", 28)),
        point("toy_put", 0x20, 0x30, module="toy"): located(
            "toy_put", ("refcount_dec", "include/linux/refcount.h", 400), ("toy_put", "drivers/toy.c", 7)
        ),
    }
    known, _ = refine(splat, records, Symbols(found=found))
    assert (known.function, known.file, known.line) == ("toy_put", "drivers/toy.c", 7)


def test_panic_inside_of_the_library_points_at_the_driver() -> None:
    splat, records = only(
        "rust_kernel: panicked at /rust/library/core/src/slice/index.rs:10:5:\n"
        "index out of range\n"
        "Call trace:\n"
        " _RNvNtCs1_4core5slice5index+0x10/0x20\n"
        " _RNvCs1_3toy5probe+0x10/0x20 [toy]\n"
    )
    probe = point("_RNvCs1_3toy5probe", 0x10, 0x20, module="toy")
    found = {probe: located("_RNvCs1_3toy5probe", ("toy::probe", "toy.rs", 12))}
    known, _ = refine(splat, records, Symbols(found=found))
    assert (known.title, known.file, known.line) == ("index out of range in toy::probe", "toy.rs", 12)


def test_loop_is_where_the_function_has_it_whatever_is_inlined_there() -> None:
    splat, records = only(
        "watchdog: BUG: soft lockup - CPU#0 stuck for 6s! [sh:62]\n"
        "RIP: 0010:toy_wait+0x15/0x20 [toy]\n"
        "Call Trace:\n"
        " do_syscall_64+0x72/0x1e0\n"
    )
    loop = point("toy_wait", 0x15, 0x20, module="toy", returns=False)
    found = {loop: located("toy_wait", ("toy_clock", "toy.c", 3), ("toy_wait", "toy.c", 9))}
    known, _ = refine(splat, records, Symbols(found=found))
    assert known.title == "BUG: soft lockup in toy_wait"
    assert (known.function, known.file, known.line) == ("toy_wait", "toy.c", 9)


def test_code_of_a_module_that_is_gone_is_blamed() -> None:
    splat, records = only(
        "BUG: unable to handle page fault for address: ffffffffc0201010\n"
        "RIP: 0010:0xffffffffc0201010\n"
        "Call Trace:\n"
        " __hrtimer_run_queues+0x10/0x20\n"
    )
    gone = point("", 0xFFFFFFFFC0201010, 0, returns=False)
    found = {gone: located("_RNvCs1_3toy4ring", ("toy::ring", "toy.rs", 30))}
    assert splat.function == "__hrtimer_run_queues"
    known, _ = refine(splat, records, Symbols(found=found))
    assert known.title == "BUG: unable to handle kernel paging request in toy::ring"
    assert (known.function, known.file, known.line) == ("toy::ring", "toy.rs", 30)


# -- rendering ---------------------------------------------------------------------


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


def refined(text: str) -> Splat:
    records = parse_console(text)
    (found,) = find_splats(records)
    return refine(found, records, Symbols())[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("WARNING: CPU: 0 PID: 7 at drivers/toy/a.c:12 toy_open+0x1/0x20 [toy]", ("drivers/toy/a.c", 12)),
        ("WARNING: drivers/toy/a.c:12 at toy_open+0x1/0x20 [toy], CPU#0: toy/7", ("drivers/toy/a.c", 12)),
        ("kernel BUG at drivers/toy/a.c:12!\nRIP: 0010:toy_open+0x1/0x20 [toy]", ("drivers/toy/a.c", 12)),
        (
            "UBSAN: array-index-out-of-bounds in drivers/toy/a.c:12:7\nindex 8 is out of range\nCall Trace:\n"
            " toy_open+0x1/0x20 [toy]",
            ("drivers/toy/a.c", 12),
        ),
        # the line is of a service, or of what everybody includes
        (
            "kernel BUG at lib/list_debug.c:12!\nRIP: 0010:__list_del_entry_valid+0x1/0x20\nCall Trace:\n"
            " toy_open+0x1/0x20 [toy]",
            (None, None),
        ),
        ("kernel BUG at include/linux/mm.h:12!\nRIP: 0010:toy_open+0x1/0x20 [toy]", (None, None)),
        # before 6.7, in one line and in several
        ("rust_kernel: panicked at 'gone', toy/a.rs:12:7\nCall Trace:\n toy_open+0x1/0x20", ("toy/a.rs", 12)),
        (
            "rust_kernel: panicked at 'assertion failed: `(left == right)`\n  left: `1`,\n right: `2`: odd',"
            " toy/a.rs:12:7\nCall Trace:\n toy_open+0x1/0x20",
            ("toy/a.rs", 12),
        ),
    ],
)
def test_place_that_a_headline_names_is_told_without_debug_information(
    text: str, place: tuple[str | None, int | None]
) -> None:
    found = refined(text)
    assert (found.function, found.file, found.line) == ("toy_open", *place)
