"""KTAP as cases: each innermost test is one, and no failure is lost."""

from __future__ import annotations

from rustbed.log.ktap import parse_ktap
from rustbed.report.ktap import cases_of
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

REPORT = """\
KTAP version 1
1..2
  KTAP version 1
  # Subtest: list
  1..2
  # pop: EXPECTATION FAILED at list.rs:41
  not ok 1 pop
  ok 2 push # SKIP no memory
not ok 1 list
ok 2 alone
""".splitlines()


def written(lines: list[str]) -> list[Result]:
    return [each for case in cases_of(parse_ktap(lines).children, "k") for each in case.written()]


def test_names_outcomes_and_messages() -> None:
    told = [(case.classname, case.name, case.outcome, case.message) for case in written(REPORT)]
    assert told == [
        ("list", "pop", Outcome.FAIL, "pop: EXPECTATION FAILED at list.rs:41"),
        ("list", "push", Outcome.SKIP, "no memory"),
        ("k", "alone", Outcome.PASS, ""),
    ]


def test_a_suite_that_fails_by_itself_is_a_case() -> None:
    """As when its exit function fails after all of its tests passed."""
    lines = [line.replace("not ok 1 pop", "ok 1 pop") for line in REPORT]
    red = [(case.classname, case.name) for case in written(lines) if case.outcome is Outcome.FAIL]
    assert red == [("k", "list")]
