"""The recorder of a session: gathers a runner's reports into cases and writes the results files.

Its methods are named after the events of pytest that it hears, which it
takes by their attributes; it knows nothing else of pytest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.report.cases import GOOD, SUITE, Phase, case_of, lost_case
from harness.report.junit import Case, lost_session, render_junit, write_junit

# exit statuses of pytest after which nobody knows what else would have happened: interrupted, internal error
_CUT_SHORT = (2, 3)


class Recorder:
    """Writes junit.xml: lost at first, what happened at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "junit.xml"
        self._cases: dict[str, Case] = {}
        self._started: list[str] = []
        write_junit(self.path, lost_session(SUITE))

    def pytest_runtest_logreport(self, report: Phase) -> None:
        """Take the report of one phase; the first that is red stands, whatever comes after it."""
        if report.when != "call" and report.passed:
            return
        before = self._cases.get(report.nodeid)
        if before is None or before.outcome in GOOD:
            self._cases[report.nodeid] = case_of(report)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Remember that a test began: one that never ends is lost, not absent."""
        self._started.append(nodeid)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Replace the lost document by the real one."""
        lost = [lost_case(nodeid) for nodeid in self._started if nodeid not in self._cases]
        if exitstatus in _CUT_SHORT:
            lost.append(lost_case(f"::{SUITE} session"))
        write_junit(self.path, render_junit(SUITE, [*self._cases.values(), *lost]))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say how often red tests were red again, and where the files are."""
        for nodeid, case in self._cases.items():
            if told := dict(case.properties).get("confirmed"):
                terminalreporter.write_line(f"rustbed: {nodeid}: {told}")
        if self._cases:
            terminalreporter.write_line(f"rustbed: results in {self.directory}")
