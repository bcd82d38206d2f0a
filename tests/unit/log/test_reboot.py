"""A machine that begins again."""

from __future__ import annotations

import pytest
from tests.unit.log.examples import BOOTS, LOGS

from rustbed.log.boots import Boots
from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, find_splats

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


# s390 prints it before the banner, where its clock runs already
KASAN_FIRST = "[    0.955381] KernelAddressSanitizer initialized (generic)\n"


def test_kernel_that_speaks_before_its_banner_began_once() -> None:
    begun = (*parse_console(KASAN_FIRST), *BOOTS["s390x"])
    assert find_splats(begun) == ()
    assert [splat.kind for splat in find_splats((*begun, *begun))] == [Kind.REBOOT]


def test_so_it_did_where_blocks_of_its_log_are_looked_at_apart() -> None:
    boots = Boots()
    boots.pass_over(KASAN_FIRST)
    (banner,) = parse_console("[    0.976908] Linux version 7.3.4 (me@here) #1")
    assert boots.notice(1, banner) is False
    boots.pass_over("[    0.985457] setup: Linux is running under KVM in 64-bit mode\n")
    assert boots.notice(3, banner) is True


@pytest.mark.parametrize("between", ["-- Reboot --", "-- Boot 0123456789abcdef0123456789abcdef --"])
def test_boots_of_a_journal_are_none(between: str) -> None:
    assert find_splats((*BOOTS["arm64"], *parse_console(between), *BOOTS["arm64"])) == ()


@pytest.mark.parametrize("why", ["Oops", "Panic"])
def test_parts_of_pstore_with_the_newest_first_are_of_one_kernel(why: str) -> None:
    *_, begun = BOOTS["arm64"]
    newest = (*parse_console(f"{why}#1 Part1"), begun)
    oldest = (*parse_console(f"{why}#1 Part2"), *BOOTS["arm64"])
    assert find_splats((*newest, *oldest)) == ()


@pytest.mark.parametrize("words", ["Panic#1 of the day", "Oops# Part1", "toy: Oops#1 Part2"])
def test_other_words_with_a_number_end_no_kernel(words: str) -> None:
    found = find_splats((*BOOTS["arm64"], *parse_console(f"[   99.000000] {words}"), *BOOTS["arm64"]))
    assert [splat.kind for splat in found] == [Kind.REBOOT]


EARLY = """\
[    0.000000] Booting Linux on physical CPU 0x0
[    0.000000] Linux version 6.12.3 (me@here) #1
[    0.000000] earlycon: toy0 at MMIO 0x9000000 (options '')
[    0.010000] WARNING: CPU: 0 PID: 0 at drivers/toy.c:7 toy_setup+0x1/0x20
[    0.010000] Call trace:
[    0.010000]  toy_setup+0x1/0x20
[    0.010000]  start_kernel+0x1/0x20
[    0.010000] ---[ end trace 0000000000000000 ]---
"""
HANDOVER = "[    0.500000] printk: legacy console [ttyTOY0] enabled\n"
LATER_ON = "[    0.600000] toy: ready\n"


def test_console_that_prints_again_what_the_early_one_printed_is_no_reboot() -> None:
    found = find_splats(parse_console(EARLY + HANDOVER + EARLY + HANDOVER + LATER_ON))
    assert [(splat.kind, splat.first) for splat in found] == [(Kind.WARNING, 3)]


def test_same_kernel_that_begins_later_is_one() -> None:
    found = find_splats(parse_console(EARLY + HANDOVER + LATER_ON * 9 + EARLY))
    assert [splat.kind for splat in found] == [Kind.WARNING, Kind.REBOOT, Kind.WARNING]


@pytest.mark.parametrize("name", LOGS)
def test_console_that_prints_each_line_twice_has_each_splat_once(name: str) -> None:
    doubled = tuple(record for record in LOGS[name] for _ in range(2))
    assert [(splat.kind, splat.title, splat.last) for splat in find_splats(doubled)] == [
        (splat.kind, splat.title, splat.last * 2 + 1) for splat in find_splats(LOGS[name])
    ]


def test_same_words_at_another_time_are_said_again() -> None:
    line = "[    {}.000000] BUG: workqueue lockup - pool cpus=0 stuck for 30s!\n"
    assert len(find_splats(parse_console(line.format(1) + line.format(2)))) == 2
