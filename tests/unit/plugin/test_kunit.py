"""What becomes of a test that is about one case of a suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from tests.unit.report.test_cases import Report

from rustbed.arch import ARCHES
from rustbed.errors import CrashError, MachineError, SuiteError
from rustbed.log.ktap import Outcome, Result
from rustbed.plugin.kunit import Case, Heard, judge
from rustbed.report.cases import case_of


@dataclass
class Item:
    """What a test is told by."""

    user_properties: list[tuple[str, object]] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)

    def add_report_section(self, when: str, key: str, content: str) -> None:
        self.sections.append(f"{when} {key}: {content}")


def suite(*children: Result, outcome: Outcome = Outcome.PASS) -> Result:
    return Result(name="s", outcome=outcome, children=children)


def result(name: str, outcome: Outcome = Outcome.PASS, reason: str = "") -> Result:
    return Result(name=name, outcome=outcome, reason=reason, source="rust/s.rs:9")


def ending(
    reported: Result,
    name: str,
    *listed: str,
    is_first: bool = False,
    died: MachineError | None = None,
) -> tuple[str, list[str]]:
    """Return how a test ended, and the cases that it left."""
    item = Item()
    heard = Heard(result=reported, died=died, directory=Path("run"))
    case = Case(suite="s", name=name, listed=listed)
    try:
        judge(cast(pytest.Item, item), ARCHES["arm64"], case, heard, is_first=is_first)
    except pytest.skip.Exception as skipped:
        end = f"skip: {skipped}"
    except (SuiteError, CrashError) as error:
        end = error.headline
    else:
        end = "pass"
    assert item.sections == ["call kunit: s ran in run"]
    left = case_of(Report(user_properties=item.user_properties)).children
    return end, [f"{each.classname}.{each.label} {each.outcome}" for each in left]


def test_a_test_ends_as_its_case_does_whatever_the_others_did() -> None:
    reported = suite(result("a"), result("b", Outcome.FAIL), outcome=Outcome.FAIL)
    assert ending(reported, "a", "a", "b") == ("pass", ["s.a[arm64] pass"])
    assert ending(reported, "a", "a", "b", is_first=True) == ("pass", ["s.a[arm64] pass"])
    assert ending(reported, "b", "a", "b") == ("s: b: fail", ["s.b[arm64] fail"])


def test_a_case_that_was_skipped_and_one_that_is_not_there_are_skipped() -> None:
    reported = suite(result("a", Outcome.SKIP, "no page"))
    assert ending(reported, "a", "a", "b") == ("skip: no page", ["s.a[arm64] skip"])
    assert ending(reported, "b", "a", "b") == ("skip: s of this kernel has no b", [])


def test_what_no_test_is_for_belongs_to_the_first() -> None:
    reported = suite(result("a"), result("made", Outcome.FAIL), outcome=Outcome.FAIL)
    assert ending(reported, "a", "a") == ("pass", ["s.a[arm64] pass"])
    end = ("s: made: fail", ["s.a[arm64] pass", "s.made[arm64] fail"])
    assert ending(reported, "a", "a", is_first=True) == end
    # the source is not here: the suite is one test
    assert ending(reported, "", is_first=True) == end


def test_a_suite_that_is_red_without_a_red_case_turns_the_first_test_red() -> None:
    reported = suite(result("a"), outcome=Outcome.FAIL)
    assert ending(reported, "a", "a") == ("pass", ["s.a[arm64] pass"])
    assert ending(reported, "a", "a", is_first=True)[0] == "s: s: fail"


def test_a_machine_that_died_is_the_first_tests_and_the_others_lost_their_results() -> None:
    lost = result("test 2", Outcome.LOST)
    reported = suite(result("a"), lost, outcome=Outcome.LOST)
    died = CrashError("the kernel panicked")
    assert ending(reported, "a", "a", "b", is_first=True, died=died) == (
        "the kernel panicked",
        ["s.a[arm64] pass"],
    )
    assert ending(reported, "a", "a", "b", died=died) == ("pass", ["s.a[arm64] pass"])
    assert ending(reported, "b", "a", "b", died=died) == ("s: b: lost", ["s.b[arm64] lost"])
