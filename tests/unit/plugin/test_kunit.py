"""What becomes of a test that is about one case of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from tests.unit.report.test_cases import Report

from rustbed.arch import ARCHES
from rustbed.errors import CrashError, MachineError, SuiteError
from rustbed.log.ktap import Outcome, Result
from rustbed.log.splat import Kind, Splat
from rustbed.plugin.kunit import Case, Heard, judge, leave_to_others
from rustbed.report.cases import case_of


@dataclass
class Item:
    """What a test is told by."""

    user_properties: list[tuple[str, object]] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    markers: list[pytest.Mark] = field(default_factory=list)

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [mark for mark in self.markers if mark.name == name]

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
    causes: Mapping[str, tuple[Splat, ...]] | None = None,
    named: tuple[str, ...] = (),
    declared: str | None = None,
) -> tuple[str, list[str]]:
    """Return how a test ended, and the cases that it left."""
    item = Item(markers=[pytest.mark.expect_splat(declared).mark] if declared else [])
    heard = Heard(result=reported, died=died, directory=Path("run"), causes=causes or {}, named=named)
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
    unexplained = suite(result("a", Outcome.SKIP, ""))
    assert ending(unexplained, "a", "a")[0] == "skip: the suite skipped it and gave no reason"
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


def splat(title: str, kind: Kind = Kind.WARNING, *, fatal: bool = False) -> Splat:
    return Splat(kind=kind, title=title, function="f", fatal=fatal, first=0, last=0)


def test_what_the_kernel_reported_while_a_case_ran_is_that_cases() -> None:
    reported = suite(result("a"), result("b"))
    causes = {"b": (splat("WARNING in f"),)}
    # the first one has the machine, whose verdict is by its log
    assert ending(reported, "a", "a", "b", is_first=True, causes=causes)[0] == "pass"
    assert ending(reported, "b", "a", "b", causes=causes)[0] == "s: b: WARNING in f"
    assert ending(reported, "b", "a", "b", is_first=True, causes=causes)[0] == "pass"


def test_what_a_test_declares_has_to_come_while_its_case_runs() -> None:
    reported, causes = suite(result("a"), result("b")), {"b": (splat("WARNING in f"),)}
    assert ending(reported, "b", "a", "b", causes=causes, declared="in f")[0] == "pass"
    assert ending(reported, "b", "a", "b", causes=causes, declared="in g")[0] == "s: b: WARNING in f"
    missing = "s: a: expected splat /in f/ did not come"
    assert ending(reported, "a", "a", "b", causes=causes, declared="in f")[0] == missing
    # the verdict of its machine says so
    assert ending(reported, "a", "a", "b", causes=causes, declared="in f", is_first=True)[0] == "pass"


def test_a_case_that_the_kernel_has_is_reported_and_no_other_is() -> None:
    reported = suite(result("a"))
    lost = "s: b: the kernel has this case and did not report it"
    assert ending(reported, "b", "a", "b", named=("a", "b")) == (lost, [])
    # the list is of an earlier build
    assert ending(reported, "b", "a", "b", named=("a",)) == ("skip: s of this kernel has no b", [])
    stray = "s: the kernel reported cases that it does not have"
    assert ending(reported, "a", "a", named=("b",), is_first=True)[0] == stray
    assert ending(reported, "a", "a", named=("b",))[0] == "pass"
    gone = suite(result("test 2", Outcome.LOST), outcome=Outcome.LOST)
    assert ending(gone, "b", "a", "b", named=("a", "b"), is_first=True)[0] == "s: b: lost"


def test_first_test_answers_for_its_own_for_deaths_and_for_cases_without_a_test() -> None:
    mine, others = splat("WARNING in mine"), splat("WARNING in other+1")
    causes = {
        "a": (mine,),
        "b": (mine, others, splat("Oops", fatal=True), splat("BUG in f", Kind.OOPS)),
        "made": (splat("WARNING in made"),),
        "": (splat("WARNING in none"),),
    }
    heard = Heard(result=suite(result("a")), died=None, directory=Path("run"), causes=causes)
    (left,) = leave_to_others(Case(suite="s", name="a", listed=("a", "b")), heard)
    assert left.matches(others)
    assert not left.matches(mine)
    # the suite is one test
    assert leave_to_others(Case(suite="s", name="", listed=()), heard) == []
