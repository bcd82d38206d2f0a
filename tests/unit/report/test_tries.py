"""What pytest-rerunfailures has pytest write: one result for each test, red if it was run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.report.dialects import parse_results
from rustbed.report.verdict import Outcome

PASSED = '<testcase classname="t.x" name="{}"/>'
FAILED = '<testcase classname="t.x" name="{}"><failure message="assert 0">E</failure></testcase>'
STEADY = PASSED.format("steady")


def read(*cases: str, suite: str = "pytest") -> list[tuple[str, Outcome, str]]:
    text = f'<testsuites><testsuite name="{suite}">{"".join(cases)}</testsuite></testsuites>'
    results, _ = parse_results([text.encode()], Path("r.xml"))
    return [(result.name, result.outcome, result.message) for result in results]


@pytest.mark.parametrize(
    ("tries", "message"),
    [
        pytest.param([PASSED, PASSED, FAILED], "assert 0", id="never"),
        pytest.param([PASSED, PASSED], "red 1 of 2: it was run again until it passed", id="second"),
        # a failure of a subtest stays where it was
        pytest.param([FAILED, PASSED], "assert 0", id="subtest"),
    ],
)
def test_a_test_that_was_run_again_is_one_red_result(tries: list[str], message: str) -> None:
    assert read(STEADY, *(each.format("again") for each in tries)) == [
        ("steady", Outcome.PASS, ""),
        ("again", Outcome.FAIL, message),
    ]


def test_tries_need_not_stand_side_by_side() -> None:
    again = PASSED.format("again")
    assert [outcome for _, outcome, _ in read(again, STEADY, again)] == [Outcome.FAIL, Outcome.PASS]


def test_tests_on_several_workers_are_no_tries() -> None:
    both = [STEADY, FAILED.format("other"), STEADY, PASSED.format("other")]
    assert [outcome for _, outcome, _ in read(*both)] == [
        Outcome.PASS,
        Outcome.FAIL,
        Outcome.PASS,
        Outcome.PASS,
    ]


def test_other_producers_may_write_a_name_twice() -> None:
    assert [outcome for _, outcome, _ in read(STEADY, STEADY, suite="xfstests")] == [Outcome.PASS] * 2


def test_suites_that_were_merged_are_apart() -> None:
    suite = f'<testsuite name="pytest">{STEADY}</testsuite>'
    results, _ = parse_results([f"<testsuites>{suite * 2}</testsuites>".encode()], Path("r.xml"))
    assert [result.outcome for result in results] == [Outcome.PASS, Outcome.PASS]
