"""Reports of a test runner to cases of the results file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rustbed.log import ktap
from rustbed.log.ktap import Result
from rustbed.report.cases import FACTS, case_of, facts_of, flaky, lost_case
from rustbed.report.verdict import MachineReport, Outcome, Verdict


@dataclass
class Report:
    when: str = "call"
    passed: bool = False
    failed: bool = False
    skipped: bool = False
    nodeid: str = "tests/drivers/test_x.py::test_y[arm64]"
    duration: float = 1.5
    longrepr: Any = None
    longreprtext: str = ""
    user_properties: list[tuple[str, object]] = field(default_factory=list)
    sections: list[tuple[str, str]] = field(default_factory=list)


def judged(outcome: str, **facts: object) -> list[tuple[str, object]]:
    return [(FACTS, json.dumps({"outcome": outcome, "reason": "because", **facts}))]


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (Report(passed=True), Outcome.PASS),
        (Report(skipped=True, longrepr=("f", 1, "Skipped: not here")), Outcome.SKIP),
        (Report(failed=True), Outcome.FAIL),
        (Report(failed=True, when="setup"), Outcome.ERROR),
        (Report(failed=True, when="teardown"), Outcome.ERROR),
        (Report(failed=True, user_properties=judged("crash")), Outcome.CRASH),
        (Report(failed=True, user_properties=judged("hang")), Outcome.HANG),
        (Report(failed=True, when="setup", user_properties=judged("lost")), Outcome.LOST),
        # pytest found fault with it afterwards, as with a strict xfail that passed
        (Report(failed=True, user_properties=judged("pass")), Outcome.FAIL),
    ],
)
def test_pytest_says_whether_and_the_verdict_says_how(report: Report, outcome: Outcome) -> None:
    assert case_of(report).outcome == outcome


def test_a_skip_gives_its_reason_and_no_more() -> None:
    assert case_of(Report(skipped=True, longrepr=("f", 1, "Skipped: not here"))).message == "not here"


def test_an_error_of_ours_is_headed_by_its_first_line() -> None:
    told = "BuildError: make ended with status 2\n  first_error  expected `;`\n  repeat       make -C '1970'"
    case = case_of(Report(failed=True, when="setup", longrepr=told, longreprtext=told))
    assert case.message == "BuildError: make ended with status 2"


def test_modules_that_were_built_for_a_test_are_a_property_once_each() -> None:
    built: list[tuple[str, object]] = [("rustbed-built", name) for name in ("toy", "helper", "toy")]
    assert case_of(Report(passed=True, user_properties=built)).properties == {"built": "toy helper"}


@pytest.mark.parametrize(
    ("when", "properties"),
    [("setup", {"phase": "setup"}), ("call", {}), ("teardown", {"phase": "teardown"})],
)
def test_what_failed_beside_the_test_says_where(when: str, properties: dict[str, str]) -> None:
    assert case_of(Report(failed=True, when=when)).properties == properties


def test_expected_failure_is_no_skip() -> None:
    report = Report(skipped=True)
    report.wasxfail = "known"  # type: ignore[attr-defined]
    assert (case_of(report).outcome, case_of(report).message) == (Outcome.XFAIL, "known")


def test_details_hold_what_the_machine_says_once() -> None:
    facts = judged("fail", explained="FAIL: splat")
    assert case_of(Report(failed=True, longreprtext="assert", user_properties=facts)).details == (
        "assert\n\nFAIL: splat"
    )
    told = "because\nFAIL: splat"
    assert case_of(Report(failed=True, longreprtext=told, user_properties=facts)).details == told
    assert case_of(Report(failed=True, longreprtext="assert")).details == "assert"


def test_only_what_was_tried_again_is_flaky() -> None:
    green, red = case_of(Report(passed=True)), case_of(Report(failed=True, longreprtext="assert"))
    assert flaky(green, ()) == green
    assert flaky(green, [red]).properties["flaky"] == "red 1 of 2"
    assert "flaky" not in flaky(red, [red]).properties


@pytest.mark.parametrize(("when", "shown"), [("call", ["made", "said"]), ("teardown", ["gone"])])
def test_details_hold_what_the_test_printed_until_it_failed(when: str, shown: list[str]) -> None:
    said = [
        ("Captured stdout setup", "made\n"),
        ("Captured stdout call", "said\n"),
        ("Captured log call", ""),
    ]
    said += [("Captured machine call", "FAIL: x"), ("Captured stderr teardown", "gone")]
    report = Report(when=when, failed=True, longreprtext="assert", sections=said)
    report.user_properties = judged("fail", explained="FAIL: x")
    details = case_of(report).details
    assert [word for word in ("made", "said", "gone") if word in details] == shown
    assert details.count("FAIL: x") == 1
    assert "log call" not in details


def test_case_is_named_by_file_and_test_and_carries_the_facts() -> None:
    properties = judged("fail", properties=[["arch", "arm64"]], log="[ 1.0] text")
    case = case_of(Report(failed=True, user_properties=properties))
    assert (case.file, case.classname) == ("tests/drivers/test_x.py", "tests.drivers.test_x")
    assert (case.label, case.seconds, case.message) == ("test_y[arm64]", 1.5, "because")
    assert (case.name, case.arch) == ("test_y", "arm64")
    assert (case.properties, case.system_out) == ({"arch": "arm64"}, "[ 1.0] text")


def test_what_never_ended_is_lost() -> None:
    assert lost_case("a.py::test_b").outcome == Outcome.LOST
    assert lost_case("::session").classname == "rustbed"


def test_tests_that_ran_in_a_machine_travel_as_cases_of_the_test() -> None:
    leaf = Result(name="retain", outcome=ktap.Outcome.FAIL, seconds=0.25, source="rust/kvec.rs:9")
    suite = Result(name="rust_kvec", outcome=ktap.Outcome.FAIL, children=(leaf,))
    machine = MachineReport(
        arch="arm64",
        release="7.3.4",
        accel="tcg",
        boot_ms=1.0,
        records=(),
        splats=(),
        taints=(),
        ended=None,
        reason="",
        run_dir=Path("run"),
        reported=(suite,),
    )
    verdict = Verdict(outcome=Outcome.FAIL, reason="because")
    report = Report(failed=True, user_properties=[facts_of(verdict, [machine], Path("run"), "", "")])
    (child,) = case_of(report).children
    assert (child.classname, child.label, child.outcome, child.seconds, child.file) == (
        "rust_kvec",
        "retain[arm64]",
        Outcome.FAIL,
        0.25,
        "rust/kvec.rs",
    )
    assert child.properties == {"arch": "arm64", "source": "rust/kvec.rs:9", "kunit": "rust_kvec"}
