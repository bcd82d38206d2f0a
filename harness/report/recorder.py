"""The recorder of a session: turns pytest's reports into cases and writes the results files.

Its methods are pytest hooks, and take reports by
their attributes; it knows nothing else about pytest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rustbed import runfiles
from rustbed.cache import write_atomically
from rustbed.report.accesses import load_served
from rustbed.report.cases import GOOD, RERUN, SUITE, Phase, case_of, flaky, lost_case, worse
from rustbed.report.dialects import parse_results
from rustbed.report.html import Entry, Session, render_page
from rustbed.report.junit import lost_session, render_junit, write_junit
from rustbed.report.known import KnownIssue, find_known, find_wrong
from rustbed.report.result import Result
from rustbed.report.rundir import kept

# exit statuses of pytest: all is well, some tests failed
_FINE, _FAILED = 0, 1
# exit statuses of an incomplete session: interrupted, internal error
_CUT_SHORT = (2, 3)
# bytes at the end of a console that the page shows
_TAIL = 24 << 10


@dataclass
class _Span:
    """When a test ran, in seconds since the epoch, and on which worker."""

    started: float
    ended: float
    worker: str


# pytest keeps plugins in sets, so they compare by identity
@dataclass(eq=False)
class Recorder:
    """Writes junit.xml and report.html: first those of a lost session, at the end the results."""

    directory: Path
    # kernel and profile that the user chose, one line
    asked: str = ""
    known: Sequence[KnownIssue] = ()
    # of the whole suite; sharding adds to it
    properties: dict[str, str] = field(default_factory=dict)
    _cases: dict[str, Result] = field(default_factory=dict)
    # by test: failed tries that another plugin ran again
    _tries: dict[str, list[Result]] = field(default_factory=dict)
    _started: list[str] = field(default_factory=list)
    _spans: dict[str, _Span] = field(default_factory=dict)
    _wrong: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Write the results of a lost session. Raises HostError if they cannot be written."""
        self.path = self.directory / runfiles.JUNIT
        self.page = self.directory / runfiles.PAGE
        self._begun = datetime.now(UTC)
        with kept(self.directory, fix="--results=DIR"):
            write_junit(self.path, lost_session(SUITE))

    def pytest_runtest_logreport(self, report: Phase) -> None:
        """Note the report of one phase; the gravest outcome counts."""
        self._clock(report)
        case = case_of(report)
        if getattr(report, "outcome", "") == RERUN:
            # another plugin runs the test again, with all its phases
            self._tries[report.nodeid] = [*self._tries.get(report.nodeid, ()), case]
            self._cases.pop(report.nodeid, None)
        elif report.when == "call" or report.failed or (report.when == "setup" and report.skipped):
            before = self._cases.get(report.nodeid)
            self._cases[report.nodeid] = case if before is None else worse(before, case)

    def _clock(self, report: Phase) -> None:
        """Note when a phase ran; reports of other plugins may lack that."""
        start, stop = getattr(report, "start", None), getattr(report, "stop", None)
        if start is None or stop is None:
            return
        span = self._spans.setdefault(
            report.nodeid, _Span(started=start, ended=stop, worker=getattr(report, "worker_id", ""))
        )
        span.started, span.ended = min(span.started, start), max(span.ended, stop)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test began, so that it is lost, not missing, if it never ends."""
        self._started.append(nodeid)

    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        """Write the real results; an error in the list of known issues is a failure.

        If they cannot be written, the session fails, and the terminal still shows them.
        """
        try:
            self._finish(session, exitstatus)
        except OSError as error:
            self._wrong = (*self._wrong, f"cannot write results to {self.directory}: {error.strerror}")
            session.exitstatus = exitstatus or _FAILED

    def _finish(self, session: Any, exitstatus: int) -> None:
        cases = {test: flaky(case, self._tries.get(test, ())) for test, case in self._cases.items()}
        for nodeid in self._started:
            cases.setdefault(nodeid, lost_case(nodeid))
        if exitstatus in _CUT_SHORT:
            cases[SUITE] = lost_case(f"::{SUITE} session")
        # a test may have child cases, which are written beside its own
        written = [(test, each) for test, case in cases.items() for each in _lines(case)]
        results = self._write([case for _, case in written])
        if self.known:
            today = datetime.now(UTC).date()
            known = [
                _with_known(case, find_known(result, self.known, today))
                for (_, case), result in zip(written, results, strict=True)
            ]
            results = self._write(known)
            wrong = find_wrong(self.known, results, today)
            self._wrong = tuple(f"known issues: {issue.file}:{issue.line}: {why}" for issue, why in wrong)
            if wrong and exitstatus == _FINE:
                session.exitstatus = _FAILED
        begun = min((span.started for span in self._spans.values()), default=0.0)
        entries = [
            self._entry(test, result, begun) for (test, _), result in zip(written, results, strict=True)
        ]
        page = Session(
            started=self._begun,
            asked=self.asked,
            entries=tuple(entries),
            wrong=self._wrong,
            coverage=runfiles.COVERAGE_PAGE if (self.directory / runfiles.COVERAGE_PAGE).is_file() else "",
        )
        write_atomically(self.page, render_page(page))

    def _write(self, cases: Sequence[Result]) -> list[Result]:
        """Write junit.xml, and return the results that its readers will see."""
        text = render_junit(SUITE, cases, started=self._begun, properties=tuple(self.properties.items()))
        write_junit(self.path, text)
        return parse_results([text.encode(errors="replace")], self.path)[0]

    def _entry(self, nodeid: str, result: Result, begun: float) -> Entry:
        """Return a test's line of the page, with times since `begun`, seconds since the epoch."""
        span = self._spans.get(nodeid)
        return Entry(
            result=result,
            started=span.started - begun if span else None,
            ended=span.ended - begun if span else None,
            worker=span.worker if span else "",
            served=load_served(self.directory, run)
            if (run := result.properties.get("run_directory"))
            else (),
            console=self._read_tail(result) if result.outcome not in GOOD else "",
        )

    def _read_tail(self, result: Result) -> str:
        """Return the end of the console of a test's first machine, "" if it has none."""
        path = self.directory / result.properties.get("run_directory", "") / runfiles.CONSOLE
        try:
            with path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print how often red tests were red again, known issues, and where the files are."""
        for nodeid, case in self._cases.items():
            told = case.properties.get("confirmed")
            if told:
                terminalreporter.write_line(f"rustbed: {nodeid}: {told}")
            if case.outcome in GOOD and (tries := self._tries.get(nodeid)):
                again = f"flaky, red {len(tries)} of {len(tries) + 1}: {tries[0].message}"
                terminalreporter.write_line(f"rustbed: {nodeid}: {again}")
        for line in self._wrong:
            terminalreporter.write_line(f"rustbed: {line}")
        if self._cases:
            terminalreporter.write_line(f"rustbed: results in {self.directory}")


def _lines(case: Result) -> tuple[Result, ...]:
    """Return the entries of a test in the results file: its own, and those of its children."""
    return (replace(case, children=()), *case.children)


def _with_known(case: Result, issues: Sequence[KnownIssue]) -> Result:
    if not issues:
        return case
    told = f"{issues[0].reason}, {issues[0].link}"
    return replace(case, properties={**case.properties, "known_issue": told})
