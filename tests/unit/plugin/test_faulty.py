"""What becomes of a walk over faults: one that tells nothing of the driver is not green."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rustbed.plugin.faulty import Summary, render_walk
from rustbed.report.verdict import Outcome

PLANNED = {"test": "t.py::test_a", "accesses": 3, "repeated": 0, "faults": 2}


@dataclass
class Report:
    """The last phase of a run."""

    user_properties: list[tuple[str, object]] = field(default_factory=list)


def told(outcome: Outcome, test: str = "t.py::test_a") -> Report:
    facts = {"test": test, "fault": "gone@1", "outcome": outcome, "reason": "because"}
    return Report([("rustbed-fault", json.dumps(facts))])


def planned(test: str = "t.py::test_a") -> Report:
    return Report([("rustbed-faults", json.dumps({**PLANNED, "test": test}))])


def status(*reports: Report, exitstatus: int = 0) -> int:
    """Return the exit status of a session that would have ended with another."""
    summary = Summary()
    for report in reports:
        summary.pytest_runtest_logreport(cast(pytest.TestReport, report))
    config = SimpleNamespace(getoption=lambda *_: None)
    session = cast(Any, SimpleNamespace(exitstatus=exitstatus, config=config))
    summary.pytest_sessionfinish(session, exitstatus)
    return int(session.exitstatus)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], 4),
        ([planned()], 4),
        ([planned(), told(Outcome.SKIP), told(Outcome.SKIP)], 4),
        ([planned(), told(Outcome.SKIP), told(Outcome.PASS)], 0),
        ([planned(), told(Outcome.PASS), planned("b"), told(Outcome.SKIP, "b")], 4),
        ([planned(), told(Outcome.PASS), planned("b"), told(Outcome.PASS, "b")], 0),
    ],
)
def test_session_is_green_only_if_every_walk_came_to_a_fault(reports: list[Report], expected: int) -> None:
    assert status(*reports) == expected


def test_red_session_stays_red() -> None:
    assert status(planned(), told(Outcome.SKIP), exitstatus=1) == 1


@pytest.mark.parametrize(
    ("outcomes", "line"),
    [
        ([], "faults: 0: none tried; nothing is known of the driver"),
        ([Outcome.SKIP], "faults: 1: 1 not reached; nothing is known of the driver"),
        ([Outcome.SKIP, Outcome.PASS], "faults: 2: 1 survived, 1 not reached"),
        ([Outcome.ERROR], "faults: 1: 1 error"),
    ],
)
def test_walk_says_when_it_tells_nothing(outcomes: list[Outcome], line: str) -> None:
    met = [("gone@1", str(outcome), "because") for outcome in outcomes]
    assert next(render_walk(PLANNED, met)) == f"t.py::test_a: accesses: 3; {line}"
