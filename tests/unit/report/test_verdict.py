from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustbed.log.record import Record, parse_console
from rustbed.log.splat import Kind, Splat, find_splats
from rustbed.log.symbolize import Blame
from rustbed.report.verdict import (
    Expectation,
    MachineReport,
    Outcome,
    Verdict,
    judge,
    render_failure,
)

WARNING = Splat(
    kind=Kind.WARNING, title="WARNING in toy_probe", function="toy_probe", fatal=False, first=2, last=3
)
OOPS = Splat(
    kind=Kind.OOPS,
    title="general protection fault in toy_read",
    function="toy_read",
    fatal=True,
    first=4,
    last=5,
)
RECORDS = tuple(
    Record(seq=number, level=6, facility=0, time_us=1_000_000 + number, text=f"line {number}")
    for number in range(30)
)
ALIVE = MachineReport(
    arch="arm64",
    release="7.3.4",
    accel="tcg",
    boot_ms=1234.5,
    records=RECORDS,
    splats=(),
    taints=(),
    ended=None,
    reason="",
    run_dir=Path("/results/latest/test_toy-arm64"),
)
CRASHED = replace(ALIVE, splats=(OOPS,), ended=Outcome.CRASH, reason="the kernel panicked")
ANY_WARNING = Expectation(pattern="^WARNING", kind=Kind.WARNING)
ANY_OOPS = Expectation(pattern="toy_read")


def passed(*machines: MachineReport, expected: tuple[Expectation, ...] = ()) -> Verdict:
    return judge(Outcome.PASS, "", machines, expected)


# -- what passes -------------------------------------------------------------


def test_quiet_machine_passes() -> None:
    assert passed(ALIVE) == Verdict(outcome=Outcome.PASS, reason="")


def test_test_without_a_machine_passes() -> None:
    assert passed() == Verdict(outcome=Outcome.PASS, reason="")


@pytest.mark.parametrize("outcome", Outcome)
def test_quiet_machine_leaves_the_word_to_the_test(outcome: Outcome) -> None:
    assert judge(outcome, "why", [ALIVE], []) == Verdict(outcome=outcome, reason="why")


def test_declared_splat_passes() -> None:
    assert passed(replace(ALIVE, splats=(WARNING,)), expected=(ANY_WARNING,)).outcome is Outcome.PASS


def test_declaration_covers_every_splat_it_describes() -> None:
    machine = replace(ALIVE, splats=(WARNING, replace(WARNING, first=7, last=9)))
    assert passed(machine, expected=(ANY_WARNING,)).outcome is Outcome.PASS


def test_declared_death_makes_a_crash_acceptable() -> None:
    assert passed(CRASHED, expected=(ANY_OOPS,)).outcome is Outcome.PASS


# -- splats ------------------------------------------------------------------


def test_undeclared_splat_fails_a_passing_test() -> None:
    verdict = passed(replace(ALIVE, splats=(WARNING,)))
    assert verdict == Verdict(outcome=Outcome.FAIL, reason="WARNING in toy_probe", splats=(WARNING,))


@pytest.mark.parametrize("outcome", [Outcome.SKIP, Outcome.XFAIL, Outcome.ERROR])
def test_undeclared_splat_fails_whatever_the_test_says(outcome: Outcome) -> None:
    assert judge(outcome, "why", [replace(ALIVE, splats=(WARNING,))], []).outcome is Outcome.FAIL


def test_undeclared_fatal_splat_is_a_crash() -> None:
    assert passed(CRASHED).outcome is Outcome.CRASH
    assert passed(CRASHED).reason == "general protection fault in toy_read"


def test_failure_of_the_test_on_a_machine_that_died_is_no_news() -> None:
    verdict = judge(Outcome.FAIL, "CrashError: panic", [CRASHED], [])
    assert verdict.reason == "general protection fault in toy_read"


def test_further_splats_are_counted() -> None:
    further = tuple(replace(WARNING, title=f"WARNING in toy_{number}") for number in range(3))
    verdict = passed(replace(CRASHED, splats=(OOPS, *further)))
    assert verdict.reason == ("general protection fault in toy_read; also WARNING in toy_0 and 2 more")
    assert verdict.splats == (OOPS, *further)


def test_declaration_of_another_kind_does_not_count() -> None:
    machine = replace(ALIVE, splats=(WARNING,))
    verdict = passed(machine, expected=(Expectation(pattern="toy_probe", kind=Kind.OOPS),))
    assert (verdict.outcome, verdict.splats) == (Outcome.FAIL, (WARNING,))


def test_declaration_of_another_title_does_not_count() -> None:
    verdict = passed(replace(ALIVE, splats=(WARNING,)), expected=(Expectation(pattern="toy_remove"),))
    assert (verdict.outcome, verdict.splats) == (Outcome.FAIL, (WARNING,))


def test_splat_of_a_second_machine_fails_too() -> None:
    assert passed(ALIVE, replace(ALIVE, splats=(WARNING,))).outcome is Outcome.FAIL


def test_what_the_kernel_says_stands_before_what_the_test_made_of_it() -> None:
    told = "command failed: exec insmod toy.ko"
    verdict = judge(Outcome.FAIL, told, [replace(ALIVE, splats=(WARNING,))], [])
    assert verdict.reason == "WARNING in toy_probe"


def test_a_splat_is_told_with_its_place_in_the_source() -> None:
    blamed = replace(
        WARNING, title="Rust panic: queue must not be empty", file="drivers/my/h_drop.rs", line=18
    )
    assert (
        passed(replace(ALIVE, splats=(blamed,))).reason == "Rust panic: queue must not be empty, h_drop.rs:18"
    )


@pytest.mark.parametrize("what", ["kernel log flood: 100001 records", "kernel log overrun: 7 records lost"])
@pytest.mark.parametrize("declared", [None, WARNING, replace(OOPS, fatal=False)])
def test_log_that_is_not_whole_fails_whatever_was_declared(what: str, declared: Splat | None) -> None:
    damage = Splat(kind=Kind.FLOOD, title=what, function="", fatal=False, first=0, last=-1)
    machine = replace(ALIVE, splats=(declared, damage) if declared else (damage,))
    verdict = passed(machine, expected=(Expectation(pattern=declared.title),) if declared else ())
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, what)


@pytest.mark.parametrize("kind", [Kind.SLAB_CORRUPTION, Kind.KASAN, Kind.REFCOUNT, Kind.BAD_PAGE])
def test_corruption_after_a_declared_oops_is_no_consequence(kind: Kind) -> None:
    corrupt = Splat(kind=kind, title="corrupt", function="", fatal=False, first=7, last=8)
    verdict = passed(replace(ALIVE, splats=(replace(OOPS, fatal=False), corrupt)), expected=(ANY_OOPS,))
    assert (verdict.outcome, verdict.splats) == (Outcome.FAIL, (corrupt,))


@pytest.mark.parametrize("taint", ["machine check", "bad page", "soft lockup"])
def test_declared_oops_does_not_hide_another_taint(taint: str) -> None:
    machine = replace(ALIVE, splats=(replace(OOPS, fatal=False),), taints=("died", taint))
    verdict = passed(machine, expected=(ANY_OOPS,))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, f"new taint: {taint}")


def test_warnings_after_a_declared_oops_are_its_consequences() -> None:
    oops = replace(OOPS, fatal=False)
    machine = replace(ALIVE, splats=(oops, replace(WARNING, first=7, last=8)), taints=("died", "warned"))
    assert passed(machine, expected=(ANY_OOPS,)).outcome is Outcome.PASS


def test_warnings_before_a_declared_oops_are_not() -> None:
    machine = replace(ALIVE, splats=(WARNING, replace(OOPS, fatal=False)))
    assert passed(machine, expected=(ANY_OOPS,)).splats == (WARNING,)


def test_another_oops_after_a_declared_one_is_not() -> None:
    oops = replace(OOPS, fatal=False)
    other = replace(oops, title="divide error in toy_write", first=7, last=8)
    machine = replace(ALIVE, splats=(oops, other))
    assert passed(machine, expected=(ANY_OOPS,)).splats == (other,)


def test_a_slab_that_is_given_up_is_no_news() -> None:
    corrupt = replace(WARNING, kind=Kind.SLAB_CORRUPTION, title="slab: Poison overwritten in toy_forget")
    told = "BUG kmalloc-32: Slab disabled since SLUB metadata consistency check failed in kfree"
    given_up = replace(corrupt, title=told)
    machine = replace(ALIVE, splats=(corrupt, given_up, given_up))
    assert passed(machine).splats == (corrupt,)
    assert passed(machine, expected=(Expectation(pattern="Poison"),)).outcome is Outcome.PASS
    assert passed(replace(ALIVE, splats=(given_up,))).outcome is Outcome.FAIL


def test_warnings_after_a_declared_warning_count() -> None:
    other = replace(WARNING, title="WARNING in toy_remove", first=7, last=8)
    machine = replace(ALIVE, splats=(WARNING, other))
    assert passed(machine, expected=(Expectation(pattern="toy_probe"),)).splats == (other,)


def test_death_is_told_by_its_splat_even_if_the_test_noticed_it() -> None:
    verdict = judge(Outcome.CRASH, "the command does not return", [CRASHED], [])
    assert verdict.reason == "general protection fault in toy_read"


# -- declared and missing ----------------------------------------------------


def test_declared_splat_that_does_not_come_fails() -> None:
    verdict = passed(ALIVE, expected=(ANY_WARNING,))
    assert verdict == Verdict(
        outcome=Outcome.FAIL,
        reason="declared splat did not come: /^WARNING/ (warning)",
        missing=(ANY_WARNING,),
    )


def test_declared_splat_that_did_not_come_is_named_but_does_not_hide_a_failure() -> None:
    verdict = judge(Outcome.FAIL, "assert 1 == 2", [ALIVE], [ANY_WARNING])
    assert verdict == Verdict(outcome=Outcome.FAIL, reason="assert 1 == 2", missing=(ANY_WARNING,))


def test_skipped_test_need_not_show_its_splat() -> None:
    assert judge(Outcome.SKIP, "no such device", [], [ANY_WARNING]).outcome is Outcome.SKIP


# -- machines that end early -------------------------------------------------


@pytest.mark.parametrize("ended", [Outcome.CRASH, Outcome.HANG, Outcome.LOST])
def test_machine_that_ended_early_decides(ended: Outcome) -> None:
    machine = replace(ALIVE, ended=ended, reason="nothing moved for 15 s")
    assert passed(machine) == Verdict(outcome=ended, reason="nothing moved for 15 s")


def test_machine_that_ended_early_without_a_reason_gets_one() -> None:
    assert passed(replace(ALIVE, ended=Outcome.LOST)).reason == "the machine ended early: lost"


@pytest.mark.parametrize("ended", [Outcome.HANG, Outcome.LOST])
def test_machine_gone_after_a_fatal_splat_has_crashed(ended: Outcome) -> None:
    assert passed(replace(CRASHED, ended=ended)).outcome is Outcome.CRASH
    assert passed(replace(CRASHED, ended=ended), expected=(ANY_OOPS,)).outcome is Outcome.PASS


def test_crash_without_its_splat_is_not_covered_by_the_declaration() -> None:
    verdict = passed(replace(ALIVE, ended=Outcome.CRASH, reason="the kernel panicked"), expected=(ANY_OOPS,))
    assert verdict.outcome is Outcome.CRASH


def test_crash_with_a_declared_warning_is_still_a_crash() -> None:
    machine = replace(ALIVE, splats=(WARNING,), ended=Outcome.CRASH, reason="the kernel panicked")
    assert passed(machine, expected=(ANY_WARNING,)).outcome is Outcome.CRASH


def test_second_undeclared_death_is_a_crash() -> None:
    machine = replace(CRASHED, splats=(OOPS, replace(OOPS, title="kernel panic: other")))
    assert passed(machine, expected=(ANY_OOPS,)).outcome is Outcome.CRASH


def test_death_of_another_machine_is_not_covered() -> None:
    other = replace(ALIVE, ended=Outcome.CRASH, reason="the kernel panicked")
    assert passed(CRASHED, other, expected=(ANY_OOPS,)).outcome is Outcome.CRASH


@pytest.mark.parametrize("ended", [Outcome.HANG, Outcome.LOST])
def test_hang_may_be_the_expected_failure(ended: Outcome) -> None:
    machine = replace(ALIVE, ended=ended, reason="nothing moved for 15 s")
    assert judge(Outcome.XFAIL, "known", [machine], []) == Verdict(outcome=Outcome.XFAIL, reason="known")


def test_crash_or_splat_is_not_the_expected_failure() -> None:
    machine = replace(ALIVE, ended=Outcome.CRASH, reason="the kernel panicked")
    assert judge(Outcome.XFAIL, "known", [machine], []).outcome is Outcome.CRASH
    hung = replace(ALIVE, ended=Outcome.HANG, reason="nothing moved for 15 s", splats=(WARNING,))
    assert judge(Outcome.XFAIL, "known", [hung], []).outcome is Outcome.FAIL


def test_declared_splat_may_be_the_expected_failure() -> None:
    verdict = judge(Outcome.XFAIL, "known", [replace(ALIVE, splats=(WARNING,))], [ANY_WARNING])
    assert verdict.outcome is Outcome.XFAIL


# -- taints ------------------------------------------------------------------


def test_new_taint_that_nothing_in_the_log_explains_fails() -> None:
    verdict = passed(replace(ALIVE, taints=("warned",)))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "new taint: warned")


def test_new_taint_can_be_declared() -> None:
    machine = replace(ALIVE, taints=("warned",))
    assert passed(machine, expected=(Expectation(pattern="warned", kind=Kind.TAINT),)).outcome is Outcome.PASS


def test_taint_is_explained_by_the_declared_splat() -> None:
    machine = replace(ALIVE, splats=(WARNING,), taints=("warned",))
    assert passed(machine, expected=(ANY_WARNING,)).outcome is Outcome.PASS


def test_warning_does_not_explain_that_the_kernel_died() -> None:
    machine = replace(ALIVE, splats=(WARNING,), taints=("warned", "died"))
    assert passed(machine, expected=(ANY_WARNING,)).reason == "new taint: died"


@pytest.mark.parametrize("taint", ["machine check", "bad page", "soft lockup"])
def test_declared_warning_does_not_hide_another_taint(taint: str) -> None:
    machine = replace(ALIVE, splats=(WARNING,), taints=("warned", taint))
    verdict = passed(machine, expected=(ANY_WARNING,))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, f"new taint: {taint}")


# -- order -------------------------------------------------------------------

MACHINES = st.builds(
    lambda splats, ended: replace(ALIVE, splats=splats, ended=ended, reason="why"),
    st.lists(st.sampled_from([WARNING, OOPS]), max_size=3).map(tuple),
    st.sampled_from([None, Outcome.CRASH, Outcome.HANG, Outcome.LOST]),
)


@given(st.sampled_from(list(Outcome)), st.lists(MACHINES, max_size=3))
def test_verdict_is_never_milder_than_what_the_test_or_a_machine_says(
    outcome: Outcome, machines: list[MachineReport]
) -> None:
    order = list(Outcome)
    said = [outcome, *(machine.ended for machine in machines if machine.ended and not machine.splats)]
    if outcome is Outcome.XFAIL:
        # may be what is expected
        said = [each for each in said if each not in (Outcome.HANG, Outcome.LOST)]
    verdict = judge(outcome, "why", machines, [])
    assert order.index(verdict.outcome) <= min(map(order.index, said))
    assert "\n" not in verdict.reason


@given(MACHINES, st.sampled_from([ANY_OOPS, ANY_WARNING]))
def test_pass_means_that_nothing_undeclared_happened(machine: MachineReport, wanted: Expectation) -> None:
    if passed(machine, expected=(wanted,)).outcome is Outcome.PASS:
        assert wanted.matches(machine.splats[0])
        assert all(wanted.matches(splat) for splat in machine.splats if splat.fatal)


def test_outcomes_are_in_the_order_of_their_gravity() -> None:
    assert list(Outcome)[:6] == [
        Outcome.CRASH, Outcome.HANG, Outcome.LOST, Outcome.FAIL, Outcome.ERROR, Outcome.PASS,
    ]  # fmt: skip


# -- the failure text --------------------------------------------------------


def test_failure_shows_the_splat_and_what_led_to_it() -> None:
    machine = replace(ALIVE, splats=(replace(WARNING, first=10, last=12),))
    assert render_failure(passed(machine), machine) == (
        "FAIL: arm64 (tcg): WARNING in toy_probe\n"
        "  splat    [    1.000006] line 6\n"
        "           [    1.000007] line 7\n"
        "           [    1.000008] line 8\n"
        "           [    1.000009] line 9\n"
        "           [    1.000010] line 10\n"
        "           [    1.000011] line 11\n"
        "           [    1.000012] line 12\n"
        "  kernel   7.3.4\n"
        "  console  /results/latest/test_toy-arm64/console.log\n"
        "  repeat   sh /results/latest/test_toy-arm64/run.sh"
    )


REGISTERS = """\
RIP: 0010:toy_probe+0x1/0x2 [toy]
RSP: 0018:ffffc9000012fb10 EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffff888003a1c000 RCX: 0000000000000000
R10: 0000000000000000 R11: 0000000000000000 R12: 0000000000000001
CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
CR2: 0000000000000008 CR3: 0000000003b2c000 CR4: 00000000000006b0
DR0: 0000000000000000 DR1: 0000000000000000 DR2: 0000000000000000
Code: 00 00 00 00 0f 0b
pc : toy_probe+0x1c/0x30 [toy]
lr : toy_probe+0x18/0x30 [toy]
sp : ffff800080023a10
x29: ffff800080023a10 x28: 0000000000000000 x27: 0000000000000000
pstate: 60000005 (nZCv daif -PAN -UAO -TCO -DIT -SSBS BTYPE=--)
epc : toy_probe+0x1c/0x30 [toy]
 ra : toy_probe+0x18/0x30 [toy]
 gp : ffffffff81a6e1c0 tp : ff60000001a30000 t0 : 0000000000000000
 a0 : 0000000000000000 a1 : 0000000000000000 a2 : 0000000000000000
status: 0000000200000120 badaddr: 0000000000000008 cause: 000000000000000d
Call Trace:
 <TASK>
 do_one_initcall+0x5a/0x310
 s3c_probe: 00000000
 ? toy_probe+0x5/0x30
 what? never
Resource: 12345678""".splitlines()


def test_registers_and_doubtful_frames_are_counted_and_not_shown() -> None:
    records = tuple(replace(RECORDS[0], text=text) for text in REGISTERS)
    machine = replace(ALIVE, records=records, splats=(replace(WARNING, first=0, last=len(records) - 1),))
    text = render_failure(passed(machine), machine)
    kept = [line for line in REGISTERS if line in text]
    assert kept == [REGISTERS[number] for number in (0, 8, 9, 13, 14, 18, 19, 20, 21, 23, 24)]
    assert "... 14 records of registers and doubtful frames, in console.log\n" in text


def test_failure_without_a_splat_shows_the_last_records() -> None:
    machine = replace(ALIVE, ended=Outcome.HANG, reason="nothing moved for 15 s")
    text = render_failure(passed(machine), machine)
    assert text.startswith("HANG: arm64 (tcg): nothing moved for 15 s\n")
    assert text.count(" line ") == 15
    assert "  last records  [    1.000015] line 15\n" in text
    assert "  machine       nothing moved for 15 s\n" in text


def test_failure_shows_only_what_was_undeclared() -> None:
    declared, other = (
        replace(WARNING, first=5, last=6),
        replace(WARNING, title="WARNING in other", first=20, last=21),
    )
    machine = replace(ALIVE, splats=(declared, other))
    text = render_failure(passed(machine, expected=(Expectation(pattern="toy_probe"),)), machine)
    assert "line 21" in text
    assert "line 6\n" not in text


def test_failure_names_what_did_not_come() -> None:
    text = render_failure(passed(ALIVE, expected=(ANY_WARNING,)), ALIVE)
    assert "  missing       /^WARNING/ (warning)\n" in text


def test_failure_of_a_machine_that_said_nothing_says_so() -> None:
    machine = replace(ALIVE, release="", records=(), ended=Outcome.LOST, reason="QEMU is gone")
    assert "  last records  none\n" in render_failure(passed(machine), machine)


def test_long_splat_is_cut_in_its_middle() -> None:
    records = tuple(replace(RECORDS[0], text=f"frame {number}") for number in range(500))
    machine = replace(ALIVE, records=records, splats=(replace(OOPS, first=100, last=400),))
    text = render_failure(passed(machine), machine)
    assert "... 241 records, all of them in console.log" in text
    assert "frame 96\n" in text
    assert "frame 400\n" in text
    assert text.count("frame ") == 64


def test_what_a_kernel_log_shows_is_what_the_verdict_says() -> None:
    records = parse_console(
        "[    1.000000] toy: probing\n"
        "[    1.000001] ------------[ cut here ]------------\n"
        "[    1.000002] WARNING: drivers/toy/toy_core.c:88 at toy_probe+0x2f/0x90 [toy], CPU#1: insmod/74\n"
        "[    1.000003] ---[ end trace 0000000000000000 ]---\n"
    )
    machine = replace(ALIVE, records=records, splats=find_splats(records))
    verdict = passed(machine)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, "WARNING in toy_probe")
    assert "---[ end trace" in render_failure(verdict, machine)


# -- what debug information adds ---------------------------------------------


def test_failure_shows_what_is_blamed_before_the_splat() -> None:
    blame = Blame(function="toy::probe", file="toy.rs", line=2, source=((1, "fn probe()"), (2, "    fail()")))
    shown = (*RECORDS[:2], replace(RECORDS[2], text="toy::probe+0x1/0x2  toy.rs:2"), *RECORDS[3:])
    machine = replace(
        ALIVE,
        splats=(
            WARNING,
            replace(WARNING, first=7, last=9, title="WARNING in other", file="a/other.c", line=9),
        ),
        annotated=shown,
        blames={WARNING: blame},
        notes=("vmlinux: no file with debug information",),
    )
    text = render_failure(passed(machine), machine)
    assert (
        "  blamed   toy.rs:2 in toy::probe\n"
        "             1 | fn probe()\n"
        "           > 2 |     fail()\n"
        "  splat    " in text
    )
    assert "toy::probe+0x1/0x2  toy.rs:2" in text
    assert "  symbols  vmlinux: no file with debug information\n" in text
    assert "  further  WARNING in other, other.c:9\n" in text


def test_a_hang_is_told_with_its_kind_and_where_in_the_driver() -> None:
    stuck = Blame(function="toy::wait", file="drivers/toy.rs", line=2, source=((2, "    loop {}"),))
    machine = replace(
        ALIVE, ended=Outcome.HANG, reason="no answer within 60 s", hang="one task busy", stuck=stuck
    )
    verdict = judge(Outcome.HANG, "no answer within 60 s", [machine], [])
    assert verdict.reason == "one task busy: stuck in toy::wait, toy.rs:2"
    assert render_failure(verdict, machine).startswith(
        "HANG: arm64 (tcg): one task busy: stuck in toy::wait, toy.rs:2\n"
        "  stuck in      drivers/toy.rs:2 in toy::wait\n"
        "                > 2 |     loop {}\n"
        "  machine       no answer within 60 s\n"
        "  hang          /results/latest/test_toy-arm64/hang.log\n"
    )
