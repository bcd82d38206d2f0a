from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.log.record import Record, parse_console, parse_kmsg
from harness.log.splat import Kind, Reader, Splat, find_splats, new_taints

HERE = Path(__file__).parent
# one short log per phenomenon, of drivers nobody has
LOGS = {path.stem: parse_console(path.read_text()) for path in sorted((HERE / "splats").glob("*.log"))}
# what our own machines say from the first line to a driver's load and unload
BOOTS = {path.stem: parse_console(path.read_text()) for path in sorted((HERE / "boots").glob("*.log"))}

# the same without the first words of a kernel, which tell of a reboot where one has run already
LATER = {
    arch: tuple(record for record in boot if "Linux version" not in record.text)
    for arch, boot in BOOTS.items()
}

NULL = "BUG: unable to handle kernel NULL pointer dereference"
PAGING = "BUG: unable to handle kernel paging request"
UNWRAP = "called `Option::unwrap()` on a `None` value"
BOUNDS = "index out of bounds: the len is 4 but the index is 4"
IOCTL = "<toy_rust::Toy as kernel::miscdevice::MiscDevice>::ioctl"
START = "<toy_rust::device::Device>::start"
NO_ROOT = "kernel panic: VFS: Unable to mount root fs on unknown-block(0,0)"
DUPLICATE = "sysfs: duplicate filename /bus/toy/devices/toy.0"

# log: kind, title without the function, function, fatal, span
WANTED: dict[str, tuple[Kind, str, str, bool, tuple[int, int]]] = {
    "atomic_sleep": (
        Kind.ATOMIC_SLEEP, "BUG: sleeping function called from invalid context", "toy_irq_then_sleep",
        False, (0, 9),
    ),
    "bad_page": (Kind.BAD_PAGE, "BUG: Bad page state", "toy_put_page", False, (0, 8)),
    "bug_arm64": (Kind.BUG, "kernel BUG", "toy_submit", False, (0, 9)),
    "bug_riscv": (Kind.BUG, "kernel BUG", "toy_submit", False, (0, 6)),
    "debug_objects": (Kind.DEBUG_OBJECTS, "WARNING: ODEBUG bug", "toy_exit", False, (0, 8)),
    "dentry_in_use": (
        Kind.BUG_REPORT, "BUG: Dentry still in use [unmount of toyfs toy0]", "", False, (0, 12),
    ),
    "divide_old_x86": (Kind.OOPS, "divide error", "toy_average", False, (0, 5)),
    "duplicate_name": (Kind.DUPLICATE_NAME, DUPLICATE, "", False, (0, 6)),
    "external_abort_arm": (Kind.OOPS, "Unhandled fault", "toy_reset", False, (0, 4)),
    "general_protection_x86": (Kind.OOPS, "general protection fault", "toy_unlink", False, (0, 5)),
    "hard_lockup": (Kind.HARD_LOCKUP, "hard lockup", "toy_spin", False, (0, 4)),
    "hung_task": (Kind.HUNG_TASK, "INFO: task hung", "toy_lock_twice", False, (0, 11)),
    "jump_to_null_x86": (Kind.OOPS, NULL, "toy_ioctl", False, (0, 9)),
    "kasan": (Kind.KASAN, "KASAN: slab-use-after-free Read", "toy_poll", False, (0, 24)),
    "kasan_double_free": (Kind.KASAN, "KASAN: double-free Free", "toy_remove", False, (0, 10)),
    "kasan_in_memcpy": (Kind.KASAN, "KASAN: slab-out-of-bounds Write", "toy_store", False, (0, 8)),
    "kcsan": (Kind.KCSAN, "KCSAN: data-race in toy_count / toy_reset", "", False, (0, 10)),
    "kfence": (Kind.KFENCE, "KFENCE: out-of-bounds read", "toy_parse", False, (0, 10)),
    "kmsan": (Kind.KMSAN, "KMSAN: uninit-value", "toy_hash", False, (0, 6)),
    "kobject_exists": (Kind.DUPLICATE_NAME, "kobject: duplicate name toy.0", "", False, (0, 0)),
    "leak": (Kind.LEAK, "memory leak", "", False, (0, 0)),
    "leak_report": (Kind.LEAK, "memory leak", "toy_forgets", False, (0, 8)),
    "list_add_warns": (Kind.LIST_CORRUPTION, "BUG: corrupted list", "toy_remember", False, (0, 7)),
    "list_del": (Kind.LIST_CORRUPTION, "BUG: corrupted list", "toy_forget", False, (0, 8)),
    "lockdep_circular": (Kind.LOCKDEP, "possible deadlock", "toy_second_then_first", False, (1, 22)),
    "lockdep_key": (
        Kind.LOCKDEP, "INFO: trying to register non-static key", "toy_early", False, (0, 10),
    ),
    "lockdep_rcu": (Kind.LOCKDEP, "WARNING: suspicious RCU usage", "toy_walk", False, (0, 13)),
    "null_arm": (Kind.OOPS, NULL, "toy_read", False, (0, 14)),
    "null_riscv": (Kind.OOPS, NULL, "toy_read", True, (0, 16)),
    "null_s390": (Kind.OOPS, PAGING, "toy_read", True, (0, 14)),
    "null_x86": (Kind.OOPS, NULL, "toy_read", True, (0, 24)),
    "out_of_memory": (Kind.OUT_OF_MEMORY, "out of memory", "", False, (0, 10)),
    "page_allocation": (Kind.OUT_OF_MEMORY, "page allocation failure", "toy_big_buffer", False, (0, 5)),
    "paging_arm64": (Kind.OOPS, PAGING, "toy_write", True, (0, 26)),
    "paging_x86": (Kind.OOPS, PAGING, "toy_release", False, (0, 7)),
    "panic_init_exits": (Kind.PANIC, "kernel panic: Attempted to kill init!", "", True, (1, 3)),
    "panic_no_root": (Kind.PANIC, NO_ROOT, "", True, (1, 6)),
    "panic_sysrq_arm64": (Kind.PANIC, "kernel panic: sysrq triggered crash", "", True, (1, 16)),
    "preemptible": (
        Kind.LOCKDEP, "BUG: using smp_processor_id() in preemptible code", "toy_cpu", False, (0, 5),
    ),
    "rcu_stall": (Kind.RCU_STALL, "INFO: rcu detected stall", "toy_spin", False, (0, 10)),
    "refcount": (Kind.REFCOUNT, "WARNING: refcount bug", "toy_put", False, (0, 8)),
    "refcount_message_behind": (Kind.REFCOUNT, "WARNING: refcount bug", "toy_get", False, (0, 8)),
    "rust_panic_arm64": (Kind.RUST_PANIC, BOUNDS, IOCTL, False, (0, 14)),
    "rust_panic_torn": (
        Kind.RUST_PANIC, "panicked at drivers/toy/toy_rust.rs:75:9", "", False, (0, 7),
    ),
    "rust_panic_x86": (Kind.RUST_PANIC, UNWRAP, START, True, (1, 21)),
    "scheduling_atomic": (Kind.ATOMIC_SLEEP, "BUG: scheduling while atomic", "toy_wait", False, (0, 7)),
    "slub": (
        Kind.SLAB_CORRUPTION, "BUG kmalloc-64: Poison overwritten", "toy_scribble", False, (0, 7),
    ),
    "soft_lockup": (Kind.SOFT_LOCKUP, "BUG: soft lockup", "toy_spin", True, (0, 6)),
    "spinlock_magic": (Kind.LOCKDEP, "BUG: spinlock bad magic", "toy_init", False, (0, 5)),
    "stack_overflow_arm64": (Kind.STACK_OVERFLOW, "kernel stack overflow", "toy_recurse", True, (0, 8)),
    "stack_overflow_x86": (Kind.STACK_OVERFLOW, "kernel stack overflow", "toy_recurse", True, (0, 8)),
    "ubsan": (Kind.UBSAN, "UBSAN: shift-out-of-bounds", "toy_mask", False, (0, 8)),
    "usercopy": (Kind.BUG, "BUG: bad usercopy", "toy_read", False, (0, 9)),
    "warning_in_plumbing": (Kind.WARNING, "WARNING", "__switch_to", False, (0, 11)),
    "warning_message": (Kind.WARNING, "WARNING", "toy_remove", False, (0, 8)),
    "warning_panics": (Kind.WARNING, "WARNING", "toy_probe", True, (0, 12)),
    "warning_x86": (Kind.WARNING, "WARNING", "toy_probe", False, (1, 16)),
    "workqueue_lockup": (Kind.WORKQUEUE_LOCKUP, "BUG: workqueue lockup", "", False, (0, 2)),
}  # fmt: skip

# what is not whole
DAMAGE = {
    "external_abort_arm": "its stack trace is missing",
    "rust_panic_torn": "its stack trace ends before the function to blame",
    "stack_overflow_arm64": "its stack trace is missing",
}

# not what the title is about, but worth knowing
ALSO_BLAMED = {
    "dentry_in_use": "umount_check",
    "duplicate_name": "toy_add_device",
    "kcsan": "toy_count",
    "out_of_memory": "out_of_memory",
    "panic_no_root": "mount_root_generic",
    # the two before it are the functions behind those that called panic() and never went on
    "panic_sysrq_arm64": "__handle_sysrq",
}


def moved(splat: Splat, by: int) -> Splat:
    return replace(splat, first=splat.first + by, last=splat.last + by)


def essence(splat: Splat) -> tuple[Kind, str, str, bool]:
    return splat.kind, splat.title, splat.function, splat.fatal


# -- one log, one splat ------------------------------------------------------


def test_every_log_has_its_expectation_and_the_other_way_round() -> None:
    assert LOGS.keys() == WANTED.keys()


@pytest.mark.parametrize("name", WANTED)
def test_splat_is_named_blamed_and_delimited(name: str) -> None:
    kind, title, function, fatal, (first, last) = WANTED[name]
    wanted = Splat(
        kind=kind,
        title=f"{title} in {function}" if function else title,
        function=function or ALSO_BLAMED.get(name, ""),
        fatal=fatal,
        first=first,
        last=last,
        damage=DAMAGE.get(name, ""),
    )
    assert [replace(splat, task="") for splat in find_splats(LOGS[name])] == [wanted]


def test_every_kind_that_is_in_a_log_has_one() -> None:
    assert {kind for kind, *_ in WANTED.values()} == set(Kind) - {
        Kind.TAINT,
        Kind.FLOOD,
        Kind.SILENCE,
        Kind.REBOOT,
    }


def test_rust_panic_message_comes_with_the_record_from_kmsg() -> None:
    stream = (
        rb"0,1,100,-;rust_kernel: panicked at drivers/toy/toy.rs:9:5:\x0aassertion `left == right` failed"
        rb"\x0a  left: 1\x0a right: 2" + b"\n4,2,101,-;------------[ cut here ]------------\n"
        b"2,3,102,-;kernel BUG at rust/helpers/bug.c:7!\n0,4,103,-;Internal error: Oops - BUG: 0 [#1]  SMP\n"
    )
    records, _ = parse_kmsg(stream)
    assert [(s.title, s.first, s.last) for s in find_splats(records)] == [
        ("assertion `left == right` failed", 0, 3)
    ]


def test_rust_name_is_the_same_whatever_the_crate_hashes() -> None:
    text = (HERE / "splats/rust_panic_x86.log").read_text()
    other = text.replace("Cs6T0sO5GTPWi_", "CsfF00bAr12345_").replace("Cs7uMWrq7opsy_", "Cs1_")
    assert other != text
    assert essence(find_splats(parse_console(other))[0]) == essence(find_splats(LOGS["rust_panic_x86"])[0])


def test_panic_that_a_report_did_not_lead_to_is_its_own_splat() -> None:
    records = (*LOGS["warning_x86"], *LOGS["panic_no_root"])
    assert [(s.kind, s.fatal) for s in find_splats(records)] == [
        (Kind.WARNING, False),
        (Kind.PANIC, True),
    ]


def test_panic_because_init_oopsed_belongs_to_the_oops() -> None:
    records = (*LOGS["paging_x86"], *LOGS["panic_init_exits"])
    assert [(s.kind, s.fatal) for s in find_splats(records)] == [(Kind.OOPS, True)]


def test_user_space_cannot_forge_a_splat() -> None:
    records, _ = parse_kmsg(b"8,1,100,-;kernel BUG at a.c:1!\n0,2,101,-;kernel BUG at b.c:1!\n")
    assert [(s.kind, s.first) for s in find_splats(records)] == [(Kind.BUG, 1)]


# -- ordinary logs -----------------------------------------------------------


@pytest.mark.parametrize("origin", BOOTS)
def test_ordinary_boot_has_no_splat(origin: str) -> None:
    assert len(BOOTS[origin]) > 100
    assert find_splats(BOOTS[origin]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Kernel command line: console=ttyS0 panic=-1 oops=panic panic_on_warn=1",
        "warning: process `toyd' used the deprecated sysctl system call with 1.2.",
        "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible",
        "WARNING: polling idle and HT enabled, performance may degrade",
        "[Firmware Bug]: TSC doesn't count with P0 frequency!",
        "ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.TOY]",
        "kmemleak: Kernel memory leak detector initialized (mem pool available: 15639)",
        "ODEBUG: selftest passed",
        "kasan: KernelAddressSanitizer initialized",
        "Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar",
        "INFO: lockdep is turned off.",
        "watchdog: Delayed init of the lockup detector failed: -19",
        "rcu: Hierarchical RCU implementation.",
        "rust_print: Emergency message (level 0) without args",
        "toyd[77]: segfault at 8 ip 000000000040101a sp 00007ffd1a2b3c40 error 4 in toyd[101a,401000+1000]",
        "traps: toyd[77] general protection fault ip:40101a sp:7ffd1a2b3c40 error:0 in toyd[401000+1000]",
        "toy: loading out-of-tree module taints kernel.",
        "toy: probe of 0000:00:03.0 failed with error -12",
        "toy: BUG: is only a word here",
        "calling  toy_init+0x0/0x40 [toy] @ 77",
        "======================================================================",
        "------------[ cut here ]------------",
        "Call Trace:",
        "",
    ],
)
def test_harmless_line_is_no_splat(text: str) -> None:
    assert find_splats(parse_console(f"[    1.000000] {text}\n")) == ()


# -- taints ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (0, 0, ()),
        (0, 1 << 9, ("warned",)),
        (1 << 9, 1 << 9 | 1 << 7, ("died",)),
        (0, 1 << 4 | 1 << 5 | 1 << 14, ("machine check", "bad page", "soft lockup")),
        # proprietary, forced, staging, out of tree, unsigned, live patch, test
        (0, 1 << 0 | 1 << 1 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 15 | 1 << 18, ()),
        (1 << 7, 0, ()),
    ],
)
def test_taints_that_tell_of_a_failure(before: int, after: int, names: tuple[str, ...]) -> None:
    assert new_taints(before, after) == names


# -- properties --------------------------------------------------------------

LINES = st.sampled_from([record for records in LOGS.values() for record in records])
SHUFFLED = st.lists(LINES, max_size=80).map(tuple)
# logs that begin or end anywhere, one behind the other
PIECES = st.builds(
    lambda records, start, length: records[start : start + length],
    st.sampled_from(list(LOGS.values())),
    st.integers(0, 10),
    st.integers(0, 30),
)
TORN = st.lists(PIECES, max_size=5).map(lambda pieces: tuple(record for piece in pieces for record in piece))
GIBBERISH = st.builds(
    "".join,
    st.lists(
        st.one_of(
            st.text(max_size=8),
            st.sampled_from(
                (
                    *("BUG: ", "WARNING: ", "Oops", " [#1]", "KASAN: ", " in ", "+0x1/0x2", "RIP: 0010:"),
                    *("rust_kernel: panicked at ", "Kernel panic - not syncing: ", "_RNvC3toy1a", "]", "\n"),
                )
            ),
        ),
        max_size=8,
    ),
)


@given(st.lists(GIBBERISH, max_size=20))
def test_no_text_makes_it_raise(texts: list[str]) -> None:
    records = tuple(Record(seq=0, level=0, facility=0, time_us=0, text=text) for text in texts)
    assert len(find_splats(records)) <= len(records)


@given(st.one_of(SHUFFLED, TORN))
def test_spans_are_in_order_and_do_not_overlap(records: tuple[Record, ...]) -> None:
    end = -1
    for splat in find_splats(records):
        assert end < splat.first <= splat.last < len(records)
        end = splat.last


@given(st.one_of(SHUFFLED, TORN))
def test_span_of_a_splat_reads_as_the_same_splat(records: tuple[Record, ...]) -> None:
    for splat in find_splats(records):
        alone = find_splats(records[splat.first : splat.last + 1])
        assert alone == (moved(splat, -splat.first),)


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("origin", BOOTS)
def test_ordinary_lines_before_change_nothing(name: str, origin: str) -> None:
    boot = BOOTS[origin]
    found = find_splats((*boot, *LOGS[name]))
    assert found == tuple(moved(splat, len(boot)) for splat in find_splats(LOGS[name]))


@pytest.mark.parametrize("name", WANTED)
def test_ordinary_lines_behind_do_not_change_what_it_is(name: str) -> None:
    found = find_splats((*LOGS[name], *LATER["x86_64"]))
    assert [essence(splat) for splat in found] == [essence(splat) for splat in find_splats(LOGS[name])]


@pytest.mark.parametrize("name", WANTED)
def test_log_that_ends_early_still_has_the_splat(name: str) -> None:
    kind, title, _, _, (_, last) = WANTED[name]
    for length in range(last + 1):
        found = find_splats(LOGS[name][:length])
        assert len(found) <= 1
        if length > last // 2 + 1:
            # a Rust panic stays one, whatever follows is cut off
            assert [splat.kind for splat in found] == [kind]
            assert found[0].title.startswith(title.partition(" in ")[0].split(" Read")[0][:12])


def test_two_reports_are_two_splats_whichever_they_are() -> None:
    between = LATER["arm64"][:50]
    for one, first in LOGS.items():
        for other, second in LOGS.items():
            found = find_splats((*first, *between, *second))
            assert [splat.kind for splat in found] == [WANTED[one][0], WANTED[other][0]], (one, other)


@pytest.mark.parametrize("name", WANTED)
def test_other_tasks_lines_in_between_do_not_split_it(name: str) -> None:
    noise = parse_console("[    1.000000] audit: type=1400 audit(1.000:1): avc: granted\n")[0]
    torn = tuple(record for original in LOGS[name] for record in (original, noise))
    assert [splat.kind for splat in find_splats(torn)] == [WANTED[name][0]]


def test_long_lines_do_not_stall_it() -> None:
    hostile = ["1.1." + "1" * 50_000, "WARNING: [" + "] " * 20_000, "Oops " * 20_000 + "[#1]", "\t" * 50_000]
    hostile += ["rust_kernel: panicked at " + ":" * 50_000, "BUG: KFENCE: " + "a " * 30_000]
    records = tuple(Record(seq=0, level=0, facility=0, time_us=0, text=text) for text in hostile * 3)
    assert {splat.kind for splat in find_splats(records)} == {Kind.RUST_PANIC, Kind.KFENCE}


# -- who prints ----------------------------------------------------------------


def spoken(records: Iterable[Record], caller: str) -> list[Record]:
    return [replace(record, caller=caller) for record in records]


def interleaved(first: Sequence[Record], second: Sequence[Record], turns: Sequence[int]) -> list[Record]:
    """Take records by turns, so many from one and so many from the other, and what is left at the end."""
    queues, mixed = [list(first), list(second)], []
    for turn, length in enumerate(turns):
        queue = queues[turn % 2]
        mixed += queue[:length]
        del queue[:length]
    return [*mixed, *queues[0], *queues[1]]


# a hung task and a stall are told of by several callers at once
ALONE = [name for name, (kind, *_) in WANTED.items() if kind not in {
    Kind.HUNG_TASK, Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.WORKQUEUE_LOCKUP, Kind.KCSAN,
}]  # fmt: skip
# what a machine dies of ends the other report too
SURVIVED = [name for name in ALONE if not WANTED[name][3]]


@given(st.sampled_from(SURVIVED), st.sampled_from(SURVIVED), st.lists(st.integers(1, 6), max_size=12))
def test_reports_of_two_callers_are_read_apart(one: str, other: str, turns: list[int]) -> None:
    mixed = interleaved(spoken(LOGS[one], "T17"), spoken(LOGS[other], "C1"), turns)
    wanted = [*find_splats(LOGS[one]), *find_splats(LOGS[other])]
    found = find_splats(mixed)
    assert sorted(map(essence, found)) == sorted(map(essence, wanted))
    assert sorted(splat.damage for splat in found) == sorted(splat.damage for splat in wanted)


@given(st.sampled_from(SURVIVED), st.sampled_from(SURVIVED), st.lists(st.integers(1, 6), max_size=12))
def test_span_reads_as_the_same_splat_though_another_caller_printed_in_between(
    one: str, other: str, turns: list[int]
) -> None:
    mixed = interleaved(spoken(LOGS[one], "T17"), spoken(LOGS[other], "C1"), turns)
    for splat in find_splats(mixed):
        alone = find_splats(mixed[splat.first : splat.last + 1])
        assert moved(splat, -splat.first) in alone


def test_caller_comes_from_the_console() -> None:
    text = (
        "[    1.000000][   T17] BUG: KASAN: slab-out-of-bounds in toy_one+0x1/0x2\n"
        "[    1.000001][    C1] WARNING: a.c:1 at toy_two+0x1/0x2, CPU#1: sh/9\n"
        "[    1.000002][   T17] Write of size 8 at addr ffff888103a4b010 by task sh/17\n"
        "[    1.000003][    C1] Call Trace:\n"
        "[    1.000004][   T17] Call Trace:\n"
        "[    1.000005][    C1]  toy_irq+0x1/0x2\n"
        "[    1.000006][   T17]  toy_one+0x1/0x2\n"
    )
    assert [(s.title, s.task, s.damage) for s in find_splats(parse_console(text))] == [
        ("KASAN: slab-out-of-bounds Write in toy_one", "sh/17", ""),
        ("WARNING in toy_two", "", ""),
    ]


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("warning_x86", "insmod/74"),
        ("kasan", "sh/92"),
        ("hung_task", "sh/108"),
        ("soft_lockup", "sh/107"),
        ("lockdep_circular", "sh/101"),
        ("leak", ""),
    ],
)
def test_task_that_was_running(name: str, task: str) -> None:
    assert find_splats(LOGS[name])[0].task == task


# -- what is not whole -----------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "damage"),
    [
        (["Call Trace:", " toy_a+0x1/0x2"], ""),
        ([], "its stack trace is missing"),
        (["Call Trace:"], "its stack trace is missing"),
        (["Call Trace:", " ? toy_a+0x1/0x2"], "no frame of its stack trace is certain"),
        (["** 20 printk messages dropped **", "Call Trace:", " toy_a+0x1/0x2"], "messages were dropped"),
        (
            ["Call Trace:", " toy_a+0x1/0x2", "Allocated by task 7:", "Memory state around"],
            "a stack trace is announced and does not follow",
        ),
        (["Call Trace:", " toy_a+0x1/0x2", "Freed by task 7:", "(stack is not available)"], ""),
        (
            ["CPU: 0 PID: 7 Comm: sh Not tainted", "CPU: 1 PID: 8 Comm: cat Not tainted", " toy_a+0x1/0x2"],
            "two tasks print at once",
        ),
    ],
)
def test_report_that_is_not_whole_says_why(lines: list[str], damage: str) -> None:
    text = "\n".join(["BUG: KASAN: slab-out-of-bounds in toy_b+0x1/0x2", *lines])
    (found,) = find_splats(parse_console(text))
    assert (found.damage, found.corrupted) == (damage, bool(damage))


# -- a machine that begins again ---------------------------------------------------

AGAIN = "unexpected kernel reboot"


@pytest.mark.parametrize("origin", BOOTS)
def test_kernel_that_begins_anew_is_a_splat(origin: str) -> None:
    found = find_splats((*BOOTS[origin], *BOOTS[origin]))
    assert [(splat.kind, splat.title, splat.fatal) for splat in found] == [(Kind.REBOOT, AGAIN, True)]


@pytest.mark.parametrize("last", ["reboot: Restarting system", "reboot: Power down", "sysrq: Resetting"])
def test_reboot_that_was_asked_for_is_none(last: str) -> None:
    end = parse_console(f"[   99.000000] {last}\n")
    assert find_splats((*BOOTS["arm64"], *end, *BOOTS["arm64"])) == ()


def test_reboot_after_a_panic_is_none() -> None:
    found = find_splats((*LOGS["warning_panics"], *BOOTS["x86_64"]))
    assert [splat.kind for splat in found] == [Kind.WARNING]


# -- any size --------------------------------------------------------------------


@pytest.mark.parametrize("origin", BOOTS)
def test_ten_thousand_ordinary_lines_have_no_splat(origin: str) -> None:
    boot = LATER[origin]
    lines = list(islice(cycle(boot), 10_000))
    assert find_splats(replace(record, seq=n, time_us=n) for n, record in enumerate(lines)) == ()


@given(st.sampled_from(list(BOOTS)), st.randoms(use_true_random=False))
def test_ordinary_lines_torn_and_out_of_order_have_no_splat(origin: str, random: Random) -> None:
    texts = [record.text for record in random.sample(LATER[origin], 80)]
    torn = [text[: random.randrange(len(text) + 1)] for text in texts]
    assert find_splats(parse_console("\n".join(torn))) == ()


@given(st.binary(max_size=3000))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    records = parse_console(data.decode(errors="replace"))
    assert len(find_splats(records)) <= len(records)


def test_records_may_come_from_anything_that_yields_them() -> None:
    assert find_splats(iter(LOGS["kasan"])) == find_splats(LOGS["kasan"])


def test_of_an_endless_report_only_so_much_is_kept() -> None:
    reader = Reader()
    for index in range(20_000):
        text = "kernel BUG at a.c:1!" if index == 0 else f" toy_{index}+0x1/0x2"
        reader.feed(index, Record(seq=index, level=0, facility=0, time_us=0, text=text))
    assert reader.kept <= 2000
    assert [(splat.first, splat.last) for splat in reader.finish()] == [(0, 19_999)]
