"""What one log of one phenomenon is read as, and what is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.log.examples import ALSO_BLAMED, BOOTS, DAMAGE, HERE, LOGS, WANTED, essence

from rustbed.log.record import parse_console, parse_kmsg
from rustbed.log.splat import Kind, Splat, find_splats
from rustbed.log.taints import new_taints

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
        Kind.HANG,
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
