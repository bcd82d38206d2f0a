"""A test runner's report of one phase to a case of the results file.

Owns what pytest's words mean to whoever reads junit.xml. Takes reports by
their attributes, so that it can be tested without a runner.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from harness.report.junit import Case
from harness.report.verdict import Outcome

# name of the suite, and of what belongs to no test
SUITE = "rustbed"
# user property that carries a verdict's facts, as JSON, from a worker to the process that writes the files
FACTS = "rustbed"


class Phase(Protocol):
    """The report of a test's setup, call or teardown, as pytest makes it."""

    @property
    def nodeid(self) -> str:
        """The test's id."""

    @property
    def when(self) -> str | None:
        """setup, call or teardown."""

    @property
    def passed(self) -> bool:
        """Whether the phase passed."""

    @property
    def failed(self) -> bool:
        """Whether it failed."""

    @property
    def skipped(self) -> bool:
        """Whether it was skipped, or failed as expected."""

    @property
    def duration(self) -> float:
        """Seconds it took."""

    @property
    def longrepr(self) -> Any:
        """What went wrong, in pytest's own form."""

    @property
    def user_properties(self) -> Sequence[tuple[str, object]]:
        """What the run attached."""

    @property
    def longreprtext(self) -> str:
        """The failure as text."""


def _named(nodeid: str) -> dict[str, Any]:
    file, _, rest = nodeid.partition("::")
    return {"name": rest, "classname": file.removesuffix(".py").replace("/", ".") or SUITE, "file": file}


def lost_case(nodeid: str) -> Case:
    """Return the case of a test, or of a session, that began and never ended."""
    return Case(**_named(nodeid), outcome=Outcome.LOST, message="interrupted before it ended")


def case_of(report: Phase) -> Case:
    """Return the case that a report makes."""
    carried = [json.loads(str(value)) for name, value in report.user_properties if name == FACTS]
    facts: dict[str, Any] = carried[-1] if carried else {}
    return Case(
        **_named(report.nodeid),
        seconds=report.duration,
        outcome=_reported(report, facts),
        message=_message(report, facts),
        details=report.longreprtext if report.failed else "",
        properties=tuple((name, value) for name, value in facts.get("properties", [])),
        system_out=facts.get("log", ""),
    )


def _reported(report: Phase, facts: dict[str, Any]) -> Outcome:
    """Return the outcome for the files: pytest decides between pass and not, the verdict says how."""
    if hasattr(report, "wasxfail") and report.skipped:
        return Outcome.XFAIL
    if report.skipped:
        return Outcome.SKIP
    if report.passed:
        return Outcome.PASS
    judged = Outcome(facts["outcome"]) if facts else Outcome.PASS
    if judged in (Outcome.CRASH, Outcome.HANG, Outcome.LOST, Outcome.FAIL):
        return judged
    return Outcome.FAIL if report.when == "call" else Outcome.ERROR


def _message(report: Phase, facts: dict[str, Any]) -> str:
    if reason := getattr(report, "wasxfail", ""):
        return str(reason)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        return str(facts.get("reason") or (crash.message if crash else report.longreprtext[-200:]))
    return ""
