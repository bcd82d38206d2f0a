"""Machines that crash, hang or are lost before the test is over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.report.machines import ALIVE, ANY_OOPS, ANY_WARNING, CRASHED, OOPS, WARNING, passed

from rustbed.report.verdict import Outcome, Verdict, judge


@pytest.mark.parametrize("ended", [Outcome.CRASH, Outcome.HANG, Outcome.LOST])
def test_machine_that_ended_early_decides(ended: Outcome) -> None:
    machine = replace(ALIVE, ended=ended, reason="nothing moved for 15 s")
    assert passed(machine) == Verdict(outcome=ended, reason="nothing moved for 15 s")


def test_machine_that_ended_early_without_a_reason_gets_one() -> None:
    assert passed(replace(ALIVE, ended=Outcome.LOST)).reason == "the machine ended early: lost"


# ended by the host, which quotes what it saw then: before debug information was asked
DEAD_TASK = replace(
    ALIVE,
    splats=(WARNING, replace(OOPS, fatal=False)),
    ended=Outcome.CRASH,
    reason="a task of the kernel died: general protection fault in pci_device_probe",
)


def test_machine_that_was_ended_for_a_dead_task_tells_the_cause_once_as_the_splat_has_it() -> None:
    verdict = judge(Outcome.CRASH, DEAD_TASK.reason, [DEAD_TASK], [])
    assert (verdict.outcome, verdict.splats) == (Outcome.CRASH, DEAD_TASK.splats)
    assert verdict.reason == "general protection fault in toy_read; also WARNING in toy_probe"


def test_declared_death_of_a_task_does_not_make_the_end_of_its_machine_acceptable() -> None:
    verdict = passed(DEAD_TASK, expected=(ANY_OOPS,))
    assert verdict.outcome is Outcome.CRASH
    assert verdict.reason == f"{DEAD_TASK.reason}; also WARNING in toy_probe"


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


def test_the_death_of_a_task_is_named_before_the_hang_that_follows_from_it() -> None:
    death = replace(OOPS, fatal=False)
    machine = replace(ALIVE, splats=(WARNING, death), ended=Outcome.HANG, reason="rmmod does not return")
    verdict = passed(machine)
    assert (verdict.outcome, verdict.reason) == (
        Outcome.HANG,
        "general protection fault in toy_read; also rmmod does not return and 1 more",
    )
    # a warning is no death
    warned = passed(replace(machine, splats=(WARNING,)))
    assert warned.reason == "rmmod does not return; also WARNING in toy_probe"
