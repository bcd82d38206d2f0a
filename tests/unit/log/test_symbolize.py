"""Where real reports point at, with debug information and without."""

from __future__ import annotations

import pytest
from tests.unit.log.examples import LOGS, UNWRAP, refined
from tests.unit.log.reported import NAMES, load, located, marked, only, point

from rustbed.arch import ARCHES
from rustbed.log.splat import find_splats
from rustbed.log.symbolize import Blame, Place, Symbols, refine

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
    assert sorted(f"{arch}-{what}" for arch in ARCHES for what in BLAMED) == NAMES


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


def test_where_each_line_names_two_functions_the_place_is_in_the_second() -> None:
    """As arm prints it; and what a call that never returns would return to is the next function there too."""
    splat, records = only(
        "kernel BUG at rust/helpers/bug.c:7!\n"
        "Internal error: Oops - BUG: 0 [#1] SMP ARM\n"
        "PC is at rust_helper_BUG+0x4/0x8\n"
        "Call trace:\n"
        " rust_helper_BUG from toy_next+0x0/0x30 [toy]\n"
        " toy_next [toy] from toy_open+0x10/0x20 [toy]\n"
    )
    found = {
        point("toy_next", 0, 0x30, module="toy"): located("toy_refuse", ("toy_refuse", "drivers/toy.c", 7)),
        point("toy_open", 0x10, 0x20, module="toy"): located("toy_open", ("toy_open", "drivers/toy.c", 9)),
    }
    known, _ = refine(splat, records, Symbols(found=found))
    assert (known.function, known.file, known.line) == ("toy_refuse", "drivers/toy.c", 7)


@pytest.mark.parametrize(
    ("mangled", "blamed"),
    [
        # <u64 as core::fmt::Display>::fmt is the language's, the other is the driver's
        ("_RNvXsj_NtNtNtCs1_4core3fmt3num3impyNtB9_7Display3fmt", "toy::show"),
        (
            "_RNvXCs2_3toyNtB2_3ToyNtNtNtCs1_4core3ops4drop4Drop4drop",
            "<toy::Toy as core::ops::drop::Drop>::drop",
        ),
    ],
)
def test_what_the_language_does_with_its_own_types_is_not_at_fault(mangled: str, blamed: str) -> None:
    """As where arm has no division of 64-bit numbers, and printing one traps."""
    splat, _ = only(
        "Internal error: Oops - undefined instruction: 0 [#1] SMP ARM\n"
        "PC is at __rust__adddf3+0x8/0xc\n"
        "Call trace:\n"
        f" __rust__adddf3 from {mangled}+0x68/0x1b0\n"
        f" {mangled} from _RNvCs2_3toy4show+0x68/0x1b0\n"
    )
    assert splat.function == blamed


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


def test_code_of_a_module_that_is_gone_is_blamed_at_its_beginning_too() -> None:
    # on s390 the trace begins with where the processor stopped, and its lines end with a space
    records = LOGS["timer_after_unload_s390"]
    (splat,) = find_splats(records)
    gone = point("", 0x3FF60000060, 0, returns=False)
    found = {gone: located("_RNvCs1_3toy4ring", ("toy::ring", "toy.rs", 30))}
    known, _ = refine(splat, records, Symbols(found=found))
    assert (known.function, known.file, known.line) == ("toy::ring", "toy.rs", 30)


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


_KERNEL = """\
BUG: unable to handle page fault for address: ffffc90000000000
Oops: 0000 [#1] SMP
RIP: 0010:{inner}+0x1/0x20
Call Trace:
 {outer}+0x2/0x20
 vfs_write+0x4e/0xe0
"""


@pytest.mark.parametrize(
    ("inner", "file", "blamed"),
    [
        # no table has the name, the kernel at hand says that it is of a library
        ("frobnicate", "lib/frobnicate.c", "toy_store"),
        ("frobnicate", "drivers/toy/frobnicate.c", "frobnicate"),
        # the table and a family have it among those that serve; here a driver has a function of this name
        ("sha256_update", "drivers/toy/toy.c", "sha256_update"),
        ("kmalloc_toy", "drivers/toy/toy.c", "kmalloc_toy"),
        ("kmalloc_toy", "kernel/toy.c", "toy_store"),
        # a path that does not begin at the kernel's root says nothing
        ("sha256_update", "/home/me/toy.c", "toy_store"),
    ],
)
def test_file_that_the_kernel_at_hand_tells_decides_before_the_table(
    inner: str, file: str, blamed: str
) -> None:
    splat, records = only(_KERNEL.format(inner=inner, outer="toy_store"))
    found = {point(inner, 1, 0x20, returns=False): located(inner, (inner, file, 3))}
    assert refine(splat, records, Symbols(found=found))[0].function == blamed


def test_file_of_a_loadable_module_is_not_asked() -> None:
    splat, records = only(
        _KERNEL.format(inner="toy_sort", outer="toy_store").replace("0x20\nC", "0x20 [toy]\nC")
    )
    sort = point("toy_sort", 1, 0x20, module="toy", returns=False)
    found = {sort: located("toy_sort", ("toy_sort", "lib/toy.c", 3))}
    assert refine(splat, records, Symbols(found=found))[0].function == "toy_sort"


def test_panic_that_no_frame_shows_is_in_the_function_of_its_line() -> None:
    records = LOGS["rust_panic_loongarch"]
    (splat,) = find_splats(records)
    place = Place(function="toy_rust::start", file="drivers/toy/toy_rust.rs", line=27)
    known, blame = refine(splat, records, Symbols(panicked=place))
    assert (known.title, known.function) == (f"{UNWRAP} in toy_rust::start", "toy_rust::start")
    assert blame == Blame(function="toy_rust::start", file="drivers/toy/toy_rust.rs", line=27)
