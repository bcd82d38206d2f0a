"""What a test's result and the splats of its machines make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.machines import ALIVE, ANY_OOPS, ANY_WARNING, CRASHED, OOPS, WARNING, passed

from rustbed.log.splat import Kind, Splat
from rustbed.report.verdict import Expectation, MachineReport, Outcome, Verdict, judge

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
